"""The portal's memory under one lock. Every area keeps its own records behind `area`."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar, cast

from sandbox.bitrix24.apps import App, OutgoingWebhook
from sandbox.bitrix24.faults import Faults
from sandbox.bitrix24.people_model import Department, User
from sandbox.common.clock import Clock

LOG_ENTRIES_MAX = 50_000
Area = TypeVar("Area")


@dataclass
class Counters:
    """Figures for GET /sandbox/state."""

    requests: int = 0
    refused: int = 0
    bucket_max: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)  #: by method, those inside batches too
    requests_by_method: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    raised: int = 0
    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    duplicated: int = 0
    reordered: int = 0


@dataclass
class Portal:
    """Everything one portal is. Methods run with `lock` held; other threads take it before they read or write."""

    clock: Clock
    faults: Faults
    name: str = "empty"
    title: str = "empty"
    address: str = "http://127.0.0.1"
    post_to: str = "http://127.0.0.1:8080"
    zone: timezone = timezone(timedelta(hours=3))
    language: str = "ru"
    lock: threading.RLock = field(default_factory=threading.RLock)
    config: dict[str, Any] = field(default_factory=dict)  #: the portal's TOML as read
    people: dict[str, User] = field(default_factory=dict)
    departments: dict[int, Department] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)  #: by client_id
    webhooks: list[OutgoingWebhook] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_ENTRIES_MAX))
    store: dict[Any, Any] = field(default_factory=dict)
    next_ids: dict[str, int] = field(default_factory=dict)
    on_event: Callable[[str, Mapping[str, Any], str | None, str], None] = lambda *_: None
    on_later: Callable[[float, Callable[[], None]], None] = lambda *_: None
    _log_number: int = 0

    def area(self, kind: type[Area]) -> Area:
        """The one object of that class: where a module keeps what only it knows. Made when first asked for."""
        found = self.store.get(kind)
        if found is None:
            found = self.store[kind] = kind()
        return cast(Area, found)

    def next_id(self, counter: str) -> int:
        number = self.next_ids.get(counter, 0) + 1
        self.next_ids[counter] = number
        return number

    def secret(self, *parts: object, length: int = 32) -> str:
        """A word that looks secret and is the same in every run of this portal."""
        text = "|".join(str(part) for part in (self.name, *parts))
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    def note(self, **what: Any) -> None:
        """Append to the log of GET /sandbox/log."""
        with self.lock:
            self._log_number += 1
            self.log.append({"n": self._log_number, "at": round(self.clock.ticks(), 3), **what})

    # -- time

    def now(self) -> datetime:
        """This moment in the portal's zone, to the second, as records are stamped."""
        return self.clock.now().astimezone(self.zone).replace(microsecond=0)

    def later(self, seconds: float, run: Callable[[], None]) -> None:
        """Do something after so many sandbox seconds, with the lock held."""
        self.on_later(seconds, run)

    # -- events

    def raise_event(self, name: str, data: Mapping[str, Any], actor: str | None, connector: str = "") -> None:
        """Tell those who bound this event. `data` as in the body, `{"FIELDS": {"ID": 5}}`.

        `actor` is the id of the user who acted; None for a robot, a workflow or an agent: then no tokens go out.
        `connector` is the caller's `auth_connector`, whose own offline queue stays silent.
        """
        self.counters.raised += 1
        self.on_event(name.upper(), data, actor, connector)

    # -- who and where

    @property
    def domain(self) -> str:
        return self.address.partition("://")[2]

    @property
    def member_id(self) -> str:
        return self.secret("member")

    @property
    def client_endpoint(self) -> str:
        return f"{self.address}/rest/"

    @property
    def server_endpoint(self) -> str:
        """The authorisation server plays under the same address, with a path of its own."""
        return f"{self.address}/oauth/rest/"

    def technical(self) -> User:
        """The account programs use, else the first administrator."""
        users = self.people.values()
        return next((u for u in users if u.technical), next(u for u in users if u.admin))

    def default_responsible(self) -> str:
        """Who gets what the portal makes by itself."""
        return str(self.config.get("default_responsible", next(u.id for u in self.people.values() if u.admin)))

    def app(self) -> App:
        """The first application of the portal: all tests need only one."""
        return next(iter(self.apps.values()))
