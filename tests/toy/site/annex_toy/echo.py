"""Answers every message with what it says, and notes which answers came through."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from kernel.conversations import Incoming, Outgoing
from kernel.errors import BadInput
from kernel.extension import Plugin
from kernel.extension.portal import Unit


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    chat: str = ""  #: the connection whose messages are answered


def on_message(unit: Unit, message: Incoming) -> None:
    if message.text == "unreadable":
        raise BadInput("nobody can read this", field="text")
    reply = Outgoing(message.address, f"echo: {message.text}", account=message.account)
    unit.send(
        unit.connection, reply, key=f"echo:{message.vendor_id}", done="toyecho.sent", context={"of": message.vendor_id}
    )


def sent(unit: Unit, payload: Mapping[str, Any], result: str) -> None:
    unit.tx.run("INSERT INTO toyecho_sent VALUES (:of, :r)", of=payload["context"]["of"], r=result)


plugin = Plugin(
    name="toyecho",
    title="Echo",
    settings=Settings,
    connects={"chat": "channel"},
    on_message=on_message,
    done={"toyecho.sent": sent},
    migrations=Path(__file__).parent / "migrations",
)
