"""The board «Табло»: per currency and place what is held, and whose it is; now or as of any past moment.

A past moment means: as we know it today. A correction made since then shows, since it carries the time of what it corrects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from kernel.extension.portal import Unit
from kernel.storage import Row, Tx
from kernel.values import Currency, day_start, format_minor, to_micros
from plugins.exchange.accounts import (
    BALANCES,
    BOOK,
    CLIENT,
    COMMISSION,
    FEES,
    LEGS,
    OWN_ACCOUNTS,
    PARTNER,
    PROFIT,
)
from plugins.exchange.deleted import deals_shown
from plugins.exchange.model import Money
from plugins.exchange.rates import Rates, format_rate
from plugins.exchange.settings import ExchangeSettings

COLUMNS = (
    "held", "own", "owed", "custody", "in_today", "out_today", "pending_in", "pending_out", "available", "profit",
    "commission", "fees", "with_partners", "owed_by_clients",
)  # fmt: skip


@dataclass
class Line:
    """One currency in one place (or in all of them together), in minor units."""

    currency: Currency
    place: str = ""
    held: int = 0
    own: int = 0  #: held less what is owed to clients and kept for them
    owed: int = 0  #: to clients, less what clients owe
    custody: int = 0
    in_today: int = 0
    out_today: int = 0
    pending_in: int = 0
    pending_out: int = 0
    available: int = 0  #: what the desk may spend without touching clients' money
    profit: int = 0
    commission: int = 0
    fees: int = 0
    with_partners: int = 0
    owed_by_clients: int = 0

    def data(self) -> dict[str, str]:
        """The shape of the interfaces."""
        found = {"currency": self.currency.code, "place": self.place} if self.place else {"currency": self.currency.code}
        return found | {name: format_minor(getattr(self, name), self.currency) for name in COLUMNS}


@dataclass(frozen=True)
class Worth:
    """A total in the report currency; None where a rate is not known, and the currencies without one."""

    column: str
    money: Money | None
    missing: tuple[str, ...] = ()
    parts: tuple[tuple[Money, Money | None, str, str], ...] = ()  #: amount, its worth, rate, source


@dataclass(frozen=True)
class Board:
    as_of: datetime
    report_currency: Currency
    rows: tuple[Line, ...]
    totals: tuple[Line, ...]
    worth: tuple[Worth, ...] = field(default=())
    deleted: tuple[Mapping[str, Any], ...] = ()  #: deals deleted in the CRM that these figures count; of now only

    @property
    def below_zero(self) -> tuple[Line, ...]:
        """Places that hold less than nothing of a currency, which no place can: something is missing or misplaced."""
        return tuple(line for line in self.rows if line.held < 0)

    def data(self) -> dict[str, Any]:
        return {
            "as_of": self.as_of.isoformat(timespec="seconds"),
            "report_currency": self.report_currency.code,
            "rows": [line.data() for line in self.rows],
            "totals": [line.data() for line in self.totals],
            "worth": {
                worth.column: {
                    "amount": format_minor(worth.money.minor, worth.money.currency) if worth.money else None,
                    "no_rate": list(worth.missing),
                }
                for worth in self.worth
            },
            "below_zero": [
                {"currency": line.currency.code, "place": line.place, "held": format_minor(line.held, line.currency)}
                for line in self.below_zero
            ],
            "deleted": [
                {
                    **one,
                    "since": datetime.fromtimestamp(one["since"] // 10**6, self.as_of.tzinfo).isoformat(timespec="seconds"),
                }
                for one in self.deleted
            ],
        }


def board(unit: Unit, at: datetime | None = None) -> Board:
    """The board at a moment (now if none is given)."""
    portal = unit.portal
    settings = portal.settings("exchange", ExchangeSettings)
    moment = (at or unit.now).astimezone(portal.zone)
    rows: dict[tuple[str, str], Line] = {}

    def line(code: str, place: str) -> Line:
        if (code, place) not in rows:
            rows[code, place] = Line(portal.currencies.get(code), place)
        return rows[code, place]

    claims: dict[tuple[str, str], int] = defaultdict(int)
    until = to_micros(moment) if at else None
    for row in _balances(unit, until):
        here, amount = line(row["currency"], row["place"]), int(row["amount"])
        _add(here, row["account"], amount)
        if row["account"] == CLIENT:
            claims[row["currency"], row["party"]] += amount
    for row in _today(unit.tx, to_micros(day_start(moment.date(), portal.zone)), to_micros(moment)):
        here = line(row["currency"], row["place"])
        if row["flow"] == "in":
            here.in_today += int(row["amount"])
        else:
            here.out_today -= int(row["amount"])
    for row in _pending(unit.tx, until):
        here = line(row["currency"], row["place"])
        setattr(here, f"pending_{row['flow']}", getattr(here, f"pending_{row['flow']}") + int(row["amount"]))
    ordered = tuple(rows[key] for key in sorted(rows))
    totals = _totals(ordered, claims)
    for here in ordered:
        here.available = max(0, here.own)
    report = portal.currencies.get(settings.report_currency)
    rates = Rates.load(unit.tx, days_max=settings.rate_days)
    worth = tuple(_worth(name, totals, rates, report, moment) for name in ("held", "own", "owed", "custody", "profit"))
    return Board(moment, report, ordered, totals, worth, () if at else tuple(deals_shown(unit)))


def _add(line: Line, account: str, amount: int) -> None:
    match account:
        case "place":
            line.held += amount
        case "client":
            line.owed -= amount
        case "custody":
            line.custody -= amount
        case _ if account in OWN_ACCOUNTS:
            line.own -= amount
    if account == PROFIT:
        line.profit -= amount
    elif account == COMMISSION:
        line.commission -= amount
    elif account == FEES:
        line.fees += amount
    elif account == PARTNER:
        line.with_partners += amount


def _totals(rows: Iterable[Line], claims: Mapping[tuple[str, str], int]) -> tuple[Line, ...]:
    totals: dict[str, Line] = {}
    for row in rows:
        total = totals.setdefault(row.currency.code, Line(row.currency))
        for name in (f.name for f in fields(Line) if f.name not in ("currency", "place")):
            setattr(total, name, getattr(total, name) + getattr(row, name))
    for (code, _party), amount in claims.items():
        if amount > 0:
            totals[code].owed_by_clients += amount
    for total in totals.values():
        # What one client owes the desk does not make smaller what it owes to another.
        total.available = max(0, total.own - total.owed_by_clients)
    return tuple(totals[code] for code in sorted(totals))


def _balances(unit: Unit, until: int | None) -> list[Row]:
    if until is None:
        return unit.tx.all(f"SELECT account, party, currency, place, amount FROM {BALANCES} AS b")
    return unit.portal.books.book(BOOK).balances_at(unit.tx, until)


def _today(tx: Tx, start: int, end: int) -> list[Row]:
    return tx.all(
        f"SELECT currency, place, flow, SUM(amount) AS amount FROM {LEGS} AS l WHERE at >= :s AND at <= :e AND flow <> '' "
        "AND account = 'place' GROUP BY currency, place, flow",
        s=start, e=end,
    )  # fmt: skip


def _pending(tx: Tx, until: int | None) -> list[Row]:
    """Expected ins and outs. For a past moment also what was only booked after it, of deals that existed then."""
    if until is None:
        return tx.all(
            "SELECT currency, place, flow, SUM(amount) AS amount FROM exchange_pending GROUP BY currency, place, flow"
        )
    return tx.all(
        "SELECT currency, place, flow, SUM(amount) AS amount FROM ("
        "SELECT p.currency, p.place, p.flow, p.amount FROM exchange_pending p JOIN exchange_deal d ON d.subject = p.subject "
        "WHERE d.created_at <= :until UNION ALL "
        f"SELECT l.currency, l.place, l.flow, CASE WHEN l.flow = 'in' THEN l.amount ELSE -l.amount END FROM {LEGS} AS l "
        "JOIN exchange_deal d ON d.subject = l.subject "
        "WHERE d.created_at <= :until AND l.at > :until AND l.account = 'place' AND l.flow <> '') AS x "
        "GROUP BY currency, place, flow HAVING SUM(amount) <> 0",
        until=until,
    )


def _worth(column: str, totals: Iterable[Line], rates: Rates, report: Currency, moment: datetime) -> Worth:
    parts: list[tuple[Money, Money | None, str, str]] = []
    missing: list[str] = []
    total = 0
    for line in totals:
        money = Money(getattr(line, column), line.currency)
        if not money.minor:
            continue
        valued = rates.value(money, report, moment.date())
        if valued is None:
            missing.append(money.currency.code)
            parts.append((money, None, "", ""))
        else:
            total += valued.money.minor
            parts.append((money, valued.money, format_rate(valued.rate), valued.source))
    return Worth(column, None if missing else Money(total, report), tuple(missing), tuple(parts))
