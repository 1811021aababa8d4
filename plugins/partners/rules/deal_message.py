"""What a partner is told of a deal. The view can hold nothing else, so nothing else can be printed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kernel.texts import translate
from kernel.values import Pair, plain
from plugins.partners.rules.codes import code_line
from plugins.partners.rules.folding import one_line, shown
from plugins.partners.rules.numbers import Sum, amount_text, bare_amount, rate_text

PLACE_LENGTH_MAX, COMMENT_LENGTH_MAX = 120, 1000


@dataclass(frozen=True, slots=True)
class PartnerOperation:
    """One operation of the partner. Without a pair it is a move of money to them (`receives`) or from them (`gives`)."""

    pair: Pair | None = None
    receives: Sum | None = None
    gives: Sum | None = None
    rate: Decimal | None = None  #: the partner's
    place: str = ""  #: its public name
    comment: str = ""  #: «Коментар партнеру»


@dataclass(frozen=True, slots=True)
class PartnerView:
    """All that a partner may know of a deal: never the client, their rate, profit, notes, or another partner."""

    number: str
    operations: tuple[PartnerOperation, ...]

    @property
    def without_rate(self) -> bool:
        """Whether a number in an answer may be the rate that is asked for."""
        return any(op.pair and op.rate is None for op in self.operations)


class Notice(StrEnum):
    """What an answer under the deal's message says, besides a change."""

    WITHDRAWN = "withdrawn"  #: cancelled, or given to another partner
    CLOSED = "closed"


def message_text(view: PartnerView, code: str, language: str) -> str:
    """The deal's message, a block for each operation, with the code line last."""
    blocks = ["\n".join(_block(view.number, op, language)) for op in view.operations]
    ask = translate(language, "partners_reply_here")
    return "\n\n".join(blocks) + f"\n{code_line(one_line(view.number), code)} · {ask}"


def change_text(old: PartnerView, new: PartnerView, code: str, language: str) -> str:
    """The answer under the edited message, since an edit notifies nobody. Empty if nothing that the partner sees changed."""
    if old.number != new.number:
        raise ValueError(f"views of two deals: {old.number} and {new.number}")
    changes = _changes(old.operations, new.operations, language)
    if not changes:
        return ""
    said = translate(language, "partners_changed", changes="; ".join(changes))
    return f"{said}\n{code_line(one_line(new.number), code)}"


def notice_text(notice: Notice, number: str, code: str, language: str) -> str:
    return f"{translate(language, f'partners_deal_{notice}')}\n{code_line(one_line(number), code)}"


def content_hash(view: PartnerView) -> str:
    """Of what the partner sees; another language or wording of it is no change."""
    body = [one_line(view.number), [_facts(op) for op in view.operations]]
    return hashlib.sha256(json.dumps(body, ensure_ascii=True).encode()).hexdigest()[:32]


def message_key(subject: str, partner: str, view: PartnerView, turn: int = 0) -> str:
    """The same view sent twice has one effect. `turn` counts returns to a view that was shown before (A, B, A), which are
    messages of their own."""
    return f"deal:{subject}:{partner}:{content_hash(view)}" + (f":{turn}" if turn else "")


def _facts(op: PartnerOperation) -> list[str]:
    sums = [f"{one.minor} {one.currency.code} {one.currency.scale}" if one else "" for one in (op.receives, op.gives)]
    rate = plain(op.rate) if op.rate is not None else ""
    return [str(op.pair or ""), *sums, rate, _place(op), _comment(op)]


def _place(op: PartnerOperation) -> str:
    return one_line(op.place, PLACE_LENGTH_MAX)


def _comment(op: PartnerOperation) -> str:
    return shown(op.comment, COMMENT_LENGTH_MAX)


def _block(number: str, op: PartnerOperation, language: str) -> list[str]:
    what = str(op.pair) if op.pair else translate(language, "partners_move")
    lines = [translate(language, "partners_deal_head", number=one_line(number), what=what)]
    if op.receives:
        lines.append(translate(language, "partners_receives", amount=amount_text(op.receives, language)))
    if op.gives:
        lines.append(translate(language, "partners_gives", amount=amount_text(op.gives, language)))
    if op.pair and op.rate is None:
        lines.append(translate(language, "partners_rate_wanted"))
    elif op.pair and op.rate is not None:
        lines[-1] += " · " + translate(language, "partners_rate", rate=rate_text(op.rate, language))
    if place := _place(op):
        lines.append(translate(language, "partners_place", place=place))
    if comment := _comment(op):
        lines.append(translate(language, "partners_comment", comment=comment))
    return lines


def _changes(old: Sequence[PartnerOperation], new: Sequence[PartnerOperation], language: str) -> list[str]:
    """Operations that stayed as they are pair off first; the rest by pair, in their order; what is left came or went."""
    gone, come = _left(old, new), _left(new, old)
    said = []
    for op in list(come):
        before = next((one for one in gone if one.pair == op.pair and _side(one) == _side(op)), None)
        if before is None:
            continue
        gone.remove(before)
        come.remove(op)
        start = f"{op.pair}: " if op.pair and len(new) > 1 else ""
        said.append(start + "; ".join(_differences(before, op, language)))
    said += [translate(language, "partners_gone", operation=_summary(op, language)) for op in gone]
    said += [translate(language, "partners_come", operation=_summary(op, language)) for op in come]
    return said or _order(old, new, language)


def _order(old: Sequence[PartnerOperation], new: Sequence[PartnerOperation], language: str) -> list[str]:
    same = [_facts(op) for op in old] == [_facts(op) for op in new]
    return [] if same else [translate(language, "partners_order_changed")]


def _side(op: PartnerOperation) -> tuple[str, str]:
    """Which way the money goes; the other side's currency may be unknown as long as the rate is."""
    if not op.pair:
        return (op.receives.currency.code if op.receives else "", op.gives.currency.code if op.gives else "")
    gets_base = (
        op.receives.currency == op.pair.base if op.receives else bool(op.gives and op.gives.currency == op.pair.quote)
    )
    return ("base", "") if gets_base else ("", "base")


def _left(these: Sequence[PartnerOperation], those: Sequence[PartnerOperation]) -> list[PartnerOperation]:
    other = Counter(json.dumps(_facts(op)) for op in those)
    left = []
    for op in these:
        facts = json.dumps(_facts(op))
        if other[facts]:
            other[facts] -= 1
        else:
            left.append(op)
    return left


def _differences(old: PartnerOperation, new: PartnerOperation, language: str) -> list[str]:
    found = []
    if old.rate != new.rate:
        before, after = (rate_text(op.rate, language) if op.rate is not None else "—" for op in (old, new))
        found.append(translate(language, "partners_rate_change", old=before, new=after))
    for code, before_sum, after_sum in (
        ("partners_receives_change", old.receives, new.receives),
        ("partners_gives_change", old.gives, new.gives),
    ):
        if before_sum != after_sum:
            found.append(translate(language, code, change=_sum_change(before_sum, after_sum, language)))
    for code, was, now in (
        ("partners_place_change", _place(old), _place(new)),
        ("partners_comment_change", _comment(old), _comment(new)),
    ):
        if was != now:
            found.append(translate(language, code, old=was or "—", new=now or "—"))
    return found


def _sum_change(old: Sum | None, new: Sum | None, language: str) -> str:
    """`413 500,00 → 413 000,00 UAH`: the currency once where it is the same."""
    if old and new and old.currency == new.currency:
        return f"{bare_amount(old, language)} → {amount_text(new, language)}"
    return " → ".join(amount_text(one, language) if one else "—" for one in (old, new))


def _summary(op: PartnerOperation, language: str) -> str:
    parts = [str(op.pair) if op.pair else translate(language, "partners_move")]
    if op.receives:
        parts.append(translate(language, "partners_receives_change", change=amount_text(op.receives, language)))
    if op.gives:
        parts.append(translate(language, "partners_gives_change", change=amount_text(op.gives, language)))
    if op.rate is not None:
        parts.append(translate(language, "partners_rate", rate=rate_text(op.rate, language)))
    return ", ".join(parts)
