"""Explain any number: what a figure of the board is made of, down to single legs; the parts add up to it exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kernel.errors import BadInput
from kernel.extension.portal import Unit
from kernel.values import day_start, from_micros, to_micros
from plugins.exchange.accounts import BOOK, JOURNAL, LEGS, OWN_ACCOUNTS
from plugins.exchange.figures import Working, figures, workings
from plugins.exchange.model import Deal, Money, Operation
from plugins.exchange.store import load_deal

_OWN = ", ".join(f"'{name}'" for name in OWN_ACCOUNTS)
# figure -> (which legs, sign with which they count)
FIGURES: Mapping[str, tuple[str, int]] = {
    "held": ("l.account = 'place'", 1),
    "own": (f"l.account IN ({_OWN})", -1),
    "owed": ("l.account = 'client'", -1),
    "custody": ("l.account = 'custody'", -1),
    "in_today": ("l.account = 'place' AND l.flow = 'in'", 1),
    "out_today": ("l.account = 'place' AND l.flow = 'out'", -1),
    "profit": ("l.account = 'profit'", -1),
    "commission": ("l.account = 'commission'", -1),
    "fees": ("l.account = 'fees'", 1),
    "with_partners": ("l.account = 'partner'", 1),
}
PENDING = {"pending_in": "in", "pending_out": "out"}
DERIVED = {"available": ("own", "owed_by_clients"), "owed_by_clients": ("owed",)}


@dataclass(frozen=True)
class Question:
    """Which figure, of which currency, in which place (all if empty), at which moment (now if none)."""

    figure: str
    currency: str
    place: str = ""
    at: datetime | None = None
    party: str = ""  #: only what concerns this client or partner


@dataclass(frozen=True)
class Group:
    """One deal's share in the figure."""

    subject: str
    number: str
    url: str
    who: str
    parts: int
    amount: Money


@dataclass(frozen=True)
class Part:
    """One leg of a posting, or one expected in or out."""

    seq: int
    slot: str
    kind: str  #: "posting", "reversal" or "pending"
    account: str
    party: str
    place: str
    at: datetime | None
    recorded_at: datetime | None
    author: str
    trace: str
    op: str
    amount: Money


def groups(unit: Unit, question: Question) -> list[Group]:
    """The figure by deal, newest first. Their amounts add up to the figure exactly."""
    sql, values = _query(unit, question)
    currency = unit.portal.currencies.get(question.currency)
    rows = unit.tx.all(
        f"SELECT x.subject, COUNT(*) AS parts, SUM(x.amount) AS amount, MAX(x.at) AS at, MAX(d.number) AS number, "
        f"MAX(d.url) AS url, MAX(d.client_name) AS who FROM ({sql}) AS x "
        "LEFT JOIN exchange_deal d ON d.subject = x.subject GROUP BY x.subject ORDER BY MAX(x.at) DESC, x.subject",
        **values,
    )
    return [
        Group(
            row["subject"], row["number"] or row["subject"], row["url"] or "", row["who"] or "", row["parts"],
            Money(int(row["amount"]), currency),
        )
        for row in rows
    ]  # fmt: skip


def parts(unit: Unit, question: Question, subject: str) -> list[Part]:
    """The single legs of one deal's share, oldest first."""
    sql, values = _query(unit, question)
    currency, zone = unit.portal.currencies.get(question.currency), unit.portal.zone
    rows = unit.tx.all(
        f"SELECT x.*, j.kind, j.author, j.trace, j.recorded_at, j.key FROM ({sql}) AS x "
        f"LEFT JOIN {JOURNAL} AS j ON j.seq = x.seq WHERE x.subject = :subject ORDER BY x.at, x.seq, x.n",
        subject=subject, **values,
    )  # fmt: skip
    return [
        Part(
            seq=row["seq"] or 0,
            slot=_slot_of(row["key"], subject),
            kind=row["kind"] or "pending",
            account=row["account"],
            party=row["party"],
            place=row["place"],
            at=from_micros(row["at"], zone) if row["at"] is not None else None,
            recorded_at=from_micros(row["recorded_at"], zone) if row["recorded_at"] is not None else None,
            author=row["author"] or "",
            trace=row["trace"] or "",
            op=row["op"],
            amount=Money(int(row["amount"]), currency),
        )
        for row in rows
    ]


def total(unit: Unit, question: Question) -> Money:
    """The figure itself, added up from its legs."""
    sql, values = _query(unit, question)
    amount = unit.tx.value(f"SELECT COALESCE(SUM(x.amount), 0) FROM ({sql}) AS x", **values)
    return Money(int(amount), unit.portal.currencies.get(question.currency))


@dataclass(frozen=True)
class Below:
    """Since when a place has held less than nothing, and with which deal that began."""

    at: datetime
    subject: str
    number: str


def below_since(unit: Unit, question: Question) -> Below | None:
    """For what a place holds, where that is below zero; None for any other figure."""
    if question.figure != "held" or not question.place or question.party:
        return None
    sql, values = _query(unit, question)
    since = unit.tx.value(
        "SELECT MAX(at) FROM (SELECT at, SUM(SUM(amount)) OVER (ORDER BY at) AS held "
        f"FROM ({sql}) AS x GROUP BY at) AS y WHERE held >= 0",
        **values,
    )
    row = unit.tx.one(
        f"SELECT x.subject, x.at, d.number FROM ({sql}) AS x LEFT JOIN exchange_deal d ON d.subject = x.subject "
        "WHERE x.amount < 0 AND (x.at > :since OR :first = 1) ORDER BY x.at, x.seq LIMIT 1",
        since=since or 0, first=int(since is None), **values,
    )  # fmt: skip
    if row is None:
        return None
    return Below(from_micros(row["at"], unit.portal.zone), row["subject"], row["number"] or row["subject"])


def _query(unit: Unit, question: Question) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {"currency": unit.portal.currencies.get(question.currency).code}
    where = "l.currency = :currency"
    for name in ("place", "party"):
        if value := getattr(question, name):
            where += f" AND l.{name} = :{name}"
            values[name] = value
    zone = unit.portal.zone
    moment = (question.at or unit.now).astimezone(zone)
    if question.figure in PENDING:
        return _pending(question, values, where)
    if question.figure not in FIGURES:
        raise BadInput.of("no_such_figure", figure=question.figure[:40])
    condition, sign = FIGURES[question.figure]
    if question.figure.endswith("_today"):
        where += " AND l.at >= :start AND l.at <= :until"
        values |= {"start": to_micros(day_start(moment.date(), zone)), "until": to_micros(moment)}
    elif question.at is not None:
        where += " AND l.at <= :until"
        values["until"] = to_micros(moment)
    return (
        "SELECT l.subject, l.seq, l.n, l.account, l.party, l.place, l.op, l.at, "
        f"{'-' if sign < 0 else ''}l.amount AS amount FROM {LEGS} AS l WHERE {where} AND {condition}",
        values,
    )


def _pending(question: Question, values: dict[str, Any], where: str) -> tuple[str, dict[str, Any]]:
    values["flow"] = PENDING[question.figure]
    expected = (
        "SELECT l.subject, CAST(NULL AS BIGINT) AS seq, l.n, 'place' AS account, '' AS party, l.place, l.op, "
        "d.created_at AS at, l.amount "
        f"FROM exchange_pending l JOIN exchange_deal d ON d.subject = l.subject WHERE {where} AND l.flow = :flow"
    )
    if question.at is None:
        return expected, values
    values["until"] = to_micros(question.at)
    later = (
        "SELECT l.subject, l.seq, l.n, l.account, l.party, l.place, l.op, l.at, "
        f"CASE WHEN l.flow = 'in' THEN l.amount ELSE -l.amount END AS amount FROM {LEGS} AS l "
        f"JOIN exchange_deal d ON d.subject = l.subject WHERE {where} AND l.flow = :flow AND l.account = 'place' "
        "AND l.at > :until AND d.created_at <= :until"
    )
    return f"{expected} AND d.created_at <= :until UNION ALL {later}", values


def _slot_of(key: str | None, subject: str) -> str:
    return key.removeprefix(subject + "/").rpartition("/")[0] if key else ""


# --- one deal, whole --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OperationView:
    """An operation with everything its figures come from."""

    operation: Operation
    gives: Money | None
    gets: Money | None
    partner_takes: Money | None
    partner_gives: Money | None
    profit: Money | None
    workings: Sequence[Working]
    reported: Mapping[str, Any] | None


@dataclass(frozen=True)
class DealView:
    """A deal as the books know it: facts, figures, postings, changes."""

    deal: Deal
    operations: Sequence[OperationView]
    entries: Sequence[Any]  #: journal rows (kernel.ledger.Entry), oldest first
    changes: Sequence[Mapping[str, Any]]  #: who, when, and from what to what


def deal_view(unit: Unit, subject: str) -> DealView | None:
    deal = load_deal(unit.tx, subject)
    if deal is None:
        return None
    zone = unit.portal.zone
    reported = {
        row["op"]: row
        for row in unit.tx.all("SELECT * FROM exchange_operation WHERE subject = :s AND reported IS NOT NULL", s=subject)
    }
    views = []
    for op in deal.operations:
        part = figures(op) if op.is_exchange else None
        views.append(
            OperationView(
                op,
                part.gives if part else None,
                part.gets if part else None,
                part.partner_takes if part else None,
                part.partner_gives if part else None,
                part.profit if part else None,
                workings(op) if part else (),
                reported.get(op.key),
            )
        )
    entries = unit.portal.books.book(BOOK).entries(unit.tx, subject)
    changes = [
        {"at": from_micros(entry.recorded_at, zone), "author": entry.author, "trace": entry.trace, **change}
        for entry in entries
        if entry.kind == "deal"
        for change in entry.body["changes"]
    ]
    return DealView(deal, views, entries, changes)
