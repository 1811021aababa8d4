"""What should stand in the books for a deal: a pure function of its facts.

Each stage only adds to what the stage before it books, so a jump books what was skipped, and a move back takes away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from kernel.ledger.model import Leg, Posting
from kernel.values import from_micros, to_micros
from plugins.exchange.accounts import (
    CLIENT,
    COMMISSION,
    CUSTODY,
    EQUITY,
    FEES,
    PARTNER,
    PLACE,
    PROFIT,
    TRADING,
    TRANSFER,
)
from plugins.exchange.figures import Figures, figures
from plugins.exchange.model import (
    BUY,
    CANCELLED,
    CLIENT_PAID,
    CLOSED,
    CUSTODY_OUT,
    DEPOSIT,
    NEW,
    PARTNER_PAID,
    TO_PARTNER,
    Deal,
    Money,
    Operation,
    rank,
)

IN, OUT = "in", "out"


def postings(deal: Deal, zone: ZoneInfo) -> list[Posting]:
    """All postings that the deal's stage and operations call for, in order."""
    if deal.stage in (NEW, CANCELLED):
        return []
    found = list(_exchange_postings(deal, zone)) if deal.exchanges else []
    if rank(deal.stage) >= rank(CLOSED):
        found += [posting for op in deal.operations if (posting := _own_posting(deal, op))]
    return found


def _when(deal: Deal, stage: str, op: Operation) -> int:
    """The operation's own time where the source gives it, else when the stage was entered."""
    return op.at if op.at is not None else deal.entered.get(stage, deal.created_at)


def _issued(deal: Deal, op: Operation, zone: ZoneInfo) -> int:
    """When money left for the client: an earlier date of issue counts, at its last moment; a later one is only a plan."""
    moment = _when(deal, CLOSED, op)
    if op.at is None and op.issue_date and op.issue_date < from_micros(moment, zone).date():
        midnight = datetime.combine(op.issue_date + timedelta(days=1), time.min, tzinfo=zone)
        return to_micros(midnight) - 1
    return moment


def _exchange_postings(deal: Deal, zone: ZoneInfo) -> Iterator[Posting]:
    ops, parts = deal.exchanges, [figures(op) for op in deal.exchanges]
    client = deal.client.key if deal.client else ""
    first, last = ops[0], ops[-1]

    def claim(money: Money, place: str, sign: int, account: str = CLIENT) -> Leg:
        """Positive: the desk owes less; negative: it owes more."""
        return Leg(account, money.currency.code, sign * money.minor, place, client)

    money_in = parts[0].gives
    yield Posting(
        "client_in", _when(deal, CLIENT_PAID, first),
        (_place(money_in, first.place, 1), claim(money_in, first.place, -1)), first.key,
    )  # fmt: skip
    if rank(deal.stage) < rank(PARTNER_PAID):
        return
    for i, (op, part) in enumerate(zip(ops, parts, strict=True)):
        came_at = ops[i - 1].place if i else op.place
        at = _when(deal, PARTNER_PAID, op)
        yield Posting(
            f"turn:{op.key}", at,
            (
                claim(part.gives, came_at, 1), _trading(part.gives, came_at, -1),
                _trading(part.gets, op.place, 1), claim(part.gets, op.place, -1),
            ), op.key,
        )  # fmt: skip
        if part.partner_known:
            yield Posting(f"partner:{op.key}", at, _partner_legs(op, part), op.key)
        if part.commission.minor:
            fee = part.commission
            earned = Leg(COMMISSION, fee.currency.code, -fee.minor, op.place)
            yield Posting(f"commission:{op.key}", at, (claim(fee, op.place, 1), earned), op.key)
        if part.network_fee.minor:
            cost = part.network_fee
            spent = Leg(FEES, cost.currency.code, cost.minor, op.place)
            yield Posting(f"fee:{op.key}", at, (_place(cost, op.place, -1), spent), op.key)
    due = parts[-1].due
    if deal.custody:
        yield from _custody(deal, due, claim)
    elif rank(deal.stage) >= rank(CLOSED) and due.minor:
        legs = (claim(due, last.place, 1), _place(due, last.place, -1))
        yield Posting("payout", _issued(deal, last, zone), legs, last.key)


def _custody(deal: Deal, due: Money, claim: Callable[..., Leg]) -> Iterator[Posting]:
    last = deal.exchanges[-1]
    kept = (claim(due, last.place, 1), claim(due, last.place, -1, CUSTODY))
    yield Posting("custody_in", _when(deal, PARTNER_PAID, last), kept, last.key)
    left = due.minor
    for op in deal.operations:
        if op.kind == CUSTODY_OUT:
            part = Money(op.amount, op.amount_in)
            left -= op.amount
            legs: tuple[Leg, ...] = (claim(part, last.place, 1, CUSTODY), _place(part, op.place or last.place, -1))
            if (op.place or last.place) != last.place:
                legs += _passed(part, last.place, op.place)
            yield Posting(f"custody_out:{op.key}", _when(deal, f"custody:{op.key}", op), legs, op.key)
    if rank(deal.stage) >= rank(CLOSED) and left:
        rest = Money(left, due.currency)
        legs = (claim(rest, last.place, 1, CUSTODY), _place(rest, last.place, -1))
        yield Posting("custody_close", _when(deal, CLOSED, last), legs, last.key)


def _place(money: Money, place: str, sign: int) -> Leg:
    return Leg(PLACE, money.currency.code, sign * money.minor, place, flow=IN if sign > 0 else OUT)


def _trading(money: Money, place: str, sign: int) -> Leg:
    return Leg(TRADING, money.currency.code, sign * money.minor, place)


def _partner_legs(op: Operation, part: Figures) -> tuple[Leg, ...]:
    takes, pays, profit = part.partner_takes, part.partner_gives, part.profit
    assert takes is not None and pays is not None and profit is not None
    legs = [_place(takes, op.place, -1), _place(pays, op.place, 1)]
    if op.kind == BUY:
        legs += [_trading(takes, op.place, 1), _trading(part.gets, op.place, -1)]
    else:
        legs += [_trading(part.gives, op.place, 1), _trading(pays, op.place, -1)]
    if profit.minor:
        legs.append(Leg(PROFIT, profit.currency.code, -profit.minor, op.place))
    return tuple(legs)


def _passed(money: Money, owner: str, payer: str) -> tuple[Leg, ...]:
    """One place pays what another one owed: the desk's own money moves the other way."""
    code = money.currency.code
    return (Leg(TRANSFER, code, -money.minor, owner), Leg(TRANSFER, code, money.minor, payer))


def _own_posting(deal: Deal, op: Operation) -> Posting | None:
    """Owners' money in and out, moves between places, money to and from a partner: no client, no profit."""
    money, code, at = Money(op.amount, op.amount_in), op.amount_in.code, _when(deal, CLOSED, op)
    partner = op.partner.key if op.partner else ""
    match op.kind:
        case "deposit" | "withdraw":
            sign = 1 if op.kind == DEPOSIT else -1
            legs: tuple[Leg, ...] = (_place(money, op.place, sign), Leg(EQUITY, code, -sign * op.amount, op.place))
        case "move":
            legs = (
                _place(money, op.place, -1), Leg(TRANSFER, code, op.amount, op.place),
                _place(money, op.to_place, 1), Leg(TRANSFER, code, -op.amount, op.to_place),
            )  # fmt: skip
        case "to_partner" | "from_partner":
            sign = -1 if op.kind == TO_PARTNER else 1
            legs = (_place(money, op.place, sign), Leg(PARTNER, code, -sign * op.amount, op.place, partner))
        case _:
            return None
    return Posting(f"{op.kind}:{op.key}", at, legs, op.key)
