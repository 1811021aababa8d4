"""Adding up without any rounding."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

#: A figure has at most 18 digits before and 12 behind the point: rows whose sum would not fit are more than any answer has.
#: If one ever does not fit, that is an error and no rounded figure.
_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])


def exact_sum(figures: Iterable[Decimal | int]) -> Decimal:
    total, context = Decimal(0), _EXACT.copy()
    for one in figures:
        total = context.add(total, Decimal(one))
    return total
