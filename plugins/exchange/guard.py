"""Before a change is booked: would it use other clients' money, or leave a place with less than nothing?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kernel.errors import Refused
from kernel.extension.portal import Unit
from kernel.ledger import Draft
from kernel.texts import translate
from kernel.values import format_minor, from_micros, to_micros
from plugins.exchange import places, store
from plugins.exchange.accounts import BOOK
from plugins.exchange.model import CANCELLED, CLOSED, STAGES, Deal, rank
from plugins.exchange.places import Low
from plugins.exchange.postings import postings
from plugins.exchange.rules import Step, fresh_payouts, payout_refusal, timed
from plugins.exchange.settings import ExchangeSettings


@dataclass(frozen=True)
class Judgement:
    """Why a deal may not be booked as it stands, or what its people are told if it is."""

    refusal: Refused | None = None
    warnings: tuple[str, ...] = ()


def guarded(unit: Unit, before: Deal | None, step: Step, settings: ExchangeSettings) -> Step:
    """The same step, or the one before it if a payout would take other clients' money, or what its place has not got."""
    judged = judge(unit, step.deal, settings)
    if judged.refusal is None:
        if judged.warnings:
            _comment(unit, step.deal, "warn", "\n".join(judged.warnings))
        return step
    was = before.stage if before else "new"
    held_back = replace(step.deal.at_stage(was), entered=before.entered if before else {})
    if was == step.deal.stage or judge(unit, held_back, settings).refusal:
        # The payout does not come from the move alone (a row was changed, too): keep what was accepted before.
        held_back = before or held_back.at_stage("new")
    return Step(held_back, judged.refusal)


def judge(unit: Unit, deal: Deal, settings: ExchangeSettings) -> Judgement:
    """Holds the books until the end of the unit of work: two deals that empty one place are judged one after the other."""
    portal, language = unit.portal, unit.portal.mapping.portal.language
    book = portal.books.book(BOOK)
    drafts = book.preview(unit.tx, deal.subject, postings(deal, portal.zone))
    if not drafts:
        return Judgement()
    balances = book.balances(unit.tx, sorted(fresh_payouts(drafts)))
    refusal = payout_refusal(balances, drafts, portal.currencies)
    if refusal and settings.payout_guard == "refuse":
        return Judgement(refusal)
    warnings = [translate(language, "payout_warned", **refusal.values)] if refusal else []
    for low in below_zero(unit, drafts):
        values = low_values(unit, low)
        if low.fresh and settings.below_zero == "refuse":
            return Judgement(Refused.of("below_zero_refused", **values))
        warnings.append(translate(language, "below_zero_warned", **values))
    return Judgement(warnings=tuple(warnings))


def tell_ahead(unit: Unit, deal: Deal, settings: ExchangeSettings) -> None:
    """What moving the deal on would leave below zero is told while it can still be thought over; once for each stage."""
    following = CLOSED if not deal.exchanges else STAGES[min(rank(deal.stage) + 1, len(STAGES) - 1)]
    if deal.stage in (CANCELLED, CLOSED) or deal.custody or (deal.exchanges and deal.client is None):
        return  # what is kept until a date is not about to be paid out
    portal = unit.portal
    there = timed(deal, deal.at_stage(following), to_micros(unit.now))
    book = portal.books.book(BOOK)
    drafts = book.preview(unit.tx, deal.subject, postings(there, portal.zone))
    if settings.payout_guard == "refuse":
        balances = book.balances(unit.tx, sorted(fresh_payouts(drafts)))
        if payout_refusal(balances, drafts, portal.currencies):
            return  # it is put back and told then: nothing can be booked unawares
    found = [low for low in below_zero(unit, drafts) if low.fresh]
    if not found:
        return
    stage = portal.mapping.entity("deal").stage[following].label
    code = "below_zero_would_be_refused" if settings.below_zero == "refuse" else "below_zero_ahead"
    language = portal.mapping.portal.language
    text = "\n".join(translate(language, code, stage=stage, **low_values(unit, low)) for low in found)
    _comment(unit, deal, f"ahead:{deal.stage}", text, once="/".join(f"{low.currency}@{low.place}" for low in found))


def below_zero(unit: Unit, drafts: Sequence[Draft]) -> list[Low]:
    """The places that the drafts would bring below zero, from what stands there now and moved since."""
    tracks = {spot: store.track(unit.tx, spot, min(deltas)) for spot, deltas in places.leaving(drafts).items()}
    return places.lows(tracks, drafts)


def low_values(unit: Unit, low: Low) -> Mapping[str, str]:
    """The words of a message about it: the place, what it holds and would hold, when, and where there is enough."""
    portal, language = unit.portal, unit.portal.mapping.portal.language
    currency = portal.currencies.get(low.currency)
    wanted = low.before - max(0, low.after)
    elsewhere = "".join(
        translate(language, "below_zero_elsewhere", place=place, held=format_minor(held, currency), currency=low.currency)
        for place, held in sorted(store.held_at_places(unit.tx, low.currency).items())
        if place != low.place and held >= max(1, wanted)
    )
    when = from_micros(low.at, portal.zone).strftime("%d.%m.%Y %H:%M")
    return {
        "place": low.place, "currency": low.currency, "elsewhere": elsewhere,
        "held": format_minor(low.before, currency), "after": format_minor(low.after, currency),
        "when": translate(language, "below_zero_then", when=when) if low.past else "",
    }  # fmt: skip


def _comment(unit: Unit, deal: Deal, kind: str, text: str, *, once: str = "") -> None:
    if deal.record_id:
        digest = hashlib.sha256(f"{deal.subject}{once or text}".encode()).hexdigest()
        unit.comment("deal", deal.record_id, text, key=f"{kind}:{digest[:32]}")
