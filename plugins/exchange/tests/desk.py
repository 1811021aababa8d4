"""A whole desk for tests, put together by app from the shipped mapping set, and the hands of its people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from kernel.crm import Ref
from kernel.extension.portal import Unit
from kernel.extension.sync import sync
from kernel.ledger import check as books_check
from kernel.testing import at_once
from plugins.exchange import check
from plugins.exchange.store import load_deal
from tests.harness.assembled import Assembled

ROOT = Path(__file__).parents[3]
SET = "exchange-desk-planfix"
PORTAL = "planfix/main"


class Desk(Assembled):
    """One desk, and the hands of the people who work there."""

    author = "Ігор Бондар"

    def __init__(
        self, url: str, seed: int | None = None, exchange: Mapping[str, Any] | None = None,
        reception: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """`exchange`, `reception`: single settings."""
        own = {"places": ["Каса", "Банк", "Гаманець"], "default_place": "Каса", **(exchange or {})}
        super().__init__({"ANNEX_SET": SET}, url, settings={"exchange": own, "reception": reception or {}}, seed=seed)
        self.staff = self.crm.staff
        self.manager = self.staff.hire("Ігор Бондар")
        self.second = self.staff.hire("Марія Коваль")
        self.cashier = self.staff.hire("Каса")
        self.customer = self.contact("Олена Клієнт")
        self.partner = self.contact("Партнер Один")

    # --- staff ----------------------------------------------------------------------------------------------------------

    def contact(self, name: str, **values: Any) -> Ref:
        return Ref(self.staff.new("contact", name=name, **values), name)

    def deal(self, *operations: Mapping[str, Any], stage: str = "new", sync: bool = True, **values: Any) -> str:
        """A deal with its operations and people filled in; looked at if not said otherwise."""
        filled = {"client": self.customer, "manager": self.manager, "executor": (self.cashier,), **values}
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

    def sync_at_once(self, *deals: str) -> None:
        """As by a worker for each; what follows from it waits for `run`."""
        named = [{"portal": PORTAL, "entity": "deal", "id": deal, "trace": f"t{deal}"} for deal in deals]
        at_once(*(partial(sync, self.portal, self.plugins, args) for args in named))

    # --- what a test asks -----------------------------------------------------------------------------------------------

    @contextmanager
    def unit(self) -> Iterator[Unit]:
        with self.portal.read() as unit:
            yield unit

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
