"""The tests beside a load that keeps every core busy: `make test-loaded`, or `ARGS=plugins/exchange` for some.

They take two or three times as long, and must be as green: none may depend on how quick the machine is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BURN = "while True: pass"
PER_CORE = 2  #: so that the tests get a third of each core


def main(arguments: list[str]) -> int:
    load = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(PER_CORE * (os.cpu_count() or 1))]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the load ends with us
    try:
        command = [sys.executable, "-m", "pytest", "-n", "3", "--dist", "loadfile", "--no-loadscope-reorder", *arguments]
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    finally:
        for process in load:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
