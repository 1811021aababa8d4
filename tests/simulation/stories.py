"""Which seeds of the simulation (app/simulation) a run of the tests plays, and their database to begin with.

A few new seeds (of the day), and every seed that ever failed (failed.toml). `ANNEX_SEED=<seed>` plays that one
only; so does `annex simulate --set … --seeds …`, which a failure names.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from datetime import date
from functools import cache
from pathlib import Path

import structlog

from app.simulation.run import Outcome, prepare, simulate
from kernel.telemetry import set_up_logs

STEPS = 300
EACH = 5  #: new stories of each set in a run
FAILED = Path(__file__).parent / "failed.toml"
FIRST_DAY = date(2026, 1, 1)


def seeds(set_name: str) -> list[int]:
    if "ANNEX_SEED" in os.environ:
        return [int(os.environ["ANNEX_SEED"])]
    return sorted({*failed(set_name), *of_today()})


def of_today() -> range:
    """Other ones each day, the same ones for everybody on that day (conftest.py names it to all processes of a run)."""
    first = (date.fromisoformat(os.environ["ANNEX_SIMULATION_DAY"]) - FIRST_DAY).days * EACH + 1
    return range(first, first + EACH)


def failed(set_name: str) -> list[int]:
    """Seeds that failed at some time."""
    found: list[int] = tomllib.loads(FAILED.read_text(encoding="utf-8")).get(set_name, [])
    return found


@cache
def _template(set_name: str) -> Path:
    return prepare(Path(tempfile.mkdtemp(prefix="annex-stories-")), set_name)


def story(seed: int, set_name: str, folder: Path, *, steps: int = STEPS) -> Outcome:
    before = structlog.get_config() if structlog.is_configured() else None
    set_up_logs("critical")  # a story says thousands of lines
    try:
        return simulate(seed, steps, set_name=set_name, template=_template(set_name), folder=folder)
    finally:
        structlog.reset_defaults() if before is None else structlog.configure(**before)
