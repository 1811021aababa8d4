"""The work day: timeman.* and its doors (contract, section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.bitrix24 import people
from sandbox.bitrix24.doors import BadRequest, door
from sandbox.bitrix24.formats import parse_time
from sandbox.bitrix24.people_model import User
from sandbox.bitrix24.registry import Call, RestError, method
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox

SCOPE = "timeman"
OPENED, PAUSED, CLOSED, EXPIRED = "OPENED", "PAUSED", "CLOSED", "EXPIRED"
NOTHING = timedelta(0)
SETTINGS = {
    "UF_TM_MAX_START": "09:15:00", "UF_TM_MIN_FINISH": "17:45:00", "UF_TM_MIN_DURATION": "08:00:00",
    "UF_TM_ALLOWED_DELTA": "00:15:00",
}  # fmt: skip
#: The end the portal proposes for a day nobody closed.
DAY_HOURS = timedelta(hours=9)


@dataclass
class Day:
    """The last work day of one person. Moments carry the zone in which the day was begun."""

    start: datetime
    status: str = OPENED
    finish: datetime | None = None
    paused_at: datetime | None = None
    leaks: timedelta = NOTHING
    approved: bool = True
    ip_open: str = ""
    ip_close: str = ""
    places: dict[str, float] = field(default_factory=dict)


@dataclass
class WorkDays:
    by_user: dict[str, Day] = field(default_factory=dict)


def _now(portal: Portal, user: User) -> datetime:
    return portal.now().astimezone(people.zone_of(portal, user))


def status_of(portal: Portal, user: User) -> str:
    """OPENED, PAUSED, CLOSED or EXPIRED: a day begun on an earlier date of that person's calendar and never closed."""
    day = portal.area(WorkDays).by_user.get(user.id)
    if day is None or day.status == CLOSED:
        return CLOSED
    # The person's own midnight counts, not the portal's.
    return day.status if day.start.date() == _now(portal, user).date() else EXPIRED


def telephony_status(portal: Portal, user: User) -> str:
    """The word telephony.externalCall.searchCrmEntities shows."""
    return status_of(portal, user) if user.timeman else "UNAVAILABLE"


def _clock(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def shown(portal: Portal, user: User) -> dict[str, Any]:
    status = status_of(portal, user)
    day = portal.area(WorkDays).by_user.get(user.id)
    offset = _now(portal, user).utcoffset() or NOTHING
    if day is None:
        return {
            "STATUS": status, "TIME_START": None, "TIME_FINISH": None, "DURATION": "00:00:00", "TIME_LEAKS": "00:00:00",
            "ACTIVE": True, "IP_OPEN": "", "IP_CLOSE": "", "LAT_OPEN": 0, "LON_OPEN": 0, "LAT_CLOSE": 0, "LON_CLOSE": 0,
            "TZ_OFFSET": int(offset.total_seconds()),
        }  # fmt: skip
    duration = day.finish - day.start - day.leaks if day.finish else NOTHING
    row = {
        "STATUS": status, "TIME_START": day.start.isoformat(),
        "TIME_FINISH": day.finish.isoformat() if day.finish else None, "DURATION": _clock(duration),
        "TIME_LEAKS": _clock(day.leaks), "ACTIVE": day.approved, "IP_OPEN": day.ip_open, "IP_CLOSE": day.ip_close,
        **{name: day.places.get(name, 0) for name in ("LAT_OPEN", "LON_OPEN", "LAT_CLOSE", "LON_CLOSE")},
        "TZ_OFFSET": int((day.start.utcoffset() or NOTHING).total_seconds()),
    }  # fmt: skip
    if status == EXPIRED:
        row["TIME_FINISH_DEFAULT"] = (day.start + DAY_HOURS).isoformat()
    return row


# -- who


def _user(call: Call) -> User:
    """The person of USER_ID, by default the caller. Other people's days need the right to manage them."""
    asked = str(call.get("USER_ID") or call.client.user_id)
    user = call.portal.people.get(asked)
    # To someone without that right other people are simply not found.
    if user is None or (asked != call.client.user_id and not call.client.admin and not _leads(call, asked)):
        raise RestError(400, "", "User not found")
    return user


def _leads(call: Call, user_id: str) -> bool:
    return call.client.user_id in people.heads_over(call.portal, user_id)


# -- methods


@method("timeman.status", scope=SCOPE)
def status(call: Call) -> dict[str, Any]:
    return shown(call.portal, _user(call))


@method("timeman.settings", scope=SCOPE)
def settings(call: Call) -> dict[str, Any]:
    user = _user(call)
    answer: dict[str, Any] = {"UF_TIMEMAN": user.timeman, "UF_TM_FREE": bool(user.extra.get("UF_TM_FREE")), **SETTINGS}
    if user.id == call.client.user_id:
        led = any(department.head == user.id for department in call.portal.departments.values())
        answer["ADMIN"] = call.client.admin or led
    return answer


@method("timeman.open", scope=SCOPE)
def begin(call: Call) -> dict[str, Any]:
    user = _user(call)
    now, given = _now(call.portal, user), _given(call, user)
    day, state = call.portal.area(WorkDays).by_user.get(user.id), status_of(call.portal, user)
    if given and given.date() != now.date():
        raise RestError(400, "WRONG_DATETIME", "Day open date should correspond to the current date")
    if given and state in (PAUSED, OPENED):
        raise RestError(400, "TIME", "Unable to set time, work day is paused")
    if state == EXPIRED and call.portal.faults.word("expired_open") == "refuse":
        raise RestError(400, "WORKDAY_EXPIRED", "Previous work day is not closed")
    if day is None or day.start.date() != now.date():
        call.portal.area(WorkDays).by_user[user.id] = day = Day(given or now, ip_open=call.source_ip)
        day.approved = given is None or bool(user.extra.get("UF_TM_FREE"))
    else:
        _resume(day, now)
    _place(call, day, "OPEN")
    return shown(call.portal, user)


def _resume(day: Day, now: datetime) -> None:
    """Goes on after a break, or after the end of the same day: the time between counts as a break."""
    since = day.finish or day.paused_at
    if since:
        day.leaks += now - since
    day.status, day.finish, day.paused_at, day.ip_close = OPENED, None, None, ""


@method("timeman.pause", scope=SCOPE)
def pause(call: Call) -> dict[str, Any]:
    user = _user(call)
    day, now = call.portal.area(WorkDays).by_user.get(user.id), _now(call.portal, user)
    state = status_of(call.portal, user)
    if day is None or state == EXPIRED or day.start.date() != now.date():
        raise RestError(400, "", "Day is not opened")
    if state != PAUSED:
        # A day that has ended goes on, and what passed since its end counts as work.
        day.status, day.finish, day.paused_at = PAUSED, None, now
    return shown(call.portal, user)


@method("timeman.close", scope=SCOPE)
def end(call: Call) -> dict[str, Any]:
    user = _user(call)
    day, given = call.portal.area(WorkDays).by_user.get(user.id), _given(call, user)
    if day is None:
        raise RestError(400, "", "Day is not opened")
    state, now = status_of(call.portal, user), _now(call.portal, user).astimezone(day.start.tzinfo)
    finish = given.astimezone(day.start.tzinfo) if given else now
    if finish.date() != day.start.date():
        raise RestError(400, "WRONG_DATETIME", "Day close date should correspond to the day open date")
    if state == CLOSED:
        return shown(call.portal, user)
    _finish(day, finish)
    day.ip_close = call.source_ip
    day.approved = day.approved and (given is None or bool(user.extra.get("UF_TM_FREE")))
    _place(call, day, "CLOSE")
    return shown(call.portal, user)


def _finish(day: Day, finish: datetime) -> None:
    if day.paused_at:
        day.leaks += max(finish - day.paused_at, NOTHING)
    day.status, day.finish, day.paused_at = CLOSED, finish, None


def _given(call: Call, user: User) -> datetime | None:
    text = call.get("TIME")
    moment = parse_time(text, call.portal.zone) if text else None
    if text and moment is None:
        raise RestError(400, "WRONG_DATETIME_FORMAT", "Wrong datetime format")
    # Its own offset stays: the portal takes it for the person's zone.
    return datetime.fromisoformat(str(text)) if moment and moment.tzinfo and "T" in str(text) else moment


def _place(call: Call, day: Day, which: str) -> None:
    for name in ("LAT", "LON"):
        if call.get(name) not in (None, ""):
            day.places[f"{name}_{which}"] = float(call.get(name))


# -- doors


@door("GET", "/sandbox/workday")
def workday(sandbox: Sandbox, asked: Mapping[str, Any]) -> dict[str, str]:
    """Everybody's status, or one person's with `?user=7`."""
    portal = sandbox.portal
    with portal.lock:
        chosen = [user for user in portal.people.values() if asked.get("user") in (None, "", user.id)]
        return {user.id: status_of(portal, user) for user in chosen}


@door("POST", "/sandbox/workday")
def set_workday(sandbox: Sandbox, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`{"user": "7", "status": "OPENED", "tracked": true, "approved": true}`: as if done in the portal's clock."""
    portal = sandbox.portal
    with portal.lock:
        user = portal.people.get(str(wanted.get("user")))
        if user is None:
            raise BadRequest(f"no such user {wanted.get('user')!r}")
        user.timeman = bool(wanted.get("tracked", user.timeman))
        _set(portal, user, str(wanted.get("status") or ""))
        day = portal.area(WorkDays).by_user.get(user.id)
        if day and "approved" in wanted:
            day.approved = bool(wanted["approved"])
        return shown(portal, user)


def _set(portal: Portal, user: User, status: str) -> None:
    days, now = portal.area(WorkDays).by_user, _now(portal, user)
    if status == EXPIRED:
        days[user.id] = Day(now - timedelta(days=1))
        return
    if status not in (OPENED, PAUSED, CLOSED, ""):
        raise BadRequest("status is OPENED, PAUSED, CLOSED or EXPIRED")
    day = days.get(user.id)
    if status and (day is None or day.start.date() != now.date()):
        if status == CLOSED:
            days.pop(user.id, None)
            return
        day = days[user.id] = Day(now)
    if day is None or not status:
        return
    if status == OPENED:
        _resume(day, now)
    elif status == CLOSED:
        _finish(day, now)
    else:
        day.status, day.finish, day.paused_at = PAUSED, None, now
