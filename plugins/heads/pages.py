"""One live page for heads, one for each person and each decision, and what a head may do there."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from flask import abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from kernel import texts
from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.texts import translate
from kernel.values import from_micros
from kernel.web import Nav, Pages, current_user
from kernel.web.site import site
from kernel.web.words import language, t
from plugins.assignment import api as assignment
from plugins.heads.line import Day, days_of, groups_of
from plugins.heads.seen import ALL_GROUPS, cases_of, decisions_of
from plugins.stage_lock import api as stage_lock
from plugins.stage_lock.api import Sight, sight_of

HERE = Path(__file__).parent
NAV = (Nav("line_page", "hd_title"),)
WAITING_SHOWN, DECISIONS_SHOWN, CASES_SHOWN = 50, 30, 30
SPANS = ("30", "60", "120", "240", "day")  #: for how long a bar may stand, in minutes; "day": till midnight


def pages(portal: Portal) -> Pages:
    """The blueprint, for one portal."""
    texts.add_folder(HERE / "locale_pages")
    blueprint = Pages("heads", __name__, nav=NAV, version=assignment.version)
    sight = sight_of(portal, ALL_GROUPS)
    _words(blueprint, portal)
    _line(blueprint, portal, sight)
    _person(blueprint, portal, sight)
    _decision(blueprint, portal, sight)
    _grant(blueprint, portal, sight)
    return blueprint


def _words(pages: Pages, portal: Portal) -> None:
    def moment(micros: int | None) -> datetime | None:
        return None if micros is None else from_micros(micros, portal.zone)

    def stage(entity: str, name: str, label: str = "") -> str:
        known = portal.mapping.entity(entity).stage
        return known[name].label if name in known else label or name or "—"

    def why(case: stage_lock.Case) -> str:
        known = {"start": stage(case.entity, case.from_stage), "to": case.to_label, **case.why.values}
        try:
            return translate(language(), case.why.code, **known)
        except KeyError:
            return case.why.code

    @pages.context_processor
    def values() -> dict[str, Any]:
        return {
            "moment": moment, "stage": stage, "why": why, "link": portal.crm.link, "long": long_text,
            "queue_label": lambda name: assignment.label(portal, name, language()),
            "reason": lambda one: assignment.reason_text(one, language()), "share": share_text,
            "explained": lambda data: assignment.reason_text(assignment.Reason(data["code"], data["values"]), language()),
        }  # fmt: skip


def long_text(span: timedelta) -> str:
    """How long something has waited, in two words at most."""
    minutes = max(0, int(span.total_seconds() // 60))
    days, hours = divmod(minutes // 60, 24)
    if days:
        return t("hd_days", days=days, hours=hours)
    return t("hd_hours", hours=hours, minutes=minutes % 60) if hours else t("hd_minutes", minutes=minutes)


def share_text(claim: Fraction | str) -> str:
    """A claim to two digits, with its sign: what is shown is rounded, what is kept is not."""
    hundredths = round(Fraction(claim) * 100)
    sign = "−" if hundredths < 0 else "+" if hundredths else ""
    return f"{sign}{abs(hundredths) // 100},{abs(hundredths) % 100:02d}"


# --- the page ---------------------------------------------------------------------------------------------------------


def _line(pages: Pages, portal: Portal, sight_for: Any) -> None:
    @pages.get("/")
    def line_page() -> str:
        sight: Sight = sight_for(current_user())
        live = site().live.version()
        with portal.read() as unit:
            queues = assignment.queues(unit, sight.groups)
            names = [one.name for one in queues]
            days = days_of(unit, [one.id for queue in queues for one in queue.members])
            cases = cases_of(stage_lock.open_cases(unit), sight)
            known = {
                "groups": groups_of(queues), "days": days, "cases": cases[:CASES_SHOWN], "case_count": len(cases),
                "waiting": {name: assignment.waiting(unit, name, WAITING_SHOWN) for name in names},
                "decisions": decisions_of(assignment.decisions(unit, names, DECISIONS_SHOWN), sight),
            }  # fmt: skip
        return render_template(
            "heads/line.html", now=portal.clock.now().astimezone(portal.zone), version=live,
            tiles=_tiles(queues, days, cases), sees_nothing=sight.groups == (), **known,
        )  # fmt: skip


def _tiles(
    queues: list[assignment.QueueView], days: dict[str, Day], cases: list[stage_lock.Case]
) -> list[tuple[str, str, bool]]:
    """(text, figure, is it bad): people are counted, not their places in queues. On the line may be whose working day the
    CRM keeps; where queues have other people, each lot is counted by itself."""
    people = {one.id: one for queue in queues for one in queue.members}
    tracked = [days[person] for person in people if person in days and days[person].status != "off"]
    here = sum(1 for day in tracked if day.on_line)
    able = [len({row.person.id for row in group.rows if row.eligible}) for group in groups_of(queues)]
    waits = sum(queue.waiting for queue in queues)
    excluded = sum(1 for one in people.values() if one.exclusion)
    return [
        ("hd_on_line", f"{here} / {len(tracked)}", bool(tracked) and not here),
        ("hd_can_take", " + ".join(map(str, able)) or "0", bool(people) and not all(able)),
        ("hd_waiting", str(waits), bool(waits)),
        ("hd_barred", str(excluded), False),
        ("hd_cases", str(len(cases)), bool(cases)),
    ]


# --- a person: bars ---------------------------------------------------------------------------------------------------


def _person(pages: Pages, portal: Portal, sight_for: Any) -> None:
    def views(unit: Unit, person: str) -> list[assignment.MemberView]:
        """As they stand in each queue of which the reader may see them."""
        queues = assignment.queues(unit, sight_for(current_user()).groups)
        return [one for queue in queues for one in queue.members if one.id == person] or abort(404)

    @pages.get("/people/<person>")
    def person_page(person: str) -> str:
        with portal.read() as unit:
            found, exclusions = views(unit, person), assignment.exclusions_of(unit, person)
            day = days_of(unit, [person]).get(person)
        return render_template(
            "heads/person.html", views=found, one=found[0], exclusions=exclusions, day=day, spans=SPANS, version=""
        )

    @pages.post("/people/<person>/bar")
    def exclude(person: str) -> Response:
        until = _until(portal, request.form.get("span", ""))
        with portal.unit(author=current_user().name) as unit:
            views(unit, person)
            assignment.exclude(unit, person, by=current_user().name, reason=request.form.get("reason", ""), until=until)
        return redirect(url_for(".line_page"), 303)

    @pages.post("/people/<person>/unbar")
    def lift_exclusion(person: str) -> Response:
        with portal.unit(author=current_user().name) as unit:
            views(unit, person)
            assignment.lift_exclusion(unit, person, by=current_user().name)
        return redirect(url_for(".line_page"), 303)


def _until(portal: Portal, span: str) -> datetime | None:
    if not span:
        return None
    if span not in SPANS:
        raise BadInput.of("hd_no_span", field="span")
    now = portal.clock.now().astimezone(portal.zone)
    if span == "day":
        return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return now + timedelta(minutes=int(span))


# --- a decision and its reason ----------------------------------------------------------------------------------------


def _decision(pages: Pages, portal: Portal, sight_for: Any) -> None:
    def load(unit: Unit, entity: str, record: str) -> assignment.Decision:
        sight: Sight = sight_for(current_user())
        one = assignment.decision(unit, entity, record)
        queues = {queue.name for queue in assignment.queues(unit, sight.groups)}
        if one is None or one.queue not in queues or not decisions_of([one], sight):
            abort(404)
        return one

    @pages.get("/decisions/<entity>/<record>")
    def decision_page(entity: str, record: str) -> str:
        with portal.read() as unit:
            one = load(unit, entity, record)
        bare = request.headers.get("X-Annex-Part") == "1"
        return render_template("heads/reason.html" if bare else "heads/decision.html", one=one, version="")

    @pages.post("/decisions/<entity>/<record>/again")
    def again(entity: str, record: str) -> Response:
        with portal.unit(author=current_user().name) as unit:
            load(unit, entity, record)
            assignment.again(unit, entity, record, by=current_user().name)
        return redirect(url_for(".line_page"), 303)


# --- stage lock -------------------------------------------------------------------------------------------------------


def _grant(pages: Pages, portal: Portal, sight_for: Any) -> None:
    @pages.post("/cases/<int:number>/grant")
    def grant(number: int) -> Response:
        sight: Sight = sight_for(current_user())
        with portal.unit(author=current_user().name) as unit:
            found = cases_of(stage_lock.open_cases(unit), sight)
            case = next((one for one in found if one.number == number), None) or abort(404)
            stage_lock.grant(unit, case.entity, case.record_id, case.to_stage, person=current_user().name)
        return redirect(url_for(".line_page"), 303)
