"""`annex apply`: make the portal what its mapping set says. What would drop data is asked about, one by one."""

from __future__ import annotations

import argparse
import sys

from app.bootstrap import Annex
from app.cli.command import BuiltIn
from app.cli.plan import MARKS, TO_DO, by_hand, format_change, open_ones, setup_of
from kernel.errors import Fault
from kernel.mapping import Change, Setup
from kernel.telemetry import mask

ROUNDS_MAX = 12  #: a pipeline, its stages, their order …: each round makes what the one before made possible
DROP = "drop it? what it holds is lost."
DONE = "is it done? nobody can see that from here."
GOES_ON = "what was made stays; the next `annex apply` goes on from here"


class Failed(Exception):
    """A change could not be made; the words name it."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="drop what the set no longer names without asking")


def _apply(annex: Annex, args: argparse.Namespace) -> int:
    try:
        left = _rounds(setup_of(annex), yes=args.yes)
    except Failed as exc:
        print(f"✗ {mask(str(exc))}\n{GOES_ON}", file=sys.stderr)
        return 1
    for change in left:
        print(format_change(change))
    if text := by_hand(annex):
        print(text)
    if open_ones(left):
        return TO_DO
    print("✓ the portal is as the set says")
    return 0


def _rounds(setup: Setup, *, yes: bool) -> list[Change]:
    """Make and look again until nothing is left that can be made. Returns what remains."""
    refused: set[tuple[str, str]] = set()
    for _round in range(ROUNDS_MAX):
        changes = _planned(setup)
        todo = [one for one in changes if one.make and one.kind in ("create", "change", "rename")]
        if not todo:
            todo = [one for one in changes if one.kind == "drop" and _agreed(one, refused, DROP, yes=yes)]
        if not todo:
            todo = [one for one in changes if one.kind == "manual" and _agreed(one, refused, DONE, yes=False)]
        if not todo:
            return changes
        for change in todo:
            _made(change)
    raise Failed(f"after {ROUNDS_MAX} rounds the portal still differs: {'; '.join(format_change(one) for one in todo)}")


def _planned(setup: Setup) -> list[Change]:
    try:
        return setup.plan()
    except Fault as exc:
        raise Failed(f"reading the portal: {exc}") from exc


def _made(change: Change) -> None:
    assert change.make is not None
    try:
        change.make()
    except Fault as exc:
        raise Failed(f"{change.what}: {exc}") from exc
    print(mask(f"✓ {MARKS[change.kind]} {change.what}{': ' + change.detail if change.detail else ''}"), flush=True)


def _agreed(change: Change, refused: set[tuple[str, str]], question: str, *, yes: bool) -> bool:
    """Nobody there to ask means no."""
    if change.make is None or (change.what, change.detail) in refused:
        return False
    if yes:
        return True
    answer = ""
    if sys.stdin.isatty():
        print(format_change(change))
        answer = input(f"  {question} y/N: ").strip().lower()
    if answer not in ("y", "yes", "д", "да", "т", "так"):
        refused.add((change.what, change.detail))
        return False
    return True


APPLY = BuiltIn("apply", "make the portal what its mapping set says; asks before it drops data", _arguments, _apply)
