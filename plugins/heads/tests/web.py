"""An office with the heads' pages on it, for the tests of pages and of the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kernel.crm import Ref
from plugins.assignment import plugin as assignment
from plugins.assignment.tests.office import CARE, SALES, Office
from plugins.heads import plugin as heads
from plugins.stage_lock import plugin as stage_lock
from plugins.workday import plugin as workday
from tests.harness.databases import sqlite_copy

HOST = "http://127.0.0.1:8080"
QUEUES = {
    "Продажи": {"entity": "lead", "groups": [SALES], "sources": ["call", "web"], "weights": {"Анна Белова": 2}},
    "Забота": {"entity": "deal", "groups": [CARE], "sources": ["call", "web"]},
}


class HeadsOffice(Office):
    """Two departments with a head each; the working day is the real plugin's."""

    def __init__(self, url: str, host: str = HOST) -> None:
        others = {
            "stage_lock": {"entities": ["lead"]},
            "workday": {"groups": [SALES, CARE]},
            "assignment": {"queue": QUEUES},
        }
        super().__init__(url, [assignment, stage_lock, workday, heads], hooks={}, others=others)
        self.host = host
        self.anna, self.boris = self.hire("Анна Белова", "Борис Волков")
        self.kira = self.hire("Кира Лис", group=CARE)[0]
        self.care_head = self.staff.hire("Глава Заботы", groups=[CARE], heads=[CARE])
        self.serve(environment={"ANNEX_PUBLIC_URL": host})

    def day(self, person: Ref, status: Any) -> None:
        """The CRM's word for their working day, and what the regular work makes of it."""
        self.crm.days[person.id] = status
        self.clock.advance(minutes=3)
        self.work()

    def head_client(self, head: Ref | None = None) -> Any:
        return self.client((head or self.head).id, "head")


def make_office(folder: Path, *, host: str = HOST) -> HeadsOffice:
    return HeadsOffice(sqlite_copy(folder / "annex.db"), host)
