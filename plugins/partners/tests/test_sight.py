"""What a person finds by the index is exactly what a look at every message finds: random people, deals and messages."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from kernel.clock import SystemClock
from kernel.conversations import Incoming, reading, sending, timeline, viewers
from kernel.conversations.model import Outgoing
from kernel.conversations.reading import Filter
from kernel.conversations.timeline import KeptFile
from kernel.conversations.words import words
from kernel.storage import Database
from kernel.storage.migrate import migrate_in
from kernel.storage.tests.meeting import meet
from kernel.testing import CountingIds, FakeClock
from kernel.values import from_micros, to_micros
from kernel.web.links import User
from plugins.partners import store
from plugins.partners.sight import sight_of
from plugins.partners.store import Announcement, Partner
from tests.harness.databases import migration_sets

BOT = "telegram/partners"
PEOPLE = ("1", "2", "3", "4")
DEALS = tuple(f"deal:{number}" for number in range(6))
PARTNERS = ("p1", "p2", "p3", "p4")
WORDS = ("курс", "курси", "оплата", "завтра", "каса", "готівка", "євро")


class Past:
    """Deals, chats and people as chance has them; everything is written by the product's own ways."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database, self.chance = database, random.Random(seed)
        self.clock, self.ids = FakeClock(), CountingIds()
        self.addresses = {partner: f"-{number}" for number, partner in enumerate(PARTNERS, 1)}
        self.known: list[str] = []
        self._number = 0
        with database.write() as tx:
            for partner in PARTNERS:
                found = timeline.open_thread(tx, BOT, "bot", self.addresses[partner], clock=self.clock, ids=self.ids)
                timeline.bind(tx, found.id, f"partner:{partner}")
                store.keep_partner(tx, Partner(partner, partner, thread=found.id, state=store.LIVE), self.clock.now())
            for number, deal in enumerate(DEALS):
                partner = PARTNERS[number % len(PARTNERS)]
                told = Announcement(f"desk/{number}", partner, deal.partition(":")[2], str(number), state="announced")
                store.keep_announcement(tx, told, self.clock.now())

    def happens(self, times: int) -> None:
        acts = (self._hears, self._hears, self._writes, self._writes, self._files, self._staffs, self._leads, self._notes)
        for _ in range(times):
            self.clock.advance(seconds=self.chance.choice((0, 1, 60)))
            self.chance.choice(acts)()

    def _text(self) -> str:
        return " ".join(self.chance.choices(WORDS, k=3))

    def _hears(self) -> None:
        self._number += 1
        address, number = self.chance.choice(list(self.addresses.values())), self._number
        incoming = Incoming(
            f"{address}:{number}", address, self._text(), account="bot", author="oleg", author_name="Олег", number=number,
            at=self.clock.now(), kind=self.chance.choice(("message", "message", "note")), details={"room": "group"},
        )  # fmt: skip
        files = [KeptFile("рахунок.pdf", content="c")] if self.chance.random() < 0.2 else []
        with self.database.write() as tx:
            self.known.append(timeline.receive(tx, BOT, incoming, files=files, clock=self.clock, ids=self.ids).message)

    def _writes(self) -> None:
        """Staff do, or Annex by itself."""
        address, author = self.chance.choice(list(self.addresses.values())), self.chance.choice(("", "", *PEOPLE))
        with self.database.write() as tx:
            found = timeline.open_thread(tx, BOT, "bot", address, clock=self.clock, ids=self.ids)
            self.known.append(
                sending.written(
                    tx,
                    found,
                    Outgoing(address, self._text()),
                    call="",
                    record=self.chance.choice((*DEALS, "")),
                    author=author,
                    author_name=author,
                    clock=self.clock,
                    ids=self.ids,
                )
            )

    def _files(self) -> None:
        if self.known:
            with self.database.write() as tx:
                timeline.file_under(tx, self.chance.choice(self.known), self.chance.choice((*DEALS, "partner:p1", "")))

    def _staffs(self) -> None:
        people = {role: self.chance.sample(PEOPLE, self.chance.randint(0, 2)) for role in ("manager", "executor")}
        with self.database.write() as tx:
            store.keep_deal_people(tx, self.chance.choice(DEALS), people)

    def _leads(self) -> None:
        with self.database.write() as tx:
            one = store.partner(tx, self.chance.choice(PARTNERS))
            assert one is not None
            leads = self.chance.choice(("", "", *PEOPLE))
            store.keep_partner(tx, Partner(one.id, one.name, thread=one.thread, responsible=leads), self.clock.now())

    def _notes(self) -> None:
        if self.known:
            with self.database.write() as tx:
                timeline.make_note(tx, self.chance.choice(self.known), "прив'язано")

    def moves(self) -> None:
        """A group became another one, of which something came before that was known."""
        partner = self.chance.choice(PARTNERS)
        old, new = self.addresses[partner], f"-100{self.addresses[partner]}"
        stray = Incoming(f"{new}:1", new, self._text(), account="bot", author="oleg", number=1, at=self.clock.now())
        with self.database.write() as tx:
            heard = timeline.receive(tx, BOT, stray, clock=self.clock, ids=self.ids)
            timeline.file_under(tx, heard.message, self.chance.choice(DEALS))
            timeline.move(tx, BOT, "bot", old, new, clock=self.clock, ids=self.ids)
        self.addresses[partner] = new
        self.known.append(heard.message)


class Plain:
    """The same, reckoned from every message there is."""

    def __init__(self, database: Database) -> None:
        with database.read() as tx:
            self.messages = tx.all("SELECT * FROM message")
            self.roles = {(row["record"], row["person"], row["role"]) for row in tx.all("SELECT * FROM partner_deal_person")}
            self.leads = {f"partner:{row['id']}": row["responsible"] for row in tx.all("SELECT * FROM partner")}
            self.threads = {row["id"]: row for row in tx.all("SELECT * FROM thread")}
            self.with_files = {row["message"] for row in tx.all("SELECT * FROM message_file")}
            self.words: dict[str, set[str]] = {}
            for row in tx.all("SELECT * FROM message_word"):
                self.words.setdefault(row["message"], set()).add(row["word"])
            self.read = {(row["thread"], row["person"]): row["at"] for row in tx.all("SELECT * FROM thread_read")}

    def whole(self, person: str, thread: str) -> bool:
        return bool(person) and self.leads.get(self.threads[thread]["subject"]) == person

    def sees(self, person: str, row: Mapping[str, Any]) -> bool:
        if self.whole(person, row["thread"]):
            return True
        manages = (row["record"], person, "manager") in self.roles
        works = manages or (row["record"], person, "executor") in self.roles
        automatic = row["direction"] == "out" and row["author"] == ""
        return manages or (works and not automatic)

    def wanted(self, row: Mapping[str, Any], wanted: Filter) -> bool:
        searched = words(wanted.text)
        has = self.words.get(row["id"], set())
        return all((
            not wanted.threads or row["thread"] in wanted.threads,
            not wanted.record or row["record"] == wanted.record,
            not wanted.direction or row["direction"] == wanted.direction,
            not wanted.person or row["author"] == wanted.person,
            not wanted.records_only or row["record"].startswith("deal:"),
            wanted.since is None or row["at"] >= to_micros(wanted.since),
            wanted.until is None or row["at"] < to_micros(wanted.until),
            not wanted.with_files or row["id"] in self.with_files,
            all(word in has for word in searched[:-1]),
            not searched or any(word.startswith(searched[-1]) for word in has),
        ))  # fmt: skip

    def found(self, person: str, wanted: Filter) -> list[str]:
        rows = [row for row in self.messages if self.sees(person, row) and self.wanted(row, wanted)]
        return [row["id"] for row in sorted(rows, key=lambda row: (row["at"], row["id"]), reverse=True)]

    def talk(self, person: str, thread: str) -> tuple[str, int, datetime | None]:
        """The newest message, how many are new, and since when one waits for an answer."""
        rows = [row for row in self.messages if row["thread"] == thread and self.sees(person, row)]
        newest = max(rows, key=lambda row: (row["at"], row["id"]))["id"] if rows else ""
        seen = [row["at"] for row in rows if row["direction"] == "in"]
        unread = sum(1 for at in seen if at > self.read.get((thread, person), 0))
        if self.whole(person, thread):
            waits = self.threads[thread]["waiting_since"]
        else:
            answered = max((row["at"] for row in rows if row["direction"] == "out"), default=0)
            waits = min((at for at in seen if at > answered), default=None)
        return newest, min(unread, reading.UNREAD_MAX), None if waits is None else from_micros(waits)


def some_filter(past: Past, plain: Plain) -> Filter:
    chance = past.chance
    maybe = lambda value, nothing: value if chance.random() < 0.3 else nothing  # noqa: E731
    text = " ".join(chance.choices((*WORDS, "кур", "к", "олег", "немає"), k=chance.randint(1, 3)))
    day = past.clock.now() - timedelta(minutes=chance.randint(0, 60))
    return Filter(
        connection=maybe(BOT, ""), threads=maybe(tuple(chance.sample(sorted(plain.threads), chance.randint(1, 2))), ()),
        record=maybe(chance.choice(DEALS), ""), direction=maybe(chance.choice(("in", "out", "note")), ""),
        person=maybe(chance.choice(("oleg", *PEOPLE)), ""), since=maybe(day, None), until=maybe(day, None),
        with_files=maybe(True, False), text=text if chance.random() < 0.6 else "", records_only=maybe(True, False),
    )  # fmt: skip


def in_pages(database: Database, person: str, wanted: Filter, most: int) -> list[str]:
    found: list[str] = []
    older: tuple[datetime, str] | None = None
    while True:
        with database.read() as tx:
            page = reading.messages(
                tx, sight_of(tx, User("x", "", person_id=person)).scope, wanted, most=most, older_than=older
            )
        found += [line.id for line in page]
        if len(page) < most:
            return found
        older = (page[-1].at, page[-1].id)


@pytest.mark.row("PT-05")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("common", "apart", "looked_at"), [(0, 0, 5), (reading.COMMON_FROM, 8, 300)], ids=["as of very many", "as of few"]
)
def test_whoever_looks_finds_what_every_message_says(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int, common: int, apart: int, looked_at: int
) -> None:
    """Very many messages are read another way than few: the borders between the two are moved."""
    monkeypatch.setattr(reading, "COMMON_FROM", common)
    monkeypatch.setattr(reading, "THREADS_APART_MAX", apart)
    monkeypatch.setattr(reading, "RARITY_LOOKED_AT", looked_at)
    past = Past(database, seed)
    for _ in range(3):
        past.happens(60)
        past.moves()
        plain = Plain(database)
        threads = sorted(plain.threads)
        with database.write() as tx:
            reading.mark_read(tx, past.chance.choice(threads), past.chance.choice(PEOPLE), past.clock.now())
        plain = Plain(database)
        for person in (*PEOPLE, "nobody", ""):
            _same_talks(database, plain, person)
            for _ in range(12):
                wanted = some_filter(past, plain)
                expected = plain.found(person, wanted)
                assert in_pages(database, person, wanted, past.chance.choice((1, 3, 50))) == expected, (person, wanted)


def _same_talks(database: Database, plain: Plain, person: str) -> None:
    with database.read() as tx:
        scope = sight_of(tx, User("x", "", person_id=person)).scope
        found = reading.talks(tx, scope, person=person, connection=BOT)
        seen = {row["id"] for row in plain.messages if reading.one(tx, scope, row["id"]) is not None}
        open_to = {thread for thread in plain.threads if reading.sees_thread(tx, scope, thread)}
    visible = {row["thread"] for row in plain.messages if plain.sees(person, row)}
    visible |= {thread for thread in plain.threads if plain.whole(person, thread)}
    order = sorted(visible, key=lambda thread: (-plain.threads[thread]["last_at"], thread))
    assert [one.thread.id for one in found] == order and open_to == visible
    assert seen == set(plain.found(person, Filter()))
    for one in found:
        assert (one.last.id if one.last else "", one.unread, one.waiting_since) == plain.talk(person, one.thread.id)


@pytest.mark.row("PT-05")
@pytest.mark.parametrize("first", ["people", "message"])
def test_a_message_filed_while_the_deal_changes_hands_is_seen_by_the_new_hands_alone(database: Database, first: str) -> None:
    past = Past(database, 1)
    with database.write() as tx:
        store.keep_deal_people(tx, "deal:1", {"manager": ["1"]})
    past._hears()
    [message] = past.known

    def people(tx: Any) -> None:
        store.keep_deal_people(tx, "deal:1", {"manager": ["2"], "executor": ["3"]})

    def file(tx: Any) -> None:
        timeline.file_under(tx, message, "deal:1")

    one, other = (people, file) if first == "people" else (file, people)

    def second() -> None:
        with database.write() as tx:
            other(tx)

    meet(database, one, second)
    plain = Plain(database)
    for person in ("1", "2", "3"):
        assert in_pages(database, person, Filter(), 50) == plain.found(person, Filter())
    assert plain.found("2", Filter()) == plain.found("3", Filter()) == [message] and not plain.found("1", Filter())


@pytest.mark.row("PT-05")
def test_a_desk_from_before_the_index_shows_everybody_the_same(database: Database) -> None:
    past = Past(database, 5)
    past.happens(150)
    plain = Plain(database)
    with database.write() as tx:
        for table in ("message_viewer", "record_viewer", "viewed_record"):
            tx.run(f"DROP TABLE {table}")
        tx.run("DROP INDEX message_direction")
        tx.run("DELETE FROM annex_migration WHERE name = '0004_viewers' AND room = 'kernel.conversations'")
        tx.run("DELETE FROM annex_migration WHERE name = '0003_viewers' AND room = 'partners'")
        migrate_in(tx, migration_sets(), SystemClock())
    for person in PEOPLE:
        assert in_pages(database, person, Filter(), 50) == plain.found(person, Filter()), person
    past.happens(60)
    plain = Plain(database)
    for person in PEOPLE:
        assert in_pages(database, person, Filter(), 50) == plain.found(person, Filter()), person


def test_what_is_kept_ready_is_what_follows(database: Database) -> None:
    """Nobody has a row too many: such a row would show a message to somebody who may not see it."""
    past = Past(database, 9)
    past.happens(200)
    past.moves()
    with database.read() as tx:
        assert list(viewers.faults(tx)) == [] and tx.value("SELECT COUNT(*) FROM message_viewer")
    with database.write() as tx:
        tx.run("UPDATE message_viewer SET person = '5' WHERE person = '1'")
        assert {fault.partition(" ")[0] for fault in viewers.faults(tx)} == {"1", "5"}, "and it can tell"
