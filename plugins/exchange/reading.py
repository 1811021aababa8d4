"""From a CRM record to a deal's facts. What cannot be read is a `Problem` naming the field; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import TypeVar

from kernel.crm import Record, Ref, Row, Unreadable
from kernel.errors import BadInput
from kernel.mapping import EntityMap
from kernel.values import Currencies, Currency, Pair, parse_pair, parse_rate, to_micros, to_minor
from plugins.exchange.figures import check_chain, figures
from plugins.exchange.model import (
    CLIENT_PAID,
    CUSTODY_OUT,
    EXCHANGES,
    FROM_PARTNER,
    MOVE,
    TO_PARTNER,
    Deal,
    Operation,
    Party,
    rank,
)
from plugins.exchange.settings import ExchangeSettings

TABLE = "operation"
T = TypeVar("T")


@dataclass(frozen=True)
class Problem:
    """What keeps a deal from being booked: where, what, and whether it is only not filled in yet."""

    operation: str  #: number of the operation; empty for the deal itself
    field: str  #: the label staff see
    error: BadInput
    missing: bool = False


@dataclass(frozen=True)
class Reading:
    """The deal as far as it could be read, and everything that was wrong, all at once."""

    deal: Deal
    problems: tuple[Problem, ...]


class Reader:
    """Reads deals of one portal."""

    def __init__(self, portal: str, entity: EntityMap, settings: ExchangeSettings, currencies: Currencies) -> None:
        self._portal, self._entity, self._settings, self._currencies = portal, entity, settings, currencies

    def read(self, record: Record) -> Reading:
        problems: list[Problem] = []
        get = _Getter(record.values, {n: f.name for n, f in self._entity.field.items()}, "", problems)
        client, partner = get.party("client"), get.party("partner")
        manager = get.ref("manager")
        deal_until = get.day("custody_until")
        custody = bool(get.of("custody", bool))
        operations = []
        for position, row in enumerate(record.rows.get(TABLE, ()), 1):
            before = len(problems)
            operation = self._operation(row, str(position), partner, problems)
            if operation is not None and len(problems) == before:
                operations.append(operation)
        if record.stage is None:
            problems.append(Problem("", "Статус", BadInput.of("stage_unknown", label=record.stage_label)))
        deal = Deal(
            subject=f"{self._portal}/{record.id}",
            number=record.id,
            stage=record.stage or "new",
            operations=tuple(operations),
            created_at=to_micros(record.created_at) if record.created_at else 0,
            client=client,
            manager=manager.name if manager else "",
            custody=custody,
            custody_until=deal_until,
            record_id=record.id,
            url=record.url,
        )
        if not problems:
            problems += self._whole(deal)
        return Reading(deal, tuple(problems))

    def _whole(self, deal: Deal) -> list[Problem]:
        """What only shows when the operations are seen together."""
        found = []
        if deal.client is None and deal.exchanges:
            found.append(Problem("", self._label("client"), BadInput.of("missing"), missing=True))
        if not deal.operations and rank(deal.stage) >= rank(CLIENT_PAID):
            found.append(Problem("", self._entity.table[TABLE].label, BadInput.of("no_operations"), missing=True))
        found += chain_problems(deal, self._row_label("pair"))
        return found

    def _operation(self, row: Row, number: str, partner: Party | None, problems: list[Problem]) -> Operation | None:
        labels = {name: field.name for name, field in self._entity.table[TABLE].field.items()}
        get = _Getter(row.values, labels, number, problems)
        kind = get.needed("kind", str)
        if kind is None:
            return None
        pair, currency = self._currencies_of(kind, get)
        amount = get.needed("amount", Decimal)
        minor = None
        if amount is not None and currency is not None:
            minor = get.guarded("amount", lambda: positive(amount, currency))
        trade = kind in EXCHANGES
        made = partial(
            Operation,
            key=row.key,
            number=number,
            kind=kind,
            pair=pair,
            client_rate=get.rate("client_rate", needed=True) if trade else None,
            partner_rate=get.rate("partner_rate") if trade else None,
            partner=get.party("partner") or partner,
            commission_percent=get.percent("commission_percent"),
            commission_fixed=get.fee("commission_fixed", _gets(kind, pair)),
            network_fee=get.fee("network_fee", _gets(kind, pair)),
            issue_date=get.day("issue_date"),
            place=self._place(get, "place") or self._settings.home_place,
            to_place=self._target(kind, get),
            comment=get.of("comment", str) or "",
        )  # all is read even where the amount is wrong, so that a person sees every mistake at once
        return None if minor is None or currency is None else made(amount=minor, amount_in=currency)

    def _currencies_of(self, kind: str, get: _Getter) -> tuple[Pair | None, Currency | None]:
        if kind not in EXCHANGES:
            name = "amount_in" if get.of("amount_in", str) else "pair"
            code = get.needed(name, str)
            return None, get.guarded(name, lambda: self._currencies.get(str(code))) if code else None
        text = get.needed("pair", str)
        pair = get.guarded("pair", lambda: parse_pair(text, self._currencies)) if text else None
        if pair is None:
            return None, None
        code = get.of("amount_in", str)
        currency = get.guarded("amount_in", lambda: amount_currency(pair, code)) if code else pair.base
        return pair, currency

    def _place(self, get: _Getter, name: str) -> str:
        place = get.of(name, str) or ""
        if place and place not in self._settings.places:
            get.wrong(name, BadInput.of("place_unknown", place=place[:40], places=", ".join(self._settings.places)))
        return place

    def _target(self, kind: str, get: _Getter) -> str:
        if kind in (TO_PARTNER, FROM_PARTNER) and not get.party("partner"):
            get.wrong("partner", BadInput.of("missing"), missing=True)
        if kind != MOVE:
            return ""
        target = self._place(get, "to_place")
        if not target:
            get.wrong("to_place", BadInput.of("missing"), missing=True)
        elif target == (get.of("place", str) or self._settings.home_place):
            get.wrong("to_place", BadInput.of("same_place", place=target))
        return target

    def _label(self, name: str) -> str:
        return self._entity.field[name].name

    def _row_label(self, name: str) -> str:
        return self._entity.table[TABLE].field[name].name


def chain_problems(deal: Deal, pair_label: str) -> list[Problem]:
    """Refusals of the operations as a whole: chain, commission, custody. Shared with the import."""
    parts = []
    for op in deal.exchanges:
        try:
            part = figures(op)
        except BadInput as exc:
            return [Problem(op.number, pair_label, exc)]
        if not part.gives.minor or not part.gets.minor:
            return [Problem(op.number, pair_label, BadInput.of("rounds_to_nothing"))]
        if part.due.minor < 0:
            return [Problem(op.number, pair_label, BadInput.of("commission_exceeds"))]
        parts.append(part)
    try:
        check_chain(deal, parts)
    except BadInput as exc:
        return [Problem(str(exc.values["number"]), pair_label, exc)]
    left = parts[-1].due if parts else None
    taken = 0
    for op in deal.operations:
        if op.kind == CUSTODY_OUT:
            taken += op.amount
            if not deal.custody or left is None:
                return [Problem(op.number, pair_label, BadInput.of("no_custody"))]
            if op.amount_in != left.currency:
                return [Problem(op.number, pair_label, BadInput.of("custody_currency", currency=left.currency.code))]
            if taken > left.minor:
                return [Problem(op.number, pair_label, BadInput.of("custody_exceeded", kept=str(left)))]
    return []


def amount_currency(pair: Pair, code: str) -> Currency:
    """Which side of the pair the amount is given in."""
    for side in (pair.base, pair.quote):
        if code.strip().upper() == side.code:
            return side
    raise BadInput.of("amount_in_foreign", code=code.strip()[:12], pair=str(pair))


def positive(amount: Decimal, currency: Currency) -> int:
    """An amount above zero, exact in minor units."""
    if amount <= 0:
        raise BadInput.of("not_positive", amount=format(amount, "f")[:40])
    return to_minor(amount, currency)


def _gets(kind: str, pair: Pair | None) -> Currency | None:
    if pair is None or kind not in EXCHANGES:
        return None
    return pair.quote if kind == "buy" else pair.base


class _Getter:
    """Takes typed values out of a record or row; what is wrong goes to the list of problems."""

    def __init__(self, values: object, labels: dict[str, str], number: str, problems: list[Problem]) -> None:
        assert hasattr(values, "get")
        self._get: Callable[[str], object] = values.get
        self._labels, self._number, self._problems = labels, number, problems

    def wrong(self, name: str, error: BadInput, *, missing: bool = False) -> None:
        problem = Problem(self._number, self._labels.get(name, name), error, missing)
        if not any(
            (p.operation, p.field, str(p.error)) == (problem.operation, problem.field, str(error)) for p in self._problems
        ):
            self._problems.append(problem)

    def guarded(self, name: str, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except BadInput as exc:
            self.wrong(name, exc)
            return None

    def of(self, name: str, kind: type[T]) -> T | None:
        value = self._get(name)
        if isinstance(value, Unreadable):
            details = {"text": value.raw, "type": "", **value.details}
            self.wrong(name, BadInput.of(value.code, **details))
            return None
        if value is None or isinstance(value, kind):
            return value
        self.wrong(name, BadInput.of("not_type", text=str(value)[:40], type=kind.__name__))
        return None

    def needed(self, name: str, kind: type[T]) -> T | None:
        value = self.of(name, kind)
        if value is None and not isinstance(self._get(name), Unreadable):
            self.wrong(name, BadInput.of("missing"), missing=True)
        return value

    def ref(self, name: str) -> Ref | None:
        return self.of(name, Ref)

    def party(self, name: str) -> Party | None:
        ref = self.ref(name)
        return Party(ref.id, ref.name or ref.id) if ref else None

    def day(self, name: str) -> date | None:
        return self.of(name, date)

    def rate(self, name: str, *, needed: bool = False) -> Decimal | None:
        raw = self.needed(name, Decimal) if needed else self.of(name, Decimal)
        return None if raw is None else self.guarded(name, lambda: parse_rate(raw))

    def percent(self, name: str) -> Decimal | None:
        raw = self.of(name, Decimal)
        if raw is not None and not 0 <= raw <= 100:
            self.wrong(name, BadInput.of("percent_range", value=format(raw, "f")[:20]))
            return None
        return raw or None

    def fee(self, name: str, currency: Currency | None) -> int | None:
        raw = self.of(name, Decimal)
        if not raw or currency is None:
            return None
        if raw < 0:
            self.wrong(name, BadInput.of("negative", amount=format(raw, "f")[:40]))
            return None
        return self.guarded(name, lambda: to_minor(raw, currency))
