"""What is asked before a unit of work begins: the record's history, who moved it, and what others object to.

Most syncs end here, for nothing was moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kernel.crm import Move, Person, Record
from kernel.errors import Fault
from kernel.extension.model import author_of
from kernel.extension.portal import Portal
from kernel.extension.reading import ReadAgain, ReadOnlyPortal
from kernel.jobs import inbox
from kernel.jobs.inbox import Waiting
from kernel.storage import Tx
from kernel.telemetry import log
from plugins.stage_lock import store
from plugins.stage_lock.hooks import OBJECTION
from plugins.stage_lock.model import Known, Objection
from plugins.stage_lock.people import find, id_of, settings_of
from plugins.stage_lock.rules import Own

LAG_SECONDS = 0.5
OWN_LINES_MICROS = 60 * 1_000_000  #: so long after a write of ours its line of history may still be in flight


Asked = tuple[str, str, str]  #: a person, from which stage, to which stage


@dataclass(frozen=True)
class Read:
    """A record beside its history."""

    record: Record
    began: int  #: what took effect before that moment (microseconds) is in it
    lines: tuple[Move, ...] | None = None  #: None: the CRM keeps no history
    behind: bool = False  #: the history does not report the stage at which the record stands
    silent: bool = False  #: nor can it be expected to: the CRM does not tell in it that a record was taken out of the set
    still: bool = False  #: nothing was moved since the last sync; nothing was asked
    people: Sequence[Person] = ()
    objections: Mapping[Asked, Objection] = field(default_factory=dict)


def prepare(portal: ReadOnlyPortal, record: Record) -> Read | None:
    if record.entity not in settings_of(portal).entities or record.entity not in portal.mapping.entities:
        return None
    with portal.database.read() as tx:
        known = store.load(tx, portal.name, record.entity, record.id)
        own = own_since(tx, portal.name, record, known)
        waiting = inbox.waiting_for(tx, portal.name, record.entity, record.id)
    began, lines = portal.read_at, None
    if known and _stands_still(known, record, own):
        if all(one.event.name == inbox.ASKED for one in waiting):
            return Read(record, began, still=True)  # we asked ourselves, after a write of ours
        # There and back again between two syncs: only the history shows it.
        lines = _moves(portal, record)
        if lines is None or not lines_after(lines, known.line):
            return Read(record, began, still=True)
    lines = _moves(portal, record) if lines is None else lines
    behind = lines is not None and _behind(lines, record, known)
    silent = behind and record.elsewhere and portal.crm.elsewhere_is_foreign
    if behind and not silent and not portal.last_reading:  # the record is older than its history, or the history comes late
        raise ReadAgain(LAG_SECONDS)
    mover = _mover(record, lines, behind) or ("" if _names_people(lines) else author_of([one.event for one in waiting]))
    people = _people(portal, mover)
    objections = _objections(portal, record, _moves_by_people(known, record, lines, behind, mover, waiting, people))
    return Read(record, began, lines, behind, silent, people=people, objections=objections)


def _moves(portal: Portal, record: Record) -> tuple[Move, ...] | None:
    """None where the CRM keeps no history of such records."""
    history = portal.crm.history
    found = history.moves(record.entity, record.id) if history else None
    return None if found is None else ordered(found)


def own_since(tx: Tx, portal: str, record: Record, known: Known | None) -> list[Own]:
    """Our own writes of the stage that no sync has accounted for."""
    after, since = (known.written, known.judged_at - OWN_LINES_MICROS) if known else (0, 0)
    return store.own_writes(tx, portal, record.entity, record.id, after=after, since=since)


def ordered(lines: Sequence[Move]) -> tuple[Move, ...]:
    """Oldest first: by the CRM's own numbers where it has them, for many moves may share one second."""
    if all(line.id.isdecimal() for line in lines):
        return tuple(sorted(lines, key=lambda line: int(line.id)))
    return tuple(sorted(lines, key=lambda line: line.at))


def lines_after(lines: Sequence[Move], line: str) -> tuple[Move, ...]:
    """Those newer than the named line; all of them if it is not among them and has no number to compare."""
    if line.isdecimal() and all(one.id.isdecimal() for one in lines):
        return tuple(one for one in lines if int(one.id) > int(line))
    places = [place for place, one in enumerate(lines, 1) if line and line_name(one) == line]
    return tuple(lines[places[-1] :] if places else lines)


def line_name(line: Move) -> str:
    return line.id or f"{line.at.isoformat()} {line.label}"


def _stands_still(known: Known, record: Record, own: Sequence[Own]) -> bool:
    if record.elsewhere or known.elsewhere:
        return record.elsewhere and known.elsewhere and record.stage_label == known.label and not own
    same = record.stage == known.stage and (record.stage is not None or record.stage_label == known.label)
    return same and all(one.stage == known.stage for one in own)


def _behind(lines: Sequence[Move], record: Record, known: Known | None) -> bool:
    if not lines:
        return known is not None and known.stage != record.stage
    last = lines[-1]
    if last.stage is None and record.stage is None:
        return last.label != record.stage_label
    return last.stage != record.stage


def _names_people(lines: Sequence[Move] | None) -> bool:
    return any(line.by for line in lines or ())


def _mover(record: Record, lines: Sequence[Move] | None, behind: bool) -> str:
    last = lines[-1].by if lines and not behind else ""
    return last or record.moved_by


def _people(portal: Portal, mover: str) -> Sequence[Person]:
    """Who moves something works here: a list that says otherwise is from before they came back."""
    people = portal.people()
    known = find(people, mover)
    return portal.people(seconds=0) if known and not known.active else people


def _moves_by_people(
    known: Known | None, record: Record, lines: Sequence[Move] | None, behind: bool, mover: str, waiting: Sequence[Waiting],
    people: Sequence[Person],
) -> Iterator[Asked]:  # fmt: skip
    """Which moves nobody has judged yet, with everybody who may have made them. A move begins where the last allowed one had
    led, and which of them are allowed is judged later, so each earlier stage may be its start."""
    if known is None:
        return
    unjudged = list(lines_after(lines, known.line)) if lines is not None else []
    unnamed = [mover] if _names_people(lines) else [mover, *(one.event.author for one in waiting)]
    steps = [(line.stage, [line.by] if line.by else unnamed) for line in unjudged]
    if lines is None or behind:
        steps.append((record.stage, unnamed))
    elif steps and not unjudged[-1].by:
        steps[-1] = (steps[-1][0], [*steps[-1][1], record.moved_by])
    starts = {known.stage or ""}
    for stage, movers in steps:
        for start in sorted(starts):
            for person in movers:
                if person and stage and stage != start:
                    yield id_of(people, person), start, stage
        starts.add(stage or "")


def _objections(portal: ReadOnlyPortal, record: Record, moves: Iterable[Asked]) -> dict[Asked, Objection]:
    """What cannot be found out is asked once more; then it is no objection, for nothing is put back on a guess."""
    found = {}
    for move in dict.fromkeys(moves):
        if objection := _objection(portal, record, move):
            found[move] = objection
    return found


def _objection(portal: ReadOnlyPortal, record: Record, move: Asked) -> Objection | None:
    person, start, to = move
    for ask in OBJECTION.functions(portal):
        try:
            found = ask(portal, person, record, start, to)
        except Fault as exc:
            if exc.retry and not portal.last_reading:
                raise ReadAgain(LAG_SECONDS) from exc
            log.warning("stage_lock.unasked", reason=str(exc))
            continue
        if found:
            return found
    return None
