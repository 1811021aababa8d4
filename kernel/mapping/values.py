"""Between what a CRM holds (plain text, numbers, booleans) and typed values. What cannot be read stays visible."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from kernel.crm.model import Ref, Unreadable, Value, format_value
from kernel.errors import BadInput
from kernel.mapping.schema import FieldMap
from kernel.values import parse_day, parse_decimal


def read_value(field: FieldMap, raw: Value) -> Value:
    """The declared type of `raw`; an `Unreadable` with the reason where it is not that. Empty text counts as nothing."""
    if raw is None or isinstance(raw, Unreadable) or (isinstance(raw, str) and not raw.strip()):
        return raw if isinstance(raw, Unreadable) else None
    try:
        return _typed(field, raw)
    except BadInput as exc:
        return Unreadable(format_value(raw)[:80], exc.code, exc.values)


def _typed(field: FieldMap, raw: Value) -> Value:
    match field.type:
        case "decimal":
            if isinstance(raw, Decimal | str) and not isinstance(raw, bool):
                return parse_decimal(raw)
        case "date":
            if isinstance(raw, datetime):
                return raw.date()
            if isinstance(raw, date):
                return raw
            if isinstance(raw, str):
                return parse_day(raw)
        case "datetime" if isinstance(raw, datetime):
            return raw
        case "bool":
            if isinstance(raw, bool):
                return raw
        case "contact" | "company" | "user" | "deal" if isinstance(raw, Ref):
            return raw
        case "users":
            if isinstance(raw, Ref):
                return (raw,)
            if isinstance(raw, tuple):
                return raw
        case "choice":
            text = str(raw).strip()
            for word, label in field.values.items():
                if text.casefold() in (label.casefold(), word.casefold()):
                    return word
            raise BadInput.of("not_choice", text=text[:40], choices=", ".join(field.values.values()))
        case "text":
            if isinstance(raw, str):
                return raw.strip()
            if isinstance(raw, Decimal):
                return format(raw, "f")
    raise BadInput.of("not_type", text=format_value(raw)[:40], type=field.type)


def write_value(field: FieldMap, value: Value) -> Value:
    """What to hand to the CRM for our value: a choice becomes the portal's label."""
    if field.type == "choice" and isinstance(value, str):
        return field.values.get(value, value)
    return value
