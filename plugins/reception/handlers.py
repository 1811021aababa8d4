"""A new request: find or make the card, name manager and executor, set the next contact. Only empty fields are filled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernel.crm import Person, Record, Ref, Value
from kernel.extension import Seen
from kernel.extension.portal import Portal, Unit
from plugins.reception import store
from plugins.reception.rules import Asked, as_ref, asked, by_names, choose, client_keys, manager_for, next_workday
from plugins.reception.settings import ReceptionSettings

NAME = "reception"
FINAL_STAGES = ("closed", "cancelled")


@dataclass(frozen=True)
class Prepared:
    """What the CRM was asked before the unit of work began."""

    card: Record | None
    people: list[Person]


def _needs(record: Record) -> bool:
    """A card is wanted at any stage but a cancelled one; people and next contact while the deal is open."""
    if record.stage == "cancelled":
        return False
    wanted = ("client",) if record.stage in FINAL_STAGES else ("client", "manager", "executor", "next_contact")
    return any(not record.values.get(name) for name in wanted)


def find_client(portal: Portal, record: Record) -> Prepared | None:
    """Look for the card: by phone, then e-mail, then Telegram name. Nothing is asked if nothing is missing."""
    if not _needs(record):
        return None
    client, card = record.values.get("client"), None
    if isinstance(client, Ref):
        card = portal.crm.get("contact", client.id)
    else:
        who = asked(record.values)
        for name, value in (("phone", who.phone), ("email", who.email), ("telegram", who.telegram)):
            if value and (card := choose(portal.crm.find("contact", where={name: value}))):
                break
    return Prepared(card, portal.people())


def deal_seen(unit: Unit, seen: Seen) -> None:
    prepared, record = seen.prepared, seen.expected
    settings = unit.portal.settings(NAME, ReceptionSettings)
    values: dict[str, Value] = {}
    if isinstance(prepared, Prepared):
        _fill(unit, record, prepared, settings, values)
    if settings.same_manager:
        known = {**record.values, **values}
        manager = known.get("manager")
        store.note_client(
            unit.tx, unit.portal.name, record.id, client_keys(known), manager.id if isinstance(manager, Ref) else "",
            is_open=record.stage not in FINAL_STAGES,
        )  # fmt: skip


def _fill(unit: Unit, record: Record, prepared: Prepared, settings: ReceptionSettings, values: dict[str, Value]) -> None:
    if not record.values.get("client"):
        who = asked(record.values)
        if prepared.card:
            values["client"] = Ref(prepared.card.id, prepared.card.name)
        elif who:
            _make_card(unit, record, who)
        if prepared.card or who:
            unit.filling.add(("deal", record.id, "client"))
    if record.stage not in FINAL_STAGES:
        _fill_people(unit, record, prepared, settings, values)
    if values:
        unit.update("deal", record.id, values, resync=True)


def _fill_people(
    unit: Unit, record: Record, prepared: Prepared, settings: ReceptionSettings, values: dict[str, Value]
) -> None:
    if not record.values.get("manager"):
        managers = by_names(prepared.people, settings.managers)
        if settings.same_manager:
            managers = _same_manager(unit, record, prepared, managers) or managers
        turn = store.turn_of(unit.tx, unit.portal.name, record.id) if len(managers) > 1 else 0
        if person := manager_for(prepared.card, managers, turn):
            values["manager"] = as_ref(person)
    if not record.values.get("executor") and (people := by_names(prepared.people, [settings.executor])):
        values["executor"] = (as_ref(people[0]),)
    if not record.values.get("next_contact"):
        today = unit.now.astimezone(unit.portal.zone).date()
        values["next_contact"] = next_workday(today, settings.next_contact_days)


def deal_gone(unit: Unit, deal: str) -> None:
    store.note_client(unit.tx, unit.portal.name, deal, (), "", is_open=False)


def _same_manager(unit: Unit, record: Record, prepared: Prepared, managers: list[Person]) -> list[Person]:
    """The manager of another request of this client that is open, alone; nobody if there is none."""
    card = {"client": Ref(prepared.card.id)} if prepared.card else {}
    keys = client_keys({**record.values, **card})
    if not keys or not managers:
        return []
    store.hold_clients(unit.tx, unit.portal.name)
    whose = store.managers_of(unit.tx, unit.portal.name, record.id, keys)
    return [person for one in whose for person in managers if person.id == one][:1]


def _make_card(unit: Unit, record: Record, who: Asked) -> None:
    """One card per person: two requests with the same phone at the same moment ask for the same card."""
    mark = who.phone or who.email or who.telegram or f"deal {record.id}"
    key = "card:" + hashlib.sha256(f"{unit.portal.name}|{mark}".encode()).hexdigest()[:32]
    values: dict[str, Value] = {
        "name": who.name or who.telegram or who.phone or who.email,
        "phone": who.phone or None,
        "email": who.email or None,
        "telegram": who.telegram or None,
    }
    if made := store.card_made(unit.tx, unit.portal.name, key):
        unit.update("deal", record.id, {"client": Ref(made, str(values["name"]))}, resync=True)
        return
    store.wait_for_card(unit.tx, key, record.id)
    unit.create(
        "contact",
        {name: value for name, value in values.items() if value is not None},
        key=key,
        done="reception.client_made",
        context={"name": values["name"]},
    )


def client_made(unit: Unit, payload: Mapping[str, Any], contact_id: str) -> None:
    """The card exists: put it into every request that waited for it."""
    name = str(payload["context"]["name"])
    for deal in store.take_waiting(unit.tx, str(payload["key"])):
        unit.update("deal", deal, {"client": Ref(contact_id, name)}, resync=True)
