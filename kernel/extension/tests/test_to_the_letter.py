"""Looks, calls and sweeps to the letter: each rule whose breach would lose, double or misplace something, by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from kernel.crm import Changed, Event, Record, Row
from kernel.crm.seen import faults, keep_seen, known_of, owner_seen
from kernel.errors import Rejected, Throttled, Unreachable, Unverified
from kernel.extension import Plugin, Sweeping, Watch
from kernel.extension.sweep import sweep
from kernel.extension.tests.small import Small
from kernel.jobs import inbox, next_number, outgoing
from kernel.jobs.queue import next_numbers


def set_note(small: Small, note: str, **more: Any) -> None:
    with small.portal.unit() as unit:
        unit.update("deal", small.deal, {"note": note, **more})


def written(small: Small) -> list[dict[str, Any]]:
    return [dict(effect.values) for effect in small.crm.effects if effect.verb == "update"]


# --- a unit of work ---------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-03")
def test_updates_of_one_unit_leave_as_one_the_later_word_counts_and_nothing_is_forgotten(small: Small) -> None:
    small.act = lambda unit, seen: None
    with small.portal.unit() as unit:
        unit.update("deal", small.deal, {"note": "перше", "answer": "а"}, stage="done", resync=True)
        unit.update("deal", small.deal, {"note": "друге"})
    small.run()
    [effect] = [effect for effect in small.crm.effects if effect.verb == "update"]
    assert effect.values == {"note": "друге", "answer": "а"} and effect.stage == "done"
    assert len(small.seen) == 1, "the sync that was asked for with the first still comes"


@pytest.mark.row("PL-03")
def test_a_comment_a_card_and_a_row_are_made_once_for_their_key(small: Small) -> None:
    for _ in range(3):
        with small.portal.unit() as unit:
            unit.comment("deal", small.deal, "text", key="c1")
            unit.create("contact", {"name": "Олена"}, key="k1", done="toy.made", context={})
            unit.put_row_if_changed("deal", small.deal, "line", {"text": Decimal("1.50"), "key": "k"}, row="r1")
        small.run()
    assert [effect.verb for effect in small.crm.effects] == ["comment", "create", "add_row"]


@pytest.mark.row("PL-03")
def test_two_looks_asked_for_in_one_unit_both_come(small: Small) -> None:
    other = small.crm.staff.new("deal", asked="а ви")
    with small.portal.unit() as unit:
        unit.resync("deal", small.deal)
        unit.resync("deal", other)
        unit.resync("deal", small.deal, author="Марія")
    small.run()
    assert {seen.record.id for seen in small.seen} == {small.deal, other}
    assert {state for state, _ in small.states("inbox")} == {"done"} and len(small.states("inbox")) == 3


# --- deliveries -------------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-02")
def test_deliveries_taken_in_together_are_kept_and_told_apart(small: Small) -> None:
    """Several records, two deliveries of one record, one that reports two, and a repeat, all in one unit of work."""
    other = small.crm.staff.new("deal", asked="")
    notice = [
        inbox.StoredDelivery([Event("deal.changed", "deal", small.deal, "А", "d1")], "1"),
        inbox.StoredDelivery([Event("deal.changed", "deal", one, "Б", "d2") for one in (small.deal, other)], "2"),
        inbox.StoredDelivery([Event("deal.changed", "deal", other, "В", "")], "3"),
    ]

    def store() -> list[str]:
        with small.database.write() as tx:
            return inbox.store_many(tx, "memory/main", notice, clock=small.clock, ids=small.portal.ids, queue=small.queue)

    first, again = store(), store()
    assert len(set(first)) == 3 and again[:2] == first[:2] and again[2] not in first, "without a name each is a new one"
    with small.database.read() as tx:
        kept = tx.all("SELECT id, record_id, author, body, delivery FROM inbox ORDER BY id")
    assert [(row["record_id"], row["author"], row["body"], row["delivery"]) for row in kept] == [
        (small.deal, "А", "1", "d1"), (small.deal, "Б", "2", "d2"), (other, "Б", "2", "d2#1"), (other, "В", "3", ""),
        (other, "В", "3", ""),
    ]  # fmt: skip
    assert first == [kept[0]["id"], kept[1]["id"], kept[3]["id"]]
    jobs = [(job.lane, job.number, job.args["id"]) for job in small.queue.waiting]
    assert sorted(jobs) == sorted(
        (f"look:memory/main:deal:{record}", n, record)
        for record, count in ((small.deal, 2), (other, 3))
        for n in range(1, count + 1)
    ), "looks at one record stand in one lane, each with a number of its own"
    small.run()
    assert {state for state, _ in small.states("inbox")} == {"done"} and len(small.seen) == 2


def test_numbers_of_many_lanes_are_drawn_in_order(small: Small) -> None:
    drawn = []
    for _ in range(2):
        with small.database.write() as tx:
            drawn.append(next_numbers(tx, ["b", "a", "b", "c", "b"]))
            drawn.append([next_number(tx, "b")])
    assert drawn == [[1, 1, 2, 1, 3], [4], [5, 2, 6, 2, 7], [8]]
    with small.database.write() as tx:
        assert next_numbers(tx, []) == []


# --- looks ------------------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-02")
def test_a_delivery_that_comes_while_the_record_is_read_gets_a_look_of_its_own(small: Small) -> None:
    def prepare(portal: Any, record: Any) -> None:
        if len(small.seen) == 0:
            small.crm.staff.set("deal", small.deal, asked="ще щось")  # after it was read
            small.deliver(author="Пізній")

    small.prepare = prepare
    small.deliver()
    small.run()
    assert [len(seen.events) for seen in small.seen] == [1, 1] and small.seen[1].author == "Пізній"
    assert small.field("answer") == "ЩЕ ЩОСЬ"


@pytest.mark.row("PL-03")
def test_a_write_that_arrives_while_the_record_is_read_is_reckoned_with(small: Small) -> None:
    set_note(small, "наше")

    def prepare(portal: Any, record: Any) -> None:
        assert record.values["note"] is None
        small.clock.advance(seconds=1)  # it arrives after the reading, and before the plugins act
        with small.database.write() as tx:
            outgoing.mark(tx, call(small, 1).id, "done", small.clock)
        small.clock.advance(seconds=1)

    small.prepare = prepare
    small.deliver()
    small.handlers["look"]({"portal": "memory/main", "entity": "deal", "id": small.deal, "trace": "t"})
    assert small.seen[0].expected.values["note"] == "наше" and small.seen[0].record.values["note"] is None


@pytest.mark.row("PL-03")
def test_what_is_on_its_way_shows_field_by_field_and_a_stage_stays_known(small: Small) -> None:
    row = small.crm.staff.add_row("deal", small.deal, "line", text="старий", key="k")
    with small.portal.unit() as unit:
        unit.update("deal", small.deal, {"note": "x"}, stage="done")
        unit.change_row("deal", small.deal, "line", row, {"text": "новий"})
    set_note(small, "y")  # without a stage: that of the first stays
    small.deliver()
    small.crm.fail_next(Unreachable("no route"), on=("update", "update_row"), times=2)
    while not small.seen:
        small.queue.run_one(small.handlers)
    expected = small.seen[0].expected
    assert (expected.stage, expected.values["note"], expected.values["asked"]) == ("done", "y", "як справи")
    assert dict(expected.rows["line"][0].values) == {"text": "новий", "key": "k"}


def test_plugins_are_told_that_a_record_is_gone(small: Small) -> None:
    gone: list[str] = []
    watch = Watch("deal", small.handle, gone=lambda unit, record_id: gone.append(record_id))
    small.plugins[:] = [Plugin("deaf", "Deaf", watches=(Watch("deal", small.handle),)), Plugin("a", "A", watches=(watch,))]
    small.crm.staff.delete("deal", small.deal)
    small.deliver()
    small.run()
    assert gone == [small.deal] and small.seen == []


@pytest.mark.row("PL-15")
def test_a_row_that_moved_makes_both_records_be_looked_at(small: Small) -> None:
    other = small.crm.staff.new("deal", asked="інша")
    row = small.crm.staff.add_row("deal", small.deal, "line", text="а")
    small.deliver()
    small.run()
    small.seen.clear()
    kept, target = small.crm._find("deal", small.deal), small.crm._find("deal", other)
    target.rows.setdefault("line", {})[row] = kept.rows["line"].pop(row)
    event = Event("row.changed", "deal/line", row, "Ігор", "row-1")
    with small.database.write() as tx:
        inbox.store(tx, small.portal.name, event, "", clock=small.clock, ids=small.portal.ids, queue=small.queue)
    small.run()
    assert {seen.record.id for seen in small.seen} == {small.deal, other}
    with small.database.read() as tx:
        assert owner_seen(tx, small.portal.name, "deal/line", row) == other


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-03")
def test_a_write_that_may_be_under_way_is_not_left_out_for_a_later_one(small: Small) -> None:
    """Should it arrive after the later one, its value would stay for good: so it is repeated first, in its order."""
    small.crm.fail_next(Unreachable("lost", maybe_done=True), on="update")
    set_note(small, "перше")
    small.queue.run_one(small.handlers)
    set_note(small, "друге")
    small.run()
    assert [state for state, _ in small.states()] == ["done", "done"]
    assert [one["note"] for one in written(small)] == ["перше", "друге"]


@pytest.mark.row("PL-03")
@pytest.mark.parametrize("fault", [Throttled("slowly", maybe_done=True), Unreachable("lost", maybe_done=True)])
def test_what_was_perhaps_carried_out_counts_as_a_try(small: Small, fault: Any) -> None:
    small.crm.fail_next(fault, on="create", after_commit=True)
    with small.portal.unit() as unit:
        unit.create("contact", {"name": "Олена"}, key="k1", done="toy.made", context={})
    small.run()
    assert not small.crm.doubled() and [state for state, _ in small.states()] == ["done"]


@pytest.mark.row("PL-03")
def test_a_row_whose_first_call_was_given_up_is_looked_for_by_the_next_one(small: Small) -> None:
    """The first call added the row, but nothing of it was ever heard: the second must not add another."""
    small.crm.fail_next(Unverified("shows nothing", maybe_done=True), on="add_row", after_commit=True, times=100)
    with small.portal.unit() as unit:
        unit.put_row("deal", small.deal, "line", {"text": "а"}, row="r1")
    small.run()
    assert [state for state, _ in small.states()] == ["failed"]
    small.crm.repair()
    with small.portal.unit() as unit:
        unit.put_row("deal", small.deal, "line", {"text": "б"}, row="r1")
    small.run()
    assert [row.values["text"] for row in small.crm.record("deal", small.deal).rows["line"]] == ["б"]


@pytest.mark.row("PL-03")
def test_a_portal_that_is_back_does_not_wait_minutes_for_us(small: Small) -> None:
    small.crm.fail_next(Unreachable("no route"), on="update", times=60)
    set_note(small, "x")
    for _ in range(60):
        before = small.clock.monotonic()
        assert small.queue.run_one(small.handlers) or small.queue.next_at()
        while not small.queue.run_one(small.handlers) and (moment := small.queue.next_at()):
            small.clock.set(moment)
        assert small.clock.monotonic() - before <= 30
        if written(small):
            break
    assert written(small) == [{"note": "x"}]


@pytest.mark.row("PL-03")
def test_a_refused_call_is_sent_once(small: Small) -> None:
    small.crm.fail_next(Rejected("no", maybe_done=True), on="update", times=50)
    set_note(small, "x")
    small.run()
    assert small.crm.called.count("update") == 1 and small.states() == [("failed", "no")]


@pytest.mark.row("PL-03")
def test_a_portal_that_swallows_what_was_filled_in_does_not_keep_us_busy_for_ever(small: Small) -> None:
    def swallow(unit: Any, seen: Any) -> None:
        unit.update("deal", seen.record.id, {"note": "x"}, resync=True)

    small.act = swallow
    small.deliver()
    started = sum(small.queue.run_one(small.handlers) is not None for _ in range(100))
    assert started < 20 and 1 <= len(small.seen) <= 3


def call(small: Small, number: int) -> outgoing.Call:
    with small.database.read() as tx:
        identity = tx.value("SELECT id FROM outgoing WHERE number = :n", n=number)
        found = outgoing.load(tx, identity)
    assert found is not None
    return found


def test_of_a_row_the_newest_call_that_was_not_dropped_counts(small: Small) -> None:
    for text in ("а", "б", "в"):
        with small.portal.unit() as unit:
            unit.put_row("deal", small.deal, "line", {"text": text}, row="r1")
    with small.database.write() as tx:
        assert outgoing.newest_values(tx, small.portal.name, "r1") == {"text": "в"}
        outgoing.mark(tx, call(small, 3).id, "dropped", small.clock)
        assert outgoing.newest_values(tx, small.portal.name, "r1") == {"text": "б"}
        assert outgoing.newest_values(tx, small.portal.name, "r2") is None


def test_a_row_is_known_from_earlier_calls_only(small: Small) -> None:
    for text in ("а", "б"):
        with small.portal.unit() as unit:
            unit.put_row("deal", small.deal, "line", {"text": text}, row="r1")
    first, second = call(small, 1), call(small, 2)
    with small.database.write() as tx:
        outgoing.starting(tx, second.id)
        outgoing.mark(tx, second.id, "done", small.clock, result="77")
        assert outgoing.earlier_rows(tx, first) == ("", False)
        outgoing.starting(tx, first.id)
        assert outgoing.earlier_rows(tx, second) == ("", True)
        outgoing.mark(tx, first.id, "done", small.clock, result="66")
        assert outgoing.earlier_rows(tx, second) == ("66", True)


@pytest.mark.row("PL-03")
def test_which_writes_a_reading_may_not_show_yet(small: Small) -> None:
    """Waiting, being sent, or done since the reading began; in their order. Not: done before, failed, of another record."""
    for note in "абвгд":
        set_note(small, note)
    with small.portal.unit() as unit:
        unit.comment("deal", small.deal, "text", key="c")
        unit.update("deal", "999", {"note": "чуже"})

    def unseen() -> list[str]:
        with small.database.read() as tx:
            found = outgoing.unseen_writes(tx, small.portal.name, f"deal:{small.deal}", began)
        return [one.payload["values"]["note"] for one in found]

    began = int(small.clock.now().timestamp() * 1_000_000) + 1_000_000
    with small.database.write() as tx:
        outgoing.mark(tx, call(small, 1).id, "done", small.clock)  # before the reading began
        outgoing.starting(tx, call(small, 2).id)
        outgoing.mark(tx, call(small, 3).id, "failed", small.clock)
    small.clock.advance(seconds=1)
    with small.database.write() as tx:
        outgoing.mark(tx, call(small, 4).id, "done", small.clock)  # in the very moment
    assert unseen() == ["б", "г", "д"]


def test_what_lost_its_job_is_found_by_its_age_and_state(small: Small) -> None:
    small.deliver()
    for note in "абв":
        set_note(small, note)
    small.clock.advance(hours=1)
    old = int(small.clock.now().timestamp() * 1_000_000)
    set_note(small, "нове")
    other = small.crm.staff.new("deal", asked="")
    small.deliver(other)
    with small.database.write() as tx:
        outgoing.mark(tx, call(small, 1).id, "done", small.clock)
        outgoing.starting(tx, call(small, 2).id)
    with small.database.write() as tx:
        assert [one.payload["values"]["note"] for one in outgoing.overdue(tx, old)] == ["б", "в"]
        assert [(record, trace) for _, _, record, trace in inbox.overdue(tx, old)] == [(small.deal, "id000001")]
        waiting = inbox.waiting_for(tx, small.portal.name, "deal", small.deal)
        inbox.settle(tx, [one.id for one in waiting], "done", "", small.clock)
        assert inbox.overdue(tx, old) == []
        assert tx.value("SELECT done_at FROM inbox WHERE state = 'done'") > old
        assert tx.value("SELECT COUNT(*) FROM inbox WHERE state = 'new' AND done_at IS NULL") == 1
        inbox.settle(tx, [one.id for one in waiting], "new", "", small.clock)
        assert tx.value("SELECT COUNT(*) FROM inbox WHERE done_at IS NULL") == 2


# --- sweeps -----------------------------------------------------------------------------------------------------------

EVERY = Sweeping(every_seconds=20, calm_seconds=20)


def mark_of(small: Small) -> datetime:
    with small.database.read() as tx:
        return datetime.fromtimestamp(tx.value("SELECT upto FROM crm_sweep WHERE entity = 'deal'") / 1e6, UTC)


@pytest.mark.row("PL-15")
def test_a_sweep_goes_back_two_minutes_and_its_mark_never_does(small: Small) -> None:
    asked: list[datetime] = []
    real = small.crm.changed
    small.crm.changed = lambda since: asked.append(since["deal"]) or real(since)  # type: ignore[func-returns-value,method-assign]
    sweep(small.portal, small.plugins, EVERY)
    first = mark_of(small)
    assert asked[-1] <= small.clock.now() - timedelta(hours=1)
    small.clock.advance(seconds=20)
    sweep(small.portal, small.plugins, EVERY)
    assert asked[-1] == first - timedelta(minutes=2) and mark_of(small) == first
    small.crm._find("deal", small.deal).changed_at = asked[-1]  # a change that shows late, with an old time
    small.clock.advance(seconds=20)
    sweep(small.portal, small.plugins, EVERY)
    assert mark_of(small) == first, "an old change does not take the mark back"


@pytest.mark.row("PL-15")
def test_what_changed_while_the_portal_was_down_is_asked_for_afterwards(small: Small) -> None:
    sweep(small.portal, small.plugins, EVERY)
    small.run()
    before = mark_of(small)
    small.crm.fail_next(Unreachable("down"), on="changed", times=5)
    for _ in range(5):
        small.clock.advance(minutes=10)
        small.crm.staff.set("deal", small.deal, asked="поки не було")
        sweep(small.portal, small.plugins, EVERY)
        assert mark_of(small) == before


@pytest.mark.row("PL-15")
def test_a_look_that_waits_already_is_not_asked_for_again(small: Small) -> None:
    assert [sweep(small.portal, small.plugins, EVERY) for _ in range(3)] == [1, 0, 0]
    small.run()
    assert len(small.seen) == 1


def given(record: Record, small: Small) -> int:
    """How many looks a sweep asks for whose list gives this whole record."""
    at = small.clock.now() - timedelta(hours=1)  # long before the reading: only the content can tell
    small.crm.changed = lambda since: [Changed("deal", record.id, at, record=record)]  # type: ignore[method-assign]
    return sweep(small.portal, small.plugins, EVERY)


@pytest.mark.row("PL-15")
@pytest.mark.parametrize(
    "other",
    [
        {"stage": "done"}, {"stage_label": "Готово"}, {"values": {"asked": "інше"}}, {"name": "інша"},
        {"rows": {"line": (Row("1", {"text": "б", "key": None}),)}},
    ],
    ids=["stage", "label", "value", "name", "row"],
)  # fmt: skip
def test_a_record_that_differs_in_anything_gets_a_look(small: Small, other: dict[str, Any]) -> None:
    small.crm.staff.add_row("deal", small.deal, "line", text="а")
    small.deliver()
    small.run()
    set_as = small.crm.record("deal", small.deal)
    small.deliver()
    small.run()
    assert given(set_as, small) == 0
    values = {**set_as.values, **other.get("values", {})}
    assert given(replace(set_as, **{**other, "values": values}), small) == 1


@pytest.mark.row("PL-15")
def test_a_record_never_seen_gets_a_look_whether_the_list_gives_it_whole_or_not(small: Small) -> None:
    assert given(small.crm.record("deal", small.deal), small) == 1


@pytest.mark.row("PL-15")
@pytest.mark.parametrize("after", [0.0, 2.9])
def test_a_record_read_too_soon_after_its_change_gets_another_look(small: Small, after: float) -> None:
    small.deliver()
    small.run()
    with small.database.write() as tx:  # as if read so long after the change
        record = small.crm.record("deal", small.deal)
        moment = int((record.changed_at.timestamp() + after) * 1_000_000)  # type: ignore[union-attr]
        keep_seen(tx, small.portal.name, record, moment)
        known = known_of(tx, small.portal.name, "deal", small.deal)
        assert known is not None and known.read_at == moment
    assert sweep(small.portal, small.plugins, EVERY) == 1


@pytest.mark.row("PL-15")
def test_kinds_of_records_are_swept_in_their_turns_and_all_of_them_come(small: Small) -> None:
    asked: list[set[str]] = []
    small.crm.changed = lambda since: asked.append(set(since)) or []  # type: ignore[func-returns-value,method-assign]
    small.plugins.append(Plugin("cards", "Cards", watches=(Watch("contact", small.handle),)))
    for _ in range(6):
        sweep(small.portal, small.plugins, Sweeping(20, 20, {"contact": 3}))
        small.clock.advance(seconds=20)
    assert all("deal" in names for names in asked) and sum("contact" in names for names in asked) == 2


def test_a_copy_changed_by_hand_is_named(small: Small) -> None:
    small.deliver()
    small.run()
    with small.database.write() as tx:
        assert list(faults(tx)) == []
        tx.run("UPDATE crm_seen SET body = REPLACE(body, 'як справи', 'як гроші')")
        [notice] = faults(tx)
    assert notice.startswith(f"crm_seen memory/main deal {small.deal}")
