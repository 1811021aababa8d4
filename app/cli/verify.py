"""`annex verify`: hash chain, zero sums, and everything derived again from the journal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import islice

from app.bootstrap import Annex
from app.cli.command import BuiltIn
from kernel.crm import seen
from kernel.extension.portal import Unit
from kernel.ledger import check

FAULTS_SHOWN = 20


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")


def faults(annex: Annex, unit: Unit) -> Iterator[str]:
    """Every fault, the first one first: the journal before what is derived from it."""
    yield from check.faults(unit.tx)
    for plugin in annex.running.plugins:
        if plugin.verify:
            yield from plugin.verify(unit)
    yield from seen.faults(unit.tx)


def _verify(annex: Annex, args: argparse.Namespace) -> int:
    annex.migrate(closed_too=True)
    with annex.running.portal.look() as unit:
        unit.tx.unhurried()
        found = list(islice(faults(annex, unit), FAULTS_SHOWN))
        seq, digest = annex.running.portal.books.head(unit.tx)
    if args.json:
        data = {"ok": not found, "first": found[0] if found else None, "faults": found, "rows": seq, "head": digest}
        print(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        print("\n".join(found) if found else f"all well: {seq} rows, head {digest}")
    return 1 if found else 0


VERIFY = BuiltIn("verify", "are the books what they were, and do they add up", _arguments, _verify)
