"""Where a message from Telegram lands (rows 1 to 7 of PT-04): a deal, the partner's card, or among the unrecognised."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from plugins.partners.rules.codes import code_fits, find_code_line
from plugins.partners.rules.folding import visible

_NUMBER = re.compile(r"[\s\"'«(\[]*[#№]\s*([0-9]{1,20})(?![0-9A-Za-z_]|[^\W\d_]|[.,:'][0-9])")


class DealState(StrEnum):
    """How a deal stands to this partner now."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MOVED = "moved"  #: another partner's by now
    GONE = "gone"  #: deleted in the CRM


@dataclass(frozen=True, slots=True)
class PartnerDeal:
    """A deal that is or was this partner's."""

    subject: str
    number: str
    state: DealState = DealState.OPEN


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """The message that is answered, as the update gives it and as we know it."""

    ours: bool  #: our bot wrote it
    known: bool = False  #: its id stands in our records
    deal: str = ""  #: of a known one: the subject of the deal it belongs to; empty for the card's and for lists of deals
    text: str = ""
    elsewhere: bool = False  #: in another chat, or a service message, or a forum's «topic created»


@dataclass(frozen=True, slots=True)
class Came:
    """What the routing has to know of a message. `deals` are this partner's."""

    text: str = ""
    reply: ReplyTo | None = None
    own_chat: bool = False  #: the bound group of the partner
    private: bool = False
    author_known: bool = False  #: in private: known as this partner's
    deals: Sequence[PartnerDeal] = ()
    chats: Sequence[str] = ()  #: this chat's id, and those it had before an upgrade


class To(StrEnum):
    DEAL = "deal"
    CARD = "card"
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True)
class Route:
    """Where it lands and why. `notes` are codes of texts for staff, to be written below the message."""

    to: To
    row: int  #: of PT-04's table; 0 for a group that is nobody's
    reason: str
    deal: str = ""
    also: tuple[str, ...] = ()  #: deals that get one line saying where the message is
    notes: tuple[str, ...] = ()
    learn: bool = False  #: the id of the message that was answered now belongs to `deal`
    tell_manager: bool = False  #: the deal is finished
    say_group: bool = False  #: answer «Пишіть у групу», once a day
    say_unknown: bool = False  #: the same words for all, at most five a day


def route(came: Came, secret: bytes) -> Route:
    """The first row that fits. An edit of an earlier message does not come here: it stays where the first version went."""
    if came.private:
        if came.author_known:
            return Route(To.CARD, 6, "private, a person of this partner", say_group=True)
        return Route(To.UNRECOGNISED, 7, "private, from somebody unknown", say_unknown=True)
    if not came.own_chat:
        return Route(To.UNRECOGNISED, 0, "a group that is bound to no partner")
    number = find_number(came.text)
    replied, row, reason, learn = _replied_deal(came, secret)
    if number and (named := [deal for deal in came.deals if deal.number == number]):
        also = (replied,) if replied and replied != named[0].subject and _stands(came.deals, replied) else ()
        learnt = learn and replied == named[0].subject
        return _landed(came.deals, named[0].subject, 1, "begins with the deal's number", learn=learnt, also=also)
    notes = ("partners_note_number",) if number else ()
    if replied:
        return _landed(came.deals, replied, row, reason, learn=learn, notes=notes)
    return Route(To.CARD, 5, reason, notes=notes)


def find_number(text: str) -> str:
    """The number of `#5512` or `№5512` at the beginning of a message, in any digits, with blanks and punctuation around it.

    A number that goes on as a word or a fraction is none.
    """
    return part_number(text)[0]


def part_number(text: str) -> tuple[str, str]:
    """That number, and the rest of the message in plain letters and digits."""
    start = "".join(map(_ascii_digit, _without_marks(text)))
    found = _NUMBER.match(start)
    return (found[1], start[found.end() :].lstrip(" \t\n.,:;)]»\"'—–-")) if found else ("", start)


def _without_marks(text: str) -> str:
    """NFKC turns № into «No», so this one sign is kept aside; a keycap `#️⃣` loses its frame."""
    return "№".join(visible(part) for part in text.replace("\u20e3", "").split("№"))


def _ascii_digit(char: str) -> str:
    return str(unicodedata.decimal(char)) if unicodedata.category(char) == "Nd" else char


def _replied_deal(came: Came, secret: bytes) -> tuple[str, int, str, bool]:
    """The deal of the message that is answered, by which row, why, and whether its id is learnt."""
    reply = came.reply
    if reply is None or reply.elsewhere:
        return "", 5, "answers nothing" if reply is None else "answers another chat or a service message", False
    if reply.known:
        if not reply.deal:
            return "", 5, "answers a message that belongs to no single deal", False
        reason = "answers a message of ours" if reply.ours else "answers somebody's message that went to the deal"
        return reply.deal, 2 if reply.ours else 4, reason, False
    if not reply.ours:
        return "", 5, "answers somebody's message that we do not know", False
    line = find_code_line(reply.text)
    for deal in came.deals if line else ():
        if line and deal.number == line.number and code_fits(secret, deal.subject, came.chats, line.code):
            return deal.subject, 3, "answers a message of ours, recognised by its code", True
    return "", 5, "answers a message of ours without a right code", False


def _stands(deals: Sequence[PartnerDeal], subject: str) -> bool:
    return any(deal.subject == subject and deal.state not in (DealState.MOVED, DealState.GONE) for deal in deals)


def _landed(
    deals: Sequence[PartnerDeal], subject: str, row: int, reason: str, *, learn: bool = False, also: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Route:  # fmt: skip
    """In the deal if it still is this partner's, finished or not; else in the card, with a note."""
    state = next((deal.state for deal in deals if deal.subject == subject), DealState.GONE)
    if state in (DealState.MOVED, DealState.GONE):
        return Route(To.CARD, row, reason, also=also, notes=(*notes, f"partners_note_deal_{state}"))
    finished = state in (DealState.CLOSED, DealState.CANCELLED)
    if finished:
        notes = (*notes, f"partners_note_deal_{state}")
    return Route(To.DEAL, row, reason, subject, also, notes, learn, tell_manager=finished)
