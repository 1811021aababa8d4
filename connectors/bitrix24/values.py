"""Values of fields on the wire, both ways, by the type the portal names for the field (crm.item.fields)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24.marks import clean, folded, same_text
from kernel.crm import Ref, Unreadable, Value, format_value
from kernel.errors import BadInput
from kernel.values import parse_decimal
from kernel.values import plain as plain_number

LINKS: Mapping[str, str] = {"lead": "L", "deal": "D", "contact": "C", "company": "CO"}
PEOPLE = frozenset({"employee", "user"})
RECORDS: Mapping[str, str] = {
    "crm": "", "crm_entity": "", "crm_contact": "contact", "crm_company": "company", "crm_lead": "lead", "crm_deal": "deal",
}  # fmt: skip
TEXTS = frozenset({"string", "text", "url", "crm_status", "crm_currency", "address", "char"})
NUMBERS = frozenset({"double", "integer"})


@dataclass(frozen=True)
class Option:
    """A value of a list field: what staff see is `label`, what the set-up knows it by is `key`."""

    id: str
    label: str
    key: str = ""


@dataclass(frozen=True)
class PortalField:
    """A field as the portal describes it."""

    code: str
    type: str
    title: str = ""
    multiple: bool = False
    required: bool = False
    read_only: bool = False
    options: tuple[Option, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def links(self) -> tuple[str, ...]:
        """Kinds of records that a link field may hold."""
        found = tuple(kind for kind in LINKS if self.settings.get(kind.upper()) == "Y")
        return found or tuple(filter(None, [RECORDS.get(self.type, "")]))

    def option_of(self, value: str, key: str) -> Option | None:
        """By our key, where the set-up left it, else by what staff see."""
        for option in self.options:
            if key and option.key == key:
                return option
        return next((option for option in self.options if folded(option.label) == folded(value)), None)


# --- to the portal --------------------------------------------------------------------------------------------------


def to_wire(portal: PortalField, value: Value, zone: ZoneInfo, title: str, hint: str = "") -> Any:
    """What to send for a value; `title` is for the complaint, `hint` our key for a choice, or the kind of record for a
    link. Raises BadInput for what the field cannot hold."""
    if portal.read_only:
        raise BadInput(f"«{title}» is filled by Bitrix24 and cannot be written", field=title)
    if value is None or value == ():
        return [] if portal.multiple else ""
    if isinstance(value, tuple):
        sent = [_one_to_wire(portal, ref, zone, title, hint) for ref in value]
        if not portal.multiple and len(sent) > 1:
            raise BadInput(f"«{title}» holds one value, not {len(sent)}", field=title)
        return sent if portal.multiple else sent[0]
    one = _one_to_wire(portal, value, zone, title, hint)
    return [one] if portal.multiple else one


def _one_to_wire(portal: PortalField, value: Value, zone: ZoneInfo, title: str, hint: str) -> Any:
    kind = portal.type
    match value:
        case bool() if kind in ("boolean", "char"):
            return "Y" if value else "N"
        case Decimal() | str() if kind in NUMBERS:
            return _number(value, kind, title)
        case Decimal() if kind in TEXTS:
            return plain_number(value)
        case str() if kind in TEXTS:
            return clean(value)
        case str() if kind == "enumeration":
            option = portal.option_of(value, hint)
            if option is None:
                raise BadInput(f"«{title}» has no value «{value[:40]}» in its list", field=title)
            return int(option.id) if option.id.isdigit() else option.id
        case datetime() if kind == "datetime" and value.tzinfo:
            return value.astimezone(zone).isoformat(timespec="seconds")
        case datetime() if kind == "date" and value.tzinfo:
            return value.astimezone(zone).date().isoformat()
        case date() if kind == "date" and not isinstance(value, datetime):
            return value.isoformat()
        case date() if kind == "datetime" and not isinstance(value, datetime):
            return datetime.combine(value, time.min, tzinfo=zone).isoformat(timespec="seconds")
        case Ref() if kind in PEOPLE:
            return number_of(value.id)
        case Ref() if kind in RECORDS:
            return _link(portal, value, hint)
        case date() | Ref() if kind in TEXTS:
            return clean(format_value(value))
    raise BadInput(f"«{title}» is a field of type «{kind}» and cannot hold «{format_value(value)[:40]}»", field=title)


def _number(value: Decimal | str, kind: str, title: str) -> Any:
    number = parse_decimal(value)
    if kind == "integer" and number != number.to_integral_value():
        raise BadInput(f"«{title}» holds whole numbers, not {plain_number(number)}", field=title)
    return number


def _link(portal: PortalField, ref: Ref, kind: str) -> Any:
    """A bare number where the field takes one kind of record, with its letter before it where it takes several."""
    number = number_of(ref.id)
    return number if len(portal.links) < 2 or kind not in LINKS else f"{LINKS[kind]}_{number}"


# --- from the portal ------------------------------------------------------------------------------------------------


def from_wire(portal: PortalField, raw: Any, zone: ZoneInfo, hint: str = "") -> Value:
    """What a field holds, as plain values; what has an unexpected shape, or links to another kind of record than `hint`
    says, becomes Unreadable."""
    if isinstance(raw, list):
        found = [value for item in raw if (value := _one_from_wire(portal, item, zone, hint)) is not None]
        if any(isinstance(value, Ref) for value in found):
            return tuple(value for value in found if isinstance(value, Ref)) or None
        if len(found) < 2:
            return found[0] if found else None
        return ", ".join(format_value(value) for value in found)
    return _one_from_wire(portal, raw, zone, hint)


def _one_from_wire(portal: PortalField, raw: Any, zone: ZoneInfo, hint: str) -> Value:
    kind = portal.type
    if raw is None or raw == "" or raw == {}:
        return None
    if kind == "boolean" or (kind == "char" and raw in ("Y", "N")):
        return _flag(raw)
    if kind in PEOPLE:
        return ref(raw)
    if kind in RECORDS:
        return ref(raw) if _is_kind(raw, hint) else unreadable(raw)
    if kind == "enumeration":
        return _option(portal, raw)
    if kind == "date" and isinstance(raw, str):
        return day_of(raw, zone) or unreadable(raw)
    if kind == "datetime" and isinstance(raw, str):
        return moment_of(raw, zone) or unreadable(raw)
    if kind == "money" and isinstance(raw, str):
        return raw.partition("|")[0] or None
    if isinstance(raw, bool | dict):
        return unreadable(raw)
    if isinstance(raw, int | Decimal):
        return Decimal(raw)
    return raw.partition("|")[0] if kind == "address" else str(raw)


def _flag(raw: Any) -> Value:
    if isinstance(raw, bool):
        return raw
    word = str(raw).upper()
    if word in ("Y", "1", "TRUE"):
        return True
    return False if word in ("N", "0", "FALSE") else unreadable(raw)


def _option(portal: PortalField, raw: Any) -> Value:
    ident = str(raw)
    if ident in ("0", "[]"):
        return None
    found = next((option for option in portal.options if option.id == ident), None)
    # An option made after the layout was read shows its number until it is read again.
    return (found.key or found.label) if found else unreadable(raw)


def _is_kind(raw: Any, kind: str) -> bool:
    letter, mark, _number = str(raw).rpartition("_")
    return not mark or kind not in LINKS or letter == LINKS[kind]


def ref(raw: Any) -> Ref | None:
    """A person or record of an answer, with or without its letter before it; None for nobody (0)."""
    if isinstance(raw, bool) or not isinstance(raw, int | str | Decimal):
        return None
    match = re.fullmatch(r"(?:[A-Z]{1,2}[0-9a-f]*_)?([0-9]{1,18})", str(raw))
    return Ref(str(int(match[1]))) if match and int(match[1]) else None


def unreadable(raw: Any) -> Unreadable:
    return Unreadable(str(raw)[:80], "Bitrix24 gave it in an unexpected shape")


# --- comparing ------------------------------------------------------------------------------------------------------


def same(sent: Value, stored: Value) -> bool:
    """Whether what the portal shows is what we sent."""
    if isinstance(stored, Unreadable) or isinstance(sent, Unreadable):
        return sent == stored
    if blank(sent) or blank(stored):
        return blank(sent) and blank(stored)
    if isinstance(sent, bool) or isinstance(stored, bool):
        return sent is stored
    if isinstance(sent, Ref | tuple) or isinstance(stored, Ref | tuple):
        return ids(sent) == ids(stored)
    if isinstance(sent, Decimal) or isinstance(stored, Decimal):
        left, right = _decimal(sent), _decimal(stored)
        # A field of type double keeps the nearest binary number: as good as it gets.
        return left is not None and right is not None and (left == right or float(left) == float(right))
    if isinstance(sent, date) or isinstance(stored, date):
        return _same_time(sent, stored)
    return isinstance(sent, str) and isinstance(stored, str) and same_text(sent, stored)


def blank(value: Value) -> bool:
    return value is None or value is False or value == () or (isinstance(value, str) and not value.strip())


def refs(value: Value) -> tuple[Ref, ...]:
    if isinstance(value, Ref):
        return (value,)
    return value if isinstance(value, tuple) else ()


def ids(value: Value) -> frozenset[str]:
    return frozenset(str(number_of(one.id)) for one in refs(value))


def _decimal(value: Value) -> Decimal | None:
    try:
        return parse_decimal(value) if isinstance(value, Decimal | str) else None
    except BadInput:
        return None


def _same_time(sent: Value, stored: Value) -> bool:
    if isinstance(sent, datetime) and isinstance(stored, datetime):
        return abs((sent - stored).total_seconds()) < 1  # the wire has seconds
    if isinstance(sent, date) and isinstance(stored, date):
        left, right = (day.date() if isinstance(day, datetime) else day for day in (sent, stored))
        return left == right
    return isinstance(sent, date) and isinstance(stored, str) and format_value(sent) == stored


# --- numbers and time -----------------------------------------------------------------------------------------------


def number_of(text: str) -> int:
    """The number of a record or person. Raises BadInput."""
    match = re.fullmatch(r"(?:[A-Z]{1,2}[0-9a-f]*_|user:|contact:)?([0-9]{1,18})", text.strip())
    if match is None:
        raise BadInput(f"«{text[:40]}» is not the number of a record")
    return int(match[1])


def number_in(raw: Any) -> int:
    """The number in an answer, whether typed or as text; 0 where there is none."""
    text = "" if isinstance(raw, bool) else str(raw)
    return int(text) if text.isascii() and text.isdigit() else 0


def moment_of(raw: Any, zone: ZoneInfo) -> datetime | None:
    """`2026-10-29T11:20:01+03:00`, or as the portal shows it: `29.10.2026 11:20:01`, in its zone."""
    if not isinstance(raw, str) or not raw:
        return None
    for read in (datetime.fromisoformat, lambda text: datetime.strptime(text, "%d.%m.%Y %H:%M:%S")):  # noqa: DTZ007
        try:
            moment = read(raw)
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(zone)
    return None


def day_of(raw: Any, zone: ZoneInfo) -> date | None:
    """The calendar day. Bitrix24 gives a day as a moment: midnight of its server, which keeps UTC, or of the reader."""
    if not isinstance(raw, str):
        return None
    match = re.match(r"(\d{2})\.(\d{2})\.(\d{4})\b", raw)
    try:
        if match:
            return date(int(match[3]), int(match[2]), int(match[1]))
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return None
    if moment.tzinfo and moment.astimezone(UTC).time() == time.min:
        return moment.astimezone(UTC).date()
    return moment.date()


def stamp(moment: datetime, zone: ZoneInfo) -> str:
    """A moment for a filter: whole seconds, never later than the moment itself."""
    return (moment.astimezone(zone) - timedelta(microseconds=moment.microsecond)).isoformat(timespec="seconds")
