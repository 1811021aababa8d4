"""A day of a sales department: leads arrive by themselves, and each goes to one manager who may get one, in equal shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

from kernel.testing.demo import DemoStory, Desk, Result

LEADS, NIGHT_LEADS, OVERDUE_DEALS = 40, 3, 6
FIRST_AT_NIGHT = 1000  #: number of the first lead that comes when everybody is home
ROUGH = {"drop_rate": 0.3, "duplicate_rate": 0.1, "reorder_rate": 0.2}
CALM = dict.fromkeys(ROUGH, 0)


class AssignmentDemo(DemoStory):
    after = ("workday",)
    connectors = frozenset({"bitrix24"})
    agreement = "owners"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._leads: list[int] = []
        self._results: list[Result] = []

    def morning(self, day: date, number: int) -> None:
        """Somebody has more overdue deals than are allowed."""
        office, overloaded = self.desk.office, self.desk.pick()
        for deal in range(OVERDUE_DEALS):
            body = {
                "OWNER_TYPE_ID": 2, "OWNER_ID": office.new_deal(overloaded, f"Старая сделка {deal}"), "TYPE_ID": 2,
                "SUBJECT": "Перезвонить", "RESPONSIBLE_ID": overloaded, "COMPLETED": "N",
                "DEADLINE": "2026-01-12T10:00:00+03:00", "COMMUNICATIONS": [{"VALUE": "+74950000000"}],
            }  # fmt: skip
            office.ask(overloaded, "crm.activity.add", {"fields": body})
        self.desk.announce(f"{office.names[overloaded]} has {OVERDUE_DEALS} deals with overdue activities")

    def work(self, day: date, number: int) -> None:
        self.desk.announce("leads arrive by site, call and mail; events get lost, doubled and late")
        self.desk.faults(ROUGH)
        new = [self.desk.office.new_lead(one) for one in range(LEADS)]
        self.desk.quiet(lambda: all(self._given(lead) for lead in new))
        self.desk.faults(CALM)
        self._leads += new

    def night(self, day: date, number: int) -> None:
        """If everybody went home, what comes now waits for whoever begins the next day first."""
        office, ready = self.desk.office, self.desk.ready()
        if not set(ready) <= set(self.desk.absent):
            return
        leads = [office.new_lead(FIRST_AT_NIGHT + one) for one in range(NIGHT_LEADS)]
        self.desk.quiet(lambda: self._waiting() == NIGHT_LEADS)
        waiting = self._waiting()
        self._results.append((
            f"{NIGHT_LEADS} leads that come after everybody went home wait, and the head is told",
            "" if waiting == NIGHT_LEADS and office.notices(office.head) else f"{waiting} wait",
        ))  # fmt: skip
        early = ready[0]
        office.day(early, "OPENED")
        self.desk.absent.remove(early)
        self.desk.announce(f"everybody went home, {NIGHT_LEADS} leads wait; then {office.names[early]} begins the day")
        self.desk.quiet(lambda: self._waiting() == 0)
        owners = [office.owner(lead) for lead in leads]
        self._results.append((
            "they go out, in order, to the one who comes first",
            "" if owners == [early] * NIGHT_LEADS else str(owners),
        ))  # fmt: skip

    def checks(self) -> Iterable[Result]:
        office, ready = self.desk.office, self.desk.ready()
        shares = Counter(office.owner(lead) for lead in self._leads)
        wrong = {office.names.get(who, who): n for who, n in shares.items() if who not in ready}
        yield f"{len(self._leads)} leads: one owner each, all of them people who may get one", f"{wrong}" if wrong else ""
        spread = max(shares.values()) - min(shares.get(who, 0) for who in ready)
        announcement = ", ".join(f"{office.names[who]} {shares.get(who, 0)}" for who in ready)
        yield f"shares within one lead of each other ({announcement})", f"{spread} apart" if spread > 1 else ""
        yield from self._results

    def _given(self, lead: int) -> bool:
        return self._count("SELECT COUNT(*) FROM assignment_decision WHERE record_id = :r", r=str(lead)) > 0

    def _waiting(self) -> int:
        return self._count("SELECT COUNT(*) FROM assignment_waiting")

    def _count(self, sql: str, **values: Any) -> int:
        with self.desk.database.read() as tx:
            return int(tx.value(sql, **values))
