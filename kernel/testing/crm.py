"""A CRM in memory: typed values over what staff typed, stages, rows, comments, keys; and faults to order.

It is as forgetful as the real ones: a create repeated without `maybe_done` makes a second record, a comment repeated
without it a second comment. So a test can show that no effect happens twice and none is missing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from kernel.clock import Clock
from kernel.crm import (
    CRM,
    NO_VALUES,
    Changed,
    Elsewhere,
    History,
    MissingItem,
    Move,
    People,
    Person,
    Record,
    RecycleBin,
    Ref,
    Row,
    Value,
    Values,
    Workday,
    Workdays,
)
from kernel.errors import AnnexError, NotFound
from kernel.mapping import EntityMap, FieldMap, MappingSet, read_value, write_value
from kernel.testing import crm_parts as parts
from kernel.testing.comments import MemoryComments
from kernel.testing.crm_parts import folded
from kernel.testing.trouble import Trouble

FIRST_NUMBER = 501
CONTACT_PREFIX = "contact:"


@dataclass(frozen=True)
class Effect:
    """Something we did to the CRM: "create", "update", "add_row", "comment", "write_comment" and so on."""

    verb: str
    entity: str
    record_id: str
    key: str = ""
    table: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    stage: str | None = None
    text: str = ""
    to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """A record changed: what a real CRM would send a delivery about."""

    entity: str
    record_id: str
    author: str
    ours: bool = False  #: we changed it ourselves


@dataclass
class _Kept:
    """One record as the portal holds it: what was typed, stages and choices by their labels."""

    entity: str
    id: str
    stage_label: str
    created_at: datetime
    changed_at: datetime
    values: dict[str, Value] = field(default_factory=dict)
    rows: dict[str, dict[str, dict[str, Value]]] = field(default_factory=dict)
    key: str = ""
    row_keys: dict[tuple[str, str], str] = field(default_factory=dict)
    created_by: str = ""
    moved_by: str = ""
    moves: list[Move] = field(default_factory=list)


@dataclass
class _Ordered:
    fault: AnnexError
    on: tuple[str, ...]
    after_commit: bool
    left: int


class MemoryCRM(CRM):
    """Keeps kernel.crm.CRM for one mapping set, all optional parts too. What staff do goes through `staff`."""

    name = "memory"
    annex = "annex"  #: Annex itself, as the author of its own changes
    effect = Effect

    def __init__(
        self, mapping: MappingSet, clock: Clock, *, trouble: Trouble | None = None, keeps_history: bool = True,
        keeps_workdays: bool = True, has_bin: bool = True, elsewhere_is_foreign: bool = False,
    ) -> None:  # fmt: skip
        """`keeps_history`, `keeps_workdays`, `has_bin`: whether it has those parts at all. With `elsewhere_is_foreign` its
        history does not tell that a record is taken elsewhere."""
        self.elsewhere_is_foreign = elsewhere_is_foreign
        self.people: People | None = parts.MemoryPeople(self)
        self.comments: MemoryComments = MemoryComments(self)
        self.activities: parts.MemoryActivities | None = parts.MemoryActivities(self)
        self.tasks: parts.MemoryTasks | None = parts.MemoryTasks(self)
        self.lists: parts.MemoryLists | None = parts.MemoryLists(self)
        self.notices, self.processes = parts.MemoryNotices(self), parts.MemoryProcesses(self)
        self.history: History | None = parts.MemoryHistory(self) if keeps_history else None
        self.workdays: Workdays | None = parts.MemoryWorkdays(self) if keeps_workdays else None
        self.bin: RecycleBin | None = parts.MemoryBin(self) if has_bin else None
        self.days: dict[str, Workday] = {}  #: working days by person; who is not here has none
        self.late: dict[str, int] = {}  #: what `overdue` says, by person
        self.mapping, self.clock, self.trouble = mapping, clock, trouble or Trouble()
        self.effects: list[Effect] = []
        self.changes: list[Change] = []
        self.called: list[str] = []  #: every call by its verb, also those that failed
        self.staff, self.texts = Staff(self), parts.MemoryTexts(self)
        self.persons: list[Person] = []
        self.missing_items: list[MissingItem] = []
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._deleted: dict[tuple[str, str], _Kept] = {}
        self._ordered: list[_Ordered] = []
        self._comments: dict[str, str] = {}
        self._number, self._move_number = FIRST_NUMBER - 1, 0
        self._lock = threading.RLock()

    # --- faults to order ------------------------------------------------------------------------------------------------

    def fail_next(
        self, fault: AnnexError, *, on: str | tuple[str, ...] = (), after_commit: bool = False, times: int = 1
    ) -> None:
        """The next `times` calls (of these verbs, if named) end in this fault; with `after_commit` they take effect first,
        as when only the answer was lost."""
        wanted = (on,) if isinstance(on, str) else on
        self._ordered.append(_Ordered(fault, wanted, after_commit, times))

    def repair(self) -> None:
        """No more faults."""
        self._ordered.clear()

    @contextmanager
    def _call(self, verb: str) -> Iterator[None]:
        self.called.append(verb)
        self.trouble.point("call.before")
        one = next((one for one in self._ordered if one.left and (not one.on or verb in one.on)), None)
        if one:
            one.left -= 1
            if not one.after_commit:
                raise one.fault
        with self._lock:
            yield
        self.trouble.point("call.after")
        if one:
            raise one.fault

    # --- reading --------------------------------------------------------------------------------------------------------

    def get(self, entity: str, record_id: str, *, tables: Iterable[str] = ()) -> Record:
        with self._call("get"):
            record = self._record(self._find(entity, record_id), tables)
        if record.elsewhere:
            raise Elsewhere(f"memory: {entity} {record_id} is not in a pipeline that the mapping set names", record)
        return record

    def find(
        self,
        entity: str,
        *,
        where: Values = NO_VALUES,
        ids: Iterable[str] | None = None,
        changed_since: datetime | None = None,
        tables: Iterable[str] = (),
    ) -> list[Record]:
        wanted, named = set(ids or ()), list(tables)
        with self._call("find"):
            found = [
                self._record(kept, named)
                for kept in self._kept.values()
                if kept.entity == entity
                and not _is_elsewhere(kept.stage_label)
                and (ids is None or kept.id in wanted)
                and (changed_since is None or kept.changed_at >= changed_since)
            ]
        fields = self.mapping.entity(entity).field
        return [
            record
            for record in sorted(found, key=lambda record: _number(record.id))
            if all(folded(fields[n], record.values.get(n)) == folded(fields[n], v) for n, v in where.items())
        ]

    def existing(self, entity: str, ids: Iterable[str]) -> frozenset[str]:
        wanted = set(ids)
        with self._call("existing"):
            return frozenset(kept.id for kept in self._kept.values() if kept.entity == entity and kept.id in wanted)

    def changed(self, since: Mapping[str, datetime]) -> list[Changed]:
        with self._call("changed"):
            return [
                Changed(kept.entity, kept.id, kept.changed_at, elsewhere=_is_elsewhere(kept.stage_label))
                for kept in self._kept.values()
                if kept.entity in since and kept.changed_at >= since[kept.entity]
            ]

    def owner_of(self, entity: str, row_id: str) -> str:
        owner, _, table = entity.partition("/")
        with self._call("owner_of"):
            for kept in self._kept.values():
                if kept.entity == owner and row_id in kept.rows.get(table, {}):
                    return kept.id
        raise NotFound(f"memory: there is no row {row_id} in {entity}")

    def missing(self) -> list[MissingItem]:
        return list(self.missing_items)

    def link(self, entity: str, record_id: str) -> str:
        return f"https://crm.example/{entity}/{record_id}"

    # --- writing --------------------------------------------------------------------------------------------------------

    def create(self, entity: str, values: Values, *, key: str, maybe_done: bool = False, stage: str | None = None) -> str:
        with self._call("create"):
            if maybe_done and (known := next((k for k in self._kept.values() if (k.entity, k.key) == (entity, key)), None)):
                return known.id
            plan = self.mapping.entity(entity)
            label = plan.stage[stage].label if stage is not None else parts.beginning(plan)
            kept = self._new(entity, self._written(plan.field, values), label, self.annex)
            kept.key = key
            self._did(Effect("create", entity, kept.id, key, values=dict(values), stage=stage))
            return kept.id

    def update(self, entity: str, record_id: str, values: Values, *, stage: str | None = None) -> None:
        with self._call("update"):
            kept, plan = self._find(entity, record_id), self.mapping.entity(entity)
            kept.values.update(self._written(plan.field, values))
            if stage is not None:
                self._moved(kept, plan.stage[stage].label, self.annex)
            self._did(Effect("update", entity, record_id, values=dict(values), stage=stage))

    def add_row(self, entity: str, record_id: str, table: str, values: Values, *, key: str, maybe_done: bool = False) -> str:
        with self._call("add_row"):
            kept = self._find(entity, record_id)
            written = self._written(self._table(entity, table), values)
            known = kept.row_keys.get((table, key), "")
            if maybe_done and known in kept.rows.get(table, {}):
                kept.rows[table][known].update(written)
                return known
            row_key = self._new_row(kept, table, written)
            kept.row_keys[table, key] = row_key
            self._did(Effect("add_row", entity, record_id, key, table, dict(values)))
        return row_key

    def update_row(self, entity: str, record_id: str, table: str, row_key: str, values: Values) -> None:
        with self._call("update_row"):
            rows = self._find(entity, record_id).rows.get(table, {})
            if row_key not in rows:
                raise NotFound(f"memory: {entity} {record_id} has no row {row_key} in {table}")
            rows[row_key].update(self._written(self._table(entity, table), values))
            self._did(Effect("update_row", entity, record_id, row_key, table, dict(values)))

    def comment(
        self, entity: str, record_id: str, text: str, *, to: Iterable[str] = (), key: str, maybe_done: bool = False
    ) -> str:
        with self._call("comment"):
            self._find(entity, record_id)
            if maybe_done and key in self._comments:
                return self._comments[key]
            self._comments[key] = made = self.comments.keep(entity, record_id, text, ours=True)
            self._did(Effect("comment", entity, record_id, key, text=text, to=tuple(to)))
        return made

    # --- what a test asks -----------------------------------------------------------------------------------------------

    def doubled(self) -> list[Effect]:
        """Creates, rows and comments that were made twice under one key."""
        seen: set[tuple[str, str]] = set()
        found = []
        for effect in self.effects:
            if effect.verb in ("create", "add_row", "comment", "write_comment"):
                if (effect.verb, effect.key) in seen:
                    found.append(effect)
                seen.add((effect.verb, effect.key))
        return found

    def records(self, entity: str) -> list[Record]:
        """All records of that kind with all rows, as they stand; no call, no trouble."""
        tables = list(self.mapping.entity(entity).table)
        return [self._record(kept, tables) for kept in self._kept.values() if kept.entity == entity]

    def record(self, entity: str, record_id: str) -> Record:
        return self._record(self._find(entity, record_id), list(self.mapping.entity(entity).table))

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _find(self, entity: str, record_id: str) -> _Kept:
        kept = self._kept.get((entity, record_id))
        if kept is None:
            raise NotFound(f"memory: there is no {entity} {record_id}")
        return kept

    def _new(self, entity: str, values: dict[str, Value], stage_label: str, author: str) -> _Kept:
        self._number += 1
        record_id = f"{CONTACT_PREFIX if entity == 'contact' else ''}{self._number}"
        now = self.clock.now()
        kept = self._kept[entity, record_id] = _Kept(entity, record_id, "", now, now, values)
        kept.created_by = self._person(author)
        if stage_label:
            self._moved(kept, stage_label, author, created=True)
        return kept

    def _moved(self, kept: _Kept, label: str, author: str, *, created: bool = False) -> None:
        if label == kept.stage_label:
            return
        self._move_number += 1
        taken_out = _is_elsewhere(label) and not _is_elsewhere(kept.stage_label)
        kept.stage_label, kept.moved_by = label, self._person(author)
        stage = self.mapping.entity(kept.entity).stage_of(label)
        elsewhere = _is_elsewhere(label)
        if taken_out and self.elsewhere_is_foreign:
            return
        kept.moves.append(Move(str(self._move_number), stage, label, self.clock.now(), created, elsewhere=elsewhere))

    def _person(self, name: str) -> str:
        return next((person.id for person in self.persons if person.name == name), name)

    def _new_row(self, kept: _Kept, table: str, values: dict[str, Value]) -> str:
        self._number += 1
        kept.rows.setdefault(table, {})[str(self._number)] = values
        return str(self._number)

    def _did(self, effect: Effect) -> None:
        self.effects.append(effect)
        self._touched(effect.entity, effect.record_id, "Annex", ours=True)

    def _touched(self, entity: str, record_id: str, author: str, *, ours: bool = False) -> None:
        kept = self._kept.get((entity, record_id))
        if kept is not None:
            kept.changed_at = self.clock.now()
        self.changes.append(Change(entity, record_id, author, ours))

    def _table(self, entity: str, table: str) -> Mapping[str, FieldMap]:
        return self.mapping.entity(entity).table[table].field

    def _written(self, fields: Mapping[str, FieldMap], values: Values) -> dict[str, Value]:
        if unknown := set(values) - set(fields):
            raise AssertionError(f"the mapping set knows no field {', '.join(sorted(unknown))}")
        return {name: write_value(fields[name], value) for name, value in values.items()}

    def _record(self, kept: _Kept, tables: Iterable[str]) -> Record:
        plan = self.mapping.entity(kept.entity)
        return Record(
            entity=kept.entity,
            id=kept.id,
            name=str(kept.values.get("name") or ""),
            stage=plan.stage_of(kept.stage_label) if plan.stage else None,
            stage_label=kept.stage_label,
            values=self._read(plan.field, kept.values),
            rows={
                table: tuple(
                    Row(key, self._read(plan.table[table].field, row)) for key, row in kept.rows.get(table, {}).items()
                )
                for table in tables
            },
            created_at=kept.created_at,
            changed_at=kept.changed_at,
            created_by=kept.created_by,
            moved_by=kept.moved_by,
            url=self.link(kept.entity, kept.id),
            elsewhere=_is_elsewhere(kept.stage_label),
        )

    @staticmethod
    def _read(fields: Mapping[str, FieldMap], values: Values) -> dict[str, Value]:
        return {name: read_value(plan, values.get(name)) for name, plan in fields.items()}


class Staff:
    """What people do in the CRM. Values are as typed: "10 000,5" in a number's field is fine, and so is nonsense."""

    def __init__(self, crm: MemoryCRM) -> None:
        self._crm = crm

    def hire(
        self, name: str, role: str = "staff", *, groups: Iterable[str] = (), heads: Iterable[str] = (), email: str = "",
        telegram: str = "",
    ) -> Ref:  # fmt: skip
        person = Person(
            f"user:{len(self._crm.persons) + 1}", name, role, groups=tuple(groups), heads=tuple(heads), email=email,
            telegram=telegram,
        )  # fmt: skip
        self._crm.persons.append(person)
        return Ref(person.id, person.name)

    def dismiss(self, person: str) -> None:
        """Somebody leaves: the CRM goes on naming them, as no longer active."""
        persons = self._crm.persons
        persons[:] = [replace(one, active=False) if one.id == person else one for one in persons]

    def new(self, entity: str, *, stage: str = "", author: str = "", **values: Any) -> str:
        """A record made by hand; returns its id."""
        plan = self._crm.mapping.entity(entity)
        label = _label(plan, stage) if plan.stage else ""
        kept = self._crm._new(entity, self._typed(plan.field, values), label, author)
        self._crm._touched(entity, kept.id, author)
        return kept.id

    def set(self, entity: str, record_id: str, *, author: str = "", **values: Any) -> None:
        kept = self._crm._find(entity, record_id)
        kept.values.update(self._typed(self._crm.mapping.entity(entity).field, values))
        self._crm._touched(entity, record_id, author)

    def move(self, record_id: str, stage: str, *, entity: str = "deal", author: str = "") -> None:
        """To a stage, by our word or by a label that the mapping does not know; one with a colon («HR: Успех») stands in a
        pipeline that it does not name either."""
        kept = self._crm._find(entity, record_id)
        self._crm._moved(kept, _label(self._crm.mapping.entity(entity), stage), author)
        self._crm._touched(entity, record_id, author)

    def add_row(self, entity: str, record_id: str, table: str, *, author: str = "", **values: Any) -> str:
        kept = self._crm._find(entity, record_id)
        row_key = self._crm._new_row(kept, table, self._typed(self._crm._table(entity, table), values))
        self._crm._touched(entity, record_id, author)
        return row_key

    def edit_row(self, entity: str, record_id: str, table: str, row_key: str, *, author: str = "", **values: Any) -> None:
        rows = self._crm._find(entity, record_id).rows[table]
        rows[row_key].update(self._typed(self._crm._table(entity, table), values))
        self._crm._touched(entity, record_id, author)

    def delete_row(self, entity: str, record_id: str, table: str, row_key: str, *, author: str = "") -> None:
        del self._crm._find(entity, record_id).rows[table][row_key]
        self._crm._touched(entity, record_id, author)

    def delete(self, entity: str, record_id: str, *, author: str = "") -> None:
        self._crm._deleted[entity, record_id] = self._crm._kept.pop((entity, record_id))
        self._crm._touched(entity, record_id, author)

    def restore(self, entity: str, record_id: str, *, author: str = "") -> None:
        """Out of the recycle bin. As in real portals its time of change stays as it was."""
        self._crm._kept[entity, record_id] = self._crm._deleted.pop((entity, record_id))
        self._crm.changes.append(Change(entity, record_id, author))

    def merge(self, survivor: str, other: str, *, entity: str = "contact", author: str = "") -> None:
        """Two cards become one: the other one's records point to the survivor from now on, and it is gone for good."""
        for kept in self._crm._kept.values():
            for values in (kept.values, *(row for rows in kept.rows.values() for row in rows.values())):
                for name, value in values.items():
                    if isinstance(value, Ref) and value.id == other:
                        values[name] = Ref(survivor, str(self._crm._find(entity, survivor).values.get("name") or ""))
        del self._crm._kept[entity, other]
        self._crm.changes.append(Change(entity, other, author))

    def comment(
        self, entity: str, record_id: str, text: str, *, author: str = "", files: Mapping[str, bytes] | None = None,
        hidden: bool = False,
    ) -> str:  # fmt: skip
        """Somebody (a person by name, a contact by id) writes a comment; returns its id."""
        who = self._crm._person(author)
        made = self._crm.comments.keep(entity, record_id, text, author=who, files=files or {}, hidden=hidden)
        self._crm._touched(entity, record_id, author)
        return made

    def task(self, entity: str, record_id: str, subject: str, **more: Any) -> str:
        """Somebody gives a task that hangs on that record (`parts.MemoryTasks.give`); its id."""
        assert self._crm.tasks is not None, "this CRM has no tasks"
        return self._crm.tasks.give(entity, record_id, subject, **more)

    def edit_comment(self, comment_id: str, text: str) -> None:
        """Somebody gives it another text; a mark of ours that they leave standing stays."""
        kept = self._crm.comments.kept
        kept[comment_id] = replace(kept[comment_id], text=text)

    def _typed(self, fields: Mapping[str, FieldMap], values: Mapping[str, Any]) -> dict[str, Value]:
        typed = {name: Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
                 for name, value in values.items()}  # fmt: skip
        return self._crm._written(fields, typed)


def _label(plan: EntityMap, stage: str) -> str:
    return plan.stage[stage or "new"].label if (stage or "new") in plan.stage else stage


def _is_elsewhere(label: str) -> bool:
    return ":" in label


def _number(record_id: str) -> tuple[int, str]:
    digits = re.sub(r"\D", "", record_id)
    return int(digits or 0), record_id
