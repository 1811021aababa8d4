"""A whole desk for tests, put together by app.bootstrap from the shipped mapping set: real plugins and database, and the
in-memory twins for CRM, queue, clock and ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from app.bootstrap import Annex, build
from kernel.crm import Event, Record, Ref
from kernel.extension.portal import Portal, Unit
from kernel.extension.sync import sync
from kernel.jobs import Handler, inbox
from kernel.ledger import check as books_check
from kernel.mapping import MappingSet, load_set
from kernel.storage import Database
from kernel.testing import CountingIds, FakeClock, MemoryCRM, MemoryQueue, Trouble, TroubledDatabase, at_once
from plugins.exchange import check
from plugins.exchange.store import load_deal

ROOT = Path(__file__).parents[3]
SET = "exchange-desk-planfix"
PORTAL = "planfix/main"


def the_set() -> MappingSet:
    return load_set(ROOT / "mappings" / SET)


def make_portal(
    database: Database, crm: MemoryCRM, queue: MemoryQueue, clock: FakeClock, *, reception: Mapping[str, Any] | None = None,
    **exchange: Any,
) -> Annex:  # fmt: skip
    """Everything put together as in production, around the given parts; `exchange`, `reception`: single settings."""
    annex = build(
        {"ANNEX_DATABASE_URL": database.url, "ANNEX_SET": SET}, clock=clock, ids=CountingIds(), queue=queue, crm=crm
    )
    annex.database.close()  # nothing was opened: the test's own takes its place
    portal = annex.runtime.portal
    portal.database = database
    settings = dict(portal.plugin_settings)
    for name, changed in (("exchange", exchange), ("reception", dict(reception or {}))):
        settings[name] = type(settings[name]).model_validate({**settings[name].model_dump(), **changed})
    portal.plugin_settings = settings
    return annex


@dataclass
class Desk:
    """One desk, and the hands of the people who work there."""

    database: TroubledDatabase
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    reception: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.queue = MemoryQueue(self.clock, self.seed)
        self.trouble: Trouble = self.database.trouble
        self.crm = MemoryCRM(the_set(), self.clock, trouble=self.trouble)
        settings = {"places": ["Каса", "Банк", "Гаманець"], "default_place": "Каса", **self.settings}
        self.annex = make_portal(self.database, self.crm, self.queue, self.clock, reception=self.reception, **settings)
        self.portal: Portal = self.annex.runtime.portal
        self.handlers: Mapping[str, Handler] = self.annex.handlers()
        self.staff = self.crm.staff
        self.manager = self.staff.hire("Ігор Бондар")
        self.second = self.staff.hire("Марія Коваль")
        self.cashier = self.staff.hire("Каса")
        self.client = self.contact("Олена Клієнт")
        self.partner = self.contact("Партнер Один")
        self._delivered = 0

    # --- staff ----------------------------------------------------------------------------------------------------------

    def contact(self, name: str, **values: Any) -> Ref:
        return Ref(self.staff.new("contact", name=name, **values), name)

    def deal(self, *operations: Mapping[str, Any], stage: str = "new", sync: bool = True, **values: Any) -> str:
        """A deal with its operations and people filled in; looked at if not said otherwise."""
        filled = {"client": self.client, "manager": self.manager, "executor": (self.cashier,), **values}
        filled.setdefault("next_contact", self.clock.now().date())
        deal = self.staff.new("deal", stage=stage, **filled)
        for operation in operations:
            self.staff.add_row("deal", deal, "operation", **operation)
        if sync:
            self.sync(deal)
        return deal

    def set(self, deal: str, **values: Any) -> None:
        self.staff.set("deal", deal, **values)
        self.sync(deal)

    def edit(self, deal: str, row: int | str, **values: Any) -> None:
        """Change an operation, by its number or by its row's key."""
        key = self.row_keys(deal)[row - 1] if isinstance(row, int) else row
        self.staff.edit_row("deal", deal, "operation", key, **values)
        self.sync(deal)

    def add(self, deal: str, **values: Any) -> str:
        key = self.staff.add_row("deal", deal, "operation", **values)
        self.sync(deal)
        return key

    def move(self, deal: str, *stages: str) -> None:
        for stage in stages:
            self.staff.move(deal, stage)
            self.sync(deal)

    def run_through(self, *operations: Mapping[str, Any], to: str = "closed", **values: Any) -> str:
        """A deal led stage by stage to `to`."""
        deal = self.deal(*operations, **values)
        stages = ("client_paid", "partner_paid", "closed")
        self.move(deal, *stages[: stages.index(to) + 1])
        return deal

    def cash(self, amount: str, currency: str, place: str = "Каса") -> str:
        """The owners put money in."""
        return self.deal(own("deposit", amount, currency, place=place), stage="closed", client=None)

    # --- what Annex does ------------------------------------------------------------------------------------------------

    def deliver(self, deal: str, *, delivery: str = "", author: str = "Ігор Бондар", entity: str = "deal") -> None:
        """As the door does: store a proven delivery, enqueue the sync."""
        if not delivery:
            self._delivered += 1
            delivery = f"d{self._delivered}"
        self.clock.advance(milliseconds=1)  # nothing in life happens in the same microsecond
        event = Event(f"{entity}.changed", entity, deal, author=author, delivery=delivery)
        with self.database.write() as tx:
            inbox.store(tx, PORTAL, event, "{}", clock=self.clock, ids=self.portal.ids, queue=self.queue)

    def sync(self, deal: str, **more: Any) -> None:
        self.deliver(deal, **more)
        self.run()

    def sync_at_once(self, *deals: str) -> None:
        """As by a worker for each; what follows from it waits for `run`."""
        plugins = self.annex.runtime.plugins
        named = [{"portal": PORTAL, "entity": "deal", "id": deal, "trace": f"t{deal}"} for deal in deals]
        at_once(*(partial(sync, self.portal, plugins, args) for args in named))

    def run(self) -> int:
        count = self.queue.run_until_quiet(self.handlers, on_crash=self.restart)
        if self.queue.broken:
            raise self.queue.broken[0][1]
        return count

    def restart(self) -> Mapping[str, Handler]:
        """A new process: what was only in memory is gone."""
        self.portal.staff.forget()
        self.handlers = self.annex.handlers()
        return self.handlers

    def work(self, name: str) -> None:
        """Run a piece of regular work, and what follows from it."""
        [found] = [work for work in self.annex.works() if work.name == f"{PORTAL}:{name}"]
        found.run()
        self.run()

    # --- what a test asks -----------------------------------------------------------------------------------------------

    @contextmanager
    def unit(self) -> Iterator[Unit]:
        with self.portal.read() as unit:
            yield unit

    def record(self, deal: str) -> Record:
        return self.crm.record("deal", deal)

    def row_keys(self, deal: str) -> list[str]:
        return [row.key for row in self.record(deal).rows["operation"]]

    def field(self, deal: str, name: str) -> Any:
        return self.record(deal).values[name]

    def row(self, deal: str, number: int) -> Mapping[str, Any]:
        return self.record(deal).rows["operation"][number - 1].values

    def stage(self, deal: str) -> str | None:
        return self.record(deal).stage

    def facts(self, deal: str) -> Any:
        with self.unit() as unit:
            return load_deal(unit.tx, f"{PORTAL}/{deal}")

    def standing(self, deal: str) -> dict[str, list[tuple[str, str, str]]]:
        """By slot, the legs that stand: (account, currency, amount as text)."""
        with self.unit() as unit:
            return {
                slot: [(leg.account, leg.currency, self.text(leg.amount, leg.currency)) for leg in entry.legs()]
                for slot, entry in self.portal.books.book("exchange").standing(unit.tx, f"{PORTAL}/{deal}").items()
            }

    def balances(self, *, party: str = "") -> dict[str, str]:
        """`account currency` -> amount, over all places; only what is not zero."""
        found: dict[tuple[str, str], int] = {}
        with self.unit() as unit:
            for row in unit.tx.all("SELECT * FROM ledger_balance"):
                if party in ("", row["party"]):
                    key = (row["account"], row["currency"])
                    found[key] = found.get(key, 0) + int(row["amount"])
        return {f"{account} {code}": self.text(minor, code) for (account, code), minor in sorted(found.items()) if minor}

    def text(self, minor: int, code: str) -> str:
        from kernel.values import format_minor

        return format_minor(minor, self.portal.currencies.get(code))

    def journal(self) -> int:
        with self.unit() as unit:
            return self.portal.books.head(unit.tx)[0]

    def faults(self) -> list[str]:
        """What `verify` would say: books, copies, plugin."""
        from kernel.crm.seen import faults as seen_faults

        with self.unit() as unit:
            return [*books_check.faults(unit.tx), *seen_faults(unit.tx), *check.faults(unit)]

    def notices(self, deal: str) -> list[str]:
        return [comment.text for comment in self.crm.comments(deal)]

    def calls(self, states: str = "'failed'") -> list[Mapping[str, Any]]:
        with self.unit() as unit:
            return list(unit.tx.all(f"SELECT * FROM outgoing WHERE state IN ({states}) ORDER BY created_at, number"))


# --- operations as staff type them -----------------------------------------------------------------------------------


def buy(
    amount: Any = "10000", pair: str = "USD/UAH", rate: Any = "41,20", partner_rate: Any = "41.35", **more: Any
) -> dict[str, Any]:
    return {"kind": "buy", "pair": pair, "amount": amount, "client_rate": rate, "partner_rate": partner_rate, **more}


def sell(amount: Any, pair: str, rate: Any, partner_rate: Any = None, **more: Any) -> dict[str, Any]:
    return {"kind": "sell", "pair": pair, "amount": amount, "client_rate": rate, "partner_rate": partner_rate, **more}


def own(kind: str, amount: Any, currency: str, **more: Any) -> dict[str, Any]:
    """An operation of the desk itself, or one that takes money out of custody."""
    return {"kind": kind, "pair": currency, "amount": amount, **more}


MakeDesk = Callable[..., Desk]
