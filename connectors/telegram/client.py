"""Calls of the Bot API: the library's methods, run through our gate, with our errors."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from telegram import Bot, User
from telegram.error import TelegramError

from connectors.telegram import errors, limits, settings
from connectors.telegram.request import GateRequest, RawUpdates, drive
from kernel.clock import Clock
from kernel.errors import Misconfigured, NotFound, Rejected
from kernel.extension import Connection
from kernel.http import HttpClient, Vault

T = TypeVar("T")
BOT = "bot"  #: in the vault: what is known of our bot


class Client:
    """One bot."""

    def __init__(self, http: HttpClient, read: settings.Settings, vault: Vault, clock: Clock) -> None:
        self._http, self._vault, self._clock = http, vault, clock
        self._token, self.bot_id = read.token, read.bot_id
        self._updates = RawUpdates(http)
        self._refused_at: float | None = None
        self.bot = Bot(
            read.token, base_url=f"{read.url}/bot", base_file_url=f"{read.url}/file/bot", request=GateRequest(http),
            get_updates_request=self._updates,
        )  # fmt: skip

    def call(self, coroutine: Coroutine[Any, Any, T], *, writes: bool = False) -> T:
        """Its result. Raises the tree under Fault, or Misconfigured where the token is refused: then nothing is asked for a
        minute."""
        if self._refused_at is not None and self._clock.monotonic() - self._refused_at < limits.REFUSED_SECONDS:
            coroutine.close()
            raise Misconfigured(errors.ALIEN)
        try:
            result = drive(coroutine)
        except TelegramError as exc:
            found = errors.ours(exc, writes=writes)
            if isinstance(found, Misconfigured) and str(found) == errors.ALIEN:
                self._refused_at = self._clock.monotonic()
            raise found from None
        self._refused_at = None
        return result

    def me(self) -> User:
        """Who we are; kept for those who must not ask (`known`)."""
        found = self.call(self.bot.get_me())
        about = {"username": found.username or "", "reads_all": bool(found.can_read_all_group_messages)}
        if known(self._vault) != about:
            self._vault.put(BOT, about)
        return found

    def updates(self, offset: int, seconds: int) -> list[Any]:
        """Undecoded, as they came."""
        allowed = list(limits.ALLOWED_UPDATES)
        self.call(self.bot.get_updates(offset=offset, timeout=seconds, allowed_updates=allowed))
        return self._updates.taken()

    def download(self, file_id: str, into: Path, bytes_max: int) -> None:
        """Raises Rejected where it is too large for that, or for a bot."""
        try:
            found = self.call(self.bot.get_file(file_id))
        except Rejected as exc:
            if errors.says(exc, errors.TOO_BIG):
                raise Rejected(TOO_LARGE, vendor_code="400") from None
            raise
        address = (found.file_path or "").partition(f"/file/bot{self._token}/")[2]
        if not address:
            raise NotFound("telegram: the file is there no more")
        if (found.file_size or 0) > bytes_max:
            raise Rejected(f"telegram: the file has {found.file_size} bytes, {bytes_max} may be fetched")
        answer = self._http.download(
            "GET", f"file/bot{self._token}/{quote(address)}", into, bytes_max=min(bytes_max, limits.DOWNLOAD_BYTES_MAX),
            timeout=limits.UPLOAD_TIMEOUT_SECONDS, about="file",
        )  # fmt: skip
        if answer.status == 404:
            raise NotFound("telegram: the file is there no more")
        fault = errors.by_status(answer, "file", writes=False)
        if fault is not None:
            raise fault
        if answer.status >= 300:
            raise Rejected(f"telegram: the file is refused, HTTP {answer.status}", vendor_code=str(answer.status))


TOO_LARGE = f"telegram: a bot cannot download files over {limits.DOWNLOAD_BYTES_MAX // 1024**2} MB"


def connect(connection: Connection) -> Client:
    """Raises Misconfigured."""
    read = settings.read(connection.settings)
    http = connection.http(read.url, rate_limit=limits.WHOLE_BOT, window=limits.WHOLE_BOT_WINDOW)
    return Client(http, read, connection.vault, connection.clock)


def known(vault: Vault) -> dict[str, Any]:
    """What was learnt of our bot when it was last asked: its name, and whether it reads all of every group."""
    try:
        return vault.get(BOT) or {}
    except Misconfigured:
        return {}
