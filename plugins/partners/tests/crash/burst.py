"""Partners' chats in one burst of the kill campaign: staff and partners write while processes are killed; the emulated
Telegram is a process of its own, which nobody kills.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from kernel.storage import Database
from kernel.testing import until
from kernel.testing.chats import Shown, faults_of_hearing, faults_of_sending

BOT = "partners"
SECRETS = ("Таємниченко", "0509187263", "41.2719", "41,2719", "тисячник")
NAME, STAFF, PERSON = "Дельта Обмін", "iryna_desk", "oleg_fx"
ON = {"contact_scripts": "on", "contact_comment_script": "on", "comment_script": "on"}


class Burst:
    """Keeps tests.crash.bursts.Burst. Without an emulated Telegram it does nothing."""

    def __init__(self, office: Any, database: Database, systems: Mapping[str, Any]) -> None:
        self._office, self._database, self._telegram = office, database, systems.get(BOT)
        self._card, self._chat = "", 0
        self._deals: list[int] = []
        self._acts: list[Callable[[], None]] = []
        self._told: list[str] = []
        self._written: dict[str, str] = {}

    # --- the desk ---------------------------------------------------------------------------------------------------------

    def open(self, seed: int) -> None:
        """A partner's card, the group with them, and a deal."""
        if self._telegram is None:
            return
        office = self._office
        office.control("faults", ON)
        self._card = str(office.new_contact(office.people[1], "Партнер", {"name": NAME}, {}))
        link = until(lambda: str(office.contact_field(self._card, "Посилання на чат") or ""), "a link in the card")
        made = self._telegram.control("tap", {"person": STAFF, "link": link, "title": "Дельта · обмін"})
        self._chat = int(made["chat"])
        self._telegram.control("add", {"chat": self._chat, "user": PERSON, "by": STAFF})
        bot = self._telegram.control("state")["bots"][0]["username"]
        self._telegram.control("promote", {"chat": self._chat, "user": bot})
        until(lambda: self._state().startswith("чекає підтвердження"), "the group waits for staff", seen=self._state)
        office.press_on_card(office.people[1], self._card, "Підтвердити чат")
        until(lambda: self._state() == "працює", "the chat works", seen=self._state)
        self._new_deal()
        until(lambda: self._announced(self._deals[0]), "the first deal in the chat")

    def _state(self) -> str:
        return str(self._office.contact_field(self._card, "Чат") or "")

    def plan(self, chance: random.Random, mark: str, deals: int) -> None:
        if self._telegram is None:
            return
        words = [f"слово{mark}{number:02}х" for number in range(deals)]
        self._acts = [self._new_deal]
        for word in words:
            self._acts.append(lambda word=word: self._tell(word))  # type: ignore[misc]
            self._acts.append(lambda word=word: self._write(chance, f"{word}п"))  # type: ignore[misc]
        chance.shuffle(self._acts)
        self._telegram.control("faults", {
            "duplicate_rate": chance.choice((0, 0.3)), "cut_after_commit_next": chance.choice((0, 1, 2)),
            "flood_next": chance.choice((0, 0, 1)), "flood_seconds": 2,
        })  # fmt: skip

    def play(self, chance: random.Random, pause: Callable[[], float]) -> int:
        for act in self._acts:
            act()
            time.sleep(pause())
        return len(self._acts)

    def _new_deal(self) -> None:
        office = self._office
        fields = {"Ім'я клієнта": "Таємниченко", "Телефон клієнта": "0509187263"}
        task = office.new_deal(office.people[1], "Обмін для партнера", fields)
        row = {
            "Вид": "Купівля", "Пара": "USD/UAH", "Сума": Decimal("100"), "Валюта суми": "USD",
            "Курс клієнта": Decimal("41.2719"), "Курс партнера": Decimal("41.35"),
            "Партнер": {"id": f"contact:{self._card}"}, "Коментар": "тисячник",
        }  # fmt: skip
        office.add_row(office.people[1], task, row)
        self._deals.append(int(task))

    def _tell(self, word: str) -> None:
        self._office.comment(self._office.people[1], "contact", self._card, f"#партнеру Скажіть {word}")
        self._told.append(word)

    def _write(self, chance: random.Random, word: str) -> None:
        """Half of them answer a deal that stands in the chat by now."""
        body: dict[str, Any] = {"person": PERSON, "chat": self._chat, "text": f"відповідь {word}"}
        place = f"contact:{self._card}"
        there = [(deal, one) for deal in self._deals for one in self._messages() if _announces(one, deal)]
        if there and chance.random() < 0.5:
            deal, message = chance.choice(there)
            body["reply_to"], place = str(message["message"]), f"task:{deal}"
        assert self._telegram is not None
        self._telegram.control("write", body)
        self._written[word] = place

    # --- what it came to --------------------------------------------------------------------------------------------------

    def put_right(self) -> None:
        """Nobody is asked for anything here."""

    def faults(self, *, of_all: bool = False) -> Iterator[str]:
        if self._telegram is None:
            return
        self._telegram.control("wait-idle", {"timeout": 30})
        shown = [Shown(_name(one), bool(one["bot"]), _text(one)) for one in self._messages() if one["bot"]]
        ours = [one for one in shown if one.ours and one.text]
        with self._database.read() as tx:
            yield from faults_of_sending(tx, ours)
        yield from faults_of_hearing(self._written, dict(self._comments()))
        for word in [*self._told, *(f"Заявка {deal} " for deal in self._deals)]:
            if (times := sum(word in one.text and "повторно" not in one.text for one in ours)) != 1:
                yield f"«{word}» of staff stands {times} times in the chat"
        if leaks := self._telegram.control("leaks", {"words": list(SECRETS)})["leaks"]:
            yield f"sent to Telegram: {leaks[:3]}"

    def _announced(self, deal: int) -> bool:
        return any(_announces(one, deal) for one in self._messages())

    def _messages(self) -> list[Mapping[str, Any]]:
        assert self._telegram is not None
        return list(self._telegram.control(f"messages?chat={self._chat}")["messages"])

    def _comments(self) -> Iterator[tuple[str, list[str]]]:
        for kind, number in [("contact", self._card), *(("task", str(deal)) for deal in self._deals)]:
            found = self._office.comments(kind, number)
            texts = [re.sub(r"<[^>]+>", " ", str(one.get("description") or "")) for one in found]
            yield f"{kind}:{number}", [text for text in texts if "#партнеру" not in text]


def _text(message: Mapping[str, Any]) -> str:
    return str(message.get("text") or message.get("caption") or "")


def _name(message: Mapping[str, Any]) -> str:
    """As our bot knows it."""
    return f"{message['chat']}:{message['message_id']}"


def _announces(message: Mapping[str, Any], deal: int) -> bool:
    return bool(message["bot"]) and f"Заявка {deal} " in _text(message)
