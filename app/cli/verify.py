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
DIFFERENCES_SHOWN = 200


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")


def faults(annex: Annex, unit: Unit) -> Iterator[str]:
    """Every fault, the first one first: the journal before what is derived from it."""
    found = False
    try:
        for fault in _all(annex, unit):
            found = True
            yield fault
    except (ArithmeticError, LookupError, TypeError, ValueError) as exc:
        if not found:
            raise
        # A body that was changed by hand may be nothing that anything can be derived from.
        yield f"the rest cannot be derived from what stands in the journal: {type(exc).__name__}"


def _all(annex: Annex, unit: Unit) -> Iterator[str]:
    yield from check.faults(unit.tx)
    for plugin in annex.runtime.plugins:
        if plugin.verify:
            yield from plugin.verify(unit)
    yield from seen.faults(unit.tx)


def differences(annex: Annex, unit: Unit) -> Iterator[str]:
    """What people have to put right in the CRM or in another system: the books are well all the same."""
    for plugin in annex.runtime.plugins:
        if plugin.differences:
            yield from plugin.differences(unit)


def _verify(annex: Annex, args: argparse.Namespace) -> int:
    annex.migrate(closed_too=True)
    with annex.runtime.portal.read() as unit:
        unit.tx.unhurried()
        found = list(islice(faults(annex, unit), FAULTS_SHOWN))
        differing = list(islice(differences(annex, unit), DIFFERENCES_SHOWN))
        seq, digest = annex.runtime.portal.books.head(unit.tx)
    if args.json:
        data = {
            "ok": not (found or differing), "first": found[0] if found else None, "faults": found, "differences": differing,
            "rows": seq, "head": digest,
        }  # fmt: skip
        print(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        print("\n".join(found or [f"{'the books are well' if differing else 'all well'}: {seq} rows, head {digest}"]))
        print("\n".join(differing), end="\n" if differing else "")
    return 1 if found or differing else 0


VERIFY = BuiltIn("verify", "are the books what they were, and do they add up", _arguments, _verify)
