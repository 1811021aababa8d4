"""«+ Партнер» on our own page: one contact in the CRM for each form, however often it is sent off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernel.crm import Ref, Value
from kernel.extension.portal import Portal, Unit
from kernel.jobs import outgoing
from plugins.partners import store, store_forms
from plugins.partners.rules.card import Card, Duplicate, KnownCard, duplicates
from plugins.partners.settings import ENTITY
from plugins.partners.store import Partner

CREATED = "partners.created"
WAITS, THERE, FAILED = "waits", "there", "failed"


@dataclass(frozen=True)
class Progress:
    """How far a form has come."""

    state: str
    partner: str = ""
    reason: str = ""


def doubles(unit: Unit, card: Card, region: str) -> tuple[Duplicate, ...]:
    """Other partners with the same phone, email or Telegram."""
    known = [
        KnownCard(one.id, one.name, one.phone, "", one.email, one.telegram) for one in store.partners(unit.tx)
    ]  # fmt: skip
    return duplicates(card, known, region=region)


def create(unit: Unit, card: Card, token: str, person: str, others: Sequence[str]) -> None:
    """Once per `token`. `others`: cards that somebody said are other people."""
    if not store_forms.begin_form(unit.tx, token, person, others, unit.now):
        return
    known = unit.portal.mapping.entity(ENTITY).field
    values = {name: value for name, value in _values(unit.portal, card).items() if name in known and value not in ("", ())}
    kept = {
        "name": card.name, "phone": card.phone, "email": card.email, "telegram": card.telegram, "language": card.language,
        "automatic": card.automatic, "responsible": card.responsible,
    }  # fmt: skip
    unit.create(ENTITY, values, key=key_of(token), done=CREATED, context={"token": token, "card": kept})


def created(unit: Unit, payload: Mapping[str, Any], record_id: str) -> None:
    """The contact is there: it is a partner from now on, and reading its card gives it the link of its chat."""
    partner_id, context = store.plain_id(record_id), payload["context"]
    if store.lock_partner(unit.tx, partner_id) is None:
        store.keep_partner(unit.tx, Partner(partner_id, **context["card"]), unit.now)
    store_forms.end_form(unit.tx, context["token"], partner_id, unit.now)
    unit.resync(ENTITY, partner_id)


def progress(unit: Unit, token: str, person: str) -> Progress | None:
    """Of the form that this person sent off; None where there is none."""
    form = store_forms.form(unit.tx, token)
    if form is None or form["person"] != person:
        return None
    if form["partner"]:
        return Progress(THERE, form["partner"])
    call = outgoing.by_key(unit.tx, unit.portal.name, key_of(token))
    if call is not None and call.state in ("failed", "dropped"):
        return Progress(FAILED, reason=call.reason)
    return Progress(WAITS)


def key_of(token: str) -> str:
    return f"partners:new:{token}"


def _values(portal: Portal, card: Card) -> dict[str, Value]:
    people = (Ref(card.responsible, portal.name_of(card.responsible)),) if card.responsible else ()
    return {
        "name": card.name, "phone": card.phone, "email": card.email, "telegram": card.telegram,
        "whatsapp": card.whatsapp_link, "chat_language": card.language, "automatic": card.automatic, "responsible": people,
    }  # fmt: skip
