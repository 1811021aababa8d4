"""`annex apply`: make the portal what its mapping set says. What would drop data, or overwrite what staff arranged, is asked
about, one by one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from app.bootstrap import Annex
from app.cli.command import BuiltIn
from app.cli.plan import MARKS, TO_DO, by_hand, format_change, open_ones, setup_of
from kernel.errors import Fault
from kernel.mapping import Change, Setup
from kernel.telemetry import mask

ROUNDS_MAX = 12  #: a pipeline, its stages, their order …: each round makes what the one before made possible
#: What is asked about before it is made; of what a person did by hand, only where nobody can see it.
QUESTIONS: Mapping[str, str] = {
    "drop": "drop it? what it holds is lost. y/N: ",
    "arrange": "overwrite it? how staff arranged it is lost. y/N: ",
    "manual": "is it done? nobody can see that from here. y/N: ",
}
GOES_ON = "what was made stays; the next `annex apply` goes on from here"


class Failed(Exception):
    """A change could not be made; the words name it."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="drop what the set no longer names without asking")
    parser.add_argument("--cards", action="store_true", help="arrange cards as the set says without asking")


def _apply(annex: Annex, args: argparse.Namespace) -> int:
    try:
        agreed = {kind for kind, given in (("drop", args.yes), ("arrange", args.cards)) if given}
        left = _rounds(setup_of(annex), agreed)
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


def _rounds(setup: Setup, agreed: set[str]) -> list[Change]:
    """Make and look again until nothing is left that can be made. `agreed`: kinds that are not asked about. Returns what
    remains."""
    refused: set[tuple[str, str]] = set()
    arranged: set[str] = set()  #: a portal that takes it and shows it otherwise is not asked again and again
    for _round in range(ROUNDS_MAX):
        changes = _planned(setup)
        todo = [one for one in changes if one.make and one.kind in ("create", "change", "rename")]
        for kind in QUESTIONS:
            asked = [one for one in changes if one.kind == kind and one.what not in arranged] if not todo else []
            todo += [one for one in asked if _agreed(one, refused, asked=kind not in agreed)]
        if not todo:
            return changes
        for change in todo:
            _made(change)
        arranged |= {one.what for one in todo if one.kind == "arrange"}
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


def _agreed(change: Change, refused: set[tuple[str, str]], *, asked: bool) -> bool:
    """Nobody there to ask means no."""
    if change.make is None or (change.what, change.detail) in refused:
        return False
    if not asked:
        return True
    answer = ""
    if sys.stdin.isatty():
        print(format_change(change))
        answer = input(f"  {QUESTIONS[change.kind]}").strip().lower()
    if answer not in ("y", "yes", "д", "да", "т", "так"):
        refused.add((change.what, change.detail))
        return False
    return True


APPLY = BuiltIn(
    "apply", "make the portal what its mapping set says; asks before it drops data or rearranges cards", _arguments, _apply
)
