"""A partner's page: requests, tasks, talk, settlements, analytics; the buttons of its chat; each reader's own view."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from kernel.conversations import reading
from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.web import Pages, current_user
from kernel.web.site import site
from plugins.exchange.api import Money, partner_balances
from plugins.partners import binding, cards, following, store, views_partner, views_talks, views_tasks
from plugins.partners.crm_tasks import TasksAnswer, tasks_of
from plugins.partners.pages_list import bot_name
from plugins.partners.sight import Sight, sight_of
from plugins.partners.store import Partner

REQUESTS, TASKS, TALK, SETTLEMENTS, ANALYTICS = "requests", "tasks", "talk", "settlements", "analytics"
MODES = ("deals", "tasks", "all")
OPENS = {"deals": TALK, "tasks": TASKS, "all": TALK}
ACTIONS = ("new_chat", "confirm_chat", "pause", "resume", "detach")


def add(pages: Pages, portal: Portal) -> None:
    @pages.get("/<partner>")
    def partner_page(partner: str) -> str:
        return page(partner, request.args.get("tab", ""))

    @pages.get("/<partner>/tasks")
    def partner_tasks(partner: str) -> str:
        """The tasks alone, which the page fetches when it is open. Only here the CRM is asked, with no database open."""
        with portal.read() as unit:
            sight = sight_of(unit.tx, current_user())
            one = _partner(unit, sight, partner)
        answer = tasks_of(portal).answer(one.id)
        if request.headers.get("X-Annex-Part") != "1":
            return page(partner, TASKS, answer)
        shown = views_tasks.view(portal, sight, one.id, answer)
        return render_template("partners/tasks_list.html", one=one, tasks=shown)

    def page(partner: str, asked: str, answer: TasksAnswer | None = None) -> str:
        live = site().live.version()
        with portal.read() as unit:
            sight = sight_of(unit.tx, current_user())
            one, mode = _partner(unit, sight, partner), store.view_of(unit.tx, sight.person)
            tabs = _tabs(sight, one)
            tab = asked or (OPENS.get(mode, REQUESTS) if OPENS.get(mode) in tabs else tabs[0])
            if tab not in tabs:
                abort(404)
            shown = {} if tab == TASKS else _shown(unit, sight, one, tab, mode)
            room = store.room(unit.tx, one.thread) if one.thread else None
            follow = following.choice(unit, sight, one)
            after = store.partner(unit.tx, one.followed_by) if one.followed_by and not one.thread else None
        if tab == TASKS and (known := answer or tasks_of(portal).known(one.id)) is not None:
            shown = {"tasks": views_tasks.view(portal, sight, one.id, known)}
        return render_template(
            "partners/partner.html", one=one, tabs=tabs, tab=tab, mode=mode, modes=MODES, sight=sight,
            whole=sight.whole(one.id), room=room, version=live, follow=follow,
            after=after if after and sight.partner(after.id) else None, **shown,
        )  # fmt: skip

    @pages.post("/<partner>/chat/<action>")
    def change_chat(partner: str, action: str) -> Response:
        if action not in ACTIONS:
            abort(404)
        username, user = bot_name(portal) if action == "new_chat" else "", current_user()
        with portal.unit(author=user.name) as unit:
            sight = sight_of(unit.tx, user)
            if not sight.whole(partner):
                abort(404)
            one = store.lock_partner(unit.tx, partner) or abort(404)
            if action == "new_chat":
                one = cards.give_link(unit, one, user.person_id, username)
            else:
                one = binding.asked_for(unit, one, (action,), user.name)
            cards.show(unit, one)
        site().live.nudge()
        return redirect(url_for(".partner_page", partner=partner), 303)

    @pages.post("/<partner>/follow")
    def follow_card(partner: str) -> Response:
        """The card was merged into another: the chat goes over to that one."""
        survivor, user = store.plain_id(request.form.get("survivor", "").strip()), current_user()
        with portal.unit(author=user.name) as unit:
            sight = sight_of(unit.tx, user)
            if not sight.whole(partner):
                abort(404)
            following.follow(unit, sight, partner, survivor, user.name)
        site().live.nudge()
        return redirect(url_for(".partner_page", partner=survivor), 303)

    @pages.post("/view")
    def keep_view() -> Response:
        """The reader's own view: what pages open with, and of what the CRM tells them."""
        mode, user, back = request.form.get("mode", ""), current_user(), request.form.get("partner", "")
        if mode not in MODES or not user.person_id:
            raise BadInput.of("pt_no_mode", field="mode")
        with portal.unit(author=user.name) as unit:
            store.keep_view(unit.tx, user.person_id, mode)
        return redirect(url_for(".partner_page", partner=back) if back else url_for(".list_page"), 303)


def _partner(unit: Unit, sight: Sight, partner_id: str) -> Partner:
    one = store.partner(unit.tx, partner_id)
    if one is None or not sight.partner(one.id):
        abort(404)
    return one


def _tabs(sight: Sight, one: Partner) -> list[str]:
    """What of the page the reader may open."""
    whole = sight.whole(one.id)
    talk = [TALK] if whole or one.id in sight.touches else []
    figures = [SETTLEMENTS] if whole or sight.settlements else []
    return [REQUESTS, TASKS, *talk, *figures, *([ANALYTICS] if figures else [])]


def _shown(unit: Unit, sight: Sight, one: Partner, tab: str, mode: str) -> dict[str, Any]:
    if tab == REQUESTS:
        span = request.args.get("span", views_partner.OPEN)
        if span not in views_partner.SPANS:
            abort(404)
        return {
            "requests": views_partner.requests(unit, sight, one, span), "span": span, "spans": views_partner.SPANS,
            "managed": views_partner.managed(unit, sight), "figures": sight.whole(one.id) or sight.settlements,
        }  # fmt: skip
    if tab == TALK:
        return _talk(unit, sight, one, mode)
    if tab == SETTLEMENTS:
        found = [Money(minor, currency) for currency, minor in partner_balances(unit, one.id) if minor]
        return {"balances": found}
    found_ = views_partner.earned(unit, sight, one)
    return {"earned": found_, "share": views_partner.turnover_share(found_.months)}


def _talk(unit: Unit, sight: Sight, one: Partner, mode: str) -> dict[str, Any]:
    """The newest of the talk; all of it stands on «Комунікації»."""
    only = request.args.get("show", mode) == "deals"
    wanted = reading.Filter(threads=(one.thread or "-",), records_only=only)
    lines = reading.messages(unit.tx, sight.scope, wanted)
    return {
        "days": views_talks.by_day(lines, unit.portal), "lines": lines, "records": views_talks.records_of(unit, lines),
        "deals_only": only, "marked": lambda text: views_talks.marked(text, ""), "allowed": {},
    }  # fmt: skip
