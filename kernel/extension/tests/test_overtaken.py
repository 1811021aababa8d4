"""A worker stands still at the worst moment, and another one takes its place: what the first one does when it wakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kernel.extension.calls import carry_out
from kernel.extension.sync import sync
from kernel.extension.tests.small import Small
from kernel.http import RateLimit, SharedGate
from kernel.http.gate import Overtaken, fenced
from kernel.jobs import Again, outgoing


@pytest.fixture
def small(both: Small) -> Small:
    return both


def wake_in(small: Small, method: str, meanwhile: Callable[[], None], *, before: bool) -> None:
    """The next call of that method stands still, before or after it takes effect, while something else happens."""
    real = getattr(small.crm, method)

    def still(*args: Any, **values: Any) -> Any:
        setattr(small.crm, method, real)
        if before:
            meanwhile()
        found = real(*args, **values)
        if not before:
            meanwhile()
        return found

    setattr(small.crm, method, still)


def only_call(small: Small) -> dict[str, Any]:
    with small.database.read() as tx:
        row = tx.one("SELECT id, trace FROM outgoing")
    assert row is not None
    return {"id": row["id"], "portal": small.portal.name, "trace": row["trace"]}


@pytest.mark.row("PL-03", "PL-07")
def test_what_follows_a_creation_follows_once_though_two_workers_saw_it_done(small: Small) -> None:
    with small.portal.unit() as unit:
        unit.create("contact", {"name": "Ганна"}, key="card:1", done="toy.made", context={"n": 1})
    args = only_call(small)
    wake_in(small, "create", lambda: carry_out(small.portal, small.plugins, args), before=False)
    carry_out(small.portal, small.plugins, args)  # stands still after the request; the other one finds the card by its key
    assert len(small.made) == 1 and small.states() == [("done", "")]
    assert len(small.crm.find("contact")) == 1


@pytest.mark.row("PL-03", "PL-07")
def test_a_refusal_that_comes_late_does_not_undo_what_the_other_one_did(small: Small) -> None:
    with small.portal.unit() as unit:
        unit.comment("deal", small.deal, "раз", key="k")
    args = only_call(small)
    real = small.crm.comment

    def late(*values: Any, **named: Any) -> Any:
        small.crm.comment = real  # type: ignore[method-assign]
        carry_out(small.portal, small.plugins, args)
        raise small_fault()

    small.crm.comment = late  # type: ignore[method-assign, assignment]
    carry_out(small.portal, small.plugins, args)
    assert small.states() == [("done", "")]


def small_fault() -> Exception:
    from kernel.errors import Rejected

    return Rejected("no")


@pytest.mark.row("PL-03", "PL-07")
def test_a_request_leaves_only_while_its_call_is_ours(small: Small) -> None:
    """The last moment is the gate: who waited there while their call was taken over sends nothing."""
    gate = SharedGate("p", RateLimit(per_second=2), small.database, small.clock)
    with small.portal.unit() as unit:
        unit.comment("deal", small.deal, "раз", key="k")
    call = only_call(small)["id"]
    with small.database.write() as tx:
        first = outgoing.starting(tx, call)
    with fenced(small.database, lambda tx: outgoing.still_ours(tx, call, first)):
        gate.acquire()
        gate.release()
        with small.database.write() as tx:
            assert outgoing.starting(tx, call) == first + 1
        with pytest.raises(Overtaken):
            gate.acquire()
    gate.acquire()  # others are not held up by it
    gate.release()
    with small.database.read() as tx:
        assert tx.value("SELECT used FROM http_gate WHERE name = 'p'") == 2, "what did not leave is not counted"


@pytest.mark.row("PL-02", "PL-07")
def test_an_old_reading_does_not_come_over_a_new_one(small: Small) -> None:
    """Read, stood still; meanwhile staff changed the record and another worker looked. The old reading must not stand."""
    small.deliver()
    args = {"portal": small.portal.name, "entity": "deal", "id": small.deal, "trace": "t"}

    def meanwhile() -> None:
        small.crm.staff.set("deal", small.deal, asked="вже інакше")
        small.deliver()
        sync(small.portal, small.plugins, args)

    wake_in(small, "get", meanwhile, before=False)
    with pytest.raises(Again):
        sync(small.portal, small.plugins, args)
    sync(small.portal, small.plugins, args)  # as the engine does after Again: nothing is left to look at
    assert [seen.record.values["asked"] for seen in small.seen] == ["вже інакше"]
    small.run()
    assert small.field("answer") == "ВЖЕ ІНАКШЕ"
