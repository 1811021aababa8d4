"""The small CRM interface, its records and events."""

from kernel.crm.model import CRM, NO_VALUES, Event, Lack, Person, Record, Ref, Row, Unreadable, Value, Values, shown

__all__ = [
    "CRM", "NO_VALUES", "Event", "Lack", "Person", "Record", "Ref", "Row", "Unreadable", "Value", "Values", "shown",
]  # fmt: skip
