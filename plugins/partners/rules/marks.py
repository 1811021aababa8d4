"""Whether a comment of staff addresses a partner, which one, and what leaves. What is unclear never leaves."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kernel.texts import translate
from plugins.partners.rules.folding import fold, one_line, shown

MARKS = ("#партнеру", "#партнёру", "#partner")  #: the default of `partner_mark`
FORCE = "!"  #: right after the mark: past the leak check
_LEGAL = frozenset(fold(word) for word in ("тов", "фоп", "пп", "ооо", "ип", "зао", "llc", "ltd"))
_QUOTES = "«»\"“”„'"
_ENDS_NAME = ":,;—–\n"
_BLANKS = " \t\u00a0"


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment of the CRM as plain text. Who made it is the caller's to know; both kinds of our own stay here."""

    text: str
    files: int = 0
    by_annex: bool = False
    from_chat: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A partner: the id of the card and the name staff know."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Stays:
    """The comment addresses no partner."""


@dataclass(frozen=True, slots=True)
class Ask:
    """It addresses one, and it is not clear whom, or with what: nothing leaves and the author is asked."""

    code: str
    values: dict[str, Any] = field(default_factory=dict)

    def message(self, language: str) -> str:
        return translate(language, self.code, **self.values)


@dataclass(frozen=True, slots=True)
class Leaves:
    """What goes to that partner's chat: the text without mark and name."""

    partner: Named
    text: str
    forced: bool = False


def addressed(
    comment: Comment, partners: Sequence[Named], *, others: Sequence[Named] = (), marks: Sequence[str] = MARKS
) -> Stays | Ask | Leaves:
    """`partners`: those of the deal, or the one of the card. `others`: all further partners known, so that a comment that
    names one of them does not reach another."""
    if comment.by_annex or comment.from_chat:
        return Stays()
    rest = _after_mark(comment.text, marks)
    if rest is None:
        return Stays()
    forced = rest.startswith(FORCE)
    rest = _trimmed(_trimmed(rest[len(FORCE) :] if forced else rest).lstrip(":,;—–"))
    found = _addressee(rest, partners, others)
    if isinstance(found, Ask):
        return found
    partner, text = found
    text = shown(text)
    if not text and not comment.files:
        return Ask("partners_ask_empty")
    return Leaves(partner, text, forced)


def with_author(author: str, text: str, desk: str) -> str:
    """`Ігор: …`: the first name of who wrote it, else the desk's name."""
    first = (one_line(author).split() or [one_line(desk)])[0] if author.strip() else one_line(desk)
    return f"{first}: {text}" if first else text


def _after_mark(text: str, marks: Sequence[str]) -> str | None:
    """What follows the mark at the very beginning; None without one. A longer word that begins alike is none."""
    start = _trimmed(text)
    for mark in sorted({m.strip() for m in marks} - {"", "#"}, key=len, reverse=True):
        rest = _without(start, mark)
        if rest is not None and not re.match(r"\w", rest):
            return rest
    return None


def _without(text: str, start: str) -> str | None:
    """The text after that beginning in any letter case; characters that take no room may stand between."""
    wanted = "".join(_plain(char) for char in start)
    seen = ""
    for index, char in enumerate(text):
        seen += _plain(char)
        if seen == wanted:
            return text[index + 1 :].lstrip("\u200b\u200c\u200d\u2060\ufeff\u00ad\ufe0f")
        if not wanted.startswith(seen):
            return None
    return None


def _plain(char: str) -> str:
    return "" if unicodedata.category(char) in ("Cf", "Mn") else unicodedata.normalize("NFKC", char).casefold()


def _trimmed(text: str) -> str:
    index = 0
    while index < len(text) and (text[index].isspace() or unicodedata.category(text[index]) in ("Cf", "Cc")):
        index += 1
    return text[index:]


@dataclass(frozen=True, slots=True)
class _Hit:
    """How much of a partner's name a text begins with."""

    partner: Named
    words: int
    whole: bool
    end: int
    ended: bool  #: a mark that ends a name follows


def _addressee(text: str, partners: Sequence[Named], others: Sequence[Named]) -> Ask | tuple[Named, str]:
    if not partners:
        return Ask("partners_ask_none")
    own = {one.id for one in partners}
    hits = [hit for one in partners if (hit := _hit(text, one))]
    # Of somebody who is not in the deal a first word alone says nothing: sentences begin with such words.
    hits += [hit for one in others if one.id not in own and (hit := _hit(text, one)) and (hit.whole or hit.ended)]
    if not hits:
        return (partners[0], text) if len(own) == 1 else _who(partners)
    most = max((hit.words, hit.whole) for hit in hits)
    best = [hit for hit in hits if (hit.words, hit.whole) == most]
    shorter = [hit for hit in hits if hit.whole and hit not in best]
    if len({hit.partner.id for hit in best}) > 1 or (shorter and not best[0].ended):
        return _who([hit.partner for hit in hits])
    hit = best[0]
    if hit.partner.id not in own:
        return Ask("partners_ask_foreign", {"partner": one_line(hit.partner.name)})
    if len(own) == 1 and not hit.ended:
        return partners[0], text  # there was no need to name anybody: the name may be part of the sentence
    return hit.partner, text[hit.end :].lstrip(_ENDS_NAME + "-" + _QUOTES + _BLANKS)


def _who(partners: Sequence[Named]) -> Ask:
    names = ", ".join(f"«{one_line(name)}»" for name in dict.fromkeys(one.name for one in partners))
    return Ask("partners_ask_who", {"partners": names})


def _hit(text: str, partner: Named) -> _Hit | None:
    name = _spelt(partner.name)
    spelt = list(re.finditer(r"[\w'’ʼ`]+", re.split(f"[{_ENDS_NAME}]", text, maxsplit=1)[0]))
    written = [fold(word[0]) for word in spelt]
    legal = 1 if written and written[0] in _LEGAL and written[0] not in name[:1] else 0
    count = 0
    while count < len(name) and count + legal < len(written) and written[count + legal] == name[count]:
        count += 1
    begins = bool(spelt) and not text[: spelt[0].start()].strip(_QUOTES + _BLANKS)
    if not count or not begins:
        return None
    end = spelt[count + legal - 1].end()
    after = text[end:].lstrip(_QUOTES)
    ended = not after.strip(_BLANKS) or after.lstrip(_BLANKS)[0] in _ENDS_NAME or re.match(r"[ \t\u00a0]+-\s", after)
    return _Hit(partner, count, count == len(name), end, bool(ended))


def _spelt(name: str) -> list[str]:
    """The folded words of a name, without the legal form in front."""
    found = [fold(word) for word in re.findall(r"[\w'’ʼ`]+", name)]
    return found[1:] if len(found) > 1 and found[0] in _LEGAL else found
