"""What a portal is made of (definitions) and what it holds (records). Plain data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

OBJECT_TYPES = {"task": 0, "contact": 1, "directory": 2, "project": 3, "datatag": 4, "main": 5, "user": 6}
FIELD_TYPE_NAMES = {
    0: "Line", 1: "Number", 2: "Text", 3: "Date", 4: "Time", 5: "Date and time", 6: "Period of time", 7: "Checkbox",
    8: "List", 9: "Directory entry", 10: "Contact", 11: "Employee", 12: "Counterparty",
    13: "Group, employee or contact", 14: "List of users", 15: "Set of directory values", 16: "Task", 17: "Task set",
    20: "Set of values", 21: "Files", 22: "Project", 23: "Data tag summaries", 24: "Calculated field", 25: "Location",
    26: "Subtask total", 27: "AI results", 28: "Date with time frame", 29: "Totals field",
}  # fmt: skip

PROJECT_ACTIVE = 1


@dataclass
class Field:
    """A custom field; `kind` says on what, `owner` which data tag or directory it belongs to."""

    id: int
    name: str
    type: int
    kind: str
    owner: int = 0
    group: int = 1
    options: list[str] = field(default_factory=list)
    directory: int = 0
    total_of: tuple[int, int] | None = None  # (data tag, its field) for type 23
    names: dict[str, str] = field(default_factory=dict)
    main_value: Any = None  # of a field of the account itself


@dataclass
class Status:
    id: int
    name: str
    active: bool = True
    color: str = "#4573b1"
    deadline: bool = True
    next: list[int] | None = None  # allowed transitions; None = any


@dataclass
class ObjectDef:
    """«Об'єкт»; its number also works as a template, and its status set is a process (contract 3.1, 3.5)."""

    id: int
    name: str
    process: int
    statuses: list[int]
    fields: list[int]


@dataclass
class ContactTemplate:
    id: int
    name: str
    fields: list[int]
    company: bool = False


@dataclass
class Group:
    id: int
    name: str


@dataclass
class DataTag:
    id: int
    name: str
    group: str = ""


@dataclass
class Directory:
    id: int
    name: str


@dataclass
class User:
    """A member of staff or a robot. `sees` is "all" or "own" (only tasks the user is part of)."""

    id: str
    name: str
    lastname: str
    role: str
    token: str
    zone: str
    groups: list[int] = field(default_factory=list)
    sees: str = "all"
    email: str = ""
    active: bool = True
    position: int = 0
    midname: str = ""
    login: str = ""
    gender: str = "NotDefined"
    language: str = "Ru"
    telegram: str = ""
    telegram_id: str = ""
    deleted: bool = False
    phones: list[dict[str, Any]] = field(default_factory=list)
    values: dict[int, Any] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.lastname}".strip()

    @property
    def is_robot(self) -> bool:
        return self.role == "Robot"


@dataclass
class People:
    """People set of contract 2.6: prefixed persons and numbers of groups."""

    users: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)


@dataclass
class Moment:
    """A time point; `timed` is false when only a date was given."""

    at: datetime
    timed: bool = True


@dataclass
class Task:
    id: int
    name: str
    object: int
    status: int
    created: datetime
    assigner: str
    description: str = ""
    priority: str = "NotUrgent"
    parent: int = 0
    project: int = 0
    counterparty: str = ""
    assignees: People = field(default_factory=People)
    participants: People = field(default_factory=People)
    auditors: People = field(default_factory=People)
    start: Moment | None = None
    end: Moment | None = None
    changed: datetime | None = None
    commented: datetime | None = None
    completed: datetime | None = None
    values: dict[int, Any] = field(default_factory=dict)
    files: list[int] = field(default_factory=list)
    source_object_id: str = ""
    source_data_version: str = ""
    deleted: bool = False
    checklist: list[int] = field(default_factory=list)
    matched: dict[str, bool] = field(default_factory=dict)  # «теперь соответствует» remembers per task and script


@dataclass
class Check:
    """An item of a checklist; its number comes from the counter of tasks (contract 3.1)."""

    id: int
    task: int
    name: str
    created: datetime
    done: bool = False
    assignees: People = field(default_factory=People)


@dataclass
class Contact:
    id: int
    template: int
    name: str
    created: datetime
    added_by: str
    lastname: str = ""
    company: bool = False
    group: int = 0
    plain: dict[str, Any] = field(default_factory=dict)  # midname, email, telegram … as they were written
    phones: list[dict[str, Any]] = field(default_factory=list)
    supervisors: People = field(default_factory=People)
    companies: list[int] = field(default_factory=list)
    contacts: list[int] = field(default_factory=list)
    birth: Moment | None = None
    changed: datetime | None = None
    values: dict[int, Any] = field(default_factory=dict)
    files: list[int] = field(default_factory=list)
    deleted: bool = False
    matched: dict[str, bool] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.lastname}".strip()


@dataclass
class Project:
    """One project, or a template of projects."""

    id: int
    name: str
    created: datetime
    owner: str
    description: str = ""
    status: int = PROJECT_ACTIVE
    parent: int = 0
    template: int = 0
    group: int = 0
    counterparty: str = ""
    start: Moment | None = None
    end: Moment | None = None
    hidden_for_employees: bool = False
    hidden_for_clients: bool = False
    deleted: bool = False
    is_template: bool = False
    assignees: People = field(default_factory=People)
    participants: People = field(default_factory=People)
    auditors: People = field(default_factory=People)
    managers: People = field(default_factory=People)
    values: dict[int, Any] = field(default_factory=dict)
    files: list[int] = field(default_factory=list)
    source: dict[str, str] = field(default_factory=dict)


@dataclass
class Projects:
    rows: dict[int, Project] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)


@dataclass
class Comment:
    """Also the log entry of a status change or of rows (contract 3.2)."""

    id: int
    owner: str
    at: datetime
    description: str = ""
    task: int = 0
    contact: int = 0
    type: str = "Comment"
    from_type: str = "None"
    first: bool = False
    hidden: bool = False
    pinned: bool = False
    deleted: bool = False
    recipients: People = field(default_factory=People)
    roles: list[str] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    old_status: int = 0
    new_status: int = 0
    source_object_id: str = ""
    source_data_version: str = ""


@dataclass
class Row:
    """One entry of a data tag; always hangs on a comment (contract 3.3)."""

    key: int
    tag: int
    comment: int
    task: int = 0
    contact: int = 0
    values: dict[int, Any] = field(default_factory=dict)


@dataclass
class Entry:
    """An entry, or a group, of a directory."""

    key: int
    directory: int
    parent: int = 0
    name: str = ""
    is_group: bool = False
    archived: bool = False
    values: dict[int, Any] = field(default_factory=dict)


@dataclass
class StoredFile:
    id: int
    name: str
    content: bytes
    owner: str
    task: int = 0
    contact: int = 0


@dataclass
class Script:
    """An automation or a button as the interface would hold it; read from the portal's TOML."""

    name: str
    event: str
    object: int  # 0 for a script of contacts
    trigger: str  # created, or task-created | now-matches | still-matches | comment-added | row-added | button
    conditions: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    enabled: bool = True
    enabled_by: str = ""  # a switch that turns the script on and off
    run_as: str = ""
    users: list[str] = field(default_factory=list)  # who may press the button; empty = everybody
    delay_s: float = 0.0
    template: int = 0  # a script of contacts: the contact template that it belongs to
