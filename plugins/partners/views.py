"""What a partner sees of a deal: made from the operations that are theirs, and kept as text between two passes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from kernel.values import Currencies, Currency, parse_pair, plain
from plugins.exchange.api import Money, PartnerLeg
from plugins.partners.rules.deal_message import PartnerOperation, PartnerView
from plugins.partners.rules.numbers import Sum, amount_text


def view_of(number: str, legs: Sequence[PartnerLeg], comments: Mapping[str, str], places: Mapping[str, str]) -> PartnerView:
    """`comments`: «Коментар партнеру» by the operation's row. `places`: what partners are told a place is called."""
    return PartnerView(number, tuple(_operation(leg, comments, places) for leg in legs))


def _operation(leg: PartnerLeg, comments: Mapping[str, str], places: Mapping[str, str]) -> PartnerOperation:
    return PartnerOperation(
        leg.pair, _sum(leg.receives), _sum(leg.gives), leg.rate, places.get(leg.place, ""), comments.get(leg.key, "")
    )


def _sum(amount: Money | None) -> Sum | None:
    return Sum(amount.minor, amount.currency) if amount else None


def pack(view: PartnerView) -> str:
    return json.dumps(
        {
            "number": view.number,
            "operations": [
                {
                    "pair": [str(op.pair), op.pair.base.scale, op.pair.quote.scale] if op.pair else None,
                    "receives": _packed(op.receives),
                    "gives": _packed(op.gives),
                    "rate": plain(op.rate) if op.rate is not None else None,
                    "place": op.place,
                    "comment": op.comment,
                }
                for op in view.operations
            ],
        },
        ensure_ascii=True,
    )


def unpack(text: str) -> PartnerView:
    body = json.loads(text)
    return PartnerView(body["number"], tuple(_unpacked(op) for op in body["operations"]))


def _packed(amount: Sum | None) -> list[Any] | None:
    return [amount.minor, amount.currency.code, amount.currency.scale] if amount else None


def _unpacked(op: Mapping[str, Any]) -> PartnerOperation:
    pair = None
    if op["pair"]:
        text, *scales = op["pair"]
        pair = parse_pair(text, Currencies(dict(zip(text.split("/"), scales, strict=True))))
    sums = [Sum(one[0], Currency(one[1], one[2])) if one else None for one in (op["receives"], op["gives"])]
    rate = None if op["rate"] is None else Decimal(op["rate"])
    return PartnerOperation(pair, sums[0], sums[1], rate, op["place"], op["comment"])


def summary(shown: str, language: str) -> str:
    """What a kept view comes to, on one line: `10 000,00 USD → 413 500,00 UAH`."""
    if not shown:
        return ""
    parts = []
    for op in unpack(shown).operations:
        sums = [amount_text(one, language) for one in (op.receives, op.gives) if one is not None]
        parts.append(" → ".join(sums))
    return "; ".join(parts)
