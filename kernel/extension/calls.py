"""Carrying out one outgoing call against a portal's CRM.

Before the request leaves, the try is written down; so whoever comes after a crash knows that the call may have been
carried out, and creates look for our key before they repeat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kernel.crm.codec import unpack_values
from kernel.crm.gone import gone_since
from kernel.errors import AnnexError, Fault, Misconfigured, Rejected, Throttled, Unreachable, Unverified
from kernel.extension.model import Plugin
from kernel.extension.portal import RESTORE, Portal
from kernel.http.gate import Overtaken, fenced
from kernel.jobs import Again, outgoing
from kernel.jobs.outgoing import Call
from kernel.telemetry import log
from kernel.values import to_micros

PAUSE_SECONDS_MAX = 300.0
SILENT_PAUSE_SECONDS_MAX = 15.0  #: after no answer at all: a CRM that is back must not wait long for us
UNVERIFIED_TRIES = 5
TO_A_RECORD = ("update", "comment", "update_row", "put_row", RESTORE)
GIVE_UP_AFTER_SECONDS = 48 * 3600


def carry_out(portal: Portal, plugins: Sequence[Plugin], args: Mapping[str, Any]) -> None:
    """Run one call job. Raises Again when it should be tried later; keeps its place in the lane meanwhile."""
    with portal.database.write() as tx:
        call = outgoing.load(tx, args["id"])
        if call is None or call.state not in ("waiting", "sending"):
            return
        fresh = outgoing.not_overtaken(tx, call)
        if fresh is None or (call.state == "waiting" and call.attempts == 0 and outgoing.superseded(tx, call)):
            outgoing.mark(tx, call.id, "superseded", portal.clock)
            return
        call = fresh
        call = replace(call, attempts=outgoing.starting(tx, call.id) - 1)
    try:
        with fenced(lambda tx: outgoing.still_ours(tx, call.id, call.attempts + 1)):
            result = _send(portal, call, maybe_done=call.attempts > 0)
    except Overtaken:
        log.warning("call.overtaken", verb=call.verb, lane=call.lane)
        return
    except Fault as exc:
        _put_off(portal, call, exc)
        return
    except AnnexError as exc:  # set up wrong: a repeat would only do harm; a person has to mend it first
        _fail(portal, call, exc)
        return
    with portal.unit(trace=call.trace) as unit:
        if not outgoing.still_ours(unit.tx, call.id, call.attempts + 1):
            log.warning("call.overtaken", verb=call.verb, lane=call.lane)
            return
        outgoing.mark(unit.tx, call.id, "done", portal.clock, result=result)
        if call.payload.get("look"):
            unit.resync(call.payload["entity"], call.payload["id"])
        if name := call.payload.get("done"):
            handler = next(plugin.done[name] for plugin in plugins if name in plugin.done)
            handler(unit, call.payload, result)
    log.info("call.done", verb=call.verb, lane=call.lane, attempts=call.attempts + 1)


def _put_off(portal: Portal, call: Call, exc: Fault) -> None:
    tries, age = call.attempts + 1, (to_micros(portal.clock.now()) - call.created_at) / 1e6
    hopeless = not exc.retry or (isinstance(exc, Unverified) and tries >= UNVERIFIED_TRIES)
    if hopeless or age > GIVE_UP_AFTER_SECONDS:
        if hopeless and _without_target(portal, call, exc):
            _drop(portal, call)
        else:
            _fail(portal, call, exc)
        return
    with portal.database.write() as tx:
        if not outgoing.still_ours(tx, call.id, tries):
            return
        if isinstance(exc, Throttled) and not exc.maybe_done:
            outgoing.not_sent(tx, call.id, str(exc))
        else:
            outgoing.mark(tx, call.id, "sending", portal.clock, reason=str(exc))
    wait = exc.wait_seconds if isinstance(exc, Throttled) else float(2 ** min(tries - 1, 8))
    log.warning("call.again", verb=call.verb, lane=call.lane, reason=str(exc), tries=tries)
    longest = SILENT_PAUSE_SECONDS_MAX if isinstance(exc, Unreachable) else PAUSE_SECONDS_MAX
    raise Again(min(max(wait, 1.0), longest)) from exc


def _fail(portal: Portal, call: Call, exc: AnnexError) -> None:
    with portal.database.write() as tx:
        if not outgoing.still_ours(tx, call.id, call.attempts + 1):
            return
        outgoing.mark(tx, call.id, "failed", portal.clock, reason=str(exc))
    log.error("call.failed", verb=call.verb, lane=call.lane, reason=str(exc))


def _without_target(portal: Portal, call: Call, exc: Fault) -> bool:
    """Whether the call came to nothing because the CRM no longer has the record: that needs no person. A refusal alone does
    not say so, since a field or a row may be missing as well."""
    if call.verb not in TO_A_RECORD or not isinstance(exc, Rejected | Unverified):
        return False
    entity, record_id = call.payload["entity"], call.payload["id"]
    try:
        return record_id not in portal.crm.existing(entity, [record_id])
    except Fault as fault:
        if fault.retry:
            raise Again(SILENT_PAUSE_SECONDS_MAX) from fault
        return False


def _drop(portal: Portal, call: Call) -> None:
    entity, record_id = call.payload["entity"], call.payload["id"]
    with portal.unit(trace=call.trace) as unit:
        if not outgoing.still_ours(unit.tx, call.id, call.attempts + 1):
            return
        outgoing.mark(unit.tx, call.id, "dropped", portal.clock, reason=f"the CRM no longer has {entity} {record_id}")
        if gone_since(unit.tx, portal.name, entity, record_id) is None:
            unit.resync(entity, record_id)
    log.info("call.dropped", verb=call.verb, lane=call.lane)


def _send(portal: Portal, call: Call, *, maybe_done: bool) -> str:
    crm, body = portal.crm, call.payload
    match call.verb:
        case "update":
            crm.update(body["entity"], body["id"], unpack_values(body["values"]), stage=body.get("stage"))
            return ""
        case "restore":
            if crm.bin is None:
                raise Misconfigured(f"{crm.name} has no recycle bin that we could reach")
            crm.bin.restore(body["entity"], body["id"])
            return ""
        case "comment":
            return crm.comment(body["entity"], body["id"], body["text"], to=body["to"], key=call.key, maybe_done=maybe_done)
        case "update_row":
            crm.update_row(body["entity"], body["id"], body["table"], body["row_key"], unpack_values(body["values"]))
            return ""
        case "put_row":
            return _put_row(portal, call, maybe_done=maybe_done)
        case "create":
            return crm.create(body["entity"], unpack_values(body["values"]), key=call.key, maybe_done=maybe_done)
    raise ValueError(f"unknown verb {call.verb}")


def _put_row(portal: Portal, call: Call, *, maybe_done: bool) -> str:
    """Add the row the first time; afterwards change the one that the first time made."""
    body = call.payload
    values = unpack_values(body["values"])
    with portal.database.read() as tx:
        known, tried = outgoing.earlier_rows(tx, call)
    if known:
        portal.crm.update_row(body["entity"], body["id"], body["table"], known, values)
        return known
    return portal.crm.add_row(
        body["entity"], body["id"], body["table"], values, key=call.target, maybe_done=maybe_done or tried
    )
