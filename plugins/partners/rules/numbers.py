"""Amounts and rates as people of a language read them, and the numbers that stand in a text in whatever spelling."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from kernel.values import Currency, fraction_digits, plain, to_decimal

NBSP, MINUS = "\u00a0", "\u2212"
RATE_DIGITS_MIN = 2  #: «41,30», never «41,3»
_COMMA = ("uk", "ru")
_LIKE = str.maketrans({"，": ",", "．": ".", "٫": ".", "٬": ",", "·": ".", "‚": ","} | dict.fromkeys("’ʼ‘`´′＇", "'"))
_GROUP_GAP = re.compile(r"[ '.,]\Z")
_FRACTION_GAP = re.compile(r"(?:[ \t]*[.,][ \t]*|[-–])\Z")  #: «41-20» is written, too
_TIMES = re.compile(r"[ \t]*(?:(тис|тыс|к|k)|(млн|mln))(?![^\W\d_])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount in minor units of its currency."""

    minor: int
    currency: Currency


@dataclass(frozen=True, slots=True)
class Reading:
    """A number that a text may mean at that place, and how it is written there."""

    value: Decimal
    written: str


def amount_text(amount: Sum, language: str) -> str:
    """`10 000,00 USD`, in English `10,000.00 USD`; all blanks are no-break ones, the minus is a true one."""
    return f"{bare_amount(amount, language)}{NBSP}{amount.currency.code}"


def bare_amount(amount: Sum, language: str) -> str:
    return _number(format(to_decimal(amount.minor, amount.currency), "f"), language)


def rate_text(rate: Decimal, language: str) -> str:
    """`41,35`; at least two digits after the mark."""
    if fraction_digits(rate) < RATE_DIGITS_MIN:
        rate = rate.quantize(Decimal("0.01"))
        return _number(format(rate, "f"), language)
    return _number(plain(rate), language)


def _number(text: str, language: str) -> str:
    sign = MINUS if text.startswith("-") else ""
    whole, point, fraction = text.lstrip("-").partition(".")
    grouped = f"{int(whole):,}"
    if language in _COMMA:
        return sign + grouped.replace(",", NBSP) + ("," if point else "") + fraction
    return sign + grouped + point + fraction


def numbers_in(text: str) -> Iterator[Reading]:
    """Every number that the text may mean: `41.2`, `41,20`, `41 ,20`, `1 500`, `1,500.00`, `1,5 тис`, any digits of Unicode.

    One spelling may be read in two ways (`1,500`); both come.
    """
    line = _plain_digits(text)
    runs = [(found.start(), found.end()) for found in re.finditer(r"[0-9]+", line)]
    for first, (start, _) in enumerate(runs):
        if not _inside_a_number(line, runs, first):
            yield from _readings(line, runs, first, start)


def _plain_digits(text: str) -> str:
    kept = []
    for char in text.translate(_LIKE):
        kind = unicodedata.category(char)
        if kind == "Nd":
            kept.append(str(unicodedata.decimal(char)))
        elif kind == "Zs":
            kept.append(" ")
        elif kind != "Cf" and not "\ufe00" <= char <= "\ufe0f":
            kept.append(char)
    return "".join(kept)


def _inside_a_number(line: str, runs: list[tuple[int, int]], index: int) -> bool:
    """Whether this run of digits goes on with the number before it: a fraction, or a group of thousands."""
    if not index:
        return False
    gap = line[runs[index - 1][1] : runs[index][0]]
    start, end = runs[index]
    return gap in (".", ",") or (gap in (" ", "'") and end - start == 3 and line[start] == "0")


def _readings(line: str, runs: list[tuple[int, int]], first: int, start: int) -> Iterator[Reading]:
    digits, last = "", first
    while True:
        digits += line[slice(*runs[last])]
        end = runs[last][1]
        after = runs[last + 1] if last + 1 < len(runs) else None
        gap = line[end : after[0]] if after else ""
        if after and _FRACTION_GAP.match(gap):
            yield from _scaled(Decimal(f"{digits}.{line[slice(*after)]}"), line, start, after[1])
        opens_group = bool(after and _GROUP_GAP.match(gap) and after[1] - after[0] == 3 and runs[first][1] - start <= 3)
        goes_on = gap in (".", ",") or (opens_group and after is not None and line[after[0]] == "0")
        if not goes_on:
            yield from _scaled(Decimal(digits), line, start, end)
        if not opens_group or last - first > 6:
            return
        last += 1


def _scaled(value: Decimal, line: str, start: int, end: int) -> Iterator[Reading]:
    yield Reading(value, line[start:end])
    if times := _TIMES.match(line, end):
        yield Reading(value * (1000 if times[1] else 1_000_000), line[start : times.end()])
