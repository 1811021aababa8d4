"""The figures of an operation and of a deal, exact. Pure: values in, values out.

Let a = amount in BASE, Rc = the client's rate, Rp = the partner's. Each amount is rounded once, half-even, to its
currency's scale; profit is the difference of rounded amounts, so no view can lose a cent that another one shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from kernel.errors import Refused
from kernel.values import Currency, divide, multiply, over, plain, times, to_decimal
from plugins.exchange.model import BUY, Deal, Money, Operation

PERCENT = Decimal(100)
_KEPT = "_figures"


class Working(NamedTuple):
    """How one amount came about: formula with its numbers, the exact result, and what it was rounded to."""

    what: str  #: "base", "client_quote", "partner_quote", "commission"
    amount: Money
    by: str  #: "×" or "÷"
    rate: Decimal
    exact: Decimal
    rounded: Money
    unit: str = ""

    @property
    def formula(self) -> str:
        return f"{self.amount} {self.by} {plain(self.rate)}{self.unit}"

    def data(self) -> dict[str, str]:
        return {"what": self.what, "formula": self.formula, "exact": plain(self.exact), "rounded": str(self.rounded)}


@dataclass(frozen=True)
class Figures:
    """What one buying or selling comes to. Without a partner's rate their QUOTE side and the profit are unknown (None)."""

    gives: Money
    gets: Money
    partner_takes: Money | None
    partner_gives: Money | None
    profit: Money | None
    commission: Money  #: taken from what the client gets
    network_fee: Money  #: paid by the desk

    @property
    def due(self) -> Money:
        """What the client is owed by this operation: what they get, less the commission."""
        return Money(self.gets.minor - self.commission.minor, self.gets.currency)

    @property
    def partner_known(self) -> bool:
        return self.partner_takes is not None and self.partner_gives is not None


def compute(op: Operation) -> Figures:
    """The figures of a buying or selling, worked out anew: for who meets each operation once."""
    assert op.pair is not None and op.client_rate is not None and op.is_exchange
    base, quote = op.pair.base, op.pair.quote
    if op.amount_in == base:
        in_base = Money(op.amount, base)
        in_quote = Money(times(op.amount, base, op.client_rate, quote), quote)
    else:
        in_quote = Money(op.amount, quote)
        in_base = Money(over(op.amount, quote, op.client_rate, base), base)
    partner_quote = profit = None
    if op.partner_rate is not None:
        partner_quote = Money(times(in_base.minor, base, op.partner_rate, quote), quote)
        sign = 1 if op.kind == BUY else -1
        profit = Money(sign * (partner_quote.minor - in_quote.minor), quote)
    if op.kind == BUY:
        gives, gets = in_base, in_quote
        partner: tuple[Money | None, Money | None] = (in_base, partner_quote)
    else:
        gives, gets, partner = in_quote, in_base, (partner_quote, in_base)
    commission = _commission(op, gets)
    return Figures(gives, gets, *partner, profit, commission, Money(op.network_fee or 0, gets.currency))


def workings(op: Operation) -> tuple[Working, ...]:
    """How the amounts of a buying or selling came about, for who wants to see it."""
    assert op.pair is not None and op.client_rate is not None
    part, base, quote, found = figures(op), op.pair.base, op.pair.quote, list[Working]()
    buys = op.kind == BUY
    in_base, in_quote = (part.gives, part.gets) if buys else (part.gets, part.gives)
    partner_quote = part.partner_gives if buys else part.partner_takes

    def times_rate(what: str, rate: Decimal, rounded: Money) -> None:
        found.append(Working(what, in_base, "×", rate, multiply(to_decimal(in_base.minor, base), rate), rounded))

    if op.amount_in == base:
        times_rate("client_quote", op.client_rate, in_quote)
    else:
        exact = divide(to_decimal(op.amount, quote), op.client_rate)
        found.append(Working("base", in_quote, "÷", op.client_rate, exact, in_base))
    if op.partner_rate is not None and partner_quote is not None:
        times_rate("partner_quote", op.partner_rate, partner_quote)
    if op.commission_percent:
        exact = divide(multiply(to_decimal(part.gets.minor, part.gets.currency), op.commission_percent), PERCENT)
        rounded = Money(part.commission.minor - (op.commission_fixed or 0), part.gets.currency)
        found.append(Working("commission", part.gets, "×", op.commission_percent, exact, rounded, " %"))
    return tuple(found)


def figures(op: Operation) -> Figures:
    """The same, kept with the operation, which never changes: postings, tables and pages ask one after the other."""
    kept = vars(op)
    found: Figures | None = kept.get(_KEPT)
    if found is None:
        found = kept[_KEPT] = compute(op)
    return found


def _commission(op: Operation, gets: Money) -> Money:
    total = op.commission_fixed or 0
    if op.commission_percent:
        total += times(gets.minor, gets.currency, divide(op.commission_percent, PERCENT), gets.currency)
    return Money(total, gets.currency)


@dataclass(frozen=True)
class ChainLine:
    """A deal's operations as one: what went in first, what comes out last, at which effective rate."""

    first: Money
    last: Money
    rate: Decimal  #: units of the last currency for one of the first


def chain_line(parts: Sequence[Figures]) -> ChainLine:
    first, last = parts[0].gives, parts[-1].gets
    rate = divide(to_decimal(last.minor, last.currency), to_decimal(first.minor, first.currency))
    return ChainLine(first, last, rate.quantize(Decimal("1e-12")))


def check_chain(deal: Deal, parts: Sequence[Figures]) -> None:
    """Raises Refused naming the operation whose in-currency is not the out-currency of the one before."""
    for before, op, here in zip(parts, deal.exchanges[1:], parts[1:], strict=False):
        if before.gets.currency != here.gives.currency:
            raise Refused.of(
                "chain_broken", number=op.number, wanted=before.gets.currency.code, found=here.gives.currency.code
            )


def remainders(parts: Sequence[Figures]) -> list[Money]:
    """What does not meet between the operations: positive is owed to the client, negative by them."""
    sums: dict[Currency, int] = {}
    for before, here in pairwise(parts):
        rest = before.due.minor - here.gives.minor
        sums[here.gives.currency] = sums.get(here.gives.currency, 0) + rest
    return [Money(minor, currency) for currency, minor in sums.items() if minor]


def profits(deal: Deal, parts: Sequence[Figures]) -> list[tuple[Currency, int | None]]:
    """Profit per currency; None where an operation's profit in that currency is still unknown."""
    found: dict[Currency, int | None] = {}
    for op, part in zip(deal.exchanges, parts, strict=True):
        assert op.pair is not None
        currency = op.pair.quote
        so_far = found.get(currency, 0)
        found[currency] = None if part.profit is None or so_far is None else so_far + part.profit.minor
    return list(found.items())
