"""Whether the CRM knows who applies: by ИНН, phone, e-mail; and whether they have an open deal. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kernel.conversations import Incoming
from kernel.crm import Record, Ref
from kernel.errors import Misconfigured
from kernel.extension.arrivals import FORM, values_of
from kernel.extension.portal import Portal
from plugins.ways_in.rules import Application, choose, open_deals

DEAL = "deal"
CLIENT_FIELD = {"contact": "client", "company": "company"}  #: of a lead and of a deal; a person before their company


@dataclass(frozen=True)
class Found:
    """The card of whoever applies, and their open deal whose owner works here."""

    client: Record | None = None
    deal: Record | None = None


def application_of(portal: Portal, message: Incoming) -> Application:
    """Raises Misconfigured where the form is gone since it came in."""
    name = message.details.get(FORM, "")
    if (form := portal.mapping.forms.get(name)) is None:
        raise Misconfigured(f"this set has no form.{name}.toml (any more), by which an application came in that still waits")
    return Application(form, values_of(message))


def find_client(portal: Portal, message: Incoming) -> Found:
    application = application_of(portal, message)
    client = _client(portal, application)
    return Found(client, _open_deal(portal, client)) if client else Found()


def _client(portal: Portal, application: Application) -> Record | None:
    last_name = application.of("last_name")
    for field, texts in (("inn", application.inns), ("phone", application.phones), ("email", application.emails)):
        for entity in CLIENT_FIELD:
            if entity in portal.mapping.entities and (one := choose(_of(portal, entity, field, texts), last_name)):
                return one
    return None


def _of(portal: Portal, entity: str, field: str, texts: Iterable[str]) -> Sequence[Record]:
    if field not in portal.mapping.entity(entity).field:
        return ()
    found: list[Record] = []
    for text in texts:
        found += portal.crm.find(entity, where={field: text})
    return found


def _open_deal(portal: Portal, client: Record) -> Record | None:
    field = CLIENT_FIELD[client.entity]
    plan = portal.mapping.entities.get(DEAL)
    if plan is None or field not in plan.field:
        return None
    deals = open_deals(portal.crm.find(DEAL, where={field: Ref(client.id)}), plan)
    owners = {one.id: owner.id for one in deals if isinstance(owner := one.values.get("assigned"), Ref)}
    people = portal.crm.people
    here = people.active(set(owners.values())) if people and owners else frozenset(owners.values())
    return next((one for one in deals if owners.get(one.id) in here), None)
