"""What the desk adds to the command line: board, report, import operations, rates."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from kernel.errors import BadInput
from kernel.extension.portal import Portal
from kernel.values import parse_day, parse_moment
from plugins.exchange import history, rate_list, reports
from plugins.exchange.board import board
from plugins.exchange.control import control
from plugins.exchange.model import KINDS

SHOWN = ("held", "own", "owed", "custody", "in_today", "out_today", "pending_in", "pending_out", "profit")


def board_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at", help="as of a past moment: 2026-11-21T18:00, in the desk's zone unless it has an offset")
    parser.add_argument("--json", action="store_true")


def run_board(portal: Portal, args: argparse.Namespace) -> int:
    moment = parse_moment(args.at, portal.zone) if args.at else None
    with portal.read() as unit:
        found = board(unit, moment)
    if args.json:
        return _json(found.data())
    data = found.data()
    print(f"as of {data['as_of']}")
    print(table(["currency", "place", *SHOWN], [[r["currency"], r["place"], *(r[c] for c in SHOWN)] for r in data["rows"]]))
    print(table(["total", *SHOWN], [[r["currency"], *(r[c] for c in SHOWN)] for r in data["totals"]]))
    for column, worth in data["worth"].items():
        message = worth["amount"] or f"— (no rate for {', '.join(worth['no_rate'])})"
        print(f"{column} in {data['report_currency']}: {message}")
    for row in data["below_zero"]:
        print(f"below zero: {row['place']} holds {row['held']} {row['currency']}")
    return 0


def report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", choices=["operations", "control", "contacts"])
    parser.add_argument("--from", dest="start", help="first day")
    parser.add_argument("--to", dest="end", help="last day")
    parser.add_argument("--kind", choices=KINDS, default="")
    for name in ("currency", "place", "manager", "partner", "client"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--json", action="store_true")


def run_report(portal: Portal, args: argparse.Namespace) -> int:
    start = parse_day(args.start) if args.start else None
    end = parse_day(args.end) if args.end else None
    if args.name == "control":
        found = control(portal, start=start, end=end, kind=args.kind)
        _json(found) if args.json else print(control_table(found))
        return 1 if found["differences"] else 0
    wanted = _filter(args, start, end)
    with portal.read() as unit:
        found = (reports.operations if args.name == "operations" else reports.contacts)(unit, wanted)
    if args.json:
        return _json(found)
    print((operations_table if args.name == "operations" else contacts_table)(found))
    return 0


def _filter(args: argparse.Namespace, start: date | None, end: date | None) -> reports.Filter:
    return reports.Filter(start, end, args.kind, args.currency.upper(), args.place, args.manager, args.partner, args.client)


def import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["operations"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be imported, and every bad row")
    parser.add_argument("--correct", action="store_true", help="rows known with other values correct what was imported")
    parser.add_argument("--json", action="store_true")


def run_import(portal: Portal, args: argparse.Namespace) -> int:
    progress = _progress() if sys.stderr.isatty() else None
    result = history.import_file(portal, args.file, dry_run=args.dry_run, correct=args.correct, progress=progress)
    data = result.data()
    if args.json:
        _json(data)
    else:
        for bad in data["bad"]:
            print(f"line {bad['line']}, {bad['column']}: «{bad['value']}»: {bad['reason']}", file=sys.stderr)
        for warning in data["warnings"]:
            print(f"warning: {warning}", file=sys.stderr)
        if moments := data["below_zero"]["moments"]:
            print(f"warning: money left a place that did not hold it, {moments} times; the first:", file=sys.stderr)
            for one in data["below_zero"]["first"]:
                where = f"{one['at']} deal {one['deal']}, op {one['op']}: {one['place']}"
                print(f"  {where} held {one['held']} {one['currency']}", file=sys.stderr)
        verdict = "nothing imported" if data["bad"] else ("would import" if args.dry_run else "imported")
        print(
            f"{data['rows']} rows: {verdict}: {data['imported']} new, {data['unchanged']} unchanged, {len(data['bad'])} bad"
        )
    return 2 if data["bad"] else 0


def _progress() -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        print(f"\r{done}/{total}", end="" if done < total else "\n", file=sys.stderr, flush=True)

    return show


def rates_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["import"])
    parser.add_argument("file", type=Path, help="CSV: day, base, quote, rate (QUOTE per one BASE), source")


def run_rates(portal: Portal, args: argparse.Namespace) -> int:
    if not args.file.is_file():
        raise BadInput(f"{args.file} is not a file")
    new = rate_list.keep_rates(portal, rate_list.read_rates(args.file, portal.currencies))
    print(f"{new} rates are new or changed")
    return 0


# --- tables for people ------------------------------------------------------------------------------------------------


def _json(data: Mapping[str, Any]) -> int:
    print(json.dumps(data, ensure_ascii=False, indent=2))
    return 0


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns by width; numbers to the right."""
    cells = [[("—" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max(len(head[i]), *(len(row[i]) for row in cells)) if cells else len(head[i]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        return "  ".join(
            cell.rjust(width) if _is_number(cell) else cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()

    return "\n".join([line(head), "  ".join("─" * width for width in widths), *(line(row) for row in cells)])


def _is_number(cell: str) -> bool:
    return cell == "—" or cell.lstrip("-").split(" ")[0].replace(".", "", 1).isdigit()


def _amount(money: Mapping[str, str | None] | None) -> str | None:
    return None if money is None else f"{'—' if money['amount'] is None else money['amount']} {money['currency']}"


def operations_table(data: Mapping[str, Any]) -> str:
    rows = [
        [
            r["deal"], r["op"], r["at"][:16], r["kind"], r["pair"], r["stage"], r["client"] or "", _amount(r["gives"]),
            _amount(r["gets"]), _amount(r["partner_gives"]), _amount(r["profit"]),
        ]
        for r in data["rows"]
    ]  # fmt: skip
    head = ["deal", "op", "at", "kind", "pair", "stage", "client", "gives", "gets", "partner gives", "profit"]
    message = [table(head, rows)]
    if data["chains"]:
        lines = [
            [c["deal"], _amount(c["first"]), _amount(c["last"]), c["rate"], "; ".join(str(_amount(p)) for p in c["profit"])]
            for c in data["chains"]
        ]
        message.append(table(["chain", "first", "last", "rate", "profit"], lines))
    names = ["currency", "profit", "in", "out"]
    message.append(table(names, [[t[n] for n in names] for t in data["totals"]]))
    return "\n\n".join(message)


def contacts_table(data: Mapping[str, Any]) -> str:
    rows = [
        [
            r["contact"], r["role"], r["deals"], r["operations"], "; ".join(str(_amount(m)) for m in r["turnover"]),
            "; ".join(str(_amount(m)) for m in r["profit"]), r["profit_reported"], (r["last_at"] or "")[:10],
        ]
        for r in data["rows"]
    ]  # fmt: skip
    profit = f"profit, {data['report_currency']}"
    return table(["contact", "role", "deals", "operations", "turnover", "profit", profit, "last"], rows)


def control_table(data: Mapping[str, Any]) -> str:
    head = ["deal", "op", "figure", "currency", "derived", "booked", "difference"]
    wrong = [row for row in data["rows"] if row["derived"] != row["booked"]]
    message = [table(head, [[row[name] for name in head] for row in wrong])] if wrong else []
    message.append(f"{len(data['rows'])} figures derived again, {data['differences']} differences")
    return "\n".join(message)
