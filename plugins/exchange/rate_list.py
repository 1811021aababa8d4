"""Reference rates brought in from a file or a program: kept as facts in the journal; known operations are valued anew."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.ledger import Draft
from kernel.values import Currencies, parse_day, parse_rate, plain, to_micros
from plugins.exchange import store
from plugins.exchange.accounts import BOOK
from plugins.exchange.rates import Rate, Rates
from plugins.exchange.settings import ExchangeSettings

COLUMNS = ("day", "base", "quote", "rate", "source")


def read_rates(path: Path, currencies: Currencies) -> list[Rate]:
    """CSV with the columns day, base, quote, rate (QUOTE per one BASE), source. Raises BadInput naming the line."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
            raise BadInput(f"{path.name}: column {missing[0]} is missing")
        found = []
        for line in reader:
            try:
                base, quote = currencies.get(line["base"]).code, currencies.get(line["quote"]).code
                found.append(
                    Rate(base, quote, parse_day(line["day"]), parse_rate(line["rate"]), line["source"] or path.name)
                )
            except BadInput as exc:
                raise BadInput(f"{path.name}, line {reader.line_num}: {exc}") from exc
    return found


def keep_rates(portal: Portal, rates: Iterable[Rate]) -> int:
    """Make these rates stand; returns how many were new or other than before."""
    with portal.unit(author="rates") as unit:
        known = {
            (row["base"], row["quote"], row["day"]): (row["rate"], row["source"])
            for row in unit.tx.all("SELECT * FROM exchange_rate")
        }
        fresh: dict[tuple[str, str, str], tuple[str, str]] = {}
        for rate in rates:
            key, value = (rate.base, rate.quote, rate.day.isoformat()), (plain(rate.rate), rate.source)
            if known.get(key) != value:
                fresh[key] = value
        if fresh:
            _stand(unit, fresh)
        return len(fresh)


def _stand(unit: Unit, fresh: dict[tuple[str, str, str], tuple[str, str]]) -> None:
    portal, settings = unit.portal, unit.portal.settings("exchange", ExchangeSettings)
    number = portal.books.head(unit.tx)[0] + 1
    body = {"rates": [[*key, *value] for key, value in sorted(fresh.items())]}
    now = to_micros(unit.now)
    portal.books.book(BOOK).record(
        unit.tx, [Draft("rate", "rates", f"rates/{number}", now, body, author=unit.author, trace=unit.trace)]
    )
    unit.tx.run_many(
        "INSERT INTO exchange_rate VALUES (:b, :q, :d, :r, :s) ON CONFLICT (base, quote, day) DO UPDATE SET "
        "rate = excluded.rate, source = excluded.source",
        [{"b": b, "q": q, "d": d, "r": r, "s": s} for (b, q, d), (r, s) in fresh.items()],
    )
    known = Rates.load(unit.tx, days_max=settings.rate_days)
    report = portal.currencies.get(settings.report_currency)
    # What an operation is worth in the report currency follows from the rates: derive every deal again.
    store.save(unit.tx, [store.derive(deal, known, report, portal.zone) for deal in store.all_deals(unit.tx)])
    unit.tx.after_commit(portal.changed)
