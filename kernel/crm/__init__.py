"""The small CRM interface, its records and events."""

from kernel.crm.interface import CRM, History, People, RecycleBin, Workdays
from kernel.crm.model import (
    NO_VALUES,
    Changed,
    Elsewhere,
    Event,
    MissingItem,
    Move,
    Person,
    Record,
    Ref,
    Row,
    Unreadable,
    Value,
    Values,
    Workday,
    format_value,
)

__all__ = [
    "CRM", "NO_VALUES", "Changed", "Elsewhere", "Event", "History", "MissingItem", "Move", "People", "Person", "Record",
    "RecycleBin", "Ref", "Row", "Unreadable", "Value", "Values", "Workday", "Workdays", "format_value",
]  # fmt: skip
