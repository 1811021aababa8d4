"""Numbers of people and companies as they are typed: phones and ИНН. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

PHONE_DIGITS_MIN, PHONE_DIGITS_MAX = 10, 15
INN_10 = (2, 4, 10, 3, 5, 9, 4, 6, 8)
INN_11 = (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
INN_12 = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)


def e164(text: str) -> str | None:
    """A phone as typed: +7…; Russian numbers also with 8 or without anything before them."""
    bare = re.sub(r"[\s().-]", "", text)
    plus, digits = bare.startswith("+"), bare.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return None
    if not plus and len(digits) == 11 and digits[0] in "78":
        return f"+7{digits[1:]}"
    if not plus and len(digits) == 10:
        return f"+7{digits}"
    fits = plus and digits[0] != "0" and PHONE_DIGITS_MIN <= len(digits) <= PHONE_DIGITS_MAX
    return f"+{digits}" if fits else None


def sum_fits(text: str, weights: Sequence[int]) -> bool:
    """Whether the digit after those that are weighed is the one they give."""
    total = sum(weight * int(digit) for weight, digit in zip(weights, text, strict=False))
    return total % 11 % 10 == int(text[len(weights)])


def is_inn(text: str) -> bool:
    """Ten digits of a company or twelve of a person, whose check digits fit."""
    if not (text.isascii() and text.isdigit() and len(text) in (10, 12)):
        return False
    return all(sum_fits(text, weights) for weights in ((INN_10,) if len(text) == 10 else (INN_11, INN_12)))


__all__ = ["INN_10", "INN_11", "INN_12", "PHONE_DIGITS_MAX", "PHONE_DIGITS_MIN", "e164", "is_inn", "sum_fits"]
