"""The form of a deal's terms: filled in once, by one of two who open it at once; for reading when the deal went on, and to
whom the CRM shows the deal although it is not theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Response, abort, redirect, render_template, request, url_for

from kernel import texts
from kernel.crm import Record, Values
from kernel.crm.codec import unpack_values
from kernel.errors import Fault, NotFound
from kernel.extension.connector import Visitor
from kernel.extension.portal import Portal, Unit
from kernel.jobs import outgoing
from kernel.telemetry import log
from kernel.values import from_micros, to_micros
from kernel.web import Pages, current_user, shown
from kernel.web.words import t
from plugins.stage_lock.api import stands
from plugins.terms import store
from plugins.terms.asking import close, heads_of
from plugins.terms.model import Fill
from plugins.terms.plan import DEAL, answer_of, label_of, owner_of, settings_of, term_fields

HERE = Path(__file__).parent
ALL = "terms.all"
NUMBER_MAX = 9


def pages(portal: Portal) -> Pages:
    """The blueprint, for one portal."""
    for folder in ("locale", "locale_pages"):
        texts.add_folder(HERE / folder)

    def opened_by(visitor: Visitor, path: str) -> bool:
        """The page itself says who may do what; here the CRM is asked whether it shows them the deal at all."""
        deal = path.partition("?")[0].rpartition("/")[2]
        try:
            if visitor.sight is not None and _is_number(deal):
                shown.admit(portal, visitor.person_id, visitor.sight, [(DEAL, deal)])
        except Fault as exc:
            log.warning("terms.not_asked_for_sight", reason=str(exc))
        return True

    blueprint = Pages("terms", __name__, version=store.version, opened=opened_by)

    @blueprint.get("/deal/<deal>")
    def form(deal: str) -> str:
        return _render(portal, _opened(portal, deal))

    @blueprint.post("/deal/<deal>")
    def filled(deal: str) -> Response | tuple[str, int]:
        opened = _opened(portal, deal)
        if not opened.theirs:
            abort(403)
        given = {name: request.form.get(name, "") for name in term_fields(portal)}
        answers = {name: answer for name, plan in term_fields(portal).items() if (answer := answer_of(plan, given[name]))}
        if not opened.open:
            return _render(portal, opened, t("tm_not_open")), 409
        missing = [label_of(name, plan) for name, plan in term_fields(portal).items() if name not in answers]
        if missing:
            return _render(portal, opened, t("terms_missing", names=", ".join(missing)), answers), 422
        if not _kept(portal, opened, _number(request.form.get("seen", "")), answers):
            return _render(portal, *_already(portal, deal), told=True), 409
        return redirect(url_for(".form", deal=deal, done="yes"), 303)  # type: ignore[return-value]

    return blueprint


@dataclass(frozen=True)
class _Opened:
    record: Record
    values: Values  #: with what we ourselves have written and the CRM may not show yet
    fill: Fill | None
    open: bool  #: whether it may be filled in now
    theirs: bool  #: whether this person may fill it in; whom the CRM shows the deal may read


def _opened(portal: Portal, deal: str) -> _Opened:
    """The deal as it stands now. Ends in 404 or 503 where it cannot be had, in 403 for whoever it does not concern."""
    if not _is_number(deal):
        abort(404)
    began = to_micros(portal.clock.now())
    try:
        record = portal.crm.get(DEAL, deal)
        theirs = _may_fill(portal, record)
    except NotFound:
        abort(404)
    except Fault:
        abort(503)
    if not theirs and not shown.shown(portal, current_user().person_id, (DEAL, deal)):
        abort(403)
    with portal.read() as unit:
        values = {**record.values, **_in_flight(unit, deal, began)}
        at_the_stage = record.stage == settings_of(portal).stage and stands(unit, DEAL, deal, record.stage)
        return _Opened(record, values, store.last_fill(unit.tx, portal.name, deal), at_the_stage, theirs)


def _already(portal: Portal, deal: str) -> tuple[_Opened, str]:
    """What somebody else filled in meanwhile, and who."""
    opened = _opened(portal, deal)
    fill = opened.fill
    time = f"{from_micros(fill.at, portal.zone):%H:%M}" if fill else "—"
    return opened, t("tm_first", name=fill.person_name if fill and fill.person_name else "—", time=time)


def _is_number(deal: str) -> bool:
    return deal.isascii() and deal.isalnum() and len(deal) <= 32


def _may_fill(portal: Portal, record: Record) -> bool:
    """Whose deal it is, who heads them, and whoever may fill in every deal's terms."""
    user, owner = current_user(), owner_of(record.values)
    if user.may(ALL):
        return True
    if not user.person_id:
        return False
    return user.person_id == owner or any(one.id == user.person_id for one in heads_of(portal.people(), owner))


def _in_flight(unit: Unit, deal: str, began: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for call in outgoing.unseen_writes(unit.tx, unit.portal.name, f"{DEAL}:{deal}", began):
        if "values" in call.payload and "row_key" not in call.payload:
            found.update(unpack_values(call.payload["values"]))
    return found


def _kept(portal: Portal, opened: _Opened, seen: int, answers: Mapping[str, str]) -> bool:
    """One write of all the answers, unless somebody else was first since the form was opened."""
    user, deal = current_user(), opened.record.id
    with portal.unit(author=user.name) as unit:
        last = store.last_fill(unit.tx, portal.name, deal)
        if (last.number if last else 0) != seen:
            return False
        made = store.new_fill(
            unit.tx, portal.name, deal, seen + 1, person=user.person_id, person_name=user.name, at=to_micros(unit.now),
            by_form=True, answers=answers,
        )  # fmt: skip
        if not made:
            return False
        unit.update(DEAL, deal, dict(answers), resync=True)
        known = store.load(unit.tx, portal.name, deal)
        if known and known.state == "open":
            close(unit, known, "filled")
        unit.tx.after_commit(portal.changed)
    return True


def _render(
    portal: Portal, opened: _Opened, trouble: str = "", given: Mapping[str, str] | None = None, *, told: bool = False
) -> str:
    fill = opened.fill
    rows = []
    for name, plan in term_fields(portal).items():
        answer = answer_of(plan, opened.values.get(name)) if given is None else given.get(name)
        rows.append({
            "name": name, "label": label_of(name, plan), "answer": answer, "words": plan.values,
            "empty": bool(trouble) and not told and opened.open and answer is None,
        })  # fmt: skip
    return render_template(
        "terms/form.html", opened=opened, rows=rows, trouble=trouble, done=request.args.get("done") == "yes" and not trouble,
        fill=fill, at=from_micros(fill.at, portal.zone) if fill else None, link=opened.record.url,
        stage=portal.mapping.entity(DEAL).stage[settings_of(portal).stage].label,
    )  # fmt: skip


def _number(text: str) -> int:
    """Which answers the form showed; none that exist where it says nonsense."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= NUMBER_MAX else -1
