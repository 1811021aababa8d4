"""A thousand messages to fifty groups by four workers: how near that comes to what Telegram allows, and what it costs."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from app.bootstrap import Annex, build
from app.cli.demo.processes import Processes
from app.cli.demo.stages import Planfix
from connectors.telegram.limits import GROUP, WHOLE_BOT
from kernel.conversations import Outgoing, timeline
from kernel.storage import Database
from tests.bench.common import Bench, Table, free_port
from tests.bench.effect import SPEEDUP
from tests.bench.idle import TICKS, _family, _ticks

MESSAGES, GROUPS, WORKERS = 1_000, 50, 4
TOKEN, BOT, CONNECTION = "7000000001:bench", "7000000001", "telegram/partners"
WITHIN_SECONDS = 600


def measured(bench: Bench) -> Table:
    table = Table(
        f"{MESSAGES:,} messages to {GROUPS} groups, {WORKERS} workers",
        (
            "store",
            "least the limits allow",
            "took",
            "ratio",
            "aim",
            "429",
            "CPU a message: ours",
            "database",
            "machine busy",
        ),
    )
    _one(bench, table, "postgresql")
    table.notes += [
        "Telegram's limits are 30 a second in all, and 20 a minute and one a second into a group; an emulated Telegram",
        "keeps them with its real clock. «CPU a message» in milliseconds of one core: the workers', the database server's.",
        "Measured from the commit that has all of them wait to when the last one is known to have arrived.",
        "«Machine busy»: the share of both cores that was busy meanwhile, with whatever else the machine does.",
    ]
    return table


def least_seconds() -> float:
    """The pace of the whole bot, or what one group takes, whichever is longer."""
    in_all = MESSAGES / WHOLE_BOT.per_second
    each, minute = math.ceil(MESSAGES / GROUPS), GROUP[-1]
    return max(in_all, each - 1.0, (math.ceil(each / minute.count) - 1) * minute.seconds)


def _one(bench: Bench, table: Table, kind: str) -> None:
    home, url, port = bench.folder / f"chats-{kind}", bench.url(kind, "chats"), free_port()
    home.mkdir()
    settings = {
        "ANNEX_HOME": str(home), "ANNEX_DATABASE_URL": url, "ANNEX_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ANNEX_SET": "exchange-desk-planfix", "ANNEX_SECRET": "bench" * 8,
    }  # fmt: skip
    postgres = int((bench.folder.parent / "postgres" / "postmaster.pid").read_text().split()[0])
    systems, workers = Processes(home, settings), Processes(home, settings)
    try:
        Planfix(SPEEDUP).start(systems, settings["ANNEX_PUBLIC_URL"], 0, "exchange")
        first = systems.start(
            "telegram", "sandbox.telegram", "--port", str(free_port()), "--token", TOKEN, answer=True
        )  # fmt: skip
        planfix = {name: value for name, value in systems._environment.items() if name.startswith("PLANFIX_")}
        settings |= planfix | {
            "TELEGRAM_PARTNERS_TOKEN": TOKEN, "TELEGRAM_PARTNERS_HOOK_SECRET": "bench-hook-secret-of-this-machine",
            "TELEGRAM_PARTNERS_URL": str(first["base"]).removesuffix("/bot"), "TELEGRAM_PARTNERS_MODE": "webhook",
        }  # fmt: skip
        workers.set(**settings)
        annex = build({**os.environ, **settings})
        annex.migrate(jobs=True)
        groups = [_group(str(first["address"]), number) for number in range(GROUPS)]
        for number in range(WORKERS):
            workers.start(f"worker{number}", "app", "worker", "--id", f"worker{number}")
        _warm(annex, [_group(str(first["address"]), GROUPS + number) for number in range(3 * WORKERS)])
        flooded, busy, spent = _flooded(first), _busy(), _spent(workers, postgres)
        _write(annex, groups, MESSAGES // GROUPS, "тисяча")
        began = time.perf_counter()
        _sent(annex.database)
        took = time.perf_counter() - began
        ours, theirs = (after - before for after, before in zip(_spent(workers, postgres), spent, strict=True))
        worked = [after - before for after, before in zip(_busy(), busy, strict=True)]
        table.add(
            kind, f"{least_seconds():.1f} s", f"{took:.1f} s", f"{took / least_seconds():.2f}", "≤ 1.1",
            _flooded(first) - flooded, f"{ours / MESSAGES * 1000:.1f} ms", f"{theirs / MESSAGES * 1000:.1f} ms",
            f"{100 * (1 - worked[1] / worked[0]):.0f} %",
        )  # fmt: skip
        annex.database.close()
    finally:
        workers.stop_all()
        systems.stop_all()


def _group(address: str, number: int) -> str:
    body = {"title": f"Група {number}", "kind": "supergroup", "members": ["iryna_desk"], "bots": ["partner_desk_bot"],
            "admin": True}  # fmt: skip
    answer = requests.post(f"{address.rstrip('/')}/sandbox/group", json=body, timeout=60)
    answer.raise_for_status()
    return str(answer.json()["chat"])


def _write(annex: Annex, groups: list[str], each: int, text: str) -> None:
    """As many messages into each group, in turns; all of them wait from one moment on."""
    portal = annex.runtime.portal
    with portal.unit() as unit:
        threads = [
            timeline.open_thread(
                unit.tx, CONNECTION, BOT, group, clock=portal.clock, ids=portal.ids, room="supergroup"
            )
            for group in groups
        ]  # fmt: skip
        for number in range(each):
            for thread in threads:
                message = Outgoing(thread.address, f"{text} {number}", account=BOT)
                unit.write_to(thread, message, key=f"{text}:{thread.id}:{number}")


def _warm(annex: Annex, groups: list[str]) -> None:
    """Messages to groups apart from the fifty, so that every worker is up and has sent something."""
    for number in range(2):
        _write(annex, groups, 1, f"перед тим {number}")
        _sent(annex.database)


def _sent(database: Database) -> None:
    until = time.monotonic() + WITHIN_SECONDS
    while True:
        with database.read() as tx:
            rows = tx.all("SELECT state, COUNT(*) AS n FROM outgoing WHERE verb = 'send' GROUP BY state")
        found = {row["state"]: row["n"] for row in rows}
        if set(found) == {"done"}:
            return
        if time.monotonic() > until or set(found) & {"failed", "uncertain", "dropped"}:
            raise RuntimeError(f"not all of them arrived: {found}")
        time.sleep(0.2)


def _flooded(first: Mapping[str, Any]) -> int:
    state = requests.get(f"{str(first['address']).rstrip('/')}/sandbox/state", timeout=60).json()
    return int(state["counters"].get("flooded", 0))


def _spent(workers: Processes, postgres: int) -> tuple[float, float]:
    """CPU seconds of the workers and of the database server up to now."""
    ours = [pid for process in workers._running.values() for pid in _family(process.pid)]
    theirs = _family(postgres)
    return sum(map(_ticks, ours)) / TICKS, sum(map(_ticks, theirs)) / TICKS


def _busy() -> tuple[float, float]:
    """Ticks of all cores, and those of them in which they were idle."""
    fields = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return float(sum(fields[:8])), float(fields[3] + fields[4])
