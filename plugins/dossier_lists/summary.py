"""The element «Итого» of a list: subtotals, counts, and what the list does not hold. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from kernel.crm import Value
from kernel.datasets import Answer, Row, Rows, totals
from kernel.datasets.totals import Line
from kernel.mapping import SetColumn
from kernel.mapping.sets import SCALES
from kernel.storage.text import storable
from kernel.texts import translate
from plugins.dossier_lists.elements import NOTE, SUMMARY, TEXT_CHARACTERS_MAX, Content, ListShape

NO_BREAK, MINUS = "\u00a0", "\u2212"


def summary_of(shape: ListShape, start: str, answer: Answer, found: Rows, every: Sequence[Row], stored: int) -> Content:
    """`every`: all rows of the answer, folded; `stored`: how many of them the list holds."""
    at = answer.asked_at.astimezone(shape.zone)
    lines = [*_sums(shape, every), *_counts(shape, found, every, stored)]
    if answer.cut:
        lines.append(translate(shape.language, "lists_cut"))
    text = storable("\n".join(lines))[:TEXT_CHARACTERS_MAX]
    values: dict[str, Value] = {NOTE: text} if shape.noted else {}
    name = translate(shape.language, "lists_total", at=f"{at:%d.%m.%Y %H:%M}")
    return Content(start + SUMMARY, name, values, answer.asked_at)


def _sums(shape: ListShape, every: Sequence[Row]) -> Iterator[str]:
    total = totals(shape.table, every).total
    for column in shape.table.columns:
        if column.subtotal == "sum" and (parts := [_part(shape, column, line) for line in total.lines]):
            yield f"{column.title}: {'; '.join(parts)}"
        elif column.subtotal == "count" and total.counts.get(column.name):
            words = ", ".join(f"{word} {count}" for word, count in total.counts[column.name].items())
            yield f"{column.title}: {words}"


def _part(shape: ListShape, column: SetColumn, line: Line) -> str:
    """`208 149,50 RUB + 1 без оценки, 1 не прочитано`"""
    by_name = {one.name: one for one in shape.table.columns}
    per = " · ".join(
        by_name[name].words.get(text, text) for name, text in zip(shape.table.per, line.per, strict=True) if text
    )
    figure = figure_text(line.sums[column.name], SCALES[column.type]) if column.name in line.sums else "—"
    left = []
    if count := line.missing.get(column.name, 0):
        left.append(translate(shape.language, "lists_without", count=count))
    if count := line.unread.get(column.name, 0):
        left.append(translate(shape.language, "lists_not_read", count=count))
    beside = f" + {', '.join(left)}" if left else ""
    return f"{figure}{f' {per}' if per else ''}{beside}"


def _counts(shape: ListShape, found: Rows, every: Sequence[Row], stored: int) -> Iterator[str]:
    if not every:
        yield translate(shape.language, "lists_empty")
        return
    yield translate(shape.language, "lists_rows", count=whole(len(every)))
    if found.keyless:
        yield translate(shape.language, "lists_keyless", count=whole(found.keyless))
    if found.doubled:
        yield translate(shape.language, "lists_doubles", count=whole(found.doubled))
    left = sum(1 for row in every if row.key) - stored
    if left > 0:
        yield translate(shape.language, "lists_more", count=whole(left))


def figure_text(value: Decimal, scale: int) -> str:
    """`−1 234 567,89`: at least so many digits behind the comma, and none rounded away."""
    digits = max(scale, -int(value.as_tuple().exponent))
    whole_part, _, rest = f"{abs(value):,.{digits}f}".partition(".")
    text = whole_part.replace(",", NO_BREAK) + (f",{rest}" if rest else "")
    return f"{MINUS}{text}" if value < 0 else text


def whole(count: int) -> str:
    return f"{count:,}".replace(",", NO_BREAK)


__all__ = ["figure_text", "summary_of", "whole"]
