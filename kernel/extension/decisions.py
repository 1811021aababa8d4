"""What becomes of a call that failed or is uncertain: a person decides, or the other side's receipt. Who did is kept."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.conversations import sending
from kernel.errors import BadInput, Misconfigured, Refused
from kernel.extension.calls import come_to_nothing, finish
from kernel.extension.model import Plugin
from kernel.extension.portal import Portal, Unit
from kernel.jobs import outgoing
from kernel.jobs.outgoing import Receipt
from kernel.telemetry import log
from kernel.values import to_micros

ALLOWED = {"failed": ("again", "drop"), "uncertain": ("arrived", "again", "drop")}
RECEIPT = "receipt"


def decide(portal: Portal, plugins: Sequence[Plugin], call_id: str, decision: str, *, who: str, result: str = "") -> None:
    """`arrived` (what was wanted then is done), `again` (send it once more) or `drop` (it is given up).

    Of `drop` no plugin is told: each was, when the call failed or became uncertain, and it is a person who decided since.
    Raises BadInput if there is no such call, Refused if its state allows no such decision: somebody was quicker.
    """
    with portal.unit() as unit:
        call = outgoing.locked(unit.tx, call_id)
        if call is None:
            raise BadInput(f"{call_id}: there is no call of that id")
        if decision not in ALLOWED.get(call.state, ()):
            raise Refused(f"{call_id} is {call.state}: «{decision}» makes no sense any more")
        unit.trace = call.trace
        outgoing.keep_decision(unit.tx, call.id, who, decision, call.reason, portal.clock)
        if decision == "arrived":
            finish(unit, plugins, call, result)
        elif decision == "again":
            if sending.THREAD in call.payload:
                sending.forget_try(unit.tx, call)
            outgoing.again(unit.tx, call, queue=portal.queue, clock=portal.clock)
        else:
            reason = f"dropped by {who}; was: {call.reason}"
            outgoing.mark(unit.tx, call.id, "dropped", portal.clock, reason=reason)
    log.info("call.decided", call=call_id, decision=decision, who=who)


def receipt_came(unit: Unit, plugins: Sequence[Plugin], connection: str, receipt: Receipt) -> bool:
    """The other side says what became of a call; whether that decided anything."""
    found = outgoing.by_key(unit.tx, connection, receipt.key)
    call = outgoing.locked(unit.tx, found.id) if found else None
    if call is None or call.state not in ("sending", "uncertain"):
        return False
    clock = unit.portal.clock
    if receipt.arrived:
        outgoing.keep_decision(unit.tx, call.id, RECEIPT, "arrived", call.reason, clock)
        finish(unit, plugins, call, receipt.result)
    else:
        outgoing.keep_decision(unit.tx, call.id, RECEIPT, "failed", receipt.reason, clock)
        # Also where the plugin was told «uncertain» before: now it is known, and that is news.
        reason = receipt.reason or "the other side says that it did not arrive"
        come_to_nothing(unit, plugins, call, "failed", reason)
    return True


def doubt_what_waits(portal: Portal, reason: str) -> int:
    """Make uncertain what waits to be sent and must not be sent twice: these rows come from a copy, and life went on since.
    How many there were.

    No plugin is told, since what it would do (send it once more, ask in a comment) may long be done: whoever restores is
    told how many there are, and decides.
    """
    doubtful = 0
    with portal.database.write() as tx:
        for call in outgoing.overdue(tx, to_micros(portal.clock.now()) + 1):
            try:
                _connection, verb = portal.verb(call)
            except Misconfigured:
                continue  # it fails when its turn comes
            if verb.repeat == "never" or sending.THREAD in call.payload:
                outgoing.mark(tx, call.id, "uncertain", portal.clock, reason=reason)
                doubtful += 1
    return doubtful
