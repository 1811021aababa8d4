"""Clients are handed over to the back office, a firm among them. One is refused for what it finds wrong and goes again when
that is corrected; the others' answers get lost with the worker that waits for them. What it comes to is read from the back
office's own book.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from kernel.testing import until
from kernel.testing.demo import Client, DemoStory, Desk, Result

BACK_OFFICE = "broker"  #: the connection's name in the set
PUSH, OPENED, NEXT = "Передача в учётную систему", "Счёт открыт", "Приём на сопровождение"
INN, TYPE, TARIFF, MARKETS = "ИНН", "Тип клиента", "Тариф", "Рынки"
NUMBER, CONTRACT, SINCE, STATUS, ACTIVE = (
    "ClientID", "Номер договора", "Дата открытия счёта", "Статус клиента", "Действующий",
)  # fmt: skip
NEXT_DEAL, BASE_DEAL, KEY = "Следующая сделка", "Сделка-основание", "Ключ Annex"
OPTIONS = {
    "margin": "Маржинальная торговля", "derivatives": "Срочный рынок", "currency": "Валютный рынок",
    "iis": "Индивидуальный инвестиционный счёт", "lending": "Использование ценных бумаг брокером",
    "edo": "Электронный документооборот", "qualified": "Квалифицированный инвестор",
}  # fmt: skip
TARIFFS = {"BASE": "Базовый", "PREMIUM": "Премиум"}
SPOILED_INN, GOOD_INN, OTHER_INN = "770234567819", "770234567818", "781945612343"
FIRM = {
    TYPE: "Юридическое лицо", "Короткое название": "Клён", INN: "7709876545", "КПП": "770901001", "ОГРН": "1027700132195",
    "Подписант": "Клён Илья Ильич, директор",
}  # fmt: skip
CHILD, GROWN = 17, 34  #: years


class OpeningDemo(DemoStory):
    after = ("terms",)
    connectors = frozenset({"bitrix24"})
    agreement = "clients at the back office = cards = won deals = next deals, each once"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._clients: list[Client] = []
        self._results: list[Result] = []

    def work(self, day: date, number: int) -> None:
        if number != 1 or BACK_OFFICE not in self.desk.systems:
            return
        self._clients, self._day = list(self.desk.clients), day
        if len(self._clients) < 2:
            return
        corrected, *lost = self._clients
        self._fill(corrected, SPOILED_INN, CHILD, TARIFFS["BASE"], "MOEX_STOCK, MOEX_DERIV")
        for one in lost:
            self._fill(one, OTHER_INN, GROWN, TARIFFS["PREMIUM"], "MOEX_STOCK, MOEX_FX, SPB_STOCK")
        self.desk.secrets += [SPOILED_INN, GOOD_INN, OTHER_INN, FIRM[INN]]
        self._lose_the_answers(corrected, lost)
        self._correct(corrected)
        for one in self._clients:
            one.number = str(self._card(one)[NUMBER] or "")

    def _fill(self, one: Client, inn: str, age: int, tariff: str, markets: str) -> None:
        office = self.desk.office
        if one.kind == "company":
            office.fill(one.owner, office.COMPANY, one.card, FIRM)
        else:
            person = {TYPE: "Физическое лицо", INN: inn}
            office.fill(one.owner, office.CONTACT, one.card, person, birthdate=self._born(age))
        office.fill(one.owner, office.DEAL, one.deal, {TARIFF: tariff, MARKETS: markets})

    def _born(self, age: int) -> str:
        """The birthday of somebody who is so old."""
        return self._day.replace(year=self._day.year - age, day=1).isoformat()

    def _lose_the_answers(self, corrected: Client, lost: Sequence[Client]) -> None:
        """The back office has made the clients, and whoever waits for its answers is killed."""
        desk = self.desk
        self._control("faults", {"hang": "after", "only": "open"})
        for one in (corrected, *lost):
            desk.office.move(one.owner, one.deal, PUSH)
        desk.announce(f"{1 + len(lost)} clients are handed over, one of them with a wrong ИНН")
        until(lambda: self._registered()["registered"] == len(lost), "the back office makes the clients", every=0.05)
        desk.kill_worker()
        desk.announce("    … before the back office's answers came")
        self._control("faults", {"hang": "off", "only": ""})
        desk.quiet(lambda: all(self._done(one) for one in lost) and self._told(corrected, f"«{INN}»"))
        wrong = "; ".join(desk.office.told(desk.office.DEAL, corrected.deal)) or "nothing is told"
        named = self._told(corrected, f"«{INN}»") and not self._sent(corrected)
        self._results.append(("a wrong ИНН is named with its label before anything leaves", "" if named else wrong))

    def _correct(self, one: Client) -> None:
        """The back office finds two more mistakes; when both are corrected the client goes again by itself."""
        desk, office = self.desk, self.desk.office
        office.fill(one.owner, office.CONTACT, one.card, {INN: GOOD_INN})
        words = ("AGE", "«Дата рождения»", "MARKET_CLOSED", f"«{MARKETS}»")
        desk.quiet(lambda: self._told(one, *words))
        self._results.append((
            "refused with two field errors: one note names both by code and label",
            "" if self._told(one, *words) else "; ".join(office.told(office.DEAL, one.deal)),
        ))  # fmt: skip
        desk.announce("  the back office refuses one of them with two field errors; both are corrected")
        office.fill(one.owner, office.CONTACT, one.card, {}, birthdate=self._born(GROWN))
        office.fill(one.owner, office.DEAL, one.deal, {MARKETS: "MOEX_STOCK, MOEX_FX"})
        desk.quiet(lambda: self._done(one))
        desk.announce("  all are clients; their deals are won, and the next department has new ones")

    # --- what it came to --------------------------------------------------------------------------------------------------

    def checks(self) -> Iterable[Result]:
        if not self._clients:
            return
        yield from self._results
        book = {str(one["id"]): one for one in self._control("clients")["clients"]}
        yield self._once(book)
        for name, check in (
            ("ClientID, contract, date and status stand in the cards as in the back office's book", self._cards),
            ("the back office's book says of clients and terms what cards and deals say", self._book),
            ("the deals are won, and the next department has one with all that both have fields for", self._deals),
        ):
            wrong = [problem for one in self._clients for problem in check(one, book.get(one.number))]
            yield name, "; ".join(wrong[:3])
        office = self.desk.office
        made = len(list(office.items(office.DEAL, {"categoryId": office.next_pipeline})))
        yield "and no more than these", "" if made == len(self._clients) else f"{made} deals of the next department"

    def _once(self, book: Mapping[str, Any]) -> Result:
        """Counted by the back office."""
        ours = sorted(number for number, one in book.items() if one["request_id"])
        found, wanted = self._registered(), sorted(one.number for one in self._clients)
        decided = [one["outcome"] for one in found["requests"]]
        wrong = []
        if ours != wanted or found["twice"]:
            wrong.append(f"the cards name {wanted}, the back office has made {ours}, twice: {found['twice']}")
        if sorted(decided) != ["accepted"] * len(wanted) + ["rejected"]:
            wrong.append(f"requests that were decided: {decided}")
        if found["repeated"] < len(wanted) - 1:
            wrong.append(f"of the answers that got lost {found['repeated']} were asked for again")
        return (
            f"{len(wanted)} clients at the back office, each made once, though answers got lost with a killed worker",
            "; ".join(wrong),
        )

    def _cards(self, one: Client, entry: Mapping[str, Any] | None) -> Iterable[str]:
        if entry is None:
            yield f"card {one.card}: no ClientID"
            return
        [contract] = self._control(f"client?id={one.number}")["tables"]["contracts"]
        day = date.fromisoformat(contract["opened"]).strftime("%d-%m-%Y")
        wanted = {NUMBER: one.number, CONTRACT: contract["number"], SINCE: {"date": day}, STATUS: ACTIVE}
        shown = self._card(one)
        yield from (f"{one.number}: {name} is {shown[name]}" for name, value in wanted.items() if shown[name] != value)

    def _book(self, one: Client, entry: Mapping[str, Any] | None) -> Iterable[str]:
        if entry is None:
            return
        office = self.desk.office
        card, shown, deal = office.item(office.CLIENTS[one.kind], one.card), self._card(one), self._deal(one.deal)
        details, terms = entry["details"], entry["terms"]
        wanted = {
            "inn": shown[INN], "phone": next(item["value"] for item in card["fm"] if item["typeId"] == "PHONE"),
        }  # fmt: skip
        if one.kind == "company":
            wanted |= {
                "full_name": card["title"], "short_name": shown["Короткое название"], "kpp": shown["КПП"],
                "ogrn": shown["ОГРН"], "signer": shown["Подписант"],
            }  # fmt: skip
        else:
            wanted |= {
                "last_name": card["lastName"], "first_name": card["name"], "middle_name": card["secondName"] or None,
                "birth_date": str(card["birthdate"])[:10],
            }  # fmt: skip
        for name, value in wanted.items():
            if details.get(name) != value:
                yield f"{one.number}: {name} is {details.get(name)}"
        if TARIFFS.get(terms["tariff"]) != deal[TARIFF] or ", ".join(terms["markets"]) != deal[MARKETS]:
            yield f"{one.number}: {terms['tariff']}, {terms['markets']}"
        for code, label in OPTIONS.items():
            if terms["options"].get(code) is not (deal[label] == "да"):
                yield f"{one.number}: {label} is {terms['options'].get(code)}"

    def _deals(self, one: Client, entry: Mapping[str, Any] | None) -> Iterable[str]:
        office, found = self.desk.office, self._next_deals(one)
        if office.stage_of(one.deal) != OPENED:
            yield f"{one.deal} stands at {office.stage_of(one.deal)}"
        if len(found) != 1:
            yield f"{one.deal}: {len(found)} next deals"
            return
        [after], before = found, office.item(office.DEAL, one.deal)
        if str(after["assignedById"]) not in office.service or office.stage_of(after["id"]) != NEXT:
            yield f"next deal {after['id']}: {after['assignedById']} has it at {office.stage_of(after['id'])}"
        for name in ("title", "contactId", "companyId", "sourceId", "opportunity"):
            if after[name] != before[name]:
                yield f"next deal {after['id']}: {name} is {after[name]}, was {before[name]}"
        old, new = office.shown(office.DEAL, before), office.shown(office.DEAL, after)
        for label, value in old.items():
            if label not in (NEXT_DEAL, BASE_DEAL, KEY) and new[label] != value:
                yield f"next deal {after['id']}: {label} is {new[label]}, was {value}"
        if not str(old[NEXT_DEAL]).endswith(str(after["id"])) or not self._told(one, one.number, str(after["id"])):
            yield f"{one.deal} does not name its next deal {after['id']}: {old[NEXT_DEAL]}"

    # --- what is seen -----------------------------------------------------------------------------------------------------

    def _done(self, one: Client) -> bool:
        """Whether everything that staff see of a hand-over is there."""
        office, found = self.desk.office, self._next_deals(one)
        if len(found) != 1 or office.stage_of(one.deal) != OPENED:
            return False
        return str(found[0]["assignedById"]) in office.service and self._told(one, f"{found[0]['id']}", "ответственный")

    def _next_deals(self, one: Client) -> list[dict[str, Any]]:
        office = self.desk.office
        return list(office.items(office.DEAL, {"categoryId": office.next_pipeline, f"{one.kind}Id": one.card}))

    def _card(self, one: Client) -> dict[str, Any]:
        office = self.desk.office
        number = office.CLIENTS[one.kind]
        found: dict[str, Any] = office.shown(number, office.item(number, one.card))
        return found

    def _deal(self, deal: int) -> dict[str, Any]:
        office = self.desk.office
        found: dict[str, Any] = office.shown(office.DEAL, office.item(office.DEAL, deal))
        return found

    def _told(self, one: Client, *words: str) -> bool:
        """Whether one comment in the deal has all of these words."""
        return any(all(word in text for word in words) for text in self.desk.office.told(self.desk.office.DEAL, one.deal))

    def _sent(self, one: Client) -> bool:
        """Whether the back office was ever asked for this deal's client."""
        return any(f":{one.deal}:" in request["request_id"] for request in self._registered()["requests"])

    def _registered(self) -> dict[str, Any]:
        found: dict[str, Any] = self._control("registered")
        return found

    def _control(self, door: str, body: Mapping[str, Any] | None = None) -> Any:
        return self.desk.systems[BACK_OFFICE].control(door, body)
