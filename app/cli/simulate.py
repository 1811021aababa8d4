"""`annex simulate`: seeded stories of a whole desk on an emulated portal, for as many nights as you like."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

from app.simulation.run import OFFICES, Failed, Outcome, prepare, simulate
from kernel.telemetry import set_up_logs

SEEDS, STEPS = 200, 300
DOTS_IN_A_LINE = 60


def main(argv: list[str]) -> int:
    """0 if every story came out well, 1 if one did not."""
    parser = argparse.ArgumentParser(prog="annex simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many stories for each connector (default {SEEDS})")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"how many steps each has (default {STEPS})")
    parser.add_argument("--seed", type=int, help="only this one: a failure names it")
    parser.add_argument("--first", type=int, default=1, help="the first of --seeds (default 1)")
    parser.add_argument("--connector", choices=sorted(OFFICES), help="only on this portal (default: on each)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many at once (default: all cores)")
    args = parser.parse_args(argv)
    seeds = [args.seed] if args.seed is not None else list(range(args.first, args.first + args.seeds))
    connectors = [args.connector] if args.connector else sorted(OFFICES)
    with tempfile.TemporaryDirectory(prefix="annex-simulate-") as folder:
        return _told(_play(Path(folder), connectors, seeds, args.steps, max(1, min(args.processes, len(seeds)))))


def _play(folder: Path, connectors: list[str], seeds: list[int], steps: int, processes: int) -> Iterator[Outcome | str]:
    templates = {connector: prepare(folder, connector) for connector in connectors}
    pairs = [(templates[connector], connector, seed) for seed, connector in product(seeds, connectors)]
    with ProcessPoolExecutor(processes, initializer=set_up_logs, initargs=("critical",)) as pool:
        yield from pool.map(partial(one, folder, steps), pairs)


def one(folder: Path, steps: int, pair: tuple[Path, str, int]) -> Outcome | str:
    """One story: what it held, or why it failed."""
    template, connector, seed = pair
    try:
        return simulate(seed, steps, connector=connector, template=template, folder=folder)
    except Failed as exc:
        return str(exc)


def _told(results: Iterator[Outcome | str]) -> int:
    well: list[Outcome] = []
    failed = 0
    for number, result in enumerate(results, 1):
        if isinstance(result, str):
            failed += 1
            print(f"\n✗ {result}", flush=True)
        else:
            well.append(result)
            print(".", end="" if number % DOTS_IN_A_LINE else "\n", flush=True)
    print(
        f"\n{len(well)} stories came out well, {failed} failed: {sum(one.steps for one in well)} steps, "
        f"{sum(one.deals for one in well)} deals, {sum(one.requests for one in well)} requests to the portal, "
        f"{sum(one.rows for one in well)} rows of the journal, {sum(one.comments for one in well)} comments, "
        f"{sum(one.deaths for one in well)} deaths of a process"
    )
    return 1 if failed else 0
