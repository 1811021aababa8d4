"""What waits for a person: what failed, to be retried or dropped; what is uncertain, to be decided; one id followed all the
way."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from flask import Blueprint, abort, redirect, render_template, url_for
from werkzeug.wrappers import Response

from kernel.conversations import store as messages
from kernel.errors import Refused
from kernel.extension.comments import OF_A_RECORD
from kernel.extension.decisions import decide
from kernel.extension.roles import OPERATE
from kernel.jobs import inbox, outgoing
from kernel.ledger import entry_of
from kernel.storage import Tx
from kernel.values import from_micros
from kernel.web.identity import current_user
from kernel.web.rights import needs
from kernel.web.site import Site
from kernel.web.words import t

SHOWN_MAX = 200
KINDS = {"inbox": ("retry", "drop"), "message": ("retry", "drop"), "outgoing": ("retry", "again", "arrived", "drop")}
TABLES = {"inbox": "inbox", "message": "incoming_message", "outgoing": "outgoing"}


def blueprint(site: Site) -> Blueprint:
    pages = Blueprint("jobs", __name__)

    def moment(micros: int | None) -> Any:
        return None if micros is None else from_micros(micros, site.portal.zone)

    @pages.get("/jobs")
    @needs(OPERATE)
    def show() -> str:
        version = site.live.version()
        with site.database.read() as tx:
            deliveries = tx.all(
                "SELECT * FROM inbox WHERE state = 'failed' ORDER BY received_at DESC LIMIT :most", most=SHOWN_MAX
            )
            calls, uncertain = (_calls(tx, state) for state in ("failed", "uncertain"))
            found = messages.failed(tx, SHOWN_MAX)
            counts = {
                "inbox": _counts(tx, "inbox", ("new", "failed")),
                "message": _counts(tx, "incoming_message", ("new", "failed")),
                "outgoing": list(outgoing.counts(tx).items()),
            }
            regular = tx.all("SELECT * FROM regular ORDER BY name")
        return render_template(
            "web/jobs.html", deliveries=deliveries, calls=calls, uncertain=uncertain, messages=found, counts=counts,
            regular=regular, moment=moment, version=version, link=_link(site), most=SHOWN_MAX,
            title=work_title, word=word,
        )  # fmt: skip

    @pages.post("/jobs/<kind>/<one>/<action>")
    @needs(OPERATE)
    def act(kind: str, one: str, action: str) -> Response:
        if action not in KINDS.get(kind, ()):
            abort(404)
        with site.database.read() as tx:
            if tx.value(f"SELECT id FROM {TABLES[kind]} WHERE id = :id", id=one) is None:
                abort(404)
        with suppress(Refused):  # pressed twice, or by two people: the first one counts
            if kind == "outgoing":
                decision = "again" if action == "retry" else action
                decide(site.portal, site.plugins, one, decision, who=current_user().name)
            else:
                with site.database.write() as tx:
                    (_act_delivery if kind == "inbox" else _act_message)(site, tx, one, action)
        site.live.nudge()
        return redirect(url_for("jobs.show"), 303)

    @pages.get("/trace/<one>")
    @needs(OPERATE)
    def trace(one: str) -> str:
        with site.database.read() as tx:
            steps = trace_steps(tx, one)
        if not steps:
            abort(404)
        return render_template("web/trace.html", one=one, steps=steps, moment=moment, link=_link(site), word=word)

    return pages


def work_title(name: str) -> str:
    """What a regular work is called for people; one that no catalog names (an outside plugin's) goes by its name."""
    key = name.rpartition(":")[2].replace(".", "_")
    return _text(f"work_{key}") or name


def word(group: str, name: str) -> str:
    """A verb, a state or another word of the tables, in the reader's language; one that no catalog names as it stands."""
    return _text(f"web_{group}_{name}") or name


def _text(code: str) -> str:
    try:
        return t(code)
    except KeyError:
        return ""


def _calls(tx: Tx, state: str) -> list[dict[str, Any]]:
    """Calls in that state, newest first, each with where it goes: a record of the CRM, or an address elsewhere."""
    rows = tx.all("SELECT * FROM outgoing WHERE state = :s ORDER BY created_at DESC LIMIT :most", s=state, most=SHOWN_MAX)
    return [dict(row) | {"about": row["lane"].removeprefix(f"out:{row['connection']}:")} for row in rows]


def _counts(tx: Tx, table: str, states: tuple[str, ...]) -> list[tuple[str, int]]:
    marks = ", ".join(f"'{state}'" for state in states)
    rows = tx.all(f"SELECT state, COUNT(*) AS n FROM {table} WHERE state IN ({marks}) GROUP BY state")
    found = {row["state"]: int(row["n"]) for row in rows}
    return [(state, found.get(state, 0)) for state in states]


def _link(site: Site) -> Any:
    def address(connection: str, entity: str, record_id: str) -> str:
        noun, _, what = entity.partition("/")
        known = not entity.startswith("@") and what in ("", OF_A_RECORD)
        ours = connection == site.portal.name and entity and record_id and known
        return site.portal.crm.link(noun, record_id) if ours else ""

    return address


def _act_delivery(site: Site, tx: Tx, one: str, action: str) -> None:
    if action == "drop":
        inbox.drop(tx, one, f"dropped by {current_user().name}", site.clock)
    else:
        inbox.again(tx, one, queue=site.portal.queue, mark=site.ids.new(), clock=site.clock)


def _act_message(site: Site, tx: Tx, one: str, action: str) -> None:
    if action == "drop":
        messages.drop(tx, one, f"dropped by {current_user().name}", site.clock)
    else:
        messages.again(tx, one, queue=site.portal.queue, mark=site.ids.new(), clock=site.clock)


def trace_steps(tx: Tx, one: str) -> list[dict[str, Any]]:
    """Everything that carries this id, in time order: the delivery, what was booked, what went out."""
    steps: list[dict[str, Any]] = []
    for row in tx.all("SELECT * FROM inbox WHERE id = :t", t=one):
        steps.append({"at": row["received_at"], "order": 0, "what": "inbox", "row": row})
    for row in tx.all("SELECT * FROM incoming_message WHERE id = :t", t=one):
        steps.append({"at": row["received_at"], "order": 0, "what": "message", "row": row})
    for row in tx.all("SELECT * FROM ledger_journal WHERE trace = :t ORDER BY seq", t=one):
        steps.append({"at": row["recorded_at"], "order": 1, "what": "journal", "entry": entry_of(row), "row": row})
    for row in tx.all("SELECT * FROM outgoing WHERE trace = :t ORDER BY created_at, lane, number", t=one):
        payload = json.loads(row["payload"])
        steps.append({"at": row["created_at"], "order": 2, "what": "outgoing", "row": row, "payload": payload})
        for made in outgoing.decisions(tx, row["id"]):
            steps.append({"at": made["at"], "order": 3, "what": "decision", "row": made})
        if row["done_at"] is not None:
            steps.append({"at": row["done_at"], "order": 4, "what": "outgoing_end", "row": row, "payload": payload})
    return sorted(steps, key=lambda step: (step["at"], step["order"]))


__all__ = ["blueprint", "trace_steps"]
