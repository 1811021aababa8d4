"""Pages inside the CRM: the CRM opens them by a POST that carries its own proof of who is looking.

Nothing else in that POST is believed. The proof opens a session like any other, and the browser goes on to the page.
"""

from __future__ import annotations

import re

from flask import Blueprint, Response, abort, request

from kernel.crm import Person
from kernel.errors import AnnexError, BadInput
from kernel.extension.connector import FrameRequest, NotProven, Visitor
from kernel.extension.portal import Portal
from kernel.telemetry import log
from kernel.web import answers, words
from kernel.web.identity import person_meant, signed_in
from kernel.web.links import is_local_path
from kernel.web.site import Site

_GAP = re.compile(r"\{(\w+)\}")
_ID = re.compile(r"[\w:.-]{1,64}\Z", re.ASCII)


def blueprint(site: Site) -> Blueprint:
    pages = Blueprint("frames", __name__)

    @pages.post("/frame/<connector>/<portal>/")
    @pages.post("/frame/<connector>/<portal>/<path:page>")
    def opened(connector: str, portal: str, page: str = "") -> Response:
        frame = site.frames.get((connector, portal))
        if frame is None:
            abort(404)
        try:
            visitor = frame.identify(FrameRequest(request.args.to_dict(), request.form.to_dict()))
            person = _person(frame.portal, visitor)
            target = _target(page, visitor)
            allowed = _allowed(site, visitor, target)
        except (NotProven, BadInput) as exc:
            log.warning("frame.refused", connector=connector, reason=str(exc))
            return answers.answer(403, words.t("web_not_proven"))
        except AnnexError as exc:
            log.warning("frame.unknown", connector=connector, reason=str(exc))
            return answers.answer(503, words.t("web_crm_silent"))
        if not allowed:
            log.warning("frame.record_refused", connector=connector, person=person.id)
            return answers.answer(403, words.t("web_no_record"))
        cookie = site.links.open_session(person)
        log.info("session.opened", by="frame")
        return signed_in(site, cookie, target, framed=True)

    return pages


def _person(portal: Portal, visitor: Visitor) -> Person:
    person = person_meant(portal, visitor.person_id)
    if person and visitor.context.get("admin") == "yes" and not person.admin:
        portal.staff.forget()  # the CRM has just said more of them than it had when the list was read
        person = person_meant(portal, visitor.person_id)
    if person is None or person.id != visitor.person_id:
        raise NotProven("the CRM does not name them among its active staff")
    return person


def _allowed(site: Site, visitor: Visitor, target: str) -> bool:
    """Whether the pages it leads to want to show it to this visitor. Raises a Fault if the CRM cannot be asked."""
    judge = site.opened.get(target.split("?")[0].strip("/").partition("/")[0])
    return judge is None or judge(visitor, target)


def _target(page: str, visitor: Visitor) -> str:
    """The page's path; `{deal}` in it becomes the number of the record on which it was opened. The application's own main
    page leads to whatever path of ours was asked for."""
    asked = visitor.context.get("page", "")
    if not page and is_local_path(asked):
        return asked

    def filled(gap: re.Match[str]) -> str:
        value = visitor.context.get(gap[1], "")
        if not _ID.match(value):  # it is opened on a card that nobody has saved yet
            abort(answers.answer(404, words.t("web_no_card_yet")))
        return value

    return "/" + _GAP.sub(filled, page).lstrip("/\\")
