"""A channel in memory: rooms that people write in, and a bot of ours; and faults to order.

It is as forgetful as the real ones: whoever sends again without saying that an earlier try may have arrived sends twice. So
a test can show that nothing is said twice and nothing is missing.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from kernel.clock import Clock
from kernel.conversations import Button, EarlierTry, FileRef, Incoming, Kind, Outgoing, OutgoingFile
from kernel.errors import Moved, NoRight, NotFound, Rejected, Throttled, Undecided, Unreachable
from kernel.jobs.outgoing import Receipt
from kernel.testing.clock import FakeClock
from kernel.testing.trouble import Trouble

US = "bot"


@dataclass(frozen=True)
class TwinMessage:
    """One message as people see it."""

    vendor_id: str
    address: str
    number: int
    author: str  #: `US`, or who wrote it
    text: str
    at: datetime
    reply_to: str = ""
    files: tuple[str, ...] = ()  #: names
    contents: tuple[str, ...] = ()  #: of ours: names in kernel.files
    buttons: tuple[Button, ...] = ()
    key: str = ""
    edits: int = 0


@dataclass
class TwinChannel:
    """Keeps kernel.conversations.Channel. What people do by `write`, `edit`, `press` and `upgrade` waits in `take`."""

    clock: Clock = field(default_factory=FakeClock)
    text_units_max: int = 4096
    caption_units_max: int = 1024
    decides: bool = True  #: whether a look-up can tell; if not, Undecided
    messages: list[TwinMessage] = field(default_factory=list)
    rooms: dict[str, str] = field(default_factory=dict)  #: addresses that there are, and what each has become, if anything
    supergroups: set[str] = field(default_factory=set)  #: rooms with numbers of their own; all others share one row of them
    trouble: Trouble = field(default_factory=Trouble)  #: our process may die at "send.before" and "send.after"
    _incoming: list[Incoming] = field(default_factory=list)
    _files: dict[str, bytes] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _lost: list[str] = field(default_factory=list)
    _refused: dict[str, str] = field(default_factory=dict)
    _throttled: list[float] = field(default_factory=list)
    _closed: dict[str, str] = field(default_factory=dict)
    _updates: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # --- what a connector offers --------------------------------------------------------------------------------------

    def send(self, message: Outgoing, *, key: str, earlier: EarlierTry | None) -> str:
        self.trouble.point("send.before")
        made = self._send(message, key, earlier)
        self.trouble.point("send.after")
        return made

    def _send(self, message: Outgoing, key: str, earlier: EarlierTry | None) -> str:
        with self._lock:
            self._check(message)
            if message.edits:
                return self._change(message)
            if earlier is not None and (found := self._found(message, earlier)):
                return found
            lost = self._lost.pop(0) if self._lost else ""
            if lost == "request":
                raise Unreachable("the twin was not reached", maybe_done=True)
            made = self._posted(message, key)
            if lost == "answer":
                raise Unreachable("the twin's answer was lost", maybe_done=True)
            return " ".join(one.vendor_id for one in made)

    def fetch(self, file: FileRef, into: Path, *, bytes_max: int) -> None:
        with self._lock:
            body = self._files.get(file.vendor_id)
        if body is None:
            raise NotFound(f"the twin has no file {file.vendor_id}")
        if len(body) > bytes_max:
            raise Rejected(f"the file has {len(body)} bytes, {bytes_max} may be fetched")
        into.write_bytes(body)

    # --- what people do -----------------------------------------------------------------------------------------------

    def write(
        self,
        address: str,
        author: str,
        text: str,
        *,
        reply_to: str = "",
        files: Sequence[tuple[str, bytes]] = (),
        group: str = "",
    ) -> str:
        """Somebody writes; the vendor's id of it. `group`: the album that it belongs to."""
        with self._lock:
            self._room(address)
            refs = tuple(self._ref(name, body) for name, body in files)
            answered = self.message(reply_to) if reply_to else None
            made = self._add(address, author, text, reply_to=reply_to, files=tuple(one.name for one in refs))
            self._incoming.append(
                Incoming(
                    made.vendor_id, address, text, account=US, author=author, author_name=author, at=made.at,
                    reply_to=reply_to, reply_text=answered.text if answered else "", files=refs, number=made.number,
                    reply_ours=answered is not None and answered.author == US, details=self._details(address), group=group,
                )
            )  # fmt: skip
            return made.vendor_id

    def edit(self, vendor_id: str, text: str) -> None:
        """Who wrote a message changes it."""
        with self._lock:
            made = self._replace(vendor_id, text)
            self._incoming.append(
                Incoming(
                    f"{vendor_id}:e{made.edits}", made.address, text, account=US, author=made.author, at=self.clock.now(),
                    author_name=made.author, edits=vendor_id, number=made.number, details=self._details(made.address),
                )
            )  # fmt: skip

    def press(self, vendor_id: str, author: str, label: str) -> None:
        """Somebody presses a button under a message of ours."""
        with self._lock:
            made = self.message(vendor_id)
            data = next(one.data for one in made.buttons if one.label == label)
            self._note(made.address, "press", author, reply_to=vendor_id, data=data, press_id=f"p{self._updates}")

    def upgrade(self, address: str, new: str) -> None:
        """The address becomes another; its numbers begin anew."""
        with self._lock:
            self._room(address)
            self.rooms[address], self.rooms[new] = new, ""
            self.supergroups.add(new)
            self._note(new, "moved", "", to=new, **{"from": address})

    def take(self) -> tuple[Incoming, ...]:
        """What came since this was asked last."""
        with self._lock:
            found, self._incoming = tuple(self._incoming), []
        return found

    def receipt(self, vendor_id: str) -> Receipt:
        """That message arrived, as a vendor with receipts says it."""
        made = self.message(vendor_id)
        return Receipt(made.key, arrived=True, result=vendor_id)

    def shown(self, address: str) -> list[TwinMessage]:
        """What people see there, oldest first."""
        with self._lock:
            return [one for one in self.messages if one.address == address]

    def message(self, vendor_id: str) -> TwinMessage:
        with self._lock:
            return next(one for one in self.messages if one.vendor_id == vendor_id)

    # --- faults -------------------------------------------------------------------------------------------------------

    def lose_answer(self) -> None:
        """The next message arrives, but its answer gets lost."""
        self._lost.append("answer")

    def lose_request(self) -> None:
        """The next message does not arrive, and the caller cannot know."""
        self._lost.append("request")

    def refuse(self, address: str, words: str) -> None:
        """From now on nothing is taken there; empty words: it is again."""
        self._refused[address] = words

    def shut(self, address: str, words: str = "") -> None:
        """From now on we may not write there, as if the bot was thrown out; empty words: we may again."""
        self._closed[address] = words

    def throttle(self, seconds: float) -> None:
        """The next send is put off."""
        self._throttled.append(seconds)

    def forget_file(self, vendor_id: str) -> None:
        self._files.pop(vendor_id, None)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _check(self, message: Outgoing) -> None:
        if self._throttled:
            raise Throttled("the twin asks for patience", wait_seconds=self._throttled.pop(0))
        if words := self._refused.get(message.address):
            raise Rejected(words)
        if words := self._closed.get(message.address):
            raise NoRight(words)
        self._room(message.address)
        units = len(message.text.encode("utf-16-le", "surrogatepass")) // 2
        if units > (self.caption_units_max if message.files else self.text_units_max):
            raise Rejected(f"the text has {units} characters, too many")

    def _room(self, address: str) -> None:
        if address not in self.rooms:
            raise NotFound(f"there is no {address}")
        if new := self.rooms[address]:
            raise Moved(f"{address} is {new} by now", address=new)

    def _found(self, message: Outgoing, earlier: EarlierTry) -> str:
        if not self.decides:
            raise Undecided("the twin cannot tell whether it arrived")
        new = [
            one for one in self.shown(message.address)
            if one.author == US and one.number > earlier.after and one.number not in earlier.known
        ]  # fmt: skip
        if not new or new[0].text != message.text:
            return ""
        return " ".join(one.vendor_id for one in new[: max(1, len(message.files))])

    def _posted(self, message: Outgoing, key: str) -> list[TwinMessage]:
        parts: list[tuple[OutgoingFile, ...]] = [(one,) for one in message.files] or [()]
        return [
            self._add(
                message.address, US, "" if number else message.text, reply_to=message.reply_to,
                files=tuple(one.name for one in part), contents=tuple(one.content for one in part),
                buttons=message.buttons, key=key,
            )
            for number, part in enumerate(parts)
        ]  # fmt: skip

    def _change(self, message: Outgoing) -> str:
        first = message.edits.split()[0]
        if not any(one.vendor_id == first and one.author == US for one in self.messages):
            raise NotFound(f"there is no message {first} of ours")
        self._replace(first, message.text, message.buttons)
        return message.edits

    def _replace(self, vendor_id: str, text: str, buttons: tuple[Button, ...] | None = None) -> TwinMessage:
        place = next(n for n, one in enumerate(self.messages) if one.vendor_id == vendor_id)
        old = self.messages[place]
        kept = old.buttons if buttons is None else buttons
        new = replace(old, text=text, buttons=kept, edits=old.edits + 1)
        self.messages[place] = new
        return new

    def _add(self, address: str, author: str, text: str, **more: object) -> TwinMessage:
        row = address if address in self.supergroups else ""
        number = self._numbers[row] = self._numbers.get(row, 0) + 1
        made = TwinMessage(f"{address}:{number}", address, number, author, text, self.clock.now(), **more)  # type: ignore[arg-type]
        self.messages.append(made)
        return made

    def _details(self, address: str) -> dict[str, str]:
        return {"room": "supergroup" if address in self.supergroups else "group"}

    def _ref(self, name: str, body: bytes) -> FileRef:
        vendor_id = f"file{len(self._files) + 1}"
        self._files[vendor_id] = body
        return FileRef(vendor_id, name, size_bytes=len(body), kind="document")

    def _note(self, address: str, kind: Kind, author: str, *, reply_to: str = "", **details: str) -> None:
        self._updates += 1
        self._incoming.append(
            Incoming(
                f"u{self._updates}", address, account=US, author=author, author_name=author, at=self.clock.now(),
                kind=kind, reply_to=reply_to, reply_ours=bool(reply_to), details={**self._details(address), **details},
            )
        )  # fmt: skip
