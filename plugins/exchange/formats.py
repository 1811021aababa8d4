"""Amounts as staff read them in the CRM: `1 234 567,50 UAH`. The same text is what the control report reads back."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from kernel.texts import translate
from kernel.values import Currency, format_minor, plain
from plugins.exchange.figures import chain_line, figures, profits, remainders
from plugins.exchange.model import Deal, Money

UNKNOWN = "—"
DECIMAL_COMMA = ("uk", "ru")


def money_text(money: Money | None, language: str) -> str:
    if money is None:
        return UNKNOWN
    whole, point, fraction = format_minor(money.minor, money.currency).lstrip("-").partition(".")
    groups = f"{int(whole):,}".replace(",", " ")
    mark = "," if language in DECIMAL_COMMA else "."
    sign = "-" if money.minor < 0 else ""
    return f"{sign}{groups}{mark if point else ''}{fraction} {money.currency.code}"


def rate_text(rate: Decimal, language: str) -> str:
    text = plain(rate)
    return text.replace(".", ",") if language in DECIMAL_COMMA else text


def list_text(items: Sequence[Money], language: str) -> str:
    return "; ".join(money_text(item, language) for item in items)


def profit_text(deal: Deal, language: str) -> str:
    """Profit per currency; «—» where a partner's rate is still unknown."""
    parts = [figures(op) for op in deal.exchanges]
    message = []
    for currency, minor in profits(deal, parts):
        message.append(f"{UNKNOWN} {currency.code}" if minor is None else money_text(Money(minor, currency), language))
    return "; ".join(message)


def analytics_text(deal: Deal, merge_from: int, language: str) -> str:
    """From `merge_from` operations on, one line for the whole chain; before that, a line for each operation."""
    ops = deal.exchanges
    parts = [figures(op) for op in ops]
    if not parts:
        return ""
    if len(parts) < merge_from:
        return "; ".join(
            translate(
                language,
                "op_text",
                number=op.number,
                gives=money_text(part.gives, language),
                gets=money_text(part.gets, language),
            )
            for op, part in zip(ops, parts, strict=True)
        )
    line = chain_line(parts)
    return translate(
        language, "chain_text", first=money_text(line.first, language), last=money_text(line.last, language),
        rate=rate_text(line.rate, language), profit=profit_text(deal, language),
    )  # fmt: skip


def remainder_text(deal: Deal, language: str) -> str:
    """What does not meet in the chain: owed to the client (plus) or by them (minus)."""
    return list_text(remainders([figures(op) for op in deal.exchanges]), language)


def reported_text(total: int | None, currency: Currency, language: str) -> str:
    return UNKNOWN if total is None else money_text(Money(total, currency), language)
