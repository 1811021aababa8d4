"""Heads are told once a working day what differs in their departments; the notice goes when it is put right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time

from kernel.crm import Person
from kernel.errors import Fault
from kernel.extension.portal import Portal, Unit
from kernel.extension.roles import ALL, rights_of, roles_of
from kernel.telemetry import log
from kernel.texts import translate
from plugins.client_check import store
from plugins.client_check.finding import differences
from plugins.client_check.model import KINDS, Difference
from plugins.client_check.settings import EVERYTHING, NAME, settings_of
from plugins.stage_lock.api import Sight

PAGE = "/dossier/check"


def may_see(sight: Sight, one: Difference) -> bool:
    """Who leads one of those whose cards these are; what is nobody's is everybody's."""
    return any(sight.person(owner) for owner in one.owners) or not one.owners


def tell(portal: Portal) -> None:
    """Regular."""
    if portal.crm.notices is None:
        return
    try:
        people = portal.people()
    except Fault as exc:
        log.warning("client_check.unread", reason=str(exc))
        return
    with portal.unit() as unit:
        found = differences(unit)
        told = store.notices(unit.tx, portal.name)
        for person, mine in _shares(portal, people, found).items():
            before = told.pop(person, None)
            if mine and _due(unit, before):
                _tell(unit, person, mine)
            elif not mine and before is not None:
                _take_back(unit, before)
        for left in told.values():  # they lead nobody any more
            _take_back(unit, left)


def _shares(portal: Portal, people: Sequence[Person], found: Sequence[Difference]) -> dict[str, list[Difference]]:
    """Of each head, by id, what they may see. What no head sees is for the CRM's administrators."""
    heads = {one.id: sight for one in people if (sight := _sight(portal, one, people)) is not None}
    shares = {person: [one for one in found if may_see(sight, one)] for person, sight in heads.items()}
    orphaned = [one for one in found if not any(may_see(sight, one) for sight in heads.values())]
    for one in people:
        if one.active and one.admin and orphaned:
            mine = shares.setdefault(one.id, [])
            mine += [other for other in orphaned if other not in mine]
    return shares


def _sight(portal: Portal, person: Person, people: Sequence[Person]) -> Sight | None:
    """What a head with the right to it may see; None of anybody else."""
    if not (person.active and person.heads) or person.role == "robot":
        return None
    rights = rights_of(portal.mapping.portal, roles_of(portal.mapping.portal, person))
    if rights & {ALL, EVERYTHING}:
        return Sight(None, people)
    return Sight(person.heads, people) if NAME in rights else None


def _due(unit: Unit, before: store.Notice | None) -> bool:
    settings, now = settings_of(unit.portal), unit.now.astimezone(unit.portal.zone)
    if now.isoweekday() not in settings.weekdays or now.time() < time.fromisoformat(settings.tell_at):
        return False
    return before is None or before.day != _day(now)


def _day(now: datetime) -> str:
    return now.date().isoformat()


def _tell(unit: Unit, person: str, mine: Sequence[Difference]) -> None:
    portal, day = unit.portal, _day(unit.now.astimezone(unit.portal.zone))
    language, counts = portal.mapping.portal.language, Counter(one.kind for one in mine)
    lines = [translate(language, "chk_note", count=len(mine))]
    lines += [translate(language, f"chk_note_{kind}", count=counts[kind]) for kind in KINDS if counts[kind]]
    lines.append(translate(language, "chk_note_where", url=f"{portal.public_url}{PAGE}"))
    unit.notify(_tag(person), [person], "\n".join(lines), key=f"client_check:{portal.name}:{person}:{day}")
    store.keep_notice(unit.tx, portal.name, store.Notice(person, day, True))


def _take_back(unit: Unit, before: store.Notice) -> None:
    if before.stands:
        unit.withdraw_notice(_tag(before.person), key=f"client_check:{unit.portal.name}:{before.person}:{before.day}:back")
        store.keep_notice(unit.tx, unit.portal.name, store.Notice(before.person, before.day, False))


def _tag(person: str) -> str:
    return f"CHECK|{person}"
