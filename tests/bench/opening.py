"""Opening a sub-tab of a client's dossier, beside the back office's own time for the same question.

The emulated back office and our web processes run apart from the people, who are threads here. Each does what the page does:
it opens the sub-tab, hears of the answer by the live stream, asks for the state and fetches the rows; where a process keeps
no further stream, it looks by itself. What the back office takes is measured by a bare request for the same rows.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlencode

import requests

from tests.bench.common import ROOT, Bench, Table, percentile
from tests.bench.hanging import desk, emulated, may_see
from tests.bench.intake import Door

ROWS, PEOPLE, ROUNDS, SLOW_SECONDS, FIRST_CLIENT = 1000, 20, 40, 0.5, 3_000_000
SOON_SECONDS, WAIT_SECONDS = 0.25, 1.5  #: as in dossier.js
QUESTION = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<GetPosition xmlns="urn:broker:backoffice:v1"><ClientID>{client}</ClientID></GetPosition></s:Body></s:Envelope>'
)


class Person:
    """Somebody at the card, with a connection that stays open, as a browser's does."""

    def __init__(self, door: Door, name: int, cookie: str, csrf: str) -> None:
        self._door, self._name, self._csrf = door, name, csrf
        self._cookie = {"Cookie": f"annex_session={cookie}"}
        self._connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=60)

    def _got(self, method: str, path: str, **form: str) -> str:
        body, headers = (urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"}) if form else (None, {})
        self._connection.request(method, path, body, {**self._cookie, **headers})
        answer = self._connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text[:500]
        return text

    def opens(self, card: int) -> tuple[float, float]:
        """Seconds until the sub-tab says something, and until its rows are there."""
        base, heard = f"/dossier/contact/{card}/position", threading.Event()
        with self._stream(f"/live?topic=dossier&page=p{self._name}-{card}") as live:
            listens = live.recv(65536).startswith(b"HTTP/1.1 200 ")
            if listens:
                threading.Thread(target=self._listen, args=(live, heard), daemon=True).start()
            began = time.perf_counter()
            self._got("POST", f"{base}/open", csrf=self._csrf)
            said, looks = time.perf_counter() - began, 0
            while not json.loads(self._got("GET", f"{base}/state"))["at"]:
                looks += 1
                heard.wait(WAIT_SECONDS if listens else min(WAIT_SECONDS, SOON_SECONDS * looks))
                heard.clear()
            text = self._got("GET", f"{base}/part")
            took = time.perf_counter() - began
            live.shutdown(socket.SHUT_RDWR)
        assert str(ROWS) in text
        return said, took

    def _stream(self, path: str) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self._door.port), timeout=60)
        opened.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {self._cookie['Cookie']}\r\n\r\n".encode())
        return opened

    @staticmethod
    def _listen(live: socket.socket, heard: threading.Event) -> None:
        with suppress(OSError):
            while piece := live.recv(65536):
                if b"event: changed" in piece:
                    heard.set()


def measured(bench: Bench) -> Table:
    table = Table("Opening a dossier", ("what", "store", "median", "95 %", "aim"))
    for kind, processes in (("sqlite", 1), ("postgresql", 2)):
        with emulated("backoffice", "--fault", "page_rows=5000") as office:
            url, questions = bench.url(kind, "opening"), ROOT / "mappings/broker-bitrix24/set.position.toml"
            with desk(bench, url, office["address"], questions, processes) as doors:
                _one(table, f"{kind}, web processes: {processes}", url, office["address"], doors)
    table.notes += [
        f"{ROWS} securities of a client; {PEOPLE} people at once, {ROUNDS // 2} times, and one alone as often.",
        f"The back office takes {SLOW_SECONDS:g} s, and what a bare request for the same rows takes beside it;",
        "«own share» is what is above that. The people take the processor, too.",
    ]
    return table


def _one(table: Table, where: str, url: str, office: str, doors: Sequence[Door]) -> None:
    session = requests.Session()
    session.trust_env = False
    for client in map(str, range(FIRST_CLIENT, FIRST_CLIENT + ROUNDS)):
        person = {"last_name": "К", "first_name": "К", "birth_date": "1980-01-01", "phone": "+79000000000"}
        session.post(f"{office}/sandbox/client", json={"id": client, **person}).raise_for_status()
        asked = {"client": client, "table": "position_securities", "count": ROWS}
        session.post(f"{office}/sandbox/rows", json=asked).raise_for_status()
    session.post(f"{office}/sandbox/faults", json={"slow_s": SLOW_SECONDS}).raise_for_status()
    cookie, csrf = may_see(url, doors[0].address)
    people = [Person(doors[n % len(doors)], n, cookie, csrf) for n in range(PEOPLE)]
    alone: list[float] = []
    first: list[float] = []
    own: list[float] = []
    with ThreadPoolExecutor(PEOPLE) as pool:
        for card in range(ROUNDS):
            theirs = _bare(session, office, str(FIRST_CLIENT + card))
            if card % 2:
                alone.append(people[card % len(people)].opens(card)[1] - theirs)
                continue
            for said, shown in pool.map(lambda one, card=card: one.opens(card), people):
                first.append(said)
                own.append(shown - theirs)
    asked_for = session.get(f"{office}/sandbox/state").json()["counters"]["requests"]
    assert asked_for == 2 * ROUNDS, "one bare request and one of ours for each client, however many people open it"
    session.close()
    for what, times, aim in (
        ("own share for one alone until the rows are there", alone, "≤ 200 ms"),
        ("the sub-tab says something", first, "≤ 150 ms"), ("own share until the rows are there", own, "≤ 200 ms"),
    ):  # fmt: skip
        table.add(what, where, *(f"{percentile(times, share) * 1000:.0f} ms" for share in (0.5, 0.95)), aim)


def _bare(session: requests.Session, address: str, client: str) -> float:
    began = time.perf_counter()
    headers = {"Content-Type": "text/xml", "SOAPAction": '"urn:broker:backoffice:v1/GetPosition"'}
    session.post(f"{address}/bo/PositionService", data=QUESTION.format(client=client), headers=headers).raise_for_status()
    return time.perf_counter() - began
