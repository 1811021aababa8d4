"""A client who comes again goes to the person who has their open lead or deal: by phone, e-mail or card; where nobody has,
to the person who is responsible for their card. All the SQL of it.

Whoever gives out holds the row of the queue; where there are several queues, one more row for all of them, so that two
records of one client in two queues are never given out at the same moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kernel.crm import Record, Ref
from kernel.errors import NotFound
from kernel.extension.portal import Portal, Unit
from kernel.mapping import client_fields
from kernel.storage import Row, Tx
from kernel.values import to_micros
from plugins.assignment import eligibility, store
from plugins.assignment.rules import client_keys, is_closed, owner_of

OWNER = "assigned"
AFTER_ALL = 2**62  #: in the place of the moment since when a record is there
ALL_QUEUES = ""  #: the row that is held beside the queue's own


def hold(unit: Unit) -> None:
    """Until the end of the unit of work nobody else gives anything out. The caller holds the queue's row already."""
    settings = eligibility.settings_of(unit.portal)
    if settings.same_manager and len(settings.queue) > 1:
        store.open_queue(unit.tx, unit.portal.name, ALL_QUEUES, to_micros(unit.now))


def note(unit: Unit, record: Record) -> None:
    """Keep by what the client of this record is known, and whose it is now."""
    settings, tx, portal = eligibility.settings_of(unit.portal), unit.tx, unit.portal.name
    if not settings.same_manager:
        return
    keys = client_keys(record.values, settings.client_fields)
    known = {row["client"]: row for row in _rows(tx, portal, record.entity, record.id)}
    if not keys and not known:
        return
    person, is_open = _holder(unit, record), int(not is_closed(unit.portal.mapping.entity(record.entity), record))
    for key in sorted(known.keys() - keys):
        tx.run(
            "DELETE FROM assignment_client WHERE portal = :p AND entity = :e AND record_id = :r AND client = :c",
            p=portal, e=record.entity, r=record.id, c=key,
        )  # fmt: skip
    for key in sorted(keys):
        if key in known and (known[key]["person"], known[key]["is_open"]) == (person, is_open):
            continue
        tx.run(
            "INSERT INTO assignment_client VALUES (:p, :e, :r, :c, :who, :open, :now) "
            "ON CONFLICT (portal, entity, record_id, client) "
            "DO UPDATE SET person = excluded.person, is_open = excluded.is_open",
            p=portal, e=record.entity, r=record.id, c=key, who=person, open=is_open, now=to_micros(unit.now),
        )  # fmt: skip


@dataclass(frozen=True)
class CardManager:
    """A client's card of a record, and who is responsible for it."""

    client: str  #: as `client_keys` names it
    entity: str
    record_id: str
    person: str


def managers_of(portal: Portal, record: Record) -> list[CardManager]:
    """Of the cards that the record names, as the CRM has them now. Calls out: no database may be open."""
    settings, found = eligibility.settings_of(portal), []
    named = client_fields(portal.mapping.entity(record.entity)) if settings.same_manager else []
    for kind, name in named:
        card, plan = record.values.get(name), portal.mapping.entities.get(kind)
        if name not in settings.client_fields or not isinstance(card, Ref) or plan is None or OWNER not in plan.field:
            continue
        try:
            person = owner_of(portal.crm.get(kind, card.id)).id
        except NotFound:
            person = ""
        found.append(CardManager(f"{name}:{card.id}", kind, card.id, person))
    return found


def note_cards(unit: Unit, cards: Iterable[CardManager]) -> None:
    """A card counts as an open record of its client, after all leads and deals."""
    for one in cards:
        unit.tx.run(
            "INSERT INTO assignment_client VALUES (:p, :e, :r, :c, :who, 1, :last) "
            "ON CONFLICT (portal, entity, record_id, client) DO UPDATE SET person = excluded.person",
            p=unit.portal.name, e=one.entity, r=one.record_id, c=one.client, who=one.person, last=AFTER_ALL,
        )  # fmt: skip


def given(tx: Tx, portal: str, entity: str, record_id: str, person: str) -> None:
    """That record is that person's from now on; nobody's, if it is empty."""
    tx.run(
        "UPDATE assignment_client SET person = :who WHERE portal = :p AND entity = :e AND record_id = :r",
        who=person, p=portal, e=entity, r=record_id,
    )  # fmt: skip


def gone(tx: Tx, portal: str, entity: str, record_id: str) -> None:
    tx.run(
        "DELETE FROM assignment_client WHERE portal = :p AND entity = :e AND record_id = :r",
        p=portal, e=entity, r=record_id,
    )  # fmt: skip


def holders(tx: Tx, portal: str, entity: str, record_id: str) -> list[tuple[str, str, str]]:
    """Who has an open record of the same client: person, entity and number of that record; the oldest first."""
    rows = tx.all(
        "SELECT other.person, other.entity, other.record_id FROM assignment_client AS mine JOIN assignment_client AS other "
        "ON other.portal = mine.portal AND other.client = mine.client AND other.is_open = 1 AND other.person <> '' "
        "WHERE mine.portal = :p AND mine.entity = :e AND mine.record_id = :r AND NOT (other.entity = mine.entity AND "
        "other.record_id = mine.record_id) ORDER BY other.since, other.entity, other.record_id",
        p=portal, e=entity, r=record_id,
    )  # fmt: skip
    return list(dict.fromkeys((row["person"], row["entity"], row["record_id"]) for row in rows))


def _rows(tx: Tx, portal: str, entity: str, record_id: str) -> list[Row]:
    return tx.all(
        "SELECT * FROM assignment_client WHERE portal = :p AND entity = :e AND record_id = :r",
        p=portal, e=entity, r=record_id,
    )  # fmt: skip


def _holder(unit: Unit, record: Record) -> str:
    """Whom we gave it to, else the member whose name a person put there; nobody while it waits."""
    tx, portal = unit.tx, unit.portal
    if store.waiting(tx, portal.name, record.entity, record.id):
        return ""
    decided = store.newest(tx, portal.name, record.entity, record.id)
    if decided and decided.outcome == "given" and decided.ended_at is None:
        return decided.person
    owner = owner_of(record).id
    for name in eligibility.settings_of(portal).queue:
        members, stand_ins = eligibility.ids_of(tx, portal, name)
        if owner in members - stand_ins:
            return owner
    return ""
