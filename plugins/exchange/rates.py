"""Reference rates: what a currency was worth on a day, from whom we know it, and how old that knowledge is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from kernel.storage import Tx
from kernel.values import Currency, divide, multiply, plain, round_minor, to_decimal
from plugins.exchange.model import Money, Operation


@dataclass(frozen=True)
class Rate:
    """QUOTE per one BASE."""

    base: str
    quote: str
    day: date
    rate: Decimal
    source: str


@dataclass(frozen=True)
class Valued:
    """An amount in the report currency, with the rate and where it came from."""

    money: Money
    rate: Decimal
    source: str


class Rates:
    """All rates known, in memory: a desk has some thousands."""

    def __init__(self, rates: Iterable[Rate], *, days_max: int) -> None:
        self._days_max = timedelta(days=days_max)
        self._known: dict[tuple[str, str], list[Rate]] = {}
        for rate in sorted(rates, key=lambda rate: rate.day):
            self._known.setdefault((rate.base, rate.quote), []).append(rate)

    @classmethod
    def load(cls, tx: Tx, *, days_max: int) -> Rates:
        rows = tx.all("SELECT * FROM exchange_rate")
        return cls(
            (Rate(r["base"], r["quote"], date.fromisoformat(r["day"]), Decimal(r["rate"]), r["source"]) for r in rows),
            days_max=days_max,
        )

    def value(self, money: Money, target: Currency, day: date, *, op: Operation | None = None) -> Valued | None:
        """`money` in `target` at the rate known on that day; None if none is known.

        The list of reference rates comes first: directly, the other way round, or through one common currency. Failing
        that, the operation's own rate says what its two currencies were worth to this desk on that day.
        """
        found = self._between(money.currency.code, target.code, day) or _own_rate(money.currency, target, op)
        if found is None:
            return None
        rate, source = found
        exact = multiply(to_decimal(money.minor, money.currency), rate)
        return Valued(Money(round_minor(exact, target), target), rate, source)

    def _between(self, code: str, target: str, day: date) -> tuple[Decimal, str] | None:
        if code == target:
            return Decimal(1), "same currency"
        if direct := self._either_way(code, target, day):
            return direct
        for base, quote in self._known:
            pivot = base if quote == code else quote if base == code else None
            if pivot is None:
                continue
            left, right = self._either_way(code, pivot, day), self._either_way(pivot, target, day)
            if left and right:
                source = left[1] if left[1] == right[1] else f"{left[1]}; {right[1]}"
                return multiply(left[0], right[0]), source
        return None

    def _either_way(self, code: str, target: str, day: date) -> tuple[Decimal, str] | None:
        if rate := self._latest((code, target), day):
            return rate.rate, f"{rate.source} {rate.day.isoformat()}"
        if rate := self._latest((target, code), day):
            return divide(Decimal(1), rate.rate), f"{rate.source} {rate.day.isoformat()}"
        return None

    def _latest(self, pair: tuple[str, str], day: date) -> Rate | None:
        known = [rate for rate in self._known.get(pair, ()) if day - self._days_max <= rate.day <= day]
        return known[-1] if known else None


def _own_rate(currency: Currency, target: Currency, op: Operation | None) -> tuple[Decimal, str] | None:
    if op is None or op.pair is None or op.client_rate is None:
        return None
    source = f"client's rate of operation {op.number}"
    if (op.pair.base, op.pair.quote) == (currency, target):
        return op.client_rate, source
    if (op.pair.base, op.pair.quote) == (target, currency):
        return divide(Decimal(1), op.client_rate), source
    return None


def format_rate(rate: Decimal) -> str:
    """A rate with at most twelve digits after the point."""
    return plain(rate.quantize(Decimal("1e-12")))
