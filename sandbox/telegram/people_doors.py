"""Doors through which tests, demo and page act as people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.telegram import doors, links, membership, origins, people, views
from sandbox.telegram.doors import Running, door
from sandbox.telegram.model import Message
from sandbox.telegram.people import Impossible
from sandbox.telegram.state import World

WAIT_SECONDS_MAX = 60.0


@door("POST", "/sandbox/bot")
def make_bot(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """A new bot, or the same token again: then it is logged in again and renamed."""
    bot = sandbox.world.add_bot(
        str(data["token"]), str(data["username"]), str(data.get("name", data["username"])), bool(data.get("privacy", True))
    )
    return {"bot": bot.id, "username": bot.username}


@door("POST", "/sandbox/person")
def make_person(sandbox: Running, data: Mapping[str, Any]) -> Any:
    made = sandbox.world.add_person(
        str(data["name"]), str(data.get("last_name", "")), str(data.get("username", "")), str(data.get("language", "")),
        int(data.get("id", 0)),
    )  # fmt: skip
    return {"person": made.id}


@door("POST", "/sandbox/deactivate")
def deactivate(sandbox: Running, data: Mapping[str, Any]) -> Any:
    one = doors.person(sandbox.world, data)
    one.deactivated = bool(data.get("deactivated", True))
    return {"person": one.id, "deactivated": one.deactivated}


@door("POST", "/sandbox/start")
def start(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world = sandbox.world
    return views.ids(people.start(world, doors.person(world, data), doors.bot(world, data), str(data.get("payload", ""))))


@door("POST", "/sandbox/block")
def block(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world, blocked = sandbox.world, bool(data.get("blocked", True))
    people.block(world, doors.person(world, data), doors.bot(world, data), blocked)
    return {"blocked": blocked}


@door("POST", "/sandbox/write")
def write(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """A text, or anything else a person can send; with `reply_to`, `quote`, `thread`, or as a forward."""
    world = sandbox.world
    person = doors.person(world, data)
    chat = doors.chat(world, data, person)
    if data.get("forward") is not None:
        source = doors.message(world, {"message": data["forward"]})
        hidden, thread = bool(data.get("hidden")), int(data.get("thread", 0))
        return views.ids(people.forward(world, person, chat, source, hidden, thread))
    return views.ids(people.write(world, person, chat, people.content(world, dict(data)), **_place(world, data)))


def _place(world: World, data: Mapping[str, Any]) -> dict[str, Any]:
    """What it answers, the quoted words, the topic."""
    made: dict[str, Any] = {"thread": int(data.get("thread", 0))}
    target = _target(world, data)
    if target is not None:
        made["reply"] = target
        made["thread"] = made["thread"] or target.thread
        if data.get("quote"):
            made["quote"] = people.quoted(target, str(data["quote"]))
        if target.chat.id != int(data.get("chat", target.chat.id)):
            made["external"] = {"origin": origins.of(target), "message_id": target.number or target.key}
            made["reply"] = None
    return made


def _target(world: World, data: Mapping[str, Any]) -> Message | None:
    if data.get("reply_to") is None and data.get("reply_to_id") is None:
        return None
    return doors.message(world, data, "reply_to")


@door("POST", "/sandbox/album")
def album(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world = sandbox.world
    person = doors.person(world, data)
    chat = doors.chat(world, data, person)
    items = [dict(one) for one in data["items"]]
    number = str(data.get("album") or "")
    made = people.album(world, person, chat, items, number=number, **_place(world, data))
    return {"album": made[0].album if made else number, "messages": [views.ids(one) for one in made]}


@door("POST", "/sandbox/edit")
def edit(sandbox: Running, data: Mapping[str, Any]) -> Any:
    message = doors.message(sandbox.world, data)
    writer = message.sender if data.get("person") is None else doors.person(sandbox.world, data)
    people.edit(sandbox.world, writer, message, str(data.get("text", data.get("caption", ""))))
    return views.ids(message)


@door("POST", "/sandbox/delete")
def delete(sandbox: Running, data: Mapping[str, Any]) -> Any:
    message = doors.message(sandbox.world, data)
    people.delete(sandbox.world, message)
    return views.ids(message)


@door("POST", "/sandbox/react")
def react(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world = sandbox.world
    message = doors.message(world, data)
    people.react(world, doors.person(world, data), message, str(data.get("emoji", "")))
    return views.ids(message)


@door("POST", "/sandbox/press")
def press(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """Press a button; with `timeout` (real seconds) wait for the bot's answer."""
    world = sandbox.world
    asked = people.press(world, doors.person(world, data), doors.message(world, data), str(data["button"]))
    timeout = min(float(data.get("timeout", 0)), WAIT_SECONDS_MAX)
    world.changed.wait_for(lambda: asked.answer is not None or world.closing, timeout)
    return {"callback": asked.id, "answer": asked.answer}


@door("GET", "/sandbox/callback")
def callback(sandbox: Running, data: Mapping[str, Any]) -> Any:
    asked = sandbox.world.callbacks.get(str(data.get("id")))
    if asked is None:
        raise Impossible("no such callback")
    return {"callback": asked.id, "answer": asked.answer}


@door("POST", "/sandbox/tap")
def tap(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """Tap a link to a bot: into the group `chat`, or into a new one with this `title`, or the private chat."""
    world = sandbox.world
    person, link = doors.person(world, data), links.parse(str(data["link"]))
    if not link.group:
        return views.ids(people.start(world, person, links.bot_named(world, link.bot), link.payload))
    links.bot_named(world, link.bot)
    new = data.get("chat") is None
    if new:
        chat = membership.new_group(world, str(data.get("title") or "Нова група"), "group", [person])
    else:
        chat = doors.group(world, data)
    links.tap(world, person, link, chat, new)
    return {"chat": chat.id}
