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
from kernel.telemetry import log
from kernel.web.links import NOBODY, SESSION_SECONDS, User
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
        if site.links.peek(token) is None:
            return _spent()
        return make_response(render_template("web/enter.html"))

    @pages.post("/enter/<token>")
    def enter(token: str) -> tuple[str, int] | Response:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            abort(403)  # another site's form must not sign anybody in
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
        opened = site.links.enter(token, person)
        if opened is None:
            return _spent()
        cookie, target = opened
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
