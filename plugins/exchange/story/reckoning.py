"""The demo's verdict on an exchange desk: do books, board, control report, fields and our own reckoning agree?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from kernel.testing.demo import Desk, Result
from plugins.exchange.story.plans import Plan, expected_held, expected_profit


def check_all(desk: Desk, plans: Sequence[Plan]) -> list[Result]:
    """Each check with what is wrong, if anything is."""
    return [
        _verified(desk),
        _board_is_whole(desk),
        _control_agrees(desk),
        _as_meant(desk, plans),
        _fields_agree(desk.office, plans),
    ]


def _verified(desk: Desk) -> Result:
    code, output = desk.annex("verify")
    return "verify: hash chain, zero sums, rebuild from zero", output if code else ""


def _board_is_whole(desk: Desk) -> Result:
    name = "board: held = own + owed + custody in every currency, rows add up to totals"
    board = json.loads(desk.annex("board", "--json")[1])
    for line in [*board["rows"], *board["totals"]]:
        held, parts = Fraction(line["held"]), sum(Fraction(line[part]) for part in ("own", "owed", "custody"))
        if held != parts:
            return name, f"{line['currency']}: {held} is not {parts}"
    for total in board["totals"]:
        rows = [row for row in board["rows"] if row["currency"] == total["currency"]]
        for column in ("held", "own", "owed", "custody", "in_today", "out_today", "pending_in", "pending_out"):
            if sum(Fraction(row[column]) for row in rows) != Fraction(total[column]):
                return name, f"{column} of {total['currency']} does not add up"
    return name, ""


def _control_agrees(desk: Desk) -> Result:
    code, output = desk.annex("report", "control", "--json")
    report = json.loads(output)
    name = f"control report: {len(report['rows'])} figures derived again from the CRM, difference 0"
    return name, f"{report['differences']} differences" if code else ""


def _as_meant(desk: Desk, plans: Sequence[Plan]) -> Result:
    name = "the demo's own reckoning of what staff meant = what the board holds"
    board = json.loads(desk.annex("board", "--json")[1])
    held = {total["currency"]: Fraction(total["held"]) for total in board["totals"] if Fraction(total["held"])}
    wanted = expected_held(plans)
    wrong = [
        f"{code}: board {held.get(code, 0)}, meant {wanted.get(code, 0)}"
        for code in sorted({*held, *wanted})
        if held.get(code, Fraction(0)) != wanted.get(code, Fraction(0))
    ]
    return name, "; ".join(wrong)


def _fields_agree(office: Any, plans: Sequence[Plan]) -> Result:
    deals = {int(deal["id"]): deal for deal in office.deals()}
    wrong = []
    for plan in plans:
        if plan.stage != deals[plan.task]["status"]["name"]:
            wrong.append(f"{plan.task} ({plan.case}): stage {deals[plan.task]['status']['name']}, meant {plan.stage}")
        if not plan.trades:
            continue
        shown = amounts(str(office.field_of(deals[plan.task], "Прибуток") or ""))
        if shown != expected_profit(plan):
            wrong.append(f"{plan.task} ({plan.case}): profit shown {shown}, meant {expected_profit(plan)}")
        if not deals[plan.task].get("counterparty"):
            wrong.append(f"{plan.task}: no client's card")
        if not office.field_of(deals[plan.task], "Менеджер"):
            wrong.append(f"{plan.task}: no manager")
    return f"CRM fields of {len(plans)} deals: stage, profit, client's card, manager", "; ".join(wrong[:5])


def amounts(text: str) -> dict[str, Any]:
    """What a field shows: "12.30 USD; — EUR" by currency."""
    found: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        number, _, code = part.rpartition(" ")
        plain = number.replace(" ", "").replace("\u00a0", "").replace(",", ".")
        found[code] = None if plain == "—" else Fraction(plain)
    return found
