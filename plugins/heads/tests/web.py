"""An office with the heads' pages on it, for the tests of pages and of the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kernel.crm import Ref
from kernel.extension.hooks import collect
from kernel.extension.portal import Portal
from kernel.settings import Settings
from kernel.testing import TroubledDatabase, session
from kernel.web import WEB_SETTINGS, Links, Live, Site, create_app
from plugins.assignment import plugin as assignment
from plugins.assignment.tests.office import CARE, SALES, Office
from plugins.heads import plugin as heads
from plugins.stage_lock import plugin as stage_lock
from plugins.stage_lock.settings import StageLockSettings
from plugins.workday import plugin as workday
from plugins.workday.settings import WorkdaySettings
from tests.harness.databases import sqlite_copy

HOST = "http://127.0.0.1:8080"


class HeadsOffice(Office):
    """Two departments with a head each; the working day is the real plugin's."""

    def __init__(self, database: TroubledDatabase, folder: Path, host: str = HOST) -> None:
        super().__init__(database)
        self.host = host
        queue = {"entity": "lead", "groups": [SALES], "sources": ["call", "web"], "weights": {"Анна Белова": 2}}
        care = {"entity": "deal", "groups": [CARE], "sources": ["call", "web"]}
        self.settings = type(self.settings).model_validate({"queue": {"Продажи": queue, "Забота": care}})
        self.plugins = [assignment, stage_lock, workday, heads]
        self.portal = self.fresh_portal()
        self.anna, self.boris = self.hire("Анна Белова", "Борис Волков")
        self.kira = self.hire("Кира Лис", group=CARE)[0]
        self.care_head = self.staff.hire("Глава Заботы", groups=[CARE], heads=[CARE])
        settings = Settings({"ANNEX_HOME": str(folder), "ANNEX_PUBLIC_URL": host}, also=WEB_SETTINGS)
        self.links = Links(database, self.clock, self.ids, b"a secret of the tests", host)
        self.live = Live(database)
        self.site = Site(self.portal, list(self.plugins), settings, database, self.clock, self.ids, self.live, self.links)
        self.app = create_app(self.site)
        self.portal.changed = self.live.nudge

    def fresh_portal(self) -> Portal:
        portal = super().fresh_portal()
        portal.hooks = collect(self.plugins)
        portal.plugin_settings = {
            "assignment": self.settings, "stage_lock": StageLockSettings(entities=["lead"]),
            "workday": WorkdaySettings(groups=[SALES, CARE]),
        }  # fmt: skip
        return portal

    def day(self, person: Ref, status: Any) -> None:
        """The CRM's word for their working day, and what the regular work makes of it."""
        self.crm.days[person.id] = status
        self.clock.advance(minutes=3)
        for work in (work for plugin in self.plugins for work in plugin.every):
            work.run(self.portal)
        self.run()

    def client(self, user: str = "Олег Владелец", role: Any = "owner", person: str = "") -> Any:
        """A signed-in test client, as the CRM's frame opens it."""
        client = self.app.test_client()
        client.set_cookie("annex_session", session(self.site, role, user, person))
        client.set_cookie("annex_language", "ru")
        return client

    def head_client(self, head: Ref | None = None) -> Any:
        who = head or self.head
        return self.client(who.name, "head", who.id)

    def close(self) -> None:
        self.live.close()
        self.database.close()


def make_office(folder: Path, *, url: str = "", host: str = HOST) -> HeadsOffice:
    return HeadsOffice(TroubledDatabase(url or sqlite_copy(folder / "annex.db")), folder, host)
