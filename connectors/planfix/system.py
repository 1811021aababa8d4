"""The system fields of tasks and contacts that a mapping set may name: how each is asked, read, written and searched."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.planfix.texts import clean, digits
from connectors.planfix.values import people, people_to_wire, person, person_id, refs, same
from kernel.crm import Ref, Value
from kernel.errors import BadInput

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Search:
    """How a list is narrowed by the field. What comes back is compared again, since Planfix may ignore a condition."""

    type: int
    value: Callable[[Value], Any]
    fallback_type: int = 0  #: for portals that do not know `type`


@dataclass(frozen=True)
class SystemField:
    title: str  #: what staff see
    asks: tuple[str, ...]  #: words for `fields`
    read: Callable[[Raw], Value]
    write: Callable[[Value, Raw], dict[str, Any]]  #: gets the record as it stands, where `needs_present`
    search: Search | None = None
    same: Callable[[Value, Value], bool] = same
    fits: Callable[[Value, Raw], bool] | None = None  #: for a search, where more than the read value counts
    needs_present: bool = False


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return " ".join(clean(value).split())
    raise BadInput("a text is needed")


def full_name(raw: Raw) -> str:
    """A person's name stands in up to three fields."""
    parts = (raw.get(part) for part in ("name", "midname", "lastname"))
    return " ".join(" ".join(part.split()) for part in parts if isinstance(part, str) and part.strip())


def _write_full_name(value: Value, _present: Raw) -> dict[str, Any]:
    # Which word is the family name cannot be told, so the whole stands in one field.
    return {"name": _text(value), "midname": "", "lastname": ""}


def _phones(raw: Raw) -> list[str]:
    items = raw.get("phones")
    numbers = [item.get("number") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [number for number in numbers if isinstance(number, str) and digits(number)]


def _read_phone(raw: Raw) -> Value:
    first = next(iter(_phones(raw)), None)
    # Written with a plus, an international number comes back without it.
    return f"+{first}" if first and re.fullmatch(r"[1-9][0-9]{10,14}", first) else first


def _write_phone(value: Value, present: Raw) -> dict[str, Any]:
    """The first number is ours to set; the others stay."""
    kept = [item for item in present.get("phones") or [] if isinstance(item, dict) and item.get("number")][1:]
    first = [{"number": _text(value), "type": 1}] if value else []
    return {"phones": first + [{"number": item["number"], "type": item.get("type", 1)} for item in kept]}


def _same_digits(sent: Value, stored: Value) -> bool:
    return digits(str(sent or "")) == digits(str(stored or ""))


def _read_telegram(raw: Raw) -> Value:
    name = raw.get("telegram")
    return f"@{name.strip().lstrip('@')}" if isinstance(name, str) and name.strip().lstrip("@") else None


def telegram_name(value: Value) -> str:
    """Without @, in lower case: how Planfix searches it."""
    return re.sub(r"^(https?://)?(t\.me/)?@?", "", str(value or "").strip()).lower()


def _emails(raw: Raw) -> set[str]:
    further = raw.get("additionalEmailAddresses")
    every = [raw.get("email"), *(further if isinstance(further, list) else [])]
    return {one.strip().lower() for one in every if isinstance(one, str)}


def _counterparty(value: Value, _present: Raw) -> dict[str, Any]:
    if value is None:
        return {"counterparty": {"id": 0}}
    if not isinstance(value, Ref):
        raise BadInput("a contact is needed")
    return {"counterparty": {"id": person_id(value.id, "contact")}}


def _first_id(bare: str) -> Callable[[Value], Any]:
    return lambda value: next((person_id(ref.id, bare) for ref in refs(value)), None)


def _longest_word(value: Value) -> str:
    """A name search means «contains»; one word is found wherever the name's parts stand."""
    return max(_text(value).split(), key=len, default="")


def _people_field(key: str, title: str, search: int) -> SystemField:
    return SystemField(
        title, (key,), lambda raw: people(raw.get(key)) or None,
        lambda value, _present: {key: people_to_wire(value)}, Search(search, _first_id("user")),
    )  # fmt: skip


TASK_FIELDS: Mapping[str, SystemField] = {
    "name": SystemField(
        "Назва", ("name",), lambda raw: raw.get("name"), lambda value, _: {"name": _text(value)}, Search(8, _text)
    ),
    "counterparty": SystemField(
        "Контрагент", ("counterparty",), lambda raw: person(raw.get("counterparty"), "contact"), _counterparty,
        Search(7, _first_id("contact")),
    ),
    "assignees": _people_field("assignees", "Виконавці", 2),
}  # fmt: skip

CONTACT_FIELDS: Mapping[str, SystemField] = {
    "name": SystemField(
        "Ім'я", ("name", "midname", "lastname"), full_name, _write_full_name, Search(4001, _longest_word)
    ),
    "phone": SystemField(
        "Телефон", ("phones",), _read_phone, _write_phone, Search(4003, lambda value: digits(str(value or ""))),
        _same_digits, lambda value, raw: digits(str(value)) in {digits(one) for one in _phones(raw)}, needs_present=True,
    ),
    "email": SystemField(
        "Email", ("email", "additionalEmailAddresses"), lambda raw: raw.get("email"),
        lambda value, _: {"email": _text(value)}, Search(4026, _text, fallback_type=4005),
        lambda sent, stored: str(sent or "").strip().lower() == str(stored or "").strip().lower(),
        lambda value, raw: str(value).strip().lower() in _emails(raw),
    ),
    "telegram": SystemField(
        "Telegram", ("telegram",), _read_telegram,
        lambda value, _: {"telegram": f"@{telegram_name(value)}" if telegram_name(value) else ""},
        Search(4226, telegram_name), lambda sent, stored: telegram_name(sent) == telegram_name(stored),
    ),
    "telegram_id": SystemField(
        "Telegram ID", ("telegramId",), lambda raw: str(raw.get("telegramId") or "").strip() or None,
        lambda value, _: {"telegramId": _text(value)}, Search(4234, _text),
    ),
    "supervisors": _people_field("supervisors", "Відповідальні", 0),
}  # fmt: skip
