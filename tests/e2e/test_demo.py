"""`annex demo --once` as a person runs it, one day long: leaves with 0 only if everything agrees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.row("PL-13", "PL-08", "EX-02", "EX-03", "EX-05", "EX-07", "EX-08", "EX-12", "PL-02", "PL-03")
def test_a_day_of_the_demo_agrees(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "demo", "--once", "--days", "1", "--seed", "11", "--home", str(tmp_path / "demo")],
        env=dict(os.environ), text=True, capture_output=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "All agree" in done.stdout
    for title in ("Board «Табло»", "Report 1", "Report 2", "Report 3"):
        assert title in done.stdout
    assert "✗" not in done.stdout


@pytest.mark.row("PL-08", "PL-13", "PL-15", "BR-01", "BR-02", "BR-03", "BR-04", "BR-13", "BR-23", "PL-09")
def test_a_brokers_day_agrees(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "demo", "--once", "--set", "broker-bitrix24", "--home", str(tmp_path / "demo")],
        env=dict(os.environ), text=True, capture_output=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "All agree" in done.stdout and "✗" not in done.stdout


@pytest.mark.row("PL-05", "PL-08", "PL-13", "PL-15")
def test_the_exchange_desks_day_in_bitrix24_agrees(tmp_path: Path) -> None:
    arguments = ["demo", "--once", "--days", "1", "--set", "exchange-desk-bitrix24", "--home", str(tmp_path / "demo")]
    done = subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        env=dict(os.environ), text=True, capture_output=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "All agree" in done.stdout and "✗" not in done.stdout
