"""Its door: is it really Telegram, and what happened. One update that cannot be read must not hold up its chat for a day, so
whatever is proven is kept and answered with 200: as what it is, or as a note that holds it whole."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from telegram import Update

from connectors.telegram import settings, updates
from connectors.telegram.client import known
from connectors.telegram.reading import NUMBER_MAX
from kernel.conversations import Incoming
from kernel.extension import Connection, Delivery, NotProven, Received, Reply
from kernel.telemetry import log

HEADER = "x-telegram-bot-api-secret-token"
HEARD = Reply(b"")
UNREADABLE = "other"
UNKNOWN_ADDRESS = "?"  #: of a note whose chat cannot be made out


def receive(delivery: Delivery, connection: Connection) -> Received:
    read = settings.read(connection.settings)
    given = delivery.headers.get(HEADER, "")
    if not given:
        raise NotProven(f"{HEADER} is missing", status=401)
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), read.hook_secret.encode()):
        raise NotProven(f"{HEADER} is wrong")
    return Received(messages=from_body(delivery.body, read.bot_id, connection), reply=HEARD)


def from_body(body: bytes, bot_id: int, connection: Connection) -> tuple[Incoming, ...]:
    text = body.decode("utf-8", "surrogateescape")
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raw = None
    return from_update(raw, text, bot_id, connection)


def from_update(raw: Any, text: str, bot_id: int, connection: Connection) -> tuple[Incoming, ...]:
    """Never raises: what cannot be read is kept aside."""
    about = known(connection.vault)
    try:
        if not isinstance(raw, dict):
            raise TypeError("an update is an object")
        update = Update.de_json(raw, None)
        found = updates.read(update, updates.Us(bot_id, str(about.get("username", "")), about.get("reads_all") is True))
    except Exception as exc:  # strangers choose what stands in it, and the library raises what it likes
        log.warning("telegram.unreadable", connection=connection.full_name, error=type(exc).__name__)
        return (kept_aside(raw, text, bot_id),)
    return (kept_aside(raw, text, bot_id),) if found is None else found


def kept_aside(raw: Any, text: str, bot_id: int) -> Incoming:
    """An update that nobody understands, whole, as a note."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    update_id = raw.get("update_id") if isinstance(raw, dict) else None
    return Incoming(
        vendor_id=f"u{update_id if _is_id(update_id) else ''}:{digest}", address=_address(raw), account=str(bot_id),
        kind="note", details={"what": UNREADABLE, "text": text},
    )  # fmt: skip


def _address(raw: Any) -> str:
    """The chat's number where it stands in the usual place."""
    for part in raw.values() if isinstance(raw, dict) else ():
        for chat in (part.get("chat"), (part.get("message") or {})) if isinstance(part, dict) else ():
            if isinstance(chat, dict) and "chat" in chat:
                chat = chat["chat"]
            if isinstance(chat, dict) and _is_id(chat.get("id")):
                return str(chat["id"])
    return UNKNOWN_ADDRESS


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < NUMBER_MAX
