"""The stage lock and the working day as a broker runs them: emulated Bitrix24, service and worker as processes, people at
the portal's own doors."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from app.cli.demo.office_broker import BrokerOffice
from app.cli.demo.processes import free_port
from app.cli.demo.stages import Bitrix24
from kernel.storage import Database
from kernel.testing import until
from plugins.workday.days import FRESH_SECONDS
from tests.e2e.warm import WarmProcesses

ROOT = Path(__file__).parents[2]
NEW, CONTACT, NEED, OFFER = "Новое обращение", "Контакт установлен", "Потребность выявлена", "Предложение отправлено"


@dataclass
class Broker:
    office: BrokerOffice
    database: Database
    address: str

    def waiting(self) -> int:
        with self.database.read() as tx:
            inbox = tx.value("SELECT COUNT(*) FROM inbox WHERE state = 'new'")
            return int(inbox + tx.value("SELECT COUNT(*) FROM outgoing WHERE state IN ('waiting', 'sending')"))

    def quiet(self) -> None:
        for _ in range(2):
            self.office.doors("wait-idle", {"timeout": 120})
            until(lambda: not self.waiting(), "nothing waits any more", every=0.1, seen=self.waiting)

    def cases(self, deal: int) -> list[tuple[str, str, str]]:
        with self.database.read() as tx:
            rows = tx.all("SELECT * FROM stage_lock_case WHERE record_id = :r ORDER BY number", r=str(deal))
        return [(row["from_stage"], row["to_stage"], row["outcome"]) for row in rows]

    def deal(self, who: str, title: str) -> int:
        deal = self.office.new_deal(who, title)
        self.quiet()
        return deal

    def browser(self, who: str, page: str) -> tuple[requests.Session, requests.Response]:
        """That person opens the page from the portal's menu."""
        handler = f"{self.address}/frame/bitrix24/main{page}"
        asked = self.office.doors("open", {"placement": "LEFT_MENU", "user": who, "handler": handler})
        session = requests.Session()
        session.trust_env = False
        return session, session.post(asked["url"], data=asked["fields"], timeout=120)


def the_set(folder: Path) -> Path:
    """The broker's set with nothing but the two plugins that are meant here."""
    made = folder / "broker"
    shutil.copytree(ROOT / "mappings/broker-bitrix24", made)
    text = (made / "portal.toml").read_text(encoding="utf-8")
    parts = re.split(r"(?m)^(?=\[)", text)
    kept = [
        one for one in parts if not one.startswith("[plugin.") or one.startswith(("[plugin.stage_lock", "[plugin.workday"))
    ]
    text = "".join(kept).replace('"heads", ', "")  # a right of a plugin that is not switched on here
    (made / "portal.toml").write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    home = tmp_path_factory.mktemp("broker")
    address, stage = f"http://127.0.0.1:{free_port()}", Bitrix24(speedup=50)
    processes = WarmProcesses(
        home,
        {
            "ANNEX_HOME": str(home), "ANNEX_DATABASE_URL": f"sqlite:///{home / 'annex.db'}", "ANNEX_SET": str(the_set(home)),
            "ANNEX_PUBLIC_URL": address, "ANNEX_LOG": "info",
        },
    )  # fmt: skip
    try:
        stage.start(processes, address, 0, "broker")
        host, _, port = address.removeprefix("http://").partition(":")
        processes.start("service", "app", "serve", "--host", host, "--port", port, "--with-worker")
        processes.wait_ready(address)
        stage.set_up(processes, address)
        office, database = BrokerOffice(stage.address), Database(f"sqlite:///{home / 'annex.db'}")
        for who in [*office.managers, office.head]:
            office.day(who, "OPENED")
        # The worker may have read the portal in the middle of its set-up, and the days before they began.
        time.sleep(FRESH_SECONDS + 0.1)
        yield Broker(office, database, address)
        database.close()
        office.doors.session.close()
    finally:
        processes.stop_all()


@pytest.mark.row("BR-03")
def test_a_jump_is_put_back_and_the_mover_is_told(broker: Broker) -> None:
    office, who = broker.office, broker.office.managers[0]
    deal = broker.deal(who, "Прыжок")
    office.move(who, deal, OFFER)
    until(lambda: office.stage_of(deal) == NEW, "it is put back")
    broker.quiet()
    assert broker.cases(deal) == [("new", "offer", "put_back")]
    assert any(f"«{OFFER}»" in str(note) and f"«{CONTACT}»" in str(note) for note in office.notices(who))


@pytest.mark.row("BR-03")
def test_two_allowed_moves_at_once_stand_and_no_way_leads_back(broker: Broker) -> None:
    office, who = broker.office, broker.office.managers[0]
    deal = broker.deal(who, "Вперёд и назад")
    office.move(who, deal, CONTACT)
    office.move(who, deal, NEED)
    broker.quiet()
    assert office.stage_of(deal) == NEED and broker.cases(deal) == []
    office.move(who, deal, NEW)
    until(lambda: office.stage_of(deal) == NEED, "it is put back")
    broker.quiet()
    assert broker.cases(deal) == [("need", "new", "put_back")]


@pytest.mark.row("BR-03")
def test_the_head_may_override_and_sees_the_cases_on_the_page(broker: Broker) -> None:
    office = broker.office
    deal = broker.deal(office.managers[0], "Решение руководителя")
    office.move(office.head, deal, OFFER)
    broker.quiet()
    assert office.stage_of(deal) == OFFER and broker.cases(deal) == [("new", "offer", "override")]
    session, _ = broker.browser(office.head, "/workday/")
    page = session.get(f"{broker.address}/stage_lock/", timeout=120)
    session.close()
    assert page.status_code == 200 and "Решение руководителя" in page.text and "право обхода" in page.text
    session, _ = broker.browser(office.managers[0], "/workday/")
    assert session.get(f"{broker.address}/stage_lock/", timeout=120).status_code == 403
    session.close()


@pytest.fixture(scope="module")
def hiring(broker: Broker) -> dict[str, Any]:
    """A pipeline that the set does not name, with its stages by what they mean."""
    office = broker.office
    fields = {"name": "Подбор", "sort": 900}
    number = office.ask("1", "crm.category.add", {"entityTypeId": 2, "fields": fields})["category"]["id"]
    stages = office.ask("1", "crm.status.list", {"filter": {"ENTITY_ID": f"DEAL_STAGE_{number}"}})
    found = {"number": number}
    for one in stages:
        found.setdefault((one.get("SEMANTICS") or "P")[0], one["STATUS_ID"])
    return found


def _put(broker: Broker, who: str, deal: int, **fields: Any) -> None:
    broker.office.ask(who, "crm.item.update", {"entityTypeId": 2, "id": deal, "fields": fields})


@pytest.mark.row("BR-03")
def test_another_pipeline_is_no_way_round(broker: Broker, hiring: dict[str, Any]) -> None:
    """Moved there and won; moved there and back further on; made there and won."""
    office, who = broker.office, broker.office.managers[0]
    moved, bounced = broker.deal(who, "В обход"), broker.deal(who, "Туда и обратно")
    _put(broker, who, moved, categoryId=hiring["number"], stageId=hiring["P"])
    _put(broker, who, moved, stageId=hiring["S"])
    _put(broker, who, bounced, categoryId=hiring["number"], stageId=hiring["P"])
    _put(broker, who, bounced, categoryId=office.pipeline, stageId=office.stage[OFFER])
    fields = {"title": "Сразу там", "categoryId": hiring["number"], "stageId": hiring["S"], "assignedById": who}
    made = int(office.ask(who, "crm.item.add", {"entityTypeId": 2, "fields": fields})["item"]["id"])
    for deal in (moved, bounced, made):
        until(lambda deal=deal: office.stage_of(deal) == NEW, "it is put back")  # type: ignore[misc]
    broker.quiet()
    for deal in (moved, bounced, made):
        assert office.stage_of(deal) == NEW
        assert {outcome for _start, _to, outcome in broker.cases(deal)} <= {"put_back", "undone", "left"}
        assert "put_back" in {outcome for _start, _to, outcome in broker.cases(deal)}
    for person in (who, office.head):
        assert any("в этой воронке такие записи не ведут" in str(note) for note in office.notices(person)), person


@pytest.mark.row("BR-03")
def test_a_deal_made_further_on_begins_at_the_beginning(broker: Broker) -> None:
    """A copy, or a lead turned into a deal: both are new deals."""
    office, who = broker.office, broker.office.managers[0]
    fields = {"title": "Копия", "categoryId": office.pipeline, "stageId": office.stage[OFFER], "assignedById": who}
    deal = int(office.ask(who, "crm.item.add", {"entityTypeId": 2, "fields": fields})["item"]["id"])
    until(lambda: office.stage_of(deal) == NEW, "it is put back")
    broker.quiet()
    assert [(start, outcome) for start, _to, outcome in broker.cases(deal)] == [("", "put_back")]


@pytest.mark.row("BR-02", "BR-03")
def test_who_has_not_started_their_day_moves_nothing_until_they_start_it_on_our_page(broker: Broker) -> None:
    office, late = broker.office, broker.office.managers[-1]
    office.day(late, "CLOSED")
    deal = broker.deal(late, "Рано")
    time.sleep(FRESH_SECONDS + 0.1)  # what is known of a working day may be so old
    office.move(late, deal, CONTACT)
    until(lambda: office.stage_of(deal) == NEW, "it is put back")
    broker.quiet()
    assert any("рабочий день не начат" in str(note) for note in office.notices(late))
    session, page = broker.browser(late, "/workday/")
    token = re.search(r'name="csrf" value="(\w+)"', page.text)
    assert token and "data-start" in page.text
    started: Any = session.post(f"{broker.address}/workday/start", data={"csrf": token[1]}, timeout=120)
    session.close()
    assert 'data-status="open"' in started.text
    assert office.ask(late, "timeman.status", {})["STATUS"] == "OPENED"
    # The page and the worker may be two processes, each with a memory of its own.
    time.sleep(FRESH_SECONDS + 0.1)
    office.move(late, deal, CONTACT)
    broker.quiet()
    assert office.stage_of(deal) == CONTACT
