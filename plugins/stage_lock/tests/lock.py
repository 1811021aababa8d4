"""A portal with the stage lock alone, the in-memory twins around it, and the hands of its people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kernel.crm import Event, Move, Record
from kernel.extension import Plugin
from kernel.extension.calls import carry_out
from kernel.extension.portal import Portal
from kernel.extension.sync import sync
from kernel.jobs import inbox
from kernel.ledger import Books
from kernel.mapping import EntityMap, FieldMap, MappingSet, PipelineMap, PortalMap, StageMap
from kernel.storage import Database
from kernel.testing import CountingIds, FakeClock, MemoryCRM, MemoryQueue, Trouble, roles
from kernel.testing.crm_parts import MemoryHistory
from plugins.stage_lock import plugin as stage_lock
from plugins.stage_lock import store
from plugins.stage_lock.model import Case
from plugins.stage_lock.settings import StageLockSettings

PORTAL = "memory/main"
#: new -> talk -> terms -> won, any of them -> lost; a second pipeline begins at "opened"
POOL = {
    "new": ("talk", "lost"), "talk": ("terms", "lost"), "terms": ("won", "lost"), "won": ("opened",), "lost": (),
    "opened": ("served",), "served": (),
}  # fmt: skip


def the_set(pool: Mapping[str, Sequence[str]] = POOL, starts: Sequence[str] = ()) -> MappingSet:
    second = ("opened", "served")
    stages = {
        name: StageMap(
            label=name.upper(), next=list(after), start=name in starts,
            pipeline="service" if name in second else "sales",
        )
        for name, after in pool.items()
    }  # fmt: skip
    pipelines = {"sales": PipelineMap(label="Продажи"), "service": PipelineMap(label="Сопровождение")}
    entity = EntityMap(entity="deal", stage=stages, pipeline=pipelines, field={"name": FieldMap(system="name", write=True)})
    return MappingSet(
        "lock", PortalMap(connector="memory", language="ru", role=roles(head=("stage_lock",))), {"deal": entity}
    )


class Crm(MemoryCRM):
    """Knows the truth: every move with its author. Its history may lag, name people, and be read at an unlucky moment."""

    def __init__(self, *args: Any, names_people: bool = False, tells_mover: bool = True, **more: Any) -> None:
        super().__init__(*args, **more)
        self.names_people, self.tells_mover = names_people, tells_mover
        self.truth: list[tuple[str, str | None, str, str]] = []  #: record, stage, label, who
        self.movers: dict[str, str] = {}
        self.hidden: list[int] = []  #: how many of the newest lines each further reading of a history does not show
        self.before_history: list[Callable[[], None]] = []  #: what happens between reading a record and its history
        self.after_get: list[Callable[[], None]] = []  #: what happens right after each further reading of a record
        self.before_update: list[Callable[[], None]] = []  #: what happens just before a write of ours arrives
        if self.history:
            self.history = History(self)

    def _moved(self, kept: Any, label: str, author: str, *, created: bool = False) -> None:
        if label == kept.stage_label:
            return
        super()._moved(kept, label, author, created=created)
        self.truth.append((kept.id, self.mapping.entity(kept.entity).stage_of(label), label, self._person(author)))
        self.movers[kept.moves[-1].id] = self._person(author)

    def get(self, entity: str, record_id: str, **more: Any) -> Record:
        record = super().get(entity, record_id, **more)
        if self.after_get:
            self.after_get.pop(0)()
        return record if self.tells_mover else replace(record, moved_by="")

    def update(self, entity: str, record_id: str, *args: Any, **more: Any) -> None:
        while self.before_update:
            self.before_update.pop(0)()
        super().update(entity, record_id, *args, **more)
        if stage := more.get("stage"):  # it stands there by our will, even if it stood there before
            self.truth.append((record_id, stage, stage.upper(), self.annex))


class History(MemoryHistory):
    def __init__(self, crm: Crm) -> None:
        super().__init__(crm)
        self.lock = crm

    def moves(self, entity: str, record_id: str) -> list[Move] | None:
        crm = self.lock
        while crm.before_history:
            crm.before_history.pop(0)()
        found = super().moves(entity, record_id)
        if found is None:
            return None
        if crm.names_people:
            found = [replace(line, by=crm.movers[line.id]) for line in found]
        hidden = crm.hidden.pop(0) if crm.hidden else 0
        return found[: len(found) - hidden]


@dataclass
class Lock:
    database: Database
    pool: Mapping[str, Sequence[str]] = field(default_factory=lambda: POOL)
    starts: Sequence[str] = ()
    history: bool = True
    names_people: bool = False
    tells_mover: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    hooks: Mapping[str, tuple[Callable[..., Any], ...]] = field(default_factory=dict)
    seed: int | None = None
    others: Sequence[Plugin] = ()

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.queue = MemoryQueue(self.clock, self.seed)
        mapping = the_set(self.pool, self.starts)
        self.crm = Crm(
            mapping, self.clock, keeps_history=self.history, names_people=self.names_people,
            tells_mover=self.tells_mover, trouble=Trouble(),
        )  # fmt: skip
        chosen = StageLockSettings(**{"override": ["Продажи"], **self.settings})
        self.portal = Portal(
            PORTAL, mapping, self.crm, self.database, Books(self.clock), self.clock, CountingIds(), self.queue,
            {"stage_lock": chosen}, hooks=self.hooks,
        )  # fmt: skip
        self.plugins = [stage_lock, *self.others]
        self.staff = self.crm.staff
        self.anna, self.boris = self.staff.hire("Анна"), self.staff.hire("Борис")
        self.head = self.staff.hire("Вера Главная")
        self.crm.persons[-1] = replace(self.crm.persons[-1], heads=("Продажи",))
        self._count = 0
        self.work()  # the lock is on
        self.clock.advance(seconds=1)

    # --- hands ----------------------------------------------------------------------------------------------------------

    def deal(self, stage: str = "new", *, sync: bool = True, author: str = "Анна") -> str:
        deal = self.staff.new("deal", stage=stage, author=author, name="Сделка")
        if sync:
            self.sync(deal)
        return deal

    def move(self, deal: str, *stages: str, author: str = "Анна", sync: bool = False) -> None:
        for stage in stages:
            self.clock.advance(milliseconds=10)
            self.staff.move(deal, stage, author=author)
            if sync:
                self.sync(deal, author=author)

    def deliver(self, deal: str, *, author: str = "", event: str = "deal.changed", delivery: str = "") -> None:
        self._count += 1
        self.clock.advance(milliseconds=1)
        reported = Event(event, "deal", deal, author, delivery or f"d{self._count}")
        with self.database.write() as tx:
            inbox.store(tx, PORTAL, reported, "", clock=self.clock, ids=self.portal.ids, queue=self.queue)

    def sync(self, deal: str, **more: Any) -> None:
        self.deliver(deal, **more)
        self.run()

    def write(self, deal: str, stage: str) -> None:
        """Another plugin of ours moves the record."""
        with self.portal.unit() as unit:
            unit.update("deal", deal, {}, stage=stage)

    # --- what Annex does --------------------------------------------------------------------------------------------------

    @property
    def handlers(self) -> Mapping[str, Any]:
        return {
            "look": lambda args: sync(self.portal, self.plugins, args),
            "call": lambda args: carry_out(self.portal, self.plugins, args),
        }

    def run(self) -> None:
        self.queue.run_until_quiet(self.handlers)
        self.check()

    def run_one(self) -> None:
        self.queue.run_one(self.handlers)
        self.check()

    def check(self) -> None:
        if self.queue.broken:
            raise self.queue.broken[0][1]

    def work(self) -> None:
        """The regular work, and what follows from it."""
        for every in stage_lock.every:
            every.run(self.portal)
        self.run()

    # --- what a test asks --------------------------------------------------------------------------------------------------

    def stage(self, deal: str) -> str | None:
        return self.crm.record("deal", deal).stage

    def cases(self) -> list[Case]:
        """Oldest first."""
        with self.database.read() as tx:
            return store.cases(tx, PORTAL)[::-1]

    def outcomes(self) -> list[tuple[str, str, str]]:
        return [(case.from_stage, case.to_stage, case.outcome) for case in self.cases()]

    def is_open(self) -> list[bool]:
        return [case.settled_at is None for case in self.cases()]

    def notes(self, deal: str) -> list[tuple[str, tuple[str, ...]]]:
        return [(effect.text, effect.to) for effect in self.crm.comments(deal)]

    def reverts(self) -> list[str | None]:
        return [effect.stage for effect in self.crm.effects if effect.verb == "update"]

    def quiet(self, deal: str) -> None:
        """Whatever is looked at again, nothing further leaves."""
        before = len(self.crm.effects)
        for _ in range(2):
            self.sync(deal)
            self.work()
        assert len(self.crm.effects) == before
