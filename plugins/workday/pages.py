"""The person's own day with its button; the hidden page that opens it inside the CRM; how the members stand, for heads."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from flask import Response, jsonify, make_response, redirect, render_template, url_for

from kernel import texts
from kernel.crm import Workday
from kernel.errors import Rejected
from kernel.extension.portal import Portal
from kernel.telemetry import log
from kernel.values import from_micros
from kernel.web import Nav, Pages, current_user
from kernel.web.rights import SIGNED_IN, needs
from kernel.web.site import site
from kernel.web.words import t
from plugins.workday import days, store
from plugins.workday.rules import Standing, standing

HERE = Path(__file__).parent
NAV = (Nav("own_page", "wd_title"),)
TEAM = "workday.team"
SCRIPT_SOURCE = "https://api.bitrix24.com"
STATE_SECONDS = 30.0  #: a stored "not started" is asked anew after so long, for they may have pressed the CRM's own button


def pages(portal: Portal) -> Pages:
    """The blueprint, for one portal."""
    for folder in ("locale", "locale_pages"):
        texts.add_folder(HERE / folder)
    blueprint = Pages("workday", __name__, nav=NAV, version=store.version)
    _own(blueprint, portal)
    _worker(blueprint, portal)
    return blueprint


def _own(pages: Pages, portal: Portal) -> None:
    @pages.get("/")
    def own_page() -> str:
        return _render(portal)

    @pages.post("/start")
    def start() -> Response | tuple[str, int]:
        person = current_user().person_id
        if not person:
            return _render(portal, t("wd_not_known")), 409
        try:
            days.start(portal, person)
        except Rejected as exc:
            log.warning("workday.rejected", reason=str(exc))
            return _render(portal, t("wd_rejected", text=str(exc))), 409
        return redirect(url_for(".own_page"), 303)  # type: ignore[return-value]


def _render(portal: Portal, trouble: str = "") -> str:
    user = current_user()
    sees_team = user.may(TEAM)
    live = site().live.version()
    day = days.status(portal, user.person_id) if user.person_id else None
    return render_template(
        "workday/own.html", day=day, standing=_standing(portal, day), trouble=trouble, version=live,
        kept=portal.crm.workdays is not None, member=bool(user.person_id) and days.is_member(portal, user.person_id),
        team=_team(portal) if sees_team else [], team_shown=sees_team,
    )  # fmt: skip


def _standing(portal: Portal, day: Workday | None) -> Standing | None:
    return standing(day, paused_counts=days.settings_of(portal).paused_counts) if day else None


def _team(portal: Portal) -> list[tuple[str, Workday, datetime, datetime]]:
    """Name, status, since when, and when that was read; as last polled, so that the page opens at once."""
    with portal.read() as unit:
        known = store.all_of(unit.tx, portal.name)
    return [
        (person.name, one.status, from_micros(one.since, portal.zone), from_micros(one.read_at, portal.zone))
        for person in sorted(days.members_of(portal), key=lambda person: person.name.casefold())
        if (one := known.get(person.id))
    ]


# --- inside the CRM ---------------------------------------------------------------------------------------------------


def _worker(pages: Pages, portal: Portal) -> None:
    @pages.get("/worker")
    @needs(SIGNED_IN)  # it shows nothing, and must be quick even while the CRM cannot say who has which role
    def worker_page() -> Response:
        """Loaded with every page of the CRM: it asks nobody, so it is always quick."""
        response = make_response(render_template("workday/worker.html", source=SCRIPT_SOURCE))
        response.headers["Content-Security-Policy"] = _policy()
        return response

    @pages.get("/state")
    def state() -> Response:
        person = current_user().person_id
        return jsonify(must_start=bool(person) and _must_start(portal, person), page=url_for(".own_page"))


def _must_start(portal: Portal, person: str) -> bool:
    """From what the regular work read; many open pages ask this twice a minute, and the CRM must not feel it."""
    if not days.is_member(portal, person):
        return False
    with portal.read() as unit:
        known = store.one_of(unit.tx, portal.name, person)
    if known is None or _standing(portal, known.status) != "not_started":
        return False
    return days.standing_of(portal, person, STATE_SECONDS) == "not_started"


def _policy() -> str:
    """Like all our pages, and the vendor's script may run: in this page only."""
    here = site()
    ancestors = here.settings.get("ANNEX_FRAME_ANCESTORS") or " ".join(("'self'", *here.framed_by))
    return (
        f"default-src 'self'; script-src 'self' {SCRIPT_SOURCE}; object-src 'none'; base-uri 'none'; form-action 'self'; "
        f"frame-ancestors {' '.join(ancestors.split()).replace(';', '')}"
    )
