"""The board and «explain any number»: the parts add up to each figure; a past moment is what a prefix gives."""

from __future__ import annotations

import random
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from kernel.errors import BadInput
from plugins.exchange.board import COLUMNS, board
from plugins.exchange.explain import FIGURES, PENDING, Question, groups, parts, total
from plugins.exchange.rate_list import keep_rates, read_rates
from plugins.exchange.rates import Rate
from plugins.exchange.tests.desk import Desk, MakeDesk, buy, own, sell


def random_deals(desk: Desk, chosen: random.Random, count: int) -> None:
    for code, amount in (("UAH", "9000000"), ("USD", "90000"), ("USDT", "90000")):
        desk.cash(amount, code, place=chosen.choice(("Каса", "Банк")))
    for _ in range(count):
        desk.clock.advance(hours=chosen.randint(1, 9))
        pair, rate = chosen.choice((("USD/UAH", 41), ("USDT/UAH", 41), ("USDT/USD", 1)))
        kind = chosen.choice((buy, sell))
        operation = kind(
            f"{chosen.randint(1, 900)}.{chosen.randint(0, 99):02d}", pair, f"{rate}.{chosen.randint(1, 9999):04d}",
            chosen.choice((None, f"{rate}.{chosen.randint(1, 9999):04d}")), place=chosen.choice(("Каса", "Банк", None)),
            commission_percent=chosen.choice((None, "0.25")), network_fee=chosen.choice((None, "0.5")),
        )  # fmt: skip
        deal = desk.run_through(
            operation, to=chosen.choice(("client_paid", "partner_paid", "closed")), custody=chosen.random() < 0.3
        )
        if chosen.random() < 0.3:
            desk.edit(deal, 1, amount=str(chosen.randint(1, 900)))


@pytest.mark.row("EX-10", "EX-19")
@pytest.mark.parametrize("seed", [1, 2])
def test_the_parts_add_up_to_each_figure_of_the_board(desk: Desk, seed: int) -> None:
    random_deals(desk, random.Random(seed), 12)
    asked = 0
    with desk.unit() as unit:
        for at in (None, desk.clock.now(), datetime.fromisoformat("2026-11-24T09:00:00+02:00")):
            shown = board(unit, at)
            for line in (*shown.rows, *shown.totals):
                for figure in (*FIGURES, *PENDING):
                    question = Question(figure, line.currency.code, line.place, at)
                    wanted = getattr(line, figure)
                    assert total(unit, question).minor == wanted, (figure, line)
                    by_deal = groups(unit, question)
                    assert sum(group.amount.minor for group in by_deal) == wanted
                    for group in by_deal[:2]:
                        legs = parts(unit, question, group.subject)
                        assert sum(leg.amount.minor for leg in legs) == group.amount.minor and len(legs) == group.parts
                        assert all(leg.author == "Ігор Бондар" and leg.trace for leg in legs if leg.kind != "pending")
                    asked += bool(wanted)
    assert asked > 60


@pytest.mark.row("EX-09", "EX-10")
def test_held_is_own_and_owed_and_custody_everywhere(desk: Desk) -> None:
    random_deals(desk, random.Random(5), 15)
    with desk.unit() as unit:
        shown = board(unit)
    assert len(shown.rows) >= 5
    for line in (*shown.rows, *shown.totals):
        assert line.held == line.own + line.owed + line.custody


@pytest.mark.row("EX-10")
def test_a_past_moment_is_what_the_work_up_to_then_gives(desk_of: MakeDesk) -> None:
    """Two desks live the same life; one stops half-way, the other looks back to that moment."""

    def live(desk: Desk, days: int) -> None:
        random_deals(desk, random.Random(0), 1)
        for day in range(days):
            desk.clock.advance(days=1)
            desk.run_through(buy(str(100 + day), "USD/UAH", "41.2", "41.3"), to=("partner_paid", "closed")[day % 2])

    short, long = desk_of(), desk_of()
    live(short, 3)
    moment = short.clock.now()
    live(long, 7)
    with short.unit() as unit:
        wanted = board(unit).data()
        assert board(unit, moment).data() == wanted
    with long.unit() as unit:
        then = board(unit, moment).data()
        assert board(unit).data() != wanted
    expected = {"pending_in", "pending_out"}  # what was expected then is known only as far as it came about or still is
    for left, right in zip(then["rows"], wanted["rows"], strict=True):
        assert {k: v for k, v in left.items() if k not in expected} == {k: v for k, v in right.items() if k not in expected}
    assert then["totals"] == wanted["totals"]


@pytest.mark.row("EX-10")
def test_today_begins_at_midnight_of_the_desks_zone(desk: Desk) -> None:
    desk.clock.set(datetime.fromisoformat("2026-11-23T23:59:59+02:00"))
    desk.cash("10", "USD")
    with desk.unit() as unit:
        assert board(unit).totals[0].data()["in_today"] == "10.00"
    desk.clock.advance(seconds=2)
    with desk.unit() as unit:
        line = board(unit).totals[0].data()
    assert line["in_today"] == "0.00" and line["held"] == "10.00"
    assert set(line) == {"currency", *COLUMNS}


@pytest.mark.row("EX-19")
def test_an_unknown_figure_is_refused(desk: Desk) -> None:
    with desk.unit() as unit, pytest.raises(BadInput, match="wealth"):
        groups(unit, Question("wealth", "USD"))


RATES = 'day,base,quote,rate,source\n2026-11-23,USD,UAH,"41,5",NBU\n23.11.2026,EUR,UAH,45,NBU\n'


@pytest.mark.row("EX-10", "EX-17")
def test_rates_from_a_file_value_known_operations_anew(desk: Desk, tmp_path: Path) -> None:
    desk.cash("500000", "UAH")
    deal = desk.run_through(buy())
    assert desk.field(deal, "profit_reported") == "36,41 USD"
    file = tmp_path / "rates.csv"
    file.write_text(RATES)
    rates = read_rates(file, desk.portal.currencies)
    assert keep_rates(desk.portal, rates) == 2 and keep_rates(desk.portal, rates) == 0
    with desk.unit() as unit:
        row = unit.tx.one("SELECT * FROM exchange_operation WHERE pair LIKE '%/%'")
        worth = board(unit).data()["worth"]["profit"]
    assert row is not None
    assert (row["reported"], row["reported_rate"], row["reported_source"]) == (3614, "0.024096385542", "NBU 2026-11-23")
    assert worth == {"amount": "36.14", "no_rate": []}
    desk.sync(deal)
    assert desk.field(deal, "profit_reported") == "36,14 USD" and desk.faults() == []
    assert keep_rates(desk.portal, [Rate("USD", "UAH", date(2026, 11, 23), Decimal("41.6"), "НБУ")]) == 1
    assert desk.faults() == []


@pytest.mark.row("EX-17")
def test_a_crooked_rate_file_names_the_line(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    for line, words in (
        ("2026-11-23,USD,UAH,0,x", "line 2"),
        ("2026-11-23,USD,ZZZ,1,x", "ZZZ"),
        ("x,USD,UAH,1,x", "line 2"),
    ):
        file.write_text(f"day,base,quote,rate,source\n{line}\n")
        with pytest.raises(BadInput, match=words):
            read_rates(file, desk.portal.currencies)
    file.write_text("day,base,quote\n")
    with pytest.raises(BadInput, match="rate"):
        read_rates(file, desk.portal.currencies)


@pytest.mark.row("EX-10", "EX-17")
def test_an_old_rate_values_nothing_and_the_currency_is_named(desk: Desk) -> None:
    keep_rates(desk.portal, [Rate("USD", "PLN", date(2026, 11, 12), Decimal("4"), "x")])
    desk.cash("100", "PLN")
    desk.cash("100", "USD")
    with desk.unit() as unit:
        assert board(unit).data()["worth"]["held"] == {"amount": None, "no_rate": ["PLN"]}
    keep_rates(desk.portal, [Rate("USD", "PLN", date(2026, 11, 13), Decimal("4"), "x")])
    with desk.unit() as unit:
        assert board(unit).data()["worth"]["held"] == {"amount": "125.00", "no_rate": []}


@pytest.mark.row("EX-22")
def test_the_head_of_the_books_is_published_once_a_day(desk: Desk) -> None:
    desk.cash("100", "USD")
    with desk.unit() as unit:
        seq, digest = desk.portal.books.head(unit.tx)
    for _ in range(3):
        desk.work("exchange.head")
    [journal] = desk.crm.records("journal")
    assert journal.name == "Annex: книги обліку"
    [comment] = desk.crm.comments(journal.id)
    assert digest in comment.text and str(seq) in comment.text
    desk.clock.advance(days=1)
    desk.cash("1", "USD")
    desk.work("exchange.head")
    assert len(desk.crm.comments(journal.id)) == 2 and len(desk.crm.records("journal")) == 1


@pytest.mark.row("EX-03")
def test_own_operations_show_at_their_places(desk: Desk) -> None:
    desk.deal(own("deposit", "10", "USD", place="Банк"), stage="closed", client=None)
    with desk.unit() as unit:
        [line] = board(unit).rows
    assert (line.place, line.held, line.own, line.available) == ("Банк", 1000, 1000, 1000)
