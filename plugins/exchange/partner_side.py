"""What an operation is to its partner. Nothing of the client stands in it, so nothing of the client can be shown from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from kernel.values import Pair, to_decimal
from plugins.exchange.figures import figures
from plugins.exchange.model import FROM_PARTNER, TO_PARTNER, Deal, Money, Operation


@dataclass(frozen=True)
class PartnerLeg:
    """One operation as its partner may know it: what they receive and give, their rate, the place. Without their rate the
    QUOTE side is unknown."""

    key: str  #: the operation's row
    pair: Pair | None  #: None where money only moves to or from them
    receives: Money | None
    gives: Money | None
    rate: Decimal | None = None
    place: str = ""


def partner_legs(deal: Deal) -> Mapping[str, tuple[PartnerLeg, ...]]:
    """By the partner's card: their operations of the deal, in order."""
    found: dict[str, list[PartnerLeg]] = {}
    for op in deal.operations:
        leg = _leg(op)
        if op.partner is not None and leg is not None:
            found.setdefault(op.partner.key, []).append(leg)
    return {partner: tuple(legs) for partner, legs in found.items()}


def partner_names(deal: Deal) -> Mapping[str, str]:
    """By the partner's card: the name that staff see."""
    return {op.partner.key: op.partner.name for op in deal.operations if op.partner is not None}


def _leg(op: Operation) -> PartnerLeg | None:
    amount = Money(op.amount, op.amount_in)
    if op.is_exchange:
        part = figures(op)
        receives, gives = part.partner_takes, part.partner_gives
        return PartnerLeg(op.key, op.pair, receives, gives, op.partner_rate, op.place)
    if op.kind == TO_PARTNER:
        return PartnerLeg(op.key, None, amount, None, place=op.place)
    if op.kind == FROM_PARTNER:
        return PartnerLeg(op.key, None, None, amount, place=op.place)
    return None


def secrets_of(deal: Deal) -> tuple[tuple[Decimal, ...], tuple[Decimal, ...]]:
    """What no partner may learn of a deal: the client's rates, and the profits."""
    rates = tuple(op.client_rate for op in deal.exchanges if op.client_rate is not None)
    profits = tuple(
        to_decimal(part.profit.minor, part.profit.currency)
        for op in deal.exchanges
        if (part := figures(op)).profit is not None and part.profit is not None
    )
    return rates, profits
