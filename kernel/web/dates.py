"""Fields for a day or a moment: text as our pages write it, not the browser's own field, which follows the browser's
language; and what the address then says, in that form or in ISO."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from kernel.errors import BadInput
from kernel.values import parse_day, parse_moment
from kernel.web.words import t

FIELD = Markup('<input type="text" class="date" name="{}" value="{}" placeholder="{}" title="{}" size="{}" maxlength="40" ')
NO_HELP = Markup('autocomplete="off" spellcheck="false">')
DAY = "%d.%m.%Y"  #: as the filters `when` and `day` write it
YEARS = range(1900, 2200)


def asked_day(text: str, *, field: str = "") -> date | None:
    """The day an address asks for; None where nothing is typed. Raises BadInput, which says how a day is written."""
    raw = text.strip()
    if not raw:
        return None
    try:
        found = parse_day(raw)
    except BadInput:
        found = None
    if found is None or found.year not in YEARS:
        raise BadInput.of("web_not_day", text=raw[:40], field=field)
    return found


def asked_moment(text: str, zone: ZoneInfo, *, field: str = "") -> datetime | None:
    """The moment an address asks for, in `zone`; a day alone is its beginning. Raises BadInput."""
    raw = " ".join(text.split())
    if not raw:
        return None
    try:
        found = parse_moment(raw, zone)
    except BadInput:
        found = None
    if found is None or found.year not in YEARS:
        raise BadInput.of("web_not_moment", text=raw[:40], field=field)
    return found.astimezone(zone)


def day_text(value: date | None) -> str:
    return value.strftime(DAY) if value else ""


def moment_text(value: datetime | None) -> str:
    """To the minute, or to the second where it has one: the field must not move the moment it shows."""
    return value.strftime(f"{DAY} %H:%M:%S" if value.second else f"{DAY} %H:%M") if value else ""


def day_field(name: str, value: date | None) -> Markup:
    return _field(name, day_text(value), t("web_day_form"), 10)


def moment_field(name: str, value: datetime | None) -> Markup:
    return _field(name, moment_text(value), t("web_moment_form"), 19)


def _field(name: str, shown: str, form: str, size: int) -> Markup:
    return FIELD.format(name, shown, form, form, size) + NO_HELP


__all__ = ["asked_day", "asked_moment", "day_field", "day_text", "moment_field", "moment_text"]
