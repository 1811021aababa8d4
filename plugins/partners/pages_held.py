"""What was held back since a partner must not know it, and what was sent in spite of it: for who may see everything."""

from __future__ import annotations

from flask import abort, render_template

from kernel.extension.portal import Portal
from kernel.values import from_micros
from kernel.web import Pages, current_user
from kernel.web.site import site
from plugins.partners import store
from plugins.partners.sight import sight_of

SHOWN_MAX = 500


def add(pages: Pages, portal: Portal) -> None:
    @pages.get("/held")
    def held_page() -> str:
        live = site().live.version()
        with portal.read() as unit:
            if not sight_of(unit.tx, current_user()).everything:
                abort(404)
            names = {one.id: one.name for one in store.partners(unit.tx)}
            rows = [
                {**row, "at": from_micros(row["at"]), "name": names.get(row["partner"], row["partner"])}
                for row in store.held(unit.tx, SHOWN_MAX)
            ]
        return render_template("partners/held.html", rows=rows, version=live)
