"""`annex plan`: what is missing in the portal for its mapping set, or differs. Changes nothing there."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence

from app.bootstrap import Annex
from app.cli.command import BuiltIn
from kernel.errors import Misconfigured
from kernel.mapping import Change, Setup
from kernel.telemetry import mask

MARKS: Mapping[str, str] = {
    "create": "+",
    "change": "~",
    "rename": "~",
    "drop": "-",
    "arrange": "#",
    "manual": "!",
    "note": "·",
}
TO_DO = 2  #: exit code


class AllSetups:
    """The CRM's, and those of all other connections that are switched on and have one."""

    def __init__(self, setups: Sequence[Setup]) -> None:
        self._setups = setups

    def plan(self) -> list[Change]:
        return [change for one in self._setups for change in one.plan()]


def setup_of(annex: Annex) -> Setup:
    """Raises Misconfigured where the connector cannot set a portal up, or is not set up itself."""
    connector = annex.runtime.connector
    if connector.setup is None:
        raise Misconfigured(f"{connector.title}: this connector has no set-up; see its README for what to make by hand")
    annex.migrate()
    others = [
        one.connector.setup(one)
        for one in annex.runtime.portal.connections.values()
        if one.connector is not connector and one.connector.setup is not None and not one.off
    ]
    return AllSetups([connector.setup(annex.runtime.connection), *others])


def format_change(change: Change) -> str:
    """One line for a person."""
    records = f" (records that hold data: {change.records})" if change.kind == "drop" else ""
    return mask(f"{MARKS[change.kind]} {change.what}{': ' + change.detail if change.detail else ''}{records}")


def open_ones(changes: Sequence[Change]) -> list[Change]:
    return [change for change in changes if change.kind != "note"]


def by_hand(annex: Annex) -> str:
    """Steps that only a person can do and nobody can check; they do not count."""
    lines = annex.mapping.portal.by_hand
    return "\n".join(["", "by hand, cannot be checked from here:", *(f"  [ ] {line}" for line in lines)]) if lines else ""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")


def _plan(annex: Annex, args: argparse.Namespace) -> int:
    changes = setup_of(annex).plan()
    todo = len(open_ones(changes))
    if args.json:
        lines = [
            {"kind": one.kind, "what": mask(one.what), "detail": mask(one.detail), "records": one.records} for one in changes
        ]
        document = {"changes": lines, "to_do": todo, "by_hand": annex.mapping.portal.by_hand}
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return TO_DO if todo else 0
    for change in changes:
        print(format_change(change))
    made = sum(1 for change in open_ones(changes) if change.kind != "manual")
    if todo:
        print(f"\n{made} for `annex apply` (+ make, ~ change; - drop, # arrange if you say so), {todo - made} for you (!)")
    else:
        print("✓ the portal is as the set says")
    if text := by_hand(annex):
        print(text)
    return TO_DO if todo else 0


PLAN = BuiltIn("plan", "what is missing in the portal for its mapping set; changes nothing", _arguments, _plan)
