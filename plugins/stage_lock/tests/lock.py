"""A World with the stage lock alone, and the hands of its people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from kernel.crm import Move, Record
from kernel.extension import Plugin
from kernel.mapping import EntityMap, FieldMap, MappingSet, PipelineMap, PortalMap, StageMap
from kernel.testing import MemoryCRM, World, roles
from kernel.testing.crm_parts import MemoryHistory
from plugins.stage_lock import plugin as stage_lock
from plugins.stage_lock import store
from plugins.stage_lock.model import Case

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
        if kept.moves:
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


class Lock(World):
    def __init__(
        self,
        url: str,
        pool: Mapping[str, Sequence[str]] = POOL,
        starts: Sequence[str] = (),
        *,
        history: bool = True,
        settings: Mapping[str, Any] | None = None,
        hooks: Mapping[str, tuple[Callable[..., Any], ...]] | None = None,
        seed: int | None = None,
        others: Sequence[Plugin] = (),
        foreign: bool = False,
        **crm: Any,
    ) -> None:
        """`foreign`: what stands elsewhere is no deal, as in Planfix. `crm`: what it tells, see `Crm`."""
        self.pool = pool
        super().__init__(
            url, the_set(pool, starts), [stage_lock, *others], hooks=hooks, seed=seed,
            settings={"stage_lock": {"override": ["Продажи"], **(settings or {})}},
            crm=partial(Crm, keeps_history=history, elsewhere_is_foreign=foreign, **crm),
        )  # fmt: skip
        self.staff = self.crm.staff
        self.anna, self.boris = self.staff.hire("Анна"), self.staff.hire("Борис")
        self.head = self.staff.hire("Вера Главная")
        self.crm.persons[-1] = replace(self.crm.persons[-1], heads=("Продажи",))
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

    def write(self, deal: str, stage: str) -> None:
        """Another plugin of ours moves the record."""
        with self.portal.unit() as unit:
            unit.update("deal", deal, {}, stage=stage)

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
