"""Syncs and calls under every fault: nothing lost, nothing doubled, and a person sees what cannot be fixed."""

from __future__ import annotations

from typing import Any

import pytest

from kernel.crm.seen import faults, last_seen
from kernel.errors import Fault, Misconfigured, NoRight, NotFound, Rejected, Throttled, Unreachable, Unverified
from kernel.extension.calls import GIVE_UP_AFTER_SECONDS, UNVERIFIED_TRIES
from kernel.extension.tests.small import Small
from kernel.jobs import outgoing

# --- looks -----------------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-02")
def test_one_look_covers_all_deliveries_before_it(both: Small) -> None:
    for author in ("Ігор", "Марія", ""):
        both.deliver(author=author)
    both.run()
    assert len(both.seen) == 1 and len(both.seen[0].events) == 3 and both.seen[0].author == "Марія"
    assert both.crm.called.count("get") == 1 and both.field("answer") == "ЯК СПРАВИ"
    assert {state for state, _ in both.states("inbox")} == {"done"}


@pytest.mark.row("PL-02")
def test_what_was_seen_before_stands_beside_what_is_seen_now(small: Small) -> None:
    small.deliver()
    small.run()
    small.crm.staff.set("deal", small.deal, asked="а тепер")
    small.deliver()
    small.run()
    before = small.seen[1].before
    assert small.seen[0].before is None and before is not None and before.values["asked"] == "як справи"
    with small.database.read() as tx:
        kept = last_seen(tx, "memory/main", "deal", small.deal)
        assert kept is not None and kept.values["asked"] == "а тепер" and list(faults(tx)) == []


FAULTS: list[tuple[Exception, str]] = [
    (Unreachable("no route"), "done"),
    (Throttled("slowly", wait_seconds=5), "done"),
    (Throttled("slowly", wait_seconds=100_000), "done"),
    (Unverified("other value"), "done"),
    (NotFound("gone"), "done"),
    (Rejected("no"), "failed"),
    (NoRight("not yours"), "failed"),
    (Misconfigured("no such field"), "failed"),
]


@pytest.mark.row("PL-02", "PL-03")
@pytest.mark.parametrize(("fault", "state"), FAULTS)
def test_a_look_under_every_fault(small: Small, fault: Any, state: str) -> None:
    small.crm.fail_next(fault, on="get", times=2)
    small.deliver()
    small.run()
    [(found, reason)] = small.states("inbox")
    assert found == state and small.clock.monotonic() < 400
    if state == "failed":
        assert reason == str(fault) and small.seen == []
    elif not isinstance(fault, NotFound):
        assert small.field("answer") == "ЯК СПРАВИ"


@pytest.mark.row("PL-03")
def test_a_fault_while_preparing_leaves_nothing_and_comes_again(small: Small) -> None:
    faulty = iter([Unreachable("no route"), None])

    def prepare(portal: Any, record: Any) -> str:
        if fault := next(faulty):
            raise fault
        return "prepared"

    small.prepare = prepare
    small.deliver()
    small.run()
    assert [seen.prepared for seen in small.seen] == ["prepared"] and small.states("inbox") == [("done", "")]


@pytest.mark.row("PL-01")
def test_a_broken_handler_leaves_the_delivery_waiting(small: Small) -> None:
    def broken(unit: Any, seen: Any) -> None:
        unit.comment("deal", seen.record.id, "half", key="half")
        raise ZeroDivisionError

    small.act = broken
    small.deliver()
    with pytest.raises(ZeroDivisionError):
        small.run()
    assert small.states("inbox") == [("new", "")] and small.states() == []
    small.queue.broken.clear()
    small.act = small.answer
    small.deliver()  # the next one covers it, too
    small.run()
    assert len(small.seen[-1].events) == 2 and {state for state, _ in small.states("inbox")} == {"done"}


@pytest.mark.parametrize("text", ["a\x00b", "C:\\u0000", "\\\\u0000 \x00", "\\", '"\\u0000"'])
def test_odd_characters_in_a_field_do_not_stop_the_look(both: Small, text: str) -> None:
    both.crm.staff.set("deal", both.deal, asked=text)
    both.deliver()
    both.run()
    assert both.seen[0].record.values["asked"] == text.replace("\x00", "\ufffd")
    with both.database.read() as tx:
        kept = last_seen(tx, "memory/main", "deal", both.deal)
    assert kept is not None and kept.values["asked"] == text.replace("\x00", "\ufffd")


# --- our own writes in flight ----------------------------------------------------------------------------------------


@pytest.mark.row("PL-03")
def test_a_value_put_back_while_an_older_write_waits_does_not_stay_wrong(both: Small) -> None:
    both.deliver()
    both.run()  # the answer stands
    both.crm.fail_next(Unreachable("no route"), on="update", times=3)
    both.crm.staff.set("deal", both.deal, asked="інше")
    both.deliver()
    for _ in range(2):
        both.queue.run_one(both.handlers)
    assert [state for state, _ in both.states()] == ["done", "sending"]
    both.crm.staff.set("deal", both.deal, asked="як справи")  # the CRM still shows the first answer, so nothing differs
    both.deliver()
    both.run()
    assert both.field("answer") == "ЯК СПРАВИ" and both.seen[-1].expected.values["answer"] == "ІНШЕ"


@pytest.mark.row("PL-03")
def test_soon_shows_stage_and_rows_as_they_will_be(small: Small) -> None:
    key = small.crm.staff.add_row("deal", small.deal, "line", text="старий")
    small.crm.fail_next(Unreachable("no route"), on=("update", "update_row"), times=2)

    def act(unit: Any, seen: Any) -> None:
        if len(small.seen) == 1:
            unit.update("deal", seen.record.id, {"note": "x"}, stage="done")
            unit.change_row("deal", seen.record.id, "line", key, {"text": "новий"})

    small.act = act
    small.deliver()
    small.queue.run_one(small.handlers)
    small.deliver()
    small.run()
    expected = small.seen[1].expected
    assert expected.stage == "done" and expected.values["note"] == "x" and expected.rows["line"][0].values["text"] == "новий"
    assert small.crm.record("deal", small.deal).stage == "done"


@pytest.mark.row("PL-03")
def test_waiting_updates_of_one_record_melt_into_the_newest(small: Small) -> None:
    small.crm.fail_next(Unreachable("no route"), on="get", times=0)
    for text in ("а", "б", "в"):
        with small.portal.unit() as unit:
            unit.update("deal", small.deal, {"note": text})
            unit.update("deal", small.deal, {"answer": text})
    small.run()
    assert [state for state, _ in small.states()] == ["superseded", "superseded", "done"]
    assert [effect.values for effect in small.crm.effects] == [{"note": "в", "answer": "в"}]


# --- calls -----------------------------------------------------------------------------------------------------------


def act(small: Small, verb: str) -> None:
    with small.portal.unit() as unit:
        match verb:
            case "update":
                unit.update("deal", small.deal, {"note": "x"})
            case "comment":
                unit.comment("deal", small.deal, "text", to=("user:1",), key="c1")
            case "create":
                unit.create("contact", {"name": "Олена"}, key="k1", done="toy.made", context={"n": 1})
            case "add_row":
                unit.put_row("deal", small.deal, "line", {"text": "x"}, row="r1")


VERBS = ("update", "comment", "create", "add_row")


@pytest.mark.row("PL-03")
@pytest.mark.parametrize("fault", [Unreachable("lost", maybe_done=True), Unverified("other", maybe_done=True)])
def test_a_lost_answer_doubles_nothing(both: Small, fault: Fault) -> None:
    for verb in VERBS:
        both.crm.fail_next(fault, on=verb, after_commit=True)
        act(both, verb)
        both.run()
    assert both.crm.doubled() == [] and [state for state, _ in both.states()] == ["done"] * 4
    assert [effect.verb for effect in both.crm.effects if effect.verb != "update"] == ["comment", "create", "add_row"]
    assert len(both.made) == 1 and both.made[0][0] == {"n": 1}


@pytest.mark.row("PL-03")
@pytest.mark.parametrize("verb", VERBS)
def test_a_worker_that_dies_at_any_point_of_a_call_neither_loses_nor_doubles_it(both: Small, verb: str) -> None:
    trouble = both.database.trouble  # type: ignore[attr-defined]
    both.crm.trouble = trouble
    for nth in range(1, 7):
        with both.database.write() as tx:
            tx.run("DELETE FROM outgoing")
        both.crm.effects.clear()
        both.crm._comments.clear()
        act(both, verb)
        trouble.crash_at(nth)
        both.run()
        trouble.calm()
        effects = [effect.verb for effect in both.crm.effects]
        assert effects in ([verb], ["update", "update"] if verb == "update" else [verb]), (nth, effects)
        if verb == "create":
            both.crm._kept = {key: kept for key, kept in both.crm._kept.items() if key[0] == "deal"}
        if verb == "add_row":
            both.crm._find("deal", both.deal).rows.clear()


@pytest.mark.row("PL-03")
@pytest.mark.parametrize("fault", [Rejected("no"), NoRight("not yours"), NotFound("gone"), Misconfigured("no field")])
def test_what_cannot_succeed_waits_in_the_list_with_its_reason(small: Small, fault: Any) -> None:
    small.crm.fail_next(fault, on="comment")
    act(small, "comment")
    act(small, "update")
    small.run()
    assert small.states() == [("failed", str(fault)), ("done", "")], "the lane goes on"
    with small.database.write() as tx:
        call = outgoing.by_key(tx, "memory/main", "c1")
        assert call is not None
        outgoing.again(tx, call, queue=small.queue, clock=small.clock)
    small.run()
    assert [state for state, _ in small.states()] == ["done", "done"] and len(small.crm.comments()) == 1


@pytest.mark.row("PL-03")
def test_a_write_that_never_shows_is_given_up_after_some_tries(small: Small) -> None:
    small.crm.fail_next(Unverified("shows «y»", maybe_done=True), on="update", times=100)
    act(small, "update")
    small.run()
    assert small.states() == [("failed", "shows «y»")] and small.crm.called.count("update") == UNVERIFIED_TRIES


@pytest.mark.row("PL-03")
def test_throttled_is_not_a_try_and_waits_as_long_as_asked(small: Small) -> None:
    small.crm.fail_next(Throttled("slowly", wait_seconds=40), on="comment", times=3)
    act(small, "comment")
    small.run()
    assert 120 <= small.clock.monotonic() < 125 and len(small.crm.comments()) == 1
    with small.database.read() as tx:
        assert tx.value("SELECT attempts FROM outgoing") == 1


@pytest.mark.row("PL-03")
def test_two_days_without_the_crm_are_too_much(small: Small) -> None:
    def away(*_: object, **__: object) -> None:
        small.clock.advance(seconds=1800)  # else thousands of tries would be made
        raise Unreachable("no route")

    small.crm.update = away  # type: ignore[method-assign]
    act(small, "update")
    small.run()
    assert small.states() == [("failed", "no route")]
    assert GIVE_UP_AFTER_SECONDS <= small.clock.monotonic() < GIVE_UP_AFTER_SECONDS + 2 * 1800 + 400


@pytest.mark.row("PL-03")
def test_a_row_is_added_once_and_changed_afterwards(small: Small) -> None:
    for text in ("а", "б", "б"):
        with small.portal.unit() as unit:
            unit.put_row_if_changed("deal", small.deal, "line", {"text": text}, row="r1")
    small.crm.fail_next(Unreachable("lost", maybe_done=True), on="add_row", after_commit=True)
    small.run()
    [row] = small.crm.record("deal", small.deal).rows["line"]
    assert row.values["text"] == "б" and len(small.states()) == 2


@pytest.mark.row("PL-03")
def test_calls_of_one_record_arrive_in_order_whatever_fails(small: Small) -> None:
    small.crm.fail_next(Unreachable("no route"), on="comment", times=2)
    with small.portal.unit() as unit:
        for n in range(4):
            unit.comment("deal", small.deal, f"{n}", key=f"k{n}")
    small.run()
    assert [comment.text for comment in small.crm.comments()] == ["0", "1", "2", "3"]


@pytest.mark.row("PL-03")
def test_a_unit_of_work_that_fails_sends_nothing(small: Small) -> None:
    with pytest.raises(RuntimeError), small.portal.unit() as unit:  # noqa: PT012
        unit.comment("deal", small.deal, "x", key="x")
        unit.update("deal", small.deal, {"note": "x"})
        raise RuntimeError
    assert small.states() == [] and small.queue.waiting == []


def test_people_are_asked_at_most_every_few_minutes(small: Small) -> None:
    small.crm.staff.hire("Ігор")
    for _ in range(3):
        assert [person.name for person in small.portal.people()] == ["Ігор"]
    small.clock.advance(minutes=6)
    small.portal.people()
    assert small.crm.called.count("people") == 2


@pytest.mark.row("PL-03")
def test_a_failed_write_that_is_tried_again_leaves_what_was_written_since(small: Small) -> None:
    """The owner presses «again» a week later: what the call says is old by then, and nobody would write the new again."""

    def write(**values: Any) -> None:
        with small.portal.unit() as unit:
            unit.update("deal", small.deal, values)

    small.crm.fail_next(Rejected("not now"), on="update")
    write(answer="old", note="old")
    small.run()
    write(answer="new")
    small.run()
    assert small.field("answer") == "new" and small.states()[0] == ("failed", "not now")
    again(small)
    assert (small.field("answer"), small.field("note")) == ("new", "old"), "only what nobody has said since is sent"


@pytest.mark.row("PL-03")
def test_a_failed_write_that_is_all_said_again_is_not_sent(small: Small) -> None:
    for text in ("old", "new"):
        small.crm.fail_next(Rejected("not now"), on="update", times=int(text == "old"))
        with small.portal.unit() as unit:
            unit.update("deal", small.deal, {"answer": text}, stage="done" if text == "new" else "new")
        small.run()
    sent = small.crm.called.count("update")
    again(small)
    assert small.crm.called.count("update") == sent and small.states()[0] == ("superseded", "")
    assert small.field("answer") == "new" and small.crm.record("deal", small.deal).stage == "done"


@pytest.mark.row("PL-03")
def test_a_failed_row_that_is_tried_again_leaves_other_rows_and_newer_words(small: Small) -> None:
    for text, row in (("old", "a"), ("new", "a"), ("other", "b")):
        small.crm.fail_next(Rejected("not now"), on="add_row", times=int(text == "old"))
        with small.portal.unit() as unit:
            unit.put_row("deal", small.deal, "line", {"text": text}, row=row)
        small.run()
    again(small)
    rows = small.crm.record("deal", small.deal).rows["line"]
    assert sorted(str(row.values["text"]) for row in rows) == ["new", "other"]


def again(small: Small) -> None:
    """As `annex jobs retry` does for the first call that failed."""
    with small.database.write() as tx:
        failed = outgoing.load(tx, tx.value("SELECT id FROM outgoing WHERE state = 'failed' ORDER BY number"))
        assert failed is not None
        outgoing.again(tx, failed, queue=small.queue, clock=small.clock)
    small.run()
