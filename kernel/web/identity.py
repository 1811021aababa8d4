"""Who opens a page: a one-time link that the CRM gave out, then a session. Never a parameter anyone can type."""

from __future__ import annotations

import hmac
import ipaddress
from typing import cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request

from kernel.crm import Person
from kernel.errors import AnnexError
from kernel.extension.portal import Portal
from kernel.extension.roles import ALL, find_person
from kernel.mapping.schema import OPERATOR
from kernel.storage import Row
from kernel.telemetry import log
from kernel.web import field
from kernel.web.links import NOBODY, SESSION_SECONDS, Session, User
from kernel.web.rights import SIGNED_IN, needs
from kernel.web.site import Site

COOKIE = "annex_session"
CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
JUST_NOW_SECONDS = 15.0  #: whom an older list of people does not name is asked for once more
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def current_user() -> User:
    """Who sent the request in hand; only inside pages that need a session."""
    return cast("User", g.user)


def open_user(site: Site) -> User | None:
    """Whoever sits at this very machine, where ANNEX_OPEN_PAGES lets them in."""
    if site.settings["ANNEX_OPEN_PAGES"].strip().lower() == "yes" and _from_this_machine():
        return User("owner", site.links.csrf("open pages"), rights=frozenset({ALL}), open=True, operator=True)
    return None


def _from_this_machine() -> bool:
    """The other end is this machine itself, no proxy speaks for somebody else, and no foreign name points at us."""
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")):
        return False
    host = urlsplit(f"//{request.host}").hostname or ""
    return _is_loopback(request.remote_addr or "") and (host == "localhost" or _is_loopback(host))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def csrf_is_right(user: User) -> bool:
    sent = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    return hmac.compare_digest(sent.encode(), user.csrf.encode())


def blueprint(site: Site) -> Blueprint:
    pages = Blueprint("identity", __name__)

    # The two views of a link are let through by the guard: they are how somebody signs in.
    @pages.get("/enter/<token>")
    def show(token: str) -> tuple[str, int] | Response:
        if token == NOBODY:
            return _not_named()
        link = site.links.peek(token)
        if link is None:
            return _spent()
        if other := somebody_else(site, _meant(site, link)):
            return of_somebody_else(_name_of(site, link), other)
        return make_response(render_template("web/enter.html"))

    @pages.post("/enter/<token>")
    def enter(token: str) -> tuple[str, int] | Response:
        if not own_form():
            abort(403)
        link = site.links.peek(token)
        if link is None:
            return _not_named() if token == NOBODY else _spent()
        person = None
        if link["role"] != OPERATOR:
            try:
                person = person_meant(site.portal, link["person"])
            except AnnexError as exc:
                log.warning("session.nobody_asked", reason=str(exc))
                return render_template("web/not_named.html", text="web_crm_silent"), 503
            if person is None:
                return _not_named()
        if other := somebody_else(site, person.id if person else _operators(link["person"])):
            return of_somebody_else(person.name if person else link["person"], other)
        opened = site.links.enter(token, person)
        if opened is None:
            return _spent()
        cookie, target = opened
        field.used(site.portal, token)
        log.info("session.opened")
        framed = site.settings.get("ANNEX_FRAMED", "no").strip().lower() == "yes"
        return signed_in(site, cookie, target, framed=framed)

    @pages.post("/leave")
    @needs(SIGNED_IN)
    def leave() -> Response:
        site.links.leave(request.cookies.get(COOKIE, ""))
        g.user = None
        response = make_response(render_template("web/left.html"))
        response.delete_cookie(COOKIE)
        return response

    return pages


def own_form() -> bool:
    """Whether a form comes from a page of ours: another site's must not sign anybody in."""
    return request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")


def _operators(name: str) -> str:
    """How an operator of that name stands beside the ids of people."""
    return f"{OPERATOR}:{name}"


def somebody_else(site: Site, person: str) -> Session | None:
    """The live session of this browser, if it is another person's: nobody is switched over unawares."""
    session = site.links.session(request.cookies.get(COOKIE, ""), note=False)
    if session is None:
        return None
    whose = _operators(session.name) if session.operator else session.person_id or _id_of(site, session.name)
    return session if whose != person else None


def of_somebody_else(name: str, session: Session) -> Response:
    """For whom the link is, and the way out for whoever is signed in here. The link stays good."""
    return make_response(render_template("web/somebody_else.html", name=name, session=session), 409)


def _meant(site: Site, link: Row) -> str:
    return _operators(link["person"]) if link["role"] == OPERATOR else _id_of(site, link["person"])


def _id_of(site: Site, who: str) -> str:
    found = _known(site, who)
    return found.id if found else who


def _name_of(site: Site, link: Row) -> str:
    found = None if link["role"] == OPERATOR else _known(site, link["person"])
    return found.name if found else str(link["person"])


def _known(site: Site, who: str) -> Person | None:
    """By the list at hand. Nothing is decided by it but what a page says before the link is used."""
    try:
        return find_person(site.portal.staff.for_pages(), who)
    except AnnexError:
        return None


def signed_in(site: Site, cookie: str, target: str, *, framed: bool) -> Response:
    """On to the page, with the session. Inside another site's frame a browser sends only cookies made for that; those need
    https."""
    response = cast("Response", redirect(target, 303))
    foreign = framed and site.links.https
    response.set_cookie(
        COOKIE, cookie, max_age=SESSION_SECONDS, httponly=True, secure=site.links.https,
        samesite="None" if foreign else "Lax", partitioned=foreign,
    )  # fmt: skip
    return response


def _spent() -> tuple[str, int]:
    return render_template("web/spent.html"), 410


def _not_named() -> tuple[str, int]:
    """The CRM's button did not say who pressed it, or named nobody whom the CRM has."""
    return render_template("web/not_named.html", text="web_not_named_how"), 403


def person_meant(portal: Portal, who: str) -> Person | None:
    """The active person of that id or name; whom the list at hand does not name is asked for once more. Raises Fault."""
    return find_person(portal.staff.people(), who) or find_person(portal.staff.people(within=JUST_NOW_SECONDS), who)
