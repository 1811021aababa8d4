"""Posting through our own API against a bare loop that stores the same rows, and against another ledger."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import sqlalchemy as sa

from kernel.clock import SystemClock
from kernel.ledger import Book, Books, Change, Leg, Posting
from kernel.storage import Database
from plugins.exchange.accounts import BOOK, CHART
from tests.bench.common import ROOT, Bench, Table, in_turns, ratio

OPERATIONS, BLOCK, ROUNDS = 2000, 100, 12
HORDAK_BLOCK = 30
HORDAK = ("django-hordak==2.0.0", "psycopg[binary]==3.3.9")
Rows = list[tuple[Any, ...]]
UPSERT = (
    "INSERT INTO ledger_balance (account, party, currency, place, amount, book) VALUES ({marks}) "
    "ON CONFLICT (book, account, party, currency, place) DO UPDATE SET amount = ledger_balance.amount + excluded.amount"
)


def posting(n: int) -> Posting:
    """A client sells dollars: what they gave and what they are owed now, with the desk's open position between."""
    client, usd, uah = f"c{n % 500}", 1000 + n, 41_200 + n
    legs = (
        Leg("client", "USD", usd, "main", client), Leg("trading", "USD", -usd, "main"),
        Leg("trading", "UAH", uah, "main"), Leg("client", "UAH", -uah, "main", client),
    )  # fmt: skip
    return Posting("turn", 1_790_000_000_000_000 + n * 60_000_000, legs)


def measured(bench: Bench) -> Table:
    table = Table("Posting", ("store", "what", "ours", "other", "ours / other", "aim"))
    for kind in ("sqlite", "postgresql"):
        database = bench.database(kind, "post_ours")
        model, books = bench.database(kind, "post_rows"), Books(SystemClock(), [CHART]).book(BOOK)
        with model.write() as tx:
            for n in range(OPERATIONS):
                books.settle(tx, f"d{n}", [posting(n)], author="", trace="")
        plain = bare(kind, bench.database(kind, "post_bare").url, model)
        counts = {"ours": 0, "plain": 0}

        def block(name: str, action: Callable[[int], None], counts: dict[str, int] = counts) -> float:
            start = counts[name]
            began = time.perf_counter()
            for n in range(start, start + BLOCK):
                action(n)
            counts[name] += BLOCK
            return BLOCK / (time.perf_counter() - began)

        def ours(n: int, database: Database = database, books: Book = books) -> None:
            with database.write() as tx:
                books.settle(tx, f"d{n}", [posting(n)], author="", trace="")

        def together(database: Database = database, books: Book = books, counts: dict[str, int] = counts) -> float:
            counts["ours"] += 10 * BLOCK
            numbers = range(counts["ours"] - 10 * BLOCK, counts["ours"])
            began = time.perf_counter()
            with database.write() as tx:
                books.settle_many(tx, [Change(f"d{n}", [posting(n)]) for n in numbers], author="", trace="")
            return 10 * BLOCK / (time.perf_counter() - began)

        blocks = {"ours": partial(block, "ours", ours), "bare": partial(block, "plain", plain)}
        found = in_turns(blocks, ROUNDS)
        rate = ratio(found["ours"], found["bare"])
        table.add(kind, "bare loop of the same rows", *_speeds(found["ours"], found["bare"]), f"{rate:.2f}", "0.9")
        if kind == "postgresql" and bench.others:
            _against_hordak(bench, table, blocks["ours"], together)
    table.notes += [
        "One commit for each operation (four legs, two currencies), synced to disk. The bare loop is handed the finished",
        "rows, hashes included, and only writes them: journal, legs, balances, head, into the same tables with the same",
        "indexes and triggers. Ours also asks what stands, checks the sums, chains the hashes, and may be repeated.",
    ]
    return table


def _speeds(ours: list[float], other: list[float]) -> tuple[str, str]:
    return f"{max(ours):.0f}/s", f"{max(other):.0f}/s"


def bare(kind: str, url: str, model: Database) -> Callable[[int], None]:
    """The floor: a cursor and the finished rows of operation n."""
    with model.read() as tx:
        journal = [tuple(row.values()) for row in tx.all("SELECT * FROM ledger_journal ORDER BY seq")]
        legs: dict[int, Rows] = {}
        for row in tx.all("SELECT * FROM ledger_leg ORDER BY seq, n"):
            legs.setdefault(row["seq"], []).append(tuple(row.values()))
    mark = "?" if kind == "sqlite" else "%s"
    sql = {
        name: f"INSERT INTO {name} VALUES ({', '.join([mark] * width)})"
        for name, width in (("ledger_leg", 12), ("ledger_journal", 13))
    }
    upsert, head = (
        UPSERT.format(marks=", ".join([mark] * 6)),
        f"UPDATE ledger_head SET seq = {mark}, hash = {mark} WHERE id = 1",
    )
    cursor, begin = _cursor(kind, url)

    def plain(n: int) -> None:
        entry = journal[n]
        found = legs[entry[0]]
        cursor.execute(begin)
        cursor.executemany(sql["ledger_leg"], found)
        cursor.execute(sql["ledger_journal"], entry)
        cursor.executemany(upsert, [(leg[2], leg[3], leg[4], leg[5], leg[6], leg[11]) for leg in found])
        cursor.execute(head, (entry[0], entry[11]))
        cursor.execute("COMMIT")

    return plain


def _cursor(kind: str, url: str) -> tuple[Any, str]:
    if kind == "sqlite":
        lite = sqlite3.connect(sa.make_url(url).database or "", isolation_level=None)
        lite.execute("PRAGMA journal_mode=WAL")
        lite.execute("PRAGMA synchronous=FULL")
        return lite.cursor(), "BEGIN IMMEDIATE"
    import psycopg

    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True).cursor(), "BEGIN"


def _against_hordak(bench: Bench, table: Table, ours: Callable[[], float], together: Callable[[], float]) -> None:
    """In an environment of its own, made for this and thrown away with the folder."""
    home = bench.folder / "hordak"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    python = home / "bin" / "python"
    done = subprocess.run([str(python), "-m", "pip", "install", "-q", *HORDAK], capture_output=True, text=True, check=False)
    if done.returncode:
        table.add("postgresql", "django-hordak", "", "could not be installed", "", "15")
        return
    url = sa.make_url(bench.url("postgresql", "post_hordak"))
    with subprocess.Popen(
        [str(python), str(ROOT / "tests" / "bench" / "posting_hordak.py"), json.dumps(_parts(url))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdin is not None and other.stdout is not None
        ready = other.stdout.readline()
        if not ready:
            table.add("postgresql", "django-hordak", "", "did not start", "", "15")
            return

        def theirs(how: str) -> float:
            assert other.stdin is not None and other.stdout is not None
            other.stdin.write(f"{HORDAK_BLOCK} {how}\n")
            other.stdin.flush()
            return HORDAK_BLOCK / float(other.stdout.readline())

        alone = in_turns({"ours": ours, "theirs": partial(theirs, "alone")}, ROUNDS // 2)
        many = in_turns({"ours": together, "theirs": partial(theirs, "together")}, ROUNDS // 2)
        other.stdin.close()
    for what, found in (("a commit each", alone), ("many in one commit, as an import", many)):
        rate = ratio(found["ours"], found["theirs"])
        table.add("postgresql", f"{ready.strip()}, {what}", *_speeds(found["ours"], found["theirs"]), f"{rate:.1f}", "15")


def _parts(url: sa.URL) -> dict[str, Any]:
    host = url.query.get("host", url.host or "")
    return {
        "NAME": url.database, "USER": url.username or "", "PASSWORD": url.password or "", "HOST": host,
        "PORT": str(url.port or url.query.get("port", "")),
    }  # fmt: skip
