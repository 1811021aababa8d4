"""One pass over a record: who has their turn when, what all of them see, what `prepare` may not do; and the typed hooks."""

from __future__ import annotations

from typing import Any

import pytest

from kernel.errors import Misconfigured
from kernel.extension import Plugin, Seen, Watch
from kernel.extension.hooks import Hook, collect
from kernel.extension.model import Phase
from kernel.extension.portal import Portal, Unit
from kernel.extension.reading import ReadAgain, ReadOnlyPortal, WroteWhileReading
from kernel.extension.tests.small import Small
from kernel.values import to_micros


def _watching(name: str, phase: Phase, handle: Any) -> Plugin:
    return Plugin(name, name, watches=(Watch("deal", handle, phase=phase),))


def test_plugins_have_their_turn_by_phase_and_then_by_name(small: Small) -> None:
    order: list[str] = []

    def noting(name: str) -> Any:
        return lambda unit, seen: order.append(name)

    wanted: list[tuple[str, Phase]] = [
        ("y", "guard"), ("z", "guard"), ("c", "fill"), ("d", "fill"), ("a", "act"), ("b", "act"),
    ]  # fmt: skip
    small.plugins[:] = [_watching(name, phase, noting(name)) for name, phase in reversed(wanted)]
    small.deliver()
    small.run()
    assert order == [name for name, _phase in wanted]


def test_all_plugins_of_a_pass_judge_the_same_reading_and_see_what_those_before_have_written(small: Small) -> None:
    row = small.crm.staff.add_row("deal", small.deal, "line", text="а")
    seen: dict[str, Any] = {}

    def guard(unit: Unit, one: Seen) -> None:
        small.crm.staff.set("deal", small.deal, note="typed meanwhile")
        unit.update("deal", small.deal, {"note": "guard"}, stage="done")
        unit.flush()
        unit.change_row("deal", small.deal, "line", row, {"text": "б"})

    def fill(unit: Unit, one: Seen) -> None:
        seen["fill"] = one
        unit.update("deal", small.deal, {"answer": "fill"})

    def act(unit: Unit, one: Seen) -> None:
        seen["act"] = one

    small.plugins[:] = [_watching("act", "act", act), _watching("fill", "fill", fill), _watching("guard", "guard", guard)]
    small.deliver()
    small.run()
    assert seen["fill"].record == seen["act"].record and seen["act"].record.values["note"] is None
    for name, answer in (("fill", None), ("act", "fill")):
        expected = seen[name].expected
        assert (expected.values["note"], expected.stage, expected.values["answer"]) == ("guard", "done", answer)
        assert expected.rows == {} or expected.rows["line"][0].values["text"] == "б"
    assert small.crm.called.count("get") == 1


WRITING: list[Any] = [
    lambda portal, deal: portal.crm.update("deal", deal, {"note": "x"}),
    lambda portal, deal: portal.crm.comment("deal", deal, "x", key="x"),
    lambda portal, deal: portal.crm.workdays.start("user:1"),
    lambda portal, deal: portal.unit().__enter__(),
    lambda portal, deal: portal.database.write().__enter__(),
    lambda portal, deal: portal.queue.enqueue(None, None),
]


@pytest.mark.parametrize("write", WRITING)
def test_a_prepare_that_writes_is_refused(small: Small, write: Any) -> None:
    small.prepare = lambda portal, record: write(portal, record.id)
    small.deliver()
    small.queue.run_until_quiet(small.handlers)
    [(_, fault)] = small.queue.broken
    assert isinstance(fault, WroteWhileReading)
    assert small.crm.effects == [] and small.seen == []


def test_a_prepare_may_read_all_it_likes(small: Small) -> None:
    small.crm.staff.hire("Ігор")

    def prepare(portal: ReadOnlyPortal, record: Any) -> Any:
        assert portal.crm.people and portal.crm.workdays and portal.crm.history
        with portal.database.read() as tx:
            tx.value("SELECT 1")
        return (
            portal.crm.get("deal", record.id).id, len(portal.crm.find("deal")), len(portal.crm.people.all()),
            portal.crm.history.moves("deal", record.id), portal.crm.workdays.statuses([]), portal.crm.files,
            portal.crm.link("deal", record.id), [one.name for one in portal.people()], portal.crm.name,
        )  # fmt: skip

    small.prepare = prepare
    small.deliver()
    small.run()
    assert small.seen[0].prepared[0] == small.deal and small.seen[0].prepared[-2:] == (["Ігор"], "memory")
    asked = small.crm.called.count("people")
    small.portal.people()
    assert small.crm.called.count("people") == asked, "what a prepare has found out about people is kept for all"


def test_a_prepare_may_have_the_record_read_once_more_for_all(small: Small) -> None:
    readings: list[tuple[str, bool]] = []

    def wants_another(portal: ReadOnlyPortal, record: Any) -> Any:
        readings.append((record.values["note"], portal.last_reading))
        if not portal.last_reading:
            small.crm.staff.set("deal", small.deal, note="newer")
            raise ReadAgain(0.5)
        return portal.read_at

    watch = Watch("deal", small.handle, prepare=wants_another)
    small.plugins.append(Plugin("again", "Again", watches=(watch,)))
    before = small.clock.now()
    small.deliver()
    small.run()
    assert readings == [(None, False), ("newer", True)]
    assert {one.record.values["note"] for one in small.seen} == {"newer"} and len(small.seen) == 2
    assert max(one.prepared or 0 for one in small.seen) >= to_micros(before) + 500_000


# --- hooks ---------------------------------------------------------------------------------------------------------------


GREETING: Hook[[Portal, str], str] = Hook("host.greeting")


def _greet(portal: Portal, name: str) -> str:
    return f"{portal.name}: {name}"


def test_a_hook_is_answered_by_those_who_are_switched_on(small: Small) -> None:
    host = Plugin("host", "Host", asks=(GREETING,))
    guests = [Plugin(name, name, hooks=(GREETING.by(_greet),)) for name in ("b", "a")]
    small.portal.hooks = collect([host, *guests])
    assert [greet(small.portal, "x") for greet in GREETING.functions(small.portal)] == ["memory/main: x"] * 2
    small.portal.hooks = collect(guests, [host, *guests])
    assert GREETING.functions(small.portal) == (), "nobody asks: the host is not switched on"


def test_an_answer_to_a_hook_that_nobody_asks_is_an_error() -> None:
    host, stranger = Plugin("host", "Host", asks=(GREETING,)), Hook[[Portal], None]("host.farewell")
    guest = Plugin("guest", "Guest", hooks=(stranger.by(lambda _portal: None),))
    with pytest.raises(Misconfigured, match=r"«host.farewell», which «host» does not ask; it asks: host.greeting"):
        collect([guest], [host, guest])
    with pytest.raises(Misconfigured, match="no plugin «host» is installed"):
        collect([guest])
