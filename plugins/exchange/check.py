"""Everything of the desk derived again from the journal's facts, and compared with what stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kernel.extension.portal import Unit
from kernel.ledger.model import changes
from kernel.values import Currency
from plugins.exchange import store
from plugins.exchange.accounts import BOOK
from plugins.exchange.model import Deal, deal_from
from plugins.exchange.postings import postings
from plugins.exchange.rates import Rates
from plugins.exchange.settings import ExchangeSettings


def faults(unit: Unit) -> Iterator[str]:
    """Standing postings = what the facts call for; every derived row = what the facts derive to. First fault first."""
    portal, settings = unit.portal, unit.portal.settings("exchange", ExchangeSettings)
    report = portal.currencies.get(settings.report_currency)
    yield from _rates(unit)
    rates = Rates.load(unit.tx, days_max=settings.rate_days)
    facts: dict[str, Deal] = {}
    for entry in portal.books.book(BOOK).facts(unit.tx, "deal"):
        facts[entry.subject] = deal_from(entry.subject, entry.body["facts"])
    found = {
        "exchange_deal": _rows(unit, "exchange_deal", ("subject",)),
        "exchange_operation": _rows(unit, "exchange_operation", ("subject", "op")),
        "exchange_pending": _rows(unit, "exchange_pending", ("subject", "n")),
    }
    for subject, deal in facts.items():
        yield from _postings(unit, subject, deal)
        yield from _derived(found, deal, rates, report, unit)
    for table, rows in found.items():
        for key in rows:
            yield f"{table} {'/'.join(map(str, key))}: the row was added"
    for row in unit.tx.all(
        "SELECT d.portal, d.record_id FROM exchange_deal d "
        "LEFT JOIN crm_seen s ON s.portal = d.portal AND s.entity = 'deal' "
        "AND s.id = d.record_id WHERE d.record_id <> '' AND s.id IS NULL ORDER BY d.record_id"
    ):
        yield f"crm_seen {row['portal']} deal {row['record_id']}: the row was removed"


def _postings(unit: Unit, subject: str, deal: Deal) -> Iterator[str]:
    portal = unit.portal
    missing = changes(subject, portal.books.book(BOOK).standing(unit.tx, subject), postings(deal, portal.zone), version=0)
    for draft in missing:
        verb = "should not stand" if draft.kind == "reversal" else "is missing"
        slot = draft.body["slot"]
        yield f"deal {deal.number} ({subject}): posting «{slot}» {verb}: rebuild from zero differs from the books"


def _derived(
    found: dict[str, dict[tuple[Any, ...], Mapping[str, Any]]], deal: Deal, rates: Rates, report: Currency, unit: Unit
) -> Iterator[str]:
    derived = store.derive(deal, rates, report, unit.portal.zone)
    wanted = [
        ("exchange_deal", ("subject",), [derived.deal]),
        ("exchange_operation", ("subject", "op"), derived.operations),
        ("exchange_pending", ("subject", "n"), derived.pending),
    ]
    for table, names, rows in wanted:
        for row in rows:
            key = tuple(row[name] for name in names)
            here = found[table].pop(key, None)
            shown = "/".join(map(str, key))
            if here is None:
                yield f"{table} {shown}: the row was removed"
                continue
            for column, value in row.items():
                if here[column] != value:
                    stands = here[column]
                    yield f"{table} {shown}: {column} was changed: the facts say {value!r}, the table says {stands!r}"


def _rows(unit: Unit, table: str, names: tuple[str, ...]) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    rows = unit.tx.all(f"SELECT * FROM {table} ORDER BY {', '.join(names)}")
    return {tuple(row[name] for name in names): row for row in rows}


def _rates(unit: Unit) -> Iterator[str]:
    wanted: dict[tuple[str, str, str], tuple[str, str]] = {}
    for entry in unit.portal.books.book(BOOK).facts(unit.tx, "rate"):
        for base, quote, day, rate, source in entry.body["rates"]:
            wanted[base, quote, day] = (rate, source)
    for row in unit.tx.all("SELECT * FROM exchange_rate ORDER BY base, quote, day"):
        key = (row["base"], row["quote"], row["day"])
        known = wanted.pop(key, None)
        if known is None:
            yield f"exchange_rate {'/'.join(key)}: the row was added"
        elif known != (row["rate"], row["source"]):
            yield f"exchange_rate {'/'.join(key)}: the row was changed: the journal says {known[0]}, the table {row['rate']}"
    for key in wanted:
        yield f"exchange_rate {'/'.join(key)}: the row was removed"
