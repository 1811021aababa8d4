"""The system fields that a mapping set may name: how each is read, written and searched in the dialect of crm.item.*."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24.codes import Kind
from connectors.bitrix24.marks import digits, folded, line, plain
from connectors.bitrix24.values import PortalField, blank, from_wire, number_of, refs, same, to_wire
from kernel.crm import Value
from kernel.errors import BadInput

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class SystemField:
    title: str  #: what staff see
    asks: tuple[str, ...]  #: names for `select`; "*" where a list gives it only with everything
    read: Callable[[Raw, ZoneInfo], Value]
    write: Callable[[Value, Raw, ZoneInfo], dict[str, Any]]  #: gets the record as it stands, where `needs_present`
    search: Callable[[Value, ZoneInfo], dict[str, Any] | None] = lambda _value, _zone: None  #: a filter, if there is one
    same: Callable[[Value, Value], bool] = same
    fits: Callable[[Value, Raw], bool] | None = None  #: for a search, where more than the read value counts
    needs_present: bool = False
    multi: str = ""  #: PHONE, EMAIL, IM: found through the index of contact details
    refers: str = ""  #: whose number it holds: "user", "contact" …


# --- plain fields ---------------------------------------------------------------------------------------------------


def _same_sum(sent: Value, stored: Value) -> bool:
    """An emptied sum shows 0."""
    return same(sent or None, stored or None)


def _same_first(sent: Value, stored: Value) -> bool:
    """An emptied title shows one that the portal makes; where the first of several was removed, the next is the first."""
    return blank(sent) or same(sent, stored)


REFERS: Mapping[str, str] = {"user": "user", "crm_contact": "contact", "crm_company": "company"}


def _plain(key: str, kind: str, title: str, *, multiple: bool = False, read_only: bool = False) -> SystemField:
    portal = PortalField(key, kind, title, multiple, read_only=read_only)

    def read(raw: Raw, zone: ZoneInfo) -> Value:
        return from_wire(portal, raw.get(key), zone)

    def write(value: Value, _present: Raw, zone: ZoneInfo) -> dict[str, Any]:
        wire = to_wire(portal, value, zone, title)
        # Nobody is 0; an empty text would be refused for a number.
        return {key: 0 if wire == "" and kind in ("user", "double", "crm_contact", "crm_company") else wire}

    def search(value: Value, zone: ZoneInfo) -> dict[str, Any] | None:
        if value is None or kind == "text":
            return None
        if kind == "date":  # kept as a moment; the comparison afterwards picks the day
            return None
        wire = write(value, {}, zone)[key]
        return {f"@{key}" if isinstance(wire, list) else f"={key}": wire}

    return SystemField(
        title, (key,), read, write, search, _same_sum if kind == "double" else same, refers=REFERS.get(kind, "")
    )


# --- names ----------------------------------------------------------------------------------------------------------

NAME_PARTS = ("name", "secondName", "lastName")


def full_name(raw: Raw) -> str:
    parts = (raw.get(part) for part in NAME_PARTS)
    return " ".join(" ".join(part.split()) for part in parts if isinstance(part, str) and part.strip())


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return line(value)
    raise BadInput("a text is needed")


def _write_name(value: Value, _present: Raw, _zone: ZoneInfo) -> dict[str, Any]:
    # Which word is the family name cannot be told, so the whole stands in one field.
    return {"name": _text(value), "secondName": "", "lastName": ""}


def _search_name(value: Value, _zone: ZoneInfo) -> dict[str, Any] | None:
    """One word of the name, wherever the name's parts stand."""
    word = max(_text(value).split(), key=len, default="")
    places = {str(number): {f"%{part}": word} for number, part in enumerate(NAME_PARTS)}
    return {"0": {"logic": "OR", **places}} if word else None


def _same_name(sent: Value, stored: Value) -> bool:
    return folded(str(sent or "")) == folded(str(stored or ""))


# --- phone, e-mail, messengers --------------------------------------------------------------------------------------


NEW_LINES: Mapping[str, str] = {"PHONE": "n0", "EMAIL": "n1", "IM": "n2"}


def details(raw: Raw, kind: str, place: str = "") -> list[Raw]:
    """Contact details of that kind, oldest first: `fm` of a record."""
    every = raw.get("fm")
    found = [item for item in (every if isinstance(every, list) else []) if isinstance(item, dict)]
    mine = [item for item in found if str(item.get("typeId") or "").upper() == kind and item.get("value")]
    return [item for item in mine if not place or str(item.get("valueType") or "").upper() == place]


def _detail(title: str, kind: str, place: str, alike: Callable[[Value], str], make: Callable[[Value], str]) -> SystemField:
    """A detail whose first line is ours to set; the others stay. `place` narrows it to one type of value."""
    narrowed = place if kind == "IM" else ""

    def first(raw: Raw) -> Raw:
        return next(iter(details(raw, kind, narrowed)), {})

    def write(value: Value, present: Raw, _zone: ZoneInfo) -> dict[str, Any]:
        held = first(present)
        known = str(held.get("id") or "")
        if not value:  # an empty value removes the line
            return {"fm": {known: {"typeId": kind, "value": ""}}} if known else {}
        line_of = {"typeId": kind, "valueType": str(held.get("valueType") or place), "value": make(value)}
        return {"fm": {known or NEW_LINES[kind]: line_of}}

    return SystemField(
        title,
        ("*",),
        lambda raw, _zone: str(first(raw)["value"]).strip() or None if first(raw) else None,
        write,
        # Where the first line was removed, the next one is the first.
        same=lambda sent, stored: blank(sent) or alike(sent) == alike(stored),
        fits=lambda value, raw: alike(value) in {alike(str(item["value"])) for item in details(raw, kind, narrowed)},
        needs_present=True,
        multi=kind,
    )


def phone_digits(value: Value) -> str:
    """With the country before it: within Russia people begin with 8."""
    number = digits(str(value or ""))
    return f"7{number[1:]}" if len(number) == 11 and number.startswith("8") else number


def lowered(value: Value) -> str:
    return str(value or "").strip().lower()


def telegram_name(value: Value) -> str:
    """Without @ and address, in lower case."""
    return re.sub(r"^(https?://)?((t|telegram)\.me/)?@?", "", str(value or "").strip().lower())


PHONE = _detail("Телефон", "PHONE", "WORK", phone_digits, _text)
EMAIL = _detail("E-mail", "EMAIL", "WORK", lowered, _text)
TELEGRAM = _detail("Telegram", "IM", "TELEGRAM", telegram_name, lambda value: f"@{telegram_name(value)}")


def spellings(kind: str, value: Value) -> list[str]:
    """How such a detail may stand in the portal: its index compares what was typed."""
    if kind == "PHONE":
        number = phone_digits(value)
        local = [f"8{number[1:]}"] if number.startswith("7") and len(number) == 11 else []
        return list(dict.fromkeys(filter(None, [_text(value), f"+{number}" if number else "", number, *local])))
    if kind == "IM":
        name = telegram_name(value)
        return [f"@{name}", name, f"https://t.me/{name}", f"t.me/{name}"] if name else []
    return list(dict.fromkeys(filter(None, [_text(value), lowered(value)])))


# --- lists of links -------------------------------------------------------------------------------------------------


def _contacts() -> SystemField:
    """The contacts of a deal. One contact given is the first, the others stay; several given are all there are."""
    portal = PortalField("contactIds", "crm_contact", "Контакты", multiple=True)

    def held(raw: Raw) -> Any:
        return raw.get("contactIds") or raw.get("contactId") or None  # older portals know the first one only

    def read(raw: Raw, zone: ZoneInfo) -> Value:
        return from_wire(portal, held(raw), zone)

    def write(value: Value, present: Raw, zone: ZoneInfo) -> dict[str, Any]:
        others = refs(read(present, zone))[1:] if not isinstance(value, tuple) else ()
        every = {number_of(ref.id): None for ref in (*refs(value), *others)}
        return {"contactIds": list(every)}

    def search(value: Value, _zone: ZoneInfo) -> dict[str, Any] | None:
        numbers = [int(one.id) for one in refs(value) if one.id.isdigit()]
        return {"=contactId": numbers[0]} if len(numbers) == 1 else None

    return SystemField(
        "Контакты", ("contactIds", "contactId"), read, write, search, _same_first, needs_present=True, refers="contact"
    )


_MARKUP = re.compile(r"<(?=[A-Za-z/!?])")


def _comments() -> SystemField:
    """The big text field of a card. It is shown as BB code and HTML, so nothing of a text may be taken for either."""

    def write(value: Value, _present: Raw, _zone: ZoneInfo) -> dict[str, Any]:
        return {"comments": _MARKUP.sub("<\u200b", plain(str(value or "")))}

    def read(raw: Raw, _zone: ZoneInfo) -> Value:
        stored = raw.get("comments")
        return stored.replace("\u200b", "") or None if isinstance(stored, str) else None

    return SystemField("Комментарий", ("comments",), read, write)


_EVERYWHERE: Mapping[str, SystemField] = {
    "assignedById": _plain("assignedById", "user", "Ответственный"),
    "createdBy": _plain("createdBy", "user", "Кем создано", read_only=True),
    "updatedBy": _plain("updatedBy", "user", "Кем изменено", read_only=True),
    "createdTime": _plain("createdTime", "datetime", "Дата создания", read_only=True),
    "updatedTime": _plain("updatedTime", "datetime", "Дата изменения", read_only=True),
    "sourceId": _plain("sourceId", "crm_status", "Источник"),
    "sourceDescription": _plain("sourceDescription", "text", "Дополнительно об источнике"),
    "observers": _plain("observers", "user", "Наблюдатели", multiple=True),
}
_UTM: Mapping[str, SystemField] = {
    name: _plain(name, "string", title)
    for name, title in (
        ("utmSource", "UTM Source"), ("utmMedium", "UTM Medium"), ("utmCampaign", "UTM Campaign"),
        ("utmContent", "UTM Content"), ("utmTerm", "UTM Term"),
    )
}  # fmt: skip
_STAGED: Mapping[str, SystemField] = {
    **_EVERYWHERE,
    "title": dataclasses.replace(_plain("title", "string", "Название"), same=_same_first),
    "movedBy": _plain("movedBy", "user", "Кем изменена стадия", read_only=True),
    "movedTime": _plain("movedTime", "datetime", "Дата смены стадии", read_only=True),
    "opportunity": _plain("opportunity", "double", "Сумма"),
    "currencyId": _plain("currencyId", "crm_currency", "Валюта"),
    "comments": _comments(),
    "companyId": _plain("companyId", "crm_company", "Компания"),
    "contactId": _plain("contactId", "crm_contact", "Контакт"),
    "contactIds": _contacts(),
    "begindate": _plain("begindate", "date", "Дата начала"),
    "closedate": _plain("closedate", "date", "Дата завершения"),
}
_PERSON: Mapping[str, SystemField] = {
    "name": SystemField(
        "Имя", NAME_PARTS, lambda raw, _zone: full_name(raw) or None, _write_name, _search_name, _same_name
    ),
    "phone": PHONE,
    "email": EMAIL,
    "telegram": TELEGRAM,
    "comments": _comments(),
}  # fmt: skip
_NAME_APART: Mapping[str, SystemField] = {
    "firstName": _plain("name", "string", "Имя"),
    "secondName": _plain("secondName", "string", "Отчество"),
    "lastName": _plain("lastName", "string", "Фамилия"),
    "birthdate": _plain("birthdate", "date", "Дата рождения"),
}
SYSTEM_FIELDS: Mapping[Kind, Mapping[str, SystemField]] = {
    "deal": _STAGED,
    "lead": {**_STAGED, **_UTM, **_PERSON, **_NAME_APART},
    "contact": {**_EVERYWHERE, **_PERSON, **_NAME_APART, "companyId": _STAGED["companyId"]},
    "company": {**_EVERYWHERE, **_PERSON, "name": _STAGED["title"], "title": _STAGED["title"]},
    "smart": _STAGED,
}
