"""Carrying out one outgoing call against its connection.

Before the request leaves, the try is written down; so whoever comes after a crash knows that the call may have been
carried out. What then follows is the verb's: it is simply repeated, or looked for before it is repeated, or, where it
cannot be repeated, left `uncertain` for a receipt or a person to decide (kernel.extension.decisions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from kernel.conversations import sending, timeline
from kernel.crm.gone import gone_since
from kernel.errors import (
    AnnexError,
    Fault,
    Misconfigured,
    Moved,
    NoRight,
    Rejected,
    Throttled,
    Undecided,
    Unreachable,
    Unverified,
)
from kernel.extension.asked import Asked, noted
from kernel.extension.connector import Connection, Verb
from kernel.extension.crm_verbs import (
    ADD_ACTIVITY,
    EDIT_COMMENT,
    END_PROCESS,
    HAND_OVER_PROCESS,
    MOVE_ACTIVITIES,
    RESTORE,
    START_PROCESS,
    WRITE_COMMENT,
)
from kernel.extension.model import Plugin
from kernel.extension.portal import Portal, Unit
from kernel.http.gate import Overtaken, fenced
from kernel.jobs import Again, outgoing, timers
from kernel.jobs.outgoing import Call
from kernel.storage import Tx
from kernel.telemetry import log
from kernel.values import from_micros, to_micros

PAUSE_SECONDS_MAX = 300.0
SILENT_PAUSE_SECONDS_MAX = 15.0  #: after no answer at all: a system that is back must not wait long for us
UNVERIFIED_TRIES = 5
TO_A_RECORD = (
    "update", "comment", "update_row", "put_row", RESTORE, WRITE_COMMENT, EDIT_COMMENT, START_PROCESS, HAND_OVER_PROCESS,
    END_PROCESS, ADD_ACTIVITY, MOVE_ACTIVITIES,
)  # fmt: skip
MESSAGE_PAUSE_SECONDS_MAX = 60.0  #: the same for messages
HELD_SECONDS_MAX = 1.5  #: so long a waiting message keeps its job
GIVE_UP_AFTER_SECONDS = 48 * 3600
GIVE_UP_SENDING_AFTER_SECONDS = 7 * 24 * 3600
DIED = "the process that sent it ended, or lost its place, before the answer was written down"
ANSWERS = "kernel.calls"  #: in a portal's memory: answers that the database could not take yet


@dataclass(frozen=True)
class _Try:
    """One try at a call: `call.attempts` counts those before it."""

    call: Call
    connection: Connection
    verb: Verb

    @property
    def number(self) -> int:
        return self.call.attempts + 1

    @property
    def once_only(self) -> bool:
        return self.verb.repeat == "never"


def carry_out(portal: Portal, plugins: Sequence[Plugin], args: Mapping[str, Any]) -> None:
    """Run one call job. Raises Again when it should be tried later; keeps its place in the lane meanwhile.

    A message that has to wait gives its job back and gets another one later (a timer): a chat system that is away holds no
    place of a worker. Messages behind it end at once, and it wakes the next of them.
    """
    try:
        _carry_out(portal, plugins, args)
    except Again as again:
        if not _park(portal, args["id"], again.seconds):
            raise
    else:
        if args.get("parked"):
            _wake_next(portal, args["id"])


def _waits(portal: Portal, tx: Tx, call: Call, thread: str) -> bool:
    """Whether it is another message's turn, or nothing can be sent there. Whoever opens the thread again lets it leave; one
    that waits too long comes up by itself, and fails."""
    if outgoing.first_open(tx, call) != call.id:
        return True
    found = timeline.thread(tx, thread)
    until = _sendable_until(call)
    if found is None or found.closed_at is None or portal.clock.now() >= until:
        return False
    timers.set_timer(tx, outgoing.PARKED, call.id, until, {})
    return True


def _sendable_until(call: Call) -> datetime:
    return from_micros(call.created_at) + timedelta(seconds=GIVE_UP_SENDING_AFTER_SECONDS)


def _park(portal: Portal, call_id: str, seconds: float) -> bool:
    with portal.database.write() as tx:
        call = outgoing.load(tx, call_id)
        if call is None or seconds <= HELD_SECONDS_MAX or not (sending.THREAD in call.payload or _has_pauses(portal, call)):
            return False
        timers.set_timer(tx, outgoing.PARKED, call_id, portal.clock.now() + timedelta(seconds=seconds), {})
        return True


def _has_pauses(portal: Portal, call: Call) -> bool:
    try:
        return bool(portal.verb(call)[1].pauses)
    except Misconfigured:
        return False


def _wake_next(portal: Portal, call_id: str) -> None:
    with portal.database.write() as tx:
        call = outgoing.load(tx, call_id)
        if call is None or sending.THREAD not in call.payload:
            return
        following = outgoing.first_open(tx, call)
        if following not in ("", call_id) and (waiting := outgoing.load(tx, following)) is not None:
            outgoing.revive(tx, waiting, queue=portal.queue, mark=f"after{call_id}")


def _carry_out(portal: Portal, plugins: Sequence[Plugin], args: Mapping[str, Any]) -> None:
    with portal.unit() as unit:
        call = outgoing.locked(unit.tx, args["id"])
        if call is None or call.state not in ("waiting", "sending"):
            return
        if (thread := str(call.payload.get(sending.THREAD, ""))) and _waits(portal, unit.tx, call, thread):
            return
        unit.trace = call.trace
        answers = portal.memory.setdefault(ANSWERS, {})
        known = answers.get((call.id, call.attempts)) if call.state == "sending" else None
        one = None if known is not None else _begin(unit, plugins, call)
    if known is not None:  # the answer came, and then the database went away
        _done(portal, plugins, replace(call, attempts=call.attempts - 1), known)
        return
    if one is None:
        return
    with noted() as asked:
        try:
            _attempt(portal, plugins, one)
        except Exception:
            _tell_asked(portal, plugins, one.call, asked)
            raise
        _tell_asked(portal, plugins, one.call, asked)


def _attempt(portal: Portal, plugins: Sequence[Plugin], one: _Try) -> None:
    call = one.call
    try:
        with fenced(portal.database, lambda tx: outgoing.still_ours(tx, call.id, one.number)):
            result = one.verb.run(one.connection, one.call, one.call.attempts > 0)
    except Overtaken:
        log.warning("call.overtaken", verb=call.verb, lane=call.lane)
        return
    except Fault as exc:
        _put_off(portal, plugins, one, exc)
        return
    except AnnexError as exc:  # set up wrong: a repeat would only do harm; a person has to fix it first
        if isinstance(exc, Misconfigured) and sending.THREAD in one.call.payload and not one.once_only:
            _wait_for_a_person(portal, one, exc)
        _fail(portal, plugins, one, exc)
        return
    except Exception as exc:
        if one.once_only:  # nobody knows how far it got
            _uncertain(portal, plugins, one, f"{type(exc).__name__} in our own code while it was sent")
        raise
    _done(portal, plugins, one.call, result)


def _tell_asked(portal: Portal, plugins: Sequence[Plugin], call: Call, asked: Sequence[Asked]) -> None:
    """Only a log is kept by it: whatever goes wrong here leaves the call as it is."""
    handlers = [plugin.asked[call.verb] for plugin in plugins if call.verb in plugin.asked]
    if not (asked and handlers):
        return
    try:
        with portal.unit(trace=call.trace) as unit:
            for run in handlers:
                run(unit, call, asked)
    except Exception:
        log.exception("call.asked_not_noted", verb=call.verb, lane=call.lane)


def finish(unit: Unit, plugins: Sequence[Plugin], call: Call, result: str) -> None:
    """The call came through: write it down and do what its plugin wanted done then."""
    outgoing.mark(unit.tx, call.id, "done", unit.portal.clock, result=result)
    sending.arrived(unit.tx, call.payload, result, unit.portal.clock)
    if call.payload.get(outgoing.RESYNC):
        unit.resync(call.payload["entity"], call.payload["id"])
    if name := call.payload.get("done"):
        handler = next(plugin.done[name] for plugin in plugins if name in plugin.done)
        handler(unit, call.payload, result)


def come_to_nothing(unit: Unit, plugins: Sequence[Plugin], call: Call, state: str, reason: str) -> None:
    """The call `failed`, or is `uncertain`: write it down and tell the plugin that wanted it."""
    outgoing.mark(unit.tx, call.id, state, unit.portal.clock, reason=reason)
    if name := call.payload.get("done"):
        for plugin in plugins:
            if name in plugin.undone:
                plugin.undone[name](unit, call.payload, state, reason)
    log.error(f"call.{state}", verb=call.verb, lane=call.lane, reason=reason)


def _begin(unit: Unit, plugins: Sequence[Plugin], call: Call) -> _Try | None:
    """Write a try down; None if there is none to make."""
    portal, tx = unit.portal, unit.tx
    try:
        connection, verb = portal.verb(call)
    except Misconfigured as exc:
        come_to_nothing(unit, plugins, call, "failed", str(exc))
        return None
    if call.state == "sending" and verb.repeat == "never":
        come_to_nothing(unit, plugins, call, "uncertain", DIED)
        return None
    fresh = outgoing.not_overtaken(tx, call)
    if fresh is None or (call.state == "waiting" and call.attempts == 0 and outgoing.superseded(tx, call)):
        outgoing.mark(tx, call.id, "superseded", portal.clock)  # nobody is told: a newer one brings about what was wanted
        return None
    if sending.THREAD in fresh.payload:
        fresh = sending.prepared(tx, fresh)
    if call.target:
        made, tried = outgoing.earlier_rows(tx, call)
        fresh = replace(fresh, row_made=made, row_tried=tried)
    return _Try(replace(fresh, attempts=outgoing.starting(tx, call.id) - 1), connection, verb)


def _done(portal: Portal, plugins: Sequence[Plugin], call: Call, result: str) -> None:
    number, answers = call.attempts + 1, portal.memory.setdefault(ANSWERS, {})
    answers[call.id, number] = result
    with portal.unit(trace=call.trace) as unit:
        late = outgoing.answered_late(unit.tx, call.id, number)
        ours = late or outgoing.still_ours(unit.tx, call.id, number)
        if ours:
            finish(unit, plugins, call, result)
        if late:
            outgoing.keep_decision(unit.tx, call.id, "", "arrived", "its answer came after all", portal.clock)
    answers.pop((call.id, number), None)
    if ours:
        log.info("call.done", verb=call.verb, lane=call.lane, attempts=number)
    else:
        log.warning("call.overtaken", verb=call.verb, lane=call.lane)


def _put_off(portal: Portal, plugins: Sequence[Plugin], one: _Try, exc: Fault) -> None:
    call, tries, age = one.call, one.number, (to_micros(portal.clock.now()) - one.call.created_at) / 1e6
    if isinstance(exc, Undecided) or (one.once_only and (exc.maybe_done or isinstance(exc, Unverified))):
        _uncertain(portal, plugins, one, str(exc))
        return
    to_people = sending.THREAD in call.payload
    if isinstance(exc, NoRight) and to_people and age <= GIVE_UP_SENDING_AFTER_SECONDS:
        _close_thread(portal, plugins, one, exc)
        return
    if isinstance(exc, Moved) and to_people:
        _address_moved(portal, one, exc)
    hopeless = not exc.retry or (isinstance(exc, Unverified) and tries >= UNVERIFIED_TRIES)
    too_old = age > (GIVE_UP_SENDING_AFTER_SECONDS if to_people else GIVE_UP_AFTER_SECONDS) and not one.verb.pauses
    if hopeless or too_old:
        if hopeless and _without_target(portal, call, exc):
            _drop(portal, one)
        else:
            _fail(portal, plugins, one, exc)
        return
    with portal.database.write() as tx:
        if not outgoing.still_ours(tx, call.id, tries):
            return
        if one.once_only or (not exc.maybe_done and (to_people or one.verb.pauses or isinstance(exc, Throttled))):
            outgoing.not_sent(tx, call.id, str(exc))
        else:
            outgoing.mark(tx, call.id, "sending", portal.clock, reason=str(exc))
    log.warning("call.again", verb=call.verb, lane=call.lane, reason=str(exc), tries=tries)
    raise Again(_pause(one, exc, age, to_people=to_people)) from exc


def _pause(one: _Try, exc: Fault, age: float, *, to_people: bool) -> float:
    """Seconds until the next try."""
    wait = age / 4 if to_people else float(2 ** min(one.number - 1, 8))
    longest = PAUSE_SECONDS_MAX
    if isinstance(exc, Throttled):
        wait = exc.wait_seconds
    elif one.verb.pauses:
        # A try that surely came to nothing does not count, so there the age says how long to wait.
        wait = one.verb.pauses[min(one.number, len(one.verb.pauses)) - 1] if exc.maybe_done else age / 2
    elif isinstance(exc, Unreachable):
        longest = MESSAGE_PAUSE_SECONDS_MAX if to_people else SILENT_PAUSE_SECONDS_MAX
    return min(max(wait, 1.0), longest)


def _wait_for_a_person(portal: Portal, one: _Try, exc: Misconfigured) -> None:
    """The channel is set up wrong (a token that is refused, say): its messages were not sent, and wait until that is fixed.
    Raises Again, unless they have waited too long."""
    if portal.clock.now() >= _sendable_until(one.call):
        return
    with portal.database.write() as tx:
        if outgoing.still_ours(tx, one.call.id, one.number):
            outgoing.not_sent(tx, one.call.id, one.connection.in_words(str(exc)))
    log.error("call.waits", verb=one.call.verb, lane=one.call.lane, reason=str(exc))
    raise Again(MESSAGE_PAUSE_SECONDS_MAX) from exc


def _close_thread(portal: Portal, plugins: Sequence[Plugin], one: _Try, exc: NoRight) -> None:
    """We may not write there any more: what is to be sent waits until we may again, and who watches the thread is told."""
    with portal.unit(trace=one.call.trace) as unit:
        if not outgoing.still_ours(unit.tx, one.call.id, one.number):
            return
        outgoing.not_sent(unit.tx, one.call.id, str(exc))
        thread_id = str(one.call.payload[sending.THREAD])
        unit.set_timer(outgoing.PARKED, one.call.id, _sendable_until(one.call), {})
        if timeline.close(unit.tx, thread_id, str(exc), portal.clock):
            for plugin in plugins:
                if plugin.on_closed is not None:
                    plugin.on_closed(unit, thread_id, str(exc))
    log.warning("thread.closed", lane=one.call.lane, reason=str(exc))


def _address_moved(portal: Portal, one: _Try, exc: Moved) -> None:
    """The thread has another address from now on; what waits goes there. Raises Again."""
    with portal.database.write() as tx:
        if not outgoing.still_ours(tx, one.call.id, one.number):
            return
        thread = timeline.thread(tx, one.call.payload[sending.THREAD])
        assert thread is not None
        old = str(one.call.payload["address"])
        timeline.move(tx, thread.connection, thread.account, old, exc.address, clock=portal.clock, ids=portal.ids)
        if one.call.attempts == 0:
            sending.forget_try(tx, one.call)
        outgoing.not_sent(tx, one.call.id, str(exc))
    raise Again(0.0) from exc


def _fail(portal: Portal, plugins: Sequence[Plugin], one: _Try, exc: AnnexError) -> None:
    _ended(portal, plugins, one, "failed", one.connection.in_words(str(exc)))


def _uncertain(portal: Portal, plugins: Sequence[Plugin], one: _Try, reason: str) -> None:
    """It may have arrived, and nobody can look: from here on it takes a receipt or a person."""
    _ended(portal, plugins, one, "uncertain", reason)


def _ended(portal: Portal, plugins: Sequence[Plugin], one: _Try, state: str, reason: str) -> None:
    """It did not come through, or nobody knows: written down, and whoever wanted it is told."""
    call = one.call
    with portal.unit(trace=call.trace) as unit:
        if not outgoing.still_ours(unit.tx, call.id, one.number):
            return
        come_to_nothing(unit, plugins, call, state, reason)


def _without_target(portal: Portal, call: Call, exc: Fault) -> bool:
    """Whether the call came to nothing because the CRM no longer has the record: that needs no person. A refusal alone does
    not say so, since a field or a row may be missing as well."""
    if call.connection != portal.name or call.verb not in TO_A_RECORD or not isinstance(exc, Rejected | Unverified):
        return False
    entity, record_id = call.payload["entity"], call.payload["id"]
    try:
        return record_id not in portal.crm.existing(entity, [record_id])
    except Fault as fault:
        if fault.retry:
            raise Again(SILENT_PAUSE_SECONDS_MAX) from fault
        return False


def _drop(portal: Portal, one: _Try) -> None:
    """Nothing is left to write to. Its plugin hears that the record is gone, as everybody who watches it does."""
    call = one.call
    entity, record_id = call.payload["entity"], call.payload["id"]
    with portal.unit(trace=call.trace) as unit:
        if not outgoing.still_ours(unit.tx, call.id, one.number):
            return
        outgoing.mark(unit.tx, call.id, "dropped", portal.clock, reason=f"the CRM no longer has {entity} {record_id}")
        if gone_since(unit.tx, portal.name, entity, record_id) is None:
            unit.resync(entity, record_id)
    log.info("call.dropped", verb=call.verb, lane=call.lane)
