"""The sandbox's own doors, everything under /sandbox/: functions registered by address, no Telegram at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sandbox.telegram import links
from sandbox.telegram.model import Bot, Chat, Message, User
from sandbox.telegram.people import Impossible
from sandbox.telegram.state import World
from sandbox.telegram.webhook import Sender


class Running(Protocol):
    """What a door may use of the sandbox that serves it."""

    world: World
    sender: Sender


DoorFunction = Callable[[Any, Mapping[str, Any]], Any]
DOORS: dict[tuple[str, str], tuple[DoorFunction, bool]] = {}


def door(verb: str, path: str, locked: bool = True) -> Callable[[DoorFunction], DoorFunction]:
    """`@door("POST", "/sandbox/write")`. The function runs with the world's lock and returns what goes out as JSON."""

    def put(run: DoorFunction) -> DoorFunction:
        DOORS[verb, path] = run, locked
        return run

    return put


# -- what a door's data names


def number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Impossible(f"a number is needed, not {value!r}") from None


def bot(world: World, data: Mapping[str, Any]) -> Bot:
    """`bot`: its username or id; not needed while there is only one."""
    value = data.get("bot")
    if value is None and len(world.bots) == 1:
        return next(iter(world.bots.values()))
    if str(value).isdigit() and int(str(value)) in world.bots:
        return world.bots[int(str(value))]
    return links.bot_named(world, str(value or ""))


def person(world: World, data: Mapping[str, Any], key: str = "person") -> User:
    """A person by id or username."""
    value = str(data.get(key, ""))
    for one in world.people.values():
        if value in (str(one.id), one.username, f"@{one.username}") and value:
            return one
    raise Impossible(f"{key}: no such person {value!r}")


def user(world: World, data: Mapping[str, Any], key: str = "user") -> User:
    """A person or a bot."""
    value = str(data.get(key, ""))
    for one in world.bots.values():
        if value in (str(one.id), one.username, f"@{one.username}") and value:
            return one
    return person(world, data, key)


def group(world: World, data: Mapping[str, Any]) -> Chat:
    found = world.groups.get(number(data.get("chat")))
    if found is None:
        raise Impossible(f"no such group {data.get('chat')!r}")
    return found


def chat(world: World, data: Mapping[str, Any], writer: User | None = None) -> Chat:
    """A group by id; without one, or with a person's id, the private chat of that person and the bot."""
    value = data.get("chat")
    if value is not None and number(value) in world.groups:
        return world.groups[number(value)]
    one = writer or world.people.get(number(value or data.get("person")))
    if one is None or (value is not None and number(value) != one.id and number(value) not in world.bots):
        raise Impossible(f"no such chat {value!r}")
    if value is not None and number(value) in world.bots:
        return world.private_chat(world.bots[number(value)], one)
    return world.private_chat(bot(world, data), one)


def message(world: World, data: Mapping[str, Any], key: str = "message") -> Message:
    """`message`: the sandbox's own key; or `message_id` with `chat` (and `bot`), as that bot counts."""
    if data.get(key) is not None:
        found = world.messages.get(number(data[key]))
    else:
        where = chat(world, data)
        counting = [bot(world, data)] if data.get("bot") is not None else list(world.bots.values())
        ids = [where.index.get((who, number(data.get(f"{key}_id")))) for who in [0, *(one.id for one in counting)]]
        found = next((one for one in ids if one is not None), None)
    if found is None:
        raise Impossible(f"{key}: no such message")
    return found
