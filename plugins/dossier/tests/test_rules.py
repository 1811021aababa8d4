"""How a dossier writes its cells, which rows it shows, and what it says about their age."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from kernel.datasets import Row, Unread
from kernel.mapping import SetColumn
from kernel.testing import FakeClock, MemorySource
from plugins.dossier.rules import showing
from plugins.dossier.rules.rows import Rows, Wish, words_of
from plugins.dossier.rules.standing import Standing, says
from plugins.dossier.tests.office import CASH, CLIENT, SECURITIES, SET

MOSCOW = ZoneInfo("Europe/Moscow")


def column(kind: str, **more: object) -> SetColumn:
    return SetColumn.model_validate({"name": "x", "title": "X", "from": "X", "type": kind, **more})


@pytest.mark.row("BR-05")
@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("money", Decimal("1234567.89"), "1 234 567,89"), ("money", Decimal("-6228.4"), "−6 228,40"),
        ("money", Decimal("0"), "0,00"), ("money", Decimal("1.23456"), "1,23456"), ("money", Decimal("-0.001"), "−0,001"),
        ("qty", Decimal("10.50000000"), "10,5"), ("qty", Decimal("1E+3"), "1 000"), ("int", 1000, "1 000"),
        ("price", Decimal("177.0075"), "177,0075"), ("price", Decimal("5"), "5,00"), ("month", "2026-11", "11.2026"),
        ("date", date(2026, 11, 3), "03.11.2026"), ("text", None, "—"), ("money", None, "—"), ("text", "", "—"),
        ("datetime", datetime(2026, 11, 20, 22, 30, tzinfo=UTC), "21.11.2026 01:30"),
        ("money", Unread("12 34,5"), "12 34,5"),
    ],
)  # fmt: skip
def test_a_cell(kind, value, text):
    assert showing.cell(column(kind), value, MOSCOW).replace("\xa0", " ") == text


def test_words_are_read_and_unknown_codes_stay_as_they_came():
    one = column("words", words={"NEW": "Новая"})
    assert [showing.cell(one, value, MOSCOW) for value in ("NEW", "ODD", None)] == ["Новая", "ODD", "—"]


@pytest.fixture
def answer():
    source = MemorySource(SET, FakeClock())
    source.put("position", CLIENT, cash=CASH, securities=SECURITIES)
    return source.read("position", CLIENT)


def sums(lines, name):
    return [(line.per[0], line.sums.get(name), line.missing.get(name, 0), line.unread.get(name, 0)) for line in lines]


@pytest.mark.row("BR-05")
def test_the_worked_example(answer):
    table = SET.sets["position"].table["securities"]
    found = Rows(table, answer.tables["securities"].rows).shown(Wish())
    after = {subtotal.group: sums(subtotal.lines, "value") for _, subtotal in found.lines if subtotal}
    assert after == {
        ("B-2026/0417",): [("RUB", Decimal("214377.90"), 1, 0), ("USD", Decimal("252.75"), 0, 0)],
        ("B-2025/0911",): [("RUB", Decimal("-6228.40"), 0, 1)],
    }
    total = sums(found.totals.total.lines, "value")
    assert total == [("RUB", Decimal("208149.50"), 1, 1), ("USD", Decimal("252.75"), 0, 0)]
    sber = Rows(table, answer.tables["securities"].rows).shown(Wish("SBER"))
    assert sums(sber.totals.total.lines, "value") == [("RUB", Decimal("31142.00"), 0, 0)] and sber.count == 2
    cash = SET.sets["position"].table["cash"]
    lines = Rows(cash, answer.tables["cash"].rows).shown(Wish()).totals.total.lines
    assert [[line.sums[name] for name in ("balance", "blocked", "available")] for line in lines] == [
        [Decimal("124690.05"), Decimal("25000.00"), Decimal("99690.05")], [Decimal("0.30"), Decimal("0.10"), Decimal("0.20")]
    ]  # fmt: skip


def test_pages_of_rows_and_where_their_groups_end(answer, monkeypatch):
    monkeypatch.setattr("plugins.dossier.rules.rows.AT_ONCE", 4)
    table, rows = SET.sets["position"].table["securities"], answer.tables["securities"].rows
    first, rest = (Rows(table, rows).shown(Wish(start=start)) for start in (0, 4))
    assert (len(first.lines), len(rest.lines), first.count, rest.count) == (4, 2, 6, 6)
    assert [subtotal.group[0] for _, subtotal in first.lines if subtotal] == ["B-2026/0417"]
    by_value = Rows(table, rows).passing(Wish(sort="-value"))
    assert [row.cells[0] for row in by_value] == ["B-2026/0417"] * 4 + ["B-2025/0911"] * 2, "groups stay together"
    assert [row.cells[2] for row in by_value[:4]] == ["GAZP", "SBER", "KO", "YNDX"]
    every = Rows(table, rows)
    assert every.passing(Wish(sort="nonsense", choices={"nonsense": "1"})) == every.passing(Wish())


def test_choices_are_the_words_that_occur():
    table = SET.sets["withdrawals"].table["withdrawals_cash"]
    place = table.places["status"]
    codes = [*list(table.columns[place].words)[:2], "ODD", None]
    rows = [Row(tuple(code if n == place else None for n in range(len(table.columns))), "k") for code in codes]
    found = words_of(table, rows)["status"]
    assert [code for code, _ in found] == codes[:3] and found[2] == ("ODD", "ODD")
    assert words_of(table, rows[:1]) == {}


@pytest.mark.row("BR-06")
@pytest.mark.parametrize(
    ("now", "code", "about", "folded", "waits"),
    [
        (Standing(None, True), "dos_asking_first", "", False, True),
        (Standing(None, True, 4), "dos_slow_first", "", False, True),
        (Standing(60, True, 1), "dos_asking", "", False, True),
        (Standing(60, True, 3.5), "dos_slow", "", False, True),
        (Standing(60, True, 9), "dos_unavailable", "at", False, True),
        (Standing(None, True, 9), "dos_unavailable", "none", False, True),
        (Standing(90_000, True, 1), "dos_asking", "", False, True),
        (Standing(90_000, True, 9), "dos_unavailable", "at", True, True),
        (Standing(60, False), "dos_at", "", False, False),
        (Standing(60, False, trouble="maintenance"), "dos_maintenance", "at", False, False),
        (Standing(90_000, False, trouble="bad_answer"), "dos_bad_answer", "at", True, False),
        (Standing(None, False, trouble="refused"), "dos_refused", "none", False, False),
        (Standing(None, False, trouble="not_found"), "dos_not_found", "", False, False),
        (Standing(None, False), "dos_nothing_yet", "", False, False),
    ],
)
def test_what_a_sub_tab_says(now, code, about, folded, waits):
    found = says(now, patience=8)
    assert (found.code, found.about, found.folded, found.waits) == (code, about, folded, waits)


def test_some_data_are_old_sooner():
    assert says(Standing(1000, False, trouble="unavailable"), patience=8, stale=900).folded
    assert not says(Standing(800, False, trouble="unavailable"), patience=8, stale=900).folded
