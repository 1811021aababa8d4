"""getUpdates: confirmation by offset, waiting, and what happens when two ask at once (contract 1.8, 1.11)."""

from __future__ import annotations

import time
from typing import Any

from sandbox.telegram import bot_methods, updates
from sandbox.telegram.errors import OTHER_POLLER, WEBHOOK_ACTIVE, conflict
from sandbox.telegram.model import Bot, Update
from sandbox.telegram.params import Call
from sandbox.telegram.registry import method

TIMEOUT_SECONDS_MAX = 50


@method("getUpdates")
def get_updates(call: Call) -> Any:
    """The older of two pollers is refused, as the real server does it. Waits in REAL seconds, without the lock."""
    bot, world, me = call.bot, call.world, object()
    if bot.webhook.url:
        raise conflict(WEBHOOK_ACTIVE)
    bot_methods.allow(call)
    _confirm(bot, call.number("offset"))
    limit = min(max(call.number("limit", 100), 1), 100)
    end = time.monotonic() + min(max(call.number("timeout"), 0), TIMEOUT_SECONDS_MAX)
    bot.poller = me
    world.changed.notify_all()
    while True:
        updates.drop_old(world, bot)
        ready = _ready(call, limit)
        left = end - time.monotonic()
        if ready or left <= 0 or world.closing:
            break
        world.changed.wait(min(left, 0.25))
        if bot.poller is not me:
            raise conflict(OTHER_POLLER if not bot.webhook.url else "terminated by setWebhook request")
    bot.poller = None
    world.counters["polled"] += len(ready)
    return [update.json() for update in ready]


def _confirm(bot: Bot, offset: int) -> None:
    """What lies before the offset is done; a negative one counts from the end."""
    if offset < 0:
        bot.updates[:] = bot.updates[offset:]
    elif offset:
        bot.updates[:] = [update for update in bot.updates if update.id >= offset]


def _ready(call: Call, limit: int) -> list[Update]:
    waiting = call.bot.updates[:limit]
    made = []
    for update in waiting:
        made.append(update)
        if call.world.faults.chance("duplicate_rate"):
            made.append(update)
    if len(made) > 1 and call.world.faults.chance("reorder_rate"):
        made[-2:] = reversed(made[-2:])
    return made
