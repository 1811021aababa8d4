"""«Комунікації» with a long past: its first page, a talk, and searching, against the same page with a short one."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from kernel.conversations.words import words
from kernel.crm import Ref
from kernel.storage import Tx
from kernel.values import to_micros
from plugins.partners import store
from plugins.partners.store import Announcement
from plugins.partners.tests.chats import Chats
from tests.bench.common import Bench, Table, in_turns, ms, ratio, seconds

SIZES = (1_000, 100_000)
TALKS, DEALS, VOCABULARY, AT_ONCE = 50, 400, 3_000, 5_000
ROUNDS = 15
AIMS = {"first page": 1.5, "search": 3.0}
QUERIES = {
    "search, a common word begun": "q=кур",
    "search, a common word": "q=курс",
    "search, two common words": "q=курс+оплата",
    "search, a rare word": "q=слово2999",
    "search, nothing found": "q=немаєтакого",
}


class Desk(Chats):
    """Partners whose chats have a past. A manager has a tenth of the deals and leads no partner; a lead has as many, and
    leads one partner."""

    def __init__(self, url: str, count: int) -> None:
        super().__init__(url)
        other = self.crm.staff.hire("Марія Коваль")
        self.lead = self.crm.staff.hire("Остап Вишня")
        self.cards = []
        for n in range(TALKS):
            leads = other if n else self.lead
            self.cards.append(self.crm.staff.new("partner", name=f"Партнер {n}", responsible=(Ref(leads.id, leads.name),)))
        for card in self.cards:
            self.sync(card, entity="partner", event="partner.created")
            self.tap(card, f"-{card}")
        self._fill(count)

    def _fill(self, count: int) -> None:
        threads = [row["id"] for row in self.rows("SELECT id FROM thread WHERE subject <> '' ORDER BY id")]
        batch: list[dict[str, Any]] = []
        for row in _messages(count, threads, to_micros(self.clock.now() - timedelta(days=900))):
            batch.append(row)
            if len(batch) == AT_ONCE:
                self._keep(batch)
                batch = []
        self._keep(batch)
        with self.database.write() as tx:
            tx.run("UPDATE thread SET last_at = (SELECT MAX(at) FROM message WHERE thread = thread.id)")
            for n in range(DEALS // 10):
                store.keep_deal_people(tx, f"deal:{n}", {"manager": [self.manager.id], "executor": [self.lead.id]})
                told = Announcement(f"desk/{n}", self.cards[n % TALKS], str(n), str(n), state="announced")
                store.keep_announcement(tx, told, self.clock.now())

    def _keep(self, batch: list[dict[str, Any]]) -> None:
        if not batch:
            return
        with self.database.write() as tx:
            tx.run_many(
                "INSERT INTO message (id, thread, direction, sort, author, author_name, text, link, extra, reply_to, "
                "record, grouped, at, call, edit_call, sent_at) VALUES (:id, :thread, :direction, 'text', :author, "
                ":author, :text, '', '', '', :record, '', :at, '', '', :at)",
                batch,
            )
            tx.run_many(
                "INSERT INTO message_word (word, at, message) VALUES (:w, :at, :m)",
                [{"w": word, "at": row["at"], "m": row["id"]} for row in batch for word in words(row["text"])],
            )


def _messages(count: int, threads: list[str], start: int) -> Iterator[dict[str, Any]]:
    """A word in ten messages is «курс», one in twenty «оплата»; most others are rare."""
    rng = random.Random(7)
    step = 900 * 86_400_000_000 // count
    for n in range(count):
        said = [f"слово{rng.randrange(VOCABULARY)}" for _ in range(7)]
        said += ["курс"] * (rng.random() < 0.1) + ["оплата"] * (rng.random() < 0.05)
        direction = "in" if rng.random() < 0.6 else "out"
        yield {
            "id": f"m{n:07d}", "thread": rng.choice(threads), "direction": direction, "author": "oleg" if n % 3 else "",
            "text": " ".join(said), "record": f"deal:{rng.randrange(DEALS)}" if n % 2 else "", "at": start + step * n,
        }  # fmt: skip


def measured(bench: Bench) -> Table:
    table = Table("«Комунікації»", ("what", "store", "1,000", "100,000", "ratio", "aim", "ratio of CPU", "statements"))
    for kind in ("sqlite", "postgresql"):
        desks = {}
        for count in SIZES:
            url = bench.url(kind, f"talks{count}")
            bench.migrated(url)
            desks[count] = Desk(url, count)
        _compare(table, kind, desks)
        for desk in desks.values():
            desk.close()
    table.notes += [
        f"{TALKS} talks; whole pages through the web side, as whoever sees all of them, and as a manager who sees the talk",
        "of a tenth of all deals (one message in twenty); a lead also sees all of one partner's talk. Words are spread",
        "evenly; «курс» stands in a tenth of all messages, «оплата» in a twentieth. «A talk» is the lead's own partner's.",
        "The ratio of CPU is that of our own thread, without the database server's.",
    ]
    return table


def _compare(table: Table, kind: str, desks: dict[int, Desk]) -> None:
    pages = {"first page": "", **QUERIES, "a talk": "thread={}"}
    for who in ("", "manager", "lead"):
        for what, query in pages.items():
            blocks = {str(count): _asking(desk, who, query) for count, desk in desks.items()}
            asked = [_statements(block) for block in blocks.values()]
            cpu: dict[str, list[float]] = {name: [] for name in blocks}
            found = in_turns({name: _timed(block, cpu[name]) for name, block in blocks.items()}, ROUNDS)
            few, many = (found[str(count)] for count in SIZES)
            name = f"{what}, as a {who}" if who else what
            aim = next((f"≤ {most:g}" for start, most in AIMS.items() if what.startswith(start)), "")
            medians = (ms(statistics.median(one)) for one in (few, many))
            spent = ratio(cpu[str(SIZES[1])], cpu[str(SIZES[0])])
            table.add(name, kind, *medians, f"{ratio(many, few):.2f}", aim, f"{spent:.2f}", " / ".join(map(str, asked)))


def _asking(desk: Desk, who: str, query: str) -> Callable[[], object]:
    client = desk.client(getattr(desk, who).id) if who else desk.client()
    thread = desk.rows("SELECT thread FROM partner WHERE id = :id", id=desk.cards[0])[0]["thread"]
    address = f"/partners/talks?{query.format(thread)}"
    assert client.get(address).status_code == 200, address
    return lambda: client.get(address)


def _timed(block: Callable[[], object], cpu: list[float]) -> Callable[[], float]:
    """Seconds by the clock; the processor's, of this thread, go into `cpu`."""

    def run() -> float:
        began = time.thread_time()
        took = seconds(block)
        cpu.append(time.thread_time() - began)
        return took

    return run


def _statements(block: Callable[[], object]) -> int:
    """How many statements a page takes."""
    asked, count = Tx._driven, 0

    def counting(*args: Any) -> Any:
        nonlocal count
        count += 1
        return asked(*args)

    with patch.object(Tx, "_driven", counting):
        block()
    return count
