"""Two books in one database: neither sees the other, both are verified, copied and moved together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import bootstrap
from app.cli.verify import faults
from kernel.clock import SystemClock
from kernel.errors import BooksBroken, Misconfigured
from kernel.extension import Plugin
from kernel.ledger import Leg, Posting, check
from kernel.storage import Database
from kernel.storage.dump import dump, load
from kernel.storage.move import copy, differences
from kernel.values import to_micros
from plugins.exchange import cards, explain, reports
from plugins.exchange.board import board
from plugins.exchange.control import control
from plugins.exchange.tests import desk as desks
from plugins.exchange.tests.desk import PORTAL, Desk, buy, own
from tests.harness.databases import migration_sets
from tests.toy_cash import CASH, count, plugin

Make = Callable[..., Desk]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """make(url, cash=True): a desk, with the toy plugin switched on beside it."""
    known = bootstrap.find_plugins()
    sets = {False: str(desks.ROOT / "mappings" / desks.SET), True: str(tmp_path / "with_cash")}
    shutil.copytree(sets[False], sets[True])
    with (tmp_path / "with_cash" / "portal.toml").open("a", encoding="utf-8") as file:
        file.write("\n[plugin.cash]\n")

    with ExitStack() as opened:

        def made(url: str, *, cash: bool, plugins: tuple[Plugin, ...] = (plugin,)) -> Desk:
            monkeypatch.setattr(bootstrap, "find_plugins", lambda: known | {one.name: one for one in plugins})
            monkeypatch.setattr(desks, "SET", sets[cash])
            desk = Desk(url)
            opened.callback(desk.close)
            return desk

        yield made


def story(desk: Desk, counted: Callable[[str, int], None]) -> None:
    """Some days of the desk; `counted` is called in between with a deal and a number."""
    counted("503", 1)
    desk.cash("500000", "UAH")
    deal = desk.run_through(buy(), to="partner_paid")
    counted(deal, 2)
    desk.clock.advance(days=1)
    desk.edit(deal, 1, client_rate="41")
    counted(deal, 3)
    desk.move(deal, "closed")
    kept = desk.run_through(buy("50"), to="partner_paid", custody=True)
    counted(kept, 4)
    desk.deal(own("move", "70", "UAH", place="Каса", to_place="Банк"), stage="closed", client=None)
    desk.work("exchange.head")
    desk.clock.advance(days=1)
    desk.deal(buy("10"))
    counted(kept, 5)


def counting(desk: Desk) -> Callable[[str, int], None]:
    """Counts under the very names that the desk uses: subjects, places, currencies, moments."""

    def counted(deal: str, n: int) -> None:
        with desk.portal.unit(author="каса", trace=f"count{n}") as unit:
            count(unit, f"{PORTAL}/{deal}", "Каса", "UAH", 1000 * n, to_micros(desk.clock.now()))

    return counted


def shown(desk: Desk) -> str:
    """Whatever the desk shows of its books, now and of a past moment."""
    with desk.portal.read() as unit:
        past = desk.clock.now().replace(hour=0)
        asked = [explain.Question(figure, "UAH") for figure in explain.FIGURES]
        found: dict[str, Any] = {
            "board": board(unit).data(), "past": board(unit, past).data(),
            "operations": reports.operations(unit, reports.Filter()), "contacts": reports.contacts(unit, reports.Filter()),
            "card": [cards.balance_text(unit, desk.customer.id), cards.month_text(unit, desk.customer.id)],
            "parts": [[str(group) for group in explain.groups(unit, one)] for one in asked],
            "totals": [str(explain.total(unit, one)) for one in asked],
        }  # fmt: skip
    found["control"] = control(desk.portal)
    found["told"] = [str(effect) for effect in desk.crm.effects if not effect.key.startswith("head:")]
    return json.dumps(found, ensure_ascii=False, default=str, indent=1)


def reported(desk: Desk) -> list[str]:
    with desk.portal.read() as unit:
        return list(faults(desk.annex, unit))


def cash(desk: Desk) -> dict[str, int]:
    with desk.portal.read() as unit:
        return {
            f"{row['account']} {row['place']}": int(row["amount"])
            for row in desk.portal.books.book("cash").balances(unit.tx, ["UAH"])
        }


@pytest.mark.row("PL-04", "EX-10")
def test_the_desk_shows_to_the_byte_what_it_shows_without_the_other(make: Make, fresh_sqlite: Callable[[], str]) -> None:
    alone = make(fresh_sqlite(), cash=False)
    story(alone, lambda deal, n: None)
    beside = make(fresh_sqlite(), cash=True)
    story(beside, counting(beside))
    assert shown(beside) == shown(alone)
    assert cash(beside) == {"place Каса": 1000 + 3000 + 5000, "difference Каса": -9000}, "each subject's newest count"
    assert reported(beside) == reported(alone) == []
    with beside.portal.read() as unit:
        [entry] = beside.portal.books.book("cash").standing(unit.tx, f"{PORTAL}/503").values()
        assert entry.book == "cash" and entry.legs()[0].amount == 1000


PLANTED = [
    "UPDATE ledger_leg SET amount = amount + 1 WHERE book = :book",
    "UPDATE ledger_balance SET amount = amount + 1 WHERE book = :book",
    "UPDATE ledger_journal SET book = 'other' WHERE book = :book AND kind = 'posting'",
    "UPDATE ledger_leg SET book = 'other' WHERE book = :book",
    "DELETE FROM ledger_leg WHERE book = :book AND n = 1",
    "DELETE FROM ledger_balance WHERE book = :book",
]


@pytest.mark.row("PL-04", "EX-22")
def test_a_fault_planted_in_either_book_is_found(make: Make, fresh_sqlite: Callable[[], str]) -> None:
    desk = make(fresh_sqlite(), cash=True)
    story(desk, counting(desk))
    for book in ("cash", "exchange"):
        for sql in [*PLANTED, "UPDATE ledger_journal SET book = CASE book WHEN 'cash' THEN 'exchange' ELSE 'cash' END "
                    "WHERE seq = (SELECT MAX(seq) FROM ledger_journal WHERE book = :book)"]:  # fmt: skip
            with _undone(desk) as tx:
                assert tx.run(sql, book=book) > 0
                assert list(check.faults(tx)), f"{sql} in {book}"
    assert reported(desk) == []


class _Undone(Exception):
    pass


@contextmanager
def _undone(desk: Desk) -> Iterator[Any]:
    try:
        with desk.database.write() as tx:
            for row in tx.all("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'ledger%'"):
                tx.run(f"DROP TRIGGER {row['name']}")
            yield tx
            raise _Undone
    except _Undone:
        pass


@pytest.mark.row("PL-12", "PL-07", "PL-04")
def test_both_books_are_copied_and_moved_together(
    make: Make, tmp_path: Path, fresh_sqlite: Callable[[], str], fresh_postgres: Callable[..., str]
) -> None:
    here = make(fresh_sqlite(), cash=True)
    story(here, counting(here))
    before, counted = shown(here), cash(here)
    there = Database(fresh_postgres())
    with here.database.read() as one, there.write() as other:
        copy(one, other, migration_sets(), lambda name, number: None)
    with here.database.read() as one, there.read() as other:
        assert differences(one, other, migration_sets()) == [] and list(check.faults(other)) == []
    dump(there, migration_sets(), tmp_path / "copy.gz")
    there.close()
    back = f"sqlite:///{tmp_path / 'back.db'}"
    database = Database(back)
    load(database, migration_sets(), tmp_path / "copy.gz", SystemClock())
    database.close()
    desk = make(back, cash=True)
    desk.clock = desk.portal.clock = here.clock
    after, before = json.loads(shown(desk)), json.loads(before)
    for side in (after, before):
        del side["control"], side["told"]  # what the portal says: this desk's portal has no deals
    assert after == before and cash(desk) == counted and reported(desk) == []


@pytest.mark.row("PL-04")
def test_what_is_not_declared_is_not_posted(make: Make, fresh_sqlite: Callable[[], str]) -> None:
    desk = make(fresh_sqlite(), cash=True)
    books = desk.portal.books

    def posted(book: str, account: str) -> None:
        legs = (Leg("place", "UAH", 5, "Каса"), Leg(account, "UAH", -5, "Каса"))
        with desk.portal.unit() as unit:
            books.book(book).settle(unit.tx, "x", [Posting("in", 1, legs)], author="", trace="")

    posted("cash", "difference")
    for book, account, why in (
        ("cash", "profit", "book «cash» has no account «profit»"),  # the desk's
        ("exchange", "difference", "no account «difference»"),
        ("exchange", "nonsense", "no account «nonsense»"),
        ("deposits", "place", "«deposits» is not declared; known: cash, exchange"),
    ):
        with pytest.raises(BooksBroken, match=why):
            posted(book, account)
    assert reported(desk) == [] and desk.journal() == 1


@pytest.mark.row("PL-04")
def test_a_book_stays_verified_when_its_plugin_is_switched_off(make: Make, fresh_sqlite: Callable[[], str]) -> None:
    url = fresh_sqlite()
    on = make(url, cash=True)
    story(on, counting(on))
    off = make(url, cash=False)
    assert reported(off) == []
    with pytest.raises(BooksBroken, match="not declared"):
        off.portal.books.book("cash")


def test_a_book_has_one_keeper(make: Make, fresh_sqlite: Callable[[], str]) -> None:
    thief = replace(plugin, books=(replace(CASH, book="exchange"),))
    with pytest.raises(Misconfigured, match="«exchange» is declared twice"):
        make(fresh_sqlite(), cash=True, plugins=(thief,))
