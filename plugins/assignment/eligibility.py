"""Who of a queue is fit now: asked of the CRM and the other plugins, kept for some seconds and for the pages.

A burst of records must not ask once each, so what was found is shared by all processes through a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kernel.errors import Fault
from kernel.extension.portal import Portal, Unit
from kernel.storage import Tx
from kernel.telemetry import log
from kernel.values import to_micros
from plugins.assignment import exclusions, store
from plugins.assignment.hooks import UNFIT
from plugins.assignment.rules import Member, Objection, Reason, heads_of, members
from plugins.assignment.settings import AssignmentSettings, QueueSettings
from plugins.assignment.store import Eligibility

NAME = "assignment"
FRESH_SECONDS = 10
SHARED_SECONDS = 2
ACTIVE_SECONDS = 0.05  #: records that come in the same moment ask once who still works here; longer would miss a dismissal


def settings_of(portal: Portal) -> AssignmentSettings:
    return portal.settings(NAME, AssignmentSettings)


def queue_of(portal: Portal, name: str) -> QueueSettings | None:
    """None for a queue that is no longer in the settings."""
    return settings_of(portal).queue.get(name)


def read(portal: Portal, name: str, *, seconds: float = FRESH_SECONDS) -> Eligibility:
    """What is known, asked anew if it is older. Calls out: no database may be open. Writes nothing; `keep` does. Raises a
    Fault that passes by itself."""
    now = to_micros(portal.clock.now())
    with portal.database.read() as tx:
        known = store.eligibility(tx, portal.name, name)
    if known and 0 <= now - known.read_at <= seconds * 1_000_000:
        return known
    return _ask(portal, settings_of(portal).queue[name], now)


def keep(unit: Unit, name: str, found: Eligibility) -> None:
    """For all processes and for the pages. The caller holds the queue's row."""
    if store.keep_eligibility(unit.tx, unit.portal.name, name, found):
        store.touch(unit.tx, unit.portal.name, name)
        unit.tx.after_commit(unit.portal.changed)


def _ask(portal: Portal, queue: QueueSettings, now: int) -> Eligibility:
    people = portal.people()
    found = members(people, queue.groups, queue.people, queue.weights)
    heads = tuple(person.id for person in heads_of(people, queue.groups, queue.tell))
    ids = [member.id for member in found]
    if not ids:
        return Eligibility(now, heads=heads)
    try:
        overdue = _overdue(portal, ids)
        objections = [answer(portal, ids) for answer in UNFIT.functions(portal)]
    except Fault as exc:
        if exc.retry:
            raise
        # For good, until somebody fixes it: then the record must wait and the heads must know, not vanish into a list.
        log.error("assignment.unknown", reason=str(exc))
        unknown = Reason("asg_unknown", {"text": str(exc)[:200]})
        return Eligibility(now, tuple(replace(member, reasons=(unknown,)) for member in found), heads, str(exc)[:300])
    weighed = tuple(_weighed(member, overdue[member.id], queue.overdue_max, objections) for member in found)
    return Eligibility(now, weighed, heads)


def _overdue(portal: Portal, ids: list[str]) -> dict[str, int]:
    """Queues of one department are asked about in the same moment: the CRM is asked once."""
    known: dict[str, tuple[float, int]] = portal.memory.setdefault(NAME, {})
    now = portal.clock.monotonic()
    old = [one for one in ids if one not in known or not 0 <= now - known[one][0] <= SHARED_SECONDS]
    if old:
        found = portal.crm.people.overdue(old) if portal.crm.people else {}
        known.update({one: (now, found.get(one, 0)) for one in old})
    return {one: known[one][1] for one in ids}


def without_departed(portal: Portal, found: Eligibility) -> Eligibility:
    """Who has left the CRM gets nothing from that moment on, whatever the list of people said a minute ago."""
    people, eligible = portal.crm.people, [member.id for member in found.members if member.eligible]
    if people is None or not eligible:
        return found
    known: dict[str, tuple[float, bool]] = portal.memory.setdefault(f"{NAME}.active", {})
    now = portal.clock.monotonic()
    old = [one for one in eligible if one not in known or not 0 <= now - known[one][0] < ACTIVE_SECONDS]
    if old:
        active = people.active(old)
        known.update({one: (now, one in active) for one in old})
    left = Reason("asg_left")
    members = tuple(
        replace(one, reasons=(left,)) if one.id in eligible and not known[one.id][1] else one for one in found.members
    )
    return found if members == found.members else replace(found, members=members)


def _weighed(member: Member, overdue: int, most: int, objections: list[Mapping[str, Objection]]) -> Member:
    reasons = [Reason(one[member.id].code, dict(one[member.id].values)) for one in objections if member.id in one]
    if overdue > most:
        reasons.append(Reason("asg_overdue", {"count": overdue, "most": most}))
    return replace(member, overdue=overdue, reasons=tuple(reasons))


def ids_of(tx: Tx, portal: Portal, name: str) -> tuple[frozenset[str], frozenset[str]]:
    """The members of a queue as last known, and those of them whom the CRM names as responsible by itself."""
    found, queue = store.eligibility(tx, portal.name, name), queue_of(portal, name)
    known = found.members if found else ()
    names = {one.casefold() for one in queue.stand_ins} if queue else set()
    return frozenset(one.id for one in known), frozenset(one.id for one in known if one.name.casefold() in names)


def judged(unit: Unit, found: Eligibility) -> list[Member]:
    """The members with their bars of this very moment."""
    return with_exclusions(unit.tx, unit.portal, found.members)


def with_exclusions(tx: Tx, portal: Portal, found: tuple[Member, ...]) -> list[Member]:
    standing = exclusions.standing(tx, portal.name, to_micros(portal.clock.now()))
    return [replace(one, reasons=(*one.reasons, excluded(standing[one.id]))) if one.id in standing else one for one in found]


def excluded(exclusion: exclusions.Exclusion) -> Reason:
    return Reason("asg_barred", {"by": exclusion.by_name, "reason": exclusion.reason or "—"})
