"""Asking the CRM for working days, with a short memory, and telling others what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kernel.crm import Person, Record, Workday
from kernel.errors import Fault, Rejected
from kernel.extension.portal import Portal
from kernel.telemetry import log
from kernel.values import to_micros
from plugins.assignment.api import ELIGIBILITY_CHANGED
from plugins.stage_lock.api import Objection
from plugins.workday import store
from plugins.workday.rules import Standing, changed, left, members, standing
from plugins.workday.settings import WorkdaySettings

NAME = "workday"
FRESH_SECONDS = 10.0
PAGE = "/workday/"


def settings_of(portal: Portal) -> WorkdaySettings:
    return portal.settings(NAME, WorkdaySettings)


def members_of(portal: Portal) -> list[Person]:
    return members(portal.people(), settings_of(portal).groups)


def is_member(portal: Portal, person_id: str) -> bool:
    return any(person.id == person_id for person in members_of(portal))


def statuses(portal: Portal, people: Iterable[str], fresh_seconds: float = FRESH_SECONDS) -> dict[str, Workday]:
    """Each one's day, read at most so long ago; "unknown" where the CRM does not answer, "off" where it keeps none."""
    wanted = list(people)
    try:
        return _asked(portal, wanted, fresh_seconds)
    except Fault as exc:
        log.warning("workday.unread", reason=str(exc))
        known, now = _memory(portal), portal.clock.monotonic()
        fresh = {one for one in wanted if one in known and now - known[one][0] <= fresh_seconds}
        return {one: known[one][1] if one in fresh else "unknown" for one in wanted}


def status(portal: Portal, person_id: str, fresh_seconds: float = FRESH_SECONDS) -> Workday:
    return statuses(portal, [person_id], fresh_seconds)[person_id]


def standing_of(portal: Portal, person_id: str, fresh_seconds: float = FRESH_SECONDS) -> Standing:
    """Whether somebody may work: who need not start their day always may."""
    if not is_member(portal, person_id):
        return "started"
    return standing(status(portal, person_id, fresh_seconds), paused_counts=settings_of(portal).paused_counts)


def _asked(portal: Portal, wanted: list[str], fresh_seconds: float) -> dict[str, Workday]:
    """The same; raises Fault where the CRM does not answer."""
    known, now, workdays = _memory(portal), portal.clock.monotonic(), portal.crm.workdays
    if workdays is None:
        return dict.fromkeys(wanted, "off")
    if old := [one for one in wanted if one not in known or now - known[one][0] > fresh_seconds]:
        found: Mapping[str, Workday] = workdays.statuses(old)
        known.update({one: (now, found.get(one, "unknown")) for one in old})
    return {one: known[one][1] for one in wanted}


def _memory(portal: Portal) -> dict[str, tuple[float, Workday]]:
    found: dict[str, tuple[float, Workday]] = portal.memory.setdefault(NAME, {})
    return found


# --- what others ask --------------------------------------------------------------------------------------------------


def objection(portal: Portal, person_id: str, _record: Record, _start: str, _to: str) -> Objection | None:
    """Of the stage lock: may they move any record. Raises Fault where the CRM does not answer."""
    if not is_member(portal, person_id):
        return None
    day = _asked(portal, [person_id], FRESH_SECONDS)[person_id]
    if standing(day, paused_counts=settings_of(portal).paused_counts) != "not_started":
        return None  # nothing is put back on a guess
    return Objection("workday_not_started", {"address": address(portal)})


def unfit(portal: Portal, person_ids: Iterable[str]) -> dict[str, Objection]:
    """Of the assignment: who may not be given anything, and why."""
    mine = {person.id for person in members_of(portal)}
    found = statuses(portal, [one for one in person_ids if one in mine])
    paused_counts, objections = settings_of(portal).paused_counts, {}
    for person, day in found.items():
        match standing(day, paused_counts=paused_counts):
            case "not_started":
                objections[person] = Objection("workday_closed")
            case "unknown":
                objections[person] = Objection("workday_unknown")
    return objections


def address(portal: Portal) -> str:
    return f"{portal.public_url}{PAGE}"


# --- what is kept ------------------------------------------------------------------------------------------------------


def poll(portal: Portal) -> None:
    """Regular: all members in one call; who has begun or ended their day is told on."""
    workdays = portal.crm.workdays
    if workdays is None:
        return
    mine = [person.id for person in members_of(portal)]
    now = portal.clock.monotonic()
    try:
        found = workdays.statuses(mine) if mine else {}
    except Fault as exc:  # the page shows how old its figures are
        log.warning("workday.unread", reason=str(exc))
        return
    read: dict[str, Workday] = {one: found.get(one, "unknown") for one in mine}
    _memory(portal).update({one: (now, day) for one, day in read.items()})
    keep(portal, read, all_members=True)


def keep(portal: Portal, read: Mapping[str, Workday], *, all_members: bool = False) -> None:
    """Write down what was read and tell other plugins whose day has changed."""
    with portal.unit() as unit:
        before = store.all_of(unit.tx, portal.name)
        others = changed({person: one.status for person, one in before.items()}, read)
        store.keep(unit.tx, portal.name, read, to_micros(unit.now))
        gone = left(before, read) if all_members else []
        store.drop(unit.tx, portal.name, gone)
        if others or gone:
            unit.tx.after_commit(portal.changed)
    if reported := [*others, *gone]:
        for hook in ELIGIBILITY_CHANGED.functions(portal):
            try:
                hook(portal, reported)
            except Fault as exc:  # whose work it is finds out by itself later; the day counts all the same
                log.warning("workday.hook", reason=str(exc))


def start(portal: Portal, person_id: str) -> None:
    """Begin somebody's day in the CRM, as their own button there would. Raises what the CRM answers."""
    if portal.crm.workdays is None:
        raise Rejected("this CRM keeps no working days")
    portal.crm.workdays.start(person_id)
    keep(portal, {person_id: status(portal, person_id, fresh_seconds=-1)})
