"""The fleet's whole story, in network namespaces where this machine allows them, else on loopback addresses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.row("PL-01", "PL-02", "PL-03", "PL-07")
def test_a_fleet_is_cut_killed_frozen_and_replaced_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.fleet", "--home", str(tmp_path), "--seed", "5"], cwd=ROOT, timeout=1800,
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    print(done.stdout)  # says which of the two it was
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    assert seen["webhooks"] > 50 and seen["calls"] > 50, "there was work to lose"
    assert seen["in its hands"] >= 1, "the one who stood still believed that it had work"
