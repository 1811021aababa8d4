"""Values of a list's properties: what may be written, and how the portal shows it again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timezone
from typing import Any

from sandbox.bitrix24.formats import display, items, parse_time

CRM_PREFIXES = {"LEAD": "L", "CONTACT": "C", "COMPANY": "CO", "DEAL": "D"}


class WrongValue(Exception):
    """A value the property does not take. `file_id` is the one case with a code of its own."""

    def __init__(self, text: str, *, file_id: bool = False) -> None:
        super().__init__(text)
        self.file_id = file_id


@dataclass
class Property:
    """A field of a list, custom (`PROPERTY_7`) or one of the system's own (`SORT`)."""

    field_id: str
    number: int
    type: str
    name: str
    code: str = ""
    sort: int = 500
    required: bool = False
    multiple: bool = False
    default: Any = None
    settings: dict[str, str] = field(default_factory=dict)
    type_settings: dict[str, Any] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)  #: of a list field: option id -> text
    link: str | None = None

    @property
    def custom(self) -> bool:
        return self.field_id.startswith("PROPERTY_")

    def crm_kinds(self) -> list[str]:
        """Kinds of CRM records this field may hold."""
        return [kind for kind in CRM_PREFIXES if self.type_settings.get(kind) == "Y"]


def as_list(value: Any) -> list[Any]:
    """A list however it came, `{valueId: value}` as read and `{"n0": {"VALUE": …}}` too."""
    return [item.get("VALUE") if isinstance(item, dict) and "VALUE" in item else item for item in items(value)]


def written(prop: Property, value: Any, zone: timezone) -> list[str]:
    """The values to store. Empty ones are no values."""
    if prop.type == "F":
        return _file(value)
    given = [item for item in as_list(value) if item not in (None, "", False)]
    return [_one(prop, item, zone) for item in (given if prop.multiple else given[:1])]


def _file(value: Any) -> list[str]:
    if value in (None, "", [], {}):
        return []
    if isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value):
        return [value[0]]
    if isinstance(value, str) and not value.isdigit():
        return ["file"]
    raise WrongValue("Writing file values by ID is not supported", file_id=True)


def _one(prop: Property, value: Any, zone: timezone) -> str:
    text = str(value).strip()
    if prop.type.startswith("N"):
        return _number(prop, text)
    if prop.type in ("S:Date", "S:DateTime"):
        return _moment(prop, text, zone)
    if prop.type == "S:ECrm":
        return _crm(prop, text)
    if prop.type == "L" and text not in prop.options:
        raise WrongValue(f"Wrong value of the field '{prop.name}'")
    return text


def _number(prop: Property, text: str) -> str:
    try:
        float(text)
    except ValueError:
        raise WrongValue(f"The field '{prop.name}' must be a number") from None
    return text


def _moment(prop: Property, text: str, zone: timezone) -> str:
    moment = parse_time(text, zone)
    if moment is None:
        raise WrongValue(f"The field '{prop.name}' must be a date")
    shown = display(moment)
    return shown.partition(" ")[0] if prop.type == "S:Date" else shown


def _crm(prop: Property, text: str) -> str:
    """The bare id where one kind is allowed, `C_830` where several are (contract, section 8)."""
    kinds = prop.crm_kinds()
    prefix, _, number = text.rpartition("_")
    if len(kinds) == 1 and prefix == CRM_PREFIXES[kinds[0]]:
        return number
    return text


def points_to(prop: Property, stored: str, kind: str, number: str) -> bool:
    """Does this value name that lead, contact, company or deal?"""
    kinds = prop.crm_kinds()
    if kind not in kinds:
        return False
    return stored == (number if len(kinds) == 1 else f"{CRM_PREFIXES[kind]}_{number}")


def comparable(prop: Property, stored: str, zone: timezone) -> Any:
    """What filters and sorting compare: numbers as numbers, dates as moments."""
    if prop.type.startswith("N"):
        return float(stored)
    if prop.type in ("S:Date", "S:DateTime"):
        return parse_time(stored, zone)
    return stored
