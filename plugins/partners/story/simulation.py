"""Partners' chats in a simulation: at rest each message meant stands in its chat once, each of a chat in the CRM once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kernel.conversations import Incoming, viewers
from kernel.crm.seen_comments import looked
from kernel.extension.comments import EDITS_LOOKED_BACK
from kernel.testing.chats import (
    Shown,
    comments_written,
    faults_of_hearing,
    faults_of_sending,
    messages_sent_again,
    undecided_messages,
)
from kernel.testing.stories import Action, Card, SimulatedStory, Typed, World

BOT, DEAL, PARTNER, OPERATION = "partners", "deal", "partner", "operation"
NAMES = ("Дельта", "Марта")
SECRETS = ("Таємниченко", "+380509187263", "0509187263", "41.2719", "41,2719", "тисячник")
RATES = ("41.35", "41.3", "41.42", "41.5", "41.28")
MARKED, UNMARKED = "#партнеру", "тисячник питає"
AGAIN = "повторно"
WELL_BEGUN = (
    0.8  #: share of stories whose chats work from the first step; in the others links and groups meet the faults, too
)
#: An edit of an older comment, that no event reports, may stay unseen.
FOUND_UNTIL = EDITS_LOOKED_BACK - timedelta(minutes=1)


@dataclass
class Chat:
    """A partner's card, and the group with them."""

    name: str
    card: str
    address: str
    deals: list[str] = field(default_factory=list)
    inside: bool = True
    bound: bool = False
    works: bool = False
    told: dict[str, str] = field(default_factory=dict)  #: word of staff -> their comment
    at: dict[str, str] = field(default_factory=dict)  #: word of staff -> the record of its comment, as it never changed
    edits: dict[str, str] = field(default_factory=dict)  #: a comment -> the newest word in it, where it has to be found
    written_at: dict[str, datetime] = field(default_factory=dict)  #: a comment -> when


class PartnersSimulation(SimulatedStory):
    tables: Mapping[str, tuple[str, ...]] = {DEAL: (OPERATION,)}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._bot: Any = world.channels.get(BOT)
        self._chats: list[Chat] = []
        self._written: dict[str, str] = {}  #: word of a partner -> the record it belongs to
        self._words = self._updates = 0

    @classmethod
    def settings(cls, chance: random.Random) -> Mapping[str, Any]:
        return {"confirm_unknown": False, "buttons": chance.random() < 0.5, "leak_check": chance.random() < 0.3}

    # --- the beginning ----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        if self._bot is None:
            return
        for number, name in enumerate(NAMES, 1):
            address = f"-{number}"
            self._bot.rooms[address] = ""
            self._chats.append(Chat(name, self.world.crm.new(PARTNER, {"name": name}), address))
        self.mutter()
        if self.world.random.random() < WELL_BEGUN:
            self.world.settle()
            self.bind()
            self.world.settle()

    def records(self) -> Iterator[tuple[str, str]]:
        """So that somebody presses the button of a deal whose edited row the CRM tells nobody of."""
        yield from ((DEAL, deal) for chat in self._chats for deal in chat.deals)

    def actions(self) -> Mapping[Action, int]:
        if self._bot is None:
            return {}
        return {
            self.bind: 0 if all(chat.bound for chat in self._chats) else 40, self.new_deal: 6, self.edit_deal: 2,
            self.tell: 10, self.change_a_comment: 3, self.mutter: 1, self.answer: 10, self.edit_an_answer: 2, self.press: 1,
            self.kick_or_return: 2, self.upgrade: 2,
        }  # fmt: skip

    def bind(self) -> None:
        """The link of a card is opened in a group."""
        for chat in self._chats:
            link = "" if chat.bound else self.world.crm.value(PARTNER, chat.card, "chat_link")
            if link:
                self._member(chat, "admin")
                code = link.partition("startgroup=")[2]
                self._bot.write(chat.address, "770", f"/start@simulated_bot {code}")
                chat.bound = True
                self.world.note(f"{chat.name} gets its group")

    # --- what staff do ----------------------------------------------------------------------------------------------------

    def new_deal(self) -> None:
        crm, chance, chat = self.world.crm, self.world.random, self._chat()
        if not chat.bound:
            return
        deal = crm.new(DEAL, {"client_name": "Таємниченко", "client_phone": "+380509187263", "manager": crm.people[0]})
        amount = str(chance.randint(1, 90) * 100)
        row: dict[str, Typed] = {
            "kind": "buy", "pair": "USD/UAH", "amount": amount, "amount_in": "USD", "client_rate": "41.2719",
            "partner_rate": chance.choice(RATES), "partner": Card(chat.card, chat.name),
        }  # fmt: skip
        crm.add_row(DEAL, deal, OPERATION, row)
        chat.deals.append(deal)
        self.world.note(f"deal {deal} with {chat.name}")

    def edit_deal(self) -> None:
        chat = self._chat()
        if chat.deals:
            deal = self.world.random.choice(chat.deals)
            key = self.world.crm.row_keys(DEAL, deal, OPERATION)[0]
            self.world.crm.edit_row(DEAL, deal, OPERATION, key, {"partner_rate": self.world.random.choice(RATES)})
            self.world.note(f"another rate in {deal}")

    def tell(self) -> None:
        for chat in self._chats:
            if chat.bound and self._listens():
                for _ in range(self.world.random.choice((0, 1, 1, 2))):
                    self._tell(chat, self._word())

    def _tell(self, chat: Chat, word: str) -> None:
        entity, record = self._place(chat)
        comment = self.world.crm.comment(entity, record, f"{MARKED} Скажіть {word}")
        chat.told[word], chat.at[word] = comment, f"{entity}:{record}"
        chat.written_at[comment] = self.world.clock.now()
        self.world.note(f"«{word}» to {chat.name} in {entity} {record}")

    def change_a_comment(self) -> None:
        chat = self._chat()
        if chat.told:  # told only once Annex listens
            word, comment = self.world.random.choice(list(chat.told.items()))
            new = self._word()
            chat.at.pop(word, None)
            if self.world.clock.now() - chat.written_at[comment] < FOUND_UNTIL:
                chat.edits[comment] = new
            else:
                chat.edits.pop(comment, None)
            self.world.crm.edit_comment(DEAL, comment, f"{MARKED} Скажіть {word} {new}")
            self.world.note(f"comment {comment} says «{new}»")

    def mutter(self) -> None:
        entity, record = self._place(self._chat())
        self.world.crm.comment(entity, record, f"{UNMARKED} {self._word()}")

    # --- what partners do -------------------------------------------------------------------------------------------------

    def answer(self) -> None:
        """Partners write, mostly in answer to a deal."""
        for chat in self._chats:
            if chat.inside and self._heard_there(chat):
                for _ in range(self.world.random.choice((0, 1, 1, 2))):
                    self._answer(chat, self._word())

    def _answer(self, chat: Chat, word: str) -> None:
        told = self._announcements(chat)
        deal, replied = self.world.random.choice(told) if told and self.world.random.random() < 0.7 else ("", "")
        self._bot.write(chat.address, f"людина {chat.name}", f"відповідь {word}", reply_to=replied)
        self._written[word] = f"{DEAL}:{deal}" if deal else f"{PARTNER}:{chat.card}"
        self.world.note(f"{chat.name} writes «{word}» in answer to {deal or 'nothing'}")

    def edit_an_answer(self) -> None:
        chat = self._chat()
        theirs = [one for one in self._bot.shown(chat.address) if one.author.startswith("людина")]
        if theirs and chat.inside:
            one = self.world.random.choice(theirs)
            self._bot.edit(one.vendor_id, f"{one.text.partition(' ще')[0]} ще {one.edits + 1}")

    def press(self) -> None:
        chat = self._chat()
        with_buttons = [one for one in self._bot.shown(chat.address) if one.buttons]
        if with_buttons and chat.inside:
            one = self.world.random.choice(with_buttons)
            self._bot.press(one.vendor_id, f"людина {chat.name}", self.world.random.choice(one.buttons).label)

    def kick_or_return(self) -> None:
        chat = self._chat()
        if chat.bound:
            self._let(chat, inside=not chat.inside)

    def upgrade(self) -> None:
        chat = self._chat()
        if chat.bound and chat.inside and len(chat.address) < 4 and self.world.random.random() < 0.3:
            new = f"-100{chat.address[1:]}"
            self._bot.upgrade(chat.address, new)
            chat.address = new
            self.world.note(f"the group of {chat.name} becomes {new}")

    def _let(self, chat: Chat, *, inside: bool) -> None:
        chat.inside = inside
        self._bot.shut(chat.address, "" if inside else "bot was kicked")
        self._bot.standings[chat.address] = "admin" if inside else "kicked"
        self._member(chat, "admin" if inside else "kicked")
        self.world.note(f"the bot {'is back' if inside else 'was thrown out'}: {chat.name}")

    # --- the end ----------------------------------------------------------------------------------------------------------

    def repair(self) -> None:
        self.bind()
        for chat in self._chats:
            if chat.bound and not chat.inside:
                self._let(chat, inside=True)

    def at_rest(self) -> None:
        if self._bot is not None:
            found = list(self._faults())
            assert not found, found[:3]

    def figures(self) -> Mapping[str, int]:
        if self._bot is None:
            return {}
        ours = sum(one.author == "bot" for one in self._bot.messages)
        return {"messages to partners": ours, "messages of partners": len(self._written)}

    def _faults(self) -> Iterator[str]:
        shown = [Shown(one.vendor_id, one.author == "bot", one.text) for one in self._bot.messages]
        ours = [one for one in shown if one.ours]
        with self.world.portal.read() as unit:
            yield from faults_of_sending(unit.tx, shown)
            yield from viewers.faults(unit.tx)
        yield from faults_of_hearing(self._written, dict(self._comments()))
        yield from (f"«{one.text}» says {word}" for one in ours for word in SECRETS if word in one.text)
        for chat in self._chats:
            yield from self._once(chat, ours)
            yield from self._in_order(chat, ours)

    def _once(self, chat: Chat, ours: list[Shown]) -> Iterator[str]:
        """Each deal is announced to its partner once, each marked comment is there once as it stands now; nowhere else."""
        undecided, asked = self._left_to_people()
        meant = [(f"deal {deal}", f"Заявка {deal} ", f":{deal}:{chat.card}") for deal in chat.deals]
        meant += [(f"comment {comment}", word, f":{comment}:") for word, comment in chat.told.items()]
        meant += [(f"comment {comment} by now", word, f":{comment}:") for comment, word in chat.edits.items()]
        for about, text, key in meant:
            times = Counter(self._is_of(chat, one) for one in ours if text in one.text and AGAIN not in one.text)
            told = any(text in one for one in undecided) or any(key in f"{one}:" for one in asked)
            if times != Counter({True: 1}) and not (told and times <= Counter({True: 1})):
                yield f"«{text}» of {about} stands in chats {dict(times)} times, not once with {chat.name}"

    def _in_order(self, chat: Chat, ours: list[Shown]) -> Iterator[str]:
        """Comments of one record stand in the chat as staff wrote them, as far as its address stayed the same."""
        with self.world.portal.read() as unit:
            late = messages_sent_again(unit.tx)
        last: dict[tuple[str, str], tuple[int, str]] = {}
        for word, record in chat.at.items():
            if any(word in one for one in late):
                continue
            for one in (one for one in ours if word in one.text and AGAIN not in one.text):
                place = (record, one.vendor_id.rpartition(":")[0])
                before, earlier = last.get(place, (0, ""))
                if one.number < before:
                    yield f"«{word}» of {record} stands before «{earlier}», which was written there earlier"
                last[place] = max((before, earlier), (one.number, word))

    @staticmethod
    def _is_of(chat: Chat, one: Shown) -> bool:
        """Before an upgrade and after it."""
        return one.vendor_id.rpartition(":")[0] in (chat.address, f"-{chat.address[-1]}")

    def _left_to_people(self) -> tuple[list[str], list[str]]:
        """Messages that somebody has to decide on; what authors were asked instead of sending it, by its key."""
        with self.world.portal.read() as unit:
            undecided, asked = undecided_messages(unit.tx), comments_written(unit.tx, "partners:")
        return undecided, [key.replace(f"{self.world.portal.name}/", "") for key in asked]

    def _comments(self) -> Iterator[tuple[str, list[str]]]:
        comments = self.world.portal.crm.comments
        assert comments is not None
        for chat in self._chats:
            for entity, record in [(PARTNER, chat.card), *((DEAL, deal) for deal in chat.deals)]:
                yield f"{entity}:{record}", [one.text for one in comments.of(entity, record) if one.ours]

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _chat(self) -> Chat:
        return self.world.random.choice(self._chats)

    def _heard_there(self, chat: Chat) -> bool:
        """Whether the card has said that the group is the partner's; before that nobody is heard there."""
        chat.works = chat.works or self.world.crm.value(PARTNER, chat.card, "chat") == "працює"
        return chat.works

    def _listens(self) -> bool:
        """Whether Annex has begun to hear comments; those written before, on purpose, go to nobody."""
        with self.world.portal.read() as unit:
            return looked(unit.tx, self.world.portal.name) is not None

    def _word(self) -> str:
        self._words += 1
        return f"слово{self._words:03}х"

    def _place(self, chat: Chat) -> tuple[str, str]:
        if chat.deals and self.world.random.random() < 0.5:
            return DEAL, self.world.random.choice(chat.deals)
        return PARTNER, chat.card

    def _announcements(self, chat: Chat) -> list[tuple[str, str]]:
        shown = [one for one in self._bot.shown(chat.address) if one.author == "bot"]
        return [(deal, one.vendor_id) for one in shown for deal in chat.deals if one.text.startswith(f"Заявка {deal} ")]

    def _member(self, chat: Chat, state: str) -> None:
        self._updates += 1
        self._bot.pending.append(
            Incoming(
                f"m{self._updates}", chat.address, account="bot", author="770", author_name="Людина",
                at=self.world.clock.now(), kind="membership",
                details={"room": "supergroup" if chat.address in self._bot.supergroups else "group", "state": state,
                         "hears_all": "yes", "room_title": chat.name},
            )
        )  # fmt: skip
