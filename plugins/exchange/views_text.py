"""Amounts, rates and names as staff read them, on every page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from kernel.extension.portal import Portal, Unit
from kernel.values import Currencies, plain, to_minor
from plugins.exchange.formats import DECIMAL_COMMA, UNKNOWN, money_text
from plugins.exchange.model import Money

MINUS = "\u2212"
FIELDS = (
    "stage", "client", "manager", "custody", "custody_until", "number", "record_id", "kind", "pair", "amount", "amount_in",
    "client_rate", "partner_rate", "partner", "commission_percent", "commission_fixed", "network_fee", "issue_date", "place",
    "to_place", "comment", "at",
)  # fmt: skip
Translate = Callable[..., str]


def money(value: Money | None, language: str) -> str:
    """`1 234,50 UAH` with a true minus sign and without line breaks inside; «—» for unknown."""
    return money_text(value, language).replace("-", MINUS).replace(" ", "\u00a0")


def amount(value: Money | None, language: str) -> str:
    """The same without the currency's code, for columns that say it elsewhere."""
    return money(value, language).rpartition("\u00a0")[0] if value is not None else UNKNOWN


def number(value: Decimal | str | None, language: str) -> str:
    if value is None or value == "":
        return UNKNOWN
    text = (value if isinstance(value, str) else plain(value)).replace("-", MINUS)
    return text.replace(".", ",") if language in DECIMAL_COMMA else text


def from_data(data: Mapping[str, Any] | None, currencies: Currencies) -> Money | None:
    """Money from the shape of the interfaces."""
    if data is None or data["amount"] is None:
        return None
    currency = currencies.get(data["currency"])
    return Money(to_minor(Decimal(data["amount"]), currency), currency)


def marks(value: Money | None) -> str:
    """The class of a cell."""
    if value is None or value.minor == 0:
        return "zero"
    return "neg" if value.minor < 0 else ""


def formula_text(text: str, language: str) -> str:
    """`10000.00 USD × 41.2` as staff write numbers."""
    grouped = re.sub(r"(?<![\d.])\d{4,}", lambda digits: f"{int(digits[0]):,}".replace(",", "\u00a0"), text)
    return grouped.replace(".", ",") if language in DECIMAL_COMMA else grouped


def exact_text(exact: Decimal, language: str) -> str:
    """The exact product; a quotient without end is cut, and says so."""
    shown = plain(exact)
    whole, _, fraction = shown.partition(".")
    return formula_text(f"{whole}.{fraction[:18]}…" if len(fraction) > 18 else shown, language)


def stage_text(portal: Portal, stage: str) -> str:
    """The stage as the portal's staff know it."""
    known = portal.mapping.entity("deal").stage.get(stage)
    return known.label if known else stage


def field_text(name: str, portal: Portal, language: str, translate: Translate) -> str:
    """An input by the name staff know; the mapping's labels are in the portal's language."""
    entity = portal.mapping.entity("deal")
    table = entity.table.get("operation")
    known = (table.field.get(name) if table else None) or entity.field.get(name)
    if known and known.label and language == portal.mapping.portal.language:
        return known.label
    return translate(f"pg_field_{name}") if name in FIELDS else name


def source_text(source: str, translate: Translate) -> str:
    """Where a rate came from, in words; a source's own name stays as it is."""
    if source == "same currency":
        return translate("pg_source_same")
    if mark := re.fullmatch(r"client's rate of operation (.+)", source):
        return translate("pg_source_own", n=mark[1])
    return re.sub(r"(\d{4})-(\d\d)-(\d\d)", r"\3.\2.\1", source)


def party_names(unit: Unit) -> dict[str, str]:
    found: dict[str, str] = {}
    for role in ("partner", "client"):
        rows = unit.tx.all(
            f"SELECT {role} AS k, MAX({role}_name) AS name FROM exchange_operation WHERE {role} <> '' GROUP BY {role}"
        )
        found |= {row["k"]: row["name"] or row["k"] for row in rows}
    return found
