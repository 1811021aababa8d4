"""The twins keep the interfaces they stand for, and their faults are the real ones'."""

from __future__ import annotations

import inspect
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kernel.clock import Clock, Ids, SystemClock, TimeIds
from kernel.crm import CRM, Ref, Unreadable
from kernel.errors import NotFound, Throttled, Unreachable
from kernel.extension.tests.small import SET
from kernel.jobs import Again, Job, Queue
from kernel.jobs.engine import DbosQueue
from kernel.storage import MigrationSet, migrate
from kernel.testing import CountingIds, Crash, FakeClock, MemoryCRM, MemoryQueue, TroubledDatabase


def parameters(method: Any) -> list[str]:
    return list(inspect.signature(method).parameters)


@pytest.mark.parametrize(
    ("interface", "twin"),
    [
        (CRM, MemoryCRM), (Queue, MemoryQueue), (Queue, DbosQueue), (Clock, FakeClock), (Clock, SystemClock),
        (Ids, CountingIds), (Ids, TimeIds),
    ],
)  # fmt: skip
def test_a_twin_has_every_method_with_the_same_parameters(interface: Any, twin: Any) -> None:
    for name, method in inspect.getmembers(interface, inspect.isfunction):
        if not name.startswith("_"):
            assert parameters(getattr(twin, name)) == parameters(method), name


@pytest.fixture
def crm() -> MemoryCRM:
    return MemoryCRM(SET, FakeClock())


def test_values_stages_and_rows(crm: MemoryCRM) -> None:
    deal = crm.staff.new("deal", asked="x")
    crm.staff.add_row("deal", deal, "line", text="один")
    crm.update("deal", deal, {"answer": "y", "asked": None}, stage="done")
    record = crm.get("deal", deal, tables=["line"])
    assert (record.stage, record.stage_label) == ("done", "Готово")
    assert (record.values["answer"], record.values["asked"]) == ("y", None)
    assert record.rows["line"][0].values["text"] == "один" and crm.get("deal", deal).rows == {}
    crm.staff.move(deal, "Архів")
    assert crm.get("deal", deal).stage is None and crm.get("deal", deal).stage_label == "Архів"
    with pytest.raises(NotFound):
        crm.get("deal", "999")
    with pytest.raises(AssertionError, match="no field nobody"):
        crm.update("deal", deal, {"nobody": 1})


def test_a_repeat_without_a_look_up_doubles_and_with_one_does_not(crm: MemoryCRM) -> None:
    deal = crm.staff.new("deal")
    first = crm.create("contact", {"name": "x"}, key="k")
    assert crm.create("contact", {"name": "x"}, key="k", maybe_done=True) == first and crm.doubled() == []
    assert crm.create("contact", {"name": "x"}, key="k") != first and len(crm.doubled()) == 1
    crm.comment("deal", deal, "a", key="c")
    crm.comment("deal", deal, "a", key="c", maybe_done=True)
    crm.add_row("deal", deal, "line", {"text": "a"}, key="r")
    crm.add_row("deal", deal, "line", {"text": "b"}, key="r", maybe_done=True)
    assert len(crm.comments(deal)) == 1 and [r.values["text"] for r in crm.record("deal", deal).rows["line"]] == ["b"]


def test_faults_to_order(crm: MemoryCRM) -> None:
    deal = crm.staff.new("deal")
    crm.fail_next(Unreachable("lost", maybe_done=True), on="comment", after_commit=True)
    crm.fail_next(Throttled("slowly"), on=("update", "get"), times=2)
    with pytest.raises(Unreachable):
        crm.comment("deal", deal, "a", key="c")
    for _ in range(2):
        with pytest.raises(Throttled):
            crm.get("deal", deal)
    crm.update("deal", deal, {"note": "x"})
    assert [effect.verb for effect in crm.effects] == ["comment", "update"]
    crm.trouble.crash_at(2)
    with pytest.raises(Crash):
        crm.update("deal", deal, {"note": "y"})
    assert crm.record("deal", deal).values["note"] == "y"


def test_find(crm: MemoryCRM) -> None:
    ids = [crm.staff.new("contact", name=name) for name in ("Олена", "олена", "Ігор")]
    assert [found.id for found in crm.find("contact", where={"name": "ОЛЕНА"})] == ids[:2]
    assert [found.id for found in crm.find("contact", ids=[ids[2], ids[0]])] == [ids[0], ids[2]]
    assert crm.find("contact", changed_since=crm.clock.now()) and crm.find("deal") == []


def test_what_staff_type_is_kept_as_typed() -> None:
    from kernel.mapping import EntityMap, FieldMap, MappingSet, PortalMap

    fields = {"rate": FieldMap(label="Курс", type="decimal"), "who": FieldMap(label="Хто", type="contact")}
    crm = MemoryCRM(MappingSet("s", PortalMap(connector="x"), {"deal": EntityMap(entity="deal", field=fields)}), FakeClock())
    deal = crm.staff.new("deal", rate="41,2o", who=Ref("contact:1"))
    assert isinstance(crm.get("deal", deal).values["rate"], Unreadable)
    crm.staff.set("deal", deal, rate="41,20")
    assert crm.get("deal", deal).values == {"rate": Decimal("41.20"), "who": Ref("contact:1")}


@pytest.fixture
def queue_and_database(tmp_path: Path) -> Any:
    database = TroubledDatabase(f"sqlite:///{tmp_path / 'x.db'}")
    migrate(database, [MigrationSet("kernel.jobs", Path(__file__).parents[2] / "jobs" / "migrations")], FakeClock())
    database.trouble.passed.clear()
    yield MemoryQueue(FakeClock(), seed=1), database
    database.close()


def put(queue: MemoryQueue, database: TroubledDatabase, *jobs: tuple[str, int]) -> None:
    with database.write() as tx:
        for lane, n in jobs:
            queue.enqueue(tx, Job("x", f"{lane}{n}", lane, n, {"lane": lane, "n": n}))


def test_lanes_are_shuffled_but_each_keeps_its_order_and_again_its_place(queue_and_database: Any) -> None:
    queue, database = queue_and_database
    put(queue, database, *((lane, n) for n in (3, 1, 2) for lane in "abc"))
    seen: list[str] = []

    def run(args: Any) -> None:
        name = f"{args['lane']}{args['n']}"
        if name == "b2" and seen.count("b2?") < 2:
            seen.append("b2?")
            raise Again(60)
        seen.append(name)

    assert queue.run_until_quiet({"x": run}) == 11
    for lane in "abc":
        assert [name for name in seen if name[0] == lane and "?" not in name] == [f"{lane}{n}" for n in (1, 2, 3)]
    assert seen[:9] != sorted(seen[:9]) and queue.clock.monotonic() == 120


def test_a_crash_before_the_commit_undoes_and_one_after_it_does_not(queue_and_database: Any) -> None:
    queue, database = queue_and_database
    for nth, kept in ((1, 0), (2, 1)):
        database.trouble.crash_at(nth)
        with pytest.raises(Crash):
            put(queue, database, ("a", nth))
        assert len(queue.waiting) == kept
    assert database.trouble.passed == ["commit.before", "commit.before", "commit.after"]
    deaths = iter([True, False])

    def run(args: Any) -> None:
        if next(deaths):
            raise Crash

    queue.run_until_quiet({"x": run})
    assert queue.crashes == 1 and queue.waiting == [] and len(queue.runs) == 2
