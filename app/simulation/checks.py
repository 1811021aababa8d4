"""What must hold: after every step of the story the books, and at rest everything."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from fractions import Fraction
from itertools import islice
from typing import Any

from app.bootstrap import Annex
from app.cli.verify import faults
from app.simulation.office import Office
from app.simulation.staff import Staff
from kernel.crm import Record, Ref
from kernel.crm.seen import last_seen
from kernel.extension.sweep import last_sweep
from kernel.testing import MemoryQueue
from kernel.values import format_minor
from plugins.exchange import cards, projection
from plugins.exchange.accounts import CLIENT, CUSTODY, OWN_ACCOUNTS, PLACE
from plugins.exchange.board import board
from plugins.exchange.control import control
from plugins.exchange.handlers import reader_of, settings_of
from plugins.exchange.model import Deal, deal_data
from plugins.exchange.store import load_deal, told

TYPED = ("client", "partner", "custody", "manager")  #: fields of the deal that staff fill in, and we do not


def _typed(record: Record, name: str) -> tuple[str | None, object]:
    return record.stage, record.values.get(name)


class Checks:
    """`annex` is a process of its own that only looks."""

    def __init__(self, annex: Annex, office: Office, staff: Staff, queue: MemoryQueue) -> None:
        self._annex, self._office, self._staff, self._queue = annex, office, staff, queue
        self._portal = annex.running.portal
        self._checked = ""

    def rows(self) -> int:
        with self._portal.look() as unit:
            return self._portal.books.head(unit.tx)[0]

    def swept_ever(self) -> int:
        with self._portal.look() as unit:
            swept = last_sweep(unit.tx, self._portal.name)
        return swept.mended_ever if swept else 0

    # --- after every step -----------------------------------------------------------------------------------------------

    def after_each_step(self) -> None:
        if self._queue.broken:
            job, exc = self._queue.broken[0]
            raise AssertionError(f"job {job.name} {job.key} ended in {type(exc).__name__}: {exc}") from exc
        assert not self._office.refused(), "the portal's limit was broken"
        with self._portal.look() as unit:
            head = self._portal.books.head(unit.tx)[1]
            if head == self._checked:
                return
            self._checked = head
            sums: Counter[tuple[str, str]] = Counter()
            for row in unit.tx.all("SELECT account, currency, place, amount FROM ledger_balance"):
                assert row["account"] in (PLACE, CLIENT, CUSTODY, *OWN_ACCOUNTS)
                sums[row["currency"], row["place"]] += int(row["amount"])
            # All but what is held stands negative: a sum of zero says held = own + owed + custody.
            assert not any(sums.values()), f"held is not own + owed + custody: {sums}"
            found = list(islice(faults(self._annex, unit), 3))
            assert not found, found

    # --- at rest --------------------------------------------------------------------------------------------------------

    def problems_of(self, deal: str) -> list[tuple[str, str]]:
        """What staff are asked to mend in it: (operation number or "", code)."""
        reading = reader_of(self._portal).read(self._record(deal))
        return [(problem.operation, problem.error.code) for problem in reading.problems]

    def unseen(self) -> tuple[list[str], list[str]]:
        """Deals that do not stand as they were last looked at: those whose own fields differ, those whose rows do."""
        fields, rows = [], []
        for deal in self._staff.deals:
            record = self._record(deal)
            with self._portal.look() as unit:
                seen = last_seen(unit.tx, self._portal.name, "deal", deal)
            if seen is None or [_typed(seen, name) for name in TYPED] != [_typed(record, name) for name in TYPED]:
                fields.append(deal)
            elif seen.rows["operation"] != record.rows["operation"]:
                rows.append(deal)
        return fields, rows

    def at_rest(self) -> None:
        self._checked = ""
        self.after_each_step()
        self._nothing_is_left()
        self._each_effect_once()
        records = {deal: self._record(deal) for deal in self._staff.deals}
        sound = {deal for deal, record in records.items() if self._agrees(deal, record)}
        assert records and len(sound) >= len(records) / 4, "hardly a deal is readable: the story shows nothing"
        self._control_agrees(sound)
        self._board_agrees()
        self._cards_agree()

    def _nothing_is_left(self) -> None:
        with self._portal.look() as unit:
            left = unit.tx.all("SELECT state, reason FROM inbox WHERE state NOT IN ('done', 'dropped')")
            assert not left, f"deliveries without a look: {[dict(row) for row in left[:3]]}"
            calls = unit.tx.all("SELECT verb, state, reason FROM outgoing WHERE state NOT IN ('done', 'superseded')")
        # A row that somebody deleted cannot be written any more.
        lost = [dict(call) for call in calls if call["verb"] != "update_row" or call["state"] != "failed"]
        assert not lost, f"calls that never came through: {lost[:3]}"

    def _each_effect_once(self) -> None:
        """What was written down as done was done once, and nothing else was done."""
        with self._portal.look() as unit:
            calls = unit.tx.all("SELECT verb, target, result FROM outgoing WHERE state = 'done'")
        wanted = Counter(call["result"] for call in calls if call["verb"] == "comment")
        assert all(count == 1 for count in wanted.values()), "two comments share one number"
        there = self._office.comments_of_ours()
        assert there == len(wanted), f"{len(wanted)} comments were written down, {there} stand in the portal"
        made, known = self._office.records_of_ours(), [call["result"] for call in calls if call["verb"] == "create"]
        assert sorted(made) == sorted(known), f"records {known} were written down, {made} stand in the portal"
        rows = Counter(self._office.custody_rows())
        assert all(count == 1 for count in rows.values()), f"rows made twice: {rows}"
        assert len(rows) == len({call["target"] for call in calls if call["verb"] == "put_row"})

    def _agrees(self, deal: str, record: Record) -> bool:
        """Whether the deal is readable and accepted; then facts, books and the CRM's fields must say the same."""
        portal = self._portal
        reading = reader_of(portal).read(record)
        with portal.look() as unit:
            problem = told(unit.tx, reading.deal.subject).problem
            facts = load_deal(unit.tx, reading.deal.subject)
            if reading.problems and record.stage == "cancelled":
                standing = portal.books.book("exchange").standing(unit.tx, reading.deal.subject)
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
        if len(sound) == len(self._staff.deals):
            assert report["differences"] == 0

    def _board_agrees(self) -> None:
        """Every column of the board against the balances, and held = own + owed + custody in each line."""
        with self._portal.look() as unit:
            shown: Mapping[str, Any] = board(unit).data()
            held = {
                row["currency"]: int(row["amount"])
                for row in unit.tx.all(
                    "SELECT currency, SUM(amount) AS amount FROM ledger_balance WHERE account = 'place' GROUP BY currency"
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
        with portal.look() as unit:
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
                    "SELECT currency, SUM(amount) AS amount FROM ledger_balance WHERE account = 'custody' GROUP BY currency"
                )
            }
        for code in {*kept, *booked}:
            text = format_minor(booked.get(code, 0), portal.currencies.get(code))
            assert kept[code] == Fraction(text), f"cards keep {kept[code]} {code}, books {text}"

    def _record(self, deal: str) -> Record:
        return self._portal.crm.get("deal", deal, tables=("operation",))
