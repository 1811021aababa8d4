"""How each portal stands: what it told us last, what the last sweep found, and what waits for it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from kernel.crm.unconfigured import UnconfiguredCRM
from kernel.extension.portal import Portal
from kernel.extension.roles import OPERATE
from kernel.extension.sweep import last_sweep
from kernel.jobs.inbox import ASKED, SWEPT
from kernel.storage import Tx
from kernel.values import from_micros
from kernel.web.rights import needs
from kernel.web.site import Site


def blueprint(site: Site) -> Blueprint:
    pages = Blueprint("portals", __name__)

    @pages.get("/portals")
    @needs(OPERATE)
    def show() -> str:
        version = site.live.version()
        with site.database.read() as tx:
            found = [state_of(tx, portal) for portal in site.portals]
        return render_template("web/portals.html", portals=found, version=version)

    return pages


def state_of(tx: Tx, portal: Portal) -> dict[str, Any]:
    reported = tx.value(
        "SELECT MAX(received_at) FROM inbox WHERE portal = :p AND event NOT IN (:a, :s)", p=portal.name, a=ASKED, s=SWEPT
    )
    failures = tx.one("SELECT failures, last_failure, used FROM http_gate WHERE name = :p", p=portal.name)
    return {
        "name": portal.name,
        "set": portal.mapping.name,
        "crm": portal.crm.reason if isinstance(portal.crm, UnconfiguredCRM) else "",
        "told_at": from_micros(reported, portal.zone) if reported else None,
        "swept": last_sweep(tx, portal.name),
        "zone": portal.zone,
        "gate": failures,
        "inbox": tx.value("SELECT COUNT(*) FROM inbox WHERE portal = :p AND state = 'new'", p=portal.name),
        "outgoing": tx.value(
            "SELECT COUNT(*) FROM outgoing WHERE portal = :p AND state IN ('waiting', 'sending')", p=portal.name
        ),
    }
