"""Report 1 (operations) and report 3 (contacts), from the plugin's tables and the books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from kernel.crm.gone import gone_ids
from kernel.extension.portal import Unit
from kernel.storage import Row, Tx
from kernel.values import Currencies, day_start, divide, format_minor, from_micros, plain, to_decimal, to_micros
from plugins.exchange.accounts import LEGS
from plugins.exchange.deleted import deleted_cards
from plugins.exchange.figures import chain_line, figures, profits
from plugins.exchange.model import CANCELLED, Money
from plugins.exchange.rates import format_rate
from plugins.exchange.settings import ExchangeSettings
from plugins.exchange.store import load_deal

SUBJECTS_PER_QUERY = 400


@dataclass(frozen=True)
class Filter:
    """What a report shows: days from `start` to `end`, both included, and whatever else is given."""

    start: date | None = None
    end: date | None = None
    kind: str = ""
    currency: str = ""
    place: str = ""
    manager: str = ""
    partner: str = ""
    client: str = ""

    def bounds(self, zone: ZoneInfo) -> tuple[int, int]:
        """Microseconds: from the first moment included to the first one excluded."""
        low = to_micros(day_start(self.start, zone)) if self.start else -(2**62)
        high = to_micros(day_start(self.end + timedelta(days=1), zone)) if self.end else 2**62
        return low, high


def operation_rows(tx: Tx, wanted: Filter, zone: ZoneInfo) -> list[Row]:
    """Rows of exchange_operation with the deal's number and address, oldest first."""
    low, high = wanted.bounds(zone)
    sql = (
        "SELECT o.*, d.number AS deal_number, d.url, d.record_id, CASE WHEN g.id IS NULL THEN 0 ELSE 1 END AS deleted "
        "FROM exchange_operation o JOIN exchange_deal d ON d.subject = o.subject LEFT JOIN crm_gone g "
        "ON g.portal = d.portal AND g.entity = 'deal' AND g.id = d.record_id WHERE o.at >= :low AND o.at < :high"
    )
    values: dict[str, Any] = {"low": low, "high": high}
    for name in ("kind", "place", "manager"):
        if value := getattr(wanted, name):
            sql += f" AND o.{name} = :{name}"
            values[name] = value
    for name in ("partner", "client"):
        if value := getattr(wanted, name):
            sql += f" AND (o.{name} = :{name} OR o.{name}_name = :{name})"
            values[name] = value
    if wanted.currency:
        sql += " AND (o.gives_currency = :currency OR o.gets_currency = :currency)"
        values["currency"] = wanted.currency
    return tx.all(sql + " ORDER BY o.at, o.subject, o.position", **values)


def operations(unit: Unit, wanted: Filter) -> dict[str, Any]:
    """Report 1 in the shape of the interfaces."""
    portal, settings = unit.portal, unit.portal.settings("exchange", ExchangeSettings)
    rows = operation_rows(unit.tx, wanted, portal.zone)
    return {
        "from": wanted.start.isoformat() if wanted.start else None,
        "to": wanted.end.isoformat() if wanted.end else None,
        "rows": [_operation(row, portal.currencies, portal.zone) for row in rows],
        "chains": _chains(unit, rows, settings.merge_from),
        "totals": _totals(unit.tx, rows, portal.currencies),
    }


def _money(row: Mapping[str, Any], name: str, currencies: Currencies) -> dict[str, str] | None:
    if row[name] is None:
        return None
    return Money(row[name], currencies.get(row[f"{name}_currency"])).data()


def _operation(row: Mapping[str, Any], currencies: Currencies, zone: ZoneInfo) -> dict[str, Any]:
    report = None
    if row["reported"] is not None:
        report = Money(row["reported"], currencies.get(row["reported_currency"])).data()
        report |= {"rate": row["reported_rate"], "source": row["reported_source"]}
    found: dict[str, Any] = {
        "deal": row["deal_number"],
        "op": row["number"],
        "at": from_micros(row["at"], zone).isoformat(),
        "kind": row["kind"],
        "pair": row["pair"],
        "stage": row["stage"],
        "client": row["client_name"] or None,
        "partner": row["partner_name"] or None,
        "manager": row["manager"] or None,
        "place": row["place"],
        "gives": _money(row, "gives", currencies),
        "gets": _money(row, "gets", currencies),
        "partner_takes": _money(row, "takes", currencies),
        "partner_gives": _money(row, "pays", currencies),
        "client_rate": row["client_rate"] or None,
        "partner_rate": row["partner_rate"] or None,
        "profit": _money(row, "profit", currencies),
        "recognised": bool(row["recognised"]),
        "profit_reported": report,
        "subject": row["subject"],
        "url": row["url"] or None,
        "deleted": bool(row["deleted"]),
    }
    for name in ("commission", "network_fee"):
        found[name] = None
        if row[name] and row["gets_currency"]:
            found[name] = Money(row[name], currencies.get(row["gets_currency"])).data()
    return found


def _chains(unit: Unit, rows: Sequence[Mapping[str, Any]], merge_from: int) -> list[dict[str, Any]]:
    found = []
    for subject in _chained(unit.tx, list(dict.fromkeys(row["subject"] for row in rows if "/" in row["pair"])), merge_from):
        deal = load_deal(unit.tx, subject)
        if deal is None or len(deal.exchanges) < merge_from:
            continue
        parts = [figures(op) for op in deal.exchanges]
        line = chain_line(parts)
        found.append(
            {
                "deal": deal.number,
                "first": line.first.data(),
                "last": line.last.data(),
                "rate": plain(line.rate),
                "profit": [
                    {"currency": c.code, "amount": None if minor is None else format_minor(minor, c)}
                    for c, minor in profits(deal, parts)
                ],
                "subject": subject,
            }
        )
    return found


def _chained(tx: Tx, subjects: Sequence[str], merge_from: int) -> list[str]:
    """Those of the deals that have so many exchanges: most have one, and need not be read."""
    found = set()
    for marks, names in _in_parts(subjects):
        found |= {
            row["subject"]
            for row in tx.all(
                f"SELECT subject FROM exchange_operation WHERE subject IN ({marks}) AND pair LIKE '%/%' "
                "GROUP BY subject HAVING COUNT(*) >= :least",
                least=merge_from, **names,
            )
        }  # fmt: skip
    return [subject for subject in subjects if subject in found]


def _totals(tx: Tx, rows: Sequence[Mapping[str, Any]], currencies: Currencies) -> list[dict[str, str]]:
    """Per currency: profit that the books recognise, and what came into and left the desk by these operations."""
    sums: dict[str, dict[str, int]] = defaultdict(
        lambda: {"profit": 0, "in": 0, "out": 0, "commission": 0, "network_fee": 0}
    )
    wanted = {(row["subject"], row["op"]) for row in rows}
    for row in rows:
        if row["recognised"]:
            if row["profit"] is not None:
                sums[row["profit_currency"]]["profit"] += row["profit"]
            if row["gets_currency"]:
                sums[row["gets_currency"]]["commission"] += row["commission"]
                sums[row["gets_currency"]]["network_fee"] += row["network_fee"]
    for leg in _moved(tx, sorted({row["subject"] for row in rows})):
        if (leg["subject"], leg["op"]) in wanted:
            amount = int(leg["amount"])
            sums[leg["currency"]][leg["flow"]] += amount if leg["flow"] == "in" else -amount
    return [
        {"currency": code} | {name: format_minor(minor, currencies.get(code)) for name, minor in sums[code].items()}
        for code in sorted(sums)
    ]


def _moved(tx: Tx, subjects: Sequence[str]) -> Iterable[Mapping[str, Any]]:
    for marks, names in _in_parts(subjects):
        yield from tx.all(
            f"SELECT subject, op, currency, flow, SUM(amount) AS amount FROM {LEGS} AS l WHERE account = 'place' "
            f"AND flow <> '' AND subject IN ({marks}) GROUP BY subject, op, currency, flow",
            **names,
        )


def _in_parts(subjects: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Marks and values for IN (…), some hundred at a time."""
    for start in range(0, len(subjects), SUBJECTS_PER_QUERY):
        names = {f"s{i}": subject for i, subject in enumerate(subjects[start : start + SUBJECTS_PER_QUERY])}
        yield ", ".join(f":{mark}" for mark in names), names


# --- report 3 -------------------------------------------------------------------------------------------------------


def contacts(unit: Unit, wanted: Filter) -> dict[str, Any]:
    """Who earns: per client and partner the deals, operations, turnover, profit, average margin, last contact."""
    portal = unit.portal
    report = portal.currencies.get(portal.settings("exchange", ExchangeSettings).report_currency)
    people: dict[tuple[str, str], _Contact] = {}
    for row in operation_rows(unit.tx, wanted, portal.zone):
        if "/" not in row["pair"] or row["stage"] == CANCELLED:
            continue
        for role in ("client", "partner"):
            if row[role]:
                person = people.setdefault((role, row[role]), _Contact(row[role], role))
                person.add(row, role)
    gone = gone_ids(unit.tx, portal.name, "contact")
    found = [
        {**person.data(portal.currencies, report.code, portal.zone), "deleted": person.key in gone}
        for person in people.values()
    ]
    found.sort(key=lambda one: (-Decimal(one["profit_reported"] or "0"), one["contact"]))
    return {
        "from": wanted.start.isoformat() if wanted.start else None,
        "to": wanted.end.isoformat() if wanted.end else None,
        "report_currency": report.code,
        "rows": found,
        "deleted": [
            {"contact": name, "key": key, "amounts": [one.data() for one in held]} for key, name, held in deleted_cards(unit)
        ],
    }


class _Contact:
    def __init__(self, key: str, role: str) -> None:
        self.key, self.role, self.name = key, role, key
        self.deals: dict[str, str] = {}
        self.operations = 0
        self.turnover: dict[str, int] = defaultdict(int)
        self.profit: dict[str, int | None] = {}
        self.quoted: dict[str, int] = defaultdict(int)  #: QUOTE turnover of operations whose profit is known
        self.reported: int | None = 0
        self.last_at = 0

    def add(self, row: Mapping[str, Any], role: str) -> None:
        self.name = row[f"{role}_name"] or self.name
        self.deals[row["subject"]] = row["deal_number"]
        self.operations += 1
        gave = "gives" if role == "client" else "takes"
        if row[gave] is not None:
            self.turnover[row[f"{gave}_currency"]] += row[gave]
        self.last_at = max(self.last_at, row["at"])
        if not row["recognised"]:
            return
        code = row["profit_currency"]
        so_far = self.profit.get(code, 0)
        self.profit[code] = None if row["profit"] is None or so_far is None else so_far + row["profit"]
        if row["profit"] is not None:
            side = "gets" if row["gets_currency"] == code else "gives"
            self.quoted[code] += row[side]
        if row["reported"] is None or self.reported is None:
            self.reported = None
        else:
            self.reported += row["reported"]

    def data(self, currencies: Currencies, report: str, zone: ZoneInfo) -> dict[str, Any]:
        margins = []
        for code, minor in self.profit.items():
            currency, turned = currencies.get(code), self.quoted[code]
            margin = None
            if minor is not None and turned:
                margin = format_rate(
                    100 * divide(to_decimal(minor, currency), to_decimal(turned, currency)).quantize(Decimal("1e-6"))
                )
            margins.append({"currency": code, "percent": margin})
        return {
            "contact": self.name,
            "key": self.key,
            "role": self.role,
            "deals": len(self.deals),
            "deal_numbers": list(self.deals.values()),
            "operations": self.operations,
            "turnover": [Money(m, currencies.get(c)).data() for c, m in sorted(self.turnover.items())],
            "profit": [
                {"currency": c, "amount": None if m is None else format_minor(m, currencies.get(c))}
                for c, m in sorted(self.profit.items())
            ],
            "profit_reported": None if self.reported is None else format_minor(self.reported, currencies.get(report)),
            "margin": margins,
            "last_at": from_micros(self.last_at, zone).isoformat() if self.last_at else None,
        }
