"""timeman.* and the doors of the work day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any


def at(desk: Any, text: str) -> None:
    desk.door("/date", {"at": text})


def test_shapes(desk: Any, agrees: Any) -> None:
    at(desk, "2026-10-29T09:00:00+03:00")
    agrees("timeman.settings", desk.admin.answer("timeman.settings"))
    for name in ("timeman.open", "timeman.status", "timeman.pause", "timeman.close"):
        agrees(name, desk.admin.answer(name))


def test_a_day_begins_pauses_and_ends(desk: Any) -> None:
    at(desk, "2026-10-29T09:00:00+03:00")
    manager = desk.user("11")
    assert manager.call("timeman.status")["STATUS"] == "CLOSED"
    opened = manager.call("timeman.open")
    assert (opened["STATUS"], opened["TIME_FINISH"], opened["TZ_OFFSET"]) == ("OPENED", None, 10800)
    desk.door("/advance", {"seconds": 3600})
    assert manager.call("timeman.pause")["STATUS"] == "PAUSED"
    desk.door("/advance", {"seconds": 1800})
    resumed = manager.call("timeman.open")
    assert resumed["STATUS"] == "OPENED"
    assert timedelta(seconds=1799) < _span(resumed["TIME_LEAKS"]) < timedelta(seconds=1815)
    closed = manager.call("timeman.close", REPORT="done")
    assert closed["STATUS"] == "CLOSED"
    assert timedelta(seconds=3599) < _span(closed["DURATION"]) < timedelta(seconds=3615)
    assert manager.call("timeman.open")["STATUS"] == "OPENED"


def _span(text: str) -> timedelta:
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def test_midnight_makes_an_open_day_expired(desk: Any) -> None:
    at(desk, "2026-10-29T20:00:00+03:00")
    manager = desk.user("11")
    manager.call("timeman.open")
    desk.door("/advance", {"seconds": 4 * 3600 + 60})
    status = manager.call("timeman.status")
    assert status["STATUS"] == "EXPIRED"
    assert datetime.fromisoformat(status["TIME_FINISH_DEFAULT"]).tzinfo
    wrong = "Day close date should correspond to the day open date"
    assert manager.refusal("timeman.close") == (400, "WRONG_DATETIME", wrong)
    assert manager.call("timeman.close", TIME="2026-10-29T23:00:00+03:00", REPORT="x")["STATUS"] == "CLOSED"


def test_the_midnight_is_the_users_own(desk: Any) -> None:
    at(desk, "2026-10-29T20:30:00+03:00")
    desk.admin.call("user.update", ID=12, TIME_ZONE="Asia/Yekaterinburg")
    east, west = desk.user("12"), desk.user("11")
    assert east.call("timeman.open")["TZ_OFFSET"] == 18000
    west.call("timeman.open")
    desk.door("/advance", {"seconds": 2 * 3600})  # 00:30 in the east, 22:30 here
    assert east.call("timeman.status")["STATUS"] == "EXPIRED"
    assert west.call("timeman.status")["STATUS"] == "OPENED"


def test_an_unclosed_day_and_the_next_one(desk: Any) -> None:
    desk.door("/workday", {"user": "11", "status": "EXPIRED"})
    desk.door("/faults", {"expired_open": "refuse"})
    assert desk.user("11").refusal("timeman.open")[0] == 400
    desk.door("/faults", {"expired_open": "starts"})
    assert desk.user("11").call("timeman.open")["STATUS"] == "OPENED"


def test_times_may_be_given_but_only_of_today(desk: Any) -> None:
    at(desk, "2026-10-29T10:00:00+03:00")
    manager, text = desk.user("11"), "Day open date should correspond to the current date"
    assert manager.refusal("timeman.open", TIME="2026-10-28T09:00:00+03:00") == (400, "WRONG_DATETIME", text)
    day = manager.call("timeman.open", TIME="2026-10-29T09:00:00+03:00", REPORT="late")
    assert day["TIME_START"] == "2026-10-29T09:00:00+03:00"
    assert day["ACTIVE"] is False  # waits for the head
    manager.call("timeman.pause")
    text = "Unable to set time, work day is paused"
    assert manager.refusal("timeman.open", TIME="2026-10-29T09:30:00+03:00") == (400, "TIME", text)


def test_other_peoples_days_need_a_right(desk: Any) -> None:
    unknown = (400, "", "User not found")
    assert desk.admin.refusal("timeman.status", USER_ID=999) == unknown
    assert desk.user("11").refusal("timeman.status", USER_ID=12) == unknown
    assert desk.user("2").call("timeman.status", USER_ID=12)["STATUS"] == "CLOSED"  # head of the department
    assert desk.admin.call("timeman.status", USER_ID=12)["STATUS"] == "CLOSED"


def test_doors_set_and_show_days(desk: Any) -> None:
    desk.door("/workday", {"user": "11", "status": "OPENED"})
    desk.door("/workday", {"user": "12", "status": "PAUSED"})
    desk.door("/workday", {"user": "13", "status": "EXPIRED"})
    shown = desk.door("/workday")
    assert (shown["11"], shown["12"], shown["13"], shown["1"]) == ("OPENED", "PAUSED", "EXPIRED", "CLOSED")
    assert desk.door("/workday", {"user": "11", "approved": False})["ACTIVE"] is False
    desk.door("/workday", {"user": "11", "status": "CLOSED"})
    assert desk.admin.call("timeman.status", USER_ID=11)["STATUS"] == "CLOSED"
    desk.door("/workday", {"user": "77", "status": "OPENED"}, status=400)


def test_tracking_may_be_off(desk: Any) -> None:
    desk.door("/workday", {"user": "11", "tracked": False})
    assert desk.admin.call("timeman.settings", USER_ID=11)["UF_TIMEMAN"] is False
    assert "ADMIN" not in desk.admin.call("timeman.settings", USER_ID=11)
    assert desk.admin.call("timeman.settings")["ADMIN"] is True
