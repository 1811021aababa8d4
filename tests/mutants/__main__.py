"""Plant every fault, one at a time, and see which are noticed: `make mutants`, or `python -m tests.mutants --only ID`."""

from __future__ import annotations

import argparse
import queue
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.faults import ROOT, Fault, load
from tests.mutants.page import page
from tests.mutants.planting import Ground, Result, copy

DEMANDED_PERCENT = 95
PAGE = ROOT / "docs" / "mutants.md"
UNSPOILED_SECONDS = 1800.0
OUTPUT_CHARACTERS = 4000


def main() -> int:
    options = _options()
    try:
        faults = _chosen(load(), options.only)
        for fault in faults:
            fault.planted()
    except ValueError as exc:
        print(exc)
        return 2
    if options.list:
        for fault in faults:
            print(f"{fault.id:38} {fault.file}: {fault.wrong}")
        return 0
    results = _run(faults, options.jobs, options.timeout, options.verbose)
    if results is None:
        return 2
    _tell(results)
    if options.write:
        PAGE.write_text(page(results), encoding="utf-8")
    counted = [result for result in results if result.outcome != "invalid"]
    good = 100 * sum(result.caught for result in counted) >= DEMANDED_PERCENT * len(counted)
    return 0 if good and len(counted) == len(results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="ID", help="these faults: a room, or a part of an id")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds after which tests count as not ending")
    parser.add_argument("--list", action="store_true", help="show the faults and plant nothing")
    parser.add_argument("--verbose", action="store_true", help="show what the tests said")
    parser.add_argument("--write", action="store_true", help="write docs/mutants.md; only with all faults")
    options = parser.parse_args()
    if options.write and options.only:
        parser.error("--write reports all faults: leave --only away")
    return options


def _chosen(faults: Sequence[Fault], only: Sequence[str]) -> list[Fault]:
    found = [fault for fault in faults if not only or any(word == fault.room or word in fault.id for word in only)]
    if not found:
        raise ValueError("there is no such fault")
    return found


def _run(faults: Sequence[Fault], jobs: int, seconds: float, verbose: bool) -> list[Result] | None:
    """None if nothing could be judged; that has been told."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        first = Ground(copy(folder / "1"), folder / "t1")
        first.demand_own_packages()
        print(f"{len(faults)} faults; first their tests without any", flush=True)
        passed, output = first.unspoiled(faults, jobs, UNSPOILED_SECONDS)
        if not passed:
            print(f"{output[-OUTPUT_CHARACTERS:]}\nthe tests fail without a fault: fix that first")
            return None
        grounds = [first]
        for number in range(2, jobs + 1):
            shutil.copytree(folder / "1", folder / str(number))
            grounds.append(Ground(folder / str(number), folder / f"t{number}"))
        return _judge_all(faults, grounds, seconds, verbose)


def _judge_all(faults: Sequence[Fault], grounds: Sequence[Ground], seconds: float, verbose: bool) -> list[Result]:
    waiting: queue.SimpleQueue[Fault] = queue.SimpleQueue()
    for fault in faults:
        waiting.put(fault)
    found: dict[str, Result] = {}
    printing = threading.Lock()

    def work(ground: Ground) -> None:
        while True:
            try:
                fault = waiting.get_nowait()
            except queue.Empty:
                return
            result = ground.judge(fault, seconds)
            with printing:
                found[fault.id] = result
                print(f"{result.outcome:9}{result.seconds:6.1f} s  {fault.id}", flush=True)
                if verbose or result.outcome == "invalid":
                    print(result.output[-OUTPUT_CHARACTERS:], flush=True)

    threads = [threading.Thread(target=work, args=(ground,)) for ground in grounds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[fault.id] for fault in faults if fault.id in found]


def _tell(results: Sequence[Result]) -> None:
    for outcome in ("invalid", "survived"):
        for result in results:
            if result.outcome == outcome:
                fault = result.fault
                print(f"{outcome}: {fault.id} ({fault.file}): {fault.wrong}{f' — {fault.word}' if fault.word else ''}")
    caught, hangs = sum(result.caught for result in results), sum(result.outcome == "hangs" for result in results)
    print(f"{caught} of {len(results)} caught ({hangs} of them because the tests did not end)")


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit(code)
