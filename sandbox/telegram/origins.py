"""Where a forwarded message comes from, as `forward_origin` says it."""

from __future__ import annotations

from typing import Any

from sandbox.telegram import show
from sandbox.telegram.model import Message


def of(message: Message, hidden: bool = False) -> dict[str, Any]:
    """`hidden`: the author lets nobody see who they are."""
    if message.origin:
        return message.origin
    if hidden:
        return {"type": "hidden_user", "date": message.date, "sender_user_name": message.sender.name}
    return {"type": "user", "date": message.date, "sender_user": show.user(message.sender)}
