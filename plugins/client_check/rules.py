"""What differs, and which button puts it right. Values in, values out: no clock, no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plugins.client_check.model import Action, Card, Difference, Number, Remedy
from plugins.opening.api import Unfinished

MICROS_OF_A_MINUTE = 60_000_000


@dataclass(frozen=True)
class Known:
    """What the judgement of one card needs beside it."""

    registered: str = ""  #: the ClientID that our own request brought for that card
    elsewhere: Mapping[str, Card] | None = None  #: cards by the ClientID they hold, as far as they were asked for


def no_number(card: Card, known: Known) -> Difference:
    """An active client without a ClientID."""
    right, why, values = _right_number(card, known)
    remedy = Remedy("write", right, card.entity, card.record) if right else Remedy("candidate", "", card.entity, card.record)
    return _of_card("no_number", card, card.since, remedy, why, values)


def unknown(card: Card, number: Number, known: Known) -> Difference:
    """The back office does not know the ClientID of the card."""
    right, why, values = _right_number(card, known)
    if right == card.client_id:  # the back office said itself that this is their number, so a person has to ask it
        right, why = "", "chk_why_disowned"
    remedy = Remedy("write", right, card.entity, card.record) if right else Remedy("drop", "", card.entity, card.record)
    return _of_card("unknown", card, number.since, remedy, why, values)


def _right_number(card: Card, known: Known) -> tuple[str, str, dict[str, str]]:
    """The ClientID that belongs into the card, if that is certain, with the words that say why, or why not."""
    if known.registered:
        return known.registered, "chk_why_registered", {"right": known.registered}
    if card.found is None:
        return "", "chk_why_not_found_out", {}
    if not card.found:
        return "", "chk_why_found_nobody", {}
    names = ", ".join(f"{one.client_id} ({one.name})" if one.name else one.client_id for one in card.found)
    if len(card.found) > 1:
        return "", "chk_why_found_several", {"found": names}
    [only] = card.found
    other = (known.elsewhere or {}).get(only.client_id)
    if other is not None and other.key != card.key:
        return "", "chk_why_found_elsewhere", {"found": names, "other": other.name or other.record}
    return only.client_id, "chk_why_found", {"found": names, "right": only.client_id}


def twice(cards: Sequence[Card], registered: str) -> Difference:
    """One ClientID in several cards. `registered`: key of the card that our own request brought it for, or empty. That one
    is proposed to keep it, else the one that had it first."""
    ordered = sorted(cards, key=lambda one: (f"{one.entity}:{one.record}" != registered, one.since, one.entity, one.record))
    first, number = ordered[0], ordered[0].client_id
    names = ", ".join(f"«{one.name or one.record}»" for one in ordered)
    return Difference(
        "twice", first.entity, first.record, first.name, number, max(one.since for one in ordered),
        tuple(dict.fromkeys(one.owner for one in ordered)),
        Remedy("keep_one", number, first.entity, first.record, tuple(ordered)), "chk_twice", "chk_why_twice",
        {"number": number, "cards": names, "count": str(len(ordered))},
    )  # fmt: skip


def registration(
    one: Unfinished, card: Card | None, now: int, *, unfinished_minutes: int, uncertain_minutes: int
) -> Difference | None:
    """A hand-over or a request that takes too long. `card`: the client's, as last seen."""
    minutes = unfinished_minutes if one.state == "accepted" else uncertain_minutes
    if now - one.since <= minutes * MICROS_OF_A_MINUTE:
        return None
    values = {"number": one.client_id, "step": one.step, "reason": one.reason}
    action: Action
    if one.state == "uncertain":
        action, kind, why = ("decide" if one.needs_person else "ask_now"), "uncertain", "chk_why_uncertain"
        if one.needs_person:
            why = "chk_why_decide"
    elif card is not None and card.client_id not in ("", one.client_id):
        action, kind, why = "fill_card", "unfinished", "chk_why_other_number"
        values["other"] = card.client_id
    else:
        action, kind, why = "go_on", "unfinished", "chk_why_stopped" if one.reason else "chk_why_step"
    return Difference(
        "uncertain" if kind == "uncertain" else "unfinished", one.entity, one.deal, one.name, one.client_id, one.since,
        (one.owner,), Remedy(action, one.client_id, one.entity, one.deal), f"chk_{kind}", why, values,
    )  # fmt: skip


@dataclass(frozen=True)
class Bin:
    """Whether a card that is gone can be brought back: the CRM has a bin; a try is under way; a try has failed."""

    there: bool = False
    trying: bool = False
    failed: bool = False


def removed(number: Number, successor: Card | None, bin: Bin) -> Difference | None:
    """A ClientID that stands in no card any more. `successor`: the card that took over the deals, as far as we know it."""
    if number.verdict == "unknown":
        return None  # nobody in the back office is called so: nothing is missing
    if number.how == "replaced" and number.verdict != "known":
        return None  # a slip of the pen, until the back office says otherwise
    values = {"number": number.client_id}
    if number.how != "gone":
        remedy = Remedy("write", number.client_id, number.entity, number.record)
        return _of_number(number, remedy, f"chk_{number.how}", "chk_why_removed", values)
    if number.moved_to:
        if successor is None or not successor.client_id:
            remedy = Remedy("write", number.client_id, number.entity, number.moved_to)
            return _of_number(number, remedy, "chk_merged", "chk_why_merged", values)
        values["other"] = successor.client_id
        return _of_number(number, Remedy("close"), "chk_merged", "chk_why_merged_two", values)
    if bin.trying:
        return _of_number(number, Remedy(""), "chk_gone", "chk_why_restoring", values)
    if bin.there and not bin.failed:
        return _of_number(
            number, Remedy("restore", "", number.entity, number.record), "chk_gone", "chk_why_gone", values
        )  # fmt: skip
    return _of_number(number, Remedy("close"), "chk_gone", "chk_why_gone_for_good", values)


def _of_card(kind: str, card: Card, since: int, remedy: Remedy, why: str, values: dict[str, str]) -> Difference:
    return Difference(
        "no_number" if kind == "no_number" else "unknown", card.entity, card.record, card.name, card.client_id, since,
        (card.owner,), remedy, f"chk_{kind}", why, {**values, "number": card.client_id},
    )  # fmt: skip


def _of_number(number: Number, remedy: Remedy, code: str, why: str, values: dict[str, str]) -> Difference:
    return Difference(
        "removed", number.entity, number.record, number.name, number.client_id, number.lost_at, (number.owner,), remedy,
        code, why, values,
    )  # fmt: skip
