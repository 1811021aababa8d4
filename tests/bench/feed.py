"""A feed of many rows out of the database, beside a bare `lxml.etree.xmlfile` that writes the same rows out of memory.

Both write the same elements, piece by piece, to nowhere, in a process of their own. Ours reads the rows in batches, each in
a transaction of its own, numbers what is new before, and makes the cursor; the bare one knows no database at all.
"""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lxml import etree

from kernel.clock import SystemClock, TimeIds
from kernel.mapping import load_set
from kernel.storage import Database
from kernel.values import zone_named
from plugins.feeds import xml
from plugins.feeds.pages import zipped
from plugins.feeds.reading import begin
from tests.bench.common import ROOT, Bench, Table, in_turns, ratio

ROWS, FEW, ROUNDS = 100_000, 1000, 5
SET = ROOT / "mappings" / "broker-bitrix24"
MOMENT = 1_795_300_000_000_000
AT = "2026-11-21T12:00:00+03:00"


def body(n: int) -> dict[str, str]:
    return {
        "clientId": str(1_000_000 + n), "kind": "person", "status": "active", "name": f"Иванова Анна {n}",
        "phone": f"+7916{n:07d}", "email": f"client{n}@example.ru", "manager": "Ирина Белова", "created": AT,
    }  # fmt: skip


def kept(n: int) -> str:
    """As the plugin keeps it."""
    return json.dumps(body(n), ensure_ascii=False, sort_keys=True)


def write(database: Database, rows: int) -> None:
    with database.write() as tx:
        tx.run("INSERT INTO feeds_head VALUES ('clients', 'x', 0, 0)")
        tx.insert(
            "feeds_entry (feed, id, entity, record_id, at, body)",
            [("clients", str(n), "contact", str(n), MOMENT + n * 1_000_000, kept(n)) for n in range(rows)],
        )  # fmt: skip


def ours(url: str, rows: int, *, pack: bool = False) -> Callable[[], int]:
    database, mapping = Database(url), load_set(SET)
    portal: Any = SimpleNamespace(database=database, mapping=mapping, ids=TimeIds(SystemClock()))
    zone = zone_named("Europe/Moscow")

    def run() -> int:
        reading = begin(portal, mapping.feeds["clients"], personal=True, since="", limit="")
        pieces = xml.document(reading.feed, AT, reading.batches(), reading.ending, zone, personal=True)
        return sum(map(len, zipped(pieces) if pack else pieces))

    return run


class Sink:
    """Takes what lxml writes, until it is fetched."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> None:
        self._parts.append(part)

    def fetch(self) -> bytes:
        found = b"".join(self._parts)
        self._parts.clear()
        return found


def bare(_url: str, rows: int) -> Callable[[], int]:
    memory = [(str(n), str(n + 1), body(n)) for n in range(rows)]

    def pieces() -> Iterator[bytes]:
        sink = Sink()
        with etree.xmlfile(sink, encoding="utf-8") as file:
            file.write_declaration()
            with file.element("feed", {"xmlns": xml.NAMESPACE, "name": "clients", "at": AT}):
                for place, (number, seq, texts) in enumerate(memory, 1):
                    made = etree.Element("client", {"id": number, "seq": seq, "at": AT})
                    for name, text in texts.items():
                        etree.SubElement(made, name).text = text
                    file.write(made)
                    if place % 1000 == 0:
                        file.flush()
                        yield sink.fetch()
        yield sink.fetch()

    return lambda: sum(map(len, pieces()))


KINDS: dict[str, Callable[[str, int], Callable[[], int]]] = {
    "ours": ours,
    "packed": lambda url, rows: ours(url, rows, pack=True),
    "bare": bare,
}


def run(name: str, url: str, rows: int) -> tuple[float, float]:
    """Seconds, and megabytes above what the process had before."""
    command = [sys.executable, "-m", "tests.bench.feed", name, url, str(rows)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    took, grown = json.loads(done.stdout.splitlines()[-1])
    return float(took), float(grown)


def seconds(name: str, url: str) -> float:
    return run(name, url, ROWS)[0]


def measured(bench: Bench) -> Table:
    table = Table("A feed of 100,000 rows", ("what", "value", "aim"))
    for kind in ("sqlite", "postgresql"):
        urls: dict[int, str] = {}
        for rows in (FEW, ROWS):
            database = bench.database(kind, f"feed{rows}")
            write(database, rows)
            database.close()
            urls[rows] = database.url
            run("ours", urls[rows], rows)  # numbers them
        times = in_turns({name: partial(seconds, name, urls[ROWS]) for name in KINDS}, ROUNDS)
        for name, aim, what in (("ours", "≥ 0.5", ""), ("packed", "≥ 0.3", ", with gzip")):
            value = ratio(times["bare"], times[name])
            table.add(f"{kind}: rows/s to the bare xmlfile over rows in memory{what}", f"{value:.2f}", aim)
        more = run("ours", urls[ROWS], ROWS)[1] - run("ours", urls[FEW], FEW)[1]
        table.add(f"{kind}: memory for {ROWS} rows above that for {FEW}", f"{more:.0f} MB", "≤ 32 MB")
    table.notes.append(
        "Both write eight elements a row, in pieces of a thousand rows, to nowhere. Ours reads them from the database; the "
        "bare one has them in memory. The way over HTTP is in neither."
    )
    return table


def main() -> None:
    name, url, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
    work = KINDS[name](url, rows)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: what was there before is not counted
    before, began = _kilobytes("VmRSS"), time.perf_counter()
    assert work() > rows
    took = time.perf_counter() - began
    print(json.dumps([took, (_kilobytes("VmHWM") - before) / 1024]))


def _kilobytes(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main()
