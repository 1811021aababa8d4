"""The world's memory under one lock: who there is, what was written, what bots sent."""

from __future__ import annotations

import base64
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from sandbox.common.clock import Clock
from sandbox.telegram import errors
from sandbox.telegram.faults import Faults
from sandbox.telegram.model import Bot, Callback, Chat, Member, Message, Sent, StoredFile, User

LOG_ENTRIES_MAX = 50_000
GROUP_BASE, SUPERGROUP_BASE, PERSON_BASE = 4_400_500_600, 1_002_200_330_044, 510_000_001


@dataclass
class World:
    """Everything one sandbox is. Take `lock` before reading or writing; `changed` (the same lock) wakes who waits."""

    clock: Clock
    faults: Faults
    name: str = "empty"
    address: str = "http://127.0.0.1"
    bots: dict[int, Bot] = field(default_factory=dict)
    people: dict[int, User] = field(default_factory=dict)
    groups: dict[int, Chat] = field(default_factory=dict)
    private: dict[tuple[int, int], Chat] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    files: dict[int, StoredFile] = field(default_factory=dict)
    callbacks: dict[str, Callback] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_ENTRIES_MAX))
    next_ids: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.closing = False
        self.clock.on_advance(self.wake)

    def wake(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def next_id(self, counter: str) -> int:
        self.next_ids[counter] += 1
        return self.next_ids[counter]

    def now(self) -> int:
        """The moment messages are stamped with."""
        return int(self.clock.now().timestamp())

    def note(self, **what: Any) -> None:
        """Append to the log of GET /sandbox/log."""
        with self.lock:
            self.log.append({"n": self.next_id("log"), "at": round(self.clock.ticks(), 3), **what})

    # -- who

    def add_bot(self, token: str, username: str, name: str, privacy: bool = True) -> Bot:
        """Make a bot; the number before the colon of its token is its id."""
        number, colon, secret = token.partition(":")
        if not (colon and secret and number.isdigit()):
            raise ValueError(f"a token is a number, a colon and a secret, not {token!r}")
        bot = Bot(int(number), name, username=username, is_bot=True, token=token, privacy=privacy)
        bot.next_update = 100_000_000 + self.faults.number_below(800_000_000)
        self.bots[bot.id] = bot
        return bot

    def add_person(
        self, first_name: str, last_name: str = "", username: str = "", language: str = "", ident: int = 0
    ) -> User:
        person = User(ident or PERSON_BASE + self.next_id("person"), first_name, last_name, username, language)
        self.people[person.id] = person
        return person

    def add_group(self, title: str, kind: str = "group", username: str = "") -> Chat:
        """A group, supergroup or forum without members."""
        number = self.next_id("chat")
        ident = -GROUP_BASE - number if kind == "group" else -SUPERGROUP_BASE - number
        chat = Chat(ident, "group" if kind == "group" else "supergroup", title, username, forum=kind == "forum")
        self.groups[ident] = chat
        return chat

    def bot_by_token(self, token: str) -> Bot:
        for bot in self.bots.values():
            if bot.token == token:
                return bot
        raise errors.unauthorized()

    def user(self, ident: int) -> User | None:
        return self.bots.get(ident) or self.people.get(ident)

    def private_chat(self, bot: Bot, person: User) -> Chat:
        """The chat of the two, made when they first need one."""
        chat = self.private.get((bot.id, person.id))
        if chat is None:
            chat = Chat(person.id, "private", bot=bot.id, members={bot.id: Member(bot), person.id: Member(person)})
            self.private[bot.id, person.id] = chat
        return chat

    def bots_of(self, chat: Chat) -> list[Bot]:
        return [bot for bot in self.bots.values() if chat.present(bot.id)]

    # -- messages and files

    def give_id(self, message: Message, bot: Bot) -> None:
        """The message gets its number in that bot's counting, where bots count for themselves."""
        if message.number or bot.id in message.ids:
            return
        counter: Bot | Chat = bot
        if message.chat.kind == "group" and self.faults.word("basic_group_ids") == "chat":
            counter = message.chat
        message.ids[bot.id] = counter.next_message
        counter.next_message += 1
        message.chat.index[bot.id, message.ids[bot.id]] = message

    def find(self, bot: Bot, chat: Chat, number: int) -> Message | None:
        """The message of that id as the bot counts; None if there is none or it was deleted."""
        message = chat.index.get((0, number)) or chat.index.get((bot.id, number))
        return None if message is None or message.deleted else message

    def store(self, name: str, kind: str, mime: str, content: bytes | None, size: int = 0) -> StoredFile:
        number = self.next_id("file")
        stored = StoredFile(number, name, kind, mime, size if content is None else len(content), content)
        self.files[number] = stored
        return stored

    def file_id(self, bot: int, stored: StoredFile) -> str:
        """Valid for one bot only (contract 1.5)."""
        return base64.urlsafe_b64encode(f"{stored.kind}:{stored.id}:{bot}:sandbox".encode()).decode().rstrip("=")

    def file_by_id(self, bot: int, text: str) -> StoredFile | None:
        try:
            kind, number, owner, _ = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(":")
        except ValueError:
            return None
        stored = self.files.get(int(number)) if number.isdigit() else None
        return stored if stored and owner == str(bot) and kind == stored.kind else None
