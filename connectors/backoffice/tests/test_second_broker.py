"""Another broker: plain XML in windows-1251, decimal comma, Russian dates, other names, and one table more. What it takes
stands in the files below `fixtures/dealer`; no line of code knows of it."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.backoffice.tests.office import CLIENT, FIRM, NOBODY, ROOT
from kernel.datasets import Unread, filtered, totals
from kernel.errors import BadAnswer, Moved, NotFound, Unreachable
from kernel.mapping import MappingSet, load_set

pytestmark = pytest.mark.row("BR-20")

DEALER = Path(__file__).parent / "fixtures" / "dealer"


@pytest.fixture
def dealer(tmp_path) -> MappingSet:
    """The broker's set with these files in the place of its own."""
    home = tmp_path / "dealer"
    shutil.copytree(ROOT / "mappings/broker-bitrix24", home, ignore=shutil.ignore_patterns("set.*", "push.*"))
    for path in DEALER.glob("*.toml"):
        shutil.copy(path, home)
    return load_set(home)


def column(mapping, answer, table, name):
    place = mapping.sets[answer.set].table[table].places[name]
    return [row.cells[place] for row in answer.tables[table].rows]


def test_all_its_sets_are_read_without_a_line_of_code(office, dealer):
    source = office.source(dealer)
    for name in dealer.sets:
        answer = source.read(name, CLIENT)
        assert answer.outcome == "ok" and answer.confirmed, name
        assert all(one.rows and not one.bad_cells and not one.keyless for one in answer.tables.values()), name
        assert source.read(name, NOBODY).outcome == "empty"
    assert sum(len(one.table) for one in dealer.sets.values()) == 11


def test_its_figures_are_those_of_the_other_face(office, dealer):
    """One book, two brokers: the same sums."""
    ours, theirs = office.source(), office.source(dealer)
    for client in (CLIENT, FIRM):
        for name in ("position", "withdrawals", "blocks", "activity", "services"):
            one, other = ours.read(name, client), theirs.read(name, client)
            for table in one.tables:
                declared, there = office.connection.mapping.sets[name].table[table], dealer.sets[name].table[table]
                sums = [
                    {line.per: dict(line.sums) for line in totals(mapping, rows).total.lines}
                    for mapping, rows in ((declared, one.tables[table].rows), (there, other.tables[table].rows))
                ]
                assert sums[0] == sums[1], (name, table)


def test_its_words_dates_and_the_table_more(office, dealer):
    source = office.source(dealer)
    contracts = source.read("contracts", CLIENT)
    assert column(dealer, contracts, "contracts", "opened_at") == [date(2026, 2, 11), date(2025, 9, 11)]
    margin = source.read("margin", CLIENT)
    assert column(dealer, margin, "margin", "portfolio")[1] == Decimal("-5303.95")
    table = dealer.sets["margin"].table["margin"]
    assert table.columns[table.places["level"]].words["OK"] == "Достаточно"
    assert len(margin.tables["margin"].rows) == 2
    assert office.requests[-1]["set"] == "margin"


def test_the_worked_example_with_a_decimal_comma(office, dealer):
    office.door(
        "spoil", client=CLIENT, table="position_securities", contract="B-2025/0911", market="MOEX_STOCK",
        isin="RU0007661625", board="TQBR", column="value", text="12 34,5",
    )  # fmt: skip
    answer = office.source(dealer).read("position", CLIENT)
    table = dealer.sets["position"].table["securities"]
    found = totals(table, answer.tables["securities"].rows).total.lines
    assert [(one.per, one.sums["value"], dict(one.missing), dict(one.unread)) for one in found] == [
        (("RUB",), Decimal("208149.50"), {"value": 1}, {"value": 1}), (("USD",), Decimal("252.75"), {}, {}),
    ]  # fmt: skip
    sber = totals(table, filtered(table, answer.tables["securities"].rows, "sber")).total.lines
    assert [one.sums["value"] for one in sber] == [Decimal("31142.00")]
    assert Unread("12 34,5") in column(dealer, answer, "securities", "value")


def test_two_services_of_one_set_are_two_questions_and_each_can_be_asked_alone(office, dealer):
    source = office.source(dealer)
    assert set(source.read("position", CLIENT).tables) == {"cash", "securities"}
    assert len(office.requests) == 2
    assert set(source.read("position", CLIENT, tables=["cash"]).tables) == {"cash"}
    assert len(office.requests) == 3


def test_pages_by_its_own_words(office, dealer):
    office.door("rows", client=CLIENT, table="usage", count=450)
    answer = office.source(dealer).read("usage", CLIENT)
    assert answer.count == 453 and answer.pages == 5
    office.fault(total_changes="on")
    with pytest.raises(BadAnswer, match="their number changes"):
        office.source(dealer).read("usage", CLIENT)


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ({"fault": "CLIENT_NOT_FOUND"}, NotFound), ({"redirect": "301"}, Moved), ({"garbage": "on"}, BadAnswer),
        ({"html_200": "on"}, Unreachable), ({"half": "short"}, BadAnswer), ({"foreign_client": "on"}, BadAnswer),
        ({"fault": "BUSY"}, Unreachable),
    ],
)  # fmt: skip
def test_its_troubles_are_told_apart_too(office, dealer, faults, kind):
    office.fault(**faults)
    with pytest.raises(kind):
        office.source(dealer).read("contracts", CLIENT)


def test_a_broker_that_does_not_say_whose_rows_these_are(office, tmp_path):
    """Our own plain XML, as the contract has it: accepted, but not confirmed."""
    home = tmp_path / "plain"
    home.mkdir()
    (home / "portal.toml").write_text('connector = "bitrix24"\n')
    (home / "set.cash.toml").write_text(
        'name = "cash"\ntitle = "Деньги"\nof = ["contact"]\n'
        'service = { face = "xml", path = "/bo/position_cash.xml", ask = { client_id = "{client_id}" }, '
        'number = "either" }\n'
        '[table.cash]\ntitle = "Деньги"\nrows = "position_cash"\nkey = ["currency"]\ncolumns = [\n'
        '  { name = "currency", title = "Валюта", from = "CURRENCY", required = true },\n'
        '  { name = "balance", title = "Остаток", from = "@BALANCE", type = "money" },\n]\n'
    )
    mapping = load_set(home)
    for encoding in ("utf-8", "utf-8-bom", "windows-1251"):
        for decimal in ("dot", "comma"):
            office.fault(xml_client="off", xml_encoding=encoding, xml_decimal=decimal)
            answer = office.source(mapping).read("cash", CLIENT)
            assert not answer.confirmed and answer.count == 3 and answer.tables["cash"].bad_cells == 0
            assert column(mapping, answer, "cash", "balance")[0] == Decimal("125000.10")
    assert answer.unknown == ("CONTRACT", "MARKET", "AVAILABLE", "BLOCKED")
