"""A broker's sales department of real processes: the emulated Bitrix24 and the emulated back office beside it, service,
workers and their database. The set is the shipped one, saying what this back office promises about repeats."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.bootstrap import build, set_folder
from app.cli.demo.stages import Bitrix24
from app.cli.demo.systems import start_systems
from kernel.mapping import load_set
from tests.crash.bursts import bursts_of
from tests.crash.crew import Crew
from tests.crash.hosts import free_port
from tests.crash.postgres import Postgres
from tests.crash.world import Layout, World, start_services

SET, PUSH = "broker-bitrix24", "push.open_account.toml"
PROMISES = ("request_id", "lookup", "none")
SETTLE_SECONDS = 2  #: so soon «unknown» is believed: nothing of this campaign is under way for longer


class Beside:
    """What app.cli.demo starts its emulated systems through."""

    def __init__(self, crew: Crew, environment: dict[str, str]) -> None:
        self._crew, self.environment = crew, environment

    def set(self, **settings: str) -> None:
        self.environment.update(settings)

    def start(self, name: str, *arguments: str, answer: bool = False) -> Any:
        self._crew.start(name, "-m", *arguments, environment={})
        return json.loads(self._crew.answer_of(name)) if answer else None

    def annex(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "app", *arguments], env={**os.environ, **self.environment}, text=True,
            capture_output=True, timeout=300, check=False,
        )  # fmt: skip


@dataclass
class BrokerWorld(World):
    stage: Bitrix24 = field(default_factory=Bitrix24)

    def mishaps(self, chance: random.Random) -> None:
        self.office.control("faults", {
            "duplicate_rate": chance.choice((0, 0.2)), "reorder_rate": chance.choice((0, 0.2)),
            "drop_rate": chance.choice((0, 0, 0.2)), "latency": chance.choice((0, 0, 10)),
        })  # fmt: skip

    def calm(self) -> None:
        self.office.control("faults", {"duplicate_rate": 0, "reorder_rate": 0, "drop_rate": 0})

    def catch_up(self) -> None:
        """Bitrix24 tells nobody twice: what a dead process did not hear is found by a sweep only."""
        self.sweep()

    def messages(self) -> list[Any]:
        """Its events have no names of their own by which they could be looked for."""
        return []

    def faults_of_the_limit(self) -> Iterator[str]:
        name, wrong = self.stage.limit_kept(self.office.control)
        if wrong:
            yield f"{name}: {wrong}"


def open_broker(
    home: Path, layout: Layout, crew: Crew, postgres: Postgres | None, seed: int, speed: int, *, promise: str
) -> World:  # fmt: skip
    folder = promised_set(home / SET, promise)
    door = f"http://127.0.0.1:{free_port()}"
    url = postgres.url if postgres else f"sqlite:///{home / 'annex.db'}"
    beside = Beside(crew, {
        "ANNEX_HOME": str(home), "ANNEX_DATABASE_URL": url, "ANNEX_PUBLIC_URL": door, "ANNEX_SET": str(folder),
        "ANNEX_LOG": "debug",
    })  # fmt: skip
    stage, mapping = Bitrix24(speed), load_set(folder)
    stage.start(beside, door, seed, "broker")  # type: ignore[arg-type]
    systems = start_systems(beside, mapping, seed)  # type: ignore[arg-type]
    for system in systems.values():
        system.control("faults", {"promise": promise})
    annex = build(beside.environment)
    annex.migrate(jobs=True)
    webs, workers = start_services(crew, layout, [door], beside.environment)
    world = BrokerWorld(
        home, crew, None, stage.address, [door], url, postgres, annex, workers, webs, speed, systems, stage=stage
    )
    world.ready()
    stage.set_up(beside, door)  # type: ignore[arg-type]
    world.office = stage.office_of(mapping)
    plugins = [plugin.name for plugin in annex.runtime.plugins]
    world.bursts = bursts_of(plugins, world.office, annex.database, systems)
    return world


def promised_set(folder: Path, promise: str) -> Path:
    """The shipped set in that folder, with that promise."""
    shutil.copytree(set_folder(SET), folder)
    file = folder / PUSH
    said = f'once = "{promise}"\nsettle_s = {SETTLE_SECONDS}'
    text, times = re.subn(r'^once\s*=\s*"\w+"', said, file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert times == 1, f"{file} does not say what the back office promises"
    file.write_text(text, encoding="utf-8")
    return folder
