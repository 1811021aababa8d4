"""A desk with its pages on a temporary SQLite database, for the tests of pages and of the browser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import flask

from kernel.clock import Clock, SystemClock, TimeIds
from kernel.crm import MissingItem, Record
from kernel.extension import Plugin
from kernel.extension.portal import Portal
from kernel.ledger import Books
from kernel.mapping import load_set
from kernel.settings import Settings
from kernel.storage import Database
from kernel.testing import session
from kernel.values import Currencies, Currency, parse_pair, to_micros
from kernel.web import WEB_SETTINGS, Links, Live, Site, create_app
from plugins.exchange.accounts import CHART
from plugins.exchange.booking import accept
from plugins.exchange.deleted import DECIDE
from plugins.exchange.model import Deal, Operation, Party
from plugins.exchange.pages import pages
from plugins.exchange.rate_list import keep_rates
from plugins.exchange.rates import Rate
from plugins.exchange.settings import ExchangeSettings
from plugins.exchange.store import load_deal
from tests.harness.databases import migration_sets, sqlite_copy

ROOT = Path(__file__).parents[3]
PORTAL = "planfix/main"
CURRENCIES = Currencies()
USD, UAH, EUR, USDT = (CURRENCIES.get(code) for code in ("USD", "UAH", "EUR", "USDT"))


class StubCrm:
    """Holds what a test puts into it."""

    name = "stub"

    def __init__(self) -> None:
        self.records: list[Record] = []

    def find(self, entity: str, **_: Any) -> list[Record]:
        return [record for record in self.records if record.entity == entity]

    def link(self, entity: str, record_id: str) -> str:
        return f"https://desk.planfix.example/{'task' if entity == 'deal' else entity}/{record_id}"

    people = bin = None

    def missing(self) -> list[MissingItem]:
        return []


@dataclass
class StubQueue:
    jobs: list[Any] = field(default_factory=list)

    def enqueue(self, _tx: Any, job: Any) -> None:
        self.jobs.append(job)


@dataclass
class StillClock:
    """A clock that a test sets."""

    moment: datetime = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return self.moment.timestamp()


@dataclass
class Desk:
    portal: Portal
    site: Site
    app: flask.Flask
    crm: StubCrm
    queue: StubQueue
    clock: Clock

    def stand(self, *deals: Deal, author: str = "Ігор Бондар") -> None:
        """Make the deals' facts stand, each in a unit of work of its own."""
        for deal in deals:
            with self.portal.unit(author=author) as unit:
                accept(unit, load_deal(unit.tx, deal.subject), deal)

    def rates(self, *rates: tuple[str, str, str], day: date | None = None, source: str = "NBU") -> None:
        when = day or self.clock.now().date()
        keep_rates(self.portal, [Rate(base, quote, when, Decimal(rate), source) for base, quote, rate in rates])

    def client(self, role: str = "owner", user: str = "Олена Власниця") -> Any:
        """A signed-in test client."""
        client = self.app.test_client()
        client.set_cookie("annex_session", session(self.site, role, user))
        return client

    def close(self) -> None:
        self.site.live.close()
        self.portal.database.close()


def make_desk(
    folder: Path, *, environment: dict[str, str] | None = None, clock: Clock | None = None,
    ready: Sequence[Callable[[], str | None]] = (), blueprints: Iterable[flask.Blueprint] = (), url: str = "",
) -> Desk:  # fmt: skip
    database = Database(url or sqlite_copy(folder / "annex.db"))
    clock = clock or SystemClock()
    ids, crm, queue, live = TimeIds(clock), StubCrm(), StubQueue(), Live(database)
    settings = Settings({"ANNEX_HOME": str(folder), **(environment or {})}, also=WEB_SETTINGS)
    links = Links(database, clock, ids, b"a secret of the tests", settings["ANNEX_PUBLIC_URL"])
    portal = Portal(
        PORTAL, load_set(ROOT / "mappings/exchange-desk-planfix"), crm, database, Books(clock, [CHART]), clock, ids, queue,
        {"exchange": ExchangeSettings(places=["Каса", "Банк", "Гаманець"])}, links=links, changed=live.nudge,
    )  # fmt: skip
    plugin = Plugin("exchange", "Обмін", pages=pages, rights={DECIDE: "deleted deals"})
    site = Site(portal, [plugin], settings, database, clock, ids, live, links, list(ready), migration_sets())
    return Desk(portal, site, create_app(site, list(blueprints)), crm, queue, clock)


CLIENT, PARTNER = Party("c1", "Клієнт Один"), Party("p1", "Партнер Один")


def operation(
    number: int = 1, kind: str = "buy", pair: str = "USD/UAH", amount: int = 1_000_000, *, client_rate: str | None = "41.20",
    partner_rate: str | None = "41.35", partner: Party | None = PARTNER, place: str = "Каса", **more: Any,
) -> Operation:  # fmt: skip
    """An exchange of `amount` minor units of BASE; for other kinds give one currency as `pair`."""
    if "/" in pair:
        both = parse_pair(pair, CURRENCIES)
        more.setdefault("amount_in", both.base)
        return Operation(
            key=f"k{number}", number=str(number), kind=kind, amount=amount, pair=both, place=place, partner=partner,
            client_rate=Decimal(client_rate) if client_rate else None,
            partner_rate=Decimal(partner_rate) if partner_rate else None, **more,
        )  # fmt: skip
    return Operation(f"k{number}", str(number), kind, amount, CURRENCIES.get(pair), place=place, partner=partner, **more)


def deal(
    number: int | str, *operations: Operation, stage: str = "closed", at: datetime | None = None, history: bool = False,
    client: Party | None = CLIENT, **more: Any,
) -> Deal:  # fmt: skip
    moment = to_micros(at or datetime.now(UTC) - timedelta(seconds=5))
    reached = ("new", "client_paid", "partner_paid", "closed")
    passed = reached[1 : reached.index(stage) + 1] if stage in reached else ()
    subject = f"history/{number}" if history else f"{PORTAL}/{number}"
    return Deal(
        subject=subject, number=str(number), stage=stage, operations=operations, created_at=moment, client=client,
        manager=more.pop("manager", "Марія Коваль"), entered={name: moment + i for i, name in enumerate(passed)},
        record_id="" if history else str(number), url="" if history else f"https://desk.planfix.example/task/{number}",
        **more,
    )  # fmt: skip


__all__ = [
    "CURRENCIES", "EUR", "PORTAL", "UAH", "USD", "USDT", "Currency", "Desk", "StillClock", "StubCrm", "deal", "make_desk",
    "operation",
]  # fmt: skip
