"""«SMS»: what was sent and what became of it, the account, who wants none, and a form of our own."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from flask import Response, abort, redirect, render_template, request, url_for

from kernel.errors import AnnexError, BadInput, Refused
from kernel.extension.decisions import decide
from kernel.extension.portal import Portal
from kernel.extension.roles import ALL as EVERY_RIGHT
from kernel.storage import Tx
from kernel.texting import Refusal, Text
from kernel.values import day_start, from_micros, to_micros
from kernel.web import Nav, Pages, current_user
from kernel.web.links import User
from kernel.web.rights import needs
from kernel.web.site import site
from kernel.web.words import language, t
from plugins.sms import rules, sending, store
from plugins.sms.handlers import take
from plugins.sms.settings import NAME, settings_of
from plugins.sms.store import OptOut, Sms

ALL, MANAGE = f"{NAME}.all", f"{NAME}.manage"
SHOWN_MAX, COST_DAYS = 200, 14
NAV = (Nav("list_page", "sms_title"), Nav("opt_outs", "sms_opt_outs_title"))


def pages(portal: Portal) -> Pages:
    """The blueprint, for one portal."""
    blueprint = Pages(NAME, __name__, nav=NAV, version=store.version)
    _words(blueprint, portal)
    _list(blueprint, portal)
    _new(blueprint, portal)
    _decisions(blueprint, portal)
    _opt_outs(blueprint, portal)
    return blueprint


def may_see_all(user: User) -> bool:
    return user.may(EVERY_RIGHT) or user.may(ALL)


def may_see(user: User, one: Sms) -> bool:
    return may_see_all(user) or bool(user.person_id and one.author == user.person_id)


def _words(pages: Pages, portal: Portal) -> None:
    def moment(micros: int) -> datetime:
        return from_micros(micros, portal.zone)

    def card(one: Sms) -> str:
        entity, _, record = one.record.partition(":")
        return portal.crm.link(entity, record) if entity in portal.mapping.entities and record else ""

    @pages.context_processor
    def values() -> dict[str, Any]:
        return {"moment": moment, "card": card, "money": rules.shown, "name_of": portal.name_of}


def _list(pages: Pages, portal: Portal) -> None:
    @pages.get("/")
    def list_page() -> str:
        user, live = current_user(), site().live.version()
        portal.people()
        with portal.read() as unit:
            whole = may_see_all(user)
            rows = store.newest(unit.tx, portal.name, None if whole else user.person_id or "-", SHOWN_MAX)
            account, costs = store.account(unit.tx, portal.name), _costs(unit.tx, portal) if whole else []
            waiting = store.counts(unit.tx, portal.name).get("waiting", 0)
        settings = settings_of(portal)
        low = whole and account.balance is not None and rules.from_scaled(account.balance) < settings.balance_low
        return render_template(
            "sms/list.html", rows=rows, account=account, costs=costs, whole=whole, low=low, test=settings.test,
            waiting=waiting, manages=user.may(EVERY_RIGHT) or user.may(MANAGE), version=live,
        )  # fmt: skip

    @pages.get("/<sms>")
    def one_page(sms: str) -> str:
        return _one(portal, sms)


def _one(portal: Portal, ident: str, trouble: str = "") -> str:
    portal.people()
    with portal.read() as unit:
        one = store.load(unit.tx, ident)
    if one is None:
        abort(404)
    if not may_see(current_user(), one):
        abort(403)
    return render_template("sms/one.html", one=one, trouble=trouble, version=site().live.version())


def _costs(tx: Tx, portal: Portal) -> list[tuple[str, str, int]]:
    """Day, author, what it cost: newest day first."""
    today = portal.clock.now().astimezone(portal.zone).date()
    since = to_micros(day_start(today - timedelta(days=COST_DAYS - 1), portal.zone))
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in store.costs(tx, portal.name, since):
        sums[f"{from_micros(row['at'], portal.zone):%Y-%m-%d}", row["author"]] += row["cost"]
    return [(day, author, cost) for (day, author), cost in sorted(sums.items(), reverse=True)]


def _new(pages: Pages, portal: Portal) -> None:
    @pages.get("/new")
    def new_page() -> str:
        return _form({"to": request.args.get("to", "")}, portal)

    @pages.post("/new")
    def send_new() -> Response | str | tuple[str, int]:
        given = {name: request.form.get(name, "")[:2000] for name in ("to", "text", "once")}
        number, user = rules.e164(given["to"]), current_user()
        if not number:
            return _form(given, portal, trouble=t("sms_bad_number", number=given["to"])), 400
        if not given["text"].strip():
            return _form(given, portal, trouble=t("sms_no_text")), 400
        if request.form.get("action") != "send":
            return _form(given, portal, told=_cost(portal, number, given["text"]))
        if not 8 <= len(given["once"]) <= 64 or not given["once"].isalnum():
            abort(400)
        with portal.unit(author=user.name) as unit:  # pressed twice: the first one counts
            take(
                unit,
                number,
                given["text"],
                message=f"page:{given['once']}",
                author=user.person_id or user.name,
                origin="page",
            )
        return redirect(url_for(".list_page"), 303)  # type: ignore[return-value]


def _form(given: dict[str, str], portal: Portal, *, trouble: str = "", told: str = "") -> str:
    once = given.get("once") or portal.ids.new().replace("-", "")
    return render_template(
        "sms/new.html", given={**given, "once": once}, trouble=trouble, told=told, test=settings_of(portal).test
    )


def _cost(portal: Portal, number: str, text: str) -> str:
    try:
        found = portal.connection(settings_of(portal).provider).texting.cost(Text(number, text))
    except AnnexError as exc:
        return t("sms_cost_unknown", why=exc)
    if isinstance(found, Refusal):
        return t("sms_cost_refused", why=f"{found.code} — {found.message}")
    return t("sms_cost_told", cost=rules.shown(rules.to_scaled(found.cost)), parts=found.segments)


def _decisions(pages: Pages, portal: Portal) -> None:
    @pages.post("/<sms>/<action>")
    def act(sms: str, action: str) -> Response | tuple[str, int]:
        user = current_user()
        with portal.read() as unit:
            one = store.load(unit.tx, sms)
        if one is None or action not in ("arrived", "again", "send", "cancel"):
            abort(404)
        if not may_see(user, one):
            abort(403)
        by = user.name or user.person_id or ""
        try:
            if action in ("arrived", "again"):
                decided(portal, one, action, by=by)
            else:
                with portal.unit(author=by) as unit:
                    if (held := store.locked(unit.tx, portal.name, sms)) is None:
                        abort(404)
                    if action == "send":
                        sending.send_held(unit, held)
                    else:
                        sending.cancel(unit, held, by)
        except BadInput as exc:
            return _one(portal, sms, trouble=exc.message(language())), 409
        return redirect(url_for(".list_page"), 303)  # type: ignore[return-value]

    @pages.post("/account/go-on")
    @needs(MANAGE)
    def account_goes_on() -> Response:
        with portal.unit(author=current_user().name) as unit:
            sending.go_on(unit)
        return redirect(url_for(".list_page"), 303)  # type: ignore[return-value]


def decided(portal: Portal, one: Sms, action: str, *, by: str) -> None:
    """A person says of an uncertain one that it left, or has it sent once more. Raises Refused: somebody was quicker."""
    if one.state != store.UNCERTAIN:
        raise Refused.of("sms_not_now")
    with portal.read() as unit:
        call = sending.call_of(unit.tx, portal, one)
    uncertain = call is not None and call.state == store.UNCERTAIN
    if call is not None and uncertain:
        decide(portal, site().plugins, call.id, "arrived" if action == "arrived" else "drop", who=by)
    with portal.unit(author=by) as unit:
        held = store.locked(unit.tx, portal.name, one.id)
        if held is None or held.state != store.UNCERTAIN:
            return  # said and done by the call's own end
        if action == "arrived":
            sending.taken_for_sent(unit, held)
        else:
            sending.again(unit, held)


def _opt_outs(pages: Pages, portal: Portal) -> None:
    @pages.get("/opt-outs")
    @needs(MANAGE)
    def opt_outs() -> str:
        return _opt_out_page(portal)

    @pages.post("/opt-outs")
    @needs(MANAGE)
    def change_opt_out() -> Response | tuple[str, int]:
        number, why = rules.e164(request.form.get("number", "")), request.form.get("why", "").strip()[:300]
        if not number:
            return _opt_out_page(portal, t("sms_bad_number", number=request.form.get("number", "")[:40])), 400
        if not why:
            return _opt_out_page(portal, t("sms_why_needed")), 400
        by = current_user().name or current_user().person_id or ""
        with portal.unit(author=by) as unit:
            store.account_locked(unit.tx, portal.name)
            one = OptOut(number, to_micros(unit.now), "person", by, why)
            store.note_opt_out(unit.tx, portal.name, one, out=request.form.get("action") != "remove")
            store.touch(unit.tx, portal.name)
        return redirect(url_for(".opt_outs"), 303)  # type: ignore[return-value]


def _opt_out_page(portal: Portal, trouble: str = "") -> str:
    with portal.read() as unit:
        rows = store.opt_outs(unit.tx, portal.name)
    return render_template("sms/opt_outs.html", rows=rows, trouble=trouble, version=site().live.version())
