"""A message as a channel brings it, one as it takes it, and what any channel can do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class FileRef:
    """A file that came with a message and still lies with the vendor; `vendor_id` is how to fetch it."""

    vendor_id: str
    name: str = ""
    media_type: str = ""
    size_bytes: int | None = None  #: as the vendor says


@dataclass(frozen=True)
class Incoming:
    """What somebody wrote to us. Content that cannot be read again, so all of it stands here.

    A message is the same one if connection, account and `vendor_id` are. A change of an earlier message is one of its own:
    it has a `vendor_id` of its own and names the earlier one in `edits`.
    """

    vendor_id: str
    address: str  #: whom we answer: chat, phone, mail address, as the vendor calls it
    text: str = ""
    account: str = ""  #: which of our accounts got it, where a connection has several: bot, line, number
    author: str = ""  #: the vendor's id of the writer, where it is not the address
    author_name: str = ""
    at: datetime | None = None  #: when it was written, as the vendor says
    reply_to: str = ""  #: vendor id of the message it answers
    edits: str = ""  #: vendor id of the message it changes
    files: tuple[FileRef, ...] = ()

    def __post_init__(self) -> None:
        if not self.vendor_id or not self.address:
            raise ValueError("a message needs vendor_id and address: without them nobody can tell it from another")
        if self.at is not None and self.at.tzinfo is None:
            raise ValueError("a message's time needs a zone")


@dataclass(frozen=True)
class Outgoing:
    """What we write to somebody."""

    address: str
    text: str
    account: str = ""
    reply_to: str = ""

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Outgoing:
        """From an outgoing call's payload."""
        return cls(**{name: str(payload.get(name) or "") for name in ("address", "text", "account", "reply_to")})


class Channel(Protocol):
    """Sends and fetches messages of one connection. All calls may raise the tree under `kernel.errors.Fault`."""

    def send(self, message: Outgoing, *, key: str, maybe_done: bool) -> str:
        """Send it; returns the vendor's id. `key` is ours, for vendors that refuse a second message with the same one."""

    def fetch(self, file: FileRef, into: Path, *, bytes_max: int) -> None:
        """Write the file's content to that path, whole or not at all. Raises Rejected if it is larger than that, NotFound
        if the vendor has it no more."""


def pack_incoming(message: Incoming) -> str:
    """As text for storing; nothing is left out."""
    body = asdict(message) | {"at": message.at.isoformat() if message.at else None}
    # Escaped: halves of characters and NULs, which no database text can hold, stay what they are.
    return json.dumps(body, sort_keys=True)


def unpack_incoming(text: str) -> Incoming:
    body = json.loads(text)
    files = tuple(FileRef(**one) for one in body.pop("files"))
    at = body.pop("at")
    return Incoming(**body, files=files, at=datetime.fromisoformat(at) if at else None)
