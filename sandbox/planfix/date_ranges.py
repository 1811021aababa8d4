"""Date values of filters: words and ranges as half-open intervals (contract 2.8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from sandbox.planfix import dates

DAYS_MAX = 36_500  # a hundred years; more is nonsense


@dataclass(frozen=True)
class Range:
    """From `start` up to, not including, `end`."""

    start: datetime
    end: datetime


def date_range(value: Any, now: datetime, where: tzinfo) -> Range | None:
    """The interval a filter's date value means, None if it is nonsense."""
    if not isinstance(value, dict):
        return None
    kind, today = str(value.get("dateType", "")), now.date()
    if kind.endswith("_withTime"):
        return _minutes(kind, value, where)
    days = _days(kind, value, today)
    if days is None:
        return None
    start, end = (datetime.combine(day, time(0), tzinfo=where) for day in days)
    return Range(start, end)


def _days(kind: str, value: dict[str, Any], today: date) -> tuple[date, date] | None:
    one = timedelta(days=1)
    monday = today - timedelta(days=today.weekday())
    first = today.replace(day=1)
    words = {
        "today": (today, today + one), "yesterday": (today - one, today), "tomorrow": (today + one, today + 2 * one),
        "thisWeek": (monday, monday + 7 * one), "lastWeek": (monday - 7 * one, monday),
        "nextWeek": (monday + 7 * one, monday + 14 * one), "thisMonth": (first, _next_month(first)),
        "lastMonth": ((first - one).replace(day=1), first),
        "nextMonth": (_next_month(first), _next_month(_next_month(first))),
    }  # fmt: skip
    if kind in words:
        return words[kind]
    if kind == "otherDate":  # the specification and live use dateValue, the help table dateFrom
        day = dates.parse_date(value.get("dateValue")) or dates.parse_date(value.get("dateFrom"))
        return (day, day + one) if day else None
    if kind == "otherRange":
        begin, end = dates.parse_date(value.get("dateFrom")), dates.parse_date(value.get("dateTo"))
        return (begin, end + one) if begin and end else None
    count = value.get("dateValue")
    if kind in ("last", "next", "in") and isinstance(count, int | str) and str(count).isdigit() and int(count) <= DAYS_MAX:
        span = timedelta(days=int(count))
        shapes = {"last": (today - span, today + one), "next": (today, today + span + one)}
        return shapes.get(kind, (today + span, today + span + one))
    return None


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def _minutes(kind: str, value: dict[str, Any], where: tzinfo) -> Range | None:
    minute = timedelta(minutes=1)
    if kind == "otherDate_withTime":
        moment = dates.parse_moment(value.get("dateValue") or value.get("dateFrom"), where)
        return Range(moment.at, moment.at + minute) if moment else None
    if kind == "otherRange_withTime":
        begin, end = (dates.parse_moment(value.get(key), where) for key in ("dateFrom", "dateTo"))
        return Range(begin.at, end.at + minute) if begin and end else None
    return None
