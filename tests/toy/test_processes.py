"""Real workers and real kills: a send that cannot be repeated ends in sent once, or uncertain; what came in is kept."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kernel.storage import Database
from kernel.testing import until
from tests.toy.desk import CRMS, SITE, environment
from tests.toy.peer import Peer

PATIENCE_SECONDS = 90.0
CRM_OF = {"sqlite": "planfix", "postgresql": "bitrix24"}


class Workers:
    """A desk's workers as processes, and its database to look into."""

    def __init__(self, folder: Path, crm: str, url: str, peer: Peer) -> None:
        own = {"ANNEX_DATABASE_URL": url, "PYTHONPATH": str(SITE)}
        self._environment = {**os.environ, **environment(crm, folder, peer.environment), **own}
        self._folder, self.database = folder, Database(url)
        self.runtime: list[subprocess.Popen[bytes]] = []

    def start(self, worker_id: str = "one") -> subprocess.Popen[bytes]:
        with (self._folder / "worker.log").open("ab") as output:
            made = subprocess.Popen(
                [sys.executable, "-m", "app", "worker", "--id", worker_id],
                env=self._environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.runtime.append(made)
        return made

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def annex(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "app", *arguments], env=self._environment, capture_output=True, text=True, check=False,
            timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, sql: str) -> list[Any]:
        with self.database.read() as tx:
            return tx.all(sql)

    def states(self) -> dict[str, str]:
        """Of each answer to somebody, by the key it was sent with."""
        found = self.rows("SELECT key, state FROM outgoing WHERE connection = 'toychat/room'")
        return {row["key"]: row["state"] for row in found}

    def wait(self, true: Callable[[], Any], what: str) -> None:
        def condition() -> Any:
            try:
                return true()
            except Exception:  # before the first start there are no tables
                return None

        def seen() -> str:
            log = (self._folder / "worker.log").read_text(encoding="utf-8")[-3000:]
            return f"{self.states()}\n{log}"

        until(condition, what, within=PATIENCE_SECONDS, seen=seen)

    def close(self) -> None:
        for worker in self.runtime:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGCONT)
                self.kill(worker)
        self.database.close()


@contextmanager
def _workers(folder: Path, url: str, peer: Peer) -> Iterator[Workers]:
    made = Workers(folder, CRM_OF["postgresql" if "postgresql" in url else "sqlite"], url, peer)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def workers(tmp_path: Path, database_url: str, other_side: Peer) -> Iterator[Workers]:
    with _workers(tmp_path, database_url, other_side) as made:
        yield made


@pytest.mark.row("PL-05", "PL-07")
def test_killed_between_send_and_answer(workers: Workers, other_side: Peer) -> None:
    """It is sent once and uncertain; after a person's word it counts as arrived, with who said so."""
    other_side.holding.set()
    other_side.write("v1")
    worker = workers.start()
    assert other_side.held.acquire(timeout=PATIENCE_SECONDS), "the send is out, its answer kept back"
    workers.kill(worker)
    other_side.holding.clear()
    other_side.release.set()
    workers.start()
    workers.wait(lambda: workers.states() == {"echo:v1": "uncertain"}, "the call is uncertain")
    other_side.write("v2", who="boris")
    workers.wait(lambda: workers.states().get("echo:v2") == "done", "work goes on")
    assert other_side.sent == {"echo:v1": 1, "echo:v2": 1}
    [row] = json.loads(workers.annex("jobs", "list", "--json"))["failed"]
    assert (row["kind"], row["connection"]) == ("uncertain", "toychat/room")
    workers.annex("jobs", "arrived", row["id"], "--by", "Олена", "--result", "m1")
    assert workers.states() == {"echo:v1": "done", "echo:v2": "done"}
    shown = json.loads(workers.annex("jobs", "show", row["id"]))
    assert [(made["who"], made["decision"]) for made in shown["decisions"]] == [("Олена", "arrived")]
    came_through = {row["of_message"]: row["result"] for row in workers.rows("SELECT * FROM toyecho_sent")}
    assert came_through == {"v1": "m1", "v2": "m2"}
    assert other_side.sent == {"echo:v1": 1, "echo:v2": 1}


@pytest.mark.row("PL-05", "PL-07")
def test_frozen_and_replaced_while_its_answer_is_on_the_way(workers: Workers, other_side: Peer) -> None:
    """Whoever takes over does not send again; the first one's answer, when it wakes, is the proof that was missing."""
    other_side.holding.set()
    other_side.write("v1")
    frozen = workers.start()
    assert other_side.held.acquire(timeout=PATIENCE_SECONDS)
    os.killpg(frozen.pid, signal.SIGSTOP)
    other_side.holding.clear()
    workers.start()  # its supervisor takes it for dead
    workers.wait(lambda: workers.states() == {"echo:v1": "uncertain"}, "the call is uncertain")
    other_side.release.set()
    os.killpg(frozen.pid, signal.SIGCONT)
    workers.wait(lambda: workers.states() == {"echo:v1": "done"}, "the late answer decides")
    assert other_side.sent == {"echo:v1": 1}
    assert [row["result"] for row in workers.rows("SELECT * FROM toyecho_sent")] == ["m1"]


@pytest.mark.row("PL-02", "PL-05", "PL-07")
def test_killed_at_random_moments(workers: Workers, other_side: Peer) -> None:
    """Everything that was confirmed to the vendor is kept and answered, nothing twice, nothing silently lost."""
    chance = random.Random(20261129)
    worker, names = workers.start(), [f"v{n}" for n in range(12)]
    workers.wait(lambda: other_side.hellos, "it listens")
    for name in names:
        other_side.write(name, who=chance.choice(("anna", "boris", "clara")))
        if name in ("v3", "v6", "v9"):
            time.sleep(chance.random() * 0.3)
            workers.kill(worker)
            worker = workers.start()
        time.sleep(chance.random() * 0.1)
    ended = ("done", "uncertain")
    workers.wait(lambda: not other_side.waiting and len(workers.states()) == len(names), "all is told and answered")
    workers.wait(lambda: all(state in ended for state in workers.states().values()), "every answer has ended")
    for name in names:
        state, times = workers.states()[f"echo:{name}"], other_side.sent[f"echo:{name}"]
        assert times == 1 if state == "done" else times <= 1, f"{name}: {state}, sent {times} times"
    kept = workers.rows("SELECT vendor_id, COUNT(*) AS n FROM incoming_message GROUP BY vendor_id")
    assert {row["vendor_id"]: row["n"] for row in kept} == dict.fromkeys(names, 1)


@pytest.mark.row("PL-07")
def test_one_of_two_workers_listens_and_the_other_follows(workers: Workers, other_side: Peer) -> None:
    """After a loss of the socket it connects again and catches up; a graceful stop hands over at once."""
    first = workers.start("one")
    workers.wait(lambda: other_side.hellos == 1, "one listens")
    second = workers.start("two")
    other_side.write("v1")
    workers.wait(lambda: workers.states() == {"echo:v1": "done"}, "it is answered")
    other_side.missed.append({"id": "v2", "from": "anna", "text": "while you were away"})
    other_side.cut()
    workers.wait(lambda: workers.states().get("echo:v2") == "done", "what was missed is caught up")
    assert other_side.hellos == 2, "the same one, once more"
    owner = workers.rows("SELECT owner FROM listener")[0]["owner"].partition(":")[0]
    leaving, staying = (first, "two") if owner == "one" else (second, "one")
    leaving.send_signal(signal.SIGTERM)
    leaving.wait(PATIENCE_SECONDS)
    workers.wait(lambda: other_side.hellos == 3, "the other follows")
    other_side.write("v3")
    workers.wait(lambda: workers.states().get("echo:v3") == "done", "and answers")
    assert workers.rows("SELECT owner FROM listener")[0]["owner"].partition(":")[0] == staying
    assert other_side.sent == {"echo:v1": 1, "echo:v2": 1, "echo:v3": 1}


assert set(CRM_OF.values()) == set(CRMS)
