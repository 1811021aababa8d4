"""What a call that sends is made ready with: which of the vendor's numbers an earlier try of it must be among."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from kernel.conversations import Incoming, Outgoing, sending, timeline
from kernel.conversations.timeline import Thread
from kernel.jobs import outgoing
from kernel.jobs.outgoing import Call
from kernel.storage import Database, Tx
from kernel.testing import CountingIds, FakeClock, MemoryQueue


@dataclass
class Bench:
    tx: Tx
    clock: FakeClock
    ids: CountingIds
    queue: MemoryQueue

    def thread(self, address: str, room: str) -> Thread:
        return timeline.open_thread(self.tx, "twin/a", "bot", address, clock=self.clock, ids=self.ids, room=room)

    def came(self, address: str, number: int, room: str) -> None:
        one = Incoming(
            f"{address}:{number}", address, f"text {number}", account="bot", number=number, details={"room": room}
        )
        timeline.receive(self.tx, "twin/a", one, clock=self.clock, ids=self.ids)

    def moved(self, old: str, new: str) -> None:
        one = Incoming(f"moved {new}", new, account="bot", kind="moved", details={"from": old, "to": new})
        timeline.receive(self.tx, "twin/a", one, clock=self.clock, ids=self.ids)

    def wants(self, thread: Thread, text: str, **more: Any) -> str:
        """A message written down; its call's id."""
        message, self.clock = self.ids.new(), self.clock
        body = {**Outgoing(thread.address, text).payload(), sending.THREAD: thread.id, sending.MESSAGE: message, **more}
        call = outgoing.enqueue(
            self.tx, "twin/a", "send", body, lane=f"thread:{thread.id}", key=text, trace="t", clock=self.clock,
            ids=self.ids, queue=self.queue,
        )  # fmt: skip
        assert call is not None
        sending.written(
            self.tx, thread, Outgoing(thread.address, text), call=call, record="", author="", author_name="",
            clock=self.clock, ids=self.ids, message_id=message,
        )  # fmt: skip
        return call

    def tries(self, call: str) -> Call:
        """Made ready as for the next try, which begins then."""
        found = outgoing.load(self.tx, call)
        assert found is not None
        ready = sending.prepared(self.tx, found)
        outgoing.starting(self.tx, call)
        return ready

    def arrived(self, ready: Call, result: str) -> None:
        outgoing.mark(self.tx, ready.id, "done", self.clock, result=result)
        sending.arrived(self.tx, ready.payload, result, self.clock)


@pytest.fixture
def bench(database_url: str) -> Iterator[Bench]:
    database, clock = Database(database_url), FakeClock()
    with database.write() as tx:
        yield Bench(tx, clock, CountingIds(), MemoryQueue(clock))
    database.close()


def known(call: Call) -> tuple[int, list[int] | None]:
    return call.payload[sending.AFTER], call.payload.get(sending.KNOWN)


@pytest.mark.row("PT-06")
def test_a_first_try_notes_where_a_room_with_numbers_of_its_own_stands(bench: Bench) -> None:
    room, other = bench.thread("-1001", "supergroup"), bench.thread("-1002", "supergroup")
    bench.came(room.address, 7, "supergroup")
    bench.came(other.address, 900, "supergroup")
    call = bench.wants(room, "раз")
    assert known(bench.tries(call)) == (7, None)
    bench.came(room.address, 8, "supergroup")
    bench.came(room.address, 10, "supergroup")
    assert known(bench.tries(call)) == (7, [8, 10]), "where it stood before the first try stays"


@pytest.mark.row("PT-06")
def test_rooms_that_share_their_numbers_are_looked_at_together(bench: Bench) -> None:
    room, other = bench.thread("-1", "group"), bench.thread("5", "private")
    own = bench.thread("-1009", "supergroup")
    bench.came(room.address, 7, "group")
    bench.came(other.address, 9, "private")
    bench.came(own.address, 900, "supergroup")
    call = bench.wants(room, "раз")
    assert known(bench.tries(call)) == (9, None)
    bench.came(other.address, 11, "private")
    bench.came(own.address, 901, "supergroup")
    assert known(bench.tries(call)) == (9, [11])


@pytest.mark.row("PT-06")
def test_a_room_with_another_address_counts_anew(bench: Bench) -> None:
    """A group's numbers run into the thousands; the supergroup that it becomes begins at one."""
    room = bench.thread("-1", "group")
    bench.came("-1", 5000, "group")
    bench.moved("-1", "-1009")
    bench.came("-1009", 2, "supergroup")
    bench.came("-1", 5001, "group")  # from before the move, and late
    call = bench.wants(room, "раз")
    assert known(bench.tries(call)) == (2, None)
    bench.came("-1009", 4, "supergroup")
    assert known(bench.tries(call)) == (2, [4])
    first = bench.wants(room, "два")
    ready = bench.tries(first)
    bench.arrived(ready, "-1009:6")
    assert known(bench.tries(bench.wants(room, "три"))) == (6, None)


@pytest.mark.row("PT-06")
def test_what_comes_late_from_an_older_address_makes_no_group_of_a_supergroup(bench: Bench) -> None:
    room, other = bench.thread("-1", "group"), bench.thread("-2", "group")
    bench.moved("-1", "-1009")
    bench.came(other.address, 900, "group")
    bench.came("-1", 901, "group")  # from before the move
    assert known(bench.tries(bench.wants(room, "раз"))) == (0, None), "its numbers are its own"


@pytest.mark.row("PT-06")
@pytest.mark.parametrize("moves", [False, True])
def test_a_message_that_an_answer_has_named_is_not_sought_any_more(bench: Bench, moves: bool) -> None:
    room = bench.thread("-1", "group")
    call = bench.wants(room, "раз")
    first = bench.tries(call)
    timeline.add_name(bench.tx, room.id, "-1:3", 3, first.payload[sending.MESSAGE], address="-1")
    if moves:
        bench.moved("-1", "-1009")
    again = bench.tries(call)
    assert again.payload[sending.ARRIVED] == "-1:3" and sending.LOST not in again.payload


@pytest.mark.row("PT-06")
def test_a_part_of_an_album_that_an_answer_has_named_is_among_what_is_sought(bench: Bench) -> None:
    room = bench.thread("-1001", "supergroup")
    call = bench.wants(room, "раз", files=[{}, {}])
    first = bench.tries(call)
    timeline.add_name(bench.tx, room.id, "-1001:3", 3, first.payload[sending.MESSAGE], address="-1001")
    bench.came(room.address, 5, "supergroup")
    again = bench.tries(call)
    assert known(again) == (0, [5]) and sending.ARRIVED not in again.payload


@pytest.mark.row("PT-06")
def test_what_came_from_the_new_address_before_the_move_was_known_counts_there(bench: Bench) -> None:
    room = bench.thread("-1", "group")
    bench.came("-1", 5000, "group")
    bench.came("-1009", 3, "supergroup")
    bench.moved("-1", "-1009")
    assert known(bench.tries(bench.wants(room, "раз"))) == (3, None)


@pytest.mark.row("PT-06")
def test_a_try_at_an_address_that_is_no_more_cannot_be_looked_for(bench: Bench) -> None:
    room = bench.thread("-1", "group")
    bench.came("-1", 7, "group")
    call = bench.wants(room, "раз")
    assert sending.LOST not in bench.tries(call).payload
    bench.moved("-1", "-1009")
    again = bench.tries(call)
    assert again.payload[sending.LOST] is True and again.payload["address"] == "-1009"
    assert sending.KNOWN not in again.payload


@pytest.mark.row("PT-06")
def test_a_try_that_counts_no_more_is_a_first_one(bench: Bench) -> None:
    room = bench.thread("-1001", "supergroup")
    bench.came("-1001", 7, "supergroup")
    call = bench.wants(room, "раз")
    bench.tries(call)
    bench.came("-1001", 9, "supergroup")
    found = outgoing.load(bench.tx, call)
    assert found is not None
    sending.forget_try(bench.tx, found)
    again = bench.tries(call)
    assert known(again) == (9, None) and again.payload[sending.AFRESH] == 1
    bench.came("-1001", 11, "supergroup")
    assert known(bench.tries(call)) == (9, [11])


@pytest.mark.row("PT-02", "PT-06")
def test_what_it_answers_and_changes_is_named_once_it_is_known(bench: Bench) -> None:
    room = bench.thread("-1001", "supergroup")
    first = bench.tries(bench.wants(room, "раз"))
    message = str(first.payload[sending.MESSAGE])
    answer, change = bench.wants(room, "два", answers=message), bench.wants(room, "три", changes=message)
    assert bench.tries(answer).payload["reply_to"] == "" and bench.tries(change).payload["edits"] == ""
    bench.arrived(first, "-1001:12 -1001:13")
    ready = bench.tries(answer)
    bench.arrived(ready, "-1001:14")
    assert timeline.names_of(bench.tx, str(ready.payload[sending.MESSAGE])) == ["-1001:14"]
    assert ready.payload["reply_to"] == "-1001:12" and bench.tries(change).payload["edits"] == "-1001:12"


@pytest.mark.row("PT-02", "PT-06")
@pytest.mark.parametrize(("state", "changes"), [("failed", False), ("dropped", False), ("uncertain", True), ("done", True)])
def test_a_change_of_what_is_not_there_leaves_as_the_message_itself(bench: Bench, state: str, changes: bool) -> None:
    room = bench.thread("-1001", "supergroup")
    first = bench.tries(bench.wants(room, "раз"))
    outgoing.mark(bench.tx, first.id, state, bench.clock)
    ready = bench.tries(bench.wants(room, "два", changes=str(first.payload[sending.MESSAGE])))
    assert (sending.CHANGES in ready.payload) is changes and not ready.payload.get("edits")
    if not changes:
        bench.arrived(ready, "-1001:5")
        assert timeline.names_of(bench.tx, str(first.payload[sending.MESSAGE])) in ([], ["-1001:5"])


@pytest.mark.row("PT-06")
def test_its_first_try_is_kept_with_the_call(bench: Bench) -> None:
    room = bench.thread("-1001", "supergroup")
    bench.came("-1001", 7, "supergroup")
    call = bench.wants(room, "раз")
    bench.tries(call)
    bench.clock.advance(seconds=timedelta(days=1).total_seconds())
    row = bench.tx.one("SELECT payload FROM outgoing WHERE id = :id", id=call)
    assert row is not None and json.loads(row["payload"])[sending.AFTER] == 7
