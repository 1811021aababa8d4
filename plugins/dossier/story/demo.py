"""A client of long standing and a new one: their dossiers are opened in the card and in the deal while people trade and the
back office is slow, silent, down, wrong and back. Every figure is reckoned from the back office's own book.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import requests
from lxml import html

from kernel.errors import Unreachable
from kernel.testing import until
from kernel.testing.demo import DemoStory, Desk, Result

BACK_OFFICE = "broker"  #: the connection's name in the set
OLD_CLIENT = {"number": "1000417", "lastName": "Семёнов", "name": "Артём", "secondName": "Ильич"}
OPENINGS = 20
SLOW_SECONDS = 20  #: of the emulated back office, twenty times quicker than ours
PAGE_SECONDS = 60
TROUBLES = (
    ({"down": "on"}, "не отвечает"),
    ({"garbage": "on"}, "не разобран"),
    ({"foreign_client": "on"}, "не разобран"),
)
PERIODS = {"ONCE": "Разово", "DAY": "День", "MONTH": "Месяц", "QUARTER": "Квартал", "YEAR": "Год"}
Figures = dict[tuple[str, ...], tuple[Decimal, ...]]


@dataclass(frozen=True)
class Table:
    """A table of the dossier, and what it comes to by the book."""

    set_name: str
    name: str
    rows: str  #: of the book
    sums: Mapping[str, str]  #: column of the page -> column of the book
    per: Mapping[str, str] = field(default_factory=lambda: {"Валюта": "currency"})
    without: str = ""  #: rows of the book in which this is filled are another table's


TABLES = (
    Table("position", "cash", "position_cash", {"Остаток": "balance", "Заблокировано": "blocked", "Доступно": "available"}),
    Table("position", "securities", "position_securities", {"Стоимость": "value"}),
    Table("services", "services", "services", {"Стоимость": "fee"}, {"Валюта": "currency", "Период": "period"}),
    Table("withdrawals", "withdrawals_cash", "withdrawals", {"Сумма": "amount"}, without="isin"),
    Table("blocks", "blocks_cash", "blocks", {"Сумма": "amount"}, without="isin"),
    Table("activity", "trading", "activity", {"Сделок": "trades", "Оборот": "turnover", "Комиссия": "commission"}),
)


class Tab:
    """The dossier of one card, open in somebody's browser."""

    def __init__(self, desk: Desk, who: str, place: str, path: str, record: str) -> None:
        handler = f"{desk.address}/frame/bitrix24/main/dossier/{path}/%7B{path}%7D"
        self.browser, page = desk.office.browse(who, place, handler=handler, ID=record)
        if page.status_code != 200:
            raise Unreachable(f"the dossier of {path} {record}: HTTP {page.status_code}")
        told = {name: re.findall(rf'data-{name}="([^"]*)"', page.text)[0] for name in ("base", "csrf")}
        self._base = f"{desk.address}{told['base']}"
        self._csrf = told["csrf"]

    def open(self, set_name: str, *, anew: bool = False) -> Any:
        """A sub-tab is opened: what it shows at once. With `anew` its button is pressed."""
        body = {"anew": "1"} if anew else {}
        return self._got(self.browser.post(
            f"{self._base}/{set_name}/open", data=body, headers={"X-CSRF-Token": self._csrf}, timeout=PAGE_SECONDS
        ))  # fmt: skip

    def waits(self, set_name: str) -> bool:
        return bool(self.browser.get(f"{self._base}/{set_name}/state", timeout=PAGE_SECONDS).json()["waits"])

    def settled(self, set_name: str) -> Any:
        """What it shows once nothing more is to come."""
        until(lambda: not self.waits(set_name), f"an answer for «{set_name}»", every=0.05)
        return self._got(self.browser.get(f"{self._base}/{set_name}/part", timeout=PAGE_SECONDS))

    def _got(self, answer: requests.Response) -> Any:
        if answer.status_code != 200:
            raise Unreachable(f"{answer.url}: HTTP {answer.status_code}")
        return html.fromstring(answer.text)


class DossierDemo(DemoStory):
    after = ("opening",)
    connectors = frozenset({"bitrix24"})
    agreement = "figures and subtotals of the dossier = the back office's book"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._results: list[Result] = []

    def evening(self, day: date, number: int) -> None:
        """The head looks at what the day has brought."""
        if number != 1 or BACK_OFFICE not in self.desk.systems:
            return
        desk, office = self.desk, self.desk.office
        person = {name: text for name, text in OLD_CLIENT.items() if name != "number"}
        card = office.add(office.head, office.CONTACT, {"ClientID": OLD_CLIENT["number"]}, **person)
        old = Tab(desk, office.head, "CRM_CONTACT_DETAIL_TAB", "contact", str(card))
        with old.browser:
            self._many_at_once(old)
            self._every_table(old)
            self._slow(old)
            self._trouble(old)
            self._back(old)
        for one in [one for one in desk.clients if one.number][:1]:
            self._new_client(one.number, str(one.deal))
        desk.announce("dossiers opened while the back office was slow, silent, down, wrong and back")

    def _many_at_once(self, tab: Tab) -> None:
        before = self._asked("position")
        self._faults({"slow_s": SLOW_SECONDS, "only": "position"})
        with ThreadPoolExecutor(OPENINGS) as people:
            shown = [_words(one) for one in people.map(lambda _: tab.open("position"), range(OPENINGS))]
        page = tab.settled("position")
        self._faults({"slow_s": 0, "only": ""})
        left = self._asked("position") - before
        wrong = f"{left} requests" if left != 1 else "" if all("Спрашиваем" in one for one in shown) else shown[0]
        self._check(f"{OPENINGS} openings at once are one request, and say that it is under way", wrong)
        self._check("the figures of a client with two contracts are those of the book", self._differs("position", page))

    def _every_table(self, tab: Tab) -> None:
        names = [name for name in dict.fromkeys(one.set_name for one in TABLES) if name != "position"]
        for name in names:
            tab.open(name)
        wrong = [text for name in names if (text := self._differs(name, tab.settled(name)))]
        self._check(f"so are those of {len(names)} further sub-tabs, with their subtotals", "; ".join(wrong[:3]))

    def _slow(self, tab: Tab) -> None:
        """Somebody trades, and the new answer does not come: the one before stands there with its time."""
        before = _figures(tab.settled("position"))
        self._trade("10", "7100.25")
        self._faults({"hang": "on", "only": "position"})
        page = tab.open("position", anew=True)
        shown, same = _words(page), bool(before) and _figures(page) == before
        until(lambda: self._control("state")["in_flight"], "the question hangs at the back office")
        self._faults({"hang": "off", "only": ""})
        cut = _words(tab.settled("position"))
        wrong = "" if same and re.search(r"на \d\d:\d\d, обновляем", shown) else f"{shown}, figures as before: {same}"
        self._check("while it is silent the answer before stands there with its time", wrong)
        self._check("and when it hangs up that is said", "" if "не отвечает. Данные на" in cut else cut)

    def _trouble(self, tab: Tab) -> None:
        before = _figures(tab.settled("position"))
        wrong = []
        for switches, words in TROUBLES:
            self._faults({**switches, "only": "position"})
            tab.open("position", anew=True)
            page = tab.settled("position")
            if words not in _words(page) or "Данные на" not in _words(page) or _figures(page) != before:
                wrong.append(f"{switches}: {_words(page)}")
            self._faults({**dict.fromkeys(switches, "off"), "only": ""})
        self._check("down, garbage and another client's answer change nothing, and each says what it is", "; ".join(wrong))

    def _back(self, tab: Tab) -> None:
        self._trade("-3", "7101.5")
        tab.open("position", anew=True)
        page = tab.settled("position")
        wrong = self._differs("position", page) or ("" if "Данные на" not in _words(page) else _words(page))
        self._check("back again: the trades made meanwhile are there, exactly", wrong)

    def _new_client(self, number: str, deal: str) -> None:
        """The first money and the first trades of somebody who became a client today; opened in the deal."""
        [contract] = self._book(number)["contracts"]
        place = {"client": number, "contract": contract["number"], "market": "MOEX_STOCK"}
        self._control(
            "row", {**place, "table": "position_cash", "currency": "RUB", "balance": "250000.10", "blocked": "0.07"}
        )
        bought = {"isin": "RU0009029540", "sec_code": "SBER", "quantity": "100", "price": "311.42"}
        self._control("trade", {**place, **bought})
        tab = Tab(self.desk, self.desk.office.head, "CRM_DEAL_DETAIL_TAB", "deal", deal)
        with tab.browser:
            tab.open("position")
            wrong = self._differs("position", tab.settled("position"), number)
        self._check("the dossier of a client of today opens in the deal, with their first trades", wrong)

    # --- the book ---------------------------------------------------------------------------------------------------------

    def _differs(self, set_name: str, page: Any, number: str = OLD_CLIENT["number"]) -> str:
        """What a sub-tab shows otherwise than the book has it."""
        book, wrong = self._book(number), []
        for table in [one for one in TABLES if one.set_name == set_name]:
            rows = [row for row in book[table.rows] if not (table.without and row.get(table.without))]
            wanted, shown = _reckoned(table, rows), _totals(page, table)
            if shown != wanted:
                wrong.append(f"{table.name} of {number}: {shown}, by the book {wanted}")
        return "; ".join(wrong)

    def _book(self, number: str) -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = self._control(f"client?id={number}")["tables"]
        return found

    def _trade(self, quantity: str, price: str) -> None:
        self._control("trade", {
            "client": OLD_CLIENT["number"], "contract": "B-2026/0417", "market": "MOEX_STOCK", "isin": "RU0009024277",
            "quantity": quantity, "price": price,
        })  # fmt: skip

    def _asked(self, set_name: str) -> int:
        """How often the back office was asked for that set of the client of long standing."""
        return int(self._control("state")["asked"].get(set_name, {}).get(OLD_CLIENT["number"], 0))

    def _faults(self, switches: Mapping[str, Any]) -> None:
        self._control("faults", dict(switches))

    def _control(self, door: str, body: Mapping[str, Any] | None = None) -> Any:
        return self.desk.systems[BACK_OFFICE].control(door, body)

    def _check(self, name: str, wrong: str) -> None:
        self._results.append((name, wrong))

    # --- in the end -------------------------------------------------------------------------------------------------------

    def checks(self) -> Iterable[Result]:
        yield from self._results
        if self._results:
            yield self._logged()

    def _logged(self) -> Result:
        """The request log, as the head reads it in a file, against what the back office was asked."""
        handler = f"{self.desk.address}/frame/bitrix24/main/heads/"
        browser, _ = self.desk.office.browse(self.desk.office.head, "LEFT_MENU", handler=handler)
        with browser:
            lines = browser.get(f"{self.desk.address}/dossier/log/file.csv", timeout=PAGE_SECONDS).text.splitlines()
        names = {one.set_name for one in TABLES}
        logged = Counter(
            (cells[1], cells[2]) for cells in (line.split(";") for line in lines[1:])
            if cells[1] in names and cells[6] not in ("присоединён", "из хранимого")
        )  # fmt: skip
        asked = Counter({
            (name, number): count for name, clients in self._control("state")["asked"].items() if name in names
            for number, count in clients.items()
        })  # fmt: skip
        return (
            f"the request log has each of {sum(asked.values())} questions that left, and none that did not",
            "" if logged == asked else f"logged {dict(logged)}, asked {dict(asked)}",
        )


# --- reading a page -------------------------------------------------------------------------------------------------------


def _words(page: Any) -> str:
    """What stands about the age of the data."""
    return " ".join(page.xpath("string(//*[@data-status])").split())


def _figures(page: Any) -> list[list[str]]:
    """All cells of all rows, as they are shown."""
    return [[_text(cell) for cell in row.xpath("./td")] for row in page.xpath("//tbody/tr")]


def _totals(page: Any, table: Table) -> Figures:
    """The lines below a table, by what they are summed up for."""
    heads = [_text(one) for one in page.xpath(f'//*[@data-table="{table.name}"]//thead//th')]
    found: Figures = {}
    for row in page.xpath(f'//*[@data-table="{table.name}"]//tfoot/tr[not(@class)]'):
        cells = dict(zip(heads, [_text(cell) for cell in row.xpath("./td")], strict=True))
        found[tuple(cells[name] for name in table.per)] = tuple(_number(cells[name]) for name in table.sums)
    return found


def _reckoned(table: Table, rows: Sequence[Mapping[str, str]]) -> Figures:
    """The same from the rows of the book, by adding up alone."""
    found: Figures = {}
    for row in rows:
        key = tuple(PERIODS.get(row[name], row[name]) for name in table.per.values())
        before = found.get(key, (Decimal(0),) * len(table.sums))
        found[key] = tuple(
            sum_ + Decimal(row.get(name) or 0) for sum_, name in zip(before, table.sums.values(), strict=True)
        )  # fmt: skip
    return found


def _text(cell: Any) -> str:
    """Without the remark beside a figure."""
    inner = cell.xpath("string(.//bdi)") or cell.xpath("string(.)")
    return " ".join(str(inner).replace("\N{NO-BREAK SPACE}", "").split())


def _number(text: str) -> Decimal:
    return Decimal(text.replace("\N{MINUS SIGN}", "-").replace(",", ".")) if text != "—" else Decimal(0)
