"""How updates come: Telegram calls our door, and we see to it that it does; or we ask for them ourselves.

Which of the two says TELEGRAM_MODE. A token has one receiver: whoever else sets a webhook with it takes our updates away, so
ours is set again once, and after that a person is told instead of fighting for it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from telegram import WebhookInfo

from connectors.telegram import limits, settings
from connectors.telegram.client import Client, connect
from connectors.telegram.receive import from_update
from kernel.errors import Misconfigured
from kernel.extension import Connection, Deliver, Received
from kernel.http import is_local
from kernel.values import to_micros

WEBHOOK = "webhook"  #: in the vault: what we set, and when
HOUR_MICROS = 3_600_000_000
STOLEN = (
    "TELEGRAM_TOKEN is used by somebody else: the webhook was set again and is {theirs} once more. End the other "
    "program, or give this connection a bot of its own"
)


def listen(connection: Connection, deliver: Deliver) -> None:
    read = settings.read(connection.settings)
    client = connect(connection)
    client.me()
    if read.mode == "polling":
        poll(client, connection, deliver)
    else:
        keep_webhook(client, connection, deliver)


def poll(client: Client, connection: Connection, deliver: Deliver) -> None:
    """The next request says which updates are stored, so what is lost before the table comes again."""
    client.call(client.bot.delete_webhook(drop_pending_updates=False), writes=True)
    connection.vault.drop(WEBHOOK)
    offset, connected = 0, False
    while not deliver.stopped.is_set():
        raw = client.updates(offset, limits.POLL_SECONDS if connected else 0)
        if not connected:
            deliver.connected()
            connected = True
        messages = [
            one for update in raw for one in from_update(update, json.dumps(update), client.bot_id, connection)
        ]  # fmt: skip
        deliver(Received(messages=tuple(messages)))
        offset = max([offset, *(one["update_id"] + 1 for one in raw if _numbered(one))])


def _numbered(update: Any) -> bool:
    return isinstance(update, dict) and isinstance(update.get("update_id"), int)


def keep_webhook(client: Client, connection: Connection, deliver: Deliver) -> None:
    ours = address(connection)
    secret, connected = settings.read(connection.settings).hook_secret, False
    while not deliver.stopped.is_set():
        info = client.call(client.bot.get_webhook_info())
        if not _as_wanted(info, ours, secret, connection):
            _set(client, connection, ours, secret, info.url)
        if not connected:
            deliver.connected()
            connected = True
        deliver.stopped.wait(limits.WATCH_SECONDS)


def address(connection: Connection) -> str:
    """Where Telegram reaches our door. Raises Misconfigured where it could not."""
    public = connection.public_url
    if urlsplit(public).scheme != "https" and not is_local(public):
        raise Misconfigured(
            "ANNEX_PUBLIC_URL must begin with https:// for TELEGRAM_MODE = webhook; a desk without a public address has "
            "TELEGRAM_MODE = polling"
        )
    return f"{public}/hooks/{connection.full_name}"


def _as_wanted(info: WebhookInfo, ours: str, secret: str, connection: Connection) -> bool:
    known = connection.vault.get(WEBHOOK) or {}
    return (
        info.url == ours and set(info.allowed_updates or ()) == set(limits.ALLOWED_UPDATES)
        and known.get("mark") == _mark(ours, secret)
    )  # fmt: skip


def _set(client: Client, connection: Connection, ours: str, secret: str, theirs: str) -> None:
    """Set it, unless that was done often enough of late for the same reason. Raises Misconfigured."""
    known = connection.vault.get(WEBHOOK) or {}
    mark, now = _mark(ours, secret), to_micros(connection.clock.now())
    recent = [at for at in known.get("set_at", ()) if now - at < HOUR_MICROS] if known.get("mark") == mark else []
    if len(recent) >= limits.SETS_PER_HOUR_MAX:
        raise Misconfigured(STOLEN.format(theirs="gone" if not theirs else f"at {urlsplit(theirs).hostname}"))
    client.call(client.bot.set_webhook(ours, secret_token=secret, allowed_updates=list(limits.ALLOWED_UPDATES)), writes=True)
    connection.vault.put(WEBHOOK, {"mark": mark, "set_at": [*recent, now]})


def _mark(ours: str, secret: str) -> str:
    """Changes with the address and the secret: then it is set anew, whatever was before."""
    return hashlib.sha256(f"{ours}\n{secret}".encode()).hexdigest()
