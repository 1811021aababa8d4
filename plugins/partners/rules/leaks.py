"""What a comment for a partner must not say, found before it leaves (PT-10), in any case, spelling, look-alike letters.

It catches what staff type by mistake. It is no wall against somebody who means to tell: they have a telephone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kernel.texts import translate
from plugins.partners.rules.folding import fold, one_line, visible, words
from plugins.partners.rules.numbers import numbers_in

WORD_LETTERS_MIN = 4
PHONE_DIGITS = 9  #: compared from the end: how a country code or a trunk zero is written does not matter
PHONE_DIGITS_MIN = 7


def _set(text: str) -> frozenset[str]:
    return frozenset(map(fold, re.findall(r"\w+", text)))


# Endings of a name in its cases, Ukrainian and Russian.
_ENDINGS = _set(
    "а я у ю ом ем єм ові еві єві і ї и ы е є о ою ею єю ой ей ий ій ої ого его ому ему им ім ым их ых ую юю ая яя"
)
_ADJECTIVES = _set("ий ій ый ой ая яя")
_VOWELS = frozenset(map(fold, "аяіїиыеєоуюьй"))
_COMMON = _set("тов фоп ооо llc ltd inc company group груп группа компанія компания банк каса касса обмін обмен валюта курс")
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f'’ʼ‘`´′ʹʻˮ](?=[^\W\d_]))*")
_DATE = re.compile(r"(?<![\d.,])(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\.(?:\d{4}|\d\d)(?![\d]|[.,]\d)")
_DIGIT_RUN = re.compile(r"\d(?:[\s().\-–—/+·_]{0,4}\d)*")


class Kind(StrEnum):
    CLIENT = "client"
    PHONE = "phone"
    EMAIL = "email"
    TELEGRAM = "telegram"
    RATE = "rate"
    PROFIT = "profit"
    PARTNER = "partner"


@dataclass(frozen=True)
class Secrets:
    """What this partner must not learn of a deal, and what they know anyway."""

    client_names: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    telegrams: tuple[str, ...] = ()
    client_rates: tuple[Decimal, ...] = ()
    profits: tuple[Decimal, ...] = ()
    other_partners: tuple[str, ...] = ()
    own_name: str = ""  #: the partner's
    own_numbers: tuple[Decimal, ...] = ()  #: the partner's rates and amounts: what equals one of them is no leak


@dataclass(frozen=True, order=True)
class Leak:
    kind: Kind
    word: str  #: as it is written there
    file: str = ""  #: the file whose name says it; empty for the text


def find_leaks(text: str, secrets: Secrets, files: Sequence[str] = ()) -> tuple[Leak, ...]:
    """Everything found in the text and in the names of its files, each once; empty if it may leave."""
    found = [Leak(kind, one_line(word)) for kind, word in _all(text, secrets)]
    for name in files:
        shown_name = one_line(name)
        found += [Leak(kind, one_line(word), shown_name) for kind, word in _all(name, secrets)]
    return tuple(dict.fromkeys(found))


def held_text(leaks: Iterable[Leak], language: str) -> str:
    """For the author: which words hold the comment back."""
    found = ", ".join(f"«{word}»" for word in dict.fromkeys(leak.word for leak in leaks))
    return translate(language, "partners_held", words=found)


def _all(text: str, secrets: Secrets) -> Iterator[tuple[Kind, str]]:
    own, tokens = set(words(secrets.own_name)), _tokens(text)
    yield from ((Kind.CLIENT, word) for word in _names(tokens, secrets.client_names, own, phrases=False))
    yield from ((Kind.PARTNER, word) for word in _names(tokens, secrets.other_partners, own, phrases=True))
    yield from ((Kind.PHONE, word) for word in _phones(text, secrets.phones))
    yield from ((Kind.EMAIL, word) for word in _addresses(text, secrets.emails))
    telegrams = [_user_name(one) for one in secrets.telegrams]
    yield from ((Kind.TELEGRAM, word) for word in _addresses(text, [one for one in telegrams if not one.isdigit()]))
    yield from ((Kind.TELEGRAM, word) for word in _phones(text, [one for one in telegrams if one.isdigit()]))
    yield from _numbers(text, secrets)


# --- names ----------------------------------------------------------------------------------------------------------


def _names(tokens: Sequence[tuple[str, str]], names: Iterable[str], own: set[str], *, phrases: bool) -> Iterator[str]:
    known = {folded for _, folded in tokens}
    for name in names:
        parts = words(name)
        long = {part for part in parts if len(part) >= WORD_LETTERS_MIN} - own - _COMMON
        forms = {folded for folded in known if any(_is_form(folded, part) for part in long)}
        yield from (written for written, folded in tokens if folded in forms)
        # A name of short or common words alone («Лі Ан», «БТК», «Банк») counts as a whole; a client's of one such word is
        # too common to be told from others.
        if not long and parts and not set(parts) <= own and (phrases or len(parts) > 1):
            yield from _phrase(tokens, parts)


def _phrase(tokens: Sequence[tuple[str, str]], phrase: Sequence[str]) -> Iterator[str]:
    for start in range(len(tokens) - len(phrase) + 1):
        part = tokens[start : start + len(phrase)]
        if [folded for _, folded in part] == list(phrase):
            yield " ".join(written for written, _ in part)


def _is_form(word: str, name: str) -> bool:
    """The name itself or one of its cases: «Петренка», «Марії» of «Марія»."""
    if word == name:
        return True
    cut = 0 if name[-1] not in _VOWELS else 2 if name[-2:] in _ADJECTIVES else 1
    stems = {name[: len(name) - one] for one in range(min(cut, 1), cut + 1)}
    return any(len(stem) >= 3 and word.startswith(stem) and word[len(stem) :] in _ENDINGS for stem in stems)


def _tokens(text: str) -> list[tuple[str, str]]:
    """Words as written and folded; also those that a file name writes together, and letters that blanks hold apart."""
    plain = visible(text)
    apart = re.sub(r"(?<=[a-zа-яіїєґё])(?=[A-ZА-ЯІЇЄҐЁ])|(?<=[^\W\d_])(?=[A-ZА-ЯІЇЄҐЁ][a-zа-яіїєґё])", " ", plain)
    together = re.sub(
        r"(?<![^\W_])[^\W\d_](?:[ ._\-][^\W\d_]){3,}(?![^\W_])", lambda found: re.sub(r"[ ._\-]", "", found[0]), plain
    )
    written = [match[0] for version in (plain, apart, together) for match in _WORD.finditer(version)]
    folded = {word: fold(word) for word in set(written)}
    return [(word, folded[word]) for word in written]


# --- phones, addresses ----------------------------------------------------------------------------------------------


def _phones(text: str, phones: Iterable[str]) -> Iterator[str]:
    runs = [(found[0], _digits(found[0])) for found in _DIGIT_RUN.finditer(visible(text))]
    for phone in phones:
        digits = _digits(phone)
        if len(digits) < PHONE_DIGITS_MIN:
            continue
        local = digits[-PHONE_DIGITS_MIN:]
        yield from (run for run, written in runs if digits[-PHONE_DIGITS:] in written or written == local)


def _digits(text: str) -> str:
    return "".join(str(int(char)) for char in visible(text) if char.isdecimal())


def _user_name(telegram: str) -> str:
    """Without @ and link."""
    return re.sub(r"^(?:https?://)?(?:t\.me|telegram\.me)/|^@|^\+", "", telegram.strip(), flags=re.IGNORECASE)


def _addresses(text: str, addresses: Iterable[str]) -> Iterator[str]:
    """An e-mail address or a user name, as a whole; blanks around @ and points do not hide it."""
    plain = visible(text)
    versions = (fold(plain), fold(re.sub(r"\s{0,3}([@.])\s{0,3}", r"\1", plain)))
    for address in addresses:
        folded = fold(address.strip())
        if len(folded) < WORD_LETTERS_MIN:
            continue
        pattern = re.compile(rf"(?<![\w+\-]){re.escape(folded)}(?![\w\-])")
        if any(pattern.search(version) for version in versions):
            yield address.strip()


# --- numbers --------------------------------------------------------------------------------------------------------


def _numbers(text: str, secrets: Secrets) -> Iterator[tuple[Kind, str]]:
    known = set(secrets.own_numbers)
    rates = set(secrets.client_rates) - known
    profits = {abs(profit) for profit in secrets.profits} - known - {Decimal(0)}
    for reading in numbers_in(_DATE.sub(" ; ", visible(text))):
        if reading.value in rates:
            yield Kind.RATE, reading.written
        if reading.value in profits:
            yield Kind.PROFIT, reading.written
