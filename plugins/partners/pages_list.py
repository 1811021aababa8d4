"""«Партнери»: all of them with their chats, and what is done to several at once."""

from __future__ import annotations

from flask import abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from kernel.conversations import templates
from kernel.errors import AnnexError, BadInput
from kernel.extension.portal import Portal, Unit
from kernel.telemetry import log
from kernel.web import Pages, current_user
from kernel.web.site import site
from plugins.partners import binding, cards, speaking, store, views_partner
from plugins.partners.pages_talks import TEXT_MAX, new_token, token_from
from plugins.partners.settings import ENTITY, settings_of
from plugins.partners.sight import Sight, sight_of
from plugins.partners.store import Partner

CHOSEN_MAX = 500
NAME_FIELD = "partner"  #: in the one text for several: each reads their own name there


def add(pages: Pages, portal: Portal) -> None:
    @pages.get("/")
    def list_page() -> str:
        live = site().live.version()
        with portal.read() as unit:
            sight = sight_of(unit.tx, current_user())
            found, mode = views_partner.rows(unit, sight), store.view_of(unit.tx, sight.person)
        return render_template("partners/list.html", rows=found, sight=sight, mode=mode, version=live)

    @pages.post("/links")
    def make_links() -> Response:
        """The tick for each chosen one, and a link where the chat does not work yet. Standing deals are not announced."""
        username = bot_name(portal)
        with portal.unit(author=current_user().name) as unit:
            for one in _chosen(unit, sight_of(unit.tx, current_user())):
                if not one.works and one.state not in (store.CONFIRMING, store.PAUSED):
                    one = cards.give_link(unit, one, current_user().person_id, username)
                cards.show(unit, one)
                cards.switch_on(unit, one)
            ids = request.form.getlist("partner")
        site().live.nudge()
        return redirect(url_for(".links_page", partner=ids), 303)

    @pages.get("/links")
    def links_page() -> str:
        wanted = request.args.getlist("partner")
        live = site().live.version()
        with portal.read() as unit:
            sight = sight_of(unit.tx, current_user())
            found = [one for one in store.partners(unit.tx) if one.id in wanted and sight.whole(one.id)]
        return render_template("partners/links.html", partners=found, version=live)

    @pages.post("/chats/<action>")
    def change_chats(action: str) -> Response:
        if action not in ("pause", "resume"):
            abort(404)
        with portal.unit(author=current_user().name) as unit:
            for one in _chosen(unit, sight_of(unit.tx, current_user())):
                cards.show(unit, binding.asked_for(unit, one, (action,), current_user().name))
        site().live.nudge()
        return redirect(url_for(".list_page"), 303)

    @pages.post("/text")
    def text_page() -> str:
        """What is to be written to several, and to whom it would go: nothing leaves yet."""
        text = _text()
        with portal.read() as unit:
            sight = sight_of(unit.tx, current_user())
            chosen = _seen(unit, sight)
            held = {one.id: speaking.leaks_in(unit, one, None, _said_to(one, text)) for one in chosen}
            goes = [one for one in chosen if speaking.thread_for(unit, one) and not held[one.id]]
        shown = _said_to((goes or chosen)[0], text)
        return render_template(
            "partners/text.html", text=text, shown=shown, chosen=chosen, goes=goes, held=held, token=new_token(), version=""
        )  # fmt: skip

    @pages.post("/text/send")
    def send_text() -> Response:
        text, token, user = _text(), token_from(request.form), current_user()
        with portal.unit(author=user.name) as unit:
            for one in _chosen(unit, sight_of(unit.tx, user)):
                if speaking.thread_for(unit, one):
                    said = _said_to(one, text)
                    speaking.write_to_partner(unit, one, ENTITY, one.id, user.person_id, user.name, said, key=token)
        site().live.nudge()
        return redirect(url_for(".talks_page"), 303)


def bot_name(portal: Portal) -> str:
    """What links are made of; empty while Telegram does not answer, and then they come later by themselves."""
    channel: object = portal.connection(settings_of(portal).chat).channel
    try:
        return str(channel.username())  # type: ignore[attr-defined]
    except AnnexError as exc:
        log.warning("partners.bot", reason=str(exc))
        return ""


def _text() -> str:
    found = request.form.get("text", "").strip()
    if not found or len(found) > TEXT_MAX:
        raise BadInput.of("pt_no_text", most=TEXT_MAX, field="text")
    try:
        templates.check(found, (NAME_FIELD,))
    except templates.UnknownField as exc:
        raise BadInput.of("pt_no_field", name=exc.name, known=NAME_FIELD, field="text") from exc
    return found


def _said_to(one: Partner, text: str) -> str:
    return templates.filled(text, {NAME_FIELD: one.name})


def _seen(unit: Unit, sight: Sight) -> list[Partner]:
    """The chosen ones, as far as the reader may act on them. One that they may not see is as if it were not there."""
    ids = list(dict.fromkeys(request.form.getlist("partner")))[:CHOSEN_MAX]
    found = [one for one in store.partners(unit.tx) if one.id in ids]
    if any(not sight.whole(one.id) for one in found) or len(found) != len(ids):
        abort(404)
    if not found:
        raise BadInput.of("pt_none_chosen", field="partner")
    return found


def _chosen(unit: Unit, sight: Sight) -> list[Partner]:
    """The same, held until the end of the unit of work."""
    locked = [store.lock_partner(unit.tx, one.id) for one in sorted(_seen(unit, sight), key=lambda one: one.id)]
    return [one for one in locked if one is not None]
