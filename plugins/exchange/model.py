"""The desk's own values: an operation and a deal as their facts stand, and money. Nothing here changes once made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from kernel.ledger.model import quoted as _quoted
from kernel.values import Currencies, Currency, Pair, format_minor, parse_pair, plain

BUY, SELL = "buy", "sell"
DEPOSIT, WITHDRAW, MOVE = "deposit", "withdraw", "move"
TO_PARTNER, FROM_PARTNER = "to_partner", "from_partner"
CUSTODY_OUT = "custody_out"
EXCHANGES = (BUY, SELL)
KINDS = (BUY, SELL, DEPOSIT, WITHDRAW, MOVE, TO_PARTNER, FROM_PARTNER, CUSTODY_OUT)

NEW, CLIENT_PAID, PARTNER_PAID, CLOSED, CANCELLED = "new", "client_paid", "partner_paid", "closed", "cancelled"
STAGES = (NEW, CLIENT_PAID, PARTNER_PAID, CLOSED)
_RANKS = {stage: place for place, stage in enumerate(STAGES)}


def rank(stage: str) -> int:
    """How far a deal has come; a cancelled one has come nowhere."""
    return _RANKS.get(stage, 0)


class Money(NamedTuple):
    """An amount in minor units of its currency."""

    minor: int
    currency: Currency

    def __str__(self) -> str:
        return f"{format_minor(self.minor, self.currency)} {self.currency.code}"

    def data(self) -> dict[str, str]:
        """The shape of the interfaces."""
        return {"currency": self.currency.code, "amount": format_minor(self.minor, self.currency)}


@dataclass(frozen=True)
class Party:
    """A client or a partner: the CRM's id where there is one, and the name staff see."""

    key: str
    name: str


@dataclass(frozen=True)
class Operation:
    """One operation as given. Amounts in minor units of `amount_in`; rates are QUOTE per one BASE."""

    key: str  #: the CRM's row key, or the company's own number
    number: str  #: what people call it: "1", "2" …
    kind: str
    amount: int
    amount_in: Currency
    pair: Pair | None = None  #: for buying and selling
    client_rate: Decimal | None = None
    partner_rate: Decimal | None = None
    partner: Party | None = None
    commission_percent: Decimal | None = None
    commission_fixed: int | None = None  #: in the currency the client gets
    network_fee: int | None = None  #: in the currency the client gets
    issue_date: date | None = None
    place: str = ""
    to_place: str = ""
    comment: str = ""
    at: int | None = None  #: its time (microseconds UTC) where the source gives one; else the stages' times count

    @property
    def is_exchange(self) -> bool:
        return self.kind in EXCHANGES

    def at_partner(self, partner: Party | None) -> Operation:
        """The same with that partner. An import asks for each row: `replace` takes ten times as long for so many fields."""
        copy = object.__new__(Operation)
        vars(copy).update(vars(self), partner=partner)
        return copy


@dataclass(frozen=True)
class Deal:
    """One deal as given: what the books are made from, and all they are made from."""

    subject: str  #: unique name in the books: "planfix/main/15021", "history/17"
    number: str  #: what people call it
    stage: str
    operations: tuple[Operation, ...]
    created_at: int
    client: Party | None = None
    manager: str = ""
    custody: bool = False
    custody_until: date | None = None
    entered: Mapping[str, int] = field(default_factory=dict)  #: when each stage was entered (microseconds UTC)
    record_id: str = ""  #: the CRM's id; empty for imported history
    url: str = ""

    @cached_property
    def exchanges(self) -> tuple[Operation, ...]:
        return tuple(op for op in self.operations if op.is_exchange)

    def at_stage(self, stage: str) -> Deal:
        return replace(self, stage=stage)


# --- to and from JSON: how a deal's facts stand in the journal -------------------------------------------------------


def _party(party: Party | None) -> list[str] | None:
    return [party.key, party.name] if party else None


def _dec(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def deal_data(deal: Deal) -> dict[str, Any]:
    """A deal as JSON data; the same deal always gives the same data."""
    return {
        "number": deal.number,
        "stage": deal.stage,
        "created_at": deal.created_at,
        "client": _party(deal.client),
        "manager": deal.manager,
        "custody": deal.custody,
        "custody_until": deal.custody_until.isoformat() if deal.custody_until else None,
        "entered": dict(sorted(deal.entered.items())),
        "record_id": deal.record_id,
        "url": deal.url,
        "operations": [_op_data(op) for op in deal.operations],
    }


def _op_data(op: Operation) -> dict[str, Any]:
    return {
        "key": op.key,
        "number": op.number,
        "kind": op.kind,
        "pair": str(op.pair) if op.pair else None,
        "amount": op.amount,
        "amount_in": [op.amount_in.code, op.amount_in.scale],
        "scales": [op.pair.base.scale, op.pair.quote.scale] if op.pair else None,
        "client_rate": _dec(op.client_rate),
        "partner_rate": _dec(op.partner_rate),
        "partner": _party(op.partner),
        "commission_percent": _dec(op.commission_percent),
        "commission_fixed": op.commission_fixed,
        "network_fee": op.network_fee,
        "issue_date": op.issue_date.isoformat() if op.issue_date else None,
        "place": op.place,
        "to_place": op.to_place,
        "comment": op.comment,
        "at": op.at,
    }


def facts_text(deal: Deal) -> str:
    """`deal_data` as the canonical text that the books keep, in a fifth of the time; a test compares."""
    entered = ",".join([f"{_quoted(stage)}:{at}" for stage, at in sorted(deal.entered.items())])
    return (
        f'{{"client":{_party_text(deal.client)},"created_at":{deal.created_at},"custody":{_bool(deal.custody)},'
        f'"custody_until":{_date_text(deal.custody_until)},"entered":{{{entered}}},"manager":{_quoted(deal.manager)},'
        f'"number":{_quoted(deal.number)},"operations":[{",".join(map(_op_text, deal.operations))}],'
        f'"record_id":{_quoted(deal.record_id)},"stage":{_quoted(deal.stage)},"url":{_quoted(deal.url)}}}'
    )


def _op_text(op: Operation) -> str:
    pair, unit = op.pair, op.amount_in
    scales = f"[{pair.base.scale},{pair.quote.scale}]" if pair else "null"
    return (
        f'{{"amount":{op.amount},"amount_in":[{_quoted(unit.code)},{unit.scale}],"at":{_or_null(op.at)},'
        f'"client_rate":{_dec_text(op.client_rate)},"comment":{_quoted(op.comment)},'
        f'"commission_fixed":{_or_null(op.commission_fixed)},"commission_percent":{_dec_text(op.commission_percent)},'
        f'"issue_date":{_date_text(op.issue_date)},"key":{_quoted(op.key)},"kind":{_quoted(op.kind)},'
        f'"network_fee":{_or_null(op.network_fee)},"number":{_quoted(op.number)},'
        f'"pair":{_quoted(str(pair)) if pair else "null"},"partner":{_party_text(op.partner)},'
        f'"partner_rate":{_dec_text(op.partner_rate)},"place":{_quoted(op.place)},"scales":{scales},'
        f'"to_place":{_quoted(op.to_place)}}}'
    )


def _party_text(party: Party | None) -> str:
    return f"[{_quoted(party.key)},{_quoted(party.name)}]" if party else "null"


def _date_text(day: date | None) -> str:
    return f'"{day.isoformat()}"' if day else "null"


def _dec_text(number: Decimal | None) -> str:
    return "null" if number is None else f'"{plain(number)}"'


def _or_null(number: int | None) -> str:
    return "null" if number is None else str(number)


def _bool(flag: bool) -> str:
    return "true" if flag else "false"


def deal_from(subject: str, data: Mapping[str, Any]) -> Deal:
    return Deal(
        subject=subject,
        number=data["number"],
        stage=data["stage"],
        operations=tuple(_op_from(op) for op in data["operations"]),
        created_at=data["created_at"],
        client=_party_from(data["client"]),
        manager=data["manager"],
        custody=data["custody"],
        custody_until=date.fromisoformat(data["custody_until"]) if data["custody_until"] else None,
        entered=dict(data["entered"]),
        record_id=data["record_id"],
        url=data["url"],
    )


def _party_from(data: Any) -> Party | None:
    return Party(*data) if data else None


@lru_cache(maxsize=1000)
def _pair_from(text: str, *scales: int) -> Pair:
    return parse_pair(text, Currencies(dict(zip(text.split("/"), scales, strict=True))))


def _op_from(data: Mapping[str, Any]) -> Operation:
    pair = None
    if data["pair"]:
        # The scales stand with the fact, so that a later change of settings cannot change booked amounts.
        pair = _pair_from(data["pair"], *data["scales"])

    def dec(name: str) -> Decimal | None:
        return None if data[name] is None else Decimal(data[name])

    return Operation(
        key=data["key"],
        number=data["number"],
        kind=data["kind"],
        amount=data["amount"],
        amount_in=Currency(*data["amount_in"]),
        pair=pair,
        client_rate=dec("client_rate"),
        partner_rate=dec("partner_rate"),
        partner=_party_from(data["partner"]),
        commission_percent=dec("commission_percent"),
        commission_fixed=data["commission_fixed"],
        network_fee=data["network_fee"],
        issue_date=date.fromisoformat(data["issue_date"]) if data["issue_date"] else None,
        place=data["place"],
        to_place=data["to_place"],
        comment=data["comment"],
        at=data["at"],
    )
