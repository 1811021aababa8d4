"""What an outgoing call may do with Telegram."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kernel.extension import Connection, Verb
from kernel.extension.channel_verbs import sends
from kernel.jobs.outgoing import Call

if TYPE_CHECKING:
    from connectors.telegram.channel import TelegramChannel


def _leave(connection: Connection, call: Call, _maybe_done: bool) -> str:
    _channel(connection).leave(str(call.payload["address"]))
    return ""


def _answer_press(connection: Connection, call: Call, _maybe_done: bool) -> str:
    _channel(connection).answer_press(str(call.payload["press_id"]), str(call.payload.get("text") or ""))
    return ""


def _channel(connection: Connection) -> TelegramChannel:
    return cast("TelegramChannel", connection.channel)


VERBS = {**sends("lookup"), "leave": Verb(_leave, "safe"), "answer_press": Verb(_answer_press, "safe")}
