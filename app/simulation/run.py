"""One seeded story: staff work, the portal sends, jobs run, things break, processes die. What must hold is in checks.py."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from app.bootstrap import Annex, build
from app.cli.jobs import act, failed
from app.simulation.checks import Checks
from app.simulation.crew import Crew, Piece
from app.simulation.locks import taking_turns, turns_in
from app.simulation.machine import Network, Points, SimulatedDatabase, ask
from app.simulation.office import Office
from app.simulation.office_bitrix24 import Bitrix24Office
from app.simulation.office_planfix import PlanfixOffice
from app.simulation.staff import Staff
from app.site import make_site
from connectors.bitrix24 import collector
from kernel.errors import AnnexError
from kernel.jobs.regular import Ticker
from kernel.testing import CountingIds, Crash, FakeClock, MemoryQueue

OFFICES: Mapping[str, type[PlanfixOffice] | type[Bitrix24Office]] = {"planfix": PlanfixOffice, "bitrix24": Bitrix24Office}
WEB, WORKERS = "web", ("worker 1", "worker 2")
AT_WORK_MAX = 4  #: jobs in the middle of something at once
QUIET_ROUNDS_MAX = 60
UNTOLD = 4  #: last deeds of which the portal tells nobody
TOLD = 14  #: how many of the last deeds a failure shows
MONTH_ENDS = (
    "2026-10-31T21:30",
    "2026-11-30T21:40",
    "2026-12-31T21:20",
    "2027-02-28T21:50",
    "2026-11-23T10:00",
    "2026-03-28T23:10",
)


class Failed(AssertionError):
    """Seed, step and the last deeds stand in its text."""


@dataclass
class Outcome:
    """What one story held."""

    seed: int
    steps: int
    deals: int = 0
    requests: int = 0
    deaths: int = 0
    rows: int = 0
    comments: int = 0


@dataclass
class Process:
    name: str
    annex: Annex
    handlers: Mapping[str, Any]
    ticker: Ticker
    site: Any = None


@dataclass
class Story:
    """Everything of one seed."""

    seed: int
    connector: str
    file: Path
    crew: Crew = field(default_factory=Crew)
    processes: dict[str, Process] = field(default_factory=dict)
    step: int = 0
    did: list[str] = field(default_factory=list)
    deaths: int = 0
    still: set[str] = field(default_factory=set)  #: processes that do not move just now

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.connector}-{self.seed}")  # noqa: S311 - the same story again, no secret
        self.clock = FakeClock(datetime.fromisoformat(self.dice.choice(MONTH_ENDS)).replace(tzinfo=UTC))
        self.points = Points(self.dice)
        self.database = SimulatedDatabase(self.file, self.points)
        self.network = Network(self.clock, self.points, self.database)
        self.ids = CountingIds()
        self.queue = MemoryQueue(self.clock, self.seed)
        self.settings = {
            "jump": self.dice.choice(("post", "post", "refuse")), "merge_from": self.dice.choice((2, 3)),
            "payout_guard": self.dice.choice(("refuse", "refuse", "warn")), "places": ["Каса", "Банк", "Гаманець"],
            "default_place": "Каса",
        }  # fmt: skip
        looker = build({"ANNEX_SET": OFFICES[self.connector].set_name}, database=self.database, clock=self.clock)
        self.office: Office = OFFICES[self.connector](self.seed, self.dice, self.clock, looker.mapping)
        self.network.portal = self.office.application
        self.office.deliver_to(self.answer_the_portal)
        for name in (WEB, *WORKERS):
            self.start(name)
        self.office.set_up(self.processes[WORKERS[0]].annex)
        self.staff = Staff(self.office, looker.mapping, self.dice, self.clock, self.note)
        self.checks = Checks(self.build_process(), self.office, self.staff, self.queue)

    # --- processes ------------------------------------------------------------------------------------------------------

    def build_process(self) -> Annex:
        environment = {
            "ANNEX_SET": self.office.set_name, "ANNEX_SECRET": "a-secret-of-the-simulation", **self.office.settings,
            "ANNEX_PUBLIC_URL": "https://annex.example.com", "ANNEX_DATABASE_URL": self.database.url,
        }  # fmt: skip
        annex = build(
            environment, clock=self.clock, ids=self.ids, queue=self.queue, transport=self.network.call_portal,
            database=self.database,
        )  # fmt: skip
        portal = annex.running.portal
        chosen: Any = portal.plugin_settings["exchange"]
        changed = type(chosen).model_validate({**chosen.model_dump(), **self.settings})
        portal.plugin_settings = {**portal.plugin_settings, "exchange": changed}
        return annex

    def start(self, name: str) -> None:
        """A new process: what was only in memory is gone."""
        with taking_turns(self.clock.sleep):
            annex = self.build_process()
            site = make_site(annex) if name == WEB else None
        ticker = Ticker(self.database, self.clock, annex.works())
        self.processes[name] = Process(name, annex, annex.handlers(), ticker, site)

    def die(self, name: str) -> None:
        self.deaths += 1
        self.note(f"{name} dies")
        self.crew.kill(name)
        self.still.discard(name)
        self.start(name)

    def go_on(self, piece: Piece) -> bool:
        """A stretch of its work; whether it has ended, by death too."""
        try:
            return self.crew.go_on(piece)
        except Crash:
            self.die(piece.process)
            return True

    def answer_the_portal(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """The portal's own requests come to the web process, which may die over them."""
        answers: list[tuple[int, str]] = []

        def work() -> None:
            status, _shown, content, _cut = ask(self.processes[WEB].site, method, url, headers, body)
            answers.append((status, content.decode()))

        piece = self.crew.begin(WEB, work)
        while not self.go_on(piece):
            pass
        if not answers or (self.network.lost and self.dice.random() < self.network.lost):
            return 0, "no answer"
        return answers[0]

    # --- the story ------------------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        self.did.append(f"{self.step}: {text}")

    def play(self, steps: int) -> Outcome:
        try:
            self.staff.open_the_till()
            self.weather()
            for self.step in range(1, steps + 1):
                self.one_step()
                self.checks.after_each_step()
            self.step += 1
            self.come_to_rest()
            self.checks.at_rest()
        except BaseException as exc:
            told = "\n  ".join(self.did[-TOLD:])
            raise Failed(
                f"{self.connector}, seed {self.seed}, step {self.step}: {type(exc).__name__}: {exc}\n  {told}\n"
                f"again: annex simulate --connector {self.connector} --seed {self.seed} --steps {steps}"
            ) from exc
        return Outcome(
            self.seed, steps, len(self.staff.deals), self.network.requests, self.deaths, self.checks.rows(),
            self.office.comments_of_ours(),
        )  # fmt: skip

    def one_step(self) -> None:
        """One thing that happens in the world."""
        dice = self.dice
        happenings = {
            self.staff_act: 14, self.portal_acts: 25, self.work: 45, self.tick: 4, self.time_passes: 9, self.weather: 3,
            self.stand_still: 2,
        }  # fmt: skip
        dice.choices(list(happenings), list(happenings.values()))[0]()

    def staff_act(self) -> None:
        self.clock.advance(seconds=self.dice.choice((0.5, 2, 7)))
        self.staff.act()

    def portal_acts(self) -> None:
        for _ in range(self.dice.choice((1, 1, 2, 4))):
            if not self.office.step():
                due = self.office.due_in()
                if due is not None and due < 10:
                    self.clock.advance(seconds=due + 0.001)
                    self.office.step()
                return

    def work(self) -> None:
        """Workers begin what waits, or go on with what they have begun."""
        dice, pieces = self.dice, self.moving()
        if len(pieces) < AT_WORK_MAX and (not pieces or dice.random() < 0.6):
            self.begin_a_job()
        for _ in range(dice.choice((2, 5, 10, 20))):
            if not (pieces := self.moving()):
                return
            self.go_on(dice.choice(pieces))

    @property
    def awake(self) -> list[str]:
        return [name for name in WORKERS if name not in self.still]

    def moving(self) -> list[Piece]:
        return [piece for piece in self.crew.pieces if piece.process not in self.still]

    def stand_still(self) -> None:
        """A worker is frozen, or cut off, or its machine sleeps; longer than the others wait: they take its jobs over. Or it
        wakes up, and knows nothing of that."""
        if self.still:
            self.note(f"{self.still.pop()} wakes up")
            return
        name = self.dice.choice(WORKERS)
        self.still.add(name)
        self.note(f"{name} stands still")
        for piece in self.crew.pieces:
            if piece.process == name:
                piece.give_up()

    def begin_a_job(self) -> None:
        claim = self.queue.claim() if self.awake else None
        if claim is None:
            return
        process = self.processes[self.dice.choice(self.awake)]
        # Its first stretch at once: a job that is claimed and never begun would be nobody's.
        self.go_on(self.crew.begin(process.name, partial(claim.run, process.handlers), claim.give_back))

    def tick(self) -> None:
        """A worker looks whether regular work is due."""
        if self.awake:
            process = self.processes[self.dice.choice(self.awake)]
            self.crew.begin(process.name, partial(self.regular, process))

    @staticmethod
    def regular(process: Process) -> None:
        for work in process.annex.works():
            if process.ticker.claim(work):
                process.ticker.run(work)

    def time_passes(self) -> None:
        self.clock.advance(seconds=self.dice.choice((1, 1, 5, 20, 60, 200, 900, 8_000)))

    def weather(self) -> None:
        """For a while things break more often, or not at all."""
        rough = self.dice.random() < 0.7
        self.office.weather.turn(self.dice, rough)
        self.network.lost = self.dice.choice((0.0, 0.02, 0.1)) if rough else 0.0
        self.network.cut_off = rough and self.dice.random() < 0.1
        self.points.deaths = self.dice.choice((0.0, 0.002, 0.01)) if rough else 0.0
        self.points.turns = self.dice.choice((0.0, 0.3, 1.0))

    # --- the end --------------------------------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """All is well again, and staff do what they are asked to; until nobody has anything to do."""
        self.office.weather.tell_nobody()
        for _ in range(UNTOLD):
            self.clock.advance(seconds=self.dice.choice((1, 20, 70)))
            self.staff.act()
        self.office.weather.turn(self.dice, rough=False)
        self.network.lost, self.network.cut_off, self.points.deaths = 0.0, False, 0.0
        self.still.clear()
        for _ in range(2):  # a connection that was lost may only be noticed by what waits
            self.office.open_annex()
            self.until_idle()
        self.retry_what_failed()
        for deal in self.staff.deals:
            if self.dice.random() < 0.8:
                for _ in range(4):
                    if problems := self.checks.problems_of(deal):
                        self.staff.repair(deal, problems)
        for _ in range(QUIET_ROUNDS_MAX):
            self.until_idle()
            self.clock.advance(seconds=self.processes[WORKERS[0]].annex.sweeping.every_seconds)
            swept = self.sweep()
            self.until_idle()
            if swept or self.queue.waiting:
                continue
            fields, silent = self.checks.unseen()
            assert not fields, f"the sweep has not found that {fields} changed"
            if not silent:
                return
            kept = [deal for deal in silent if deal not in self.staff.deleted_from]
            assert not (self.office.tells_of_rows and kept), f"the sweep has not found that rows of {kept} changed"
            self.note(f"people press the button of {silent}")
            self.clock.advance(seconds=61)  # the button works once a minute
            for deal in silent:
                self.office.recalculate(deal)
        raise AssertionError("it never comes to rest: our own writes make us write again for ever")

    def until_idle(self) -> None:
        for _ in range(20_000):
            if self.crew.pieces:
                self.go_on(self.dice.choice(self.crew.pieces))  # not always the first: it may wait for the second
            elif self.office.step():
                continue
            elif self.queue.waiting:
                if (moment := self.queue.next_at()) is not None and moment > self.clock.now():
                    self.clock.set(moment)
                self.begin_a_job()
            elif (due := self.office.due_in()) is not None:
                self.clock.advance(seconds=max(due, 0.0) + 0.001)
            else:
                return
        raise AssertionError("work without end")

    def retry_what_failed(self) -> None:
        """The owner goes through the list of what failed for good while the portal was ill."""
        annex = self.processes[WORKERS[0]].annex
        with self.database.read() as tx:
            rows = failed(tx)
        for row in rows:
            self.note(f"retry {row['what']}: {row['reason']}")
            act(annex, row["id"], "retry", who="the owner")

    def sweep(self) -> int:
        """As the ticker does, on its time; how many records it found."""
        process, found = self.processes[WORKERS[0]], self.checks.swept_ever()
        try:
            process.annex.sweep()
        except AnnexError as exc:
            raise AssertionError(f"the sweep fails in fine weather: {exc}") from exc
        self.regular(process)
        return self.checks.swept_ever() - found


def simulate(seed: int, steps: int, *, connector: str, template: Path, folder: Path) -> Outcome:
    """Play one story on a copy of the migrated database `template`. Raises Failed."""
    file = folder / f"{connector}-{seed}.db"
    shutil.copy(template, file)
    story = Story(seed, connector, file)
    try:
        with turns_in(collector, story.clock.sleep):
            return story.play(steps)
    finally:
        story.database.close()
        for leftover in folder.glob(f"{file.name}*"):
            leftover.unlink()


def prepare(folder: Path, connector: str) -> Path:
    """A migrated, empty database to copy from."""
    file = folder / f"template-{connector}.db"
    annex = build({"ANNEX_SET": OFFICES[connector].set_name, "ANNEX_DATABASE_URL": f"sqlite:///{file}"})
    annex.migrate()
    annex.close()
    return file
