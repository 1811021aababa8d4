"""«Комунікації»: talks and messages, live; what is written here; files; what becomes of a message in doubt."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from flask import abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from kernel.conversations import reading, timeline
from kernel.conversations.reading import Line
from kernel.errors import BadInput, NotFound, Refused
from kernel.extension.decisions import ALLOWED, decide
from kernel.extension.portal import Portal, Unit
from kernel.web import Pages, current_user
from kernel.web.site import site
from kernel.web.words import language
from plugins.partners import speaking, store, views_talks
from plugins.partners.rules.leaks import held_text
from plugins.partners.settings import ENTITY, settings_of
from plugins.partners.sight import Sight, sight_of
from plugins.partners.store import Partner
from plugins.partners.views_talks import Asked, Found

TEXT_MAX = 20_000
INLINE = ("image/jpeg", "image/png", "image/gif", "image/webp")  #: what a browser shows and cannot run
FILE_POLICY = "default-src 'none'; sandbox"


def add(pages: Pages, portal: Portal) -> None:
    _talks(pages, portal)
    _writing(pages, portal)
    _decide(pages, portal)
    _files(pages, portal)


def new_token() -> str:
    """Names a form, so that sending it off twice has the effect of one."""
    return secrets.token_urlsafe(16)


def token_from(form: Any) -> str:
    found = str(form.get("token", ""))
    if not 8 <= len(found) <= 64:
        raise BadInput.of("pt_no_token", field="token")
    return found


# --- the page ---------------------------------------------------------------------------------------------------------


def _talks(pages: Pages, portal: Portal) -> None:
    @pages.get("/talks")
    def talks_page() -> str:
        person = current_user().person_id
        with portal.read() as unit:
            asked = views_talks.asked_from(request.args, store.view_of(unit.tx, person))
        return show_talks(portal, asked)


def show_talks(
    portal: Portal, asked: Asked, *, wrong: str = "", text: str = "", about: str = "", forced: bool = False
) -> str:
    """`wrong`: why what was written did not leave; the page then stands still and keeps what was written."""
    live = "" if wrong else site().live.version()
    connection = portal.connection(settings_of(portal).chat).full_name
    with portal.read() as unit:
        sight = sight_of(unit.tx, current_user())
        chosen = _chosen(unit, sight, asked)
        partners = store.partners(unit.tx)
        known = [one for one in partners if sight.partner(one.id)]
        found, after = views_talks.talks(unit, sight, asked, connection, known)
        lines: list[Line] = []
        older = ""
        if chosen or asked.narrows:
            lines, older = views_talks.messages(unit, sight, asked, connection)
        records = views_talks.records_of(unit, [*lines, *(one.talk.last for one in found if one.talk.last)])
        common = {
            "sight": sight, "chosen": chosen, "talks": found, "after": after, "older": older,
            "days": views_talks.by_day(lines, portal), "lines": lines, "records": records,
            "partners": known, "by_thread": {} if chosen else {one.thread: one for one in partners if one.thread},
            "people": _people(unit, sight, [chosen.partner] if chosen else partners),
            "deals": _deals(unit, sight, chosen.partner) if chosen else [], "mode": store.view_of(unit.tx, sight.person),
            "deal_number": lambda record: records[record]["name"] if record in records else "",
        }  # fmt: skip
    if chosen and chosen.talk.unread and not asked.older and not asked.narrows and (until := views_talks.last_read(lines)):
        with portal.unit() as unit:
            reading.mark_read(unit.tx, chosen.talk.thread.id, current_user().person_id, until)
    return render_template(
        "partners/talks.html", asked=asked, version=live, wrong=wrong, text=text, about=about, forced=forced,
        token=new_token(), marked=lambda text: views_talks.marked(text, asked.text), allowed=ALLOWED, **common,
    )  # fmt: skip


def _chosen(unit: Unit, sight: Sight, asked: Asked) -> Found | None:
    """The talk in hand, if its reader may see any of it."""
    if not asked.thread:
        return None
    partner = store.partner_of(unit.tx, asked.thread)
    if partner is None or not reading.sees_thread(unit.tx, sight.scope, asked.thread):
        abort(404)
    return Found(reading.talk(unit.tx, asked.thread, sight.scope, sight.person), partner)


def _people(unit: Unit, sight: Sight, partners: Sequence[Partner]) -> list[tuple[str, str]]:
    """Who may be filtered by: staff, and those who were seen in the chats that the reader sees as a whole."""
    theirs = store.people_of(unit.tx, [one.id for one in partners if sight.whole(one.id)])
    return theirs + [(one.id, one.name) for one in unit.portal.people() if one.active]


def _deals(unit: Unit, sight: Sight, partner: Partner) -> list[store.Announcement]:
    """Deals that what is written here may be about."""
    own = None if sight.whole(partner.id) else store.deals_of_person(unit.tx, sight.person)
    return [
        told for told in store.announcements_to(unit.tx, partner.id)
        if told.state == "announced" and (own is None or f"deal:{told.record_id}" in own)
    ]  # fmt: skip


# --- writing ----------------------------------------------------------------------------------------------------------


def _writing(pages: Pages, portal: Portal) -> None:
    @pages.post("/talks/<thread>/say")
    def write(thread: str) -> Response | tuple[str, int]:
        text, about = request.form.get("text", "").strip(), request.form.get("about", "")
        token, forced = token_from(request.form), request.form.get("forced") == "1"
        if not text or len(text) > TEXT_MAX:
            raise BadInput.of("pt_no_text", most=TEXT_MAX, field="text")
        user = current_user()
        kind, _, number = about.partition(":")
        client = speaking.client_of(portal, kind, number)
        with portal.unit(author=user.name) as unit:
            sight = sight_of(unit.tx, user)
            chosen = _chosen(unit, sight, Asked(thread=thread))
            assert chosen is not None
            entity, record_id = _about(unit, sight, chosen.partner, about)
            leaks = speaking.write_to_partner(
                unit, store.lock_partner(unit.tx, chosen.partner.id) or chosen.partner, entity, record_id,
                user.person_id, user.name, text, key=token, forced=forced, client=client,
            )  # fmt: skip
        site().live.nudge()
        if leaks:
            wrong = held_text(leaks, language())
            return show_talks(portal, Asked(thread=thread), wrong=wrong, text=text, about=about, forced=True), 409
        return redirect(url_for(".talks_page", thread=thread), 303)


def _about(unit: Unit, sight: Sight, partner: Partner, about: str) -> tuple[str, str]:
    """Under which record it is written: the partner's card, or a deal of theirs that the writer may see."""
    if about in ("", ENTITY) and sight.whole(partner.id):
        return ENTITY, partner.id
    record_id = about.removeprefix("deal:")
    if about.startswith("deal:") and any(told.record_id == record_id for told in _deals(unit, sight, partner)):
        return "deal", record_id
    raise BadInput.of("pt_no_deal", field="about")


# --- what is in doubt, and what failed --------------------------------------------------------------------------------


def _decide(pages: Pages, portal: Portal) -> None:
    @pages.post("/messages/<message>/<decision>")
    def decide_message(message: str, decision: str) -> Response:
        with portal.read() as unit:
            line = reading.one(unit.tx, sight_of(unit.tx, current_user()).scope, message)
        if line is None or decision not in ALLOWED["uncertain"]:
            abort(404)
        if line.open_call:
            with suppress(Refused):  # pressed twice, or by two people: the first one counts
                decide(portal, site().plugins, line.open_call, decision, who=current_user().name)
        site().live.nudge()
        return redirect(url_for(".talks_page", thread=line.thread), 303)


# --- files ------------------------------------------------------------------------------------------------------------


def _files(pages: Pages, portal: Portal) -> None:
    @pages.get("/files/<message>/<int:number>")
    def file(message: str, number: int) -> Response:
        with portal.read() as unit:
            line = reading.one(unit.tx, sight_of(unit.tx, current_user()).scope, message)
            partner = line and timeline.thread(unit.tx, line.thread)
        if line is None or not partner or number >= len(line.files) or not line.files[number].content:
            abort(404)
        kept, files = line.files[number], portal.connection(settings_of(portal).chat).files
        size = files.size(kept.content)
        if size is None:
            abort(404)
        inline = kept.media_type in INLINE
        response = Response(
            _pieces(files.pieces(kept.content)), mimetype=kept.media_type if inline else "application/octet-stream"
        )
        response.content_length = size
        response.headers["Content-Disposition"] = _disposition(kept.name or kept.kind or "file", inline)
        response.headers["Content-Security-Policy"] = FILE_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _pieces(found: Iterator[bytes]) -> Iterator[bytes]:
    with suppress(NotFound):  # emptied while it was read: the browser notices that it is too short
        yield from found


def _disposition(name: str, inline: bool) -> str:
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "._- ") else "_" for char in name)
    whole = quote(name.encode("utf-8", "replace"), safe="")
    return f"{'inline' if inline else 'attachment'}; filename=\"{plain[:100]}\"; filename*=UTF-8''{whole}"
