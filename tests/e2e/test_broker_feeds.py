"""A back office that fetches feeds while staff work and a worker is killed: it ends with the portal's state."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests
from lxml import etree

from kernel.testing import until
from tests.e2e.conftest import Desk

NEW, CONTACT, NEED = "Новое обращение", "Контакт установлен", "Потребность выявлена"
PAUSE_SECONDS = 1.5  #: sixty reads a minute are allowed
NS = "{urn:annex:feeds:v1}"

pytestmark = pytest.mark.usefixtures("everybody_works")


class BackOffice(threading.Thread):
    """Reads one feed on and on over HTTP, and keeps rows and cursor only of whole answers."""

    def __init__(self, broker: Desk, feed: str, key: str) -> None:
        super().__init__(daemon=True)
        self.address, self.cursor, self.rows = f"{broker.address}/feeds/{feed}", "", dict[str, dict[str, Any]]()
        self.seen: list[int] = []
        self.stop = threading.Event()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {key}"
        self.schema = etree.XMLSchema(etree.fromstring(self._session.get(f"{self.address}.xsd", timeout=120).content))

    def read(self) -> bool:
        """Whether there was anything, or there is more."""
        asked = {"limit": "20", **({"since": self.cursor} if self.cursor else {})}
        answer = self._session.get(f"{self.address}.xml", params=asked, timeout=120)
        if answer.status_code == 429:
            self.stop.wait(float(answer.headers["Retry-After"]))
            return True
        assert answer.status_code == 200, answer.text
        root = etree.fromstring(answer.content)
        self.schema.assertValid(root)
        for row in root[:-1]:
            self.seen.append(int(row.get("seq")))
            if row.tag == f"{NS}deleted":
                self.rows.pop(row.get("id"), None)
            else:
                self.rows[row.get("id")] = {etree.QName(one).localname: one.text for one in row}
        self.cursor = root[-1].get("cursor")
        return len(root) > 1 or root[-1].get("more") == "true"

    def run(self) -> None:
        while not self.stop.is_set():
            self.read()
            self.stop.wait(PAUSE_SECONDS)

    def finish(self) -> None:
        self.stop.set()
        self.join(timeout=120)
        self.stop.clear()
        while self.read():
            pass
        self._session.close()


@pytest.mark.row("BR-12")
def test_a_consumer_misses_nothing_while_a_worker_is_killed(broker: Desk) -> None:
    office, who = broker.office, broker.office.managers[0]
    offices = []
    for feed in ("deals", "statuses"):
        added = broker.processes.annex("feeds", "key", "add", f"bo.{feed}", "--feeds", feed, "--personal")
        assert added.returncode == 0, added.stderr
        offices.append(BackOffice(broker, feed, added.stdout.strip()))
    for one in offices:
        one.start()
    deals = [office.new_deal(who, f"Выгрузка <{n}> & Ко") for n in range(12)]
    until(lambda: {str(deal) for deal in deals[:6]} <= set(offices[0].rows), "new deals come", every=0.1)
    for deal in deals:
        office.move(who, deal, CONTACT)
    broker.processes.kill(broker.workers[0])
    for deal in deals[::2]:
        office.move(who, deal, NEED)
    broker.start_again(broker.workers[0])
    broker.reconciled()
    for one in offices:
        one.finish()
    held, changes = (one.rows for one in offices)
    for n, deal in enumerate(deals):
        assert held[str(deal)]["stageName"] == office.stage_of(deal) == (CONTACT if n % 2 else NEED)
        assert held[str(deal)]["title"] == f"Выгрузка <{n}> & Ко"
        moves = [one for one in changes.values() if one["record"] == str(deal) and one["kind"] == "deal"]
        assert [one["toName"] for one in moves] == [NEW, CONTACT] + ([] if n % 2 else [NEED]), "each once, in its order"
    for one in offices:
        assert one.seen == sorted(set(one.seen)), "no number twice, none after a higher one"
