"""The desk's pages: the board «Табло», what each figure is made of, deals, three reports, contacts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as WebResponse

from kernel import texts
from kernel.crm.gone import gone_since
from kernel.errors import BadInput
from kernel.extension.portal import Portal
from kernel.storage import Tx
from kernel.values import format_minor, from_micros
from kernel.web import Nav, Pages, current_user, needs
from kernel.web.site import site
from kernel.web.words import language, t
from plugins.exchange import (
    deleted,
    explain,
    reports,
    views_asked,
    views_board,
    views_contacts,
    views_deal,
    views_explain,
    views_reports,
    views_text,
)
from plugins.exchange.board import board
from plugins.exchange.control import control
from plugins.exchange.model import KINDS, Deal, Money
from plugins.exchange.projection import custody_of

HERE = Path(__file__).parent
NAV = (
    Nav("board_page", "pg_board"),
    Nav("operations_page", "pg_operations"),
    Nav("control_page", "pg_control"),
    Nav("contacts_page", "pg_contacts"),
)


def version(tx: Tx) -> str:
    """What the books' head does not tell: deals that could not be read, those fixed since, and what was deleted."""
    row = tx.one(
        "SELECT COALESCE(SUM(problem_no), 0) AS n, COUNT(*) AS k, (SELECT COUNT(*) FROM crm_gone) AS g, "
        "(SELECT COALESCE(MAX(since), 0) FROM crm_gone) AS s FROM exchange_told WHERE problem <> ''"
    )
    return f"{row['g']}-{row['s']}-{row['n']}-{row['k']}" if row else ""


def pages(portal: Portal) -> Pages:
    """The blueprint, for one portal."""
    for folder in ("locale", "locale_pages"):
        texts.add_folder(HERE / folder)
    blueprint = Pages("exchange", __name__, nav=NAV, version=version)
    _words(blueprint, portal)
    _board(blueprint, portal)
    _explain(blueprint, portal)
    _deals(blueprint, portal)
    _operations(blueprint, portal)
    _control(blueprint, portal)
    _contacts(blueprint, portal)
    return blueprint


def _words(pages: Pages, portal: Portal) -> None:
    @pages.context_processor
    def values() -> dict[str, Any]:
        return {
            "money": lambda value: views_text.money(value, language()),
            "amount": lambda value: views_text.amount(value, language()),
            "number": lambda value: views_text.number(value, language()),
            "given": lambda data: views_text.from_data(data, portal.currencies),
            "stage": lambda name: views_text.stage_text(portal, name),
            "marks": views_text.marks, "minor": Money, "by_micros": lambda at: from_micros(at, portal.zone),
            "iso": datetime.fromisoformat, "source_words": lambda source: views_text.source_text(source, t),
            "field_words": lambda name: views_text.field_text(name, portal, language(), t),
            "formula_text": lambda text: views_text.formula_text(text, language()),
            "exact_text": lambda exact: views_text.exact_text(exact, language()),
            "leg_money": lambda leg: Money(leg.amount, portal.currencies.get(leg.currency)),
            "in_full": lambda minor, code: format_minor(minor, portal.currencies.get(code)),
        }  # fmt: skip


def _live(*, still: bool = False) -> str:
    """The version a live page is rendered at, read before its figures; empty for a page that stands still."""
    return "" if still else site().live.version()


def _json(data: Any) -> Response:
    """The same document that the command prints."""
    return Response(json.dumps(data, ensure_ascii=False, indent=2) + "\n", mimetype="application/json")


def _page_count(total: int, per_page: int) -> int:
    return max(1, -(-total // per_page))


# --- the board ------------------------------------------------------------------------------------------------------


def _board(pages: Pages, portal: Portal) -> None:
    @pages.get("/board")
    def board_page() -> str:
        at = views_asked.moment_from(request.args, portal)
        live = _live(still=at is not None)
        with portal.read() as unit:
            shown = board(unit, at)
            known = {
                "board": shown, "blocks": views_board.blocks(shown), "last_delivery": views_board.last_delivery(unit),
                "problems": views_board.problems(unit), "head": portal.books.head(unit.tx)[0],
            }  # fmt: skip
        return render_template("exchange/board.html", at=views_asked.at_text(at), version=live, past=at, **known)

    @pages.get("/board.json")
    def board_json() -> Response:
        with portal.read() as unit:
            return _json(board(unit, views_asked.moment_from(request.args, portal)).data())


# --- what a figure is made of -----------------------------------------------------------------------------------------


def _explain(pages: Pages, portal: Portal) -> None:
    @pages.get("/explain")
    def explain_page() -> str:
        question = views_explain.question_from(request.args, portal)
        if subject := request.args.get("subject", ""):
            return _parts(portal, question, subject)
        live = _live(still=question.at is not None)
        common = {"question": question, "at": views_asked.at_text(question.at), "version": live}
        with portal.read() as unit:
            now = question.at or unit.now.astimezone(portal.zone)
            shown = board(unit, question.at)
            common["party_name"] = views_text.party_names(unit).get(question.party, question.party) if question.party else ""
            if question.figure.startswith(views_explain.WORTH):
                worth = views_explain.worth_of(shown, question)
                if worth is None:
                    raise BadInput.of("no_such_figure", figure=question.figure[:40])
                return render_template("exchange/worth.html", worth=worth, board=shown, now=now, **common)
            currency = portal.currencies.get(question.currency)
            on_board = None if question.party else views_explain.board_figure(shown, question) or Money(0, currency)
            if question.figure in explain.DERIVED and not question.party:
                own = views_explain.board_figure(shown, replace(question, figure="own")) or Money(0, currency)
                debts = [] if question.place else views_explain.debtors(unit, question)
                return render_template(
                    "exchange/formula.html", own=own, debts=debts, debt=Money(sum(one[2].minor for one in debts), currency),
                    figure=on_board, now=now, **common,
                )  # fmt: skip
            found, total = explain.groups(unit, question), explain.total(unit, question)
            below = explain.below_since(unit, question) if total.minor < 0 else None
        here, rest, rest_count = views_explain.groups_of_page(found, views_asked.page_from(request.args), currency)
        parts = Money(sum(group.amount.minor for group in here) + rest.minor, currency)
        return render_template(
            "exchange/explain.html", groups=here, rest=rest, rest_count=rest_count, total=total, parts=parts, now=now,
            figure=on_board if on_board is not None else total, count=len(found), below=below,
            page=views_asked.page_from(request.args), page_count=_page_count(len(found), views_explain.GROUPS_PER_PAGE),
            **common,
        )  # fmt: skip


def _parts(portal: Portal, question: explain.Question, subject: str) -> str:
    """The legs of one deal's share: a piece for an opened line, or a page of its own."""
    with portal.read() as unit:
        found = explain.parts(unit, question, subject)
        answered = views_explain.reversed_rows(unit, [part.seq for part in found if part.seq])
        view = explain.deal_view(unit, subject)
        names = views_text.party_names(unit)
    numbers = {one.operation.key: one.operation.number for one in view.operations} if view else {}
    total = Money(sum(part.amount.minor for part in found), portal.currencies.get(question.currency))
    bare = request.headers.get("X-Annex-Part") == "1"
    return render_template(
        "exchange/legs.html" if bare else "exchange/legs_page.html", parts=found, answered=answered, numbers=numbers,
        names=names, subject=subject, deal=view.deal if view else None, question=question, total=total,
        at=views_asked.at_text(question.at), version="",
    )  # fmt: skip


# --- deals ------------------------------------------------------------------------------------------------------------


def _deals(pages: Pages, portal: Portal) -> None:
    @pages.get("/deals/<path:subject>")
    def deal_page(subject: str) -> str:
        live = _live()
        with portal.read() as unit:
            view = explain.deal_view(unit, subject)
            if view is None:
                abort(404)
            kept = custody_of(unit, view.deal)
            answered = views_explain.reversed_rows(unit, [entry.seq for entry in view.entries if entry.kind != "deal"])
            names = views_text.party_names(unit)
            deletion = deleted.mark(unit, view.deal)
            problem = next((one for one in views_board.problems(unit) if one["subject"] == subject), None)
        numbers = {op.key: op.number for op in view.deal.operations}
        return render_template(
            "exchange/deal.html", view=view, deal=view.deal, kept=kept, answered=answered, names=names, numbers=numbers,
            changes=views_deal.fact_changes(view.entries, portal, language()), problem=problem, version=live,
            deletion=deletion,
            may_decide=current_user().may(deleted.DECIDE),
            timed=[(stage, from_micros(at, portal.zone)) for stage, at in _stages(view.deal)],
        )  # fmt: skip

    @pages.post("/deals/<path:subject>/reverse")
    @needs(deleted.DECIDE)
    def reverse_deal(subject: str) -> WebResponse:
        deleted.reverse(portal, subject, author=current_user().name, reason=request.form.get("reason", ""))
        return redirect(url_for(".deal_page", subject=subject), 303)

    @pages.post("/deals/<path:subject>/restore")
    @needs(deleted.DECIDE)
    def restore_deal(subject: str) -> WebResponse:
        deleted.restore(portal, subject, author=current_user().name)
        return redirect(url_for(".deal_page", subject=subject), 303)


def _stages(deal: Deal) -> list[tuple[str, int]]:
    """When each stage was entered; partial withdrawals from custody stand with their operation."""
    return sorted(((name, at) for name, at in deal.entered.items() if ":" not in name), key=lambda pair: pair[1])


# --- report 1: operations ---------------------------------------------------------------------------------------------

TOTALS = ("profit", "in", "out", "commission", "network_fee")


def _operations(pages: Pages, portal: Portal) -> None:
    def today() -> Any:
        return portal.clock.now().astimezone(portal.zone).date()

    @pages.get("/operations")
    def operations_page() -> str:
        wanted = views_asked.filter_from(request.args, default=views_asked.months(today())[0])
        page = views_asked.page_from(request.args)
        live = _live()
        with portal.read() as unit:
            data = reports.operations(unit, wanted)
            offered, names = views_reports.choices(unit), views_text.party_names(unit)
        start = (page - 1) * views_reports.ROWS_PER_PAGE
        return render_template(
            "exchange/operations.html", data=data, rows=data["rows"][::-1][start : start + views_reports.ROWS_PER_PAGE],
            wanted=wanted, offered=offered, names=names, kinds=KINDS, chips=views_asked.period_chips(wanted, today()),
            page=page, page_count=_page_count(len(data["rows"]), views_reports.ROWS_PER_PAGE), totals=TOTALS, version=live,
            filled=_filled(wanted),
        )  # fmt: skip

    @pages.get("/operations.json")
    def operations_json() -> Response:
        with portal.read() as unit:
            return _json(reports.operations(unit, views_asked.filter_from(request.args)))

    @pages.get("/operations/total")
    def total_page() -> str:
        """What one total of the report is made of."""
        wanted = views_asked.filter_from(request.args, default=views_asked.months(today())[0])
        figure, code = request.args.get("figure", ""), request.args.get("of", "")
        if figure not in TOTALS:
            raise BadInput.of("no_such_figure", figure=figure[:40])
        currency = portal.currencies.get(code)
        live = _live()
        with portal.read() as unit:
            found = views_reports.total_parts(unit, wanted, figure, currency)
            line = next(
                (one for one in reports.operations(unit, wanted)["totals"] if one["currency"] == currency.code), None
            )
        message = views_text.from_data(
            {"currency": currency.code, "amount": line[figure]} if line else None, portal.currencies
        )
        return render_template(
            "exchange/total.html",
            parts=found,
            parts_sum=Money(sum(one["amount"].minor for one in found), currency),
            total=message or Money(0, currency),
            figure=figure,
            wanted=wanted,
            version=live,
            filled=_filled(wanted),
        )


def _filled(wanted: reports.Filter) -> dict[str, str]:
    """The filter as arguments of an address; an open end of the period stays, so that it is not taken for the default."""
    found = {"from": wanted.start.isoformat() if wanted.start else "", "to": wanted.end.isoformat() if wanted.end else ""}
    names = ("kind", "currency", "place", "manager", "partner", "client")
    return found | {name: getattr(wanted, name) for name in names if getattr(wanted, name)}


# --- report 2: control --------------------------------------------------------------------------------------------------


def _control(pages: Pages, portal: Portal) -> None:
    def run() -> dict[str, Any]:
        wanted = views_asked.filter_from(request.args)
        return control(portal, start=wanted.start, end=wanted.end, kind=wanted.kind)

    @pages.get("/control")
    def control_page() -> str:
        """The frame opens at once and fetches the report itself, which asks the CRM for every deal."""
        wanted = views_asked.filter_from(request.args)
        common = {
            "wanted": wanted, "kinds": KINDS, "filled": _filled(wanted), "version": "",
            "chips": views_asked.period_chips(wanted, portal.clock.now().astimezone(portal.zone).date()),
            "only": request.args.get("only") == "differences",
        }  # fmt: skip
        if request.args.get("run") != "1":
            return render_template("exchange/control.html", data=None, **common)
        data, page = run(), views_asked.page_from(request.args)
        with portal.read() as unit:
            subjects: dict[str, str] = {}
            for row in unit.tx.all("SELECT number, subject FROM exchange_deal"):
                # Two deals of one number (an import's and the CRM's own): better no link than a wrong one.
                subjects[row["number"]] = "" if row["number"] in subjects else row["subject"]
        differs = [row for row in data["rows"] if row["derived"] != row["booked"]]
        rows = differs if common["only"] else differs + [row for row in data["rows"] if row["derived"] == row["booked"]]
        start = (page - 1) * views_reports.ROWS_PER_PAGE
        bare = request.headers.get("X-Annex-Part") == "1"
        return render_template(
            "exchange/control_result.html" if bare else "exchange/control.html", data=data, page=page,
            rows=rows[start : start + views_reports.ROWS_PER_PAGE],
            page_count=_page_count(len(rows), views_reports.ROWS_PER_PAGE), subjects=subjects,
            made=portal.clock.now().astimezone(portal.zone), **common,
        )  # fmt: skip

    @pages.get("/control.json")
    def control_json() -> Response:
        return _json(run())


# --- report 3: contacts -------------------------------------------------------------------------------------------------


def _contacts(pages: Pages, portal: Portal) -> None:
    def today() -> Any:
        return portal.clock.now().astimezone(portal.zone).date()

    @pages.get("/contacts")
    def contacts_page() -> str:
        wanted = views_asked.filter_from(request.args, default=views_asked.months(today())[0])
        sort = request.args.get("sort", "-profit")
        down, by = sort.startswith("-"), sort.removeprefix("-")
        if by not in views_contacts.SORTS:
            raise BadInput.of("not_choice", text=by[:40], choices=", ".join(views_contacts.SORTS), field="sort")
        live = _live()
        with portal.read() as unit:
            data = reports.contacts(unit, wanted)
            rows, offered = views_contacts.sorted_contacts(unit, data, by, down=down), views_reports.choices(unit)
            names = views_text.party_names(unit)
        by_role = {role: [row for row in data["rows"] if row["role"] == role] for role in ("client", "partner")}
        charts = {role: views_contacts.bars(inside) for role, inside in by_role.items()}
        return render_template(
            "exchange/contacts.html", data=data, rows=rows, by=by, down=down, sorts=views_contacts.SORTS, charts=charts,
            wanted=wanted, kinds=("buy", "sell"), offered=offered, names=names, filled=_filled(wanted),
            chips=views_asked.period_chips(wanted, today()), bars_max=views_contacts.BARS_MAX, version=live,
        )  # fmt: skip

    @pages.get("/contacts.json")
    def contacts_json() -> Response:
        with portal.read() as unit:
            return _json(reports.contacts(unit, views_asked.filter_from(request.args)))

    @pages.get("/contacts/<path:key>")
    def contact_page(key: str) -> str:
        live = _live()
        with portal.read() as unit:
            rows = views_contacts.contact_rows(unit, key)
            gone = gone_since(unit.tx, portal.name, "contact", key) is not None
            balances, names = views_contacts.balances_of(unit, key), views_text.party_names(unit)
        if not rows and not balances:
            abort(404)
        month = request.args.get("month", "")
        grouped = views_contacts.by_month(rows, portal.currencies)
        if request.headers.get("X-Annex-Part") == "1":
            inside = next((one for one in grouped if one["month"] == month), None) or abort(404)
            return render_template("exchange/month.html", month=inside, side=_side(portal))
        url = portal.crm.link("contact", key) if any(row["record_id"] for row in rows) else ""
        return render_template(
            "exchange/contact.html", key=key, name=names.get(key, key), months=grouped, balances=balances, url=url,
            opened=month, side=_side(portal), version=live, deleted=gone,
        )  # fmt: skip


def _side(portal: Portal) -> Any:
    return lambda row, name: views_contacts.side_money(row, name, portal.currencies)
