"""The first pass over the file: each row read and checked for itself, and put aside by deal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kernel.extension.portal import Portal
from kernel.values import Currency
from plugins.exchange.history_file import read_rows
from plugins.exchange.history_rows import ROWS_PER_PROGRESS, Bad, Desk, Progress, read_line
from plugins.exchange.history_spill import Spill

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Read:
    """A file taken in, as far as that goes without the books."""

    spill: Spill
    rows: int
    bad: Sequence[Bad]
    added: Mapping[str, int]  #: by currency, what all rows would add to its sums
    currencies: frozenset[Currency]


def read_file(portal: Portal, path: Path | str, progress: Progress | None) -> Read:
    expected = _expected(Path(path)) if progress else 0
    spill, rows, bad = Spill(), 0, list[Bad]()
    desk, added = Desk(portal), defaultdict[str, int](int)
    currencies: set[Currency] = set()
    for rows, raw in enumerate(read_rows(path), 1):
        line = read_line(desk, raw)
        bad += line.bad
        for currency, minor in line.currencies:
            added[currency.code] += minor
            currencies.add(currency)
        spill.add(line)
        if progress and rows % ROWS_PER_PROGRESS == 0:
            progress(rows, 2 * max(rows, expected))
    if progress and rows % ROWS_PER_PROGRESS:
        progress(rows, 2 * rows)
    return Read(spill, rows, bad, added, frozenset(currencies))


def _expected(path: Path) -> int:
    """About how many rows there are, for who watches; 0 where only reading would tell."""
    if path.suffix.lower() not in (".csv", ".jsonl") or not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK_BYTES), b""))
