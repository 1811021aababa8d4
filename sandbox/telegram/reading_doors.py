"""Doors that read: chats as people see them, and every byte that bots sent."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.telegram import doors, updates, views
from sandbox.telegram.doors import Running, door
from sandbox.telegram.model import Sent, StoredFile
from sandbox.telegram.request import Answer

SHOWN_BYTES_MAX = 64 * 1024
MADE_BYTES_MAX = 64 * 1024 * 1024
PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")  # a page of somebody's is never shown as one


@door("GET", "/sandbox/chats")
def chats(sandbox: Running, data: Mapping[str, Any]) -> Any:
    return {"chats": [views.chat(one) for one in views.chats(sandbox.world)]}


@door("GET", "/sandbox/messages")
def messages(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """`?chat=`, `&thread=`; a group that was upgraded has its earlier messages under its old id."""
    world = sandbox.world
    chat = doors.chat(world, data)
    thread = int(data.get("thread", 0))
    shown = [one for one in chat.messages if not thread or one.thread == thread]
    return {"chat": views.chat(chat), "messages": [views.message(world, one) for one in shown]}


@door("GET", "/sandbox/file")
def file(sandbox: Running, data: Mapping[str, Any]) -> Any:
    stored = sandbox.world.files.get(doors.number(data.get("id")))
    if stored is None:
        return Answer(404, b"no such file", "text/plain")
    if stored.content is None and stored.size > MADE_BYTES_MAX:
        return Answer(413, b"too large to be made of zeros", "text/plain")
    shown = stored.mime if stored.mime in PICTURES else "application/octet-stream"
    return Answer(200, stored.read(), shown, {"X-Content-Type-Options": "nosniff"})


@door("GET", "/sandbox/updates")
def pending(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """What waits for a bot."""
    bot = doors.bot(sandbox.world, data)
    return {"updates": [one.json() | {"attempts": one.attempt} for one in bot.updates]}


@door("POST", "/sandbox/update")
def put_update(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """Send a bot any body as an update, for kinds of tomorrow and nonsense; `chat` is whose order it keeps."""
    bot = doors.bot(sandbox.world, data)
    made = updates.put_raw(sandbox.world, bot, dict(data["update"]), int(data.get("chat", 0)))
    return {"update_id": made.id}


@door("GET", "/sandbox/requests")
def requests(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """Every request of bots: fields as sent, files with name, size and content while it is small."""
    since, method = doors.number(data.get("since", 0)), str(data.get("method", "")).lower()
    found = [one for one in sandbox.world.sent if one.n > since and (not method or one.method.lower() == method)]
    return {"requests": [_request(one) for one in found], "last": found[-1].n if found else since}


def _request(one: Sent) -> dict[str, Any]:
    return {
        "n": one.n, "at": one.at, "bot": one.bot, "verb": one.verb, "method": one.method, "query": one.query,
        "fields": one.fields, "status": one.status, "description": one.description, "messages": one.messages,
        "cut": one.cut, "files": [_file(part, stored) for part, stored in one.files],
    }  # fmt: skip


def _file(part: str, stored: StoredFile) -> dict[str, Any]:
    made: dict[str, Any] = {"part": part, "name": stored.name, "mime": stored.mime, "size": stored.size}
    if stored.size <= SHOWN_BYTES_MAX:
        content = stored.read()
        try:
            made["text"] = content.decode()
        except UnicodeDecodeError:
            made["base64"] = base64.b64encode(content).decode()
    return made


@door("POST", "/sandbox/leaks")
def leaks(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """Which of `words` stand anywhere in what bots sent: address, body, JSON inside of it, file names, files, archives."""
    words = [str(word) for word in data["words"]]
    hits = [
        {"word": word, "request": one.n, "method": one.method, "where": where}
        for one in sandbox.world.sent
        for where, text in _texts(one)
        for word in words
        if word.casefold() in text
    ]
    return {"leaks": hits, "requests": len(sandbox.world.sent)}


def _texts(one: Sent) -> Iterator[tuple[str, str]]:
    yield "query", one.query.casefold()
    yield "body", one.raw.decode("utf-8", "replace").casefold()
    for name, value in one.fields.items():
        for text in _strings(value):
            yield f"field {name}", text.casefold()
    for part, stored in one.files:
        yield f"file name {part}", stored.name.casefold()
        content = stored.read()
        yield f"file {part}", content.decode("utf-8", "replace").casefold()
        yield f"file {part}", content.decode("utf-16-le", "replace").casefold()
        for name, inside in _members(content):
            yield f"file {part}/{name}", inside.decode("utf-8", "replace").casefold()


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if value.lstrip()[:1] in ("{", "["):
            try:
                yield from _strings(json.loads(value))
            except ValueError:
                return
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif value is not None:
        yield str(value)


def _members(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Spreadsheets and documents are archives."""
    if not content.startswith(b"PK"):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name, archive.read(name)
    except zipfile.BadZipFile:
        return
