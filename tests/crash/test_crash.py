"""A few of the campaign's runs: `make crash` makes a hundred of each kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.checks import Webhooks

ROOT = Path(__file__).parents[2]


def campaign(home: Path, *arguments: str) -> dict[str, Any]:
    """In a process of its own: what dies in there does not take the tests with it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash", "--home", str(home), "--json", *arguments], cwd=ROOT, timeout=1800,
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    [figures] = json.loads(done.stdout.splitlines()[-1])
    return dict(figures)


@pytest.mark.row("PL-01", "PL-02", "PL-03", "PL-07")
def test_service_workers_and_database_are_killed_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    figures = campaign(tmp_path, "--kind", "postgresql", "--runs", "3", "--seed", "14", "--database-dies")
    assert figures["kills"]["database"] >= 1 and sum(figures["kills"].values()) >= 6
    assert figures["webhooks"] > 50 and figures["effects"] > 50, "there was work to lose"
    assert figures["lost"] == 0


@pytest.mark.row("PL-01", "PL-02", "PL-03", "PL-07")
def test_the_one_process_on_sqlite_is_killed_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    figures = campaign(tmp_path, "--kind", "sqlite", "--runs", "2", "--seed", "14")
    assert sum(figures["kills"].values()) >= 4
    assert figures["webhooks"] > 30 and figures["effects"] > 30, "there was work to lose"
    assert figures["lost"] == 0


def test_a_delivery_told_twice_is_one_and_one_not_answered_is_none() -> None:
    entries = [{"status": 200, "body": "task=1&delivery=a"}] * 2 + [{"status": 500, "body": "delivery=b"}]
    found = Webhooks.of(entries)
    assert (dict(found.answered), found.not_answered) == ({"a": 2}, 1)
