"""What the back office knows lies in the portal's lists, as it knows it; and what follows from closed contracts."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
import requests
from openpyxl import load_workbook

from kernel.testing import until
from tests.e2e.conftest import Desk

pytestmark = pytest.mark.usefixtures("everybody_works")
CLIENT, CONTACT = "1000700", 3
CONTRACTS = [
    {"number": f"B-2026/07{n}", "kind": "BROKERAGE", "opened": "2026-02-11", "tariff": "BASE", "markets": ["MOEX_STOCK"],
     "state": "OPEN"} for n in (1, 2)
]  # fmt: skip
CASH = [
    {"contract": "B-2026/071", "market": "MOEX_STOCK", "currency": "RUB", "balance": "125000.10", "available": "100000.10",
     "blocked": "25000.00"},
    {"contract": "B-2026/071", "market": "SPB_STOCK", "currency": "USD", "balance": "0.30", "available": "0.20",
     "blocked": "0.10"},
    {"contract": "B-2026/072", "market": "MOEX_STOCK", "currency": "RUB", "balance": "-310.05", "available": "-310.05",
     "blocked": "0.00"},
]  # fmt: skip
COLUMNS = {
    "Договор": "contract", "Рынок": "market", "Валюта": "currency", "Сумма": "balance", "Заблокировано": "blocked",
    "Доступно": "available",
}  # fmt: skip


class Portal:
    """Lists and cards as staff see them."""

    def __init__(self, broker: Desk) -> None:
        self._ask, self._doors = broker.office.ask, broker.office.doors
        self._lists = {one["NAME"]: one["ID"] for one in self._ask("1", "lists.get", {"IBLOCK_TYPE_ID": "lists"})}
        fields = self._ask("1", "crm.item.fields", {"entityTypeId": CONTACT, "useOriginalUfNames": "Y"})["fields"]
        [self._client_id] = [name for name, one in fields.items() if one["title"] == "ClientID"]

    def new_client(self, who: str) -> int:
        values = {"name": "Пётр", "lastName": "Ильин", "assignedById": who, self._client_id: CLIENT}
        body = {"entityTypeId": CONTACT, "fields": values, "useOriginalUfNames": "Y"}
        return int(self._ask(who, "crm.item.add", body)["item"]["id"])

    def elements(self, name: str, who: str = "1") -> dict[str, dict[str, str]]:
        """By code: what each field of the list shows."""
        where = {"IBLOCK_TYPE_ID": "lists", "IBLOCK_ID": self._lists[name]}
        titles = {number: one["NAME"] for number, one in self._ask("1", "lists.field.get", where).items()}
        found: dict[str, dict[str, str]] = {}
        while True:
            page = self._ask(who, "lists.element.get", {**where, "start": len(found)})
            for raw in page:
                values = {title: "".join(map(str, (raw.get(number) or {}).values())) for number, title in titles.items()
                          if number.startswith("PROPERTY_")}  # fmt: skip
                found[raw["CODE"]] = {"": raw["NAME"], **values}
            if len(page) < 50:
                return found

    def of(self, name: str, contact: int) -> dict[str, dict[str, str]]:
        return {code: one for code, one in self.elements(name).items() if code.startswith(f"C_{contact}:")}

    def rows(self, name: str, contact: int) -> list[dict[str, str]]:
        return [one for code, one in self.of(name, contact).items() if not code.endswith(":total")]

    def changes(self) -> Counter[str]:
        """How often elements were written, by method."""
        calls = self._doors("state")["counters"]["calls"]
        return Counter({method: int(n) for method, n in calls.items() if method.startswith("lists.element.")
                        and method != "lists.element.get"})  # fmt: skip


def framed(broker: Desk, who: str, place: str, page: str, **options: str) -> tuple[requests.Session, requests.Response]:
    """That person opens a page of ours inside the portal."""
    asked = broker.office.doors("open", {
        "placement": place, "user": who, "handler": f"{broker.address}/frame/bitrix24/main/{page}", "options": options,
    })  # fmt: skip
    session = requests.Session()
    session.trust_env = False
    return session, session.post(asked["url"], data=asked["fields"], timeout=120)


class Tab:
    """The tab «Досье» of a contact, as that person opened it."""

    def __init__(self, broker: Desk, who: str, contact: int) -> None:
        self._base = f"{broker.address}/dossier/contact/{contact}"
        self._session, page = framed(broker, who, "CRM_CONTACT_DETAIL_TAB", "dossier/contact/%7Bcontact%7D", ID=str(contact))
        [csrf] = re.findall(r'data-csrf="([^"]+)"', page.text)
        self._session.headers["X-CSRF-Token"] = csrf

    def open(self, name: str) -> None:
        """Until what it shows was asked for just now."""
        before = self._state(name)
        answer = self._session.post(f"{self._base}/{name}/open", data={"anew": "1"}, timeout=120)
        assert answer.status_code == 200, answer.text
        until(
            lambda: (now := self._state(name))["at"] != before["at"] and not now["waits"], f"{name} is answered", every=0.1
        )

    def _state(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._session.get(f"{self._base}/{name}/state", timeout=120).json()
        return found


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


def shown(row: dict[str, str]) -> tuple[str | Decimal, ...]:
    return tuple(Decimal(row[title]) if title in list(COLUMNS)[3:] else row[title] for title in COLUMNS)


def held(row: dict[str, Any]) -> tuple[str | Decimal, ...]:
    return tuple(Decimal(row[key]) if key in list(COLUMNS.values())[3:] else row[key] for key in COLUMNS.values())


@pytest.mark.row("BR-06", "BR-15", "BR-21")
def test_the_portals_lists_hold_what_the_back_office_holds(broker: Desk) -> None:
    portal, office, who = Portal(broker), broker.systems["broker"].control, broker.office.managers[0]
    office("client", {"id": CLIENT, "last_name": "Ильин", "first_name": "Пётр", "birth_date": "1980-01-01",
                      "contracts": CONTRACTS, "position_cash": CASH})  # fmt: skip
    contact = portal.new_client(who)
    tab = Tab(broker, who, contact)
    tab.open("contracts")
    tab.open("position")
    until(lambda: len(portal.of("Позиция: деньги", contact)) == 4, "the rows are in the list")
    book = office(f"client?id={CLIENT}")["tables"]["position_cash"]
    assert Counter(map(shown, portal.rows("Позиция: деньги", contact))) == Counter(map(held, book))
    assert {one["Клиент"] for one in portal.of("Позиция: деньги", contact).values()} == {f"C_{contact}"}
    total = portal.of("Позиция: деньги", contact)[f"C_{contact}:total"]
    sums: dict[str, Decimal] = Counter()  # type: ignore[assignment]
    for row in book:
        sums[row["currency"]] += Decimal(row["balance"])
    assert total[""].startswith("Итого на ") and sums == {"RUB": Decimal("124690.05"), "USD": Decimal("0.30")}
    assert plain(total["Замечание"]).split("\n")[0] == "Остаток: 124 690,05 RUB; 0,30 USD"

    # All contracts close: the manager is told while the rest goes on.
    office("close", {"client": CLIENT})
    tab.open("contracts")
    closed = {"Закрыт"}
    until(
        lambda: {one["Статус"] for one in portal.rows("Брокерские договоры", contact)} == closed,
        "they are closed in the list",
    )

    # One row changes: one element does, and the totals of the set's two tables.
    broker.quiet()
    before, writes = portal.of("Позиция: деньги", contact), portal.changes()
    office("row", {"client": CLIENT, "table": "position_cash", **CASH[2], "balance": "-310.06", "available": "-310.06"})
    tab.open("position")
    until(
        lambda: "124 690,04" in plain(portal.of("Позиция: деньги", contact)[f"C_{contact}:total"]["Замечание"]),
        "it is there",
    )
    after = portal.of("Позиция: деньги", contact)
    changed = {code for code, one in after.items() if one != before[code] and not code.endswith(":total")}
    assert [after[code]["Сумма"] for code in changed] == ["-310.06"] and after.keys() == before.keys()

    def log() -> Counter[tuple[str, str]]:
        """What the manager asked; our own reconciliation asks, too."""
        lines = portal.elements("Журнал запросов").values()
        mine = [one for one in lines if (one["ClientID"], one["Кто спросил"]) == (CLIENT, who)]
        return Counter((one["Набор данных"], one["Итог"]) for one in mine)

    wanted = {("Договоры", "данные"): 2, ("Биржевая позиция", "данные"): 2}
    until(lambda: log() == wanted, "each question is there", seen=log)
    written = portal.changes() - writes
    assert written.keys() <= {"lists.element.add", "lists.element.update"}
    assert written["lists.element.update"] == 3, "the log's lines are new ones"

    with pytest.raises(Exception, match=r"(?i)access.denied"):
        portal.elements("Позиция: деньги", who)
    assert len(portal.elements("Позиция: деньги", broker.office.head)) >= 4, "heads read it, managers read the dossier"

    (head, _), (manager, _) = (framed(broker, one, "LEFT_MENU", "workday/") for one in (broker.office.head, who))
    wanted_lines = {"first": "2020-01-01", "client_id": CLIENT, "set_name": "position", "person": broker.office.names[who]}
    page = head.get(f"{broker.address}/dossier/log", params=wanted_lines, timeout=120)
    assert page.status_code == 200 and page.text.count(f"<bdi>{CLIENT}</bdi>") == 2
    file = head.get(f"{broker.address}/dossier/log/file.xlsx", params=wanted_lines, timeout=120).content
    assert load_workbook(BytesIO(file)).active.max_row == 3
    assert manager.get(f"{broker.address}/dossier/log", timeout=120).status_code == 403

    def told() -> list[str]:
        asked = {"filter": {"ENTITY_ID": contact, "ENTITY_TYPE": "contact"}}
        return [
            one["COMMENT"] for one in broker.office.ask("1", "crm.timeline.comment.list", asked) if CLIENT in one["COMMENT"]
        ]

    [text] = until(told, "the manager is told that all contracts are closed")
    assert "закрыты все договоры" in text and "«Договор расторгнут»" in text
    tab.open("contracts")
    broker.quiet()
    assert broker.count("SELECT COUNT(*) FROM client_status WHERE client_id = :c AND pending = 1", c=CLIENT) == 0
    assert len(told()) == 1
