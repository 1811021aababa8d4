"""Seeds of the simulation (app/simulation), and their database to begin with.

`ANNEX_SEED=<seed>` plays that one only; so does `annex simulate --connector … --seed …`, which a failure names.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import structlog

from app.simulation.run import Outcome, prepare, simulate
from kernel.telemetry import set_up_logs

STEPS = 300
EACH = 100  #: stories for each connector


def seeds() -> list[int]:
    return [int(os.environ["ANNEX_SEED"])] if "ANNEX_SEED" in os.environ else list(range(1, EACH + 1))


@cache
def _template(connector: str) -> Path:
    return prepare(Path(tempfile.mkdtemp(prefix="annex-stories-")), connector)


def story(seed: int, connector: str, folder: Path, *, steps: int = STEPS) -> Outcome:
    before = structlog.get_config()
    set_up_logs("critical")  # a story says thousands of lines
    try:
        return simulate(seed, steps, connector=connector, template=_template(connector), folder=folder)
    finally:
        structlog.configure(**before)
