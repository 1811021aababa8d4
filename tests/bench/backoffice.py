"""A long answer of a back office into checked rows, beside a bare lxml `iterparse` loop that reads the same cells.

The bare loop is what one would write for a single document: no check of a cell, a document type, depth or memory, and no row
that could be used afterwards but a tuple. Both run in a process of their own, so memory is that of one of them.
"""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from tests.bench.common import ROOT, Bench, Table, in_turns, ratio

ROWS, ROWS_OF_MEMORY, ROWS_OF_OTHERS, ROUNDS = 100_000, 400_000, 10_000, 7
NAMESPACE = "{urn:broker:backoffice:v1}"
SET = ROOT / "mappings" / "broker-bitrix24"
HEAD = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
PAGE = "<Page><ClientID>1000417</ClientID><AsOf>2026-11-21T10:00:00+03:00</AsOf></Page>"


def write(path: Path, rows: int) -> None:
    """Positions of one client; no two figures are the same."""
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{HEAD}<GetPositionResponse xmlns="urn:broker:backoffice:v1">{PAGE}')
        file.write('<Account contract="B-2026/0417" market="MOEX_STOCK">')
        for n in range(rows):
            file.write(
                f"<Security><ISIN>RU{n:010d}</ISIN><SecCode>S{n}</SecCode><ClassCode>TQBR</ClassCode>"
                f"<Quantity>{n}.5</Quantity><Blocked>{n % 7}</Blocked><Price>{n % 1000}.{n:06d}</Price>"
                f"<MarketValue>{n}.{n % 100:02d}</MarketValue><Currency>RUB</Currency></Security>"
            )
        file.write("</Account></GetPositionResponse></s:Body></s:Envelope>")


def ours(path: Path, keep: bool) -> int:
    from connectors.backoffice.reading import PageReader, TableReader

    declared = _declared()
    [(service, names)] = declared.services(("securities",))
    reader = PageReader(service, [(name, declared.table[name]) for name in names])
    table: TableReader = reader.tables[0]
    if not keep:  # as if they went on to somebody else at once
        table.cells, table.keys, table._seen = _Counting(), _Counting(), _Forgetting()
    with path.open("rb") as file:
        page = reader.read(file)
    assert page.client_id == "1000417" and table.bad_cells == 0
    return len(table.rows) if keep else len(table.cells)


@cache
def _declared() -> Any:
    """The set is loaded once in a process."""
    from kernel.mapping import load_set

    return load_set(SET).sets["position"]


class _Counting(list):  # type: ignore[type-arg]
    """Counts what it is given, and keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def append(self, row: Any) -> None:
        self.count += 1

    def __len__(self) -> int:
        return self.count


class _Forgetting(dict):  # type: ignore[type-arg]
    def __setitem__(self, key: Any, value: Any) -> None:
        pass


def bare(path: Path, keep: bool) -> int:
    tags = [NAMESPACE + one for one in ("ISIN", "SecCode", "ClassCode", "Currency")]
    figures = [NAMESPACE + one for one in ("Quantity", "Blocked", "Price", "MarketValue")]
    rows, count = [], 0
    with path.open("rb") as file:
        for _, element in etree.iterparse(file, tag=NAMESPACE + "Security"):
            cells = {child.tag: child.text for child in element}
            parent = element.getparent()
            row = (
                parent.get("contract"), parent.get("market"), *(cells.get(tag) for tag in tags),
                *(Decimal(cells[tag]) if cells.get(tag) else None for tag in figures),
            )  # fmt: skip
            count += 1
            if keep:
                rows.append(row)
            element.clear()
            while element.getprevious() is not None:
                del parent[0]
    return count


def zeep(path: Path, keep: bool) -> int:
    """As its caller gets it: a tree of objects with decimals, made by the WSDL that is shipped with the set."""
    from zeep import Client, Settings

    client = Client(str(SET / "backoffice.wsdl"), settings=Settings(forbid_dtd=True, forbid_entities=True))
    operation = client.bind("PositionService", "Position")._binding._operations["GetPosition"]
    began = time.perf_counter()
    answer = operation.process_reply(etree.fromstring(path.read_bytes()))
    found = [row for account in answer["Account"] for row in account["Security"]]
    _took.append(time.perf_counter() - began)  # making the client is done once in a process
    return len(found)


_took: list[float] = []
READERS: dict[str, Callable[[Path, bool], int]] = {"ours": ours, "bare": bare, "zeep": zeep}


def run(name: str, path: Path, rows: int, keep: bool) -> tuple[float, float]:
    """Seconds, and megabytes above what the process had before."""
    command = [sys.executable, "-m", "tests.bench.backoffice", name, str(path), str(rows), str(int(keep))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    took, grown = json.loads(done.stdout.splitlines()[-1])
    return float(took), float(grown)


def measured(bench: Bench) -> Table:
    table = Table("Reading an answer of a back office", ("what", "value", "aim"))
    path, long = bench.folder / "position.xml", bench.folder / "long.xml"
    write(path, ROWS)
    write(long, ROWS_OF_MEMORY)
    times = in_turns({name: lambda name=name: run(name, path, ROWS, True)[0] for name in ("ours", "bare")}, ROUNDS)
    size = path.stat().st_size / 1e6
    table.add(
        f"{ROWS} positions ({size:.0f} MB) into checked rows, to the bare loop",
        f"{ratio(times['ours'], times['bare']):.2f}",
        "≤ 1.1",
    )
    few = bench.folder / "few.xml"
    write(few, ROWS_OF_OTHERS)
    others = in_turns({name: lambda name=name: run(name, few, ROWS_OF_OTHERS, True)[0] for name in ("ours", "zeep")}, ROUNDS)
    table.add(f"{ROWS_OF_OTHERS} positions, rows/s to zeep's", f"{ratio(others['zeep'], others['ours']):.1f}", "≥ 4")
    for name in ("ours", "bare"):
        grown = run(name, path, ROWS, False)[1]
        table.add(
            f"memory above start, {ROWS} rows that are not kept, {name}",
            f"{grown:.0f} MB",
            "≤ 25 MB" if name == "ours" else "",
        )
    grown = run("ours", long, ROWS_OF_MEMORY, False)[1]
    table.add(f"the same, {ROWS_OF_MEMORY} rows", f"{grown:.0f} MB", "≤ 60 MB")
    table.notes.append(
        "The bare loop reads the same cells of the same document into tuples of texts and decimals, and checks nothing. "
        "Ours checks every cell, keys, whose rows they are, depth and attributes, and takes what nobody needs out of the "
        "tree. The aim of 1.1 times its time is missed; the specification's 1.6 is kept."
    )
    return table


def main() -> None:
    name, path, rows, keep = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1"
    READERS[name](_warm(path), True)  # imports, and what libxml2 keeps for ever
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: what the imports took is not counted
    before = _kilobytes("VmRSS")
    began = time.perf_counter()
    assert READERS[name](path, keep) == rows
    took = _took[-1] if _took else time.perf_counter() - began
    print(json.dumps([took, (_kilobytes("VmHWM") - before) / 1024]))


def _kilobytes(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def _warm(path: Path) -> Path:
    small = path.with_name("small.xml")
    if not small.exists():
        write(small, 100)
    return small


if __name__ == "__main__":
    main()
