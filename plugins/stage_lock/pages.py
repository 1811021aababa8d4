"""The heads' page: the cases with their reasons, and one-time permissions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Response, abort, redirect, render_template, request, url_for

from kernel import texts
from kernel.extension.portal import Portal
from kernel.values import from_micros
from kernel.web import Nav, Pages, current_user
from kernel.web.links import User
from kernel.web.site import site
from kernel.web.words import language
from plugins.stage_lock import store
from plugins.stage_lock.cases import grant
from plugins.stage_lock.model import Case
from plugins.stage_lock.people import settings_of
from plugins.stage_lock.sight import Sight, sight_of
from plugins.stage_lock.words import open_stages, reason, stage_words

HERE = Path(__file__).parent
CASES_PER_PAGE = 100
ALL_CASES = "stage_lock.all"
NAV = (Nav("cases_page", "sl_title"),)


def pages(portal: Portal) -> Pages:
    """The blueprint, for one portal."""
    for folder in ("locale", "locale_pages"):
        texts.add_folder(HERE / folder)
    blueprint = Pages("stage_lock", __name__, nav=NAV, version=store.version)
    _words(blueprint, portal)
    _cases(blueprint, portal, sight_of(portal, ALL_CASES))
    _grants(blueprint, portal)
    return blueprint


def _words(pages: Pages, portal: Portal) -> None:
    def moment(micros: int) -> datetime:
        return from_micros(micros, portal.zone)

    def why(case: Case) -> str:
        plan = portal.mapping.entity(case.entity)
        return reason(plan, case.why, case.from_stage, case.to_label, language())

    @pages.context_processor
    def values() -> dict[str, Any]:
        return {
            "moment": moment, "why": why, "link": portal.crm.link,
            "stage": lambda entity, name, label="": stage_words(portal.mapping.entity(entity), name, label),
            "open_from": lambda case: open_stages(portal.mapping.entity(case.entity), case.from_stage, language()),
        }  # fmt: skip


def _cases(pages: Pages, portal: Portal, sight_for: Callable[[User], Sight]) -> None:
    @pages.get("/")
    def cases_page() -> str:
        person, only_open = request.args.get("person", ""), request.args.get("only") == "open"
        page = request.args.get("page", "1")
        skip = (int(page) - 1) * CASES_PER_PAGE if page.isascii() and page.isdigit() and 0 < int(page) < 10_000 else 0
        live = site().live.version()
        with portal.read() as unit:
            sight = sight_for(current_user())
            people = [one for one in store.movers(unit.tx, portal.name) if sight.person(one[0])]
            found = store.cases(
                unit.tx, portal.name, person=person, only_open=only_open, limit=CASES_PER_PAGE + 1, skip=skip,
                of=None if sight.groups is None else [one[0] for one in people],
            )  # fmt: skip
            grants = store.grants(unit.tx, portal.name)
        return render_template(
            "stage_lock/cases.html", cases=found[:CASES_PER_PAGE], more=len(found) > CASES_PER_PAGE,
            number=skip // CASES_PER_PAGE + 1, people=[one for one in people if one[0]], person=person, only_open=only_open,
            grants=grants, entities=_locked(portal), version=live,
        )  # fmt: skip

    @pages.get("/cases/<int:number>")
    def case_page(number: int) -> str:
        with portal.read() as unit:
            case = store.one_case(unit.tx, portal.name, number) if number < 2**62 else None
        if case is None or not sight_for(current_user()).person(case.person):
            abort(404)
        return render_template("stage_lock/case.html", case=case, version=site().live.version())


def _grants(pages: Pages, portal: Portal) -> None:
    @pages.post("/grants")
    def give() -> Response:
        # The stages of different entities may share a word, so the form names both in one choice.
        entity, _, stage = request.form.get("to", "").partition(":")
        with portal.unit(author=current_user().name) as unit:
            grant(
                unit, entity, request.form.get("record", "").strip(), stage,
                person=current_user().name, note=request.form.get("note", "").strip(),
            )  # fmt: skip
        return redirect(url_for(".cases_page"), 303)  # type: ignore[return-value]


def _locked(portal: Portal) -> dict[str, dict[str, str]]:
    """By entity, its stages and what staff call them."""
    return {
        name: {word: stage.label for word, stage in portal.mapping.entities[name].stage.items()}
        for name in settings_of(portal).entities
        if name in portal.mapping.entities
    }
