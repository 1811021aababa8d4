"""A partner's page: requests, settlements, analytics; and the list of all partners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kernel.conversations import reading
from kernel.extension.portal import Unit
from kernel.values import from_micros
from plugins.exchange.api import Money, PartnerOperation, Sums, by_month, open_deals, partner_operations, sums_of
from plugins.partners import store
from plugins.partners.sight import Sight
from plugins.partners.store import Partner

OPEN, MONTH, ALL = "open", "month", "all"
SPANS = (OPEN, MONTH, ALL)
REQUESTS_MAX, MONTHS = 200, 12
ENDED = ("closed", "cancelled")


@dataclass
class Request:
    """A deal with the partner: its operations, with the partner's figures alone."""

    record_id: str
    number: str
    stage: str
    at: datetime
    manager: str
    operations: list[PartnerOperation] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A partner in the list."""

    partner: Partner
    last_at: datetime | None
    open: int
    whole: bool  #: whether the reader may act on it


def rows(unit: Unit, sight: Sight) -> list[Row]:
    """The partners whom the reader may know of, by name."""
    open_of, own = open_deals(unit), store.deals_of_person(unit.tx, sight.person)
    last = {row["id"]: row["last_at"] for row in unit.tx.all("SELECT id, last_at FROM thread WHERE subject <> ''")}
    found = []
    for one in store.partners(unit.tx):
        if not sight.partner(one.id):
            continue
        whole, records = sight.whole(one.id) or sight.settlements, open_of.get(one.id, frozenset())
        count = len(records) if whole else sum(1 for record in records if f"deal:{record}" in own)
        at = _last_seen(unit, sight, one) if not sight.whole(one.id) else last.get(one.thread)
        moment = from_micros(at, unit.portal.zone) if isinstance(at, int) else at
        found.append(Row(one, moment, count, sight.whole(one.id)))
    return found


def _last_seen(unit: Unit, sight: Sight, one: Partner) -> datetime | None:
    if not one.thread:
        return None
    lines = reading.messages(unit.tx, sight.scope, reading.Filter(threads=(one.thread,)), most=1, plain=True)
    return lines[0].at.astimezone(unit.portal.zone) if lines else None


def requests(unit: Unit, sight: Sight, one: Partner, span: str) -> list[Request]:
    """Their deals, newest first: those still open, those of this month, or all."""
    local = unit.now.astimezone(unit.portal.zone)
    since = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0) if span == MONTH else None
    found: dict[str, Request] = {}
    for op in _allowed(unit, sight, one, partner_operations(unit, one.id, since=since)):
        if span == OPEN and op.stage in ENDED:
            continue
        deal = found.setdefault(op.record_id, Request(op.record_id, op.number, op.stage, op.at, op.manager))
        deal.operations.append(op)
    return list(found.values())[:REQUESTS_MAX]


@dataclass(frozen=True)
class Earned:
    """What was done with a partner, as far as the reader may know."""

    all: Sums
    months: Sequence[tuple[str, Sums]]
    partly: bool  #: deals of others are left out


def earned(unit: Unit, sight: Sight, one: Partner) -> Earned:
    operations = partner_operations(unit, one.id)
    if not (sight.everything or sight.settlements):
        operations = _own(unit, sight, operations, "manager")
    months = list(by_month(operations, _months(unit.now.astimezone(unit.portal.zone))).items())
    return Earned(sums_of(operations), months, not (sight.everything or sight.settlements))


def _allowed(
    unit: Unit, sight: Sight, one: Partner, operations: Sequence[PartnerOperation]
) -> Sequence[PartnerOperation]:  # fmt: skip
    whole = sight.whole(one.id) or sight.settlements
    return operations if whole else _own(unit, sight, operations)


def _own(unit: Unit, sight: Sight, operations: Sequence[PartnerOperation], role: str = "") -> list[PartnerOperation]:
    own = store.deals_of_person(unit.tx, sight.person, role)
    return [op for op in operations if f"deal:{op.record_id}" in own]


def managed(unit: Unit, sight: Sight) -> frozenset[str]:
    """The records of deals whose partner's figures the reader may see though they do not lead the partner."""
    return store.deals_of_person(unit.tx, sight.person, "manager")


def _months(now: datetime) -> list[str]:
    """The last twelve, newest first."""
    whole = now.year * 12 + now.month - 1
    return [f"{(whole - n) // 12}-{(whole - n) % 12 + 1:02d}" for n in range(MONTHS)]


def turnover_share(months: Sequence[tuple[str, Sums]]) -> Mapping[str, Mapping[str, int]]:
    """By month and currency: percent of that currency's best month, for bars."""
    best: dict[str, int] = {}
    for _, sums in months:
        for code, money in sums.turnover.items():
            best[code] = max(best.get(code, 0), abs(money.minor))
    return {month: {code: _share(money, best[code]) for code, money in sums.turnover.items()} for month, sums in months}


def _share(money: Money, best: int) -> int:
    return round(100 * abs(money.minor) / best) if best else 0
