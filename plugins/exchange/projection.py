"""What of the books is shown in the CRM: the deal's fields, its operation rows, the custody row on the client's card.

Only what differs from what was just read is written, so that a sync that changes nothing costs no request.
"""

from __future__ import annotations

from collections.abc import Mapping

from kernel.crm import Record, Ref, Value
from kernel.crm.codec import unpack_values
from kernel.extension.portal import Unit
from kernel.jobs import outgoing
from kernel.texts import translate
from kernel.values import Currency, to_decimal
from plugins.exchange.accounts import BOOK, CUSTODY
from plugins.exchange.figures import figures
from plugins.exchange.formats import analytics_text, money_text, profit_text, remainder_text, reported_text
from plugins.exchange.model import PARTNER_PAID, Deal, Money, Party, rank
from plugins.exchange.reading import TABLE
from plugins.exchange.settings import ExchangeSettings


def write_check(unit: Unit, record: Record, check: str) -> None:
    """Only the field that says what is wrong."""
    _update(unit, record, {"check": check})


def write_deal(unit: Unit, record: Record, deal: Deal, *, check: str, before: Deal | None = None) -> None:
    """`before`: the facts as they stood until now, where they changed."""
    settings = unit.portal.settings("exchange", ExchangeSettings)
    language = unit.portal.mapping.portal.language
    _update(unit, record, {**deal_fields(unit, deal, settings, language), "check": check})
    rows = {row.key: row for row in record.rows.get(TABLE, ())}
    for op in deal.exchanges:
        if op.key in rows:
            wanted = row_fields(deal, op.key, language)
            changed = {name: value for name, value in wanted.items() if _differs(rows[op.key].values.get(name), value)}
            if changed:
                unit.change_row("deal", record.id, TABLE, op.key, changed)
    _custody_row(unit, before, deal, language)


def deal_fields(unit: Unit, deal: Deal, settings: ExchangeSettings, language: str) -> Mapping[str, Value]:
    """The deal's fields as they should stand in the CRM."""
    report = unit.portal.currencies.get(settings.report_currency)
    values: dict[str, Value] = {
        "analytics": analytics_text(deal, settings.merge_from, language),
        "profit": profit_text(deal, language),
        "profit_reported": reported_total(unit, deal, report, language),
        "remainder": remainder_text(deal, language),
    }
    if deal.custody_until:
        values["custody_until"] = deal.custody_until
    return values


def reported_total(unit: Unit, deal: Deal, report: Currency, language: str) -> str:
    if not deal.exchanges:
        return ""
    row = unit.tx.one(
        "SELECT COUNT(*) AS n, COUNT(reported) AS known, SUM(reported) AS total FROM exchange_operation "
        "WHERE subject = :s AND pair LIKE '%/%'",
        s=deal.subject,
    )  # fmt: skip
    assert row is not None
    total = int(row["total"]) if row["known"] and row["known"] == row["n"] else None
    return reported_text(total, report, language)


def row_fields(deal: Deal, op_key: str, language: str) -> Mapping[str, Value]:
    """The computed fields of one operation's row."""
    part = next(figures(op) for op in deal.exchanges if op.key == op_key)
    return {
        "gives": money_text(part.gives, language),
        "gets": money_text(part.gets, language),
        "partner_takes": money_text(part.partner_takes, language),
        "partner_gives": money_text(part.partner_gives, language),
        "profit": money_text(part.profit, language),
    }


def _update(unit: Unit, record: Record, wanted: Mapping[str, Value]) -> None:
    changed = {name: value for name, value in wanted.items() if _differs(record.values.get(name), value)}
    if changed:
        unit.update(record.entity, record.id, changed)


def _differs(here: Value, wanted: Value) -> bool:
    if isinstance(wanted, str):
        return " ".join(str(here or "").split()) != " ".join(wanted.split())
    return here != wanted


def _custody_row(unit: Unit, before: Deal | None, deal: Deal, language: str) -> None:
    """One row on the client's card: how much of the deal is kept, until when, and what became of it."""
    if not deal.record_id:
        return
    if before and before.client and (deal.client is None or deal.client.key != before.client.key):
        _close_custody_row(unit, deal, before.client, language)  # the money is another client's now
    if deal.client is None:
        return
    row, kept = _custody_row_name(deal, deal.client), custody_of(unit, deal)
    if kept is None:
        _close_custody_row(unit, deal, deal.client, language)
        return
    if rank(deal.stage) < rank(PARTNER_PAID) and outgoing.newest_values(unit.tx, unit.portal.name, row) is None:
        return
    if rank(deal.stage) < rank(PARTNER_PAID):
        status = "custody_off"
    else:
        status = "custody_kept" if kept.minor else "custody_done"
    values: dict[str, Value] = {
        "currency": kept.currency.code,
        "amount": to_decimal(kept.minor, kept.currency),
        "until": deal.custody_until,
        "deal": Ref(deal.record_id),
        "status": translate(language, status),
    }
    unit.put_row_if_changed("contact", deal.client.key, "custody", values, row=row)


def close_custody(unit: Unit, deal: Deal) -> None:
    """The deal keeps nothing any more."""
    if deal.client is not None:
        _close_custody_row(unit, deal, deal.client, unit.portal.mapping.portal.language)


def _custody_row_name(deal: Deal, client: Party) -> str:
    return f"custody:{deal.subject}:{client.key}"


def _close_custody_row(unit: Unit, deal: Deal, client: Party, language: str) -> None:
    """The row, if there is one, says that nothing is kept here any more."""
    row = _custody_row_name(deal, client)
    if shown := outgoing.newest_values(unit.tx, unit.portal.name, row):
        values = unpack_values(shown)
        currency = unit.portal.currencies.get(str(values["currency"]))
        values |= {"amount": to_decimal(0, currency), "status": translate(language, "custody_off")}
        unit.put_row_if_changed("contact", client.key, "custody", values, row=row)


def custody_of(unit: Unit, deal: Deal) -> Money | None:
    """What of this deal is kept right now, as the books say; None if the deal keeps nothing."""
    if not (deal.custody and deal.exchanges):
        return None
    due = figures(deal.exchanges[-1]).due
    kept = sum(
        -leg.amount
        for entry in unit.portal.books.book(BOOK).standing(unit.tx, deal.subject).values()
        for leg in entry.legs()
        if leg.account == CUSTODY and leg.currency == due.currency.code
    )
    return Money(kept, due.currency)
