"""What is wrong with settings, token, webhook and reachability: one line each, in the words of who can fix it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from telegram import WebhookInfo

from connectors.telegram import errors, limits, settings
from connectors.telegram.client import Client, connect
from connectors.telegram.listen import address
from kernel import texts
from kernel.errors import AnnexError, Misconfigured, Throttled, Unreachable
from kernel.extension import Connection
from kernel.settings import SECRET_COMMAND

texts.add_folder(Path(__file__).parent / "locale")
ERROR_AGE_MAX = timedelta(hours=1)  #: of what Telegram last had to say about our door


class Words(Protocol):
    """A text by its code, in the set's language."""

    def __call__(self, code: str, /, **values: object) -> str: ...


def doctor(connection: Connection) -> Iterator[str]:
    translate: Words = partial(texts.translate, connection.mapping.portal.language)
    try:
        read = settings.read(connection.settings)
    except Misconfigured as exc:
        yield _unread(connection, exc, translate)
        return
    if len(read.hook_secret) < limits.HOOK_SECRET_CHARACTERS_MIN:
        yield translate("telegram_doctor_short", least=limits.HOOK_SECRET_CHARACTERS_MIN, how=SECRET_COMMAND)
    client = connect(connection)
    try:
        yield from _bot(client, translate)
        yield from _webhook(client, connection, read.mode, translate)
    except AnnexError as exc:
        yield explained(exc, translate)


def _unread(connection: Connection, exc: Misconfigured, translate: Words) -> str:
    mode = connection.settings.get("TELEGRAM_MODE", "").strip()
    if mode and mode not in settings.MODES:
        return translate("telegram_doctor_mode", mode=mode)
    if not connection.settings.get("TELEGRAM_TOKEN", "").strip():
        return translate("telegram_doctor_no_token")
    if not connection.settings.get("TELEGRAM_HOOK_SECRET", "").strip():
        return translate("telegram_doctor_no_secret", how=SECRET_COMMAND)
    return str(exc)


def explained(exc: AnnexError, translate: Words) -> str:
    """An error of the first calls, as what to do about it."""
    if isinstance(exc, Misconfigured):
        return translate("telegram_doctor_token" if str(exc) == errors.ALIEN else "telegram_doctor_url", text=exc)
    if isinstance(exc, Throttled):
        return translate("telegram_doctor_throttled", seconds=f"{exc.wait_seconds:g}")
    code = "telegram_doctor_unreachable" if isinstance(exc, Unreachable) else "telegram_doctor_refused"
    return translate(code, text=exc)


def _bot(client: Client, translate: Words) -> Iterator[str]:
    me = client.me()
    if not me.can_read_all_group_messages:
        yield translate("telegram_doctor_privacy", name=me.username)
    if me.can_join_groups is False:
        yield translate("telegram_doctor_groups", name=me.username)


def _webhook(client: Client, connection: Connection, mode: str, translate: Words) -> Iterator[str]:
    ours = ""
    if mode == "webhook":
        try:
            ours = address(connection)
        except Misconfigured:
            yield translate("telegram_doctor_public_url")
            return
    info = client.call(client.bot.get_webhook_info())
    if info.url != ours:
        if not info.url:
            yield translate("telegram_doctor_no_webhook")
        else:
            yield translate("telegram_doctor_webhook_theirs", host=urlsplit(info.url).hostname)
    elif ours:
        yield from _trouble(info, connection, translate)


def _trouble(info: WebhookInfo, connection: Connection, translate: Words) -> Iterator[str]:
    last = info.last_error_date
    if info.last_error_message and last is not None and connection.clock.now() - last < ERROR_AGE_MAX:
        yield translate("telegram_doctor_webhook_error", text=info.last_error_message, at=f"{last:%H:%M} UTC")
    if info.pending_update_count >= limits.PENDING_MANY:
        yield translate("telegram_doctor_pending", count=info.pending_update_count)
