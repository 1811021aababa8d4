"""The demo's verdict: do books, board, control report, CRM fields and the demo's own reckoning agree?"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

from app.cli.demo.processes import Processes
from app.cli.demo.story import Plan, expected_held, expected_profit
from kernel.storage import Database


def print_tables(processes: Processes) -> None:
    """The board and the three reports, as `annex` prints them."""
    for title, arguments in (
        ("Board «Табло»", ("board",)),
        ("Report 1: operations", ("report", "operations")),
        ("Report 2: control", ("report", "control")),
        ("Report 3: contacts", ("report", "contacts")),
    ):
        done = processes.annex(*arguments)
        print(f"\n── {title} " + "─" * 60 + f"\n{done.stdout.rstrip()}{done.stderr.rstrip()}", flush=True)


def check_all(processes: Processes, office: Any, plans: list[Plan], database: Database, limit_kept: tuple[str, str]) -> bool:
    """Each check printed with its result; true only if all are well."""
    results = [
        _verified(processes),
        _board_is_whole(processes),
        _control_agrees(processes),
        _as_meant(processes, plans),
        _fields_agree(office, plans),
        nothing_failed(database),
        limit_kept,
    ]
    return print_checks(results)


def print_checks(results: list[Result]) -> bool:
    """Each check with its result; true only if all are well."""
    print("\n── Checks " + "─" * 60)
    for name, problem in results:
        print(f"{'✗' if problem else '✓'} {name}{': ' + problem if problem else ''}")
    return not any(problem for _, problem in results)


Result = tuple[str, str]


def _verified(processes: Processes) -> Result:
    done = processes.annex("verify")
    return "verify: hash chain, zero sums, rebuild from zero", "" if done.returncode == 0 else done.stdout + done.stderr


def _board_is_whole(processes: Processes) -> Result:
    name = "board: held = own + owed + custody in every currency, rows add up to totals"
    board = json.loads(processes.annex("board", "--json").stdout)
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


def _control_agrees(processes: Processes) -> Result:
    done = processes.annex("report", "control", "--json")
    report = json.loads(done.stdout)
    name = f"control report: {len(report['rows'])} figures derived again from the CRM, difference 0"
    return name, "" if done.returncode == 0 else f"{report['differences']} differences"


def _as_meant(processes: Processes, plans: list[Plan]) -> Result:
    name = "the demo's own reckoning of what staff meant = what the board holds"
    board = json.loads(processes.annex("board", "--json").stdout)
    held = {total["currency"]: Fraction(total["held"]) for total in board["totals"] if Fraction(total["held"])}
    wanted = expected_held(plans)
    wrong = [
        f"{code}: board {held.get(code, 0)}, meant {wanted.get(code, 0)}"
        for code in sorted({*held, *wanted})
        if held.get(code, Fraction(0)) != wanted.get(code, Fraction(0))
    ]
    return name, "; ".join(wrong)


def _fields_agree(office: Any, plans: list[Plan]) -> Result:
    deals = {int(deal["id"]): deal for deal in office.deals()}
    wrong = []
    for plan in plans:
        if plan.stage != deals[plan.task]["status"]["name"]:
            wrong.append(f"{plan.task} ({plan.case}): stage {deals[plan.task]['status']['name']}, meant {plan.stage}")
        if not plan.trades:
            continue
        shown = _amounts(str(office.field_of(deals[plan.task], "Прибуток") or ""))
        if shown != expected_profit(plan):
            wrong.append(f"{plan.task} ({plan.case}): profit shown {shown}, meant {expected_profit(plan)}")
        if not deals[plan.task].get("counterparty"):
            wrong.append(f"{plan.task}: no client's card")
        if not office.field_of(deals[plan.task], "Менеджер"):
            wrong.append(f"{plan.task}: no manager")
    return f"CRM fields of {len(plans)} deals: stage, profit, client's card, manager", "; ".join(wrong[:5])


def _amounts(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        number, _, code = part.rpartition(" ")
        plain = number.replace(" ", "").replace("\u00a0", "").replace(",", ".")
        found[code] = None if plain == "—" else Fraction(plain)
    return found


def nothing_failed(database: Database) -> Result:
    with database.read() as tx:
        deliveries = tx.value("SELECT COUNT(*) FROM inbox WHERE state = 'failed'")
        calls = tx.all("SELECT verb, lane, reason FROM outgoing WHERE state = 'failed'")
    told = "; ".join(f"{call['verb']} {call['lane']}: {call['reason']}" for call in calls[:3])
    return (
        "no delivery and no call failed for good",
        f"{deliveries} deliveries, {len(calls)} calls: {told}" if deliveries or calls else "",
    )
