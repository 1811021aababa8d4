"""A portal with the working day and the stage lock, the in-memory CRM and a web site around it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kernel.crm import Event, Workday
from kernel.errors import Fault
from kernel.extension.calls import carry_out
from kernel.extension.hooks import collect
from kernel.extension.portal import Portal
from kernel.extension.sync import sync
from kernel.jobs import inbox
from kernel.ledger import Books
from kernel.mapping import EntityMap, FieldMap, MappingSet, PortalMap, StageMap
from kernel.settings import Settings
from kernel.storage import Database
from kernel.testing import CountingIds, FakeClock, MemoryCRM, MemoryQueue, roles, session
from kernel.testing.crm_parts import MemoryWorkdays
from kernel.web import WEB_SETTINGS, Links, Live, Site, create_app
from plugins.assignment import plugin as assignment
from plugins.assignment.api import ELIGIBILITY_CHANGED
from plugins.stage_lock import plugin as stage_lock
from plugins.stage_lock.settings import StageLockSettings
from plugins.workday import plugin as workday
from plugins.workday.settings import WorkdaySettings

PORTAL = "memory/main"
SET = MappingSet(
    "day",
    PortalMap(
        connector="memory", language="ru", role=roles(head=("stage_lock", "workday", "workday.team"), staff=("workday",))
    ),
    {
        "deal": EntityMap(
            entity="deal",
            stage={"new": StageMap(label="Новая", next=["talk"]), "talk": StageMap(label="Разговор")},
            field={"name": FieldMap(system="name", write=True)},
        )
    },
)


class Crm(MemoryCRM):
    """Working days can be out of reach."""

    silent: Fault | None = None

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.workdays = Days(self)


class Days(MemoryWorkdays):
    def __init__(self, crm: Crm) -> None:
        super().__init__(crm)
        self.office = crm

    def statuses(self, people: Any) -> Any:
        if self.office.silent:
            self.office.called.append("workdays")
            raise self.office.silent
        return super().statuses(people)


@dataclass
class Day:
    database: Database
    folder: Path
    paused_counts: bool = False
    https: bool = False

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.queue = MemoryQueue(self.clock)
        self.crm = Crm(SET, self.clock)
        self.notified: list[list[str]] = []
        hooks = dict(collect([assignment, stage_lock, workday]))
        hooks[ELIGIBILITY_CHANGED.name] = (lambda _portal, people: self.notified.append(sorted(people)),)
        self.portal = Portal(
            PORTAL, SET, self.crm, self.database, Books(self.clock), self.clock, CountingIds(), self.queue,
            {
                "stage_lock": StageLockSettings(override=["Продажи"]),
                "workday": WorkdaySettings(groups=["продажи"], paused_counts=self.paused_counts),
            },
            public_url="https://annex.example", hooks=hooks,
        )  # fmt: skip
        self.plugins = [stage_lock, workday]
        self.anna = self.hire("Анна", "open", groups=("Продажи",))
        self.boris = self.hire("Борис", "closed", groups=("Продажи",))
        self.head = self.hire("Вера", "closed", heads=("Продажи",))
        self.other = self.hire("Глеб", "closed", groups=("Склад",))
        stage_lock.every[0].run(self.portal)
        self.clock.advance(seconds=1)

    def hire(self, name: str, day: Workday, **more: Any) -> str:
        ref = self.crm.staff.hire(name)
        self.crm.persons[-1] = replace(self.crm.persons[-1], **more)
        self.crm.days[ref.id] = day
        return ref.id

    def poll(self) -> None:
        workday.every[0].run(self.portal)

    def move(self, deal: str, stage: str, author: str) -> None:
        self.clock.advance(seconds=30)
        self.crm.staff.move(deal, stage, author=author)
        self.sync(deal)

    def sync(self, deal: str) -> None:
        event = Event("deal.changed", "deal", deal)
        with self.database.write() as tx:
            inbox.store(tx, PORTAL, event, "", clock=self.clock, ids=self.portal.ids, queue=self.queue)
        handlers: dict[str, Any] = {
            "look": lambda args: sync(self.portal, self.plugins, args),
            "call": lambda args: carry_out(self.portal, self.plugins, args),
        }
        self.queue.run_until_quiet(handlers)
        if self.queue.broken:
            raise self.queue.broken[0][1]

    # --- pages ----------------------------------------------------------------------------------------------------------

    def site(self, address: str = "http://127.0.0.1:8080", **environment: str) -> Site:
        live = Live(self.database)
        settings = Settings({"ANNEX_HOME": str(self.folder), **environment}, also=WEB_SETTINGS)
        links = Links(self.database, self.clock, self.portal.ids, b"a secret of the tests", address)
        return Site(
            self.portal, [stage_lock, workday], settings, self.database, self.clock, self.portal.ids, live,
            links,
            framed_by=("https://crm.example",),
        )  # fmt: skip

    def browser(self, person: str, role: Any = "staff", site: Site | None = None) -> Any:
        """A signed-in test client."""
        site = site or self.site()
        client = create_app(site).test_client()
        name = next((one.name for one in self.crm.persons if one.id == person), "Гость")
        client.set_cookie("annex_session", session(site, role, name, person))
        return client
