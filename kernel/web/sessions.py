"""Who is signed in: a page where sessions are ended, and the regular work that ends those of people who have left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, redirect, render_template, url_for
from werkzeug.wrappers import Response

from kernel.crm import Person
from kernel.errors import AnnexError
from kernel.extension.portal import Portal
from kernel.storage import Row, Tx
from kernel.telemetry import log
from kernel.values import from_micros, to_micros
from kernel.web.identity import User, current_user

if TYPE_CHECKING:
    from kernel.web.site import Site


def blueprint(site: Site) -> Blueprint:
    pages = Blueprint("sessions", __name__)

    def moment(micros: int) -> Any:
        return from_micros(micros, site.portal.zone)

    @pages.get("/sessions")
    def show() -> str:
        with site.database.read() as tx:
            found = _his(site, tx, current_user())
        return render_template("web/sessions.html", sessions=found, moment=moment)

    @pages.post("/sessions/<session>/<action>")
    def end(session: str, action: str) -> Response:
        if action not in ("end", "end-all"):
            abort(404)
        with site.database.write() as tx:
            his = _his(site, tx, current_user())
            one = [row for row in his if row["hash"] == session]  # none: pressed twice, or somebody else's
            ended = one if action == "end" else [row for row in his if one and _whose(row) == _whose(one[0])]
            _end(tx, ended)
        log.info("session.ended", by="page", number=len(ended))
        return redirect(url_for("sessions.show"), 303)

    return pages


def _whose(session: Row) -> tuple[str, str]:
    return session["person"], session["person_id"]


def _his(site: Site, tx: Tx, user: User) -> list[Row]:
    """What he may see and end: the owner all, everybody else his own."""
    found = site.links.open_sessions(tx)
    return found if user.is_owner else [row for row in found if _whose(row) == (user.name, user.person_id)]


def _end(tx: Tx, sessions: Sequence[Row]) -> None:
    tx.run_many("DELETE FROM web_session WHERE hash = :hash", [{"hash": row["hash"]} for row in sessions])


def end_of_the_gone(portal: Portal) -> None:
    """End the sessions of those whom the CRM has let go. A CRM that cannot be asked ends nobody's."""
    now = to_micros(portal.clock.now())
    with portal.database.read() as tx:
        found = tx.all("SELECT hash, person, person_id FROM web_session WHERE expires_at > :now", now=now)
    if not found:
        return
    try:
        people = portal.crm.people.all() if portal.crm.people else []
    except AnnexError as exc:
        log.warning("session.nobody_asked", reason=str(exc))
        return
    gone = [row for row in found if has_left(row["person"], row["person_id"], people)]
    if gone:
        with portal.database.write() as tx:
            _end(tx, gone)
        log.info("session.ended", by="the CRM", number=len(gone))


def has_left(name: str, person_id: str, people: Sequence[Person]) -> bool:
    """Whether he is no longer among the active staff.

    Of whom only the name is known, the CRM has to say that he left: the name may be one that was typed into `annex link`.
    """
    if not people:
        return False  # no office is empty: the CRM shows us nobody
    if person_id:
        return not any(one.active for one in people if one.id == person_id)
    named = [one for one in people if one.name == name]
    return bool(named) and not any(one.active for one in named)
