"""What other plugins may use: who is fit and why not, what waits, what was decided, bars; and giving out by request."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.storage import Tx
from kernel.values import from_micros, to_micros
from plugins.assignment import assigning, eligibility, exclusions, store
from plugins.assignment.assigning import reason_text, reasons_text
from plugins.assignment.exclusions import Exclusion
from plugins.assignment.hooks import ELIGIBILITY_CHANGED, UNFIT
from plugins.assignment.rules import Reason
from plugins.assignment.settings import label_of
from plugins.assignment.store import Decision, Waiting

REASON_CHARACTERS_MAX = 300


@dataclass(frozen=True)
class MemberView:
    """A member of a queue as they stand now."""

    queue: str
    id: str
    name: str
    groups: tuple[str, ...]
    weight: int
    eligible: bool
    reasons: tuple[Reason, ...]  #: why they get nothing now
    overdue: int | None  #: their leads and deals with overdue activities
    in_hand: int  #: of what was given to them here, how many are still open and theirs
    today: int  #: how many were given to them since midnight
    claim: Fraction  #: what is due to them beyond what they got
    exclusion: Exclusion | None


@dataclass(frozen=True)
class QueueView:
    """A queue as it stands now; `asked_at` is when the CRM was last asked who is fit."""

    name: str
    entity: str
    groups: tuple[str, ...]
    overdue_max: int
    asked_at: datetime | None
    problem: str
    waiting: int
    members: tuple[MemberView, ...]


def queues(unit: Unit, groups: Collection[str] | None = None) -> list[QueueView]:
    """All queues with their members; with `groups` only those members who belong to one of these."""
    found = [_queue(unit, name) for name in eligibility.settings_of(unit.portal).queue]
    if groups is None:
        return found
    wanted = {group.casefold() for group in groups}
    own = [_only(queue, wanted) for queue in found]
    return [one for one in own if one.members or {group.casefold() for group in one.groups} & wanted]


def _only(queue: QueueView, wanted: set[str]) -> QueueView:
    kept = tuple(one for one in queue.members if {group.casefold() for group in one.groups} & wanted)
    return QueueView(
        queue.name, queue.entity, queue.groups, queue.overdue_max, queue.asked_at, queue.problem, queue.waiting, kept
    )


def _queue(unit: Unit, name: str) -> QueueView:
    tx, portal = unit.tx, unit.portal
    settings, known = eligibility.settings_of(portal).queue[name], store.eligibility(tx, portal.name, name)
    midnight = unit.now.astimezone(portal.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    loads = store.loads(tx, portal.name, name, to_micros(midnight))
    shares, standing = store.shares(tx, portal.name, name), exclusions.standing(tx, portal.name, to_micros(unit.now))
    views = []
    for one in eligibility.judged(unit, known) if known else ():
        in_hand, today = loads.get(one.id, (0, 0))
        claim = shares[one.id].claim if one.id in shares else Fraction(0)
        views.append(
            MemberView(
                name,
                one.id,
                one.name,
                one.groups,
                one.weight,
                one.eligible,
                one.reasons,
                one.overdue,
                in_hand,
                today,
                claim,
                standing.get(one.id),
            )
        )
    asked_at = from_micros(known.read_at, portal.zone) if known and known.read_at else None
    return QueueView(
        name, settings.entity, tuple(settings.groups), settings.overdue_max, asked_at, known.problem if known else "",
        store.count_waiting(tx, portal.name, name), tuple(views),
    )  # fmt: skip


def label(portal: Portal, queue: str, language: str) -> str:
    """What people call a queue; one that is no longer in the settings goes by its name."""
    return label_of(eligibility.queue_of(portal, queue), queue, language)


def waiting(unit: Unit, queue: str, most: int = 50) -> list[Waiting]:
    """What waits in a queue, from its front."""
    return store.front(unit.tx, unit.portal.name, queue, most=most)


def decisions(unit: Unit, queues: Sequence[str], most: int = 50) -> list[Decision]:
    """The last decisions of these queues, newest first."""
    return store.last_decisions(unit.tx, unit.portal.name, queues, most)


def decision(unit: Unit, entity: str, record_id: str) -> Decision | None:
    """The newest decision about a record."""
    return store.newest(unit.tx, unit.portal.name, entity, record_id)


def version(tx: Tx) -> str:
    """Changes with whatever is shown of the above."""
    return store.version(tx)


# --- bars -------------------------------------------------------------------------------------------------------------


def exclude(unit: Unit, person: str, *, by: str, reason: str, until: datetime | None = None) -> None:
    """From now on that person gets nothing. A bar that held is replaced."""
    now = to_micros(unit.now)
    if until is not None and to_micros(until) <= now:
        raise BadInput.of("asg_bar_past", field="until")
    if len(reason) > REASON_CHARACTERS_MAX:
        raise BadInput.of("asg_bar_long", field="reason", most=REASON_CHARACTERS_MAX)
    names = _hold(unit, person)
    exclusions.lift(unit.tx, unit.portal.name, person, by, now)
    fresh = Exclusion(unit.portal.ids.new(), person, by, reason.strip(), now, to_micros(until) if until else None)
    exclusions.add(unit.tx, unit.portal.name, fresh)
    for name in names:
        assigning.changed(unit, name)


def lift_exclusion(unit: Unit, person: str, *, by: str) -> bool:
    """Lift the bar; what waits is looked at again at once. Says whether there was one."""
    names = _hold(unit, person)
    lifted = exclusions.lift(unit.tx, unit.portal.name, person, by, to_micros(unit.now))
    for name in names if lifted else ():
        assigning.changed(unit, name)
        wake(unit, name)
    return bool(lifted)


def _hold(unit: Unit, person: str) -> list[str]:
    """The queues that person is in, held in one order, so that a bar falls before a decision or after it, never within."""
    portal, found = unit.portal, []
    for name in sorted(eligibility.settings_of(portal).queue):
        if person in eligibility.ids_of(unit.tx, portal, name)[0]:
            store.open_queue(unit.tx, portal.name, name, to_micros(unit.now))
            found.append(name)
    if not found:
        raise BadInput.of("asg_no_member", field="person")
    return found


def exclusions_of(unit: Unit, person: str, most: int = 20) -> list[Exclusion]:
    """A person's bars, newest first, past ones too."""
    return exclusions.past(unit.tx, unit.portal.name, person, most)


# --- giving out -------------------------------------------------------------------------------------------------------


def wake(unit: Unit, queue: str) -> None:
    """Have the front of the queue looked at, which gives out what can be given."""
    for one in store.front(unit.tx, unit.portal.name, queue, most=1):
        unit.resync(one.entity, one.record_id)


def again(unit: Unit, entity: str, record_id: str, *, by: str) -> None:
    """A person wants the record given to somebody else. Raises BadInput if it was never given, or waits already."""
    if (one := decision(unit, entity, record_id)) is not None:
        store.open_queue(unit.tx, unit.portal.name, one.queue, to_micros(unit.now))
        one = decision(unit, entity, record_id)
    if one is None or one.outcome != "given" or store.waiting(unit.tx, unit.portal.name, entity, record_id):
        raise BadInput.of("asg_not_given", field="record")
    assigning.take_back(unit, one, "again", by)


def give_out(unit: Unit, queue: str, entity: str, record_id: str, *, by: str) -> None:
    """Another plugin made a record and wants it given out, whatever its source and stage. Decided once all the same."""
    portal, now = unit.portal, to_micros(unit.now)
    if queue not in eligibility.settings_of(portal).queue:
        raise BadInput.of("asg_no_queue", field="queue", queue=queue[:60])
    store.open_queue(unit.tx, portal.name, queue, now)
    if decision(unit, entity, record_id) or store.waiting(unit.tx, portal.name, entity, record_id):
        return
    number = assigning.number_of(record_id)
    store.join(unit.tx, portal.name, Waiting(entity, record_id, queue, now, number, now, 0, "", "", "", by))
    assigning.changed(unit, queue)
    unit.resync(entity, record_id)


def until_in(portal: Portal, minutes: int) -> datetime:
    return portal.clock.now() + timedelta(minutes=minutes)


__all__ = [
    "ELIGIBILITY_CHANGED",
    "UNFIT",
    "Decision",
    "Exclusion",
    "MemberView",
    "QueueView",
    "Reason",
    "Waiting",
    "again",
    "decision",
    "decisions",
    "exclude",
    "exclusions_of",
    "give_out",
    "label",
    "lift_exclusion",
    "queues",
    "reason_text",
    "reasons_text",
    "until_in",
    "version",
    "waiting",
    "wake",
]
