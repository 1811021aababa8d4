"""The small CRM interface, its records and events."""

from kernel.crm.interface import CRM, History, People, RecycleBin, Workdays
from kernel.crm.model import (
    NO_VALUES,
    Changed,
    Elsewhere,
    Event,
    Lack,
    Move,
    Person,
    Record,
    Ref,
    Row,
    Unreadable,
    Value,
    Values,
    Workday,
    shown,
)

__all__ = [
    "CRM", "NO_VALUES", "Changed", "Elsewhere", "Event", "History", "Lack", "Move", "People", "Person", "Record",
    "RecycleBin", "Ref", "Row", "Unreadable", "Value", "Values", "Workday", "Workdays", "shown",
]  # fmt: skip
