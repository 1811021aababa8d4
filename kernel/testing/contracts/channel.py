"""What any channel must do: one suite of behaviours, run on the twin in memory and on each connector's emulated system.

A future channel makes a `World` and runs `BEHAVIOURS` over it, each in a room of its own:

    @pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
    def test_channel(behaviour, world):
        behaviour(world)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kernel.conversations import Button, Channel, EarlierTry, FileRef, Incoming, Outgoing, OutgoingFile
from kernel.conversations.model import pack_incoming, unpack_incoming
from kernel.errors import Fault, Moved, NotFound, Rejected
from kernel.jobs.outgoing import Receipt

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))


@dataclass(frozen=True)
class Shown:
    """A message as people see it in the room."""

    vendor_id: str
    ours: bool
    text: str
    reply_to: str = ""
    files: tuple[str, ...] = ()  #: names


class Write(Protocol):
    def __call__(self, text: str, *, reply_to: str = "", file: tuple[str, bytes] | None = None) -> str:
        """A person writes in the room; the vendor's id of it."""


@dataclass
class World:
    """A room with one person and us in it, and their hands."""

    channel: Channel
    address: str
    write: Write
    edit: Callable[[str, str], None]  #: the person changes a message of theirs: vendor id, text
    came: Callable[[], Sequence[Incoming]]  #: what came since this was asked last
    shown: Callable[[str], Sequence[Shown]]  #: what people see under an address
    keep: Callable[[bytes], str]  #: put a file into kernel.files
    folder: Path
    lose_answer: Callable[[], None]  #: the next message of ours arrives, its answer does not
    lose_request: Callable[[], None]  #: the next one does not arrive, and we cannot know
    text_units_max: int = 4096
    nowhere: str = "-100900000001"  #: an address that there is not
    press: Callable[[str, str], None] | None = None  #: the person presses a button: vendor id, label
    upgrade: Callable[[], str] | None = None  #: the address becomes another, which it returns
    receipt: Callable[[str], Receipt] | None = None  #: what the vendor reports of a message of ours
    sent: int = field(default=0)

    def send(self, text: str, *, earlier: EarlierTry | None = None, **more: object) -> str:
        self.sent += 1
        message = Outgoing(self.address, text, **more)  # type: ignore[arg-type]
        return self.channel.send(message, key=f"key-{self.sent}", earlier=earlier)

    def last(self) -> Incoming:
        """The newest message that came."""
        return [one for one in self.came() if one.kind == "message"][-1]

    def file(self, name: str, body: bytes, media_type: str = "") -> OutgoingFile:
        return OutgoingFile(self.keep(body), name, media_type, len(body))


def number(vendor_id: str) -> int:
    """The vendor's running number in it."""
    return int(vendor_id.rpartition(":")[2])


def refused(call: Callable[[], object]) -> Fault:
    """What that raised."""
    try:
        call()
    except Fault as exc:
        return exc
    raise AssertionError("nothing was raised")


# --- in and out ----------------------------------------------------------------------------------------------------------


def what_somebody_writes_comes_whole(world: World) -> None:
    made = world.write("Курс 41,33 — «так»\nдругий рядок 🙂")
    found = world.last()
    assert (found.vendor_id, found.address, found.text) == (made, world.address, "Курс 41,33 — «так»\nдругий рядок 🙂")
    assert found.author and found.author_name and found.account and found.at is not None and not found.reply_ours
    assert unpack_incoming(pack_incoming(found)) == found


def what_we_send_is_shown_once_and_does_not_come_back(world: World) -> None:
    made = world.send("Заявка 5512 · <b>USD</b>/UAH *не розмітка* https://example.com")
    shown = [one for one in world.shown(world.address) if one.ours]
    assert [(one.vendor_id, one.text) for one in shown] == [
        (made, "Заявка 5512 · <b>USD</b>/UAH *не розмітка* https://example.com")
    ]
    assert [one for one in world.came() if one.kind == "message"] == []


def messages_keep_their_order(world: World) -> None:
    made = [world.send(f"крок {n}") for n in range(4)]
    assert [one.vendor_id for one in world.shown(world.address) if one.ours] == made
    for n in range(3):
        world.write(f"відповідь {n}")
    assert [one.text for one in world.came() if one.kind == "message"] == [f"відповідь {n}" for n in range(3)]


def an_answer_names_what_it_answers(world: World) -> None:
    made = world.send("Заявка 5512")
    world.write("так", reply_to=made)
    found = world.last()
    assert (found.reply_to, found.reply_ours, found.reply_text) == (made, True, "Заявка 5512")
    theirs = world.write("питання")
    world.write("ще одне", reply_to=theirs)
    found = world.last()
    assert (found.reply_to, found.reply_ours) == (theirs, False)


def we_answer_a_message(world: World) -> None:
    asked = world.write("Який курс?")
    made = world.send("41,33", reply_to=asked)
    assert next(one for one in world.shown(world.address) if one.vendor_id == made).reply_to == asked


def what_cannot_be_answered_any_more_is_sent_without(world: World) -> None:
    made = world.send("41,33", reply_to=f"{world.address}:999999")
    assert next(one for one in world.shown(world.address) if one.vendor_id == made).reply_to in (
        "",
        f"{world.address}:999999",
    )


# --- changes -------------------------------------------------------------------------------------------------------------


def we_change_what_we_said_and_twice_is_as_good_as_once(world: World) -> None:
    made = world.send("курс 41,30")
    for _ in range(2):
        assert world.send("курс 41,35", edits=made) == made
    assert [one.text for one in world.shown(world.address) if one.ours] == ["курс 41,35"]
    gone = refused(lambda: world.send("курс", edits=f"{world.address}:999999"))
    assert isinstance(gone, NotFound) and not gone.retry


def a_change_names_what_it_changes(world: World) -> None:
    made = world.write("курс 41,30")
    first = world.last()
    world.edit(made, "курс 41,35")
    found = world.last()
    assert (found.edits, found.text) == (made, "курс 41,35") and found.vendor_id not in (made, first.vendor_id)


# --- files ---------------------------------------------------------------------------------------------------------------


def a_file_goes_out_with_its_name_and_text(world: World) -> None:
    made = world.send("Виписка", files=(world.file('виписка "1".txt', b"one;two\r\n" * 50, "text/plain"),))
    shown = next(one for one in world.shown(world.address) if one.vendor_id == made)
    assert shown.text == "Виписка" and len(shown.files) == 1
    assert world.send("Виписка, уточнено", edits=made) == made
    assert next(one for one in world.shown(world.address) if one.vendor_id == made).text == "Виписка, уточнено"


def several_files_go_together(world: World) -> None:
    pictures = tuple(world.file(f"{n}.png", PNG + bytes([n]), "image/png") for n in range(3))
    made = world.send("Квитанції", files=pictures).split()
    shown = {one.vendor_id: one for one in world.shown(world.address) if one.ours}
    assert len(made) == 3 and set(made) == set(shown) and shown[made[0]].text == "Квитанції"
    mixed = (*pictures[:1], world.file("a.txt", b"a", "text/plain"))
    assert len(world.send("Разом", files=mixed).split()) == 2


def a_file_that_came_is_fetched_byte_for_byte(world: World) -> None:
    body = bytes(range(256)) * 40
    world.write("", file=("slip.bin", body))
    (file,) = world.last().files
    into = world.folder / "slip"
    world.channel.fetch(file, into, bytes_max=len(body))
    assert into.read_bytes() == body and file.size_bytes == len(body)


def a_file_that_is_too_large_or_gone_is_refused_in_words(world: World) -> None:
    world.write("", file=("slip.bin", b"x" * 1000))
    (file,) = world.last().files
    into = world.folder / "large"
    large = refused(lambda: world.channel.fetch(file, into, bytes_max=999))
    assert isinstance(large, Rejected) and "999" in str(large) and not into.exists()
    gone = refused(lambda: world.channel.fetch(FileRef("no-such-file"), into, bytes_max=999))
    assert isinstance(gone, NotFound) and not into.exists()


# --- refusals ------------------------------------------------------------------------------------------------------------


def what_is_too_long_is_refused_in_words(world: World) -> None:
    longest = "🙂" * (world.text_units_max // 2)
    world.send(longest)
    long = refused(lambda: world.send(longest + "!"))
    assert isinstance(long, Rejected) and str(world.text_units_max + 1) in str(long)
    assert len([one for one in world.shown(world.address) if one.ours]) == 1


def an_address_that_there_is_not_is_refused(world: World) -> None:
    found = refused(lambda: world.channel.send(Outgoing(world.nowhere, "hello"), key="nowhere", earlier=None))
    assert isinstance(found, Rejected) and not found.retry


# --- lost answers --------------------------------------------------------------------------------------------------------


def a_message_whose_answer_was_lost_is_found(world: World) -> None:
    before = number(world.send("перше"))
    world.lose_answer()
    lost = refused(lambda: world.send("друге"))
    assert lost.retry and lost.maybe_done
    theirs = number(world.write("хтось тим часом"))
    found = world.send("друге", earlier=EarlierTry(before, frozenset({theirs})))
    assert [one.text for one in world.shown(world.address) if one.ours] == ["перше", "друге"]
    assert found == [one.vendor_id for one in world.shown(world.address) if one.ours][-1]


def a_message_that_did_not_arrive_is_sent_again(world: World) -> None:
    before = number(world.send("перше"))
    world.lose_request()
    assert refused(lambda: world.send("друге")).maybe_done
    theirs = number(world.write("хтось тим часом"))
    found = world.send("друге", earlier=EarlierTry(before, frozenset({theirs})))
    assert [one.text for one in world.shown(world.address) if one.ours] == ["перше", "друге"]
    assert number(found) > theirs


def a_file_whose_answer_was_lost_is_found(world: World) -> None:
    before = number(world.send("перше"))
    files = tuple(world.file(f"{n}.png", PNG + bytes([n]), "image/png") for n in range(2))
    world.lose_answer()
    assert refused(lambda: world.send("альбом", files=files)).maybe_done
    found = world.send("альбом", files=files, earlier=EarlierTry(before)).split()
    ours = [one.vendor_id for one in world.shown(world.address) if one.ours]
    assert len(ours) == 3 and found == ours[1:]


def a_change_whose_answer_was_lost_is_made_again(world: World) -> None:
    made = world.send("курс 41,30")
    assert world.send("курс 41,35", edits=made, earlier=EarlierTry(number(made))) == made
    assert world.send("курс 41,35", edits=made, earlier=EarlierTry(number(made))) == made
    assert [one.text for one in world.shown(world.address) if one.ours] == ["курс 41,35"]


# --- where there is such a thing -----------------------------------------------------------------------------------------


def an_address_that_became_another_is_named(world: World) -> None:
    if world.upgrade is None:
        return
    world.send("перед цим")
    old = world.address
    new = world.upgrade()
    told = [one for one in world.came() if one.kind == "moved"]
    assert told and {(one.details["from"], one.details["to"]) for one in told} == {(old, new)}
    moved = refused(lambda: world.send("після"))
    assert isinstance(moved, Moved) and moved.retry and moved.address == new
    world.address = new
    made = world.send("після")
    assert [one.text for one in world.shown(new) if one.vendor_id == made] == ["після"]


def a_button_says_what_it_was_given(world: World) -> None:
    if world.press is None:
        return
    made = world.send("Берете?", buttons=(Button("Беру", "d5512:take"), Button("Питання", "d5512:ask")))
    world.press(made, "Питання")
    (found,) = [one for one in world.came() if one.kind == "press"]
    assert (found.reply_to, found.details["data"]) == (made, "d5512:ask") and found.author and found.details["press_id"]


def a_receipt_names_our_key(world: World) -> None:
    if world.receipt is None:
        return
    made = world.send("дійшло?")
    assert world.receipt(made) == Receipt(f"key-{world.sent}", arrived=True, result=made)


BEHAVIOURS: Sequence[Callable[[World], None]] = (
    what_somebody_writes_comes_whole, what_we_send_is_shown_once_and_does_not_come_back, messages_keep_their_order,
    an_answer_names_what_it_answers, we_answer_a_message, what_cannot_be_answered_any_more_is_sent_without,
    we_change_what_we_said_and_twice_is_as_good_as_once, a_change_names_what_it_changes,
    a_file_goes_out_with_its_name_and_text, several_files_go_together, a_file_that_came_is_fetched_byte_for_byte,
    a_file_that_is_too_large_or_gone_is_refused_in_words, what_is_too_long_is_refused_in_words,
    an_address_that_there_is_not_is_refused, a_message_whose_answer_was_lost_is_found,
    a_message_that_did_not_arrive_is_sent_again, a_file_whose_answer_was_lost_is_found,
    a_change_whose_answer_was_lost_is_made_again, an_address_that_became_another_is_named,
    a_button_says_what_it_was_given, a_receipt_names_our_key,
)  # fmt: skip
