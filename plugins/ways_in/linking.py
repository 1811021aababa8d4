"""Two leads of one person within a day, by whatever way they came, are told of each other; nothing is merged."""

from __future__ import annotations

from datetime import timedelta

from kernel.extension import Seen
from kernel.extension.portal import Portal, Unit
from kernel.texts import translate
from kernel.values import to_micros
from plugins.ways_in import store
from plugins.ways_in.handlers import LEAD
from plugins.ways_in.rules import known_by
from plugins.ways_in.settings import NAME, WaysInSettings

KEPT = timedelta(days=14)  #: longer than any span within which leads are linked


def lead_seen(unit: Unit, seen: Seen) -> None:
    record, tx, portal = seen.record, unit.tx, unit.portal.name
    span = timedelta(hours=unit.portal.settings(NAME, WaysInSettings).link_hours)
    made_at = record.created_at
    if made_at is None or unit.now - made_at > span:
        return
    people = known_by(seen.expected.values)
    if not people:
        return
    store.hold(tx, portal)
    at = to_micros(made_at)
    store.note_person(tx, portal, record.id, people, at)
    width = to_micros(made_at) - to_micros(made_at - span)
    for other_at, other in store.others(tx, portal, record.id, people, at - width, at + width)[:1]:
        older, newer = (other, record.id) if (other_at, _order(other)) < (at, _order(record.id)) else (record.id, other)
        if store.link(tx, portal, older, newer, to_micros(unit.now)):
            _tell(unit, older, newer)


def _order(lead: str) -> tuple[int, str]:
    return len(lead), lead


def _tell(unit: Unit, older: str, newer: str) -> None:
    language, link = unit.portal.mapping.portal.language, unit.portal.crm.link
    for lead, other, code in ((newer, older, "way_before"), (older, newer, "way_after")):
        text = translate(language, code, link=link(LEAD, other))
        unit.comment(LEAD, lead, text, key=f"way:link:{older}:{newer}:{lead}")


def lead_gone(unit: Unit, lead: str) -> None:
    store.forget_lead(unit.tx, unit.portal.name, lead)


def tidy(portal: Portal) -> None:
    """Regular: who came when is forgotten when it can link nothing any more."""
    with portal.unit() as unit:
        store.forget_people(unit.tx, portal.name, to_micros(unit.now - KEPT))
