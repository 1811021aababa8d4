"""Opening a sub-tab of a client's dossier, beside the back office's own time for the same question.

The emulated back office runs in a process of its own, and takes half a second for each answer. Our web side runs here, with
as many threads as people: each opens the sub-tab, asks for its state as the page does, and fetches the table. What the back
office takes for itself is measured by a bare request for the same rows in the same run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import requests

from app.connections import client_of
from connectors.backoffice import connector
from kernel.clock import SystemClock
from kernel.extension import Connection, FrameRequest, Visitor
from kernel.http import Vault
from kernel.mapping import load_set
from kernel.storage import Database
from kernel.testing import World
from kernel.web import Frame
from plugins.dossier import plugin as dossier
from tests.bench.common import ROOT, Bench, Table, percentile

SET = load_set(ROOT / "mappings" / "broker-bitrix24")
ROWS, PEOPLE, ROUNDS, SLOW_SECONDS = 1000, 20, 10, 0.5
LOOKED_EVERY_SECONDS = 0.1  #: a page that waits asks for the state; the script waits somewhat longer
QUESTION = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<GetPosition xmlns="urn:broker:backoffice:v1"><ClientID>{client}</ClientID></GetPosition></s:Body></s:Envelope>'
)


class SeesAll:
    def sees(self, records: Any) -> frozenset[tuple[str, str]]:
        return frozenset(records)


@contextmanager
def back_office() -> Iterator[str]:
    """Its address."""
    command = [sys.executable, "-m", "sandbox.backoffice", "--port", "0", "--fault", "page_rows=5000"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["address"]
        finally:
            process.terminate()


class Office(World):
    """The broker's set over that back office, on the machine's own clock."""

    def __init__(self, url: str, address: str) -> None:
        clock, self.asked_by, name = SystemClock(), Database(url), "backoffice/broker"
        connection = Connection(
            {"BACKOFFICE_URL": address, "BACKOFFICE_PLAIN_HTTP": "yes"}, SET,
            partial(client_of, "backoffice", name, self.asked_by, clock, None), clock,
            Vault(name, self.asked_by, clock, b"secret" * 8), name="broker", connector=connector,
        )  # fmt: skip
        super().__init__(url, SET, [dossier], clock=clock, connections={"broker": connection})  # type: ignore[arg-type]
        self.serve(frames={("bitrix24", "main"): Frame(self.portal, self._visitor)})

    def _visitor(self, opening: FrameRequest) -> Visitor:
        return Visitor(opening.form["who"], {}, SeesAll())

    def close(self) -> None:
        super().close()
        self.asked_by.close()


class Person:
    """Somebody at the card."""

    def __init__(self, office: Office, person: str) -> None:
        self.office, self.person, self.http = office, person, office.app.test_client()

    def looks(self, card: str) -> None:
        """The tab is there; no set is open yet."""
        answer = self.http.post(f"/frame/bitrix24/main/dossier/contact/{card}", data={"who": self.person})
        assert self.http.get(answer.headers["Location"]).status_code == 200

    def opens(self, card: str) -> tuple[float, float]:
        """Seconds until the sub-tab says something, and until its rows are there."""
        base, began = f"/dossier/contact/{card}/position", time.perf_counter()
        token = self.office.served.csrf(self.http)
        assert self.http.post(f"{base}/open", data={"csrf": token}).status_code == 200
        said = time.perf_counter() - began
        while not self.http.get(f"{base}/state").json["at"]:
            time.sleep(LOOKED_EVERY_SECONDS)
        text = self.http.get(f"{base}/part").text
        assert str(ROWS) in text
        return said, time.perf_counter() - began


def measured(bench: Bench) -> Table:
    table = Table("Opening a dossier", ("what", "store", "median", "95 %", "aim"))
    for kind in ("sqlite", "postgresql"):
        with back_office() as address:
            _one(bench, table, kind, address)
    table.notes += [
        f"{ROWS} securities of a client; {PEOPLE} people at once, {ROUNDS} times. The back office takes {SLOW_SECONDS:g} s,",
        "and what a bare request for the same rows takes beside it; «own share» is what is above that, pauses between",
        f"two requests for the state ({LOOKED_EVERY_SECONDS:g} s). All people's threads and pages share one Python process.",
    ]
    return table


def _one(bench: Bench, table: Table, kind: str, address: str) -> None:
    session = requests.Session()
    session.trust_env = False
    clients = [str(2_000_000 + n) for n in range(ROUNDS)]
    for client in clients:
        person = {"last_name": "К", "first_name": "К", "birth_date": "1980-01-01", "phone": "+79000000000"}
        session.post(f"{address}/sandbox/client", json={"id": client, **person}).raise_for_status()
        asked = {"client": client, "table": "position_securities", "count": ROWS}
        session.post(f"{address}/sandbox/rows", json=asked).raise_for_status()
    session.post(f"{address}/sandbox/faults", json={"slow_s": SLOW_SECONDS}).raise_for_status()
    database = bench.database(kind, "opening")
    url = database.url
    database.close()
    office = Office(url, address)
    people = [Person(office, office.crm.staff.hire(f"Person {n}").id) for n in range(PEOPLE)]
    office.portal.people()
    first: list[float] = []
    own: list[float] = []
    worked: list[float] = []
    try:
        with ThreadPoolExecutor(PEOPLE) as pool:
            for client in clients:
                card = str(office.crm.staff.new("contact", name="Клиент", client_id=client))
                list(pool.map(lambda one, card=card: one.looks(card), people))
                theirs, busy = _bare(session, address, client), time.process_time()
                for said, shown in pool.map(lambda one, card=card: one.opens(card), people):
                    first.append(said)
                    own.append(shown - theirs)
                worked.append((time.process_time() - busy) / PEOPLE)
    finally:
        office.close()
        session.close()
    for what, times, aim in (
        ("the sub-tab says something", first, "≤ 150 ms"), ("own share until the rows are there", own, "≤ 200 ms"),
        ("CPU of it, for one of them", worked, ""),
    ):  # fmt: skip
        times.sort()
        table.add(what, kind, *(f"{percentile(times, share) * 1000:.0f} ms" for share in (0.5, 0.95)), aim)


def _bare(session: requests.Session, address: str, client: str) -> float:
    began = time.perf_counter()
    headers = {"Content-Type": "text/xml", "SOAPAction": '"urn:broker:backoffice:v1/GetPosition"'}
    session.post(f"{address}/bo/PositionService", data=QUESTION.format(client=client), headers=headers).raise_for_status()
    return time.perf_counter() - began
