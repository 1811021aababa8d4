"""Time points on the wire: dd-MM-yyyy in and out, four keys out, in the token owner's zone (contract 2.6)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.planfix.model import Moment

YEARS = range(1900, 2200)  # nobody means the others, and they cannot be moved between zones


@lru_cache(maxsize=32)
def zone(name: str) -> ZoneInfo:
    """A time zone by name."""
    return ZoneInfo(name)


def parse_date(value: Any) -> date | None:
    """`{"date":"21-11-2026"}`, `"21-11-2026"` or the start of an ISO text."""
    if isinstance(value, dict):
        value = value.get("date") or value.get("datetime")
    if not isinstance(value, str):
        return None
    for shape, order in ((r"(\d{2})-(\d{2})-(\d{4})", (3, 2, 1)), (r"(\d{4})-(\d{2})-(\d{2})", (1, 2, 3))):
        found = re.match(shape, value.strip())
        if found:
            try:
                day = date(*(int(found.group(part)) for part in order))
            except ValueError:
                return None
            return day if day.year in YEARS else None
    return None


def parse_time(value: Any) -> time | None:
    """`{"time":"17:55"}` or `"17:55"`, seconds allowed."""
    if isinstance(value, dict):
        value = value.get("time")
    if not isinstance(value, str):
        return None
    try:
        return time.fromisoformat(value.strip())
    except ValueError:
        return None


def parse_moment(value: Any, where: tzinfo) -> Moment | None:
    """A time point as written by a client; date without time counts from midnight of the owner's zone."""
    if isinstance(value, dict) and isinstance(value.get("datetime"), str):
        value = value["datetime"]
    if isinstance(value, str):
        text = value.strip()
        if re.match(r"\d{4}-\d{2}-\d{2}T", text):
            try:
                at = datetime.fromisoformat(re.sub(r"Z$", "+00:00", text))
            except ValueError:
                return None
            return Moment(at if at.tzinfo else at.replace(tzinfo=where))
        day, _, clock = text.partition(" ")
        value = {"date": day, "time": clock or None}
    day_ = parse_date(value)
    if day_ is None:
        return None
    moment = parse_time(value)
    return Moment(datetime.combine(day_, moment or time(0), tzinfo=where), timed=moment is not None)


def emit_moment(at: datetime, where: tzinfo, local_key: bool = False) -> dict[str, Any]:
    """The four keys of contract 2.6; `date` and `time` in the owner's zone, the last two in UTC."""
    here = at.astimezone(where)
    there = at.astimezone(UTC)
    return {
        "date": here.strftime("%d-%m-%Y"),
        "time": here.strftime("%H:%M"),
        "datetime": (here if local_key else there).strftime("%Y-%m-%dT%H:%MZ"),
        "dateTimeUtcSeconds": there.strftime("%Y-%m-%dT%H:%M:%S+0000"),
    }


def emit_date(day: date) -> dict[str, Any]:
    """A day without a time is the same day in every zone."""
    iso = day.isoformat()
    return {
        "date": day.strftime("%d-%m-%Y"),
        "time": "00:00",
        "datetime": f"{iso}T00:00Z",
        "dateTimeUtcSeconds": f"{iso}T00:00:00+0000",
    }
