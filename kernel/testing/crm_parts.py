"""The optional parts of the CRM in memory; `crm` is the MemoryCRM they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from kernel.crm import (
    Activity,
    Left,
    Move,
    Person,
    Process,
    Question,
    Ref,
    Task,
    TaskList,
    TaskState,
    Value,
    Workday,
)
from kernel.crm.tasks import in_order
from kernel.errors import Rejected
from kernel.mapping import EntityMap, FieldMap
from kernel.testing.lists import MemoryLists
from kernel.values import zone_named


class MemoryPeople:
    """The CRM's staff, as `staff.hire` and `staff.dismiss` leave them."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm

    def all(self) -> list[Person]:
        with self._crm._call("people"):
            return list(self._crm.persons)

    def active(self, people: Iterable[str]) -> frozenset[str]:
        wanted = frozenset(people)
        with self._crm._call("active"):
            return frozenset(one.id for one in self._crm.persons if one.id in wanted and one.active)

    def overdue(self, people: Iterable[str]) -> Mapping[str, int]:
        with self._crm._call("overdue"):
            return {person: self._crm.late.get(person, 0) for person in people}


class MemoryWorkdays:
    """Working days out of `days`; who is not in it has none."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm

    def statuses(self, people: Iterable[str]) -> Mapping[str, Workday]:
        with self._crm._call("workdays"):
            return {person: self._crm.days.get(person, "off") for person in people}

    def start(self, person: str) -> None:
        with self._crm._call("start_workday"):
            if person not in self._crm.days:
                raise Rejected(f"memory: {person} has no working day")
            self._crm.days[person] = "open"


class MemoryHistory:
    """Every move ever made."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm

    def moves(self, entity: str, record_id: str) -> list[Move] | None:
        with self._crm._call("moves"):
            kept, plan = self._crm._find(entity, record_id), self._crm.mapping.entity(entity)
            return list(kept.moves) if plan.stage else None


class MemoryBin:
    """What `staff.delete` took away."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm

    def restore(self, entity: str, record_id: str) -> None:
        with self._crm._call("restore"):
            if (entity, record_id) in self._crm._deleted:
                self._crm.staff.restore(entity, record_id, author=self._crm.annex)
            self._crm._find(entity, record_id)


class MemoryTasks:
    """What `staff.task` gave, each with the record that it hangs on."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm
        self.kept: list[tuple[str, str, Task]] = []
        self.left: int | None = 0  #: what it says of how many more there are

    def give(
        self, entity: str, record_id: str, subject: str, *, responsible: Iterable[Ref] = (), due: date | None = None,
        state: TaskState = "pending", status: str = "",
    ) -> str:  # fmt: skip
        """A task that hangs on that record, on none where that is empty; its id."""
        made = str(len(self.kept) + 1)
        task = Task(made, subject, state, status, tuple(responsible), due, f"https://crm.example/task/{made}")
        self.kept.append((entity, record_id, task))
        return made

    def of(self, entity: str, record_id: str) -> TaskList:
        with self._crm._call("tasks"):
            mine = [task for one, of, task in self.kept if (one, of) == (entity, record_id)]
            return TaskList(in_order(mine, zone_named(self._crm.mapping.portal.time_zone)), self.left)


@dataclass
class _Planned:
    activity: Activity
    places: list[tuple[str, str]]  #: the records that it is bound to
    done: bool
    key: str = ""  #: of one that Annex added


class MemoryActivities:
    """What `plan` planned, and where it is bound."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm
        self.kept: list[_Planned] = []
        self.added: list[tuple[str, str, str, str, str, datetime]] = []  #: by Annex, with record, person and time
        self.stays: dict[str, str] = {}  #: by subject: with which words the CRM does not let it go

    def plan(self, subject: str, *places: tuple[str, str], done: bool = False) -> str:
        """Somebody plans something for these records (entity, id); its id."""
        made = Activity(str(len(self.kept) + 1), subject)
        self.kept.append(_Planned(made, list(places), done))
        return made.id

    def add(
        self, entity: str, record_id: str, subject: str, text: str, *, responsible: str, due_at: datetime, key: str,
        maybe_done: bool = False,
    ) -> str:  # fmt: skip
        with self._crm._call("add_activity"):
            self._crm._find(entity, record_id)
            if maybe_done and (known := next((one for one in self.kept if one.key == key), None)):
                return known.activity.id
            made = self.plan(subject, (entity, record_id))
            self.kept[-1].key = key
            self.added.append((entity, record_id, subject, text, responsible, due_at))
            return made

    def open_of(self, entity: str, record_id: str) -> tuple[Activity, ...]:
        with self._crm._call("activities"):
            return tuple(one.activity for one in self._open(entity, record_id))

    def move(self, entity: str, record_id: str, to: str) -> tuple[Left, ...]:
        with self._crm._call("move_activities"):
            left = []
            for one in self._open(entity, record_id):
                if reason := self.stays.get(one.activity.subject):
                    left.append(Left(one.activity, reason))
                    continue
                others = [place for place in one.places if place not in ((entity, record_id), (entity, to))]
                one.places = [(entity, to), *others]
            return tuple(left)

    def _open(self, entity: str, record_id: str) -> list[_Planned]:
        return [one for one in self.kept if not one.done and (entity, record_id) in one.places]


class MemoryNotices:
    """What people were told, by tag and person."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm
        self.kept: dict[tuple[str, str], str] = {}  #: tag, person -> text

    def put(self, tag: str, to: Iterable[str], text: str) -> None:
        with self._crm._call("put_notice"):
            for person in to:
                self.kept.pop((tag, person), None)
                self.kept[tag, person] = text

    def remove(self, tag: str) -> None:
        with self._crm._call("remove_notice"):
            for one in [one for one in self.kept if one[0] == tag]:
                del self.kept[one]

    def of(self, person: str) -> list[str]:
        """Newest last."""
        return [text for (_tag, whom), text in self.kept.items() if whom == person]


class MemoryTexts:
    """What the CRM was told of texts, oldest first."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm
        self.told: list[tuple[str, str, str]] = []  #: provider, message, status

    def report(self, provider: str, message_id: str, status: str) -> None:
        with self._crm._call("report_text"):
            self.told.append((provider, message_id, status))

    def of(self, message_id: str) -> list[str]:
        return [status for _provider, message, status in self.told if message == message_id]


@dataclass
class _Running:
    id: str
    entity: str
    record_id: str
    template: str
    person: str
    ended: bool = False


class MemoryProcesses:
    """Processes that put one question to the record's responsible, whose field is called `assigned` or `manager`."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm
        self.templates: dict[str, tuple[str, str]] = {}  #: id -> entity, name
        self.begun: list[_Running] = []  #: all that ever were
        self.passes_on = True  #: whether a question can be handed over

    def design(self, entity: str, name: str) -> str:
        """Somebody makes a template; its id."""
        made = str(900 + len(self.templates))
        self.templates[made] = (entity, name)
        return made

    def answer(self, entity: str, record_id: str, values: Mapping[str, Any], *, author: str = "") -> None:
        """The person answers: the process writes the fields and ends."""
        one = next(one for one in self._open() if (one.entity, one.record_id) == (entity, record_id))
        one.ended = True
        if values:
            self._crm.staff.set(entity, record_id, author=author, **values)

    def template(self, entity: str, name: str) -> str | None:
        with self._crm._call("template"):
            return next((made for made, of in self.templates.items() if of == (entity, name)), None)

    def running(self, entity: str, template: str, record_id: str = "") -> Mapping[str, tuple[Process, ...]]:
        with self._crm._call("running"):
            found: dict[str, tuple[Process, ...]] = {}
            for one in self._open():
                if (one.entity, one.template) == (entity, template) and record_id in ("", one.record_id):
                    found[one.record_id] = (*found.get(one.record_id, ()), self._shown(one))
            return found

    def start(self, entity: str, record_id: str, template: str) -> Process:
        with self._crm._call("start_process"):
            return self._shown(self._one(entity, record_id, template) or self.begin(entity, record_id, template))

    def hand_over(self, entity: str, record_id: str, template: str, person: str) -> Process:
        with self._crm._call("hand_over"):
            one = self._one(entity, record_id, template)
            if one and self.passes_on:
                one.person = person
            elif one:
                one.ended = True
            return self._shown(one if one and not one.ended else self.begin(entity, record_id, template))

    def end(self, entity: str, record_id: str, template: str, *, but: str = "") -> None:
        with self._crm._call("end_process"):
            for one in self._open():
                if (one.entity, one.record_id, one.template) == (entity, record_id, template) and one.id != but:
                    one.ended = True

    def begin(self, entity: str, record_id: str, template: str) -> _Running:
        """One begins, whether or not another runs."""
        kept = self._crm._find(entity, record_id)
        owner = kept.values.get("assigned") or kept.values.get("manager")
        made = _Running(f"p{len(self.begun) + 1}", entity, record_id, template, owner.id if isinstance(owner, Ref) else "")
        self.begun.append(made)
        return made

    def _open(self) -> list[_Running]:
        return [one for one in self.begun if not one.ended]

    def _one(self, entity: str, record_id: str, template: str) -> _Running | None:
        of = (entity, record_id, template)
        return next((one for one in self._open() if (one.entity, one.record_id, one.template) == of), None)

    @staticmethod
    def _shown(one: _Running) -> Process:
        return Process(one.id, (Question(f"q{one.id}", one.person, f"https://crm.example/question/q{one.id}"),))


def beginning(plan: EntityMap) -> str:
    """The label of the stage where records of that kind are made."""
    return next((one.label for one in plan.stage.values() if one.start), "")


def folded(plan: FieldMap, value: Value) -> Value:
    """Portals find a phone whatever marks stand in it, and a name in any letter case; a record by its id alone."""
    if isinstance(value, Ref):
        return value.id
    if not isinstance(value, str):
        return value
    if plan.system == "phone":
        return re.sub(r"\D", "", value)
    text = value.strip().casefold()
    if plan.system == "telegram":
        return re.sub(r"^(https?://)?(t\.me|telegram\.me)/", "", text).lstrip("@")
    return text


__all__ = [
    "MemoryActivities",
    "MemoryBin",
    "MemoryHistory",
    "MemoryLists",
    "MemoryNotices",
    "MemoryPeople",
    "MemoryProcesses",
    "MemoryTasks",
    "MemoryWorkdays",
    "_Running",
    "beginning",
    "folded",
]
