"""What a sales department does in one burst of the kill campaign: deals are brought to the push, some with a mistake in the
client's card, some of one client at once, while the back office loses answers; and what that has to come to.

Which clients there are is asked of the emulated back office, which counts whoever was registered twice.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from kernel.storage import Database
from kernel.testing import until
from plugins.opening.story.staff import inn_of
from plugins.opening.tests.crash.cards import CONTACT, DEAL, Cards

BROKER = "broker"  #: the set's connection to the back office
WAY = ("Контакт установлен", "Потребность выявлена", "Предложение отправлено", "Условия договора")
PUSH, WON = "Передача в учётную систему", "Счёт открыт"
ACCEPTED, NEXT_DEAL = r"Клиент заведён: ClientID \d+, договор \S+ от ", "Новая сделка: "
CORRECTED_SECONDS = 120
OPEN_STATES = "state IN ('open', 'refused', 'waiting') OR (state = 'accepted' AND finished_at IS NULL)"


@dataclass
class Case:
    """One client with their deals. `wrong`: the card holds an ИНН that nobody has."""

    name: str
    phone: str
    inn: str
    wrong: bool
    titles: list[str]
    contact: int = 0
    deals: list[int] = field(default_factory=list)


class Burst:
    """Keeps tests.crash.bursts.Burst."""

    def __init__(self, office: Any, database: Database, systems: Mapping[str, Any]) -> None:
        self._office, self._database, self._bo = office, database, systems[BROKER]
        self._all: list[Case] = []
        self._now: list[Case] = []
        self._number = 0

    def open(self, seed: int) -> None:
        """Everybody is at work, and the back office believes whatever comes: then a second client shows."""
        self._cards = Cards(self._office)
        for who in (self._office.head, *self._office.managers):
            self._office.day(who, "OPENED")
        self._bo.control("faults", {"doubles": "accept"})

    def plan(self, chance: random.Random, mark: str, deals: int) -> None:
        self._now = []
        while sum(len(case.titles) for case in self._now) < deals:
            self._number += 1
            name = f"Новиков-{mark}-{self._number}"
            titles = [f"Счёт {name} {n}" for n in range(chance.choice((1, 1, 1, 2)))]
            phone, inn = f"+7902{self._number:07d}", inn_of(7709000000 + self._number)
            self._now.append(Case(name, phone, inn, chance.random() < 0.3, titles))
        self._all += self._now
        self._bo.control("faults", {
            "lose_answer_next": chance.choice((0, 1, 2)), "cut_before_commit_next": chance.choice((0, 0, 1)),
            "faults_next": chance.choice(("", "BUSY", "INTERNAL,BUSY")),
        })  # fmt: skip

    def play(self, chance: random.Random, pause: Callable[[], float]) -> int:
        """Acts of all clients interleave as they come; each keeps its own order."""
        queue = [list(self._acts(case, chance)) for case in self._now]
        done = 0
        while waiting := [acts for acts in queue if acts]:
            chance.choice(waiting).pop(0)()
            done += 1
            time.sleep(pause())
        return done

    def _acts(self, case: Case, chance: random.Random) -> Iterator[Callable[[], None]]:
        who = chance.choice(self._office.managers)
        yield lambda: self._new_client(case, who)
        for number, title in enumerate(case.titles):
            yield lambda title=title: self._new_deal(case, who, title)  # type: ignore[misc]
            for stage in (*WAY, PUSH):
                yield lambda n=number, stage=stage: self._cards.move(who, case.deals[n], stage)  # type: ignore[misc]
        if chance.random() < 0.3:  # while it is in transit, somebody takes it back
            yield lambda: self._cards.move(who, case.deals[-1], WAY[-1])

    def _new_client(self, case: Case, who: str) -> None:
        system = {"lastName": case.name, "name": "Иван", "birthdate": "1990-05-04"}
        inn = "770987654340" if case.wrong else case.inn
        case.contact = self._cards.new_contact(who, case.phone, system, {"ИНН": inn, "Тип клиента": "Физическое лицо"})

    def _new_deal(self, case: Case, who: str, title: str) -> None:
        said = {"Тариф": "Трейдер", "Рынки": "MOEX_STOCK, MOEX_FX", **dict.fromkeys(self._cards.terms, "да")}
        case.deals.append(self._cards.new_deal(who, title, case.contact, said))

    # --- when all is well again -----------------------------------------------------------------------------------------

    def put_right(self) -> None:
        """People correct what they are told to, bring to the push what was put back, and say what became of lost answers."""
        self._bo.control("faults", {"lose_answer_next": 0, "cut_before_commit_next": 0, "faults_next": ""})
        who = self._office.managers[0]
        for case in self._now:
            if case.wrong:
                self._cards.set(who, CONTACT, case.contact, {"ИНН": case.inn})
        until(self._settled, "every registration is definite", every=0.3, seen=self._standing, within=CORRECTED_SECONDS)

    def _settled(self) -> bool:
        """Not yet: then somebody does what there is to do."""
        for case in self._now:
            for deal in case.deals:
                self._lead_on(deal)
                if self._needs_person(deal):
                    self._decide(case, deal)
        with self._database.write() as tx:  # what looks around each minute does so now
            for name in ("opening.look_on", "assignment.give_out"):
                tx.run("UPDATE regular SET next_at = 0 WHERE name LIKE :n", n=f"%:{name}")
        mine = [deal for case in self._now for deal in case.deals]
        return not self._open() and all(self._state(deal) in ("accepted", "known") for deal in mine)

    def _lead_on(self, deal: int) -> None:
        """A move that was put back is made once more."""
        stages = ("Новое обращение", *WAY, PUSH)
        here = self._stage(deal)
        if here in stages[:-1] and self._state(deal) not in ("open", "accepted"):
            self._cards.move(self._office.managers[0], deal, stages[stages.index(here) + 1])

    def _standing(self) -> str:
        deals = [deal for case in self._now for deal in case.deals]
        return ", ".join(f"{deal}: {self._state(deal) or 'unknown'} at «{self._stage(deal)}»" for deal in deals)

    def _open(self) -> str:
        with self._database.read() as tx:
            rows = tx.all(f"SELECT deal, state FROM opening_deal WHERE {OPEN_STATES} ORDER BY deal")
        return ", ".join(f"{row['deal']} {row['state']}" for row in rows)

    def _state(self, deal: int) -> str:
        with self._database.read() as tx:
            return str(tx.value("SELECT state FROM opening_deal WHERE deal = :d", d=str(deal)) or "")

    def _stage(self, deal: int) -> str:
        return self._cards.read(DEAL, deal)["stage"]

    def _needs_person(self, deal: int) -> bool:
        """Whether the tab asks what became of the request."""
        with self._database.read() as tx:
            found = tx.value(
                "SELECT COUNT(*) FROM opening_request r JOIN outgoing o ON o.key = r.request_id "
                "WHERE r.deal = :d AND r.state = 'open' AND o.state = 'uncertain'",
                d=str(deal),
            )  # fmt: skip
        return bool(found)

    def _decide(self, case: Case, deal: int) -> None:
        """On the tab of the deal, after a look into the back office."""
        menu = self._office.doors("open", {"placement": "LEFT_MENU", "user": self._office.head, "options": {}})
        parts = urlsplit(menu["url"])
        handler = f"{parts.scheme}://{parts.netloc}/frame/bitrix24/main/opening/deal/%7Bdeal%7D"
        asked = self._office.doors("open", {
            "placement": "CRM_DEAL_DETAIL_TAB", "user": self._office.head, "handler": handler, "options": {"ID": str(deal)},
        })  # fmt: skip
        with requests.Session() as session:
            session.trust_env = False
            page = session.post(asked["url"], data=asked["fields"], timeout=120)
            tokens = re.findall(r'name="csrf" value="([^"]+)"', page.text)
            if not tokens:
                return  # somebody was quicker, or the service is not back yet
            form, there = {"csrf": tokens[-1]}, self._clients(case)
            if there:
                form |= {"client_id": there[0]["id"], "contract": "", "opened_on": ""}
            address = f"{parts.scheme}://{parts.netloc}/opening/deal/{deal}/{'confirm' if there else 'deny'}"
            session.post(address, data=form, timeout=120)

    def _clients(self, case: Case) -> list[Mapping[str, Any]]:
        found = self._bo.control("clients")["clients"]
        return [one for one in found if one["details"].get("inn") == case.inn]

    # --- what must hold -------------------------------------------------------------------------------------------------

    def faults(self, *, of_all: bool = False) -> Iterator[str]:
        if twice := self._bo.control("state")["twice"]:
            yield f"registered more than once: {twice}"
        for case in self._all if of_all else self._now:
            yield from self._faults_of(case)

    def _faults_of(self, case: Case) -> Iterator[str]:
        clients, card = self._clients(case), self._cards.read(CONTACT, case.contact)
        if len(clients) != 1:
            yield f"{case.name} is registered {len(clients)} times"
            return
        if (card["ClientID"], card["Статус клиента"]) != (clients[0]["id"], "Действующий"):
            yield f"{case.name} is {clients[0]['id']}, their card says {card['ClientID']}, {card['Статус клиента']}"
        won = [deal for deal in case.deals if self._stage(deal) == WON]
        if len(won) != 1:
            yield f"{case.name}: deals {won} of {case.deals} are won"
        for deal, title in zip(case.deals, case.titles, strict=True):
            made = [one for one in self._cards.deals_named(title) if one["id"] != str(deal)]
            notes = self._cards.notes(deal)
            wanted = 1 if deal in won else 0
            if len(made) != wanted or any(str(deal) not in one["Сделка-основание"] for one in made):
                yield f"deal {deal} of {case.name}: {len(made)} next ones"
            for words in (ACCEPTED, NEXT_DEAL):
                if (times := sum(re.search(words, note) is not None for note in notes)) != wanted:
                    yield f"deal {deal} of {case.name}: «{words}» was told {times} times"
