"""One seeded run of a set: staff work, the portal sends, jobs run, things break, processes die.

What staff do and what must hold comes with the plugins (kernel.testing.stories); what holds of every desk is in checks.py.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from app.bootstrap import Annex, build, our_sets, set_folder
from app.simulation.backoffice import SimulatedBackOffice, addresses_of, back_offices, with_promises
from app.simulation.channel import SimulatedChannel, channels_of, connected, settings_for
from app.simulation.checks import Checks
from app.simulation.crew import Crew, Piece
from app.simulation.crm import SimulatedCRM
from app.simulation.crm_bitrix24 import Bitrix24CRM
from app.simulation.crm_planfix import PlanfixCRM
from app.simulation.locks import taking_turns, turns_in
from app.simulation.machine import Network, Points, SimulatedDatabase, ask
from app.simulation.owner import retry_what_failed
from app.simulation.stories import stories_of
from app.site import make_site
from connectors.bitrix24 import collector
from kernel.conversations import Incoming
from kernel.errors import AnnexError
from kernel.extension import Received
from kernel.extension.portal import Portal
from kernel.extension.receiving import Arrival, keep_many
from kernel.extension.roles import roles_of
from kernel.extension.staff import STAFF_SECONDS_MAX, StaffList
from kernel.jobs import timers
from kernel.jobs.regular import Ticker
from kernel.mapping import load_set
from kernel.testing import CountingIds, Crash, FakeClock, MemoryQueue
from kernel.testing.stories import SimulatedStory, World

CRMS: Mapping[str, type[PlanfixCRM] | type[Bitrix24CRM]] = {"planfix": PlanfixCRM, "bitrix24": Bitrix24CRM}
WEB, WORKERS = "web", ("worker 1", "worker 2")
AT_WORK_MAX = 4  #: jobs in the middle of something at once
QUIET_ROUNDS = 4  #: without anything new: regular work of each half minute must have had its turn
QUIET_ROUNDS_MAX = 60
CHECKED_EVERY = 100  #: turns until all is idle
TURNS_MAX, OPENED_EVERY = 20_000, 4_000  #: until all is idle; after how many of them the owner opens Annex once more
CHANNEL_SHARE = 0.3  #: of what happens outside: the chat systems', where there are any
TIMERS_WAITED_FOR = timedelta(minutes=15)  #: at rest; what is due later concerns another day
UNDELIVERED = 4  #: last actions of which the portal tells nobody
DEEDS_SHOWN = 14  #: how many of the last notes a failure shows
MONTH_ENDS = (
    "2026-10-31T21:30", "2026-11-30T21:40", "2026-12-31T21:20", "2027-02-28T21:50", "2026-11-23T10:00", "2026-03-28T23:10",
)  # fmt: skip


class Failed(AssertionError):
    """Set, seed, step and the last notes stand in its text."""


@dataclass
class Outcome:
    """What one run held."""

    set_name: str
    seed: int
    figures: Mapping[str, int]


@dataclass
class Process:
    name: str
    annex: Annex
    handlers: Mapping[str, Any]
    ticker: Ticker
    site: Any = None


@dataclass
class Run:
    """Everything of one seed."""

    seed: int
    set_name: str
    file: Path
    crew: Crew = field(default_factory=Crew)
    processes: dict[str, Process] = field(default_factory=dict)
    step: int = 0
    did: list[str] = field(default_factory=list)
    deaths: int = 0
    still: set[str] = field(default_factory=set)  #: processes that do not move just now

    def __post_init__(self) -> None:
        # Without the folder a set lies in: a seed named on one machine plays the same story on another.
        self.random = random.Random(f"{Path(self.set_name).name}-{self.seed}")  # noqa: S311 - no secret
        self.clock = FakeClock(datetime.fromisoformat(self.random.choice(MONTH_ENDS)).replace(tzinfo=UTC))
        self.points = Points(self.random)
        self.database = SimulatedDatabase(self.file, self.points)
        self.network = Network(self.clock, self.points, self.database)
        self.ids = CountingIds()
        self.queue = MemoryQueue(self.clock, self.seed)
        declared = load_set(set_folder(self.set_name))
        self.offices = back_offices(declared, self.seed, self.clock)
        self.network.others = {office.host: office for office in self.offices.values()}
        self.mapping = with_promises(declared, self.offices.values())
        self.beside = {**settings_for(declared), **addresses_of(self.offices)}
        reader = build(
            {"ANNEX_SET": self.set_name, **self.beside}, database=self.database, clock=self.clock, mapping=self.mapping
        )
        kinds = stories_of(reader.runtime.plugins)
        self.plugin_settings = {name: kind.settings(self.random) for name, kind in kinds.items()}
        self.channels = channels_of(reader.runtime.portal.connections, self.clock, self.points, self.database)
        self.crm: SimulatedCRM = CRMS[reader.runtime.connector.name](self.seed, self.random, self.clock, reader.mapping)
        self.network.portal = self.crm.application
        self.crm.deliver_to(self.answer_the_portal)
        for name in (WEB, *WORKERS):
            self.start(name)
        self.crm.set_up(self.processes[WORKERS[0]].annex)
        observer = self.build_process()
        portal, others = observer.runtime.portal, (self.channels, self.offices)
        world = World(portal, self.crm, self.random, self.clock, self.note, *others, self.settle)
        self.stories: list[SimulatedStory] = [kind(world) for kind in kinds.values()]
        self.checks = Checks(observer, self.crm, self.stories, self.queue)

    # --- processes ------------------------------------------------------------------------------------------------------

    def build_process(self) -> Annex:
        environment = {
            "ANNEX_SET": self.set_name, "ANNEX_SECRET": "a-secret-of-the-simulation", **self.crm.settings, **self.beside,
            "ANNEX_PUBLIC_URL": "https://annex.example.com", "ANNEX_DATABASE_URL": self.database.url,
        }  # fmt: skip
        annex = build(
            environment, clock=self.clock, ids=self.ids, queue=self.queue, transport=self.network.carry,
            database=self.database, mapping=self.mapping,
        )  # fmt: skip
        portal = annex.runtime.portal
        portal.connections = {
            name: connected(one, self.channels[name]) if name in self.channels else one
            for name, one in portal.connections.items()
        }
        for name, settings in self.plugin_settings.items():
            if settings:
                chosen = portal.plugin_settings[name]
                changed = type(chosen).model_validate({**chosen.model_dump(), **settings})
                portal.plugin_settings = {**portal.plugin_settings, name: changed}
        return annex

    def start(self, name: str) -> None:
        """A new process: what was only in memory is gone."""
        with taking_turns(self.clock.sleep):
            annex = self.build_process()
            self._take_turns_with_staff(name, annex.runtime.portal)
            site = make_site(annex) if name == WEB else None
        ticker = Ticker(self.database, self.clock, annex.works())
        self.processes[name] = Process(name, annex, annex.handlers(), ticker, site)

    def _take_turns_with_staff(self, name: str, portal: Portal) -> None:
        """The list of people that is read in the background is a piece of work like all others, in no thread of its own."""

        def begin(work: Callable[[], None]) -> None:
            self.crew.begin(name, work)

        portal.staff = StaffList(lambda: portal.crm.people.all() if portal.crm.people else [], self.clock, begin)

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
        if not answers or (self.network.lost and self.random.random() < self.network.lost):
            return 0, "no answer"
        return answers[0]

    def answer_the_channel(self, name: str, messages: Sequence[Incoming]) -> bool:
        """A chat system hands updates over; whether the web process has taken them."""
        taken: list[str] = []

        def work() -> None:
            annex = self.processes[WEB].annex
            portal = annex.runtime.portal
            with portal.database.write() as tx:
                arrival = Arrival.of(Received(messages=tuple(messages)))
                keep_many(tx, portal, annex.runtime.plugins, portal.connection(name), [arrival])
            taken.append(name)

        piece = self.crew.begin(WEB, work)
        while not self.go_on(piece):
            pass
        return bool(taken)

    def channels_act(self) -> bool:
        """Each chat system hands one update over; whether there was any."""
        stepped = [one.step(partial(self.answer_the_channel, name)) for name, one in self.channels.items()]
        return any(stepped)

    # --- the story ------------------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        self.did.append(f"{self.step}: {text}")

    def play(self, steps: int) -> Outcome:
        try:
            self.sweep()  # how far back the first one asks is measured from here, where nothing has happened yet
            for story in self.stories:
                story.begin()
            self.random_faults()
            for self.step in range(1, steps + 1):
                self.one_step()
                self.checks.after_each_step()
            self.step += 1
            self.come_to_rest()
            self.checks.at_rest()
            self.nobody_who_left_has_a_right()
        except BaseException as exc:
            recent = "\n  ".join(self.did[-DEEDS_SHOWN:])
            raise Failed(
                f"{self.set_name}, seed {self.seed}, step {self.step}: {type(exc).__name__}: {exc}\n  {recent}\n"
                f"again: annex simulate --set {self.set_name} --seeds {self.seed} --steps {steps}"
            ) from exc
        return Outcome(self.set_name, self.seed, self.figures(steps))

    def figures(self, steps: int) -> Mapping[str, int]:
        found = Counter({
            "steps": steps, "requests to the portal": self.network.requests, "deaths of a process": self.deaths,
            "comments": self.crm.comments_of_ours(),
        })  # fmt: skip
        for story in self.stories:
            found.update(story.figures())
        return found

    def one_step(self) -> None:
        """One thing that happens in the world."""
        chance = self.random
        happenings = {
            self.staff_act: 14,
            self.portal_acts: 25,
            self.work: 45,
            self.tick: 4,
            self.time_passes: 9,
            self.random_faults: 3,
            self.stand_still: 2,
        }
        chance.choices(list(happenings), list(happenings.values()))[0]()

    def staff_act(self) -> None:
        self.clock.advance(seconds=self.random.choice((0.5, 2, 7)))
        self.somebody_acts()

    def somebody_acts(self) -> None:
        """Staff of any plugin's story."""
        weights = {action: weight for story in self.stories for action, weight in story.actions().items()}
        if weights:
            self.random.choices(list(weights), list(weights.values()))[0]()

    def portal_acts(self) -> None:
        for _ in range(self.random.choice((1, 1, 2, 4))):
            if self.channels and self.random.random() < CHANNEL_SHARE:
                self.channels_act()
            elif not self.crm.step():
                due = self.crm.due_in()
                if due is not None and due < 10:
                    self.clock.advance(seconds=due + 0.001)
                    self.crm.step()
                return

    def work(self) -> None:
        """Workers begin what waits, or go on with what they have begun."""
        chance, pieces = self.random, self.moving()
        if len(pieces) < AT_WORK_MAX and (not pieces or chance.random() < 0.6):
            self.begin_a_job()
        for _ in range(chance.choice((2, 5, 10, 20))):
            if not (pieces := self.moving()):
                return
            self.go_on(chance.choice(pieces))

    @property
    def awake(self) -> list[str]:
        return [name for name in WORKERS if name not in self.still]

    def moving(self) -> list[Piece]:
        return [piece for piece in self.crew.pieces if piece.process not in self.still]

    def outside(self) -> list[SimulatedChannel | SimulatedBackOffice]:
        return [*self.channels.values(), *self.offices.values()]

    def stand_still(self) -> None:
        """A worker is frozen, or cut off, or its machine sleeps; longer than the others wait: they take its jobs over. Or it
        wakes up, and knows nothing of that."""
        if self.still:
            self.note(f"{self.still.pop()} wakes up")
            return
        name = self.random.choice(WORKERS)
        self.still.add(name)
        self.note(f"{name} stands still")
        for piece in self.crew.pieces:
            if piece.process == name:
                piece.give_up()

    def begin_a_job(self) -> None:
        claim = self.queue.claim() if self.awake else None
        if claim is None:
            return
        process = self.processes[self.random.choice(self.awake)]
        # Its first stretch at once: a job that is claimed and never begun would be nobody's.
        self.go_on(self.crew.begin(process.name, partial(claim.run, process.handlers), claim.give_back))

    def tick(self) -> None:
        """A worker looks whether regular work is due."""
        if self.awake:
            process = self.processes[self.random.choice(self.awake)]
            self.crew.begin(process.name, partial(self.regular, process))

    @staticmethod
    def regular(process: Process) -> None:
        process.annex.run_timers()
        for work in process.annex.works():
            if process.ticker.claim(work):
                process.ticker.run(work)

    def time_passes(self) -> None:
        self.clock.advance(seconds=self.random.choice((1, 1, 5, 20, 60, 200, 900, 8_000)))

    def random_faults(self) -> None:
        """For a while things break more often, or not at all."""
        rough = self.random.random() < 0.7
        self.crm.random_faults.turn(self.random, rough)
        for beside in self.outside():
            beside.turn(self.random, rough)
        self.network.lost = self.random.choice((0.0, 0.02, 0.1)) if rough else 0.0
        self.network.cut_off = rough and self.random.random() < 0.1
        self.points.deaths = self.random.choice((0.0, 0.002, 0.01)) if rough else 0.0
        self.points.turns = self.random.choice((0.0, 0.3, 1.0))

    # --- the end --------------------------------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """All is well again, and staff do what they are asked to; until nobody has anything to do."""
        self.crm.random_faults.tell_nobody()
        for _ in range(UNDELIVERED):
            self.clock.advance(seconds=self.random.choice((1, 20, 70)))
            self.somebody_acts()
        self.crm.random_faults.turn(self.random, rough=False)
        for beside in self.outside():
            beside.turn(self.random, rough=False)
        self.network.lost, self.network.cut_off, self.points.deaths = 0.0, False, 0.0
        self.still.clear()
        for _ in range(2):  # a connection that was lost may only be noticed by what waits
            self.crm.open_annex()
            self.until_idle()
        retry_what_failed(self.processes[WORKERS[0]].annex, self.channels.values(), self.note, self.offices)
        for story in self.stories:
            story.repair()
        quiet = 0
        for _ in range(QUIET_ROUNDS_MAX):
            self.until_idle()
            self.clock.advance(seconds=self.processes[WORKERS[0]].annex.sweeping.every_seconds)
            swept = self.sweep()
            self.until_idle()
            unknown = self.checks.unknown()
            if swept or self.queue.waiting or unknown:
                quiet = 0
                continue
            quiet += 1
            if quiet < QUIET_ROUNDS:
                continue
            fields, silent = self.checks.unseen()
            assert not fields, f"the sweep has not found that {fields} changed"
            if not silent:
                return
            kept = [record for record in silent if record not in self.crm.rows_deleted]
            assert not (self.crm.tells_of_rows and kept), f"the sweep has not found that rows of {kept} changed"
            self.note(f"people press the button of {silent}")
            self.clock.advance(seconds=61)  # the button works once a minute
            for entity, record_id in silent:
                self.crm.press(entity, record_id)
        assert not unknown, f"the sweep has not found that {unknown} were deleted, or restored"
        raise AssertionError("it never comes to rest: our own writes make us write again for ever")

    def nobody_who_left_has_a_right(self) -> None:
        """Five minutes after somebody was dismissed, or taken out of their groups, no process thinks otherwise."""
        self.clock.advance(seconds=STAFF_SECONDS_MAX)
        for process in self.processes.values():
            portal = process.annex.runtime.portal
            known = {one.id: one for one in portal.people()}
            for one in self.crm.absences:
                if one.until is not None or one.person not in known:
                    continue
                person, there = known[one.person], next(each for each in self.crm.people if each.id == one.person)
                if one.dismissed:
                    roles = roles_of(portal.mapping.portal, person)
                    assert not roles, f"{person.name} was dismissed, and {process.name} knows them as {sorted(roles)}"
                else:
                    kept = {*person.groups} & {*there.groups}
                    assert not kept, f"{person.name} was taken out of {sorted(kept)}, and {process.name} does not know"

    def settle(self) -> None:
        """Everything is done, regular work, too; nothing breaks meanwhile."""
        self.until_idle()
        self.sweep()
        self.until_idle()

    def until_idle(self) -> None:
        for turn in range(1, TURNS_MAX):
            if not turn % CHECKED_EVERY:
                assert not self.crm.refused(), "the portal's limit was broken"
            if not turn % OPENED_EVERY:
                self.crm.open_annex()  # what waits for a connection that was lost waits for that
            if self.crew.pieces:
                self.go_on(self.random.choice(self.crew.pieces))  # not always the first: it may wait for the second
            elif self.channels_act() or self.crm.step():
                continue
            elif self.queue.waiting:
                if (moment := self.queue.next_at()) is not None and moment > self.clock.now():
                    self.clock.set(moment)
                self.begin_a_job()
            elif (due := self.crm.due_in()) is not None:
                self.clock.advance(seconds=max(due, 0.0) + 0.001)
            elif (moment := self.next_timer()) is not None and moment <= self.clock.now() + TIMERS_WAITED_FOR:
                self.clock.set(max(moment, self.clock.now()))
                process = self.processes[WORKERS[0]]
                self.crew.begin(process.name, process.annex.run_timers)
            else:
                return
        raise AssertionError("work without end")

    def next_timer(self) -> datetime | None:
        with self.database.read() as tx:
            return timers.next_due(tx)

    def sweep(self) -> int:
        """As the ticker does, on its time; how many records it found."""
        process, found = self.processes[WORKERS[0]], self.checks.swept_ever()
        try:
            process.annex.sweep()
        except AnnexError as exc:
            raise AssertionError(f"the sweep fails without any fault: {exc}") from exc
        self.regular(process)
        return self.checks.swept_ever() - found


def simulate(seed: int, steps: int, *, set_name: str, template: Path, folder: Path) -> Outcome:
    """Play one seed on a copy of the migrated database `template`. Raises Failed."""
    file = folder / f"{Path(set_name).name}-{seed}.db"
    shutil.copy(template, file)
    run = Run(seed, set_name, file)
    try:
        with turns_in(collector, run.clock.sleep):
            return run.play(steps)
    finally:
        run.crew.end()
        run.database.close()
        for leftover in folder.glob(f"{file.name}*"):
            leftover.unlink()


def prepare(folder: Path, set_name: str) -> Path:
    """A migrated, empty database to copy from."""
    file = folder / f"template-{Path(set_name).name}.db"
    annex = build({"ANNEX_SET": set_name, "ANNEX_DATABASE_URL": f"sqlite:///{file}"})
    annex.migrate()
    annex.close()
    return file


def playable_sets() -> list[str]:
    """The sets that are ours, whose CRM can be emulated and whose plugins bring a story."""
    return [name for name in our_sets() if is_playable(name)]


def is_playable(set_name: str) -> bool:
    annex = build({"ANNEX_SET": set_name, "ANNEX_DATABASE_URL": "sqlite://"})
    try:
        return annex.runtime.connector.name in CRMS and bool(stories_of(annex.runtime.plugins))
    finally:
        annex.close()
