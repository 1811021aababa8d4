"""A request of a bot from its address to its answer: token, switches, method, envelope, log (contract 1.4, 1.6)."""

from __future__ import annotations

import re
from typing import Any

from sandbox.telegram import media
from sandbox.telegram.errors import Refusal, bad, no_method, too_many, unauthorized
from sandbox.telegram.model import Bot, Sent, StoredFile
from sandbox.telegram.params import Call
from sandbox.telegram.registry import METHODS, Method
from sandbox.telegram.request import Answer, Request, as_json
from sandbox.telegram.state import World
from sandbox.telegram.stealing import steal

ADDRESS = re.compile(r"/bot([^/]+)/(?:test/)?([^/]*)/?$")
FILE_ADDRESS = re.compile(r"/file/bot([^/]+)/(.+)$")
RAW_BYTES_MAX = 1_000_000


def serve(world: World, request: Request) -> Answer:
    """Answer a method's address."""
    world.clock.sleep(world.faults.number("latency"))
    if world.faults.word("down") != "off":
        return down(world)
    address = ADDRESS.match(request.path)
    token, name = address.groups() if address else ("", "")
    with world.lock:
        sent = _note(world, request, token, name)
        try:
            answer = _run(world, request, token, name, sent)
        except Refusal as refusal:
            answer = refused(refusal)
            sent.status, sent.description = refusal.code, refusal.description
            world.counters[f"refused {refusal.code}"] += 1
        sent.cut = answer.cut
        world.note(direction="in", bot=sent.bot, method=sent.method, status=sent.status, why=sent.description, cut=sent.cut)
    return answer


def down(world: World) -> Answer:
    world.counters["refused while down"] += 1
    if world.faults.word("down") == "closed":
        return Answer(cut=True)
    return Answer(502, b"<html><head><title>502 Bad Gateway</title></head></html>", "text/html")


def refused(refusal: Refusal) -> Answer:
    body: dict[str, Any] = {"ok": False, "error_code": refusal.code, "description": refusal.description}
    if refusal.parameters:
        body["parameters"] = refusal.parameters
    answer = as_json(body, refusal.code)
    if "retry_after" in refusal.parameters:
        answer.headers["Retry-After"] = str(refusal.parameters["retry_after"])
    return answer


def _note(world: World, request: Request, token: str, name: str) -> Sent:
    bot = next((b.username for b in world.bots.values() if b.token == token), "")
    files = [
        (part, StoredFile(0, one.name, "upload", one.mime, len(one.content), one.content))
        for part, one in request.files.items()
    ]
    sent = Sent(
        world.next_id("request"), round(world.clock.ticks(), 3), bot, request.verb, name, request.query,
        request.raw[:RAW_BYTES_MAX], dict(request.fields), files,
    )  # fmt: skip
    world.sent.append(sent)
    world.counters["requests"] += 1
    return sent


def _run(world: World, request: Request, token: str, name: str, sent: Sent) -> Answer:
    bot = world.bot_by_token(token)
    steal(world)
    wanted = METHODS.get(name.lower())
    if wanted is None:
        raise no_method()
    if request.broken:
        raise bad("can't parse request body as a JSON object")
    if bot.logged_out:
        raise Refusal(400, "Logged out")
    if wanted.sends and (answer := _trouble(world)):
        sent.status, sent.description = 0, "cut before anything was done"
        return answer
    call = Call(world, bot, request.fields, request.files)
    result = wanted.run(call)
    sent.status, sent.description = 200, call.description
    sent.messages = [message.key for message in call.made]
    world.counters[f"method {wanted.name}"] += 1
    body = {"ok": True, "result": result} | ({"description": call.description} if call.description else {})
    answer = as_json(body)
    if wanted.sends and world.faults.take("cut_after_commit_next"):
        world.counters["cut"] += 1
        answer.cut = True
    return answer


def _trouble(world: World) -> Answer | None:
    """The switches about sends: an error, a flood, or the connection is cut."""
    faults = world.faults
    if faults.take("cut_before_commit_next"):
        world.counters["cut"] += 1
        return Answer(cut=True)
    if faults.take("flood_next"):
        raise too_many(int(faults.number("flood_seconds")))
    error = faults.next_error()
    if error is not None:
        raise error
    return None


def from_webhook(world: World, bot: Bot, answer: dict[str, Any]) -> None:
    """A method named in the answer to an update is carried out; nobody hears its result (contract 1.8)."""
    wanted: Method | None = METHODS.get(str(answer.get("method", "")).lower())
    if wanted is None:
        return
    with world.lock:
        fields = {key: value for key, value in answer.items() if key != "method"}
        sent = Sent(world.next_id("request"), round(world.clock.ticks(), 3), bot.username, "WEBHOOK", wanted.name, "", b"",
                    fields, [])  # fmt: skip
        world.sent.append(sent)
        call = Call(world, bot, fields)
        try:
            wanted.run(call)
            sent.status, sent.messages = 200, [message.key for message in call.made]
        except Refusal as refusal:
            sent.status, sent.description = refusal.code, refusal.description


def serve_file(world: World, request: Request) -> Answer:
    """`/file/bot<token>/<file_path>`: the bytes."""
    world.clock.sleep(world.faults.number("latency"))
    if world.faults.word("down") != "off":
        return down(world)
    address = FILE_ADDRESS.match(request.path)
    if address is None or not any(bot.token == address[1] for bot in world.bots.values()):
        return refused(unauthorized())
    with world.lock:
        stored = next((one for one in world.files.values() if media.path(one) == address[2]), None)
        world.note(direction="in", method="file", path=address[2], status=200 if stored else 404)
        world.counters["downloads"] += 1
    if world.faults.on("file_down"):
        return Answer(502, b"Bad Gateway", "text/plain")
    if stored is None or stored.size > world.faults.number("download_max"):
        return refused(Refusal(404, "Not Found"))
    return Answer(200, stored.read(), "application/octet-stream")
