"""What a field is: its two names, how a value is read, and how it is shown in each dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from sandbox.bitrix24 import formats
from sandbox.bitrix24.registry import RestError

NUMBERS = frozenset({
    "integer", "user", "employee", "crm_company", "crm_contact", "crm_lead", "crm_deal", "crm_quote", "crm_category",
    "crm_entity", "location", "enumeration", "iblock_element", "iblock_section", "crm_onetomany",
})  # fmt: skip
#: Kinds of which the typed dialect shows 0 for nothing.
ZERO = frozenset({"crm_company", "crm_contact"})
#: Kinds that go back to what they were at first when emptied.
FIRST_AGAIN = ZERO | {"char", "double"}


@dataclass
class Option:
    """One value of a list field."""

    id: int
    value: str
    sort: int = 500
    default: bool = False
    xml_id: str = ""


@dataclass
class Field:
    upper: str
    camel: str
    kind: str
    read_only: bool = False
    immutable: bool = False
    multiple: bool = False
    classic: bool = True
    typed: bool = True
    filled: bool = True  #: false: a field the portal no longer fills
    first: Any = None
    custom: bool = False
    mandatory: bool = False
    options: list[Option] = field(default_factory=list)
    title: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    def option_ids(self) -> set[int]:
        return {option.id for option in self.options}


def table(text: str) -> dict[str, Field]:
    """A table of tables.py as fields by UPPER name."""
    found = {}
    for line in text.split("\n"):
        if line.strip():
            upper, camel, kind, *rest = line.split(" ")
            marks, equals, first = " ".join(rest).partition("=")
            value: Any = None
            if equals:
                value = formats.integer(first) if kind in NUMBERS else float(first) if kind == "double" else first
            found[upper] = Field(
                upper, camel, kind, "r" in marks, "i" in marks, "m" in marks, "t" not in marks, "c" not in marks,
                "-" not in marks, value,
            )  # fmt: skip
    return found


def camel(upper: str) -> str:
    """`UF_CRM_CONTRACT_NUMBER` is `ufCrmContractNumber`, `UF_CRM_2_163` is `ufCrm2_163`, `UF_CRM_163` is `ufCrm_163`."""
    parts = upper.split("_")
    text = parts[0].lower()
    for number, part in enumerate(parts[1:], 1):
        # The number of a smart process follows CRM without an underscore; other numbers keep theirs.
        own = number == 2 and parts[:2] == ["UF", "CRM"] and len(parts) > 3
        text += f"_{part}" if part.isdigit() and not own else part.capitalize()
    return text


# -- reading


def read(wanted: Field, value: Any, zone: timezone) -> Any:
    """A written value as it is kept. A wrong one is refused as the typed dialect does."""
    if not wanted.multiple:
        if isinstance(value, list):
            value = value[0] if value else None
        return _read_one(wanted, value, zone)
    if isinstance(value, Mapping):
        value = list(value.values())
    if value in (None, "", False):
        return []
    if not isinstance(value, list):
        raise RestError(400, "100", f"Expected iterable value for multiple field, but got {_php(value)} instead")
    found = [_read_one(wanted, item, zone) for item in value]
    return [item for item in found if item not in (None, "")]


def _php(value: Any) -> str:
    return "integer" if isinstance(value, int) else "double" if isinstance(value, float) else "string"


def _read_one(wanted: Field, value: Any, zone: timezone) -> Any:
    kind = wanted.kind
    if value is None or value == "":
        return wanted.first if kind in FIRST_AGAIN and not wanted.custom else None
    if kind == "char":
        return formats.yn(value)
    if kind == "boolean":
        return int(formats.flag(value))
    if kind in NUMBERS:
        return _whole(wanted, value)
    if kind == "double":
        number = formats.number(value)
        if number is None:
            raise invalid(wanted)
        precision = formats.integer(wanted.settings.get("PRECISION"))
        return round(float(number), precision) if precision is not None else float(number)
    if kind in ("date", "datetime"):
        moment = formats.parse_time(value, zone)
        if moment is None:
            raise invalid(wanted)
        return formats.day_start(moment) if kind == "date" else moment.replace(microsecond=0)
    return value if isinstance(value, dict | list) else str(value)


def _whole(wanted: Field, value: Any) -> int | None:
    text = str(value)
    if wanted.kind in ("user", "employee"):
        text = text.removeprefix("user_").removeprefix("U")
    number = formats.integer(text)
    if number is None:
        found = formats.number(text)
        if found is None or wanted.kind == "enumeration":
            raise invalid(wanted)
        number = int(found)
    if wanted.kind == "enumeration" and number not in wanted.option_ids():
        raise invalid(wanted)
    return number


def invalid(wanted: Field) -> RestError:
    return RestError(400, "CRM_FIELD_ERROR_VALUE_NOT_VALID", f'Invalid value for field "{wanted.camel}"')


# -- showing


def classic(wanted: Field, value: Any) -> Any:
    """Every scalar a string; nothing is null."""
    if isinstance(value, list):
        return [classic_one(wanted, item) for item in value]
    if value is None and wanted.multiple:
        return []
    return classic_one(wanted, value)


def classic_one(wanted: Field, value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.2f}" if not wanted.custom else str(int(value) if value.is_integer() else value)
    return str(value) if isinstance(value, int) else value


def _typed_one(wanted: Field, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if wanted.kind == "boolean":
        return None if value is None else "Y" if value else "N"
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None and wanted.kind in ZERO and not wanted.custom:
        return 0
    return value


def typed(wanted: Field, value: Any) -> Any:
    """Numbers are numbers, dates ISO, nothing is null."""
    if wanted.multiple:
        return [_typed_one(wanted, item) for item in value or []]
    return _typed_one(wanted, value)
