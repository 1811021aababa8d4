"""A long history: balances now and of past moments, a month's reports, and other people's ledgers on the same operations."""

from __future__ import annotations

import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.bootstrap import set_folder
from kernel.clock import SystemClock
from kernel.extension.portal import Portal
from kernel.ledger import Books, Change, Draft, checkpoints
from kernel.mapping import load_set
from kernel.storage import Database, Row
from kernel.testing import CountingIds, FakeClock, MemoryCRM, MemoryQueue
from kernel.values import Currencies, to_micros
from plugins.exchange import reports, store
from plugins.exchange.accounts import BOOK, CHART
from plugins.exchange.board import board
from plugins.exchange.control import control
from plugins.exchange.model import Deal, Operation, Party, deal_data, parse_pair
from plugins.exchange.postings import postings
from plugins.exchange.rates import Rates
from plugins.exchange.settings import ExchangeSettings
from plugins.exchange.tests.desk import SET
from tests.bench.common import Bench, Table, in_turns, ms, ratio, seconds

SIZES = (10_000, 100_000)
LARGE = 1_000_000
MONTHS, CLIENTS, AT_ONCE = 36, 2000, 2000
NOW = datetime(2026, 11, 20, tzinfo=UTC)
BEANCOUNT = ("beancount==3.2.3",)
MONTH = reports.Filter(start=date(2026, 10, 1), end=date(2026, 10, 31))
STAGES = ("client_paid", "partner_paid", "closed")


def a_portal(database: Database) -> Portal:
    clock, mapping = FakeClock(NOW), load_set(set_folder(SET))
    crm: Any = MemoryCRM(mapping, clock)
    name, chosen = (
        f"{mapping.portal.connector}/{mapping.portal.portal}",
        ExchangeSettings(places=["Каса"], default_place="Каса"),
    )
    return Portal(
        name, mapping, crm, database, Books(clock, [CHART]), clock, CountingIds(), MemoryQueue(clock), {"exchange": chosen}
    )


def deals(count: int) -> Iterator[Deal]:
    """Closed deals, evenly over three years up to now, as a desk would have them."""
    rng, pair = random.Random(1), parse_pair("USD/UAH", Currencies())
    start, span = NOW - timedelta(days=30 * MONTHS), timedelta(days=30 * MONTHS) / count
    for n in range(count):
        at = to_micros(start + span * n)
        client = rng.randrange(CLIENTS)
        operation = Operation(
            key="1", number="1", kind="buy", amount=rng.randrange(100_00, 9_000_00), amount_in=pair.base, pair=pair,
            client_rate=Decimal(rng.randrange(4100, 4200)) / 100, partner_rate=Decimal(rng.randrange(4200, 4250)) / 100,
            partner=Party(f"p{n % 20}", f"Партнер {n % 20}"), place="Каса",
        )  # fmt: skip
        entered = {stage: at + 60_000_000 * k for k, stage in enumerate(STAGES, 1)}
        yield Deal(
            f"history/{n + 1}", str(n + 1), "closed", (operation,), at, Party(f"c{client}", f"Клієнт {client}"), "Ігор",
            entered=entered,
        )  # fmt: skip


def filled(database: Database, count: int, *, whole: bool = True) -> None:
    """The deals through our own functions; `whole`: with their facts and the plugin's tables, else the books alone."""
    portal, books = a_portal(database), Books(FakeClock(NOW), [CHART]).book(BOOK)
    report, batch = portal.currencies.get("USD"), list[Deal]()

    def save() -> None:
        with database.write() as tx:
            if whole:
                rates = Rates.load(tx, days_max=7)
                facts = [
                    Draft(
                        "deal",
                        one.subject,
                        f"{one.subject}/fact/0",
                        one.created_at,
                        {"facts": deal_data(one), "changes": []},
                    )
                    for one in batch
                ]
                books.record(tx, facts)
                store.save(tx, [store.derive(one, rates, report, portal.zone) for one in batch], fresh=True)
            books.settle_many(
                tx, [Change(one.subject, postings(one, portal.zone)) for one in batch], author="", trace=""
            )  # fmt: skip
        batch.clear()

    for deal in deals(count):
        batch.append(deal)
        if len(batch) == AT_ONCE:
            save()
    if batch:
        save()
    checkpoints.keep(database, SystemClock())


def enlarged(database: Database, times: int) -> None:
    """The same history again and again, under other numbers: what reading balances costs depends on the rows alone."""
    with database.write() as tx:
        top = int(tx.value("SELECT MAX(seq) FROM ledger_leg"))
        tx.run("DELETE FROM ledger_checkpoint")
        tx.run("DELETE FROM ledger_checkpoint_balance")
        tx.run("UPDATE ledger_head SET covered = :never", never=checkpoints.NEVER)
        for n in range(1, times):
            tx.run(
                "INSERT INTO ledger_leg SELECT seq + :more, n, account, party, currency, place, amount, flow, at, "
                "subject || '+' || CAST(:n AS TEXT), op, book FROM ledger_leg WHERE seq <= :top",
                more=top * n, top=top, n=n,
            )  # fmt: skip
        tx.run("UPDATE ledger_balance SET amount = amount * :t", t=times)
    checkpoints.keep(database, SystemClock())


def measured(bench: Bench) -> Table:
    table = Table("A long history", ("what", "operations", "ours", "other", "ratio", "aim"))
    databases = {}
    for count in SIZES:
        databases[count] = bench.database("sqlite", f"history{count}")
        filled(databases[count], count)
    _reports(table, databases[SIZES[-1]], SIZES[-1])
    _control(table, databases[SIZES[0]], SIZES[0])
    if bench.others:
        _others(bench, table, databases[SIZES[-1]], SIZES[-1])
    found = {count: _now(database) for count, database in databases.items()}
    enlarged(databases[SIZES[-1]], LARGE // SIZES[-1])
    databases[LARGE] = databases.pop(SIZES[-1])
    found[LARGE] = _now(databases[LARGE])
    for count, took in found.items():
        table.add(
            "all balances now", f"{count:,}", ms(took), ms(found[SIZES[0]]), f"{took / found[SIZES[0]]:.2f}", "flat: 1"
        )
    _past(table, databases[LARGE])
    for database in databases.values():
        database.close()
    table.notes += [
        f"SQLite. Deals of one operation with ten legs or so, evenly over {MONTHS} months, {CLIENTS:,} clients; the million",
        "is the hundred thousand ten times over. «Other» of «balances now» is the smallest history; of «as of» it is adding",
        "up every leg up to the moment, by an index. beancount and hledger read the same postings from a file and print",
        "the balances.",
    ]
    return table


def _now(database: Database) -> float:
    def reading() -> None:
        with database.read() as tx:
            tx.all("SELECT account, party, currency, place, amount FROM ledger_balance")

    return statistics.median(seconds(reading) for _ in range(15))


def _past(table: Table, database: Database) -> None:
    """Moments in the first, the middle and the last part of the history."""
    book = Books(SystemClock(), [CHART]).book(BOOK)
    with database.read() as tx:
        first, last = tx.value("SELECT MIN(at) FROM ledger_leg"), tx.value("SELECT MAX(at) FROM ledger_leg")
    for share in (0.25, 0.5, 0.75, 0.99):
        moment = int(first + (last - first) * share)

        def ours(moment: int = moment) -> list[Row]:
            with database.read() as tx:
                return book.balances_at(tx, moment)

        def adding_up(moment: int = moment) -> list[Row]:
            with database.read() as tx:
                return tx.all(
                    "SELECT account, party, currency, place, SUM(amount) AS amount FROM ledger_leg WHERE at <= :m "
                    "GROUP BY account, party, currency, place",
                    m=moment,
                )

        if _as_set(ours()) != _as_set(adding_up()):
            raise AssertionError("the checkpoints and the legs say different things")
        found = in_turns({"ours": lambda o=ours: seconds(o), "all": lambda a=adding_up: seconds(a)}, 3)  # type: ignore[misc]
        rate = ratio(found["all"], found["ours"])
        table.add(
            f"balances as of {share:.0%} of the time", f"{LARGE:,}", ms(min(found["ours"])), ms(min(found["all"])),
            f"{rate:.1f}", "10",
        )  # fmt: skip


def _as_set(rows: list[Row]) -> set[tuple[object, ...]]:
    return {(row["account"], row["party"], row["currency"], row["place"], int(row["amount"])) for row in rows}


def _reports(table: Table, database: Database, count: int) -> None:
    """The month before the last, each report by itself."""
    portal = a_portal(database)
    with portal.read() as unit:
        rows = len(reports.operation_rows(unit.tx, MONTH, portal.zone))
    for name, make in _makers(portal, MONTH).items():
        took = statistics.median(seconds(make) for _ in range(5))
        table.add(f"{name}, October ({rows:,} operations)", f"{count:,}", ms(took), "", "", "100 ms")


def _control(table: Table, database: Database, count: int) -> None:
    """It derives every deal anew, whatever the month: so it is measured on the small history."""
    portal = a_portal(database)
    took = seconds(lambda: control(portal, start=MONTH.start, end=MONTH.end, fresh=False))
    table.add("report «control», October, without the CRM's answers", f"{count:,}", ms(took), "", "", "100 ms")


def _makers(portal: Portal, month: reports.Filter) -> dict[str, Callable[[], object]]:
    def within(make: Callable[..., object]) -> Callable[[], object]:
        def run() -> object:
            with portal.read() as unit:
                return make(unit)

        return run

    return {
        "report «operations»": within(lambda unit: reports.operations(unit, month)),
        "report «contacts»": within(lambda unit: reports.contacts(unit, month)),
        "board now": within(board),
        "board of the month's end": within(lambda unit: board(unit, datetime(2026, 10, 31, 21, tzinfo=UTC))),
    }


# --- other people's ledgers -------------------------------------------------------------------------------------------


def _others(bench: Bench, table: Table, database: Database, count: int) -> None:
    def ours() -> None:
        with database.read() as tx:
            tx.all("SELECT * FROM ledger_balance")

    took = statistics.median(seconds(ours) for _ in range(9))
    book = bench.folder / "book.beancount"
    _write_book(database, book)
    for name, command in (("beancount", _beancount(bench)), ("hledger", _hledger())):
        if command is None:
            table.add(f"all balances, {name}", f"{count:,}", ms(took), "not to be had here", "", "")
            continue
        theirs = seconds(
            lambda c=command: subprocess.run(
                [*c, str(book.with_suffix(".journal") if c[0].endswith("hledger") else book)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        )  # type: ignore[misc]
        table.add(f"all balances, {name}", f"{count:,}", ms(took), f"{theirs:.1f} s", f"{theirs / took:,.0f}", "")


def _write_book(database: Database, path: Path) -> None:
    """All postings in the one form that both read: accounts by account and party, minor units as they are."""
    accounts: dict[str, None] = {}
    with database.read() as tx, path.open("w", encoding="utf-8") as file:
        seq = 0
        for leg in tx.stream("SELECT * FROM ledger_leg ORDER BY at, seq, n"):
            if leg["seq"] != seq:
                seq = leg["seq"]
                file.write(f'\n{datetime.fromtimestamp(leg["at"] / 1e6, UTC):%Y-%m-%d} * "{leg["subject"]}"\n')
            account = f"Assets:{leg['account'].title()}" + (f":{leg['party'].title()}" if leg["party"] else "")
            accounts[account] = None
            file.write(f"  {account}  {leg['amount']} {leg['currency']}\n")
    opened = "".join(f"2020-01-01 open {account}\n" for account in accounts)
    path.with_suffix(".beancount").write_text(opened + path.read_text(encoding="utf-8"), encoding="utf-8")
    path.with_suffix(".journal").write_text(path.read_text(encoding="utf-8")[len(opened) :], encoding="utf-8")


def _beancount(bench: Bench) -> list[str] | None:
    home = bench.folder / "beancount"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    done = subprocess.run(
        [str(home / "bin" / "python"), "-m", "pip", "install", "-q", *BEANCOUNT], capture_output=True, check=False
    )
    if done.returncode:
        return None
    code = (
        "import sys; from beancount import loader; from beancount.core import realization; "
        "entries, errors, _ = loader.load_file(sys.argv[1]); assert not errors, errors[:3]; "
        "[print(one.account, one.balance) for one in realization.iter_children(realization.realize(entries))]"
    )
    return [str(home / "bin" / "python"), "-c", code]


def _hledger() -> list[str] | None:
    found = shutil.which("hledger")
    return [found, "bal", "--flat", "-f"] if found else None
