"""Asking whoever set a timer when its moment has come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from kernel.conversations import store as messages
from kernel.extension.model import Plugin
from kernel.extension.portal import Portal, Unit
from kernel.jobs import outgoing, timers
from kernel.jobs.timers import Timer
from kernel.telemetry import bind_trace, log

PAUSE_SECONDS_MAX = 300


def run_due(portal: Portal, plugins: Sequence[Plugin]) -> int:
    """Do what is due; how many there were. One that fails is tried again after a pause, and holds up no other."""
    now = portal.clock.now()
    with portal.database.read() as tx:
        found = timers.due(tx, now)
    if any(one.owner not in (outgoing.PARKED, messages.PARKED) for one in found):
        portal.staff.warm()
    for one in found:
        with bind_trace("", timer=one.owner):
            try:
                with portal.unit() as unit:
                    if (taken := timers.take(unit.tx, one, now)) is not None:
                        _ask(unit, plugins, taken)
            except Exception:
                log.exception("timer.failed", owner=one.owner)
                with portal.database.write() as tx:
                    pause = min(2 ** min(one.tries + 1, 9), PAUSE_SECONDS_MAX)
                    timers.put_off(tx, one, portal.clock.now() + timedelta(seconds=pause))
    return len(found)


def _ask(unit: Unit, plugins: Sequence[Plugin], timer: Timer) -> None:
    queue = unit.portal.queue
    mark = f"timer{int(timer.due_at.timestamp() * 1000)}"
    if timer.owner == outgoing.PARKED:
        call = outgoing.load(unit.tx, timer.key)
        if call is not None and call.state not in ("waiting", "sending"):  # a receipt or a person was quicker
            call = outgoing.first_in(unit.tx, call.connection, call.lane)
        if call is not None:
            outgoing.revive(unit.tx, call, queue=queue, mark=mark)
    elif timer.owner == messages.PARKED:
        if (stored := messages.load(unit.tx, timer.key)) is not None and stored.state == "new":
            messages.revive(unit.tx, stored, queue=queue, mark=mark)
    else:
        plugin = next((one for one in plugins if one.name == timer.owner), None)
        if plugin is None or plugin.on_timer is None:
            log.warning("timer.unknown", owner=timer.owner)  # the plugin was switched off meanwhile
            return
        plugin.on_timer(unit, timer.key, timer.body)
