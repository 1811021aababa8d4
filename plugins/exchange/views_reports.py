"""The reports on operations and control: what their filter offers, and what a total is made of."""

from __future__ import annotations

from typing import Any

from kernel.extension.portal import Unit
from kernel.values import Currency, from_micros
from plugins.exchange.accounts import LEGS
from plugins.exchange.model import Money
from plugins.exchange.reports import Filter, operation_rows
from plugins.exchange.settings import ExchangeSettings

ROWS_PER_PAGE = 200


def choices(unit: Unit) -> dict[str, list[tuple[str, str]]]:
    """What the filter's lists offer: value and name, as far as it occurs."""
    settings = unit.portal.settings("exchange", ExchangeSettings)
    codes = unit.tx.all("SELECT DISTINCT gives_currency AS c FROM exchange_operation UNION "
                        "SELECT DISTINCT gets_currency FROM exchange_operation")  # fmt: skip
    places = unit.tx.all("SELECT DISTINCT place AS p FROM exchange_operation WHERE place <> ''")
    managers = unit.tx.all("SELECT DISTINCT manager AS m FROM exchange_operation WHERE manager <> '' ORDER BY 1")
    partners = unit.tx.all(
        "SELECT partner, MAX(partner_name) AS name FROM exchange_operation WHERE partner <> '' GROUP BY partner ORDER BY 2"
    )
    known = [*settings.places, *sorted({row["p"] for row in places} - set(settings.places))]
    return {
        "currency": [(code, code) for code in sorted({row["c"] for row in codes} - {""})],
        "place": [(place, place) for place in known],
        "manager": [(row["m"], row["m"]) for row in managers],
        "partner": [(row["partner"], row["name"] or row["partner"]) for row in partners],
    }


def total_parts(unit: Unit, wanted: Filter, figure: str, currency: Currency) -> list[dict[str, Any]]:
    """What a total of the operations report is made of: an amount for each operation that has a share in it."""
    rows = operation_rows(unit.tx, wanted, unit.portal.zone)
    moved: dict[tuple[str, str], int] = {}
    if figure in ("in", "out"):
        sign = 1 if figure == "in" else -1
        for row in unit.tx.all(
            f"SELECT subject, op, SUM(amount) AS amount FROM {LEGS} AS l WHERE account = 'place' AND flow = :f "
            "AND currency = :c GROUP BY subject, op",
            f=figure, c=currency.code,
        ):  # fmt: skip
            moved[row["subject"], row["op"]] = sign * int(row["amount"])
    found = []
    for row in rows:
        if figure in ("in", "out"):
            share = moved.get((row["subject"], row["op"]))
        else:
            code = row["profit_currency"] if figure == "profit" else row["gets_currency"]
            share = row[figure] if row["recognised"] and code == currency.code else None
        if share:
            found.append({
                "subject": row["subject"], "deal": row["deal_number"], "op": row["number"], "who": row["client_name"],
                "at": from_micros(row["at"], unit.portal.zone), "kind": row["kind"], "amount": Money(int(share), currency),
            })  # fmt: skip
    return found
