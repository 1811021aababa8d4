"""Everything derived again from the journal, and compared. Yields each fault as a sentence, the first one first."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from kernel.ledger.chart import COMMON
from kernel.ledger.checkpoints import NEVER, Where
from kernel.ledger.model import entry_hash
from kernel.ledger.store import HEAD
from kernel.storage import Row, Tx


def faults(tx: Tx) -> Iterator[str]:
    """Hash chain, legs as the journal says, zero sums, balances as the legs say, published heads: over all books."""
    points = Points([row["until"] for row in tx.all("SELECT until FROM ledger_checkpoint ORDER BY until")])
    yield from _journal_and_legs(tx, points)
    yield from _heads(tx)
    yield from _zero_sums(points.all)
    yield from _balances(tx, points.all)
    yield from _checkpoints(tx, points)
    yield from _published(tx)


class Points:
    """Balances as the journal says: all of it, and what lies between one checkpoint and the next."""

    def __init__(self, moments: list[int]) -> None:
        self.moments = moments
        self.all: dict[Where, int] = defaultdict(int)
        self.between: list[dict[Where, int]] = [defaultdict(int) for _ in moments]

    def add(self, at: int, where: Where, amount: int) -> None:
        self.all[where] += amount
        first = bisect_right(self.moments, at)  # the first checkpoint that holds it
        if first < len(self.moments):
            self.between[first][where] += amount


def _journal_and_legs(tx: Tx, points: Points) -> Iterator[str]:
    prev, expected = "", 1
    legs = groupby(tx.all("SELECT * FROM ledger_leg ORDER BY seq, n"), key=lambda leg: leg["seq"])
    pending = next(legs, None)
    for row in tx.stream("SELECT * FROM ledger_journal ORDER BY seq"):
        seq = row["seq"]
        while expected < seq:
            yield f"ledger_journal {expected}: the row was removed"
            expected += 1
        if seq < expected:
            yield f"ledger_journal {seq}: the row was added"
            continue
        expected = seq + 1
        if row["prev"] != prev:
            yield f"ledger_journal {seq} ({row['key']}): the row or the one before it was changed: the chain breaks here"
        if entry_hash(row["prev"], row) != row["hash"]:
            yield f"ledger_journal {seq} ({row['key']}): the row was changed: its hash does not fit"
        prev = row["hash"]
        while pending is not None and pending[0] < seq:
            yield f"ledger_leg {pending[0]}: legs were added to a posting that does not exist"
            pending = next(legs, None)
        found: list[Row] = []
        if pending is not None and pending[0] == seq:
            found = list(pending[1])
            pending = next(legs, None)
        yield from _legs_of(row, found, points)
    while pending is not None:
        yield f"ledger_leg {pending[0]}: legs were added to a posting that does not exist"
        pending = next(legs, None)
    head = tx.one("SELECT seq, hash FROM ledger_head WHERE id = 1")
    if head is None:
        yield "ledger_head: the row was removed"
    elif head["seq"] != expected - 1:
        verb = "removed" if head["seq"] >= expected else "added"
        yield f"ledger_journal {max(expected, 1)}: rows were {verb} at the end: the head says {head['seq']}"
    elif head["hash"] != prev:
        yield f"ledger_head: the hash was changed: journal row {head['seq']} has another"


def _legs_of(row: Mapping[str, Any], found: list[Row], points: Points) -> Iterator[str]:
    try:
        body = json.loads(row["body"])
        wanted, op = body.get("legs", []), body.get("op", "")
    except (ValueError, AttributeError):
        yield f"ledger_journal {row['seq']} ({row['key']}): the row was changed: its body cannot be read"
        return
    for n, leg in enumerate(wanted):
        account, party, currency, place, amount, _flow = leg
        points.add(row["at"], (row["book"], account, party, currency, place), amount)
        here = found[n] if n < len(found) else None
        if here is None or here["n"] != n:
            yield f"ledger_leg {row['seq']}/{n}: the row was removed"
            return
        columns = [here[name] for name in ("account", "party", "currency", "place", "amount", "flow")]
        if columns != leg:
            yield f"ledger_leg {row['seq']}/{n}: the row was changed: the journal says {leg}, the table says {columns}"
        for name, value in {"book": row["book"], "at": row["at"], "subject": row["subject"], "op": op}.items():
            if here[name] != value:
                yield f"ledger_leg {row['seq']}/{n}: {name} was changed: the journal says {value!r}, not {here[name]!r}"
    if len(found) > len(wanted):
        yield f"ledger_leg {row['seq']}/{found[len(wanted)]['n']}: the row was added"


def _heads(tx: Tx) -> Iterator[str]:
    for row in tx.all("SELECT id FROM ledger_head WHERE id <> 1 ORDER BY id"):
        yield f"ledger_head {row['id']}: the row was added"


def _zero_sums(balances: Mapping[Where, int]) -> Iterator[str]:
    sums: dict[tuple[str, str, str], int] = defaultdict(int)
    for (book, _, _, currency, place), amount in balances.items():
        sums[book, currency, place] += amount
    for (book, currency, place), rest in sorted(sums.items()):
        if rest:
            yield (
                f"book «{book}»: the postings in {currency} at {place or '—'} add up to {rest} minor units instead of zero"
            )


def _balances(tx: Tx, wanted: Mapping[Where, int]) -> Iterator[str]:
    seen = set()
    for row in tx.all("SELECT * FROM ledger_balance ORDER BY book, account, party, currency, place"):
        key = _where(row)
        seen.add(key)
        if key not in wanted:
            yield f"ledger_balance {key}: the row was added"
        elif row["amount"] != wanted[key]:
            yield f"ledger_balance {key}: the row was changed: the journal says {wanted[key]}, the table {row['amount']}"
    for key in sorted(wanted):
        if key not in seen:
            yield f"ledger_balance {key}: the row was removed"


def _checkpoints(tx: Tx, points: Points) -> Iterator[str]:
    covered = tx.value("SELECT covered FROM ledger_head WHERE id = 1")
    if covered != (points.moments[-1] if points.moments else NEVER):
        yield f"ledger_head: the newest checkpoint was changed: the head says {covered}"
    wanted: dict[Where, int] = defaultdict(int)
    for until, more in zip(points.moments, points.between, strict=True):
        for where, amount in more.items():
            wanted[where] += amount
        found = {
            _where(row): int(row["amount"])
            for row in tx.all("SELECT * FROM ledger_checkpoint_balance WHERE until = :u", u=until)
        }
        if not found:
            yield f"ledger_checkpoint {until}: the row was added, or its balances were removed"
        for where in sorted(found.keys() | wanted.keys()):
            if found.get(where) != wanted.get(where):
                yield (
                    f"ledger_checkpoint_balance {until} {where}: the journal says {wanted.get(where)}, "
                    f"the table {found.get(where)}"
                )
                break
    if tx.value("SELECT 1 FROM ledger_checkpoint_balance WHERE until NOT IN (SELECT until FROM ledger_checkpoint) LIMIT 1"):
        yield "ledger_checkpoint_balance: rows were added, or a row of ledger_checkpoint was removed"


def _where(row: Mapping[str, Any]) -> Where:
    return row["book"], row["account"], row["party"], row["currency"], row["place"]


def _published(tx: Tx) -> Iterator[str]:
    rows = tx.all("SELECT day, seq, hash, published_at FROM ledger_published ORDER BY day")
    facts = tx.all("SELECT body FROM ledger_journal WHERE kind = :k AND book = :b ORDER BY seq", k=HEAD, b=COMMON)
    unknown: dict[str, tuple[Any, ...]] = {}
    for head in (tuple(head) for fact in facts for head in json.loads(fact["body"])["heads"]):
        if head[0] in unknown:
            yield f"ledger_published {head[0]}: the row was removed once, and made again"
        unknown[head[0]] = head
    for row in rows:
        there = tx.one("SELECT hash, recorded_at FROM ledger_journal WHERE seq = :s", s=row["seq"])
        if there is None or there["hash"] != row["hash"]:
            yield (
                f"ledger_published {row['day']}: journal row {row['seq']} had the hash {row['hash'][:16]}… when it was "
                f"published, it has {str(there and there['hash'])[:16]}… now"
            )
        elif facts:
            recorded = unknown.pop(row["day"], None)
            if recorded is None:
                yield f"ledger_published {row['day']}: the row was added"
            elif recorded != tuple(row.values()):
                yield f"ledger_published {row['day']}: the row was changed: the journal says {recorded}, the table {row}"
        elif not there["recorded_at"] <= row["published_at"] < _facts_since(tx):
            yield f"ledger_published {row['day']}: the row was added: nothing was published then"
    for day in sorted(unknown if facts else ()):
        yield f"ledger_published {day}: the row was removed"


def _facts_since(tx: Tx) -> int:
    """From when on every published head is a fact, too: when this database learnt it."""
    sql = "SELECT applied_at FROM annex_migration WHERE room = 'kernel.ledger' AND number = 3"
    return int(tx.value(sql) or 0)
