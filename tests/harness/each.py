"""Every test file in a process of its own: `make test-each`, or `ARGS="plugins/exchange --jobs 4"` for some.

What a file needs it has to bring along: nothing that another file happened to load, start or leave behind. Files come in an
order by chance, and the tests of a file likewise.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = ("kernel", "connectors", "plugins", "webhooks", "app", "sandbox", "tests")
NO_TESTS = 5  #: pytest's exit code where a file has none that may run here


def files(places: list[str]) -> list[Path]:
    found = {path for place in places for path in [ROOT / place, *(ROOT / place).rglob("test_*.py")] if path.is_file()}
    return sorted(found)


def run(path: Path, seed: int) -> tuple[Path, bool, str, float]:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", f"--randomly-seed={seed}", str(path)],
        cwd=ROOT, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return path, done.returncode in (0, NO_TESTS), done.stdout + done.stderr, time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.harness.each", description=__doc__)
    parser.add_argument("places", nargs="*", default=list(PLACES), help="folders or files; all if none is named")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="of the order of files and tests")
    parser.add_argument("--jobs", type=int, default=2, help="so many files at a time")
    args = parser.parse_args()
    chosen = files(args.places)
    random.Random(args.seed).shuffle(chosen)
    print(f'{len(chosen)} files; the same order again: make test-each ARGS="--seed {args.seed}"', flush=True)
    failed = []
    with ThreadPoolExecutor(args.jobs) as pool:
        for path, passed, output, seconds in pool.map(lambda path: run(path, args.seed), chosen):
            name = path.relative_to(ROOT)
            print(f"{'passed' if passed else 'FAILED'} {seconds:6.1f} s  {name}", flush=True)
            if not passed:
                failed.append(str(name))
                print(output, flush=True)
    print(f"{len(chosen) - len(failed)} passed alone, {len(failed)} failed: {' '.join(failed)}".rstrip(": "))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
