"""The report on contacts: its order and its chart, and one contact's operations, months and balances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from kernel.extension.portal import Unit
from kernel.values import Currencies, from_micros, to_decimal
from plugins.exchange.accounts import BALANCES
from plugins.exchange.model import Money
from plugins.exchange.rates import Rates
from plugins.exchange.reports import Filter, operation_rows
from plugins.exchange.settings import ExchangeSettings
from plugins.exchange.views_text import from_data

SORTS = ("contact", "role", "deals", "operations", "turnover", "profit", "margin", "last")
BARS_MAX = 20


def sorted_contacts(unit: Unit, data: Mapping[str, Any], by: str, *, down: bool) -> list[dict[str, Any]]:
    """The report's rows in the order asked for; what has no such figure comes last, either way."""
    portal = unit.portal
    settings = portal.settings("exchange", ExchangeSettings)
    rates = Rates.load(unit.tx, days_max=settings.rate_days)
    report, today = portal.currencies.get(settings.report_currency), unit.now.astimezone(portal.zone).date()

    def turnover(row: Mapping[str, Any]) -> Decimal | None:
        worth = [
            rates.value(one, report, today) for one in (from_data(d, portal.currencies) for d in row["turnover"]) if one
        ]
        known = [to_decimal(one.money.minor, report) for one in worth if one is not None]
        return sum(known, Decimal(0)) if known else None

    def margin(row: Mapping[str, Any]) -> Decimal | None:
        known = [Decimal(one["percent"]) for one in row["margin"] if one["percent"] is not None]
        return max(known) if known else None

    keys: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "contact": lambda row: row["contact"].casefold(),
        "role": lambda row: row["role"],
        "deals": lambda row: row["deals"],
        "operations": lambda row: row["operations"],
        "turnover": turnover,
        "profit": lambda row: None if row["profit_reported"] is None else Decimal(row["profit_reported"]),
        "margin": margin,
        "last": lambda row: row["last_at"],
    }
    key = keys[by]
    known = [(key(row), row) for row in data["rows"]]
    having = sorted((pair for pair in known if pair[0] is not None), key=lambda pair: pair[0], reverse=down)
    return [row for _, row in having] + [row for value, row in known if value is None]


def bars(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The chart: contacts by profit in the report currency, the largest first, each with its share of a common scale."""
    known = [(Decimal(row["profit_reported"]), row) for row in rows if row["profit_reported"] is not None]
    known = sorted((pair for pair in known if pair[0]), key=lambda pair: -abs(pair[0]))[:BARS_MAX]
    known.sort(key=lambda pair: -pair[0])
    if not known:
        return []
    high, low = max(Decimal(0), known[0][0]), min(Decimal(0), known[-1][0])
    span = high - low
    zero = 100 * -low / span
    found = []
    for value, row in known:
        width = max(Decimal("0.4"), 100 * abs(value) / span)
        left = zero if value > 0 else zero - width
        found.append({
            "row": row, "value": row["profit_reported"], "loss": value < 0, "x": f"{max(Decimal(0), left):.3f}",
            "width": f"{width:.3f}", "zero": f"{zero:.3f}",
        })  # fmt: skip
    return found


def contact_rows(unit: Unit, key: str) -> list[Mapping[str, Any]]:
    """All operations in which they took part, newest first, each with the role they had."""
    zone, seen = unit.portal.zone, set()
    found: list[dict[str, Any]] = []
    for role, wanted in (("client", Filter(client=key)), ("partner", Filter(partner=key))):
        for row in operation_rows(unit.tx, wanted, zone):
            if row[role] == key and (row["subject"], row["op"]) not in seen:
                seen.add((row["subject"], row["op"]))
                found.append({**row, "role": role, "local": from_micros(row["at"], zone)})
    return sorted(found, key=lambda row: (-row["at"], row["subject"], row["position"]))


def by_month(rows: Sequence[Mapping[str, Any]], currencies: Currencies) -> list[dict[str, Any]]:
    """Operations by month, newest first, with turnover and recognised profit per currency."""
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["local"].strftime("%Y-%m")].append(row)
    found = []
    for month, inside in groups.items():
        turnover: dict[str, int] = defaultdict(int)
        profit: dict[str, int | None] = {}
        for row in inside:
            side = "takes" if row["role"] == "partner" else "gives"
            if row[side] is not None and row["stage"] != "cancelled":
                turnover[row[f"{side}_currency"]] += row[side]
            if row["recognised"] and row["profit_currency"]:
                so_far = profit.get(row["profit_currency"], 0)
                known = so_far is not None and row["profit"] is not None
                profit[row["profit_currency"]] = so_far + row["profit"] if known else None
        found.append({
            "month": month, "rows": inside, "deals": len({row["subject"] for row in inside}),
            "turnover": [Money(minor, currencies.get(code)) for code, minor in sorted(turnover.items())],
            "profit": [(code, None if m is None else Money(m, currencies.get(code))) for code, m in sorted(profit.items())],
        })  # fmt: skip
    return found


def side_money(row: Mapping[str, Any], side: str, currencies: Currencies) -> Money | None:
    if row[side] is None:
        return None
    return Money(row[side], currencies.get(row[f"{side}_currency"]))


def balances_of(unit: Unit, key: str) -> list[tuple[str, Money]]:
    """Figure of the board and amount, for what the desk owes them, keeps for them, or has lying with them."""
    figures = {"client": ("owed", -1), "custody": ("custody", -1), "partner": ("with_partners", 1)}
    rows = unit.tx.all(
        f"SELECT account, currency, SUM(amount) AS amount FROM {BALANCES} AS b WHERE party = :k AND account IN "
        "('client', 'custody', 'partner') GROUP BY account, currency HAVING SUM(amount) <> 0 ORDER BY account, currency",
        k=key,
    )
    found = []
    for row in rows:
        figure, sign = figures[row["account"]]
        found.append((figure, Money(sign * int(row["amount"]), unit.portal.currencies.get(row["currency"]))))
    return found
