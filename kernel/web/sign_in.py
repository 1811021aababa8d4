"""Signing in without a button: our page asks for the CRM's e-mail, the CRM shows a code to that person, they type it here.

This is where a link in the CRM's menu leads, which is the same text for everybody and so proves nothing.
"""

from __future__ import annotations

import re
from typing import cast

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for

from kernel.crm import Person
from kernel.errors import AnnexError, BadInput
from kernel.extension.roles import find_person
from kernel.telemetry import log
from kernel.web import codes
from kernel.web.identity import COOKIE, of_somebody_else, own_form, signed_in, somebody_else
from kernel.web.links import is_local_path
from kernel.web.private import CODE_SECONDS
from kernel.web.site import Site
from kernel.web.words import language, t

CODE_COOKIE = "annex_code"
_GAPS = re.compile(r"[\s\u00a0-]+")


def blueprint(site: Site) -> Blueprint:
    pages = Blueprint("sign_in", __name__)
    portal = site.portal

    @pages.before_request
    def only_where_offered() -> None:
        if not codes.offered(portal):
            abort(404)
        if request.method == "POST" and not own_form():
            abort(403)

    @pages.get("/sign-in")
    def show() -> Response:
        target = _target(request.args.get("to", "/"))
        if site.links.session(request.cookies.get(COOKIE, "")) is not None:
            return cast("Response", redirect(target, 303))
        return make_response(render_template("web/sign_in.html", to=target, problem="", email=""))

    @pages.post("/sign-in")
    def ask() -> Response:
        email, target = request.form.get("email", ""), _target(request.form.get("to", "/"))

        def again(problem: str, status: int) -> Response:
            return make_response(render_template("web/sign_in.html", to=target, problem=problem, email=email), status)

        try:
            address = codes.read_address(email)
            person = codes.person_at(portal.staff.for_pages(), address)
            browser = codes.ask(portal, site.links, address, person, target)
        except BadInput as exc:
            return again(exc.message(language()), 400)
        except codes.TooMany as exc:
            return again(t(exc.code), 429)
        except AnnexError as exc:
            log.warning("session.nobody_asked", reason=str(exc))
            return again(t("web_crm_silent"), 503)
        response = cast("Response", redirect(url_for("sign_in.show_code"), 303))
        _keep(site, response, browser)
        return response

    @pages.get("/sign-in/code")
    def show_code() -> Response:
        return _code_page(site, "")

    @pages.post("/sign-in/code")
    def enter() -> Response:
        browser, typed = request.cookies.get(CODE_COOKIE, ""), _GAPS.sub("", request.form.get("code", ""))
        if not (typed.isascii() and typed.isdecimal() and len(typed) == codes.CODE_DIGITS):
            return _code_page(site, t("web_code_digits"), 400)
        outcome, row = codes.check(portal, site.links, browser, typed)
        if outcome != "right" or row is None:
            left = codes.TRIES_MAX - row["tries"] if row else 0
            problem = t("web_code_wrong", left=left) if outcome == "wrong" else t("web_code_over")
            return _code_page(site, problem, 403 if outcome == "wrong" else 410)
        person = _still_here(site, row["person_id"])
        if person is None:
            return make_response(render_template("web/not_named.html", text="web_not_named_how"), 403)
        if other := somebody_else(site, person.id):
            return of_somebody_else(person.name, other)
        log.info("session.opened", by="code")
        response = signed_in(site, site.links.open_session(person), row["target"], framed=_framed(site))
        response.delete_cookie(CODE_COOKIE, path="/sign-in")
        return response

    return pages


def _target(text: str) -> str:
    return text if is_local_path(text) else "/"


def _still_here(site: Site, person_id: str) -> Person | None:
    try:
        return find_person(site.portal.staff.for_pages(), person_id)
    except AnnexError as exc:
        log.warning("session.nobody_asked", reason=str(exc))
        return None


def _code_page(site: Site, problem: str, status: int = 200) -> Response:
    """The page for typing the code; where none can be typed any more, it says so and leads back."""
    ask = codes.open_ask(site.portal, request.cookies.get(CODE_COOKIE, ""))
    over = ask is None
    if over:
        problem, status = t("web_code_over"), 410
    page = render_template("web/sign_in_code.html", problem=problem, over=over, to=ask["target"] if ask else "/")
    return make_response(page, status)


def _framed(site: Site) -> bool:
    return site.settings.get("ANNEX_FRAMED", "no").strip().lower() == "yes"


def _keep(site: Site, response: Response, browser: str) -> None:
    foreign = _framed(site) and site.links.https
    response.set_cookie(
        CODE_COOKIE, browser, max_age=CODE_SECONDS, httponly=True, secure=site.links.https, path="/sign-in",
        samesite="None" if foreign else "Strict", partitioned=foreign,
    )  # fmt: skip
