"""An application came in: it becomes a lead, a comment in the client's open deal, or nothing if it is a repeat."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from kernel.conversations import Incoming
from kernel.crm import Record, Ref, Value
from kernel.extension.arrivals import NAMED
from kernel.extension.portal import Portal, Unit
from kernel.telemetry import log
from kernel.texts import translate
from kernel.values import to_micros
from plugins.ways_in import store
from plugins.ways_in.finding import CLIENT_FIELD, DEAL, Found, application_of
from plugins.ways_in.rules import Application, digest, lead_values
from plugins.ways_in.settings import NAME, WaysInSettings
from plugins.ways_in.store import Case

LEAD = "lead"
LEAD_MADE = "ways_in.lead_made"
REPEAT = "repeat"


def came(unit: Unit, message: Incoming) -> None:
    """The one handler of what comes in."""
    application = application_of(unit.portal, message)
    tx, portal, at = unit.tx, unit.portal.name, to_micros(unit.now)
    found = unit.prepared if isinstance(unit.prepared, Found) else Found()
    store.hold(tx, portal)
    if message.details.get(NAMED) != "yes" and _repeats(unit, application):
        store.keep(tx, portal, Case(unit.trace, application.form.name, application.person, at, REPEAT))
        log.info("ways_in.repeat", form=application.form.name)
        return
    if found.deal is not None:
        _tell_owner(unit, application, found.deal)
        store.keep(tx, portal, Case(unit.trace, application.form.name, application.person, at, DEAL, found.deal.id))
    else:
        _make_lead(unit, application, message, found.client)
        store.keep(tx, portal, Case(unit.trace, application.form.name, application.person, at, LEAD))


def _repeats(unit: Unit, application: Application) -> bool:
    """The same form, phone and e-mail within a few minutes, where the sender names no submission."""
    if not application.person:
        return False
    settings = unit.portal.settings(NAME, WaysInSettings)
    since = to_micros(unit.now - timedelta(minutes=settings.same_minutes))
    return store.earlier(unit.tx, unit.portal.name, application.form.name, application.person, since) is not None


def _make_lead(unit: Unit, application: Application, message: Incoming, client: Record | None) -> None:
    """Once per name of the submission, whatever becomes of answers and databases: the CRM is asked for it first."""
    portal, lead = unit.portal, unit.portal.mapping.entity(LEAD)
    values: dict[str, Value] = lead_values(application, lead)
    if stand_in := _stand_in(portal):
        values["assigned"] = stand_in
    if client is not None and (field := CLIENT_FIELD[client.entity]) in lead.field:
        values[field] = Ref(client.id, client.name)
    key = "way:" + digest(f"{portal.name}|{unit.connection}|{message.account}|{message.vendor_id}")
    unit.create(LEAD, values, key=key, done=LEAD_MADE, context={"message": unit.trace}, find_first=True)


def _stand_in(portal: Portal) -> Ref | None:
    """Nobody of that name works here: then whom the CRM names by itself, and the doctor says so."""
    wanted = portal.settings(NAME, WaysInSettings).responsible.casefold()
    found = next((one for one in portal.people() if wanted and one.active and one.name.casefold() == wanted), None)
    return Ref(found.id, found.name) if found else None


def _tell_owner(unit: Unit, application: Application, deal: Record) -> None:
    """No lead: the client is in somebody's hands. That one reads it in the deal, is told, and has something to do."""
    portal, language, key = unit.portal, unit.portal.mapping.portal.language, f"way:{unit.trace}"
    owner = deal.values.get("assigned")
    assert isinstance(owner, Ref)
    title = application.form.title
    text = translate(language, "way_again", title=title, text=application.text())
    has_notices = portal.crm.notices is not None
    unit.comment(DEAL, deal.id, text, to=() if has_notices else (owner.id,), key=f"{key}:comment")
    if has_notices:
        note = f"{text}\n{portal.crm.link(DEAL, deal.id)}"
        unit.notify(f"WAY|{unit.trace}", (owner.id,), note, key=f"{key}:note")
    if portal.crm.activities is not None:
        hours = portal.settings(NAME, WaysInSettings).activity_hours
        unit.add_activity(
            DEAL, deal.id, translate(language, "way_answer", title=title, who=application.who), text,
            responsible=owner.id, due_at=unit.now + timedelta(hours=hours), key=f"{key}:activity",
        )  # fmt: skip


def lead_made(unit: Unit, payload: Mapping[str, Any], lead: str) -> None:
    """It is read at once, since the CRM does not tell us of our own: whoever gives leads out sees it then."""
    store.made(unit.tx, unit.portal.name, str(payload["context"]["message"]), lead)
    unit.resync(LEAD, lead)
