"""Three partners, their groups on an emulated Telegram, and a day of talk with all that can go wrong in it.

In the end what staff and partners said must stand where it belongs, once: a comment of the CRM for each message of a chat, a
message of a chat for each comment that was meant for it, and no secret in any byte that was sent to Telegram. All of it is
reckoned from the story's own list of what was said, never from the product.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import requests

from kernel.errors import Unreachable
from kernel.testing.demo import DemoStory, Desk, Result

BOT = "partners"  #: the connection's name in the set
WITHIN_SECONDS = 90
SILENT_MINUTES = 10
SECRETS = ("Таємниченко", "0509187263", "41.2719", "41,2719", "тисячник", "Пантелеймон")


@dataclass
class Partner:
    """A partner, who writes for them, and the room they write in."""

    name: str
    person: str
    card: str = ""
    chat: int = 0
    staff: str = "iryna_desk"
    deals: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Said:
    """Something that was said, by its unique word, and where it has to stand in the end."""

    word: str
    at: str  #: "task 5512" or "contact 911" for what a partner said; the partner's name for what staff said
    files: int = 0
    source: str = ""  #: of what staff said: the record they wrote in


class PartnersDemo(DemoStory):
    agreement = "messages meant = in the chats = in the CRM, each in its deal, no secret said"
    after = ("exchange",)
    connectors = frozenset({"planfix"})
    page = ("Talks with partners", "/partners/talks")

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._partners = [
            Partner("Дельта Обмін", "oleg_fx"),
            Partner("Марта Кантор", "marta_kantor"),
            Partner("Warta", "adam_waw"),
        ]
        self._heard: list[Said] = []  #: partners said it
        self._told: list[Said] = []  #: staff said it
        self._words = 0

    # --- the day ----------------------------------------------------------------------------------------------------------

    def work(self, day: date, number: int) -> None:
        if number != 1 or BOT not in self.desk.systems:
            return
        self.desk.faults({"contact_scripts": "on", "contact_comment_script": "on", "comment_script": "on"})
        self._cards_and_groups()
        self._deals()
        self._talk()
        self._trouble()
        self._wait(self._all_there, "everything said stands where it belongs")
        self.desk.faults({"contact_scripts": "off", "contact_comment_script": "off", "comment_script": "off"})

    def _cards_and_groups(self) -> None:
        office = self.desk.office
        who = office.people[1]
        for one in self._partners[:2]:
            one.card = self._new_card(who, one)
        self._partners[2].card = self._new_card_on_our_page(self._partners[2], office.people[1])
        for one in self._partners:
            self._wait(lambda one=one: self._link(one), f"a link in the card of {one.name}")  # type: ignore[misc]
        rooms = [{"title": "Дельта · обмін"}, {"title": "Марта · обмін"}, {"title": "Warta settlements"}]
        for one, room in zip(self._partners, rooms, strict=True):
            self._telegram("faults", {"reorder": "on" if one.person == "marta_kantor" else "off"})
            made = self._telegram("tap", {"person": one.staff, "link": self._link(one), **room})
            one.chat = int(made["chat"])
            self._telegram("add", {"chat": one.chat, "user": one.person, "by": one.staff})
            self._telegram("promote", {"chat": one.chat, "user": self._bot})
        for one in self._partners:
            self._wait(lambda one=one: self._state(one).startswith("чекає підтвердження"), f"{one.name} waits for staff")  # type: ignore[misc]
            office.press_on_card(who, one.card, "Підтвердити чат")
        for one in self._partners:
            self._wait(lambda one=one: self._state(one) == "працює", f"the chat of {one.name} works")  # type: ignore[misc]
        self.desk.announce("  three partners' cards made, three groups bound by their links and confirmed by staff")

    def _new_card(self, who: str, one: Partner) -> str:
        """«+ Партнер» in the CRM: the template «Партнер»."""
        office = self.desk.office
        card = office.new_contact(who, "Партнер", {"name": one.name}, {})
        return str(card)

    def _new_card_on_our_page(self, one: Partner, responsible: str) -> str:
        """«+ Партнер» on Annex's own page; «Створити і перейти», pressed twice, leads to one card in the CRM."""
        with requests.Session() as browser:
            browser.trust_env = False
            form = browser.get(f"{self.desk.address}/partners/new", timeout=30).text
            body = {name: re.findall(rf'name="{name}" value="([^"]+)"', form)[0] for name in ("csrf", "token")}
            body |= {
                "name": one.name,
                "phone": "+48 512 345 678",
                "language": "en",
                "automatic": "1",
                "responsible": responsible,
            }
            for _ in range(2):
                waits = browser.post(f"{self.desk.address}/partners/new", data=body, timeout=30).url
            deadline = time.monotonic() + WITHIN_SECONDS
            while time.monotonic() < deadline:
                answer = browser.get(f"{waits}/card", timeout=30, allow_redirects=False)
                if "/contact/" in answer.headers.get("Location", ""):
                    return answer.headers["Location"].rpartition("/")[2]
                time.sleep(0.2)
        raise Unreachable("the card made on our page did not come into the CRM")

    def _deals(self) -> None:
        office = self.desk.office
        who = office.people[1]
        first, second, third = self._partners
        for one, amount in ((first, "10000"), (first, "2500"), (second, "700"), (third, "3100")):
            fields = {"Ім'я клієнта": f"Пантелеймон Таємниченко {self._next()}", "Телефон клієнта": "0509187263"}
            task = office.new_deal(who, f"Обмін для {one.name}", fields)
            row = {
                "Вид": "Купівля", "Пара": "USD/UAH", "Сума": Decimal(amount), "Валюта суми": "USD",
                "Курс клієнта": Decimal("41.2719"), "Курс партнера": Decimal("41.35"),
                "Партнер": {"id": f"contact:{one.card}"}, "Коментар": "тисячник",
            }  # fmt: skip
            office.add_row(who, task, row)
            one.deals.append(task)
        for one in self._partners:
            for deal in one.deals:
                self._wait(lambda one=one, deal=deal: self._announced(one, deal), f"deal {deal} in the chat of {one.name}")  # type: ignore[misc]
        self.desk.announce("  four deals announced in their partners' chats, with the partners' figures alone")

    def _talk(self) -> None:
        """Answers by reply, by number, to nothing; two deals at once; an edit, an album, a voice message, 25 MB."""
        first, second, third = self._partners
        one, two = first.deals
        self._answers(first, "беру", one, reply=one)
        self._answers(first, f"#{two} теж", two)
        self._answers(first, f"№{one}: і ще", one, reply=one)
        self._answers(second, "добрий день", None)
        self._answers(third, "done", third.deals[0], reply=third.deals[0])
        word = self._next()
        key = self._write(second, f"курс 41,30 {word}", reply=second.deals[0])
        self._wait(lambda: self._stands(f"task {second.deals[0]}", word), "an answer before it is edited")
        after = self._next()
        self._telegram("edit", {"message": key, "text": f"курс 41,20 {after}"})
        self._heard += [Said(word, f"task {second.deals[0]}"), Said(after, f"task {second.deals[0]}")]
        self._album(third)
        self._voice_and_large(first)
        for one_partner in self._partners:
            self._tells(one_partner, "contact", one_partner.card)
            self._tells(one_partner, "task", one_partner.deals[0])
        self.desk.office.comment(self.desk.office.people[1], "task", one, "клієнт Пантелеймон просить швидше")  # unmarked
        self.desk.announce("  answers by reply, by number and to nothing, an edit, an album, a voice message, 25 MB")

    def _album(self, one: Partner) -> None:
        word = self._next()
        items = [{"photo": f"{word}-{n}.jpg", **({"caption": f"чеки {word}"} if n == 0 else {})} for n in range(3)]
        self._telegram("album", {"person": one.person, "chat": one.chat, "items": items})
        self._heard.append(Said(word, f"contact {one.card}", 3))

    def _voice_and_large(self, one: Partner) -> None:
        self._telegram("write", {"person": one.person, "chat": one.chat, "voice": "слово.ogg", "duration": 17})
        self._heard.append(Said("голосове 0:17", f"contact {one.card}", 1))
        word = self._next()
        large = {"name": f"{word}.zip", "mime": "application/zip", "size": 25 * 1024 * 1024}
        self._telegram("write", {"person": one.person, "chat": one.chat, "document": large})
        self._heard.append(Said(word, f"contact {one.card}"))

    # --- what goes wrong --------------------------------------------------------------------------------------------------

    def _trouble(self) -> None:
        desk, (first, second, third) = self.desk, self._partners
        self._telegram("faults", {"duplicate_rate": 0.3})
        desk.announce("  ! Telegram doubles some updates")
        self._answers(third, "ще раз", third.deals[0], reply=third.deals[0])
        self._telegram("faults", {"cut_after_commit_next": 2})
        desk.announce("  ! two messages arrive, but their answers are lost")
        self._tells(first, "task", first.deals[0])
        self._tells(second, "task", second.deals[0])
        self._wait(self._all_there, "what was lost and found again")
        self._telegram("faults", {"flood_next": 2, "flood_seconds": 2})
        desk.announce("  ! too many requests: the bot has to wait")
        self._tells(third, "contact", third.card)
        self._wait(self._all_there, "what waited for the flood limit")
        second.chat = int(self._telegram("upgrade", {"chat": second.chat})["chat"])
        desk.announce("  ! a group becomes a supergroup")
        self._tells(second, "contact", second.card)
        self._answers(second, "тепер тут", second.deals[0], by_number=True)
        self._kicked(third)
        self._silence(first)
        desk.kill_worker()
        self._answers(first, "після всього", first.deals[1], by_number=True)
        self._tells(first, "task", first.deals[1])

    def _kicked(self, one: Partner) -> None:
        self._telegram("kick", {"chat": one.chat, "user": self._bot, "by": one.person})
        self._wait(lambda: self._state(one).startswith("не працює"), "the card says that the bot was thrown out")
        for _ in range(3):
            self._tells(one, "contact", one.card)
        self._telegram("add", {"chat": one.chat, "user": self._bot, "by": one.person, "admin": True})
        self._wait(lambda: self._state(one) == "працює", "the bot is back")
        self.desk.announce("  ! the bot was thrown out and came back: three messages waited, and left in their order")

    def _silence(self, one: Partner) -> None:
        self._telegram("faults", {"down": "closed"})
        self._tells(one, "contact", one.card)
        time.sleep(2)
        self.desk.pass_time(SILENT_MINUTES * 60)
        self._tells(one, "contact", one.card)
        time.sleep(2)
        self._telegram("faults", {"down": "off"})
        self.desk.pass_time(60)  # the longest pause between two tries
        self.desk.announce(f"  ! Telegram was silent for {SILENT_MINUTES} minutes")

    # --- saying -----------------------------------------------------------------------------------------------------------

    def _answers(
        self, one: Partner, text: str, deal: int | None, *, reply: int | None = None, by_number: bool = False
    ) -> None:
        """The partner writes; where it has to stand."""
        word = self._next()
        self._write(one, f"{f'#{deal} ' if by_number else ''}{text} {word}", reply=reply)
        self._heard.append(Said(word, f"task {deal}" if deal else f"contact {one.card}"))

    def _write(self, one: Partner, text: str, *, reply: int | None = None) -> str:
        body: dict[str, Any] = {"person": one.person, "chat": one.chat, "text": text}
        if reply is not None:
            body["reply_to"] = self._key_of(one, reply)
        return str(self._telegram("write", body)["message"])

    def _tells(self, one: Partner, kind: str, number: str | int) -> None:
        word = self._next()
        self.desk.office.comment(self.desk.office.people[1], kind, number, f"#партнеру Скажіть {word}")
        self._told.append(Said(word, one.name, source=f"{kind} {number}"))

    def _next(self) -> str:
        self._words += 1
        return f"слово{self._words:03}х"

    # --- looking ----------------------------------------------------------------------------------------------------------

    @property
    def _bot(self) -> str:
        return str(self._telegram("state")["bots"][0]["username"])

    def _telegram(self, door: str, body: dict[str, Any] | None = None) -> Any:
        return self.desk.systems[BOT].control(door, body)

    def _link(self, one: Partner) -> str:
        return str(self.desk.office.contact_field(one.card, "Посилання на чат") or "")

    def _state(self, one: Partner) -> str:
        return str(self.desk.office.contact_field(one.card, "Чат") or "")

    def _messages(self, one: Partner) -> list[dict[str, Any]]:
        return list(self._telegram(f"messages?chat={one.chat}")["messages"])

    def _ours(self, one: Partner) -> list[dict[str, Any]]:
        return [message for message in self._everywhere(one) if message["bot"] and _text(message)]

    def _everywhere(self, one: Partner) -> list[dict[str, Any]]:
        """Before an upgrade and after it."""
        known = self._telegram("chats")["chats"]
        chats = [chat["chat"] for chat in known if one.chat in (chat["chat"], chat["upgraded_to"])]
        return [message for chat in chats for message in self._telegram(f"messages?chat={chat}")["messages"]]

    def _announced(self, one: Partner, deal: int) -> bool:
        return any(_text(message).startswith((f"Заявка {deal} ", f"Request {deal} ")) for message in self._ours(one))

    def _key_of(self, one: Partner, deal: int) -> str:
        return next(str(m["message"]) for m in self._messages(one) if m["bot"] and f"№{deal}·" in _text(m))

    def _comments(self, record: str) -> list[tuple[str, int]]:
        kind, _, number = record.partition(" ")
        return [
            (re.sub(r"<[^>]+>", " ", str(one.get("description") or "")), len(one.get("files") or ()))
            for one in self.desk.office.comments(kind, number)
        ]

    def _stands(self, record: str, word: str) -> bool:
        return any(word in text for text, _files in self._comments(record))

    def _records(self) -> list[str]:
        return [f"contact {one.card}" for one in self._partners] + [
            f"task {deal}" for one in self._partners for deal in one.deals
        ]

    def _faults(self) -> list[str]:
        """What is not where it belongs, once."""
        wrong: list[str] = []
        comments = {record: self._comments(record) for record in self._records()}
        for said in self._heard:
            found = Counter(
                record
                for record, texts in comments.items()
                for text, files in texts
                if said.word in text and "#партнеру" not in text and (not said.files or files == said.files)
            )
            if found != Counter({said.at: 1}):
                wrong.append(f"«{said.word}» of a partner stands in {dict(found) or 'no comment'}, not once in {said.at}")
        for said in self._told:
            places = Counter(one.name for one in self._partners for m in self._ours(one) if said.word in _text(m))
            if places != Counter({said.at: 1}):
                wrong.append(f"«{said.word}» of staff is in the chats of {dict(places) or 'nobody'}, not once of {said.at}")
        for one in self._partners:
            for deal in one.deals:
                count = sum(
                    _text(message).startswith((f"Заявка {deal} ", f"Request {deal} ")) for message in self._ours(one)
                )
                if count != 1:
                    wrong.append(f"deal {deal} is announced {count} times to {one.name}")
        return wrong

    def _all_there(self) -> bool:
        return not self._faults()

    def _wait(self, until: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + WITHIN_SECONDS
        while time.monotonic() < deadline:
            if until():
                return
            time.sleep(0.2)
        self.desk.announce(f"  waited {WITHIN_SECONDS} s for nothing: {what}")

    def checks(self) -> Iterable[Result]:
        if BOT not in self.desk.systems:
            return
        wrong = self._faults()
        count = len(self._heard) + len(self._told)
        yield f"each of {count} messages stands where it belongs, once", "; ".join(wrong[:5])
        for one in self._partners:
            for record in sorted({said.source for said in self._told if said.at == one.name}):
                order = [said.word for said in self._told if (said.at, said.source) == (one.name, record)]
                seen = [word for m in self._ours(one) for word in order if word in _text(m)]
                wrong_order = "" if seen == order else str(seen)
                yield f"staff's messages to {one.name} from {record} came in the order they were written", wrong_order
        ours = {str(message["message"]) for one in self._partners for message in self._ours(one)}
        stray = [
            message
            for chat in self._telegram("chats")["chats"]
            for message in self._telegram(f"messages?chat={chat['chat']}")["messages"]
            if message["bot"] and _text(message) and str(message["message"]) not in ours
        ]
        yield "the bot said nothing anywhere else", f"{len(stray)} messages" if stray else ""
        looked = self._telegram("leaks", {"words": list(SECRETS)})
        leaked = str(looked["leaks"][:3]) if looked["leaks"] else "" if looked["requests"] else "nothing was sent at all"
        yield "no client, rate, note or profit in any byte sent to Telegram", leaked


def _text(message: dict[str, Any]) -> str:
    return str(message.get("text") or message.get("caption") or "")
