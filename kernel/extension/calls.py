"""Carrying out one outgoing call against its connection.

Before the request leaves, the try is written down; so whoever comes after a crash knows that the call may have been
carried out. What then follows is the verb's: it is simply repeated, or looked for before it is repeated, or, where it
cannot be repeated, left `uncertain` for a receipt or a person to decide (kernel.extension.decisions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kernel.crm.gone import gone_since
from kernel.errors import AnnexError, Fault, Misconfigured, Rejected, Throttled, Unreachable, Unverified
from kernel.extension.connector import Connection, Verb
from kernel.extension.crm_verbs import RESTORE
from kernel.extension.model import Plugin
from kernel.extension.portal import Portal, Unit
from kernel.http.gate import Overtaken, fenced
from kernel.jobs import Again, outgoing
from kernel.jobs.outgoing import Call
from kernel.storage import Tx
from kernel.telemetry import log
from kernel.values import to_micros

PAUSE_SECONDS_MAX = 300.0
SILENT_PAUSE_SECONDS_MAX = 15.0  #: after no answer at all: a system that is back must not wait long for us
UNVERIFIED_TRIES = 5
TO_A_RECORD = ("update", "comment", "update_row", "put_row", RESTORE)
GIVE_UP_AFTER_SECONDS = 48 * 3600
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
    """Run one call job. Raises Again when it should be tried later; keeps its place in the lane meanwhile."""
    with portal.database.write() as tx:
        call = outgoing.load(tx, args["id"])
        if call is None or call.state not in ("waiting", "sending"):
            return
        answers = portal.memory.setdefault(ANSWERS, {})
        known = answers.get((call.id, call.attempts)) if call.state == "sending" else None
        one = None if known is not None else _begin(portal, tx, call)
    if known is not None:  # the answer came, and then the database went away
        _done(portal, plugins, replace(call, attempts=call.attempts - 1), known)
        return
    if one is None:
        return
    try:
        with fenced(portal.database, lambda tx: outgoing.still_ours(tx, call.id, one.number)):
            result = one.verb.run(one.connection, one.call, one.call.attempts > 0)
    except Overtaken:
        log.warning("call.overtaken", verb=call.verb, lane=call.lane)
        return
    except Fault as exc:
        _put_off(portal, one, exc)
        return
    except AnnexError as exc:  # set up wrong: a repeat would only do harm; a person has to fix it first
        _fail(portal, one, exc)
        return
    except Exception as exc:
        if one.once_only:  # nobody knows how far it got
            _uncertain(portal, one, f"{type(exc).__name__} in our own code while it was sent")
        raise
    _done(portal, plugins, one.call, result)


def finish(unit: Unit, plugins: Sequence[Plugin], call: Call, result: str) -> None:
    """The call came through: write it down and do what its plugin wanted done then."""
    outgoing.mark(unit.tx, call.id, "done", unit.portal.clock, result=result)
    if call.payload.get(outgoing.RESYNC):
        unit.resync(call.payload["entity"], call.payload["id"])
    if name := call.payload.get("done"):
        handler = next(plugin.done[name] for plugin in plugins if name in plugin.done)
        handler(unit, call.payload, result)


def _begin(portal: Portal, tx: Tx, call: Call) -> _Try | None:
    """Write a try down; None if there is none to make."""
    try:
        connection, verb = portal.verb(call)
    except Misconfigured as exc:
        outgoing.mark(tx, call.id, "failed", portal.clock, reason=str(exc))
        log.error("call.failed", verb=call.verb, lane=call.lane, reason=str(exc))
        return None
    if call.state == "sending" and verb.repeat == "never":
        outgoing.mark(tx, call.id, "uncertain", portal.clock, reason=DIED)
        log.error("call.uncertain", verb=call.verb, lane=call.lane, reason=DIED)
        return None
    fresh = outgoing.not_overtaken(tx, call)
    if fresh is None or (call.state == "waiting" and call.attempts == 0 and outgoing.superseded(tx, call)):
        outgoing.mark(tx, call.id, "superseded", portal.clock)
        return None
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


def _put_off(portal: Portal, one: _Try, exc: Fault) -> None:
    call, tries, age = one.call, one.number, (to_micros(portal.clock.now()) - one.call.created_at) / 1e6
    if one.once_only and (exc.maybe_done or isinstance(exc, Unverified)):
        _uncertain(portal, one, str(exc))
        return
    hopeless = not exc.retry or (isinstance(exc, Unverified) and tries >= UNVERIFIED_TRIES)
    if hopeless or age > GIVE_UP_AFTER_SECONDS:
        if hopeless and _without_target(portal, call, exc):
            _drop(portal, one)
        else:
            _fail(portal, one, exc)
        return
    with portal.database.write() as tx:
        if not outgoing.still_ours(tx, call.id, tries):
            return
        if one.once_only or (isinstance(exc, Throttled) and not exc.maybe_done):
            outgoing.not_sent(tx, call.id, str(exc))
        else:
            outgoing.mark(tx, call.id, "sending", portal.clock, reason=str(exc))
    wait = exc.wait_seconds if isinstance(exc, Throttled) else float(2 ** min(tries - 1, 8))
    log.warning("call.again", verb=call.verb, lane=call.lane, reason=str(exc), tries=tries)
    longest = SILENT_PAUSE_SECONDS_MAX if isinstance(exc, Unreachable) else PAUSE_SECONDS_MAX
    raise Again(min(max(wait, 1.0), longest)) from exc


def _fail(portal: Portal, one: _Try, exc: AnnexError) -> None:
    reason = one.connection.in_words(str(exc))
    with portal.database.write() as tx:
        if not outgoing.still_ours(tx, one.call.id, one.number):
            return
        outgoing.mark(tx, one.call.id, "failed", portal.clock, reason=reason)
    log.error("call.failed", verb=one.call.verb, lane=one.call.lane, reason=reason)


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
    call = one.call
    entity, record_id = call.payload["entity"], call.payload["id"]
    with portal.unit(trace=call.trace) as unit:
        if not outgoing.still_ours(unit.tx, call.id, one.number):
            return
        outgoing.mark(unit.tx, call.id, "dropped", portal.clock, reason=f"the CRM no longer has {entity} {record_id}")
        if gone_since(unit.tx, portal.name, entity, record_id) is None:
            unit.resync(entity, record_id)
    log.info("call.dropped", verb=call.verb, lane=call.lane)


def _uncertain(portal: Portal, one: _Try, reason: str) -> None:
    """It may have arrived, and nobody can look: from here on it takes a receipt or a person."""
    with portal.database.write() as tx:
        if not outgoing.still_ours(tx, one.call.id, one.number):
            return
        outgoing.mark(tx, one.call.id, "uncertain", portal.clock, reason=reason)
    log.error("call.uncertain", verb=one.call.verb, lane=one.call.lane, reason=reason)
