"""The portal's memory: definitions, records, counters and the log, under one lock."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.common.clock import Clock
from sandbox.planfix import errors
from sandbox.planfix.faults import Faults
from sandbox.planfix.model import (
    Check,
    Comment,
    Contact,
    ContactTemplate,
    DataTag,
    Directory,
    Entry,
    Field,
    Group,
    ObjectDef,
    Projects,
    Row,
    Script,
    Status,
    StoredFile,
    Task,
    User,
)  # fmt: skip

LOG_ENTRIES_MAX = 50_000


@dataclass(frozen=True)
class Change:
    """What just happened to a task or a contact, for the scripts. `chain` names the scripts that led here."""

    kind: str  # created | changed | comment | row
    task: int
    author: str
    what: frozenset[str] = frozenset()
    chain: frozenset[str] = frozenset()
    comment: int = 0
    row: int = 0
    added: bool = True  # false: a row was edited or deleted, not added
    contact: int = 0  # where it is about a contact


@dataclass
class Counters:
    """Figures for GET /sandbox/state."""

    requests: int = 0
    refused: int = 0
    in_second_max: int = 0
    delivered: int = 0
    failed: int = 0
    given_up: int = 0
    duplicated: int = 0
    dropped: int = 0
    buttons: int = 0


@dataclass
class Portal:
    """Everything one account is. Take `lock` before reading or writing records."""

    clock: Clock
    faults: Faults
    name: str = "empty"
    post_to: str = "http://127.0.0.1:8080"
    address: str = "http://127.0.0.1"
    lock: threading.RLock = field(default_factory=threading.RLock)
    users: dict[str, User] = field(default_factory=dict)
    user_groups: dict[int, Group] = field(default_factory=dict)
    positions: dict[int, Group] = field(default_factory=dict)
    field_sets: dict[str, dict[int, Group]] = field(default_factory=dict)  #: by kind of field
    projects: Projects = field(default_factory=Projects)
    statuses: dict[int, Status] = field(default_factory=dict)
    objects: dict[int, ObjectDef] = field(default_factory=dict)
    templates: dict[int, ContactTemplate] = field(default_factory=dict)
    contact_groups: dict[int, Group] = field(default_factory=dict)
    fields: dict[str, dict[int, Field]] = field(default_factory=dict)
    tags: dict[int, DataTag] = field(default_factory=dict)
    directories: dict[int, Directory] = field(default_factory=dict)
    scripts: list[Script] = field(default_factory=list)
    incoming: dict[str, dict[str, Any]] = field(default_factory=dict)
    chat: dict[str, str] = field(default_factory=dict)
    reports: dict[int, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    checks: dict[int, Check] = field(default_factory=dict)
    contacts: dict[int, Contact] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    files: dict[int, StoredFile] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_ENTRIES_MAX))
    next_ids: dict[str, int] = field(default_factory=dict)
    # Indexes: rows and comments of a card are asked for far more often than written.
    task_rows: dict[int, list[int]] = field(default_factory=dict)
    contact_rows: dict[int, list[int]] = field(default_factory=dict)
    task_comments: dict[int, list[int]] = field(default_factory=dict)
    contact_comments: dict[int, list[int]] = field(default_factory=dict)
    fire: Callable[[Change], None] = lambda change: None

    _log_number: int = 0

    def next_id(self, counter: str) -> int:
        """The next number of a counter; checklist items share the one of tasks (contract 3.1)."""
        number = self.next_ids.get(counter, 0) + 1
        self.next_ids[counter] = number
        return number

    def note(self, **what: Any) -> None:
        """Append to the log of GET /sandbox/log."""
        with self.lock:
            self._log_number += 1
            self.log.append({"n": self._log_number, "at": round(self.clock.ticks(), 3), **what})

    # -- people

    def user_by_token(self, token: str) -> User | None:
        return next((user for user in self.users.values() if user.token == token and user.active), None)

    def robot(self) -> User:
        return next((user for user in self.users.values() if user.is_robot), next(iter(self.users.values())))

    def person_exists(self, ident: str) -> bool:
        if ident.startswith("user:"):
            return ident in self.users
        return ident.startswith("contact:") and int(ident[8:]) in self.contacts

    def person_name(self, ident: str) -> str:
        """The name shown beside a prefixed id."""
        if ident in self.users:
            return self.users[ident].full_name
        kind, _, number = ident.partition(":")
        if kind == "contact" and number.isdigit() and int(number) in self.contacts:
            return self.contacts[int(number)].full_name
        if kind == "group" and number.isdigit() and int(number) in self.user_groups:
            return self.user_groups[int(number)].name
        return ""

    # -- lookups that refuse as the portal does

    def task(self, number: int, viewer: User) -> Task:
        task = self.tasks.get(number)
        if task is None:
            raise errors.task_not_found(number)
        if not self.may_see(viewer, task):
            raise errors.no_access("task")
        return task

    def contact(self, number: int) -> Contact:
        contact = self.contacts.get(number)
        if contact is None:
            raise errors.contact_not_found(number)
        return contact

    def may_see(self, viewer: User, task: Task) -> bool:
        """A token sees only what its owner sees; robots and administrators see all (contract 2.1)."""
        if viewer.sees == "all" or viewer.role in ("Admin", "Robot"):
            return True
        groups = set(viewer.groups)
        return task.assigner == viewer.id or any(
            viewer.id in people.users or groups & set(people.groups)
            for people in (task.assignees, task.participants, task.auditors)
        )

    # -- fields

    def attached(self, kind: str, owner: int) -> list[int]:
        """Field ids attached to an object (task) or a contact template, or owned by a data tag or directory."""
        known = self.fields.get(kind, {})
        if kind == "task":
            return [f for f in self.objects[owner].fields if f in known] if owner in self.objects else []
        if kind == "contact":
            return [f for f in self.templates[owner].fields if f in known] if owner in self.templates else []
        return [f.id for f in known.values() if f.owner == owner]

    def field_by_label(self, kind: str, owner: int, label: str) -> int:
        """Number of an attached field by its label, 0 if there is none: a renamed field breaks scripts silently."""
        return next((n for n in self.attached(kind, owner) if self.fields[kind][n].name == label), 0)

    def rows_of(self, task: int = 0, contact: int = 0, tag: int = 0) -> Iterable[Row]:
        keys = self.task_rows.get(task, []) if task else self.contact_rows.get(contact, [])
        return (self.rows[key] for key in keys if not tag or self.rows[key].tag == tag)
