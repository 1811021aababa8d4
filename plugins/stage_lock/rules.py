"""Which moves stand. Values in, decision out: no clock, no database, no CRM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kernel.mapping import EntityMap
from plugins.stage_lock.model import Objection

CLOCKS_DIFFER_MICROS = 2_000_000
LATEST = 2**62
NOT_IN_POOL, UNKNOWN_STAGE, NO_START = "stage_lock_not_in_pool", "stage_lock_unknown_stage", "stage_lock_no_start"
OTHER_PIPELINE = "stage_lock_other_pipeline"


@dataclass(frozen=True)
class Pool:
    """Where a record may go from each stage, and where records may be made (empty: anywhere)."""

    next: Mapping[str, frozenset[str]]
    starts: tuple[str, ...] = ()
    pipelines: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: EntityMap) -> Pool:
        return cls(
            {name: frozenset(stage.next) for name, stage in plan.stage.items()},
            tuple(name for name, stage in plan.stage.items() if stage.start),
            {name: stage.pipeline for name, stage in plan.stage.items()},
        )

    def reaches(self, here: str, to: str, steps: int = 1) -> bool:
        """Whether one may come from here to there in at most so many steps."""
        found, edge = {here}, {here}
        for _ in range(min(steps, len(self.next))):
            edge = {after for stage in edge for after in self.next.get(stage, frozenset())} - found
            found |= edge
        return to in found

    def may_begin(self, stage: str, steps: int = 0) -> bool:
        return not self.starts or any(self.reaches(start, stage, steps) for start in self.starts)

    def start_near(self, stage: str | None) -> str:
        """Where a record belongs that was made at a stage where none may be made."""
        pipeline = self.pipelines.get(stage or "", "")
        return next((start for start in self.starts if self.pipelines.get(start, "") == pipeline), self.home)

    @property
    def home(self) -> str:
        """The first stage of the main pipeline."""
        return self.starts[0] if self.starts else next(iter(self.next))


@dataclass(frozen=True)
class Step:
    """One move that nobody has judged yet; without a history, what stands now."""

    stage: str | None  #: None: the mapping does not know it
    label: str = ""
    by: str = ""  #: who: the CRM's id, empty if nobody knows
    line: str = ""
    at: int = 0
    created: bool = False  #: not a move: it was made here
    believed: int = 1  #: for how many allowed moves in a row this one may stand
    elsewhere: bool = False  #: into a pipeline that the set does not name


@dataclass(frozen=True)
class Own:
    """One of our own writes of the record's stage."""

    number: int
    stage: str
    pending: bool  #: it has not been answered yet
    sent: bool = True  #: it may have arrived
    made_at: int = 0
    done_at: int = 0


Objects = Callable[[str, str, str], Objection | None]  #: why that person may not go from that stage to that one


def nobody_objects(_person: str, _start: str, _to: str) -> Objection | None:
    return None


@dataclass(frozen=True)
class Facts:
    """All that the judgement of one record rests on."""

    pool: Pool
    fresh: bool  #: seen for the first time, so `here` means nothing yet
    here: str | None
    steps: Sequence[Step]
    own: Sequence[Own] = ()
    may_override: frozenset[str] = frozenset()
    objects: Objects = nobody_objects
    grants: frozenset[str] = frozenset()
    made_by_us: bool = False
    stood: str | None = None  #: where it truly stood before the first step, allowed or not
    ahead: str = ""  #: label of a stage that was judged before its line came
    elsewhere: bool = False  #: before the first step it stood in a pipeline that the set does not name, and might
    others_open: bool = False  #: such pipelines are open to these records
    restored: frozenset[str] = frozenset()  #: stages at which a record like this one stood when it was deleted


Kind = Literal["refused", "override", "granted"]


@dataclass(frozen=True)
class Finding:
    """A step that the pool or an objection forbids, and what becomes of it."""

    kind: Kind
    start: str  #: where it came from; empty: it was made there
    step: Step
    why: Objection


@dataclass(frozen=True)
class Verdict:
    here: str | None  #: the stage at which the record may stand
    findings: tuple[Finding, ...] = ()
    own_used: int = 0  #: the newest own write that was met among the steps
    used_grants: frozenset[str] = frozenset()
    elsewhere: bool = False  #: it may stand where it stands, outside of the pipelines that the set names; `here` is then
    #: where it left them, if it ever stood in one
    restored_at: str = ""  #: it was made at this stage because one like it had been deleted there


def judge(facts: Facts) -> Verdict:
    """Judge step after step, each from where the last allowed one had led."""
    judging = _Judging(facts)
    for step, own in timeline(facts.steps, facts.own):
        if step is None and own is not None:
            judging.confirm(own)
        elif step is not None:
            judging.take(step, own)
    return Verdict(
        judging.here, tuple(judging.findings), judging.own_used, facts.grants - judging.grants, judging.elsewhere,
        judging.restored_at,
    )  # fmt: skip


def timeline(steps: Sequence[Step], own: Sequence[Own]) -> list[tuple[Step | None, Own | None]]:
    """The steps in their order, each with the write of ours that made it; and between them those writes of ours that were
    answered but left no line, because the record stood there already."""
    matched: dict[int, Own] = {}
    silent: list[Own] = []
    begin = 0
    for one in own:
        place = _line_of(one, steps, begin) if one.sent else None
        if place is not None:
            matched[place], begin = one, place + 1
        elif one.done_at:
            silent.append(one)
    found: list[tuple[Step | None, Own | None]] = []
    for place, step in enumerate(steps):
        while silent and silent[0].done_at < step.at and place not in matched:
            found.append((None, silent.pop(0)))
        found.append((step, matched.get(place)))
    return [*found, *((None, one) for one in silent)]


def _line_of(own: Own, steps: Sequence[Step], begin: int) -> int | None:
    """The line that a write of ours made: of several to its stage the one nearest to its answer. Clocks may differ, so a
    line at quite another time is taken, too, if there is no better one."""
    places = [place for place in range(begin, len(steps)) if steps[place].stage == own.stage]
    until = own.done_at or LATEST
    near = [
        place for place in places if own.made_at - CLOCKS_DIFFER_MICROS <= steps[place].at <= until + CLOCKS_DIFFER_MICROS
    ]
    if near:
        return min(near, key=lambda place: abs(until - steps[place].at))
    return places[0] if places else None


class _Judging:
    def __init__(self, facts: Facts) -> None:
        self.facts, self.here, self.fresh = facts, facts.here, facts.fresh
        self.elsewhere, self.restored_at = facts.elsewhere, ""
        self.own_used = 0
        self.stage = facts.stood
        self.grants, self.ahead = set(facts.grants), facts.ahead
        self.findings: list[Finding] = []

    def confirm(self, own: Own) -> None:
        """A write of ours found the record where it wanted it: now it stands there by our will."""
        if self.stage == own.stage and not self.fresh:
            self.here, self.own_used, self.elsewhere = own.stage, own.number, False

    def take(self, step: Step, own: Own | None) -> None:
        self.stage = step.stage
        if self.ahead and step.line and step.label == self.ahead:
            self.ahead = ""  # this line is late: what it tells was judged when the record itself showed it
            return
        ours = own is not None
        if own is not None:
            self.own_used = own.number
        if self.fresh:
            self.fresh = False
            self._begin(step, ours)
        elif ours:
            self.here, self.elsewhere = step.stage, False  # our own writes are no case
        elif step.elsewhere:
            self._leave(step)
        elif self.elsewhere:
            self._come_back(step)
        elif self.here is None:
            self.here = step.stage  # whoever leaves a stage we do not know may go anywhere
        elif step.stage != self.here:
            self._move(step, self.here)

    def _begin(self, step: Step, ours: bool) -> None:
        """A record that was made after the lock was switched on."""
        pool, steps = self.facts.pool, 0 if step.created else step.believed
        if step.elsewhere:
            self._leave(step, ours=ours or self.facts.made_by_us)
        elif ours or self.facts.made_by_us or step.stage is None:
            self.here = step.stage
        elif step.stage in self.facts.restored and not pool.may_begin(step.stage, steps):
            self.here = self.restored_at = step.stage
        elif held := self._held(step, ""):
            self._refuse(step, "", held, back_to=pool.start_near(step.stage))
        elif pool.may_begin(step.stage, steps):
            self.here = step.stage
        else:
            self._forbidden(step, "", Objection(NO_START), back_to=pool.start_near(step.stage))

    def _leave(self, step: Step, *, ours: bool = False) -> None:
        """Into a pipeline that the set does not name, or on within such pipelines."""
        if self.elsewhere or ours or self.facts.others_open:
            self.elsewhere = True
        else:
            self._forbidden(step, self.here or "", Objection(OTHER_PIPELINE), back_to=self.here or self.facts.pool.home)

    def _come_back(self, step: Step) -> None:
        """From there it comes back to where it left, or begins anew: the way round is no way ahead."""
        self.elsewhere, pool = False, self.facts.pool
        if self.here is not None:
            if step.stage != self.here:
                self._move(step, self.here)
        elif step.stage is None:
            self._forbidden(step, "", Objection(UNKNOWN_STAGE), back_to=pool.home)
        elif pool.may_begin(step.stage, step.believed - 1):
            self.here = step.stage
        else:
            self._forbidden(step, "", Objection(NO_START), back_to=pool.start_near(step.stage))

    def _move(self, step: Step, here: str) -> None:
        if step.stage is None:
            self._forbidden(step, here, Objection(UNKNOWN_STAGE), back_to=here)
        elif held := self._held(step, here):
            self._refuse(step, here, held, back_to=here)
        elif not self.facts.pool.reaches(here, step.stage, step.believed):
            self._forbidden(step, here, Objection(NOT_IN_POOL), back_to=here)
        elif (objection := self._objection(step, here)) and step.by not in self.facts.may_override:
            self._refuse(step, here, objection, back_to=here)
        else:
            self.here = step.stage

    def _forbidden(self, step: Step, start: str, why: Objection, *, back_to: str) -> None:
        kind: Kind = "refused"
        if step.by and step.by in self.facts.may_override:
            kind = "override"
        elif step.stage in self.grants and not self._objection(step, start):
            kind = "granted"
            self.grants.discard(step.stage or "")
        if kind == "refused":
            self._refuse(step, start, why, back_to=back_to)
            return
        self.findings.append(Finding(kind, start, step, why))
        self.elsewhere = step.elsewhere
        if not step.elsewhere:
            self.here = step.stage

    def _refuse(self, step: Step, start: str, why: Objection, *, back_to: str) -> None:
        self.findings.append(Finding("refused", start, step, why))
        self.here, self.elsewhere = back_to, False

    def _objection(self, step: Step, start: str) -> Objection | None:
        return self.facts.objects(step.by, start, step.stage or "")

    def _held(self, step: Step, start: str) -> Objection | None:
        """What nobody may override, and no permission lifts: it is the reason even where the pool would forbid the move."""
        objection = self._objection(step, start)
        return objection if objection and objection.no_override else None


Action = Literal["none", "wait", "put_back", "give_up"]


def act(here: str | None, present: str | None, *, pending: bool, gave_up: bool, reversals: int, limit: int) -> Action:
    """What to do about a record that may stand `here` and stands at `present`."""
    if here is None or present == here:
        return "none"
    if pending:
        return "wait"  # a write of ours is in flight and settles where the record stands
    if gave_up:
        return "none"
    return "give_up" if reversals >= limit else "put_back"


def fate(finding: Finding, later: Iterable[Step], present_is_right: bool) -> Literal["put_back", "undone", "left"]:
    """What became of a refused step by itself, before we could do anything."""
    if not present_is_right:
        return "put_back"
    return "undone" if any(step.stage == finding.start for step in later) else "left"
