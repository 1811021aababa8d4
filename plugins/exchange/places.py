"""Places that hold less than nothing: no cash desk can, so it is told before it is booked. Values in, values out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from kernel.ledger.model import Draft
from plugins.exchange.accounts import PLACE

Spot = tuple[str, str]  #: currency, place
Deltas = Mapping[int, int]  #: moment (microseconds) -> amount that moves then


@dataclass(frozen=True)
class Track:
    """What a place holds of a currency now, and what moved there since some moment, that one included."""

    held: int
    moves: Deltas


@dataclass(frozen=True)
class Low:
    """A place that would hold less than nothing, and less than without the change."""

    currency: str
    place: str
    at: int
    before: int  #: held at that moment without the change
    after: int
    past: bool  #: by now it is no longer so: money that came later covers it
    fresh: bool  #: money leaves that did not leave before; else something booked is corrected


def leaving(drafts: Iterable[Draft]) -> dict[Spot, Deltas]:
    """Where the drafts leave less than there was, at any moment; a reversal and its replacement are one change."""
    found: dict[Spot, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for draft in drafts:
        for leg in draft.legs:
            if leg.account == PLACE:
                found[leg.currency, leg.place][draft.at] += leg.amount
    return {spot: deltas for spot, deltas in found.items() if min(accumulate(deltas[at] for at in sorted(deltas))) < 0}


def fresh_spots(drafts: Sequence[Draft]) -> set[Spot]:
    """Where money leaves by a posting that corrects none."""
    corrected = {draft.body["slot"] for draft in drafts if draft.kind == "reversal"}
    return {
        (leg.currency, leg.place)
        for draft in drafts
        if draft.kind == "posting" and draft.body["slot"] not in corrected
        for leg in draft.legs
        if leg.account == PLACE and leg.amount < 0
    }


def lows(tracks: Mapping[Spot, Track], drafts: Sequence[Draft]) -> list[Low]:
    """Each place that the drafts would bring below zero, or further below; `tracks` for all that they leave."""
    fresh = fresh_spots(drafts)
    found = []
    for spot, deltas in sorted(leaving(drafts).items()):
        if low := _lowest(spot, tracks[spot], deltas, spot in fresh):
            found.append(low)
    return found


def _lowest(spot: Spot, track: Track, deltas: Deltas, fresh: bool) -> Low | None:
    """How it would stand in the end, if that is below zero; else the lowest moment until then."""
    before = after = track.held - sum(track.moves.values())
    worst = None
    moments = sorted({*track.moves, *deltas})
    for at in moments:
        before += track.moves.get(at, 0)
        after += track.moves.get(at, 0) + deltas.get(at, 0)
        if after < min(0, before) and (worst is None or at == moments[-1] or after < worst.after):
            worst = Low(*spot, at, before, after, past=at != moments[-1], fresh=fresh)
    return worst
