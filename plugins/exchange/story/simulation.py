"""The exchange desk in a simulation: what must hold after every step of the books, and at rest of everything."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from kernel.crm import Record, Ref
from kernel.crm.gone import gone_since
from kernel.jobs import call_queries
from kernel.testing.stories import Action, SimulatedStory, World
from kernel.values import format_minor
from plugins.exchange import cards, projection
from plugins.exchange.accounts import BALANCES, BOOK, CLIENT, CUSTODY, OWN_ACCOUNTS, PLACE
from plugins.exchange.board import board
from plugins.exchange.booking import settings_of
from plugins.exchange.control import control
from plugins.exchange.handlers import reader_of
from plugins.exchange.model import Deal, deal_data
from plugins.exchange.store import load_deal, notice_state
from plugins.exchange.story.staff import DEAL, OPERATION, PLACES, Staff

REPAIRED_SHARE, REPAIRS_MAX = 0.8, 4


class ExchangeSimulation(SimulatedStory):
    typed: Mapping[str, tuple[str, ...]] = {DEAL: ("client", "partner", "custody", "manager")}
    tables: Mapping[str, tuple[str, ...]] = {DEAL: (OPERATION,)}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._portal, self._staff, self._checked = world.portal, Staff(world), ""

    @classmethod
    def settings(cls, chance: random.Random) -> Mapping[str, Any]:
        return {
            "jump": chance.choice(("post", "post", "refuse")), "merge_from": chance.choice((2, 3)),
            "payout_guard": chance.choice(("refuse", "refuse", "warn")), "places": list(PLACES), "default_place": PLACES[0],
        }  # fmt: skip

    def begin(self) -> None:
        self._staff.begin()

    def records(self) -> Iterable[tuple[str, str]]:
        return [(DEAL, deal) for deal in self._staff.deals]

    def deleted(self) -> Iterable[tuple[str, str]]:
        with self._portal.read() as unit:
            return [(DEAL, deal) for deal in self._staff.deleted if load_deal(unit.tx, self._subject(deal))]

    def actions(self) -> Mapping[Action, int]:
        return self._staff.actions()

    def figures(self) -> Mapping[str, int]:
        with self._portal.read() as unit:
            rows = self._portal.books.head(unit.tx)[0]
        return {"deals": len(self._staff.deals), "deleted deals": len(self._staff.deleted), "rows of the journal": rows}

    def after_each_step(self) -> None:
        """All but what is held stands negative: a sum of zero says held = own + owed + custody."""
        with self._portal.read() as unit:
            head = self._portal.books.head(unit.tx)[1]
            if head == self._checked:
                return
            self._checked = head
            sums: Counter[tuple[str, str]] = Counter()
            for row in unit.tx.all(f"SELECT account, currency, place, amount FROM {BALANCES} AS b"):
                assert row["account"] in (PLACE, CLIENT, CUSTODY, *OWN_ACCOUNTS)
                sums[row["currency"], row["place"]] += int(row["amount"])
        assert not any(sums.values()), f"held is not own + owed + custody: {sums}"

    def repair(self) -> None:
        """What the deal's «Перевірка» asks for, in most deals."""
        for deal in self._staff.deals:
            if self.world.random.random() < REPAIRED_SHARE:
                for _ in range(REPAIRS_MAX):
                    if problems := self._problems_of(deal):
                        self._staff.repair(deal, problems)

    def _problems_of(self, deal: str) -> list[tuple[str, str]]:
        """(operation number or "", code) of each."""
        reading = reader_of(self._portal).read(self._record(deal))
        return [(problem.operation, problem.error.code) for problem in reading.problems]

    def at_rest(self) -> None:
        records = {deal: self._record(deal) for deal in self._staff.deals}
        sound = {deal for deal, record in records.items() if self._agrees(deal, record)}
        assert records and len(sound) >= len(records) / 4, "hardly a deal is readable: the story shows nothing"
        self._control_agrees(sound)
        self._board_agrees()
        self._cards_agree()
        for _entity, deal in self.deleted():
            self._stays_as_it_was(deal)

    def _stays_as_it_was(self, deal: str) -> None:
        """A deleted deal: its books are what they were, and its people were told once."""
        portal, subject = self._portal, self._subject(deal)
        with portal.read() as unit:
            since = gone_since(unit.tx, portal.name, DEAL, deal)
            facts, book = load_deal(unit.tx, subject), portal.books.book(BOOK)
            assert since is not None and facts is not None
            later = [one.kind for one in book.entries(unit.tx, subject) if one.recorded_at >= since]
            assert not later, f"{deal} is deleted, and its books went on: {later}"
            calls = call_queries.keyed(unit.tx, portal.name, f"deleted:{subject}:{since}:")
            told = [call["state"] for call in calls if call["state"] != "dropped"]
            wanted = 1 if facts.client and book.standing(unit.tx, subject) else 0
            assert told == ["done"] * wanted, f"{deal} is deleted, which was told {told}, not {wanted} times"

    def _subject(self, deal: str) -> str:
        return f"{self._portal.name}/{deal}"

    def _agrees(self, deal: str, record: Record) -> bool:
        """Whether the deal is readable and accepted; then facts, books and the CRM's fields must say the same."""
        portal = self._portal
        reading = reader_of(portal).read(record)
        with portal.read() as unit:
            problem = notice_state(unit.tx, reading.deal.subject).problem
            facts = load_deal(unit.tx, reading.deal.subject)
            if reading.problems and record.stage == "cancelled":
                standing = portal.books.book(BOOK).standing(unit.tx, reading.deal.subject)
                assert not standing, f"{deal} is cancelled and still booked: {sorted(standing)}"
                return False
            if reading.problems or problem:
                missing = all(one.missing for one in reading.problems)
                assert record.values["check"] or (record.stage == "new" and missing), f"{deal} says nothing of what is wrong"
                return False
            assert facts is not None, f"{deal} was never accepted"
            self._same_facts(deal, facts, reading.deal)
            wanted = {**projection.deal_fields(unit, facts, settings_of(portal), "uk"), "check": ""}
            for name, value in wanted.items():
                here = record.values.get(name)
                assert not projection._differs(here, value), f"{deal}.{name} is {here!r}, should be {value!r}"
            rows = {row.key: row for row in record.rows["operation"]}
            for op in facts.exchanges:
                for name, value in projection.row_fields(facts, op.key, "uk").items():
                    here = rows[op.key].values.get(name)
                    assert not projection._differs(here, value), f"{deal}/{op.key}.{name} is {here!r}, should be {value!r}"
        return True

    @staticmethod
    def _same_facts(deal: str, facts: Deal, read: Deal) -> None:
        left, right = deal_data(facts), deal_data(read)
        for name in ("entered", "custody_until"):  # made by us, and shown in the field that is compared below
            left.pop(name), right.pop(name)
        apart = [name for name in right if left.get(name) != right[name]]
        assert not apart, f"the facts of {deal} are not what the CRM holds: {apart}"

    def _control_agrees(self, sound: set[str]) -> None:
        report = control(self._portal)
        wrong = [row for row in report["rows"] if row["deal"] in sound and row["derived"] != row["booked"]]
        assert not wrong, f"the control report differs: {wrong[:2]}"
        if len(sound) == len(self._staff.deals) and not self._staff.deleted:
            assert report["differences"] == 0

    def _board_agrees(self) -> None:
        """Every column of the board against the balances, and held = own + owed + custody in each line."""
        with self._portal.read() as unit:
            shown: Mapping[str, Any] = board(unit).data()
            held = {
                row["currency"]: int(row["amount"])
                for row in unit.tx.all(
                    f"SELECT currency, SUM(amount) AS amount FROM {BALANCES} AS b WHERE account = 'place' GROUP BY currency"
                )
            }
        for line in [*shown["rows"], *shown["totals"]]:
            parts = sum(Fraction(line[part]) for part in ("own", "owed", "custody"))
            assert Fraction(line["held"]) == parts, f"the board's line of {line['currency']} does not add up"
        for line in shown["totals"]:
            text = format_minor(held.get(line["currency"], 0), self._portal.currencies.get(line["currency"]))
            assert Fraction(line["held"]) == Fraction(text), f"the board shows {line['held']} {line['currency']}, not {text}"

    def _cards_agree(self) -> None:
        portal = self._portal
        kept: defaultdict[str, Fraction] = defaultdict(Fraction)
        contacts = portal.crm.find("contact", tables=("custody",))
        with portal.read() as unit:
            for contact in contacts:
                wanted = cards.balance_text(unit, contact.id)
                here = str(contact.values["balance"] or "")
                assert here.split() == wanted.split(), f"the card of {contact.name} says {here!r}, should be {wanted!r}"
                for row in contact.rows["custody"]:
                    assert isinstance(row.values["deal"], Ref)
                    kept[str(row.values["currency"])] += Fraction(str(row.values["amount"]))
            booked = {
                row["currency"]: -int(row["amount"])
                for row in unit.tx.all(
                    f"SELECT currency, SUM(amount) AS amount FROM {BALANCES} b WHERE account = 'custody' GROUP BY currency"
                )
            }
        for code in {*kept, *booked}:
            text = format_minor(booked.get(code, 0), portal.currencies.get(code))
            assert kept[code] == Fraction(text), f"cards keep {kept[code]} {code}, books {text}"

    def _record(self, deal: str) -> Record:
        return self._portal.crm.get("deal", deal, tables=("operation",))
