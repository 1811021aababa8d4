"""Whose dossier a card shows, read from the CRM and never from an address; and who may see it."""

from __future__ import annotations

from kernel.crm import Elsewhere, Record, Ref
from kernel.crm.sight import Sight
from kernel.errors import NotFound
from kernel.extension.portal import Portal, Unit
from kernel.mapping import CLIENTS, MappingSet, client_fields
from kernel.values import to_micros
from kernel.web import shown
from plugins.dossier import store_cards
from plugins.dossier.hooks import CLIENT_CHANGED
from plugins.dossier.store_cards import Card

CLIENT_ID = "client_id"
DEAL = "deal"
READ_SECONDS = 60  #: within that a sub-tab does not read the card again


def clients(mapping: MappingSet) -> tuple[str, ...]:
    """The entities of this set whose cards have a dossier of their own."""
    asked = {entity for one in mapping.sets.values() for entity in one.of}
    known = mapping.entities
    return tuple(one for one in CLIENTS if one in asked and one in known and CLIENT_ID in known[one].field)


def has_dossier(mapping: MappingSet, entity: str) -> bool:
    return entity in clients(mapping) or (entity == DEAL and DEAL in mapping.entities)


def read(portal: Portal, entity: str, record_id: str) -> tuple[Card, Record | None]:
    """The card as the CRM has it now, and the client's own record. Raises NotFound, or a Fault."""
    found = _get(portal, entity, record_id)
    own = found if entity != DEAL else _client_of(portal, found)
    client_id = _client_id(own)
    of = (own.entity, own.id) if own else ("", "")
    card = Card(entity, record_id, *of, client_id, to_micros(portal.clock.now()))
    with portal.unit() as unit:
        before = store_cards.card(unit.tx, portal.name, entity, record_id)
        store_cards.keep_card(unit.tx, portal.name, card)
        if own and entity == DEAL:
            before = store_cards.card(unit.tx, portal.name, *of)
            store_cards.keep_card(unit.tx, portal.name, Card(*of, *of, client_id, card.read_at))
        if own and before and before.client_id and before.client_id != client_id:
            for run in CLIENT_CHANGED.functions(portal):
                run(unit, *of, before.client_id)
    return card, own


def seen_by(portal: Portal, person: str, entity: str, record_id: str) -> Card | None:
    """The card as it was read at most a minute ago, for a person to whom the CRM has shown it, and in a deal the client's
    own one, too; None for anybody else. Every page that waits asks this often: one reading, unless the card is read anew.
    Raises NotFound, or a Fault."""
    with portal.read() as unit:
        if not shown.shown_in(unit, person, (entity, record_id)):
            return None
        known = _known(unit, entity, record_id)
        if known is not None:
            return known if not known.of_entity or shown.shown_in(unit, person, known.own) else None
    card, _ = read(portal, entity, record_id)
    return card if not card.of_entity or permitted(portal, person, card.own) else None


def _known(unit: Unit, entity: str, record_id: str) -> Card | None:
    known = store_cards.card(unit.tx, unit.portal.name, entity, record_id)
    oldest = to_micros(unit.now) - READ_SECONDS * 1_000_000
    return known if known and known.read_at >= oldest else None


def _get(portal: Portal, entity: str, record_id: str) -> Record:
    try:
        return portal.crm.get(entity, record_id)
    except Elsewhere as exc:
        return exc.record


def _client_of(portal: Portal, deal: Record) -> Record | None:
    having = clients(portal.mapping)
    for entity, name in client_fields(portal.mapping.entity(DEAL)):
        value = deal.values.get(name)
        if entity in having and isinstance(value, Ref):
            try:
                return _get(portal, entity, value.id)
            except NotFound:
                continue
    return None


def _client_id(own: Record | None) -> str:
    value = own.values.get(CLIENT_ID) if own else None
    return value.strip() if isinstance(value, str) else ""


# --- who may see it ---------------------------------------------------------------------------------------------------


def admit(portal: Portal, person: str, sight: Sight, entity: str, record_id: str) -> bool:
    """Whether the CRM shows that person the card, and in a deal the client's own, too; it counts for a quarter of an hour.
    Raises a Fault where the CRM cannot be asked."""
    wanted = [(entity, record_id)]
    if entity == DEAL:
        try:
            card, _ = read(portal, entity, record_id)
        except NotFound:
            return False
        wanted += [card.own] if card.of_entity else []
    return shown.admit(portal, person, sight, wanted)


def permitted(portal: Portal, person: str, *cards: tuple[str, str]) -> bool:
    return shown.shown(portal, person, *cards)
