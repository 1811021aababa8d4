"""How each connection stands: what it told us last, what a CRM's last sweep found, what waits for it, what is uncertain, and
which of its scripts still prove their deliveries the old way."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from kernel.extension.roles import OPERATE
from kernel.extension.standing import standings, told_at
from kernel.jobs import old_proofs
from kernel.web.rights import needs
from kernel.web.site import Site


def blueprint(site: Site) -> Blueprint:
    pages = Blueprint("connections", __name__)

    @pages.get("/connections")
    @needs(OPERATE)
    def show() -> str:
        version, portal = site.live.version(), site.portal
        with site.database.read() as tx:
            found = standings(tx, portal)
            old = {
                name: old_proofs.still_coming(tx, one.full_name, portal.clock.now(), portal.zone)
                for name, one in portal.connections.items()
            }
            reported = {name: told_at(tx, portal, one) for name, one in portal.connections.items()}
        return render_template(
            "web/connections.html",
            connections=found,
            reported=reported,
            old=old,
            set=portal.mapping.name,
            zone=portal.zone,
            version=version,
        )

    @pages.get("/portals")
    @needs(OPERATE)
    def old_address() -> Response:
        return redirect(url_for("connections.show"), 301)

    return pages
