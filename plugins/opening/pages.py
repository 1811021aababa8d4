"""The tab of a deal, «Передача клиента», with what a person may decide there; and for heads the list of what is not over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from flask import Response, abort, redirect, render_template, request, url_for

from kernel.crm.seen import last_seen
from kernel.datasets import Accepted
from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.extension.roles import ALL
from kernel.values import from_micros
from kernel.web import Nav, Pages, current_user
from kernel.web.links import User
from kernel.web.rights import needs
from kernel.web.site import site
from kernel.web.words import language
from plugins.opening import registering, store
from plugins.opening.rules import Finding
from plugins.opening.settings import NAME, push_of
from plugins.opening.store import ACCEPTED, ASKING, CHECKED_BAD, KNOWN, OPEN, REFUSED, REJECTED, WAITING, Deal
from plugins.opening.telling import advice, found_client, label
from plugins.stage_lock.api import Sight, sight_of

DECIDE, EVERYTHING = f"{NAME}.decide", f"{NAME}.all"
NOT_OVER = (ASKING, OPEN, REFUSED, REJECTED, CHECKED_BAD, KNOWN, WAITING, ACCEPTED)
NAV = (Nav("list_page", "opn_title"),)


def pages(portal: Portal) -> Pages:
    """The blueprint, for one portal."""
    blueprint = Pages(NAME, __name__, nav=NAV, version=store.version)
    sight = sight_of(portal, EVERYTHING)
    _words(blueprint, portal)
    _list(blueprint, portal, sight)
    _deal(blueprint, portal, sight)
    _decisions(blueprint, portal, sight)
    return blueprint


def may_see(user: User, sight: Sight, one: Deal | None) -> bool:
    """Their own deals; heads those of their departments; who has the right to it, all."""
    if user.may(ALL) or user.may(EVERYTHING):
        return True
    if one is None:
        return False
    if user.person_id and one.owner == user.person_id:
        return True
    return user.may(DECIDE) and bool(one.owner) and sight.person(one.owner)


def _words(pages: Pages, portal: Portal) -> None:
    def moment(micros: int) -> datetime:
        return from_micros(micros, portal.zone)

    @pages.context_processor
    def values() -> dict[str, Any]:
        push = push_of(portal)
        return {
            "moment": moment, "link": portal.crm.link, "entity": push.entity if push else "deal",
            "label_of": lambda one: label(push, one, language()) if push else one.label,
            "advice_of": lambda one: advice(push, one, language()) if push else one.message,
            "card_of": _card_of(portal), "opened_words": registering.words_of,
            "is_opened": lambda answer: isinstance(answer, Accepted),
        }  # fmt: skip


def _card_of(portal: Portal) -> Callable[[Deal, Finding], str]:
    """The address of the card that an error is about; empty where there is none."""

    def card_of(one: Deal, finding: Finding) -> str:
        push = push_of(portal)
        record = one.deal if push and finding.entity == push.entity else one.client_record
        return portal.crm.link(finding.entity, record) if finding.entity and record else ""

    return card_of


def _list(pages: Pages, portal: Portal, sight_for: Callable[[User], Sight]) -> None:
    @pages.get("/")
    @needs(DECIDE)
    def list_page() -> str:
        user, live = current_user(), site().live.version()
        sight = sight_for(user)
        with portal.read() as unit:
            deals = [one for one in store.unfinished(unit.tx, portal.name, NOT_OVER) if may_see(user, sight, one)]
            rows = [(one, registering.phase(unit.tx, portal, one), _stuck(unit, one)) for one in deals]
        return render_template("opening/list.html", rows=rows, version=live)


def _stuck(unit: Unit, one: Deal) -> tuple[str, str]:
    """The first step that is not done, and why."""
    if one.state != ACCEPTED:
        return "", one.reason if one.state in (ASKING, OPEN, REFUSED) else ""
    for step in store.steps(unit.tx, one.portal, one.deal).values():
        if not step.over:
            return step.step, step.reason
    return "", ""


def _deal(pages: Pages, portal: Portal, sight_for: Callable[[User], Sight]) -> None:
    @pages.get("/deal/<deal>")
    def deal_page(deal: str) -> str:
        return _tab(portal, deal, sight_for)


def _tab(portal: Portal, deal: str, sight_for: Callable[[User], Sight], trouble: str = "") -> str:
    user, live, push = current_user(), site().live.version(), push_of(portal)
    with portal.read() as unit:
        one = store.load(unit.tx, portal.name, deal)
        if one is None:
            stage = portal.mapping.entity(push.entity).stage.get(push.stage) if push else None
            return render_template("opening/none.html", stage=stage.label if stage else "", version=live)
        if not may_see(user, sight_for(user), one):
            abort(403)
        state = registering.phase(unit.tx, portal, one)
        decides = _may_decide(user, one)
        known = {
            "one": one, "state": state, "client_name": _client_name(unit, one),
            "requests": store.requests(unit.tx, portal.name, deal),
            "steps": store.steps(unit.tx, portal.name, deal).values() if one.state == ACCEPTED else (),
            "found": one.reason if one.state == KNOWN else next(filter(None, map(found_client, one.findings)), ""),
            "confirms": decides and registering.may_confirm(unit.tx, portal, one),
            "denies": decides and registering.may_deny(unit.tx, portal, one),
            "calls": {
                sent.number: registering.call_of(unit.tx, portal, sent)
                for sent in store.requests(unit.tx, portal.name, deal)
            },
        }  # fmt: skip
        again = one.state in (CHECKED_BAD, REJECTED, REFUSED) or (
            one.state == ASKING and registering.needs_person(unit.tx, portal, one)
        )
    return render_template("opening/deal.html", again=again, trouble=trouble, version=live, **known)


def _client_name(unit: Unit, one: Deal) -> str:
    """As the CRM last told it; else the card's number."""
    known = last_seen(unit.tx, unit.portal.name, one.client_entity, one.client_record) if one.client else None
    return known.name if known and known.name else one.client_record


def _may_decide(user: User, one: Deal) -> bool:
    """What became of a request that nobody answered may be said by who has the deal, or leads them; that a double is the
    same client only by heads."""
    if user.may(DECIDE):
        return True
    return one.state in (ASKING, OPEN, REFUSED) and bool(user.person_id) and one.owner == user.person_id


def _decisions(pages: Pages, portal: Portal, sight_for: Callable[[User], Sight]) -> None:
    @pages.post("/deal/<deal>/<action>")
    def decide(deal: str, action: str) -> Response | tuple[str, int]:
        user = current_user()
        with portal.read() as unit:
            one = store.load(unit.tx, portal.name, deal)
        if one is None:
            abort(404)
        if not may_see(user, sight_for(user), one) or (action != "again" and not _may_decide(user, one)):
            abort(403)
        try:
            with portal.unit(author=user.name) as unit:
                _act(unit, deal, action, user)
        except BadInput as exc:
            return _tab(portal, deal, sight_for, trouble=exc.message(language())), 409
        return redirect(url_for(".deal_page", deal=deal), 303)  # type: ignore[return-value]


def _act(unit: Unit, deal: str, action: str, user: User) -> None:
    by = user.name or user.person_id
    match action:
        case "again":
            registering.try_again(unit, deal)
        case "confirm":
            form = request.form
            registering.confirm(
                unit, deal, form.get("client_id", ""), form.get("contract", ""), _day(form.get("opened_on", "")), by=by
            )
        case "deny":
            registering.deny(unit, deal, by=by)
        case _:
            abort(404)


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput.of("opn_bad_day", field="opened_on") from None
