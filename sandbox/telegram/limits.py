"""How fast a bot may send (contract 1.7): into one chat, into one group, in all; over it 429 with retry_after."""

from __future__ import annotations

import math

from sandbox.telegram.errors import too_many
from sandbox.telegram.model import Bot, Chat
from sandbox.telegram.state import World

BURST_SECONDS, MINUTE = 5.0, 60.0


def check(world: World, bot: Bot, chat: Chat, messages: int = 1) -> None:
    """Refuse what is too fast, else count it."""
    if not world.faults.on("limits"):
        return
    now = world.clock.ticks()
    bot.sent = [(at, where) for at, where in bot.sent if now - at < MINUTE]
    here = [at for at, where in bot.sent if where == chat.id]
    waits = [
        _wait(here, now, BURST_SECONDS, world.faults.number("limit_chat") * BURST_SECONDS),
        _wait([at for at, _ in bot.sent], now, 1.0, world.faults.number("limit_bot")),
    ]
    if chat.kind != "private":
        waits.append(_wait(here, now, MINUTE, world.faults.number("limit_group")))
    if max(waits) > 0:
        world.counters["flooded"] += 1
        raise too_many(max(1, math.ceil(max(waits))))
    bot.sent += [(now, chat.id)] * messages


def _wait(times: list[float], now: float, window: float, most: float) -> float:
    """Seconds until fewer than `most` lie within the window; 0 if that is so now."""
    recent = sorted(at for at in times if now - at < window)
    over = len(recent) - math.ceil(most)
    return 0.0 if over < 0 or not most else recent[over] + window - now
