"""The office's memory under one lock: clients with their tables, requests to open an account, what was asked."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from sandbox.backoffice.faults import Faults
from sandbox.backoffice.tables import TABLES, Row, Table
from sandbox.backoffice.values import MOSCOW, Impossible
from sandbox.common.clock import Clock

LOG_ENTRIES_MAX = 50_000
PAGE_SECONDS = 600  # a token's life (contract 6.3)
NONCE_SECONDS = 300


@dataclass
class Client:
    """A person or a company. `details` as they were registered: names, INN, phone …"""

    id: str
    kind: str  # person, company
    details: dict[str, str]
    registered: float = 0.0  # ticks: a look-up may learn of it later
    by_request: str = ""
    terms: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})
    #: Cells that go out as this text, whatever the book says: (table, key, column) -> text.
    spoiled: dict[tuple[str, tuple[str, ...], str], str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        told = self.details
        if self.kind == "company":
            return told.get("short_name") or told["full_name"]
        return " ".join(told[part] for part in ("last_name", "first_name", "middle_name") if told.get(part))

    @property
    def active(self) -> bool:
        return any(not one["closed"] for one in self.tables["contracts"])

    @property
    def identity(self) -> str:
        """Who it is, whatever number they got: two clients of one identity are one person registered twice."""
        told = self.details
        if told.get("inn"):
            return f"{self.kind}:{told['inn']}"
        return f"{self.kind}:{person_key(told)}"


def person_key(details: dict[str, str]) -> str:
    """Name and day of birth, letters alike: for those who gave no INN."""
    words = (details.get(part, "") for part in ("last_name", "first_name", "middle_name", "full_name", "birth_date"))
    return " ".join(" ".join(words).lower().replace("ё", "е").split())


@dataclass
class Registration:
    """One OpenAccount that was decided. `answer` is the response's content, apart from any face."""

    request_id: str
    content: bytes  # canonical, to tell a repeat from another request
    answer: Any
    client: str
    at: str
    done: float  # ticks
    reasons: str = ""  # of a refusal, for the page: codes with their fields
    repeats: int = 0


@dataclass
class Office:
    """Everything one sandbox is. Take `lock` before reading or writing; `changed` (the same lock) wakes who waits."""

    clock: Clock
    faults: Faults
    name: str = "empty"
    address: str = "http://127.0.0.1"
    clients: dict[str, Client] = field(default_factory=dict)
    registrations: list[Registration] = field(default_factory=list)
    tariffs: dict[str, list[str]] = field(default_factory=dict)  # tariff -> markets that are open for it
    iis_elsewhere: set[str] = field(default_factory=set)  # INNs
    sanctioned: set[str] = field(default_factory=set)  # INNs
    pages: dict[str, tuple[str, str, int, float]] = field(default_factory=dict)  # token -> operation, client, row, until
    nonces: dict[str, float] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)  # (set, client)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_ENTRIES_MAX))
    numbers: Counter[str] = field(default_factory=Counter)
    next_client: int = 1_000_500
    in_flight: int = 0  # requests that came and have no answer yet
    closing: bool = False

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.clock.on_advance(self.wake)

    def wake(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def number(self, counter: str) -> int:
        self.numbers[counter] += 1
        return self.numbers[counter]

    def note(self, entry: dict[str, Any]) -> None:
        """Append to the log of GET /sandbox/requests."""
        with self.lock:
            self.log.append({"n": self.number("log"), "at": self.now(), **entry})

    def now(self) -> str:
        return self.clock.now().astimezone(MOSCOW).isoformat(timespec="seconds")

    def today(self) -> str:
        return self.now()[:10]

    # -- clients

    def client(self, ident: Any) -> Client:
        found = self.clients.get(str(ident))
        if found is None:
            raise Impossible(f"no such client {ident!r}")
        return found

    def add_client(self, ident: str, kind: str, details: dict[str, str]) -> Client:
        if ident in self.clients:
            raise Impossible(f"client {ident} is there already")
        made = self.clients[ident] = Client(ident, kind, details, self.clock.ticks())
        return made

    def new_id(self) -> str:
        while str(self.next_client) in self.clients:
            self.next_client += 1
        return str(self.next_client)

    def put(self, client: Client, table: Table, row: Row) -> None:
        """A new row, or another state of the one with this key."""
        rows, key = client.tables[table.name], table.key_of(row)
        for place, old in enumerate(rows):
            if table.key_of(old) == key:
                rows[place] = row
                return
        rows.append(row)

    def twice(self) -> dict[str, list[str]]:
        """Identities that are there more than once, with their numbers: each is a mistake of whoever sent them."""
        found: dict[str, list[str]] = {}
        for one in self.clients.values():
            found.setdefault(one.identity, []).append(one.id)
        return {who: ids for who, ids in found.items() if len(ids) > 1}

    # -- pages and nonces

    def page_token(self, operation: str, client: str, row: int) -> str:
        token = f"p{self.number('page'):05d}"
        self.pages[token] = operation, client, row, self.clock.ticks() + PAGE_SECONDS
        return token

    def page_of(self, token: str, operation: str, client: str) -> int | None:
        """The row where that page begins; None if the token is unknown, another's or too old."""
        found = self.pages.get(token)
        if found is None or found[:2] != (operation, client) or found[3] < self.clock.ticks():
            return None
        return found[2]

    def fresh_nonce(self, nonce: str) -> bool:
        """True the first time, within the minutes that a clock may be off."""
        now = self.clock.now().timestamp()  # real time: a caller's clock is not sped up
        self.nonces = {one: until for one, until in self.nonces.items() if until > now}
        if nonce in self.nonces:
            return False
        self.nonces[nonce] = now + 2 * NONCE_SECONDS
        return True
