"""What the address asks for: a moment, a page, a filter, and the quick choices of a period."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from kernel.errors import BadInput
from kernel.extension.portal import Portal
from kernel.web.dates import asked_day, asked_moment
from plugins.exchange.model import KINDS
from plugins.exchange.reports import Filter

Args = Mapping[str, str]


def moment_from(args: Args, portal: Portal) -> datetime | None:
    """The past moment asked for, in the desk's zone; None for now."""
    return asked_moment(args.get("at", ""), portal.zone, field="at")


def at_text(at: datetime | None) -> str | None:
    """The moment as it stands in our addresses."""
    return at.replace(tzinfo=None).isoformat() if at else None


def page_from(args: Args) -> int:
    text = args.get("page", "1")
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**6:
        raise BadInput.of("not_number", text=text[:20], field="page")
    return int(text)


def months(today: date) -> tuple[tuple[date, date], tuple[date, date]]:
    """This month and the one before, first and last day of each."""
    first = today.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    return (first, first.replace(day=monthrange(first.year, first.month)[1])), (before, first - timedelta(days=1))


def filter_from(args: Args, *, default: tuple[date, date] | None = None) -> Filter:
    """The filter in the address. Without `from` and `to` the default period counts; empty ones mean all time."""
    if default and "from" not in args and "to" not in args:
        start: date | None = default[0]
        end: date | None = default[1]
    else:
        start, end = (asked_day(args.get(name, ""), field=name) for name in ("from", "to"))
    kind = args.get("kind", "")
    if kind and kind not in KINDS:
        raise BadInput.of("not_choice", text=kind[:40], choices=", ".join(KINDS), field="kind")
    rest = {name: args.get(name, "").strip() for name in ("place", "manager", "partner", "client")}
    return Filter(start, end, kind=kind, currency=args.get("currency", "").strip().upper(), **rest)


def period_chips(wanted: Filter, today: date) -> list[tuple[str, dict[str, str], bool]]:
    """Quick choices of a period: text code, arguments, whether it is the one shown."""
    this, last = months(today)
    periods = [("today", (today, today)), ("month", this), ("last_month", last), ("all", (None, None))]
    return [
        (
            name,
            {"from": start.isoformat() if start else "", "to": end.isoformat() if end else ""},
            (wanted.start, wanted.end) == (start, end),
        )
        for name, (start, end) in periods
    ]
