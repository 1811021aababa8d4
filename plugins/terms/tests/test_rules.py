"""Working minutes alone: values in, value out."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from plugins.terms.rules import after_working_minutes

MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(("start", "minutes", "due"), [
    ("2026-11-30 10:00", 60, "2026-11-30 11:00"),
    ("2026-11-30 17:30", 60, "2026-12-01 09:30"),
    ("2026-11-30 03:00", 60, "2026-11-30 10:00"),
    ("2026-11-30 18:00", 1, "2026-12-01 09:01"),
    ("2026-12-04 17:00", 240, "2026-12-07 12:00"),  # a Friday
    ("2026-12-05 12:00", 60, "2026-12-07 10:00"),  # a Saturday
    ("2026-11-30 09:00", 9 * 60, "2026-11-30 18:00"),
    ("2026-11-30 09:00", 9 * 60 + 1, "2026-12-01 09:01"),
])  # fmt: skip
def test_working_minutes(start: str, minutes: int, due: str) -> None:
    began = datetime.fromisoformat(start).replace(tzinfo=MOSCOW)
    found = after_working_minutes(began, minutes, begins=time(9), ends=time(18), weekdays=[1, 2, 3, 4, 5])
    assert found == datetime.fromisoformat(due).replace(tzinfo=MOSCOW)


def test_hours_that_never_come_are_not_waited_for_for_ever() -> None:
    began = datetime(2026, 11, 30, 10, tzinfo=MOSCOW)
    assert after_working_minutes(began, 60, begins=time(18), ends=time(9), weekdays=[1]) > began
