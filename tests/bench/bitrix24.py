"""Our Bitrix24 client beside the two that are commonly used, against the emulated portal, in one run.

`python -m tests.bench.bitrix24`. Each client gets a portal of its own with the same records, each task an empty bucket. What
counts is how many requests a job takes, how long the portal's bucket makes it wait compared with what cannot be avoided,
how often the portal had to refuse, and what is there twice afterwards. Seconds are the portal's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests
import trustme

from kernel.clock import SystemClock
from kernel.storage import Database, MigrationSet, migrate
from tests.bench.bitrix24_clients import CLIENTS, DEAL, KEY, parts
from tests.bench.common import Bench, Table

ROOT = Path(__file__).resolve().parents[2]
# Real time: a portal that runs faster than the machines it is asked from would show their slowness, not the libraries'.
SPEEDUP = 1.0
LATENCY_SECONDS = 0.1
DEALS, WITH_CONTACTS, CHANGED, CREATED, AT_ONCE, EACH = 10_000, 2_000, 5_000, 1_000, 4, 2_000
BUCKET, DRAINED = 50, 2.0
HEAD = ("what", "client", "requests", "least", "seconds", "in theory", "refused", "twice", "missing", "in doubt")
Row = tuple[str, ...]


@dataclass(frozen=True)
class Task:
    name: str
    title: str
    least: int  #: requests, if nothing goes wrong
    workers: int = 1

    @property
    def theory(self) -> float:
        """Seconds that no client can avoid: what does not fit into the bucket waits for it to drain."""
        return max(self.least - BUCKET, 0) / DRAINED


TASKS = (
    Task("read", f"reading {DEALS:,} deals", DEALS // 2500),
    Task("contacts", f"contacts of {WITH_CONTACTS:,} deals", 1),
    Task("update", f"changing {CHANGED:,} deals", CHANGED // 50),
    Task("create", f"adding {CREATED:,}, every fifth answer cut", CREATED // 50),
    Task("four", f"four processes at once, {EACH:,} changes each", AT_ONCE * EACH // 50, AT_ONCE),
)


class Portal:
    """The emulated portal in a process of its own."""

    def __init__(self, about: dict[str, Any], ca: str) -> None:
        self.about, self.ids, self.people = about, list[int](), list[int]()
        self._session = requests.Session()
        self._session.verify = ca
        self._session.trust_env = False

    def act(self, path: str, **data: Any) -> Any:
        answer = self._session.post(f"{self.about['address']}/sandbox/{path}", json=data, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def staff(self, method: str, **params: Any) -> Any:
        """As a person in the portal's own pages: no limits, no faults."""
        return self.act("as-user", user="1", method=method, params=params)["result"]

    def counters(self) -> dict[str, Any]:
        found: dict[str, Any] = self._session.get(f"{self.about['address']}/sandbox/state", timeout=60).json()["counters"]
        return found

    def fill(self) -> None:
        self.staff("crm.deal.userfield.add", fields={"FIELD_NAME": "ANNEX_KEY", "USER_TYPE_ID": "string"})
        self.people = [self.staff("crm.item.add", entityTypeId=3, fields={"name": word})["item"]["id"] for word in "ab"]
        for some in parts(list(range(DEALS))):
            contacts = "".join(f"&fields[contactIds][]={one}" for one in self.people) if some[0] < WITH_CONTACTS else ""
            cmd = {f"c{n}": f"crm.item.add?entityTypeId={DEAL}&fields[title]=d{n}{contacts}" for n in some}
            made = self.staff("batch", cmd=cmd)["result"]
            self.ids += [made[f"c{n}"]["item"]["id"] for n in some]
        self.act("faults", plan="standard", latency=LATENCY_SECONDS)

    def keys(self) -> list[str]:
        """Our keys in all deals made since, as they stand there."""
        params = {"entityTypeId": DEAL, "filter": {">id": max(self.ids)}, "select": ["id", KEY], "useOriginalUfNames": "Y"}
        found: list[str] = []
        while True:
            rows = self.staff("crm.item.list", **params, start=len(found))["items"]
            found += [str(row[KEY]) for row in rows]
            if len(rows) < 50:
                return found


@contextmanager
def portal(client: str, folder: Path) -> Iterator[Portal]:
    """With https for the one client that knows nothing else."""
    command = [sys.executable, "-c", "import sys; from sandbox.bitrix24 import main; sys.exit(main(sys.argv[1:]))"]
    command += ["--port", "0", "--speedup", str(SPEEDUP)]
    if client == "b24pysdk":
        command += ["--tls", str(folder / "cert.pem"), str(folder / "key.pem")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        made = Portal(json.loads(process.stdout.readline()), str(folder / "ca.pem"))
        made.fill()
        yield made
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def certificates(folder: Path) -> None:
    ca = trustme.CA()
    ours = ca.issue_cert("localhost", "127.0.0.1")
    ours.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in ours.cert_chain_pems))
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))


def orders(task: Task, client: str, made: Portal, folder: Path) -> list[dict[str, Any]]:
    """One for each process."""
    url = f"sqlite:///{folder / f'{client}-{task.name}.db'}"
    database = Database(url)
    migrate(database, [MigrationSet("kernel.http", ROOT / "kernel" / "http" / "migrations")], SystemClock())
    database.close()
    common = {
        "client": client, "task": task.name, "address": made.about["address"], "speedup": SPEEDUP, "began": time.time(),
        "webhook": "/".join(made.about["base"].rstrip("/").split("/")[-2:]), "database": url,
        "title": f"changed: {task.name}",
    }  # fmt: skip
    if task.name == "create":
        return [{**common, "count": CREATED}]
    if task.name == "four":
        return [{**common, "ids": made.ids[EACH * n : EACH * (n + 1)]} for n in range(AT_ONCE)]
    ids = {"contacts": made.ids[:WITH_CONTACTS], "update": made.ids[:CHANGED]}
    return [{**common, "ids": ids.get(task.name, [])}]


def worked(given: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Start the workers, let them go together, and hear what came of it."""
    environment = {**os.environ, "REQUESTS_CA_BUNDLE": str(folder / "ca.pem"), "PYTHONWARNINGS": "ignore"}
    running = []
    for n, order in enumerate(given):
        path = folder / f"{order['client']}-{order['task']}-{n}.json"
        path.write_text(json.dumps(order), encoding="utf-8")
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.bench.bitrix24_clients", str(path)], cwd=ROOT, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )
        )  # fmt: skip
    for process in running:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    messages = []
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        out, _ = process.communicate(timeout=170)
        messages.append(json.loads(out))
    return messages


def judged(task: Task, made: Portal, messages: list[dict[str, Any]]) -> tuple[int, int]:
    """What is there twice, and what is missing, as the portal itself shows it."""
    if task.name == "read":
        got = messages[0].get("ids", [])
        return len(got) - len(set(got)), len(set(made.ids) - set(got))
    if task.name == "contacts":
        found = {int(number): sorted(map(int, ids)) for number, ids in messages[0].get("contacts", {}).items()}
        return 0, sum(found.get(number) != sorted(made.people) for number in made.ids[:WITH_CONTACTS])
    if task.name == "create":
        keys = made.keys()
        return len(keys) - len(set(keys)), CREATED - len(set(keys))
    wanted = made.ids[: CHANGED if task.name == "update" else AT_ONCE * EACH]
    filtered = {"entityTypeId": DEAL, "filter": {"=title": f"changed: {task.name}", "<=id": max(wanted)}}
    answer = made.act("as-user", user="1", method="crm.item.list", params=filtered)
    return 0, len(wanted) - int(answer["total"])


def measured_one(task: Task, client: str, made: Portal, folder: Path) -> Row:
    made.act("advance", seconds=3600)  # the bucket runs empty
    made.act("faults", cut_every=5 if task.name == "create" else 0)
    before = made.counters()
    messages = worked(orders(task, client, made, folder), folder)
    after = made.counters()
    made.act("faults", cut_every=0)
    seconds = (max(one["ended"] for one in messages) - min(one["began"] for one in messages)) * SPEEDUP
    twice, missing = judged(task, made, messages)
    doubt = sum(one.get("unknown", 0) for one in messages)
    theory = f"{task.theory:.0f}" + (f" (×{seconds / task.theory:.2f})" if task.theory else "")
    counts = (after["requests"] - before["requests"], task.least)
    ends = (after["refused"] - before["refused"], twice, missing, doubt)
    return (task.title, client, *map(str, counts), f"{seconds:.0f}", theory, *map(str, ends))


def measured(_bench: Bench) -> Table:
    table = Table("Bitrix24 clients", HEAD, every_task())
    table.notes += [
        "Each client against an emulated portal of its own on the usual plan (50 requests at once, 2 a second), with",
        f"{LATENCY_SECONDS} s to each answer, each library as it comes. Theory 0: the job fits into the bucket.",
        "`in doubt`: the client says it does not know; `twice` and `missing` are counted in the portal afterwards.",
    ]
    return table


def every_task() -> list[Row]:
    """Short tasks one after the other; those that mostly wait for the bucket for all clients at once."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as open_ones, ThreadPoolExecutor(len(CLIENTS)) as pool:
        folder = Path(name)
        certificates(folder)
        made = {client: open_ones.enter_context(portal(client, folder)) for client in CLIENTS}
        for task in TASKS:
            run = partial(_row, task, made, folder)
            rows += pool.map(run, CLIENTS) if task.theory else map(run, CLIENTS)
            for row in rows[-len(CLIENTS) :]:
                print(*row, sep="  ", flush=True)
    return rows


def _row(task: Task, made: dict[str, Portal], folder: Path, client: str) -> Row:
    return measured_one(task, client, made[client], folder)


if __name__ == "__main__":
    every_task()
