"""Cells: from the text of a back office to a value, or to an `Unread` that keeps the text. Nothing is guessed or rounded."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

from connectors.backoffice import limits
from kernel.datasets import Cell, Unread
from kernel.mapping import ServiceMap, SetColumn

Read = Callable[[str | None], Cell]
Make = Callable[[str], Cell]
Note = list[None]  #: as long as there were cells of a row that could not be read
KNOWN_MAX = 4096  #: days and moments whose value is remembered per column: the same ones come again and again
BLANKS = " \t\r\n"  #: around a figure or a date they mean nothing in XML
GROUPS = " \u00a0\u202f"
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_RUSSIAN_DAY = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})")
_ZONE = r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
_MOMENT = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]{{1,9}})?{_ZONE}")
_RUSSIAN_MOMENT = re.compile(
    rf"([0-9]{{2}})\.([0-9]{{2}})\.([0-9]{{4}})[ T]([0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}})?) ?({_ZONE})"
)


def reader(column: SetColumn, service: ServiceMap, note: Note) -> Read:
    """Text → value. No text, or an empty one, is no value. What could not be read is noted, once for each cell."""

    def unread(text: str) -> Unread:
        note.append(None)
        return Unread(text[: limits.TEXT_CHARACTERS_MAX])

    match column.type:
        case "int":
            return _figures(_WHOLE, int, unread)
        case "qty" | "price" | "money":
            return _number(service, unread)
        case "date":
            return _remembering(russian_day if service.dates == "ru" else day, unread)
        case "datetime":
            return _remembering(_russian_moment if service.dates == "ru" else moment, unread)
        case "month":
            return _remembering(_russian_month if service.dates == "ru" else _month, unread)
    return _text(unread)


def _text(unread: Make) -> Read:
    most = limits.TEXT_CHARACTERS_MAX

    def read(text: str | None) -> Cell:
        if text is None:
            return None
        if len(text) > most:
            return unread(text)
        return text.strip(BLANKS) or None

    return read


def _carefully(make: Make, text: str | None, unread: Make) -> Cell:
    """What is no value at once: blanks around it, nothing at all, or something else."""
    bare = (text or "").strip(BLANKS)
    if text is None or not bare:
        return None
    try:
        return make(bare)
    except ValueError:
        return unread(text)


def _figures(pattern: re.Pattern[str], made: Make, unread: Make) -> Read:
    fits = pattern.fullmatch

    def make(text: str) -> Cell:
        if fits(text) is None:
            raise ValueError
        return made(text)

    def read(text: str | None) -> Cell:
        if text and fits(text):
            return made(text)
        return _carefully(make, text, unread)

    return read


def _remembering(make: Make, unread: Make) -> Read:
    known: dict[str | None, Cell] = {}

    def read(text: str | None) -> Cell:
        if text in known:
            return known[text]
        value = _carefully(make, text, unread)
        if value.__class__ is not Unread:  # that has to be noted each time
            if len(known) >= KNOWN_MAX:
                known.clear()
            known[text] = value
        return value

    return read


def _number(service: ServiceMap, unread: Make) -> Read:
    mark = {"dot": r"\.", "comma": ",", "either": "[.,]"}[service.number]
    whole = "[0-9]{1,18}"
    if service.thousands:
        whole = rf"(?:[0-9]{{1,3}}(?:[{GROUPS}][0-9]{{3}}){{1,5}}|{whole})"
    power = "(?:[eE][+-]?[0-9]{1,2})?" if service.exponent else ""
    pattern = re.compile(rf"[+-]?{whole}(?:{mark}[0-9]{{1,12}})?{power}")
    if service.number == "dot" and not service.thousands:
        return _figures(pattern, Decimal, unread)
    bare = str.maketrans({",": ".", **dict.fromkeys(GROUPS, "")})
    return _figures(pattern, lambda text: Decimal(text.translate(bare)), unread)


_WHOLE = re.compile("[+-]?[0-9]{1,18}")


def day(text: str) -> date:
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError
    return date.fromisoformat(found[1])


def russian_day(text: str) -> date:
    found = _RUSSIAN_DAY.fullmatch(text)
    if found is None:
        raise ValueError
    return date(int(found[3]), int(found[2]), int(found[1]))


def moment(text: str) -> datetime:
    """Without an offset nobody knows when it was: ValueError."""
    if _MOMENT.fullmatch(text) is None:
        raise ValueError
    return datetime.fromisoformat(text)


def _russian_moment(text: str) -> datetime:
    found = _RUSSIAN_MOMENT.fullmatch(text)
    if found is None:
        return moment(text)
    return datetime.fromisoformat(f"{found[3]}-{found[2]}-{found[1]}T{found[4]}{found[5]}")


def _month(text: str) -> str:
    """Of a day, or of a moment as its own zone has it."""
    found = moment(text).date() if "T" in text else day(text)
    return f"{found:%Y-%m}"


def _russian_month(text: str) -> str:
    return f"{russian_day(text):%Y-%m}"
