"""When something is due. Values in, value out: no clock, no database."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, time, timedelta

DAYS_MAX = 3660


def after_working_minutes(
    start: datetime, minutes: int, *, begins: time, ends: time, weekdays: Collection[int]
) -> datetime:  # fmt: skip
    """The moment by which so many working minutes have passed since `start`, which has the zone of the office."""
    left = timedelta(minutes=minutes)
    for ahead in range(DAYS_MAX):
        day = start.date() + timedelta(days=ahead)
        if day.isoweekday() not in weekdays:
            continue
        opens = datetime.combine(day, begins, start.tzinfo)
        closes = datetime.combine(day, ends, start.tzinfo)
        since = max(opens, start)
        if since >= closes:
            continue
        if left <= closes - since:
            return since + left
        left -= closes - since
    return start + timedelta(days=DAYS_MAX)
