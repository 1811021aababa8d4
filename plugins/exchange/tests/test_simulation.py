"""A seeded simulation: random work of the staff in the CRM, deliveries doubled, late and out of order, answers lost, the
process killed at any commit or call; after every step the books must be whole, and at the end everything must agree.

The same on emulated portals, with more that can go wrong, is app/simulation; here the CRM is the twin in memory, so that a
fault of the desk alone shows within seconds. A failure prints seed and step; `ANNEX_SEED=<seed>` replays that one run.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

import pytest

from kernel.crm import Ref
from kernel.errors import Fault, Throttled, Unreachable, Unverified
from kernel.testing import Crash
from plugins.exchange import cards, projection
from plugins.exchange.accounts import CLIENT, CUSTODY, OWN_ACCOUNTS, PLACE
from plugins.exchange.board import board
from plugins.exchange.booking import settings_of
from plugins.exchange.control import control
from plugins.exchange.handlers import reader_of
from plugins.exchange.model import deal_data
from plugins.exchange.rate_list import keep_rates
from plugins.exchange.rates import Rate
from plugins.exchange.store import notice_state
from plugins.exchange.tests.desk import PORTAL, Desk

SEEDS = [int(os.environ["ANNEX_SEED"])] if "ANNEX_SEED" in os.environ else list(range(1, 13))
STEPS = 60
PAIRS = {"USD/UAH": "41.2", "EUR/USD": "1.085", "USDT/USD": "1.001", "USDT/UAH": "41.25", "BTC/USDT": "64250"}
DIGITS = {"USD": 2, "UAH": 2, "EUR": 2, "USDT": 6, "BTC": 8}
NONSENSE = ("41,2o", "1.234,5", "١٢", "1e5", "NaN", "-", "сорок", "0", "-3", "9" * 30, "41.1234567890123")
STAGES = ("new", "client_paid", "partner_paid", "closed", "cancelled")
PLACES = ("Каса", "Банк", "Гаманець")
SHOWN = ("gives", "gets", "profit", "analytics", "remainder", "check")


@dataclass
class Simulation:
    seed: int
    desk: Desk
    random: random.Random
    deals: list[str] = field(default_factory=list)
    clients: list[Ref] = field(default_factory=list)
    late: list[tuple[str, str]] = field(default_factory=list)  #: (deal, delivery) still in flight
    step: int = 0
    did: list[str] = field(default_factory=list)
    troubled: bool = True
    below_zero: int = 0  #: how often a place was brought below zero

    @property
    def refuses(self) -> bool:
        return settings_of(self.desk.portal).below_zero == "refuse"

    # --- the run --------------------------------------------------------------------------------------------------------

    def play(self, steps: int) -> None:
        try:
            self.clients = [self.desk.customer, self.desk.contact("Друга"), self.desk.contact("Третій"), self.desk.partner]
            for code, amount in (("UAH", "500000"), ("USD", "20000"), ("USDT", "8000")):
                self.deals.append(self.desk.cash(amount, code, place=self.random.choice(PLACES)))
            self.desk.trouble.ask = self.ask
            for self.step in range(1, steps + 1):
                self.one_step()
            self.settle_down()
            self.at_the_end()
        except BaseException as exc:
            lines = "\n  ".join(self.did[-12:])
            raise AssertionError(f"seed {self.seed}, step {self.step}: {type(exc).__name__}: {exc}\n  {lines}") from exc

    def ask(self, _point: str) -> bool:
        self.desk.clock.advance(milliseconds=3)
        return self.troubled and self.random.random() < 0.01

    def one_step(self) -> None:
        self.desk.clock.advance(seconds=self.random.choice((0.5, 7, 600, 8_000)))
        if self.random.random() < 0.5:
            self.order_trouble()
        action = self.random.choices(
            (
                self.new_deal,
                self.edit_row,
                self.add_row,
                self.delete_row,
                self.move,
                self.edit_deal,
                self.deface,
                self.regular,
            ),
            (3, 8, 2, 1, 9, 4, 2, 1),
        )[0]
        action()
        self.send_deliveries()
        for _ in range(self.random.choice((0, 1, 3, 30, 200))):
            try:
                if self.desk.queue.run_one(self.desk.handlers) is None:
                    break
            except Crash:
                self.desk.restart()
        self.books_are_whole()

    def safely(self, act: Callable[[], Any]) -> None:
        """What a process does that may die: whoever asked, asks again."""
        while True:
            try:
                act()
                return
            except Crash:
                self.desk.restart()

    def order_trouble(self) -> None:
        fault: Fault = self.random.choice(
            (
                Unreachable("no answer", maybe_done=True),
                Unreachable("no route"),
                Throttled("slowly", wait_seconds=self.random.choice((1, 20))),
                Unverified("shows something else", maybe_done=True),
            )
        )
        after = fault.maybe_done and self.random.random() < 0.7
        self.desk.crm.fail_next(fault, after_commit=after, times=self.random.choice((1, 1, 2)))

    def send_deliveries(self) -> None:
        crm = self.desk.crm
        changed = [change.record_id for change in crm.changes if change.entity == "deal"]
        crm.changes.clear()
        for n, deal in enumerate(changed):
            delivery = f"{self.step}.{n}"
            self.late += [(deal, delivery)] * self.random.choice((0, 1, 1, 2))
        self.random.shuffle(self.late)
        keep = self.random.choice((0, 0, 0, 2))
        while len(self.late) > keep:
            deal, delivery = self.late.pop()
            self.safely(lambda deal=deal, delivery=delivery: self.desk.deliver(deal, delivery=delivery))  # type: ignore[misc]

    # --- what staff do ----------------------------------------------------------------------------------------------------

    def amount(self, code: str) -> str:
        whole = self.random.randint(1, 900)
        digits = self.random.choice((0, min(2, DIGITS[code]), DIGITS[code]))
        if code == "BTC":
            whole, digits = 0, 8
        text = str(whole) + (f".{self.random.randint(1, 10**digits - 1):0{digits}d}" if digits else "")
        return text.replace(".", self.random.choice(",."))

    def rate(self, pair: str) -> str:
        return str((Decimal(PAIRS[pair]) * Decimal(self.random.randint(970, 1030)) / 1000).quantize(Decimal("1e-7")))

    def an_exchange(self, gives: str = "") -> dict[str, Any]:
        kinds = [(kind, pair) for pair in PAIRS for kind in ("buy", "sell")]
        if gives:
            fit = [(k, p) for k, p in kinds if p.split("/")[0 if k == "buy" else 1] == gives]
            kinds = fit or kinds
        kind, pair = self.random.choice(kinds)
        base, quote = pair.split("/")
        amount_in = self.random.choice((None, base, quote))
        roll = self.random.random
        return {
            "kind": kind, "pair": pair, "amount": self.amount(amount_in or base), "amount_in": amount_in,
            "client_rate": self.rate(pair), "partner_rate": self.rate(pair) if roll() < 0.8 else None,
            "partner": self.desk.partner if roll() < 0.6 else None,
            "commission_percent": "0,5" if roll() < 0.2 else None,
            "commission_fixed": "0.1" if roll() < 0.1 and base != "BTC" else None,
            "network_fee": "0.2" if roll() < 0.2 and base != "BTC" else None,
            "place": self.random.choice((None, *PLACES)),
            "issue_date": self.desk.clock.now().date() - timedelta(days=self.random.randint(0, 3)) if roll() < 0.2 else None,
        }  # fmt: skip

    def an_own(self) -> dict[str, Any]:
        kind = self.random.choice(("deposit", "withdraw", "move", "to_partner", "from_partner", "custody_out"))
        code = self.random.choice(("USD", "UAH", "USDT"))
        return {
            "kind": kind, "pair": code, "amount": self.amount(code), "place": self.random.choice((None, *PLACES)),
            "to_place": self.random.choice(PLACES) if kind == "move" else None,
            "partner": self.desk.partner if self.random.random() < 0.9 else None,
        }  # fmt: skip

    def new_deal(self) -> None:
        desk, chosen = self.desk, self.random
        values: dict[str, Any] = {
            "client": chosen.choice((*self.clients, None)), "manager": desk.manager, "executor": (desk.cashier,),
            "next_contact": desk.clock.now().date(),
        }  # fmt: skip
        if chosen.random() < 0.35:
            values["custody"] = True
        if chosen.random() < 0.3:
            values["partner"] = desk.partner
        deal = desk.staff.new("deal", stage=chosen.choice(("new", "new", "client_paid", "closed")), **values)
        gives = ""
        for _ in range(chosen.choice((1, 1, 1, 2, 3))):
            operation = self.an_exchange(gives)
            desk.staff.add_row("deal", deal, "operation", **operation)
            base, quote = operation["pair"].split("/")
            gives = quote if operation["kind"] == "buy" else base
        if chosen.random() < 0.15:
            desk.staff.add_row("deal", deal, "operation", **self.an_own())
        self.deals.append(deal)
        self.note(f"new {deal} {values.get('custody')}")

    def note(self, text: str) -> None:
        self.did.append(f"{self.step}: {text}")

    def a_deal(self) -> str:
        return self.random.choice(self.deals)

    def edit_row(self) -> None:
        deal = self.a_deal()
        keys = self.desk.row_keys(deal)
        if not keys:
            return
        key, name = self.random.choice(keys), ""
        fresh = self.an_exchange()
        name = self.random.choice(
            ("amount", "amount", "client_rate", "partner_rate", "partner", "place", "pair", "kind", "issue_date",
             "commission_percent", "network_fee", "comment", "amount_in")
        )  # fmt: skip
        value: Any = {**fresh, "comment": f"note {self.step}"}[name]
        if name in ("amount", "client_rate", "partner_rate", "commission_percent") and self.random.random() < 0.3:
            value = self.random.choice(NONSENSE)
        self.desk.staff.edit_row("deal", deal, "operation", key, **{name: value})
        self.note(f"edit {deal}/{key} {name}={value}")

    def add_row(self) -> None:
        deal = self.a_deal()
        row = self.an_own() if self.random.random() < 0.5 else self.an_exchange()
        self.desk.staff.add_row("deal", deal, "operation", **row)
        self.note(f"add {deal} {row['kind']} {row['pair']} {row['amount']}")

    def delete_row(self) -> None:
        deal = self.a_deal()
        if keys := self.desk.row_keys(deal):
            key = self.random.choice(keys)
            self.desk.staff.delete_row("deal", deal, "operation", key)
            self.note(f"delete {deal}/{key}")

    def move(self) -> None:
        deal, stage = self.a_deal(), self.random.choice(("client_paid", "partner_paid", "closed", *STAGES, "Невідома"))
        if self.random.random() < 0.5 and (here := self.desk.stage(deal)) in STAGES[:3]:
            stage = STAGES[STAGES.index(here) + 1]
        self.desk.staff.move(deal, stage)
        self.note(f"move {deal} to {stage}")

    def edit_deal(self) -> None:
        deal = self.a_deal()
        name, value = self.random.choice(
            (
                ("client", self.random.choice((*self.clients, None))),
                ("partner", self.random.choice((self.desk.partner, self.clients[2], None))),
                ("custody", self.random.choice((True, False))),
                ("custody_until", self.random.choice((None, date(2026, 12, 24), "коли-небудь"))),
                ("manager", self.random.choice((self.desk.manager, self.desk.second))),
            )
        )
        self.desk.staff.set("deal", deal, **{name: value})
        self.note(f"set {deal} {name}={value}")

    def deface(self) -> None:
        """Somebody types into a field that is ours."""
        deal, name = self.a_deal(), self.random.choice(SHOWN)
        if name in ("gives", "gets"):
            if keys := self.desk.row_keys(deal):
                self.desk.staff.edit_row("deal", deal, "operation", keys[0], **{name: "1,00 USD"})
        else:
            self.desk.staff.set("deal", deal, **{name: "написано від руки"})
        self.note(f"deface {deal} {name}")

    def regular(self) -> None:
        day = self.desk.clock.now().date()
        work = self.random.choice(("rates", "exchange.custody", "exchange.head", "exchange.cards"))
        self.note(work)
        if work == "rates":
            rate = Rate("USD", "UAH", day, Decimal(self.random.randint(400, 430)) / 10, "NBU")
            self.safely(lambda: keep_rates(self.desk.portal, [rate]))
        else:
            [found] = [one for one in self.desk.annex.works() if one.name == f"{PORTAL}:{work}"]
            self.safely(found.run)

    # --- what must hold ---------------------------------------------------------------------------------------------------

    def books_are_whole(self) -> None:
        sums: Counter[tuple[str, str]] = Counter()
        with self.desk.unit() as unit:
            rows = unit.tx.all("SELECT * FROM ledger_balance")
        for row in rows:
            amount, where = int(row["amount"]), (row["currency"], row["place"])
            if row["account"] == PLACE:
                sums[where] += amount
            else:
                assert row["account"] in (CLIENT, CUSTODY, *OWN_ACCOUNTS)
                sums[where] -= -amount  # held = own + owed + custody, all of which stand negative
        assert not any(sums.values()), f"held is not own + owed + custody: {sums}"
        below = {(row["currency"], row["place"]) for row in rows if row["account"] == PLACE and row["amount"] < 0}
        with self.desk.unit() as unit:
            shown = {(one["currency"], one["place"]) for one in board(unit).data()["below_zero"]}
        assert shown == below, "the board names other places below zero than the balances do"
        assert self.desk.faults() == []

    def settle_down(self) -> None:
        """All is well again: each record is told about once more, until nobody has anything to add."""
        self.step += 1
        self.troubled = False
        self.desk.crm.repair()
        for deal in self.deals:
            if self.random.random() < 0.8:
                self.repair(deal)
        for deal in self.deals:
            self.desk.deliver(deal)
        for _ in range(8):
            self.desk.run()
            echo = {change.record_id for change in self.desk.crm.changes if change.entity == "deal" and change.ours}
            self.desk.crm.changes.clear()
            if not echo:
                return
            for deal in sorted(echo):
                self.desk.deliver(deal)
        raise AssertionError(f"our own writes make us write again for ever: {echo}")

    def repair(self, deal: str) -> None:
        """Somebody does what the deal's «Перевірка» asks for."""
        desk = self.desk
        for _ in range(4):
            for problem in reader_of(desk.portal).read(desk.record(deal)).problems:
                keys = desk.row_keys(deal)
                if problem.operation:
                    if int(problem.operation) <= len(keys):
                        desk.staff.delete_row("deal", deal, "operation", keys[int(problem.operation) - 1])
                elif problem.error.code == "stage_unknown":
                    desk.staff.move(deal, "new")
                elif problem.error.code == "no_operations":
                    desk.staff.add_row("deal", deal, "operation", **self.an_exchange())
                else:
                    desk.staff.set("deal", deal, custody_until=None, client=self.clients[0])

    def at_the_end(self) -> None:
        desk = self.desk
        self.books_are_whole()
        assert desk.crm.doubled() == []
        assert desk.calls("waiting", "sending") == []
        hopeless = [call["reason"] for call in desk.calls("failed") if "has no row" not in call["reason"]]
        assert hopeless == []
        self.each_effect_once()
        sound = {deal for deal in self.deals if self.agrees(deal)}
        assert len(sound) >= len(self.deals) / 4, "hardly a deal is readable: the simulation shows nothing"
        report = control(desk.portal)
        wrong = [row for row in report["rows"] if row["deal"] in sound and row["derived"] != row["booked"]]
        assert wrong == []
        if len(sound) == len(self.deals):
            assert report["differences"] == 0
        self.cards_are_right()
        self.places_below_zero_were_told()

    def places_below_zero_were_told(self) -> None:
        """Row by row through the journal: whatever brought a place below zero was told in its deal, or corrects what had
        been booked before; where the set refuses it, nothing else did."""
        with self.desk.unit() as unit:
            journal = list(unit.tx.all("SELECT * FROM ledger_journal ORDER BY seq"))
            texts: dict[str, str] = defaultdict(str)
            for call in unit.tx.all("SELECT payload FROM outgoing WHERE verb = 'comment' AND key LIKE 'warn:%'"):
                payload = json.loads(call["payload"])
                texts[f"{PORTAL}/{payload['id']}"] += payload["text"]
        held: Counter[tuple[str, str]] = Counter()
        for (subject, _), rows in groupby(journal, key=lambda row: (row["subject"], row["trace"])):
            before, group = Counter(held), [json.loads(row["body"]) | {"kind": row["kind"]} for row in rows]
            corrected = {one["slot"] for one in group if one["kind"] == "reversal"}
            fresh = set()
            for one in group:
                for account, _party, code, place, amount, _flow in one.get("legs", ()):
                    if account == PLACE:
                        held[code, place] += amount
                        if one["kind"] == "posting" and amount < 0 and one["slot"] not in corrected:
                            fresh.add((code, place))
            for spot, amount in held.items():
                if amount < min(0, before[spot]):
                    self.below_zero += 1
                    assert not (spot in fresh and self.refuses), f"{subject} brought {spot} to {amount}: to be refused"
                    assert f"«{spot[1]}»" in texts[subject] and spot[0] in texts[subject], f"{subject}: {spot} was not told"

    def each_effect_once(self) -> None:
        """What was written down as done was done once, and nothing else was done."""
        done = {call["key"] for call in self.desk.calls("done") if call["verb"] in ("comment", "create")}
        seen = [effect.key for effect in self.desk.crm.effects if effect.verb in ("comment", "create")]
        assert sorted(done) == sorted(seen)

    def agrees(self, deal: str) -> bool:
        """Whether the deal is readable and accepted; then facts, books and the CRM's fields must say the same."""
        desk, portal = self.desk, self.desk.portal
        record = desk.record(deal)
        reading = reader_of(portal).read(record)
        with desk.unit() as unit:
            problem = notice_state(unit.tx, reading.deal.subject).problem
            facts = desk.facts(deal)
            if reading.problems and record.stage == "cancelled":
                standing = portal.books.book("exchange").standing(unit.tx, reading.deal.subject)
                assert not standing, f"{deal} is cancelled and still booked"
                return False
            if reading.problems or problem:
                assert record.values["check"] or (record.stage == "new" and all(p.missing for p in reading.problems)), deal
                return False
            assert facts is not None
            left, right = deal_data(facts), deal_data(reading.deal)
            for name in ("entered", "custody_until"):
                left.pop(name), right.pop(name)
            assert left == right, f"the facts of {deal} are not what the CRM holds"
            wanted = projection.deal_fields(unit, facts, settings_of(portal), "uk")
            for name, value in {**wanted, "check": ""}.items():
                assert not projection._differs(record.values.get(name), value), f"{deal}.{name}"
            for op in facts.exchanges:
                row = next(row for row in record.rows["operation"] if row.key == op.key)
                for name, value in projection.row_fields(facts, op.key, "uk").items():
                    assert not projection._differs(row.values.get(name), value), f"{deal}/{op.key}.{name}"
        return True

    def cards_are_right(self) -> None:
        kept: Counter[str] = Counter()
        with self.desk.unit() as unit:
            for contact in self.desk.crm.records("contact"):
                assert (contact.values["balance"] or "") == cards.balance_text(unit, contact.id), contact.name
                for row in contact.rows["custody"]:
                    amount, deal = row.values["amount"], row.values["deal"]
                    assert isinstance(amount, Decimal) and isinstance(deal, Ref)
                    kept[str(row.values["currency"])] += amount  # type: ignore[assignment]
            for code, amount in kept.items():
                booked = unit.tx.value(
                    "SELECT -SUM(amount) FROM ledger_balance WHERE account = 'custody' AND currency = :c", c=code
                )
                assert self.desk.text(int(booked or 0), code) == format(amount, "f") or amount == (booked or 0) == 0, code


def play(url: str, seed: int, steps: int) -> Simulation:
    chosen = random.Random(seed)
    settings = {
        "below_zero": "refuse" if seed % 3 == 0 else "warn",
        "jump": chosen.choice(("post", "post", "refuse")), "payout_guard": chosen.choice(("refuse", "refuse", "warn")),
        "merge_from": chosen.choice((2, 3)),
    }  # fmt: skip
    simulation = Simulation(seed, Desk(url, seed, settings), chosen)
    try:
        simulation.play(steps)
    finally:
        simulation.desk.close()
    return simulation


@pytest.mark.row("EX-05", "EX-09", "PL-02", "PL-03", "PL-04")
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_staff_and_machines_do_the_books_agree(seed: int, fresh_sqlite: Callable[[], str]) -> None:
    play(fresh_sqlite(), seed, STEPS)


@pytest.mark.row("EX-05", "EX-09", "PL-02", "PL-03", "PL-04", "PL-07")
@pytest.mark.parametrize("seed", [101, 102])
def test_the_same_on_either_database(seed: int, database_url: str) -> None:
    play(database_url, seed, STEPS // 2)
