"""Updates waiting for bots: which kinds a bot gets, how they are numbered, when they are too old."""

from __future__ import annotations

from typing import Any

from sandbox.telegram.model import NOT_BY_DEFAULT, Bot, Update
from sandbox.telegram.state import World

KEPT_SECONDS = 24 * 3600
QUIET_SECONDS = 7 * 24 * 3600
OVERTAKEN_SECONDS_MAX = 5.0


def wants(bot: Bot, kind: str) -> bool:
    """Is the kind among allowed_updates; empty means all but the three that must be asked for."""
    return kind in bot.allowed if bot.allowed else kind not in NOT_BY_DEFAULT


def put(world: World, bot: Bot, kind: str, body: dict[str, Any], chat: int) -> Update | None:
    """Queue an update; it may get lost, doubled or overtaken if the switches say so."""
    if not wants(bot, kind):
        return None
    world.counters["updates"] += 1
    if world.faults.chance("drop_rate"):
        world.counters["dropped"] += 1
        return None
    return _queue(world, bot, kind, body, chat)


def put_raw(world: World, bot: Bot, body: dict[str, Any], chat: int) -> Update:
    """Queue a body as it is: nonsense, kinds of tomorrow."""
    return _queue(world, bot, "", body, chat)


def _queue(world: World, bot: Bot, kind: str, body: dict[str, Any], chat: int) -> Update:
    now = world.clock.ticks()
    if bot.updates and now - bot.updates[-1].made > QUIET_SECONDS:
        bot.next_update = 100_000_000 + world.faults.number_below(800_000_000)
    update = Update(bot.next_update, kind, body, chat, now, due=now)
    bot.next_update += 1
    bot.updates.append(update)
    if world.faults.chance("reorder_rate"):
        world.counters["reordered"] += 1
        update.due = now + OVERTAKEN_SECONDS_MAX
    world.changed.notify_all()
    return update


def drop_old(world: World, bot: Bot) -> None:
    """Undelivered updates are kept for a day (contract 1.5)."""
    now = world.clock.ticks()
    old = [update for update in bot.updates if now - update.made > KEPT_SECONDS and not update.in_flight]
    for update in old:
        bot.updates.remove(update)
        world.counters["expired"] += 1
