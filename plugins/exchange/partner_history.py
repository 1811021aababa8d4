"""What was done with one partner: their operations, and what these come to per currency and per month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from kernel.extension.portal import Unit
from kernel.values import Currencies, divide, from_micros, to_decimal, to_micros
from plugins.exchange.model import CANCELLED, FROM_PARTNER, TO_PARTNER, Money

CLOSED = "closed"


@dataclass(frozen=True)
class PartnerOperation:
    """One operation of a deal with the partner; amounts that are not known yet are None."""

    record_id: str
    number: str
    url: str
    stage: str
    at: datetime
    pair: str
    manager: str
    takes: Money | None
    gives: Money | None
    turned: Money | None  #: the QUOTE side, of which the margin is taken
    profit: Money | None
    recognised: bool


@dataclass
class Sums:
    """Of several operations, by currency. A profit that is not known makes its sum unknown."""

    deals: set[str] = field(default_factory=set)
    turnover: dict[str, Money] = field(default_factory=dict)
    profit: dict[str, Money | None] = field(default_factory=dict)
    margin: dict[str, Decimal | None] = field(default_factory=dict)  #: percent


def partner_operations(
    unit: Unit, partner_id: str, *, since: datetime | None = None, most: int = 5000
) -> list[PartnerOperation]:
    """The newest first."""
    rows = unit.tx.all(
        "SELECT o.*, d.number AS deal_number, d.url AS url, d.record_id AS record_id FROM exchange_operation AS o "
        "JOIN exchange_deal AS d ON d.subject = o.subject WHERE o.partner IN (:k, :prefixed) AND o.at >= :since "
        "ORDER BY o.at DESC, o.subject, o.position LIMIT :most",
        k=partner_id, prefixed=f"contact:{partner_id}", since=to_micros(since) if since else -(2**62), most=most,
    )  # fmt: skip
    return [_operation(row, unit.portal.currencies, unit) for row in rows]


def open_deals(unit: Unit) -> Mapping[str, frozenset[str]]:
    """By partner: the records of deals with them that are neither closed nor cancelled."""
    rows = unit.tx.all(
        "SELECT DISTINCT o.partner AS partner, d.record_id AS record_id FROM exchange_operation AS o "
        "JOIN exchange_deal AS d ON d.subject = o.subject WHERE o.partner <> '' AND o.stage NOT IN (:closed, :cancelled)",
        closed=CLOSED, cancelled=CANCELLED,
    )  # fmt: skip
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row["partner"].removeprefix("contact:")].add(row["record_id"])
    return {partner: frozenset(records) for partner, records in found.items()}


def sums_of(operations: Iterable[PartnerOperation]) -> Sums:
    """Turnover of what the partner took, and what the desk earned with them; cancelled deals do not count."""
    sums, turned = Sums(), dict[str, int]()
    for one in operations:
        if one.stage == CANCELLED or "/" not in one.pair:
            continue
        sums.deals.add(one.record_id)
        if one.takes is not None:
            code = one.takes.currency.code
            before = sums.turnover.get(code)
            sums.turnover[code] = Money(one.takes.minor + (before.minor if before else 0), one.takes.currency)
        if one.recognised and one.turned is not None:
            code = one.turned.currency.code
            so_far = sums.profit.get(code, Money(0, one.turned.currency))
            known = so_far is not None and one.profit is not None
            sums.profit[code] = Money(so_far.minor + one.profit.minor, one.turned.currency) if known else None  # type: ignore[union-attr]
            turned[code] = turned.get(code, 0) + one.turned.minor
    for code, profit in sums.profit.items():
        sums.margin[code] = _percent(profit, turned[code]) if profit is not None and turned[code] else None
    return sums


def by_month(operations: Sequence[PartnerOperation], months: Collection[str]) -> dict[str, Sums]:
    """By month ("2026-11"); one in which nothing was done stands there with nothing."""
    groups: dict[str, list[PartnerOperation]] = {month: [] for month in months}
    for one in operations:
        if (month := one.at.strftime("%Y-%m")) in groups:
            groups[month].append(one)
    return {month: sums_of(inside) for month, inside in groups.items()}


def _percent(profit: Money, turned: int) -> Decimal:
    share = divide(to_decimal(profit.minor, profit.currency), to_decimal(turned, profit.currency))
    return (100 * share).quantize(Decimal("0.0001"))


def _operation(row: Mapping[str, Any], currencies: Currencies, unit: Unit) -> PartnerOperation:
    def money(name: str) -> Money | None:
        code = row[f"{name}_currency"]
        return Money(row[name], currencies.get(code)) if code and row[name] is not None else None

    code = row["profit_currency"]
    turned = money("gets") if row["gets_currency"] == code else money("gives")
    takes = money("gets") if row["kind"] == TO_PARTNER else money("takes")
    gives = money("gives") if row["kind"] == FROM_PARTNER else money("pays")
    return PartnerOperation(
        row["record_id"], row["deal_number"], row["url"], row["stage"], from_micros(row["at"], unit.portal.zone),
        row["pair"], row["manager"], takes, gives, turned, money("profit"), bool(row["recognised"]),
    )  # fmt: skip
