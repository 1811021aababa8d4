"""The small CRM interface, its records and events."""

from kernel.crm.model import (
    CRM,
    NO_VALUES,
    Changed,
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
    "CRM", "NO_VALUES", "Changed", "Event", "Lack", "Move", "Person", "Record", "Ref", "Row", "Unreadable", "Value",
    "Values", "Workday", "shown",
]  # fmt: skip
