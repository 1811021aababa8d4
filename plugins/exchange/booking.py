"""Making a deal's facts stand: journal, postings and tables together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernel.extension.portal import Portal, Unit
from kernel.ledger import Draft
from kernel.values import Currency, to_micros
from plugins.exchange import store
from plugins.exchange.accounts import BOOK
from plugins.exchange.model import Deal, deal_data
from plugins.exchange.postings import postings
from plugins.exchange.rates import Rates
from plugins.exchange.rules import changed_inputs
from plugins.exchange.settings import ExchangeSettings

NAME = "exchange"


def settings_of(portal: Portal) -> ExchangeSettings:
    return portal.settings(NAME, ExchangeSettings)


def report_currency(portal: Portal) -> Currency:
    return portal.currencies.get(settings_of(portal).report_currency)


def accept(unit: Unit, before: Deal | None, deal: Deal, *, more: Mapping[str, Any] | None = None) -> None:
    """Make the deal's facts stand: journal, postings, tables. Nothing happens where nothing changed. `more`: what else the
    journal is to say of that."""
    portal = unit.portal
    if before is None or deal_data(before) != deal_data(deal):
        body = {"facts": deal_data(deal), "changes": changed_inputs(before, deal) if before else [], **(more or {})}
        number = portal.books.head(unit.tx)[0] + 1
        fact = Draft(
            "deal", deal.subject, f"{deal.subject}/fact/{number}", to_micros(unit.now), body,
            author=unit.author, trace=unit.trace,
        )  # fmt: skip
        portal.books.book(BOOK).record(unit.tx, [fact])
        rates = Rates.load(unit.tx, days_max=settings_of(portal).rate_days)
        store.save(unit.tx, [store.derive(deal, rates, report_currency(portal), portal.zone)])
    portal.books.book(BOOK).settle(unit.tx, deal.subject, postings(deal, portal.zone), author=unit.author, trace=unit.trace)
    unit.tx.after_commit(portal.changed)
