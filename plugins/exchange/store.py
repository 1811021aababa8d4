"""The plugin's tables: all their SQL. They are derived from the journal; `derive` is the only way rows are made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from kernel.ledger.model import Posting, canonical
from kernel.storage import Tx
from kernel.values import Currency, day_start, from_micros, plain, to_micros
from plugins.exchange.accounts import BALANCES, LEGS, PLACE
from plugins.exchange.figures import figures
from plugins.exchange.model import CANCELLED, CLOSED, PARTNER_PAID, Deal, Operation, deal_data, deal_from, rank
from plugins.exchange.places import Spot, Track
from plugins.exchange.postings import postings
from plugins.exchange.rates import Rates, format_rate

DEAL_COLUMNS = (
    "subject", "number", "portal", "record_id", "url", "stage", "client", "client_name", "manager", "custody",
    "custody_until", "created_at", "facts",
)  # fmt: skip
OPERATION_COLUMNS = (
    "subject", "op", "number", "position", "kind", "at", "stage", "pair", "place", "client", "client_name", "partner",
    "partner_name", "manager", "gives_currency", "gives", "gets_currency", "gets", "takes_currency", "takes",
    "pays_currency", "pays", "profit_currency", "profit", "commission", "network_fee", "client_rate", "partner_rate",
    "recognised", "reported", "reported_currency", "reported_rate", "reported_source",
)  # fmt: skip
_EMPTY_OPERATION = dict.fromkeys(OPERATION_COLUMNS, "")
PENDING_COLUMNS = ("subject", "n", "op", "currency", "place", "flow", "amount")
_deal_of, _operation_of, _pending_of = (itemgetter(*names) for names in (DEAL_COLUMNS, OPERATION_COLUMNS, PENDING_COLUMNS))
#: A deal's rows as plain tuples, in the order of the columns: its own, its operations', what is still expected.
Rows = tuple[tuple[Any, ...], list[tuple[Any, ...]], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Derived:
    """The rows that a deal's facts call for."""

    deal: Mapping[str, Any]
    operations: tuple[Mapping[str, Any], ...]
    pending: tuple[Mapping[str, Any], ...]

    def rows(self) -> Rows:
        return _deal_of(self.deal), list(map(_operation_of, self.operations)), list(map(_pending_of, self.pending))


def derive(
    deal: Deal, rates: Rates, report: Currency, zone: ZoneInfo, *, facts: str = "", booked: Sequence[Posting] | None = None
) -> Derived:
    """All rows of one deal, from its facts and the rates known. Pure. `facts`, `booked`: their text and the deal's postings,
    where they are at hand."""
    row = {
        "subject": deal.subject,
        "number": deal.number,
        "portal": deal.subject.rpartition("/")[0],
        "record_id": deal.record_id,
        "url": deal.url,
        "stage": deal.stage,
        "client": deal.client.key if deal.client else "",
        "client_name": deal.client.name if deal.client else "",
        "manager": deal.manager,
        "custody": int(deal.custody),
        "custody_until": deal.custody_until.isoformat() if deal.custody_until else "",
        "created_at": deal.created_at,
        "facts": facts or canonical(deal_data(deal)),
    }
    operations = tuple(_operation_row(deal, op, n, rates, report, zone) for n, op in enumerate(deal.operations))
    return Derived(row, operations, tuple(_pending_rows(deal, zone, booked)))


def operation_time(deal: Deal, op: Operation, zone: ZoneInfo) -> int:
    """When the operation counts for reports: its own time, its date of issue, or when the client paid."""
    if op.at is not None:
        return op.at
    began = deal.entered.get("client_paid", deal.created_at)
    if op.issue_date and op.issue_date != from_micros(began, zone).date():
        return to_micros(day_start(op.issue_date, zone))
    return began


def _operation_row(
    deal: Deal, op: Operation, position: int, rates: Rates, report: Currency, zone: ZoneInfo
) -> Mapping[str, Any]:
    at = operation_time(deal, op, zone)
    row: dict[str, Any] = {
        **_EMPTY_OPERATION,
        "subject": deal.subject, "op": op.key, "number": op.number, "position": position, "kind": op.kind, "at": at,
        "stage": deal.stage, "pair": str(op.pair) if op.pair else op.amount_in.code, "place": op.place,
        "client": deal.client.key if deal.client else "", "client_name": deal.client.name if deal.client else "",
        "partner": op.partner.key if op.partner else "", "partner_name": op.partner.name if op.partner else "",
        "manager": deal.manager, "commission": 0, "network_fee": 0,
        "client_rate": plain(op.client_rate) if op.client_rate is not None else "",
        "partner_rate": plain(op.partner_rate) if op.partner_rate is not None else "",
        "recognised": int(rank(deal.stage) >= rank(PARTNER_PAID) and deal.stage != CANCELLED),
        "gives": None, "gets": None, "takes": None, "pays": None, "profit": None, "reported": None,
    }  # fmt: skip
    if not op.is_exchange:
        side = "gives" if op.kind in ("deposit", "from_partner", "move") else "gets"
        row |= {side: op.amount, f"{side}_currency": op.amount_in.code}
        row["recognised"] = int(rank(deal.stage) >= rank(CLOSED) and deal.stage != CANCELLED)
        return row
    part = figures(op)
    row["gives"], row["gives_currency"] = part.gives.minor, part.gives.currency.code
    row["gets"], row["gets_currency"] = part.gets.minor, part.gets.currency.code
    if (takes := part.partner_takes) is not None:
        row["takes"], row["takes_currency"] = takes.minor, takes.currency.code
    if (pays := part.partner_gives) is not None:
        row["pays"], row["pays_currency"] = pays.minor, pays.currency.code
    if part.profit is not None:
        row["profit"] = part.profit.minor
    assert op.pair is not None
    row["profit_currency"] = op.pair.quote.code
    row["commission"], row["network_fee"] = part.commission.minor, part.network_fee.minor
    if part.profit is not None:
        valued = rates.value(part.profit, report, from_micros(at, zone).date(), op=op)
        if valued is not None:
            row |= {
                "reported": valued.money.minor, "reported_currency": report.code,
                "reported_rate": format_rate(valued.rate), "reported_source": valued.source,
            }  # fmt: skip
    return row


def _pending_rows(deal: Deal, zone: ZoneInfo, booked: Sequence[Posting] | None) -> Iterable[Mapping[str, Any]]:
    if deal.stage in (CANCELLED, CLOSED) or (deal.exchanges and deal.client is None):
        return
    here = {posting.slot for posting in (postings(deal, zone) if booked is None else booked)}
    n = 0
    for posting in postings(deal.at_stage(CLOSED), zone):
        if posting.slot in here:
            continue
        for leg in posting.legs:
            if leg.account == PLACE:
                yield {
                    "subject": deal.subject, "n": n, "op": posting.op, "currency": leg.currency, "place": leg.place,
                    "flow": leg.flow, "amount": abs(leg.amount),
                }  # fmt: skip
                n += 1


# --- the tables -----------------------------------------------------------------------------------------------------


def save(tx: Tx, derived: Sequence[Derived], *, fresh: bool = False) -> None:
    """Bring the rows of these deals to what was derived; `fresh` says that none of them has rows yet."""
    if not fresh:
        for one in derived:
            for table in ("exchange_deal", "exchange_operation", "exchange_pending"):
                tx.run(f"DELETE FROM {table} WHERE subject = :s", s=one.deal["subject"])
    insert(tx, [one.rows() for one in derived])


def insert(tx: Tx, deals: Sequence[Rows]) -> None:
    """The rows of deals that have none yet."""
    _insert(tx, "exchange_deal", DEAL_COLUMNS, [deal for deal, _, _ in deals])
    _insert(tx, "exchange_operation", OPERATION_COLUMNS, [row for _, operations, _ in deals for row in operations])
    _insert(tx, "exchange_pending", PENDING_COLUMNS, [row for _, _, pending in deals for row in pending])


def _insert(tx: Tx, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    tx.insert(f"{table} ({', '.join(columns)})", rows)


def load_deal(tx: Tx, subject: str) -> Deal | None:
    """The facts of a deal as last accepted."""
    facts = tx.value("SELECT facts FROM exchange_deal WHERE subject = :s", s=subject)
    return deal_from(subject, json.loads(facts)) if facts else None


def all_deals(tx: Tx) -> list[Deal]:
    rows = tx.all("SELECT subject, facts FROM exchange_deal ORDER BY created_at, subject")
    return [deal_from(row["subject"], json.loads(row["facts"])) for row in rows]


def custody_due(tx: Tx, portal: str, day: str) -> list[Deal]:
    """Deals of a portal that keep money and whose date has come."""
    rows = tx.all(
        "SELECT subject, facts FROM exchange_deal WHERE portal = :p AND custody = 1 AND custody_until <> '' "
        "AND custody_until <= :day AND stage = 'partner_paid' ORDER BY custody_until, subject",
        p=portal, day=day,
    )  # fmt: skip
    return [deal_from(row["subject"], json.loads(row["facts"])) for row in rows]


def held_at_places(tx: Tx, currency: str) -> dict[str, int]:
    """What each place holds of a currency."""
    rows = tx.all(f"SELECT place, amount FROM {BALANCES} AS b WHERE account = 'place' AND currency = :c", c=currency)
    return {row["place"]: int(row["amount"]) for row in rows}


def track(tx: Tx, spot: Spot, since: int) -> Track:
    """What a place holds of a currency, and what moved there since a moment."""
    currency, place = spot
    moves = tx.all(
        f"SELECT at, SUM(amount) AS amount FROM {LEGS} AS l WHERE currency = :c AND account = 'place' AND place = :p "
        "AND party = '' AND at >= :since GROUP BY at",
        c=currency, p=place, since=since,
    )  # fmt: skip
    return Track(held_at_places(tx, currency).get(place, 0), {row["at"]: int(row["amount"]) for row in moves})


@dataclass(frozen=True)
class NoticeState:
    """What was last told about a deal (its problem) or written on a card."""

    problem: str = ""
    problem_no: int = 0
    card: str = ""


def notice_state(tx: Tx, subject: str) -> NoticeState:
    row = tx.one("SELECT problem, problem_no, card FROM exchange_told WHERE subject = :s", s=subject)
    return NoticeState(**row) if row else NoticeState()


def keep_notice(tx: Tx, subject: str, now: NoticeState) -> None:
    tx.run(
        "INSERT INTO exchange_told VALUES (:s, :p, :n, :c) ON CONFLICT (subject) DO UPDATE SET "
        "problem = excluded.problem, problem_no = excluded.problem_no, card = excluded.card",
        s=subject, p=now.problem, n=now.problem_no, c=now.card,
    )  # fmt: skip
