"""Subtotals are exact, keep currencies apart, and say what they leave out; filter, order and folding change no figure."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.datasets import (
    Answer,
    Row,
    Rows,
    Unread,
    chosen,
    filtered,
    folded,
    kept,
    ordered,
    pack_answer,
    totals,
    unpack_answer,
)
from kernel.datasets.codec import pack_opened, unpack_opened
from kernel.datasets.model import Accepted, Cell, FieldError, Refusal
from kernel.mapping import SetTable

WORDS = {"NEW": "Новая", "DONE": "Исполнена"}
TABLE = SetTable.model_validate({
    "title": "Ценные бумаги", "rows": "S", "key": ["contract", "code"], "group": ["contract"], "per": ["currency"],
    "keep": "-value", "columns": [
        {"name": "contract", "title": "Договор", "from": "a", "required": True},
        {"name": "code", "title": "Инструмент", "from": "b"},
        {"name": "currency", "title": "Валюта", "from": "c"},
        {"name": "value", "title": "Стоимость", "from": "d", "type": "money", "subtotal": "sum"},
        {"name": "trades", "title": "Сделок", "from": "e", "type": "int", "subtotal": "sum"},
        {"name": "state", "title": "Статус", "from": "f", "words": WORDS, "subtotal": "count"},
        {"name": "secret", "title": "Скрыто", "from": "g", "hidden": True},
    ],
})  # fmt: skip
FOLDED = TABLE.model_copy(update={"fold": True, "key": ["code", "currency"]})


def row(contract: str, code: str, currency: str, value: Cell, trades: Cell = 1, state: str = "NEW", key: str = "k") -> Row:
    return Row((contract, code, currency, value, trades, state, "hidden"), key)


EXAMPLE = [
    row("B-2026/0417", "SBER", "RUB", Decimal("37370.40")), row("B-2026/0417", "LKOH", "RUB", Decimal("177007.50")),
    row("B-2026/0417", "RUSNP", "RUB", None), row("B-2026/0417", "AAPL", "USD", Decimal("252.75")),
    row("B-2025/0911", "SBER", "RUB", Decimal("-6228.40")), row("B-2025/0911", "GAZP", "RUB", Unread("12 34,5")),
]  # fmt: skip


def test_the_worked_example():
    found = totals(TABLE, EXAMPLE)
    assert [one.group for one in found.groups] == [("B-2026/0417",), ("B-2025/0911",)]
    first, second = found.groups
    assert [(line.per, line.sums["value"]) for line in first.lines] == [
        (("RUB",), Decimal("214377.90")), (("USD",), Decimal("252.75")),
    ]  # fmt: skip
    assert dict(first.lines[0].missing) == {"value": 1} and not first.lines[0].unread
    assert second.lines[0].sums["value"] == Decimal("-6228.40") and dict(second.lines[0].unread) == {"value": 1}
    [rub, usd] = found.total.lines
    assert (rub.sums["value"], dict(rub.missing), dict(rub.unread)) == (Decimal("208149.50"), {"value": 1}, {"value": 1})
    assert (usd.sums["value"], usd.rows) == (Decimal("252.75"), 1)
    [sber] = totals(TABLE, filtered(TABLE, EXAMPLE, "SBER")).total.lines
    assert sber.sums["value"] == Decimal("31142.00")
    assert found.total.counts == {"state": {"Новая": 6}}


def test_nothing_known_is_no_nought():
    [line] = totals(TABLE, [row("a", "b", "RUB", None)]).total.lines
    assert "value" not in line.sums and line.sums["trades"] == 1
    assert totals(TABLE, []).total.lines == () and totals(TABLE, []).groups == ()


FIGURES = st.decimals(min_value=-(10**18) + 1, max_value=10**18 - 1, allow_nan=False, allow_infinity=False, places=12)
CELLS = st.one_of(FIGURES, st.none(), st.builds(Unread, st.text(max_size=5)))
ROWS = st.lists(
    st.builds(
        row, st.sampled_from(["A", "B"]), st.sampled_from(["x", "y", "z"]), st.sampled_from(["RUB", "USD", "CNY"]), CELLS,
        st.one_of(st.integers(-(10**18), 10**18), st.none()), st.sampled_from(["NEW", "DONE", "?"]),
        st.sampled_from(["k1", "k2", "k3", ""]),
    ),
    max_size=60,
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS)
def test_sums_are_those_of_fractions(rows):
    """Reckoned another way: with fractions, which never round."""
    expected: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for one in rows:
        if isinstance(one.cells[3], Decimal):
            expected["value", one.cells[2]] += Fraction(one.cells[3])
        if isinstance(one.cells[4], int):
            expected["trades", one.cells[2]] += Fraction(one.cells[4])
    found = totals(TABLE, rows)
    sums = {(name, line.per[0]): Fraction(value) for line in found.total.lines for name, value in line.sums.items()}
    assert sums == dict(expected)
    for line in found.total.lines:
        known = sum(isinstance(one.cells[3], Decimal) for one in rows if one.cells[2] == line.per[0])
        assert line.rows == known + line.missing.get("value", 0) + line.unread.get("value", 0), "nothing is lost"


@given(ROWS)
def test_groups_and_order_make_no_difference(rows):
    whole = {line.per: dict(line.sums) for line in totals(TABLE, rows).total.lines}
    parts: dict[tuple[str, ...], dict[str, Decimal]] = defaultdict(dict)
    for group in totals(TABLE, rows).groups:
        for line in group.lines:
            for name, value in line.sums.items():
                parts[line.per][name] = _plus(parts[line.per].get(name), value)
    assert {per: sums for per, sums in whole.items() if sums} == {per: sums for per, sums in parts.items() if sums}
    other = {line.per: dict(line.sums) for line in totals(TABLE, list(reversed(rows))).total.lines}
    assert other == whole


def _plus(one: Decimal | None, other: Decimal) -> Decimal:
    from kernel.datasets.sums import exact_sum

    return exact_sum([one or Decimal(0), other])


@given(ROWS)
def test_folding_changes_no_sum_that_can_be_read(rows):
    readable = [one for one in rows if not isinstance(one.cells[3], Unread)]
    made = folded(FOLDED, readable)
    before = {line.per: line.sums.get("value") for line in totals(TABLE, readable).total.lines}
    by_key: dict[str, set[object]] = defaultdict(set)
    for one in readable:
        by_key[one.key].add(one.cells[2])
    if all(len(one) == 1 for key, one in by_key.items() if key):  # one key, one currency, as a real key has it
        assert {line.per: line.sums.get("value") for line in totals(TABLE, made).total.lines} == before
    assert sum(max(len(one.parts), 1) for one in made) == len(readable)
    assert folded(TABLE, rows) == rows


def test_a_figure_that_cannot_be_read_makes_no_sum_of_its_fold():
    made = folded(FOLDED, [row("a", "b", "RUB", Decimal(1)), row("a", "b", "RUB", Unread("x"))])
    assert made[0].cells[3] == Unread("x") and len(made[0].parts) == 2 and made[0].cells[4] == 2


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", ["SBER", "ЁЖ", "C"]), ("sber", ["SBER"]), ("еж", ["ЁЖ"]), ("Ёж rub", ["ЁЖ"]), ("1,50", ["SBER"]),
        ("1.50", ["SBER"]), ("исполнена", ["C"]), ("done", ["C"]), ("hidden", []), ("sber usd", []), ("12 34", ["C"]),
    ],
)  # fmt: skip
def test_a_filter_takes_every_word_in_any_column(text, codes):
    rows = [
        row("B", "SBER", "RUB", Decimal("1.50")), row("B", "ЁЖ", "RUB", Decimal(2)),
        row("B", "C", "USD", Unread("12 34,5"), state="DONE"),
    ]  # fmt: skip
    assert [one.cells[1] for one in filtered(TABLE, rows, text)] == codes
    assert len(chosen(TABLE, rows, {"state": "DONE"})) == 1 and len(chosen(TABLE, rows, {"state": ""})) == 3


def test_order_puts_what_is_not_known_last():
    rows = [row("B", str(place), "RUB", value) for place, value in enumerate([None, Decimal(1), Unread("x"), Decimal(3)])]
    assert [one.cells[1] for one in ordered(TABLE, rows, "value")] == ["1", "3", "0", "2"]
    assert [one.cells[1] for one in ordered(TABLE, rows, "-value")] == ["3", "1", "0", "2"]
    assert ordered(TABLE, rows) == rows
    assert [one.cells[1] for one in kept(TABLE, [*rows, row("B", "9", "RUB", Decimal(9), key="")], 2)] == ["3", "1"]


@given(ROWS)
def test_an_answer_is_stored_whole(rows):
    moment = datetime(2026, 11, 21, 9, tzinfo=UTC)
    cells: tuple[Cell, ...] = (date(2026, 11, 21), moment, Decimal("1E+3"), Decimal("0.10"), 5, "т", None, Unread("\x00'"))
    answer = Answer(
        "position", "000042", moment, {"t": Rows((*rows, Row(cells, "", (Row(cells, "p"),))), 1, 2, 3)}, as_of=moment,
        cut=True, confirmed=False, unknown=("X",), pages=2, bytes=3, seconds=0.5,
    )  # fmt: skip
    again = unpack_answer(pack_answer(answer))
    assert again == answer and str(again.tables["t"].rows[-1].cells[3]) == "0.10"
    for opened in (Accepted("1", "B", date(2026, 1, 2)), Accepted("1"), Refusal((FieldError("A", "B", "«c»"),))):
        assert unpack_opened(pack_opened(opened)) == opened
