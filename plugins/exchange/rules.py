"""Decisions about a deal: which facts to accept, which move to refuse and why. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from kernel.errors import Refused
from kernel.ledger.model import Draft
from kernel.values import Currencies, format_minor
from plugins.exchange.accounts import CLIENT, CUSTODY, PLACE
from plugins.exchange.model import CANCELLED, CUSTODY_OUT, NEW, PARTNER_PAID, STAGES, Deal, deal_data, rank
from plugins.exchange.settings import ExchangeSettings


@dataclass(frozen=True)
class Step:
    """What to accept; with a refusal, the CRM's stage goes back to `deal.stage`."""

    deal: Deal
    refusal: Refused | None = None


def advance(
    before: Deal | None, read: Deal, settings: ExchangeSettings, *, now: int, today: date, labels: Mapping[str, str]
) -> Step:
    """The deal as it may stand now: stages timed, custody dated, a jump allowed or refused."""
    was = before.stage if before else NEW
    refusal = None
    if settings.jump == "refuse" and read.exchanges and read.stage != CANCELLED and rank(read.stage) > rank(was) + 1:
        wanted = STAGES[rank(was) + 1]
        refusal = Refused.of("jump_refused", before=labels.get(was, was), next=labels.get(wanted, wanted))
        read = read.at_stage(was)
    return Step(custody_dated(timed(before, read, now), settings, today), refusal)


def timed(before: Deal | None, read: Deal, now: int) -> Deal:
    """Each stage keeps the moment it was first entered; stages no longer reached lose theirs."""
    known = dict(before.entered) if before else {}
    if read.stage == CANCELLED:
        return replace(read, entered=known)
    entered = {stage: known.get(stage, now) for stage in STAGES[1:] if rank(stage) <= rank(read.stage)}
    if rank(read.stage) >= rank(PARTNER_PAID):
        for op in read.operations:
            if op.kind == CUSTODY_OUT:
                entered[f"custody:{op.key}"] = known.get(f"custody:{op.key}", now)
    return replace(read, entered=entered)


def custody_dated(deal: Deal, settings: ExchangeSettings, today: date) -> Deal:
    """A deal that keeps money has a date: its own, or the default term from today."""
    if deal.custody and deal.custody_until is None and deal.exchanges:
        return replace(deal, custody_until=today + timedelta(days=settings.custody_days))
    return deal


def changed_inputs(before: Deal | None, after: Deal) -> list[dict[str, Any]]:
    """From what to what, input by input: `{"op": "2", "field": "client_rate", "old": "41.2", "new": "41.3"}`."""
    old, new = deal_data(before) if before else {}, deal_data(after)
    found = []

    def compare(op: str, left: Mapping[str, Any], right: Mapping[str, Any], skip: tuple[str, ...]) -> None:
        for name in [*right, *(name for name in left if name not in right)]:
            if name not in skip and left.get(name) != right.get(name):
                found.append({"op": op, "field": name, "old": left.get(name), "new": right.get(name)})

    compare("", old, new, ("operations", "entered", "created_at", "url"))
    olds = {op["key"]: op for op in old.get("operations", ())}
    news = {op["key"]: op for op in new["operations"]}
    for key in [*news, *(key for key in olds if key not in news)]:
        left, right = olds.get(key, {}), news.get(key, {})
        compare((right or left)["number"], left, right, ("key", "number", "scales"))
    return found


@dataclass(frozen=True)
class Position:
    """One currency's money in the desk: what is held, what belongs to clients."""

    held: int
    clients: int


def positions(balances: Iterable[Mapping[str, Any]], drafts: Iterable[Draft]) -> dict[str, Position]:
    """Per currency, after the drafts: held, and all that is owed to clients or kept for them. Nobody's debt to the desk
    makes what it owes to another client smaller."""
    held: dict[str, int] = {}
    claims: dict[tuple[str, str, str], int] = {}

    def add(account: str, party: str, currency: str, amount: int) -> None:
        if account == PLACE:
            held[currency] = held.get(currency, 0) + amount
        elif account in (CLIENT, CUSTODY):
            key = (account, party, currency)
            claims[key] = claims.get(key, 0) + amount

    for row in balances:
        add(row["account"], row["party"], row["currency"], int(row["amount"]))
    for draft in drafts:
        for leg in draft.legs:
            add(leg.account, leg.party, leg.currency, leg.amount)
    owed: dict[str, int] = {}
    for (_, _, currency), amount in claims.items():
        owed[currency] = owed.get(currency, 0) + max(0, -amount)
    return {code: Position(held.get(code, 0), owed.get(code, 0)) for code in {*held, *owed}}


def fresh_payouts(drafts: Sequence[Draft]) -> dict[str, int]:
    """Money newly leaving the desk, per currency. A correction of what had left before is not a new payout."""
    corrected = {draft.body["slot"] for draft in drafts if draft.kind == "reversal"}
    out: dict[str, int] = {}
    for draft in drafts:
        if draft.kind == "posting" and draft.body["slot"] not in corrected:
            for leg in draft.legs:
                if leg.account == PLACE and leg.amount < 0 and leg.flow == "out":
                    out[leg.currency] = out.get(leg.currency, 0) - leg.amount
    return out


def payout_refusal(balances: Iterable[Mapping[str, Any]], drafts: Sequence[Draft], currencies: Currencies) -> Refused | None:
    """Why the new payouts may not be made: they would leave less in the desk than belongs to clients."""
    out = fresh_payouts(drafts)
    if not out:
        return None
    after = positions(balances, drafts)
    for currency_code, amount in sorted(out.items()):
        position = after[currency_code]
        if position.held < position.clients:
            currency = currencies.get(currency_code)
            return Refused.of(
                "payout_uses_others",
                amount=f"{format_minor(amount, currency)} {currency_code}",
                currency=currency_code,
                held=format_minor(position.held, currency),
                needed=format_minor(position.clients, currency),
                short=format_minor(position.clients - position.held, currency),
            )
    return None
