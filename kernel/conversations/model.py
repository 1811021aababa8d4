"""A message as a channel brings it, one as it takes it, and what any channel can do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

Kind = Literal["message", "note", "membership", "moved", "press", "reaction", "request", "status"]
"""What came in. message: somebody wrote. note: the room says something of itself: joined, left, renamed, pinned. membership:
what we may do in the room changed. moved: the address became another. press: a button of ours. reaction: to a message.
request: somebody in the CRM wants a message sent. status: what became of one of ours. The last two stand in no timeline."""
ASIDE: tuple[Kind, ...] = ("request", "status")


@dataclass(frozen=True)
class FileRef:
    """A file that came with a message and still lies with the vendor; `vendor_id` is how to fetch it."""

    vendor_id: str
    name: str = ""
    media_type: str = ""
    size_bytes: int | None = None  #: as the vendor says
    kind: str = ""  #: photo, voice, video, document …, where the vendor tells them apart
    seconds: int | None = None  #: how long it plays


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
    kind: Kind = "message"
    group: str = ""  #: several messages that belong together as one: an album
    number: int | None = None  #: the vendor's running number of it, where there is one
    reply_text: str = ""  #: of the message it answers, where the vendor sends it along
    reply_ours: bool = False  #: and whether that one was written by us
    details: Mapping[str, str] = field(default_factory=dict)
    """What else the vendor says, in the words of docs/decisions/conversations.md: title, room, state …"""

    def __post_init__(self) -> None:
        if not self.vendor_id or not self.address:
            raise ValueError("a message needs vendor_id and address: without them nobody can tell it from another")
        if self.at is not None and self.at.tzinfo is None:
            raise ValueError("a message's time needs a zone")


@dataclass(frozen=True)
class OutgoingFile:
    """A file that goes with a message: `content` is its name in `kernel.files`."""

    content: str
    name: str
    media_type: str = ""
    size_bytes: int = 0


@dataclass(frozen=True)
class Button:
    """Under a message; whoever presses it sends `data` back."""

    label: str
    data: str


@dataclass(frozen=True)
class Outgoing:
    """What we write to somebody, or what an earlier message of ours is to say from now on (`edits`)."""

    address: str
    text: str
    account: str = ""
    reply_to: str = ""
    edits: str = ""  #: vendor id of the message that is changed
    files: tuple[OutgoingFile, ...] = ()
    buttons: tuple[Button, ...] = ()

    def payload(self) -> dict[str, Any]:
        """For an outgoing call."""
        body = {name: getattr(self, name) for name in _TEXTS}
        if self.edits:
            body["edits"] = self.edits
        if self.files:
            body["files"] = [asdict(one) for one in self.files]
        if self.buttons:
            body["buttons"] = [asdict(one) for one in self.buttons]
        return body

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Outgoing:
        """From an outgoing call's payload."""
        return cls(
            **{name: str(payload.get(name) or "") for name in (*_TEXTS, "edits")},
            files=tuple(OutgoingFile(**one) for one in payload.get("files", ())),
            buttons=tuple(Button(**one) for one in payload.get("buttons", ())),
        )


_TEXTS = ("address", "text", "account", "reply_to")


@dataclass(frozen=True)
class EarlierTry:
    """What is known where an answer to an earlier try was lost: between which of the vendor's numbers it must be."""

    after: int  #: the highest number known before the first try
    known: frozenset[int] = frozenset()  #: numbers above it that are other messages


class Channel(Protocol):
    """Sends and fetches messages of one connection. All calls may raise the tree under `kernel.errors.Fault`."""

    def send(self, message: Outgoing, *, key: str, earlier: EarlierTry | None) -> str:
        """Send it; returns the vendor's id, several with a blank between where it became several messages.

        `key` is ours, for vendors that refuse a second message with the same one. `earlier`: it may have arrived already.
        Raises Moved where the address became another, Undecided where nobody can tell whether it arrived.
        """

    def fetch(self, file: FileRef, into: Path, *, bytes_max: int) -> None:
        """Write the file's content to that path, whole or not at all. Raises Rejected if it is larger than that, NotFound
        if the vendor has it no more."""


def pack_incoming(message: Incoming) -> str:
    """As text for storing; nothing is left out."""
    body = asdict(message) | {"at": message.at.isoformat() if message.at else None, "details": dict(message.details)}
    # Escaped: halves of characters and NULs, which no database text can hold, stay what they are.
    return json.dumps(body, sort_keys=True)


def unpack_incoming(text: str) -> Incoming:
    body = json.loads(text)
    files = tuple(FileRef(**one) for one in body.pop("files"))
    at = body.pop("at")
    return Incoming(**body, files=files, at=datetime.fromisoformat(at) if at else None)
