"""Who is signed in: a page where sessions are ended, and the regular work that ends those of people who have left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, abort, redirect, render_template, url_for
from werkzeug.wrappers import Response

from kernel.crm import Person
from kernel.errors import AnnexError
from kernel.extension.portal import Portal
from kernel.extension.roles import OPERATE, find_person, roles_of
from kernel.mapping.schema import OPERATOR
from kernel.storage import Row, Tx
from kernel.telemetry import log
from kernel.values import from_micros, to_micros
from kernel.web.identity import current_user
from kernel.web.links import User, session_of
from kernel.web.rights import ANY_ROLE, needs
from kernel.web.site import Site
from kernel.web.words import language, t


def blueprint(site: Site) -> Blueprint:
    pages = Blueprint("sessions", __name__)

    def moment(micros: int) -> Any:
        return from_micros(micros, site.portal.zone)

    @pages.get("/sessions")
    @needs(ANY_ROLE)
    def show() -> str:
        with site.database.read() as tx:
            found = _visible(site, tx, current_user())
        return render_template("web/sessions.html", sessions=found, moment=moment, roles=_roles(site))

    @pages.post("/sessions/<session>/<action>")
    @needs(ANY_ROLE)
    def end(session: str, action: str) -> Response:
        if action not in ("end", "end-all"):
            abort(404)
        with site.database.write() as tx:
            visible = _visible(site, tx, current_user())
            one = [row for row in visible if row["hash"] == session]  # none: pressed twice, or somebody else's
            ended = one if action == "end" else [row for row in visible if one and _owner_key(row) == _owner_key(one[0])]
            _end(tx, ended)
        log.info("session.ended", by="page", number=len(ended))
        return redirect(url_for("sessions.show"), 303)

    return pages


def _owner_key(session: Row) -> tuple[str, str, str]:
    return session["person"], session["person_id"], session["role"]


def _visible(site: Site, tx: Tx, user: User) -> list[Row]:
    """What they may see and end: all with the right to it, everybody else their own."""
    found = site.links.open_sessions(tx)
    own = {_owner_key(row) for row in found if row["hash"] == user.session}
    return found if user.may(OPERATE) else [row for row in found if _owner_key(row) in own]


def _roles(site: Site) -> Callable[[Row], str]:
    """What the roles of a session's person are called, in the reader's language."""
    portal = site.portal
    try:
        people = portal.staff.for_pages()
    except AnnexError:
        people = []  # an operator sees who is signed in while the CRM is down

    def shown(row: Row) -> str:
        session = session_of(row)
        if session.operator:
            return t("web_role_operator")
        person = find_person(people, session.person_id or session.name)
        declared = portal.mapping.portal
        names = roles_of(declared, person) if person else ()
        return ", ".join(role.label_in(language()) for name, role in declared.role.items() if name in names)

    return shown


def _end(tx: Tx, sessions: Sequence[Row]) -> None:
    tx.run_many("DELETE FROM web_session WHERE hash = :hash", [{"hash": row["hash"]} for row in sessions])


def end_departed_sessions(portal: Portal) -> None:
    """End the sessions of those whom the CRM has let go, but no operator's. A CRM that cannot be asked ends nobody's."""
    now = to_micros(portal.clock.now())
    with portal.database.read() as tx:
        found = tx.all(
            "SELECT hash, person, person_id FROM web_session WHERE expires_at > :now AND role <> :o", now=now, o=OPERATOR
        )
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
    """Whether they are no longer among the active staff.

    Of whom only the name is known (sessions of 0.1.0), the CRM has to say that they left.
    """
    if not people:
        return False  # no office is empty: the CRM shows us nobody
    if person_id:
        return not any(one.active for one in people if one.id == person_id)
    named = [one for one in people if one.name == name]
    return bool(named) and not any(one.active for one in named)
