"""Taking deliveries in while the back office hangs and people open dossiers, on two web processes: beside the same without.

The set is the shipped exchange desk with a back office of the tests beside it. The back office takes each question and
answers none; on each process more sub-tabs are opened than it has threads of its own for them, and opened again and again.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests

from kernel.clock import SystemClock, TimeIds
from kernel.crm import Person
from kernel.storage import Database
from kernel.values import to_micros
from kernel.web import Links
from plugins.dossier import store_cards
from tests.bench.common import ROOT, Bench, Table, free_port, percentile, running, wait_for
from tests.bench.intake import KEY, Door

SECRET, OWNER, PORTAL = "a-secret-of-this-bench", "user:1", "planfix/main"
CARDS, REQUESTS, ROUNDS, CONNECTIONS = 40, 400, 5, 4
AIM_MS = 50


@contextmanager
def emulated(name: str, *options: str) -> Iterator[Any]:
    """The first line of an emulated system's output."""
    command = [sys.executable, "-m", f"sandbox.{name}", "--port", "0", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def mapping_set(folder: Path, questions: Path) -> Path:
    """The exchange desk with a back office that is asked what that file says; a desk has no lists in its portal."""
    shutil.copytree(ROOT / "mappings" / "exchange-desk-planfix", folder)
    text = re.sub(r'^list = .*\n|, field = "\w+"', "", questions.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (folder / questions.name).write_text(text.replace(', "company"]', "]"), encoding="utf-8")
    with (folder / "portal.toml").open("a", encoding="utf-8") as file:
        file.write('\n[connection.dealer]\nconnector = "backoffice"\n[plugin.dossier]\nsource = "dealer"\n')
    with (folder / "contact.toml").open("a", encoding="utf-8") as file:
        file.write('\n[field.client_id]\nlabel = "ClientID"\nrequired = false\n')
    return folder


def may_see(url: str, address: str) -> tuple[str, str]:
    """A session of the owner, to whom the CRM has shown all the cards; its cookie and the token for its forms."""
    database, clock = Database(url), SystemClock()
    now = to_micros(clock.now())
    with database.write() as tx:
        shown = [(PORTAL, OWNER, "contact", str(n), now + 3_600_000_000) for n in range(CARDS)]
        tx.insert("web_record_shown (portal, person, entity, record, until)", shown)
        for n in range(CARDS):
            card = store_cards.Card("contact", str(n), "contact", str(n), str(3_000_000 + n), now + 3_600_000_000)
            store_cards.keep_card(tx, PORTAL, card)
    links = Links(database, clock, TimeIds(clock), SECRET.encode(), address)
    cookie = links.open_session(Person(OWNER, "Олег Власник", "staff"))
    database.close()
    return cookie, links.csrf(cookie)


class Openers:
    """People who open sub-tabs, one after the other, until the end of the block; how many answers they got, how slow."""

    def __init__(self, addresses: Sequence[str], cookie: str, csrf: str) -> None:
        self._addresses, self._cookie, self._csrf, self._over = addresses, cookie, csrf, threading.Event()
        self.took: list[float] = []
        self._threads = [threading.Thread(target=self._run, args=(address,)) for address in addresses]

    def __enter__(self) -> Openers:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in self._threads:
            one.join()

    def _run(self, address: str) -> None:
        session = requests.Session()
        session.trust_env = False
        number = 0
        while not self._over.wait(0.02):
            number += 1
            began = time.perf_counter()
            answer = session.post(
                f"{address}/dossier/contact/{number % CARDS}/portfel/open", data={"csrf": self._csrf, "anew": "1"},
                cookies={"annex_session": self._cookie}, timeout=60,
            )  # fmt: skip
            assert answer.status_code == 200, answer.text[:500]
            self.took.append(time.perf_counter() - began)


@contextmanager
def desk(bench: Bench, url: str, office: str, questions: Path, processes: int) -> Iterator[list[Door]]:
    """So many web processes of the exchange desk beside a back office, over one database."""
    bench.migrated(url)
    folder = mapping_set(bench.folder / f"desk-{questions.stem}-{processes}", questions)
    ports = [free_port() for _ in range(processes)]
    with ExitStack() as stack:
        crm = stack.enter_context(emulated("planfix"))
        settings = {
            "ANNEX_HOME": str(bench.folder), "ANNEX_DATABASE_URL": url, "ANNEX_PUBLIC_URL": f"http://127.0.0.1:{ports[0]}",
            "ANNEX_SECRET": SECRET, "ANNEX_SET": str(folder), "PLANFIX_URL": crm["base"], "PLANFIX_TOKEN": crm["token"],
            "PLANFIX_HOOK_SECRET": KEY, "BACKOFFICE_DEALER_PLAIN_HTTP": "yes",
            "BACKOFFICE_DEALER_URL": office.replace("127.0.0.1", "localhost"),
        }  # fmt: skip
        doors = []
        for port in ports:
            serve = ("app", "serve", "--host", "127.0.0.1", "--port", str(port))
            process = stack.enter_context(running(bench.folder / f"{port}.log", *serve, **settings))
            doors.append(Door(port, "/hooks/planfix/main", process.pid))
        for door in doors:
            wait_for(f"{door.address}/healthz")
        yield doors


def measured(bench: Bench) -> Table:
    table = Table("Intake while the back office hangs", ("what", "median", "99 %", "ratio", "aim"))
    url, questions = bench.url("postgresql", "hanging"), ROOT / "tests/second_broker/dealer/set.portfel.toml"
    with emulated("backoffice", "--fault", "hang=on") as office, desk(bench, url, office["address"], questions, 2) as doors:
        addresses = [door.address for door in doors]
        cookie, csrf = may_see(url, addresses[0])
        calm, hung, opened = _rounds(doors, addresses, cookie, csrf)
        asked = requests.get(f"{office['address']}/sandbox/state", timeout=60).json()["counters"].get("requests", 0)
    lines = (
        ("taking a delivery in, nobody asks", calm, ""),
        ("the same while questions hang", hung, f"≤ {AIM_MS} ms"),
        ("opening a sub-tab meanwhile", opened, "≤ 150 ms"),
    )
    for what, times, aim in lines:
        half, most = (percentile(times, share) for share in (0.5, 0.99))
        table.add(what, f"{half * 1000:.1f} ms", f"{most * 1000:.1f} ms", f"{most / percentile(calm, 0.99):.2f}", aim)
    table.notes += [
        f"Two web processes on PostgreSQL, {CONNECTIONS} connections to one of them, {REQUESTS * ROUNDS} deliveries a line;",
        f"{CARDS} clients' sub-tabs are opened on both again and again; of {asked} questions none was answered. The ratio",
        "is that of the 99 % to those without questions. The openings take the processor, too: they are in the ratio.",
    ]
    return table


def _rounds(
    doors: Sequence[Door], addresses: Sequence[str], cookie: str, csrf: str
) -> tuple[list[float], list[float], list[float]]:
    """Seconds of each delivery without and with questions that hang, in turns; and of each opening."""
    calm: list[float] = []
    hung: list[float] = []
    opened: list[float] = []
    for door in doors:
        door.load(REQUESTS, CONNECTIONS)
    for turn in range(ROUNDS):
        door = doors[turn % len(doors)]
        calm += door.load(REQUESTS, CONNECTIONS)["took"]
        with Openers(addresses, cookie, csrf) as people:
            time.sleep(1)  # the questions hang by then
            hung += door.load(REQUESTS, CONNECTIONS)["took"]
        opened += people.took
    return calm, hung, opened
