"""The page `/`: groups as on a phone, where a visitor writes, answers, presses and taps as one of the people."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sandbox.common.page import templates
from sandbox.telegram import links, membership, page_view, people, views
from sandbox.telegram.model import Chat, User
from sandbox.telegram.people import Impossible
from sandbox.telegram.request import Answer, Request, as_html
from sandbox.telegram.state import World

FOLDER = Path(__file__).parent
STATIC = {path.name: path for path in (FOLDER / "static").iterdir()}
EMOJI = ("👍", "❤", "🔥", "👎")


class Page:
    def __init__(self, world: World) -> None:
        self._world = world
        self._templates = templates(FOLDER)

    def serve(self, request: Request, languages: str = "") -> Answer | None:
        """The answer to an address of the page; None if it is none."""
        if request.path.startswith("/static/"):
            return Answer.of_file(STATIC.get(request.path.rpartition("/")[2]))
        if request.path not in ("/", "/feed", "/act"):
            return None
        with self._world.lock:
            context = self._context(request, languages)
            if request.path == "/act" and request.verb == "POST":
                return self._act(request, context)
            if request.path == "/feed":
                return self._feed(context)
            return as_html(self._templates.get_template("page.html").render(context))

    def _context(self, request: Request, languages: str) -> dict[str, Any]:
        world, fields = self._world, request.fields
        lang = page_view.language(str(fields.get("lang", "")), languages)
        words = page_view.TEXTS[lang]
        person = world.people.get(_number(fields.get("as"))) or next(iter(world.people.values()), None)
        chat = page_view.find(world, person, _number(fields.get("chat"))) if person else None
        if chat is not None and chat.upgraded_to:
            chat = world.groups[chat.upgraded_to]
        thread = _number(fields.get("thread"))
        made: dict[str, Any] = {
            "words": words, "lang": lang, "languages": page_view.LANGUAGES, "person": person, "chat": chat, "thread": thread,
            "people": list(world.people.values()), "bots": page_view.bots(world), "emoji": EMOJI, "messages": [],
            "chats": page_view.chats_of(world, person) if person else [], "error": str(fields.get("error", "")),
            "reply": _number(fields.get("reply")), "edit": _number(fields.get("edit")), "title": words["title"],
            "toast": page_view.toast(world, person) if person else "", "address": self._address(fields, person, lang),
        }  # fmt: skip
        if person and chat:
            made |= {
                "title": views.title(chat, person), "key": page_view.key(chat),
                "members": page_view.members(chat), "closed": page_view.state_of(chat, person, words),
                "messages": page_view.feed(world, person, chat, thread, words), "topics": list(chat.topics.values()),
                "target": next((m for m in chat.messages if m.key == (_number(fields.get("reply")) or
                                                                      _number(fields.get("edit")))), None),
                "preview": page_view.preview,
            }  # fmt: skip
        return made

    def _address(self, fields: dict[str, Any], person: User | None, lang: str) -> Callable[..., str]:
        """Makes addresses of the page that keep person, chat, topic and language."""

        def address(path: str = "/", **more: Any) -> str:
            kept = {name: fields[name] for name in ("chat", "thread") if fields.get(name)}
            kept |= {"lang": lang, "as": person.id if person else ""}
            return f"{path}?{urlencode({name: value for name, value in (kept | more).items() if value})}"

        return address

    def _feed(self, context: dict[str, Any]) -> Answer:
        """The messages alone, for the script; `X-Version` changes with them."""
        text = self._templates.get_template("feed.html").render(context)
        answer = as_html(text)
        answer.headers["X-Version"] = hashlib.sha256(text.encode()).hexdigest()[:16]
        return answer

    def _act(self, request: Request, context: dict[str, Any]) -> Answer:
        """Do what a form asks, then go back to the page."""
        address, error, chat = context["address"], "", context["chat"]
        try:
            if context["person"] is None:
                raise Impossible(context["words"]["nobody"])
            moved = self._do(request, context["person"], chat)
            if moved is not None:
                chat = moved
        except (Impossible, ValueError) as wrong:
            error = str(wrong)
        where = page_view.key(chat) if chat is not None else ""
        return Answer(303, headers={"Location": address("/", chat=where, error=error)})

    def _do(self, request: Request, person: User, chat: Chat | None) -> Chat | None:
        world, what, fields = self._world, str(request.fields.get("what")), request.fields
        if what == "tap":
            return self._tap(person, fields)
        if what == "start":
            return people.start(world, person, links.bot_named(world, str(fields["bot"]))).chat
        if chat is None:
            raise Impossible("choose a chat first")
        if what == "write":
            self._write(request, person, chat)
            return None
        message = world.messages.get(_number(fields.get("message")))
        if message is None:
            raise Impossible("no such message")
        if what == "edit":
            people.edit(world, person, message, str(fields.get("text", "")).strip())
        elif what == "delete" and message.sender is person:
            people.delete(world, message)
        elif what == "react":
            people.react(world, person, message, str(fields.get("emoji", "")))
        elif what == "press":
            people.press(world, person, message, str(fields.get("button", "")))
        return None

    def _write(self, request: Request, person: User, chat: Chat) -> None:
        world, fields = self._world, request.fields
        target = world.messages.get(_number(fields.get("reply")))
        thread = _number(fields.get("thread")) or (target.thread if target else 0)
        text, upload = str(fields.get("text", "")).strip(), request.files.get("file")
        data: dict[str, Any] = {"text": text}
        if upload is not None and upload.content:
            kind = "photo" if upload.mime in ("image/jpeg", "image/png") else "document"
            data = {"caption": text, kind: {"name": upload.name, "mime": upload.mime, "content": upload.content}}
        if text or len(data) > 1:
            people.write(world, person, chat, people.content(world, data), reply=target, thread=thread)

    def _tap(self, person: User, fields: dict[str, Any]) -> Chat:
        world, link = self._world, links.parse(str(fields.get("link", "")).strip())
        bot = links.bot_named(world, link.bot)
        if not link.group:
            return people.start(world, person, bot, link.payload).chat
        chat = world.groups.get(_number(fields.get("into")))
        new = chat is None
        if chat is None:
            title = str(fields.get("group_title", "")).strip() or page_view.TEXTS["uk"]["new_group"]
            chat = membership.new_group(world, title, "group", [person])
        links.tap(world, person, link, chat, new)
        return chat


def _number(value: Any) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0
