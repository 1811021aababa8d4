"""A record was synced: judge what moved it, keep the cases, put a forbidden stage back, tell the mover."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kernel.extension import Seen
from kernel.extension.portal import Unit
from kernel.mapping import EntityMap
from kernel.values import to_micros
from plugins.stage_lock import store
from plugins.stage_lock.hooks import HOLD
from plugins.stage_lock.model import Case, Known, Objection, Outcome
from plugins.stage_lock.people import find, id_of, name_of, overriding, recipients, settings_of, sole
from plugins.stage_lock.reading import Read, line_name, lines_after, own_since
from plugins.stage_lock.rules import OTHER_PIPELINE, Action, Facts, Finding, Own, Pool, Step, Verdict, act, fate, judge
from plugins.stage_lock.words import gave_up_text, put_back_text

HOUR_MICROS = 3600 * 1_000_000
LAGGING_SYNCS_MAX = 3  #: then the record itself is believed
SAME_CASE_MICROS = {"person": 60 * 1_000_000, "other": HOUR_MICROS}  #: a move repeated within that time is the same case


def record_seen(unit: Unit, seen: Seen) -> None:
    read = seen.prepared
    if isinstance(read, Read):
        _Sync(unit, seen, read).run()


def record_gone(entity: str, unit: Unit, record_id: str) -> None:
    """What was known of it stays: it may be restored, and is judged on from there."""
    store.mark_gone(unit.tx, unit.portal.name, entity, record_id, to_micros(unit.now))


@dataclass(frozen=True)
class _Trajectory:
    """From where the record comes, and the steps it made since."""

    here: str | None
    steps: tuple[Step, ...] = ()
    fresh: bool = False
    line: str = ""
    ahead: str = ""
    elsewhere: bool = False


class _Sync:
    """One sync of one record."""

    def __init__(self, unit: Unit, seen: Seen, read: Read) -> None:
        self.unit, self.seen, self.read, self.record = unit, seen, read, read.record
        self.portal, self.tx = unit.portal, unit.tx
        self.key = (unit.portal.name, self.record.entity, self.record.id)
        self.plan: EntityMap = self.portal.mapping.entity(self.record.entity)
        self.settings = settings_of(self.portal)
        self.now = to_micros(unit.now)
        self.known = store.load(self.tx, *self.key)
        self.own: list[Own] = own_since(self.tx, self.portal.name, self.record, self.known)
        self.pool = Pool.of(self.plan)
        self.may_override = frozenset(person.id for person in overriding(read.people, self.settings.override))

    def run(self) -> None:
        since = store.switched_on(self.tx, self.portal.name, self.now)
        if self.read.still:
            if self.known:
                self._rest(self.known)
        elif self.known and self.read.behind and not self.read.silent and self.known.lagging < LAGGING_SYNCS_MAX:
            self._keep(replace(self.known, lagging=self.known.lagging + 1))
            self.unit.resync(self.record.entity, self.record.id)
        elif self.known is None and self._made_in_doubt(since):
            self.unit.resync(self.record.entity, self.record.id)
        else:
            self._judge(self._trajectory(since))

    def _rest(self, known: Known) -> None:
        """It stands where it may."""
        if store.settle(self.tx, *self.key, self.now):
            self._tell_pages()
        if known.unsure or known.gave_up or known.lagging or known.gone:
            self._keep(replace(known, unsure=False, gave_up=0, lagging=0))

    def _made_in_doubt(self, since: int) -> bool:
        """Perhaps it is ours: a create of ours is not answered yet. It matters only where none may be made."""
        if self._is_old(since) or self.record.stage is None or self.pool.may_begin(self.record.stage):
            return False
        return store.made_by_us(self.tx, *self.key).unclear

    def _is_old(self, since: int) -> bool:
        made = self.record.created_at
        return made is None or to_micros(made) < since

    # --- what happened --------------------------------------------------------------------------------------------------

    def _trajectory(self, since: int) -> _Trajectory:
        if self.read.lines is None:
            return self._trajectory_without_history(self._since(since, self.record.elsewhere))
        steps = self._steps()
        since = self._since(since, self.record.elsewhere or any(step.elsewhere for step in steps))
        newest = line_name(self.read.lines[-1]) if self.read.lines else ""
        if self.known:
            ahead = "" if steps else self.known.ahead
            if self.read.behind:
                if self.record.stage_label != ahead:  # else this very stage was judged at an earlier look
                    steps = (*steps, self._present())
                ahead = self.record.stage_label
            steps = steps or self._granted_where_it_stands()
            return _Trajectory(
                self.known.stage, steps, line=newest or self.known.line, ahead=ahead, elsewhere=self.known.elsewhere
            )
        ahead = ""
        if self.read.behind or not steps:
            steps, ahead = (*steps, self._present()), self.record.stage_label
        if not self._is_old(since):
            return _Trajectory(None, self._since_it_is_ours(steps), fresh=True, line=newest, ahead=ahead)
        before = [step for step in steps if step.at < since]
        # It stands from before the lock: what was then is adopted, and so is the first line if nothing tells what was.
        first = before[-1] if before else steps[0]
        return _Trajectory(first.stage, steps[steps.index(first) + 1 :], line=newest, ahead=ahead, elsewhere=first.elsewhere)

    def _since_it_is_ours(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """What another thing was before it became a record of ours is nobody's business; it begins where it came in."""
        if not self.portal.crm.elsewhere_is_foreign:
            return steps
        entered = next((place for place, step in enumerate(steps) if not step.elsewhere), None)
        inside = () if entered is None else steps[entered:]
        return inside or (self._present(),)

    def _since(self, since: int, elsewhere: bool) -> int:
        """What stood in a pipeline that the set does not name before these were closed stays there."""
        return max(since, store.others_closed(self.tx, self.portal.name, self.now)) if elsewhere else since

    def _trajectory_without_history(self, since: int) -> _Trajectory:
        step = self._present()
        if self.known is None:
            old = self._is_old(since)
            outside = old and self.record.elsewhere
            return _Trajectory(self.record.stage if old else None, () if old else (step,), fresh=not old, elsewhere=outside)
        landed = [one for one in self.own if self._landed(one)]
        here = landed[-1].stage if landed else self.known.stage
        elsewhere = self.known.elsewhere and not landed
        same = self.record.stage == here and here is not None and not self.record.elsewhere and not elsewhere
        return _Trajectory(here, () if same else (step,), elsewhere=elsewhere)

    def _landed(self, own: Own) -> bool:
        return not own.pending and own.done_at < self.read.began

    def _steps(self) -> tuple[Step, ...]:
        """The lines that nobody has judged yet."""
        people, lines = self.read.people, self.read.lines or ()
        names_people = any(line.by for line in lines)  # then a line without a name is nobody's: a robot's
        unnamed = "" if names_people else self._author_of_unnamed()
        found = []
        for line in lines_after(lines, self.known.line if self.known else ""):
            last = line is lines[-1] and not self.read.behind and not names_people
            by = line.by or ((self.record.moved_by or self.seen.author) if last else unnamed)
            at = to_micros(line.at)
            who, name = id_of(people, by), line_name(line)
            found.append(Step(line.stage, line.label, who, name, at, line.created, elsewhere=line.elsewhere))
        return tuple(found)

    def _stood(self, trajectory: _Trajectory) -> str | None:
        """Where it truly stood when its history was judged last: perhaps where it may not."""
        lines = self.read.lines or ()
        judged = len(lines) - len(lines_after(lines, self.known.line if self.known else ""))
        return lines[judged - 1].stage if judged else trajectory.here

    def _author_of_unnamed(self) -> str:
        """Whose a move is that neither its line nor the record names: the only author of the deliveries; and if one of them
        may override, theirs, for nobody's allowed move must be put back."""
        authors = [id_of(self.read.people, event.author) for event in self.seen.events if event.author]
        free = [author for author in authors if author in self.may_override]
        return free[-1] if free else sole(self.read.people, authors)

    def _present(self) -> Step:
        """What stands, where no line tells how it came to that: as many moves as were reported may lie in it."""
        reported = sum(event.name.startswith(f"{self.record.entity}.stage") for event in self.seen.events)
        by = id_of(self.read.people, self.record.moved_by or self.seen.author)
        return Step(
            self.record.stage, self.record.stage_label, by, at=self.now, believed=max(1, reported),
            elsewhere=self.record.elsewhere,
        )  # fmt: skip

    def _granted_where_it_stands(self) -> tuple[Step, ...]:
        """A permission given for the stage at which it stands already lets it stay."""
        return (self._present(),) if self.record.stage in self._grants() else ()

    def _objection(self, person: str, start: str, to: str) -> Objection | None:
        """What forbids everybody the move counts before what forbids it to somebody."""
        record = replace(self.record, values=self.seen.expected.values)
        for ask in HOLD.functions(self.portal):
            if found := ask(self.unit, record, start, to):
                return found
        return self.read.objections.get((person, start, to))

    def _grants(self) -> frozenset[str]:
        found = store.grants(self.tx, self.portal.name, entity=self.record.entity, record_id=self.record.id)
        return frozenset(grant.stage for grant in found)

    # --- the judgement ---------------------------------------------------------------------------------------------------

    def _judge(self, trajectory: _Trajectory) -> None:
        history = self.read.lines is not None
        unseen = [] if history else [one for one in self.own if not self._landed(one)]
        if unseen and trajectory.steps:  # no history tells whether the record shows these writes yet
            here = self.record.stage if trajectory.fresh else trajectory.here
            waiting = Verdict(here, elsewhere=trajectory.elsewhere)
            self._keep(self._next(trajectory, waiting, unsure=unseen[-1].stage != self.record.stage))
            return
        facts = Facts(
            self.pool, trajectory.fresh, trajectory.here, trajectory.steps, self.own if history else (),
            may_override=self.may_override, objects=self._objection, grants=self._grants(),
            stood=self._stood(trajectory), ahead=self.known.ahead if self.known else "",
            made_by_us=trajectory.fresh and store.made_by_us(self.tx, *self.key).ours,
            elsewhere=trajectory.elsewhere, others_open=self.settings.other_pipelines == "allow",
            restored=store.deleted_at(self.tx, *self.key[:2], self.record.name) if trajectory.fresh else frozenset(),
        )  # fmt: skip
        verdict = judge(facts)
        pending = any(one.pending and one.number > verdict.own_used for one in self.own)  # they arrive in their order
        gave_up = self.known.gave_up if self.known else 0
        action = act(
            None if self._stands(verdict) else verdict.here, self.record.stage, pending=pending, gave_up=bool(gave_up),
            reversals=store.reversals(self.tx, *self.key, self.now - HOUR_MICROS), limit=self.settings.reversals_per_hour,
        )  # fmt: skip
        if verdict.restored_at:
            store.forget_one_deleted(self.tx, *self.key[:2], self.record.name, verdict.restored_at)
        right = self._stands(verdict)
        if right:
            store.settle(self.tx, *self.key, self.now)
        left = gave_up and not right
        number = 0 if left else self._keep_cases(trajectory, verdict, action, right)
        store.use_grants(self.tx, *self.key, verdict.used_grants, self.now)
        known = self._next(trajectory, verdict, unsure=action in ("wait", "put_back"))
        self._keep(replace(known, gave_up=gave_up if left else self._carry_out(action, verdict, number)))

    def _stands(self, verdict: Verdict) -> bool:
        """Whether the record stands where it may."""
        if self.record.elsewhere:
            return verdict.elsewhere
        return verdict.here is None or verdict.here == self.record.stage

    def _next(self, trajectory: _Trajectory, verdict: Verdict, *, unsure: bool) -> Known:
        """What the next sync begins with."""
        known = self.known or Known(None)
        history = self.read.lines is not None
        arrived = [one.number for one in self.own if self._landed(one) and (not history or one.stage == self.record.stage)]
        label = self.record.stage_label if verdict.elsewhere or not verdict.here else self.plan.stage[verdict.here].label
        return Known(
            verdict.here, label, trajectory.line or known.line, self.now, max([known.written, verdict.own_used, *arrived]),
            trajectory.ahead, unsure=unsure, elsewhere=verdict.elsewhere, name=self.record.name,
        )  # fmt: skip

    def _keep(self, known: Known) -> None:
        store.keep(self.tx, *self.key, known)

    # --- cases -----------------------------------------------------------------------------------------------------------

    def _keep_cases(self, trajectory: _Trajectory, verdict: Verdict, action: Action, right: bool) -> int:
        """Each finding is a case; returns the number of the one for which the stage is put back."""
        number = 0
        for finding in verdict.findings:
            later = trajectory.steps[trajectory.steps.index(finding.step) + 1 :]
            outcome: Outcome = finding.kind if finding.kind != "refused" else fate(finding, later, right)
            kept = self._keep_case(finding, outcome)
            number = kept if finding.kind == "refused" else number
        unanswered = not verdict.findings and action in ("put_back", "give_up")
        if unanswered and (newest := store.newest(self.tx, *self.key)):
            # What we wrote did not come through, or was undone without a line telling so: still the same case.
            number = newest.number
            store.once_more(self.tx, self.portal.name, number, self.now, outcome="put_back", open_again=True)
        if verdict.findings:
            self._tell_pages()
        return number

    def _keep_case(self, finding: Finding, outcome: Outcome) -> int:
        step, people = finding.step, self.read.people
        is_open = outcome == "put_back"
        newest = store.newest(self.tx, *self.key) if is_open else None
        if newest and self._is_same(newest, finding):
            store.once_more(self.tx, self.portal.name, newest.number, self.now, outcome=outcome, open_again=True)
            return newest.number
        return store.new_case(
            self.tx,
            Case(
                0, *self.key, name=self.record.name, person=step.by, person_name=name_of(people, step.by),
                from_stage=finding.start, to_stage=step.stage or "", to_label=step.label, why=finding.why, outcome=outcome,
                times=1, moved_at=step.at, found_at=self.now, last_at=self.now,
                settled_at=None if is_open else self.now, trace=self.unit.trace,
            ),
        )  # fmt: skip

    def _is_same(self, case: Case, finding: Finding) -> bool:
        person = find(self.read.people, finding.step.by)
        span = SAME_CASE_MICROS["person" if person and person.role != "robot" else "other"]
        same = (case.from_stage, case.to_label, case.person) == (finding.start, finding.step.label, finding.step.by)
        return same and (case.settled_at is None or case.last_at > self.now - span)

    # --- what goes out ---------------------------------------------------------------------------------------------------

    def _carry_out(self, action: Action, verdict: Verdict, number: int) -> int:
        """Returns the case at which we gave up, if we did."""
        case = store.one_case(self.tx, self.portal.name, number) if number else None
        if action == "give_up" and case:
            store.mark_given_up(self.tx, self.portal.name, number)
            self._tell_heads(case)
            return number
        if action == "put_back":
            assert verdict.here is not None
            # The sync that follows sees whether it came through.
            self.unit.update(self.record.entity, self.record.id, {}, stage=verdict.here, resync=True)
            self.unit.flush()  # before the comment: calls leave in the order in which they are written down
            store.put_back(self.tx, *self.key, self.now)
            if case:
                self._tell_mover(case, verdict.here)
        return 0

    def _tell_mover(self, case: Case, back_to: str) -> None:
        language = self.portal.mapping.portal.language
        text = put_back_text(self.plan, case.why, case.from_stage, case.to_label, back_to, language)
        to = recipients(self.read.people, case.person)
        if case.why.code == OTHER_PIPELINE:  # the way round is for the heads to know
            to = tuple(dict.fromkeys((*to, *self._heads())))
        self.unit.comment(
            case.entity, case.record_id, text, to=to,
            key=f"stage_lock:{case.portal}:{case.number}",
        )  # fmt: skip

    def _tell_heads(self, case: Case) -> None:
        language = self.portal.mapping.portal.language
        times = store.reversals(self.tx, *self.key, self.now - HOUR_MICROS)
        text = gave_up_text(self.plan, case.from_stage, case.to_label, times, language)
        key = f"stage_lock:{case.portal}:{case.number}:gave_up"
        self.unit.comment(case.entity, case.record_id, text, to=self._heads(), key=key)

    def _heads(self) -> tuple[str, ...]:
        return tuple(person.id for person in overriding(self.read.people, self.settings.override))

    def _tell_pages(self) -> None:
        self.tx.after_commit(self.portal.changed)
