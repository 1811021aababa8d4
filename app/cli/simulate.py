"""`annex simulate`: seeded stories of whole desks on emulated portals, for as many nights as you like."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

from app.simulation.run import Failed, Outcome, is_playable, playable_sets, prepare, simulate
from kernel.errors import AnnexError
from kernel.telemetry import set_up_logs

STORIES, STEPS = 200, 300
DOTS_IN_A_LINE, LINES_BETWEEN_COUNTS = 60, 5


def main(argv: list[str]) -> int:
    """0 if every story came out well, 1 if one did not, 2 if there is none to play."""
    args = _arguments(argv)
    try:
        sets = args.set or playable_sets()
        if silent := [name for name in sets if not is_playable(name)]:
            print(f"simulate: no story: the plugins of {', '.join(silent)} bring none, or its CRM is not emulated")
            return 2
    except AnnexError as exc:
        print(f"simulate: {exc}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="annex-simulate-") as folder:
        jobs = max(1, min(args.jobs, len(args.seeds) * len(sets)))
        return _tell(_play(Path(folder), sets, args.seeds, args.steps, jobs), len(args.seeds) * len(sets))


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="annex simulate", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seeds", type=_seeds, help="which: A..B, or one: a failure names it")
    which.add_argument("--stories", type=int, default=STORIES, help=f"how many of each set, from seed 1 (default {STORIES})")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"how many steps each has (default {STEPS})")
    parser.add_argument("--set", action="append", help="only of this mapping set; may be given again (default: ours)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once (default: all cores)")
    args = parser.parse_args(argv)
    args.seeds = args.seeds or range(1, args.stories + 1)
    return args


def _seeds(text: str) -> range:
    first, _, last = text.partition("..")
    found = range(int(first), int(last or first) + 1)
    if not found:
        raise ValueError(text)
    return found


def _play(folder: Path, sets: Sequence[str], seeds: Sequence[int], steps: int, jobs: int) -> Iterable[Outcome | str]:
    templates = {name: prepare(folder, name) for name in sets}
    wanted = [(templates[name], name, seed) for seed, name in product(seeds, sets)]
    with ProcessPoolExecutor(jobs, initializer=set_up_logs, initargs=("critical",)) as pool:
        yield from pool.map(partial(_one, folder, steps), wanted)


def _one(folder: Path, steps: int, wanted: tuple[Path, str, int]) -> Outcome | str:
    """One story: what it held, or why it failed."""
    template, name, seed = wanted
    try:
        return simulate(seed, steps, set_name=name, template=template, folder=folder)
    except Failed as exc:
        return str(exc)


@dataclass
class _Progress:
    """A dot for each story, and now and then how far it has come."""

    total: int
    began: float = field(default_factory=time.monotonic)
    done: int = 0

    def dot(self, text: str) -> None:
        self.done += 1
        print(text, end="", flush=True)
        if self.done % DOTS_IN_A_LINE == 0:
            print(self._count() if self.done % (DOTS_IN_A_LINE * LINES_BETWEEN_COUNTS) == 0 else "", flush=True)

    def _count(self) -> str:
        seconds = time.monotonic() - self.began
        left = seconds / self.done * (self.total - self.done)
        return f" {self.done} of {self.total}, {seconds:.0f} s, about {left:.0f} s to go"


def _tell(results: Iterable[Outcome | str], total: int) -> int:
    progress, failures, figures = _Progress(total), list[str](), dict[str, Counter[str]]()
    for result in results:
        if isinstance(result, str):
            failures.append(result)
            print(f"\n✗ {result}", flush=True)
        else:
            figures.setdefault(result.set_name, Counter()).update({"stories": 1, **result.figures})
        progress.dot("✗" if isinstance(result, str) else ".")
    print(f"\n{total - len(failures)} stories came out well, {len(failures)} failed")
    for name, counted in sorted(figures.items()):
        print(f"{name}: {', '.join(f'{number} {what}' for what, number in counted.items())}")
    for failure in failures:
        print(f"✗ {failure.splitlines()[0]}")
    return 1 if failures else 0
