"""A desk with the emulated Telegram beside the emulated CRM, and one partner whose group works."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

from kernel.testing import until

if TYPE_CHECKING:
    from tests.e2e.conftest import Desk

STAFF = "user:3"
SECRETS = ("Таємниченко", "0509187263", "41.2719", "41,2719", "тисячник")
WITHIN_SECONDS = 400
SCRIPTS = ("contact_scripts", "contact_comment_script", "comment_script")  #: that Planfix has where partners are talked to
SWITCHES = "buttons = true\nleak_check = true\nbalance_command = true\n"


@dataclass
class Partners:
    """The desk, and one partner with a group that works."""

    desk: Desk
    card: str = ""
    chat: int = 0
    person: str = "oleg_fx"
    words: Iterator[int] = field(default_factory=lambda: count(1))  #: shared by all partners of one desk

    # --- the chat ---------------------------------------------------------------------------------------------------------

    def telegram(self, door: str, body: dict[str, Any] | None = None) -> Any:
        return self.desk.systems["partners"].control(door, body)

    @property
    def bot(self) -> str:
        return str(self.telegram("state")["bots"][0]["username"])

    def messages(self) -> list[dict[str, Any]]:
        """Before an upgrade of the group and after it."""
        known = self.telegram("chats")["chats"]
        chats = [chat["chat"] for chat in known if self.chat in (chat["chat"], chat["upgraded_to"])]
        return [one for chat in chats for one in self.telegram(f"messages?chat={chat}")["messages"]]

    def ours(self, part: str) -> list[str]:
        return [text(one) for one in self.messages() if one["bot"] and part in text(one)]

    def key_of(self, deal: int) -> str:
        return next(str(one["message"]) for one in self.messages() if one["bot"] and f"№{deal}·" in text(one))

    def says(self, words: str, *, reply: int | None = None) -> str:
        """The partner writes; the unique word that is in it."""
        word = self.word()
        body: dict[str, Any] = {"person": self.person, "chat": self.chat, "text": f"{words} {word}"}
        if reply is not None:
            body["reply_to"] = self.key_of(reply)
        self.telegram("write", body)
        return word

    def word(self) -> str:
        return f"слово{next(self.words):03}х"

    # --- the CRM ----------------------------------------------------------------------------------------------------------

    def state(self) -> str:
        return str(self.desk.office.contact_field(self.card, "Чат") or "")

    def link(self) -> str:
        return str(self.desk.office.contact_field(self.card, "Посилання на чат") or "")

    def comments(self, kind: str, number: str | int, part: str) -> list[str]:
        found = (re.sub(r"<[^>]+>", " ", str(one["description"])) for one in self.desk.office.comments(kind, number))
        return [one for one in found if part in one]

    def tells(self, kind: str, number: str | int, words: str, mark: str = "#партнеру") -> str:
        word = self.word()
        self.desk.office.comment(STAFF, kind, number, f"{mark} {words} {word}".strip())
        return word

    def tells_in_order(self, *words: str) -> list[str]:
        """Into the card, each when the one before is in flight: a CRM that tells of comments one by one keeps no order."""
        told, known = [], "SELECT COUNT(*) FROM message WHERE text LIKE :word"
        for said in words:
            word = self.tells("contact", self.card, said)
            self.wait(lambda w=word: self.desk.count(known, word=f"%{w}%"), f"«{said}» in flight")  # type: ignore[misc]
            told.append(word)
        return told

    def deal(self) -> int:
        return self.deal_with_row()[0]

    def deal_with_row(self) -> tuple[int, int]:
        """A deal with the partner in it, which their chat has been told of, and its operation."""
        office = self.desk.office
        client = {"Ім'я клієнта": "Пантелеймон Таємниченко", "Телефон клієнта": "0509187263"}
        task = office.new_deal(STAFF, "Обмін", client)
        row = {
            "Вид": "Купівля", "Пара": "USD/UAH", "Сума": Decimal(10000), "Валюта суми": "USD",
            "Курс клієнта": Decimal("41.2719"), "Курс партнера": Decimal("41.35"),
            "Партнер": {"id": f"contact:{self.card}"}, "Коментар": "тисячник",
        }  # fmt: skip
        key = office.add_row(STAFF, task, row)
        self.wait(lambda: self.ours(f"Заявка {task} "), f"deal {task} in the chat")
        return int(task), int(key)

    def wait(self, ready: Callable[[], Any], what: str) -> None:
        until(ready, f"{what}; logs in {self.desk.home}", within=WITHIN_SECONDS, every=0.2)

    def open(self) -> None:
        """«+ Партнер» in the CRM, the link from the card, a group, staff's yes."""
        office = self.desk.office
        self.card = office.new_contact(STAFF, "Партнер", {"name": "Дельта Обмін"}, {})
        self.wait(self.link, "a link in the card")
        made = self.telegram("tap", {"person": "iryna_desk", "link": self.link(), "title": "Дельта · обмін"})
        self.chat = int(made["chat"])
        self.telegram("add", {"chat": self.chat, "user": self.person, "by": "iryna_desk"})
        self.telegram("promote", {"chat": self.chat, "user": self.bot})
        self.wait(lambda: self.state().startswith("чекає підтвердження"), "the group waits for staff")
        assert not self.ours(""), "nothing is said before staff have confirmed the group"
        office.press_on_card(STAFF, self.card, "Підтвердити чат")
        self.wait(lambda: self.state() == "працює", "the chat works")


def text(message: dict[str, Any]) -> str:
    return str(message.get("text") or message.get("caption") or "")
