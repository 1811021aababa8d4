"""The tab «Досье» as a broker's people open it in the portal: figures as the back office holds them, its troubles, who may
see it, and many at once over two web processes, one of which is killed."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, ClassVar

import pytest
import requests
from lxml import html as markup

from app.cli.demo.processes import free_port
from kernel.testing import until
from tests.e2e.conftest import Desk

CONTACT, DEAL = 3, 2
RECONCILED = "contracts"
Held = dict[str, list[dict[str, Any]]]
#: By set and table: the columns that are compared, and what of a row the back office holds stands in each.
TABLES: dict[tuple[str, str], tuple[str, Callable[[dict[str, Any]], bool], dict[str, str]]] = {
    ("contracts", "contracts"): ("contracts", bool, {"Номер договора": "number", "Тариф": "tariff"}),
    ("position", "cash"): (
        "position_cash", bool,
        {"Договор": "contract", "Рынок": "market", "Валюта": "currency", "Остаток": "balance", "Заблокировано": "blocked",
         "Доступно": "available"},
    ),
    ("position", "securities"): (
        "position_securities", bool,
        {"Договор": "contract", "Инструмент": "sec_code", "ISIN": "isin", "Количество": "quantity", "Цена": "price",
         "Стоимость": "value", "Валюта": "currency"},
    ),
    ("services", "services"): ("services", bool, {"Услуга": "name", "Стоимость": "fee", "Валюта": "currency"}),
    ("withdrawals", "withdrawals_cash"): (
        "withdrawals", lambda row: bool(row.get("amount")),
        {"Номер заявки": "number", "Сумма": "amount", "Валюта": "currency", "Счёт": "account"},
    ),
    ("withdrawals", "withdrawals_securities"): (
        "withdrawals", lambda row: bool(row.get("isin")),
        {"Номер заявки": "number", "Количество": "quantity", "Депозитарий": "depository"},
    ),
    ("blocks", "blocks_cash"): ("blocks", lambda row: row["scope"] == "CASH", {"Код": "code", "Сумма": "amount"}),
    ("blocks", "blocks_securities"): (
        "blocks", lambda row: row["scope"] == "SECURITY", {"Код": "code", "Количество": "quantity"},
    ),
    ("usage", "products"): ("usage", bool, {"Подробности": "detail"}),
}  # fmt: skip
SUMMED = {
    ("position", "cash"): ("Остаток", "balance"), ("position", "securities"): ("Стоимость", "value"),
    ("withdrawals", "withdrawals_cash"): ("Сумма", "amount"), ("blocks", "blocks_cash"): ("Сумма", "amount"),
}  # fmt: skip


class BackOffice:
    def __init__(self, broker: Desk) -> None:
        self.control: Callable[..., Any] = broker.systems["broker"].control

    def faults(self, **switches: Any) -> None:
        self.control("faults/clear", {})
        self.control("faults", {"auth": "basic", **switches})

    def held(self, client: str) -> Held:
        found: Held = self.control(f"client?id={client}")["tables"]
        return found

    def asked(self, client: str, what: str = "") -> int:
        """How often; of all sets but the one that the reconciliation asks, too, for each number in turn."""
        of_sets = self.control("state")["asked"]
        return sum(
            clients.get(client, 0) for name, clients in of_sets.items() if (name == what if what else name != RECONCILED)
        )


class Card:
    """A page of the dossier as a visitor of the portal opened it."""

    sessions: ClassVar[list[requests.Session]] = []

    def __init__(self, broker: Desk, who: str, entity: str, record: int) -> None:
        place = f"CRM_{entity.upper()}_DETAIL_TAB"
        handler = f"{broker.address}/frame/bitrix24/main/dossier/{entity}/%7B{entity}%7D"
        asked = broker.office.doors(
            "open", {"placement": place, "user": who, "handler": handler, "options": {"ID": str(record)}}
        )
        self.session, self.base = requests.Session(), f"{broker.address}/dossier/{entity}/{record}"
        self.session.trust_env = False
        self.sessions.append(self.session)
        self.page = self.session.post(asked["url"], data=asked["fields"], timeout=120)
        found = re.search(r'data-csrf="([^"]+)"', self.page.text)
        self.csrf = html.unescape(found[1]) if found else ""

    def get(self, path: str, base: str = "") -> requests.Response:
        return self.session.get(f"{base or self.base}{path}", timeout=120)

    def open(self, name: str, base: str = "", **more: str) -> requests.Response:
        return self.session.post(
            f"{base or self.base}/{name}/open", data=more, headers={"X-CSRF-Token": self.csrf}, timeout=120
        )

    def state(self, name: str, base: str = "") -> dict[str, Any]:
        answer = self.get(f"/{name}/state", base)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return {**found, "status": re.sub(r"\s+", " ", markup.fromstring(found["status"]).text_content())}

    def answered(self, name: str, base: str = "") -> dict[str, Any]:
        """Once nothing is waited for any more."""
        return until(lambda: not (now := self.state(name, base))["waits"] and now, f"{name} is answered", every=0.05)

    def anew(self, name: str) -> dict[str, Any]:
        assert self.open(name, anew="1").status_code == 200
        return self.answered(name)

    def tables(self, name: str) -> dict[str, Any]:
        part = markup.fromstring(self.get(f"/{name}/part").text)
        return {one.get("data-table"): one for one in part.iter("section")}


def rows(table: Any, where: str = "tbody") -> list[dict[str, str]]:
    heads = [one.text_content().strip() for one in table.iter("th")]
    found = table.findall(f".//{where}/tr")
    return [
        dict(zip(heads, [cell.text_content().strip() for cell in row.iter("td")], strict=True))
        for row in found if row.get("class") not in ("subtotal", "part", "brief", "notes")
    ]  # fmt: skip


def figure(text: str) -> Any:
    """A figure as people read it, as a Decimal; any other text as it is."""
    plain = text.replace("\N{NO-BREAK SPACE}", "").replace("\N{MINUS SIGN}", "-").replace(",", ".")
    return Decimal(plain).normalize() if re.fullmatch(r"-?\d+(\.\d+)?", plain) else text


def of_held(value: Any) -> Any:
    return "—" if value in (None, "") else figure(str(value))


def compared(card: Card, office: BackOffice, client: str) -> None:
    """Every figure and sum, reckoned from what the back office holds."""
    held, shown = office.held(client), {name: card.tables(name) for name in {one for one, _ in TABLES}}
    for (set_name, name), (source, belongs, columns) in TABLES.items():
        table, mine = shown[set_name][name], [row for row in held[source] if belongs(row)]
        got = sorted(str([figure(row[title]) for title in columns]) for row in rows(table))
        assert got == sorted(str([of_held(row.get(key)) for key in columns.values()]) for row in mine), (set_name, name)
        if (set_name, name) in SUMMED:
            title, key = SUMMED[set_name, name]
            want: dict[str, Decimal] = defaultdict(Decimal)
            for row in mine:
                want[row["currency"]] += Decimal(row.get(key) or 0)
            total = {row["Валюта"]: figure(row[title].partition("+")[0].strip()) for row in rows(table, "tfoot")}
            assert total == dict(want), (set_name, name)
    months: dict[tuple[str, str, str], list[Decimal]] = {}
    for row in held["activity"]:
        year, month, _ = row["date"].split("-")
        found = months.setdefault((f"{month}.{year}", row["market"], row["currency"]), [Decimal(0)] * 3)
        found[:] = [one + Decimal(row[key]) for one, key in zip(found, ("trades", "turnover", "commission"), strict=True)]
    activity = rows(card.tables("activity")["trading"])
    got_months = {
        (row["Месяц"], row["Рынок"], row["Валюта"]): [figure(row[one]) for one in ("Сделок", "Оборот", "Комиссия")]
        for row in activity
    }
    assert got_months == months


@pytest.fixture(autouse=True)
def _sessions_end() -> Iterator[None]:
    yield
    while Card.sessions:
        Card.sessions.pop().close()


@pytest.fixture
def office(broker: Desk) -> Iterator[BackOffice]:
    made = BackOffice(broker)
    yield made
    made.faults()


@pytest.fixture(scope="module")
def new_client(broker: Desk) -> Callable[[str, str], tuple[int, int]]:
    """Puts a person with that ClientID into the CRM, and a deal of theirs; their numbers."""
    fields = broker.office.ask("1", "crm.item.fields", {"entityTypeId": CONTACT, "useOriginalUfNames": "Y"})["fields"]
    [code] = [name for name, one in fields.items() if one["title"] == "ClientID"]

    def made(client: str, name: str) -> tuple[int, int]:
        who, ask = broker.office.managers[0], broker.office.ask
        values = {"name": name, "assignedById": who, code: client}
        body = {"entityTypeId": CONTACT, "fields": values, "useOriginalUfNames": "Y"}
        contact = int(ask(who, "crm.item.add", body)["item"]["id"])
        deal: int = broker.office.new_deal(who, f"Счёт: {name}")
        ask(who, "crm.item.update", {"entityTypeId": DEAL, "id": deal, "fields": {"contactId": contact}})
        return contact, deal

    return made


@pytest.mark.row("BR-05", "BR-06")
def test_figures_and_sums_are_what_the_back_office_holds(broker: Desk, office: BackOffice, new_client: Any) -> None:
    before = office.asked("1000417")
    contact, deal = new_client("1000417", "Артём Семёнов")
    who = broker.office.managers[0]
    card, of_deal = Card(broker, who, "contact", contact), Card(broker, who, "deal", deal)
    for page in (card.page, of_deal.page):
        assert page.status_code == 200 and "Артём" in page.text and "1000417" in page.text
    titles = re.findall(r'role="tab"[^>]*>([^<]+)<', card.page.text)
    assert titles == [
        "Договоры", "Биржевая позиция", "Платные услуги", "Заявки на вывод", "Блокировки", "Торговая активность",
        "История продуктов",
    ]  # fmt: skip
    assert office.asked("1000417") == before, "each is asked when it is first opened"
    names = re.findall(r'data-set="([^"]+)"', card.page.text)
    for name in names:
        assert card.open(name).status_code == 200
    for name in names:
        assert "на " in card.answered(name)["status"]
    compared(card, office, "1000417")
    asked = office.asked("1000417")
    compared(of_deal, office, "1000417")
    assert office.asked("1000417") == asked and all(office.asked("1000417", name) for name in names)
    text = card.get("/position/part").text.replace("\N{NO-BREAK SPACE}", " ")
    for shown in ("125 000,10", "−310,05", "124 690,05", "—"):
        assert shown in text

    office.control("trade", {
        "client": "1000417", "contract": "B-2026/0417", "market": "MOEX_STOCK", "isin": "RU0009029540", "quantity": "-7",
        "price": "312.05", "sec_code": "SBER", "board": "TQBR", "currency": "RUB",
    })  # fmt: skip
    card.anew("position")
    card.anew("activity")
    compared(card, office, "1000417")
    file = card.get("/position/securities/file.csv?q=sber").content.decode("utf-8-sig")
    assert file.count("\r\n") == 3 and ";113;" in file


@pytest.mark.row("BR-05", "BR-06")
def test_whatever_the_back_office_does_the_last_good_answer_stays(broker: Desk, office: BackOffice, new_client: Any) -> None:
    contact, _ = new_client("1000418", "Ромашка")
    card = Card(broker, broker.office.managers[0], "contact", contact)
    card.open("position")
    good = card.answered("position")
    before = [rows(one) for one in card.tables("position").values()]
    day = re.search(r"на (\d\d:\d\d)", good["status"])
    assert day and good["at"]

    def kept(status: str, text: str) -> None:
        assert text in status and f"{day[1]}" in status, status  # type: ignore[index]
        assert card.state("position")["at"] == good["at"]
        assert [rows(one) for one in card.tables("position").values()] == before

    office.control("row", {
        "client": "1000418", "table": "position_cash", "contract": "B-2026/0418", "market": "MOEX_STOCK", "currency": "RUB",
        "balance": "1.00",
    })  # fmt: skip
    for text, fault in (
        ("не отвечает. Данные на", {"down": "on"}), ("не разобран", {"garbage": "on"}),
        ("не разобран", {"foreign_client": "on"}), ("не разобран", {"half": "short"}),
        ("Регламентные работы. Данные на", {"fault": "MAINTENANCE"}),
    ):  # fmt: skip
        office.faults(only="position", **fault)
        kept(card.anew("position")["status"], text)

    office.faults(only="position", hang="on")
    card.open("position", anew="1")
    until(lambda: office.control("state")["in_flight"], "it is asked")
    kept(card.state("position")["status"], "обновляем…")
    deal = broker.office.new_deal(broker.office.managers[0], "Пока учётная система молчит")
    broker.quiet()
    assert broker.count("SELECT COUNT(*) FROM crm_seen WHERE entity = 'deal' AND id = :i", i=str(deal)) == 1
    assert requests.get(f"{broker.address}/readyz", timeout=120).status_code == 200
    office.faults()
    kept(card.answered("position")["status"], "не отвечает. Данные на")

    now = card.anew("position")
    assert now["at"] > good["at"]
    assert rows(card.tables("position")["cash"])[0]["Остаток"] == "1,00"


@pytest.mark.row("BR-19")
def test_whom_the_portal_does_not_show_the_card_sees_nothing(broker: Desk, office: BackOffice, new_client: Any) -> None:
    contact, deal = new_client("1000420", "Пётр Долгих")
    theirs, _ = new_client("1000421", "Глеб Прощаев")
    owner, other = broker.office.managers[:2]
    broker.office.doors("hide", {"user": other, "entityTypeId": CONTACT, "id": contact})
    refused = [Card(broker, other, "contact", contact), Card(broker, other, "deal", deal)]
    for card in refused:
        assert card.page.status_code == 403 and "Долгих" not in card.page.text and "1000420" not in card.page.text
    card = Card(broker, other, "contact", theirs)
    assert card.page.status_code == 200
    for number in (("contact", contact), ("deal", deal), ("contact", 999_999)):
        base = f"{broker.address}/dossier/{number[0]}/{number[1]}"
        paths = ("", "/usage/part", "/usage/state", "/usage/products/rows", "/usage/products/file.csv")
        assert {card.get(path, base).status_code for path in paths} == {403}, "another number in the address"
        assert card.open("usage", base).status_code == 403
    assert office.asked("1000420") == 0
    mine = Card(broker, owner, "deal", deal)
    mine.open("usage")
    mine.answered("usage")
    assert "Строк: 2" in mine.get("/usage/part").text and office.asked("1000420", "usage") == 3, "in three pages"
    broker.office.doors("hide", {"user": owner, "entityTypeId": CONTACT, "id": contact})
    assert Card(broker, owner, "deal", deal).page.status_code == 403
    assert mine.get("/usage/part").status_code == 403, "taken away at once, also from a page that is open"


@pytest.mark.row("BR-06")
def test_who_asks_is_killed_and_nobody_waits_for_ever(broker: Desk, office: BackOffice, new_client: Any) -> None:
    contact, _ = new_client("1000419", "Анна Ёлкина")
    port = free_port()
    broker.processes.start("second", "app", "serve", "--host", "127.0.0.1", "--port", str(port))
    second = f"http://127.0.0.1:{port}"
    broker.processes.wait_ready(second)
    people = [Card(broker, who, "contact", contact) for who in broker.office.managers[:3]]
    there = f"{second}/dossier/contact/{contact}"
    office.faults(only="position", hang="on")
    people[0].open("position", there)
    until(lambda: office.asked("1000419", "position"), "the second process asks")
    for n in range(20):
        assert people[n % 3].open("position", there if n % 2 else "").status_code == 200
    broker.processes.kill("second")
    office.faults()
    found = [one.answered("position")["at"] for one in people]
    assert found[0] and len(set(found)) == 1 and office.asked("1000419", "position") == 2
