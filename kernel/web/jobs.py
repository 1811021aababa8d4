"""What waits for a person: failed deliveries and calls, to be retried or dropped; and one id followed all the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, redirect, render_template, url_for
from werkzeug.wrappers import Response

from kernel.extension.roles import OPERATE
from kernel.jobs import inbox, outgoing
from kernel.ledger import entry_of
from kernel.storage import Tx
from kernel.values import from_micros
from kernel.web.identity import current_user
from kernel.web.rights import needs
from kernel.web.site import Site

SHOWN_MAX = 200


def blueprint(site: Site) -> Blueprint:
    pages = Blueprint("jobs", __name__)

    def moment(micros: int | None) -> Any:
        return None if micros is None else from_micros(micros, site.portals[0].zone if site.portals else None)

    @pages.get("/jobs")
    @needs(OPERATE)
    def show() -> str:
        version = site.live.version()
        with site.database.read() as tx:
            deliveries = tx.all(
                "SELECT * FROM inbox WHERE state = 'failed' ORDER BY received_at DESC LIMIT :most", most=SHOWN_MAX
            )
            calls = tx.all(
                "SELECT * FROM outgoing WHERE state = 'failed' ORDER BY created_at DESC LIMIT :most", most=SHOWN_MAX
            )
            counts = {
                "inbox": _counts(tx, "inbox", ("new", "failed")),
                "outgoing": _counts(tx, "outgoing", ("waiting", "sending", "failed")),
            }
            regular = tx.all("SELECT * FROM regular ORDER BY name")
        return render_template(
            "web/jobs.html", deliveries=deliveries, calls=calls, counts=counts, regular=regular, moment=moment,
            version=version, link=_link(site), most=SHOWN_MAX,
        )  # fmt: skip

    @pages.post("/jobs/<kind>/<one>/<action>")
    @needs(OPERATE)
    def act(kind: str, one: str, action: str) -> Response:
        if kind not in ("inbox", "outgoing") or action not in ("retry", "drop"):
            abort(404)
        with site.database.write() as tx:
            row = tx.lock(f"SELECT * FROM {kind} WHERE id = :id", id=one)
            if row is None:
                abort(404)
            if row["state"] == "failed":  # pressed twice, or by two people: the first one counts
                (_act_delivery if kind == "inbox" else _act_call)(site, tx, row, action)
        site.live.nudge()
        return redirect(url_for("jobs.show"), 303)

    @pages.get("/trace/<one>")
    @needs(OPERATE)
    def trace(one: str) -> str:
        with site.database.read() as tx:
            steps = trace_steps(tx, one)
        if not steps:
            abort(404)
        return render_template("web/trace.html", one=one, steps=steps, moment=moment, link=_link(site))

    return pages


def _counts(tx: Tx, table: str, states: tuple[str, ...]) -> list[tuple[str, int]]:
    marks = ", ".join(f"'{state}'" for state in states)
    rows = tx.all(f"SELECT state, COUNT(*) AS n FROM {table} WHERE state IN ({marks}) GROUP BY state")
    found = {row["state"]: int(row["n"]) for row in rows}
    return [(state, found.get(state, 0)) for state in states]


def _link(site: Site) -> Any:
    def address(portal_name: str, entity: str, record_id: str) -> str:
        portal = site.portal(portal_name)
        return portal.crm.link(entity, record_id) if portal and entity and record_id else ""

    return address


def _act_delivery(site: Site, tx: Tx, row: Mapping[str, Any], action: str) -> None:
    if action == "drop":
        inbox.settle(tx, [row["id"]], "dropped", f"dropped by {current_user().name}", site.clock)
        return
    portal = site.portal(row["portal"])
    if portal is None:
        abort(409)
    inbox.settle(tx, [row["id"]], "new", "", site.clock)
    inbox.sync(
        tx, row["portal"], row["entity"], row["record_id"], trace=row["id"], queue=portal.queue, mark=f":{site.ids.new()}"
    )


def _act_call(site: Site, tx: Tx, row: Mapping[str, Any], action: str) -> None:
    call, portal = outgoing.load(tx, row["id"]), site.portal(row["portal"])
    assert call is not None
    if action == "drop":
        outgoing.mark(tx, call.id, "dropped", site.clock, reason=f"dropped by {current_user().name}; was: {call.reason}")
    elif portal is None:
        abort(409)
    else:
        outgoing.again(tx, call, queue=portal.queue, clock=site.clock)


def trace_steps(tx: Tx, one: str) -> list[dict[str, Any]]:
    """Everything that carries this id, in time order: the delivery, what was booked, what went out."""
    steps: list[dict[str, Any]] = []
    for row in tx.all("SELECT * FROM inbox WHERE id = :t", t=one):
        steps.append({"at": row["received_at"], "order": 0, "what": "inbox", "row": row})
    for row in tx.all("SELECT * FROM ledger_journal WHERE trace = :t ORDER BY seq", t=one):
        steps.append({"at": row["recorded_at"], "order": 1, "what": "journal", "entry": entry_of(row), "row": row})
    for row in tx.all("SELECT * FROM outgoing WHERE trace = :t ORDER BY created_at, lane, number", t=one):
        payload = json.loads(row["payload"])
        steps.append({"at": row["created_at"], "order": 2, "what": "outgoing", "row": row, "payload": payload})
        if row["done_at"] is not None:
            steps.append({"at": row["done_at"], "order": 3, "what": "outgoing_end", "row": row, "payload": payload})
    return sorted(steps, key=lambda step: (step["at"], step["order"]))


__all__ = ["blueprint", "trace_steps"]
