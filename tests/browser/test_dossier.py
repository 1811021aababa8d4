"""The dossier in a real browser: ten thousand rows by keyboard and on a phone, an answer that comes in behind, and trouble.

Needs Debian's Chromium, as conftest.py says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from kernel.errors import BadAnswer, Unreachable
from kernel.testing import until
from plugins.dossier.tests.conftest import office_of
from plugins.dossier.tests.office import CASH, CLIENT, Office
from tests.browser.page_checks import Troubles, can_be_read_by_all, has_buttons_for_fingers, shot
from tests.browser.serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.row("BR-05", "BR-06")]
__all__ = ["office_of"]
ROWS, BODY = 10_000, 200
CONTRACTS, CURRENCIES = ("B-2026/0417", "B-2025/0911", "B-2024/0033"), ("RUB", "USD", "CNY")
SECURITIES: list[dict[str, Any]] = [
    {
        "contract": CONTRACTS[n * len(CONTRACTS) // ROWS],
        "market": "Санкт-Петербургская биржа" if n % 10 == 3 else "MOEX",
        "instrument": f"ЁЛОЧКА{n:05}" if n % 100 == 0 else f"SEC{n:05}",
        "isin": f"RU{n:010}",
        "board": "TQBR",
        "quantity": Decimal(n) - 50 + Decimal("0.5") * (n % 2),
        "price": Decimal(n + 1) / 8,
        "value": Decimal(n * 7919 % 1_000_003) / 100 - 1000,
        "currency": CURRENCIES[n % 3],
    }
    for n in range(ROWS)
]  # fmt: skip
WITHDRAWALS = [
    {"number": f"W-{n:03}", "amount": Decimal(n * 100 + 1) / 100, "currency": "RUB", "status": ("NEW", "DONE")[n % 2]}
    for n in range(30)
]
TABLE = '#panel-position [data-table="securities"]'


class Tab:
    """The tab as Irina opens it in the client's card."""

    def __init__(self, office: Office, browser: Any, address: str, **how: Any) -> None:
        self.office, self.address = office, address
        self.troubles = Troubles()
        self.context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "ru-RU", **how})
        self.page = self.context.new_page()
        self.page.set_default_timeout(45_000)
        self.troubles.watch(self.page)
        opened = self.context.request.post(
            f"{address}/frame/bitrix24/main/dossier/contact/{office.card}", form={"who": office.irina}, max_redirects=0
        )
        assert opened.status == 303
        self.page.goto(f"{address}/dossier/contact/{office.card}")
        self.page.evaluate("window.kept = 'not reloaded'")

    def answered(self) -> None:
        """The back office answers what was asked."""
        assert self.office.ask()

    def says(self, text: str) -> None:
        self.page.wait_for_function(
            "(text) => document.querySelector('[data-panel]:not([hidden]) [data-status]')?.innerText.includes(text)",
            arg=text,
        )

    def open_position(self) -> None:
        self.page.get_by_role("tab", name="Биржевая позиция").click()
        self.page.wait_for_selector("#panel-position [data-status]")
        self.answered()
        self.page.wait_for_selector(f"{TABLE} tbody tr")

    def wait(self, condition: str) -> None:
        self.page.wait_for_function(f"() => {condition}")  # the page's own policy forbids anything but a function

    def totals(self) -> dict[str, Decimal]:
        """By currency, as the line that stays in view says it."""
        rows = self.page.locator(f"{TABLE} tfoot tr:not(.notes, .brief)").all()
        cells = [[cell.inner_text() for cell in row.locator("td").all()] for row in rows]
        assert all(one[0] == "Итого" for one in cells)
        return {one[9]: figure(one[8]) for one in cells}

    def rows(self) -> list[str]:
        """Instruments of the rows that are there."""
        return list(self.page.eval_on_selector_all(f"{TABLE} tbody tr:not(.blank):not(.subtotal)", THIRD_CELLS))

    def in_view(self) -> list[str]:
        return list(self.page.evaluate(IN_VIEW, f"{TABLE} tbody tr:not(.blank):not(.subtotal)"))


THIRD_CELLS = "rows => rows.map(row => row.cells[2]?.innerText ?? row.innerText)"
IN_VIEW = """selector => {
  const rows = [...document.querySelectorAll(selector)], box = rows[0]?.closest("[data-scroll]").getBoundingClientRect();
  const inside = (one) => one.top >= box.top && one.bottom <= box.bottom;
  return rows.filter(row => inside(row.getBoundingClientRect())).map(row => row.cells[2].innerText);
}"""
STAYS = """selector => {
  const box = document.querySelector(selector + " [data-scroll]").getBoundingClientRect();
  const place = (one) => document.querySelector(selector + " " + one).getBoundingClientRect();
  return ["thead th", "tfoot"].map(place).every(
    (one) => one.height > 0 && one.top >= box.top - 1 && one.bottom <= box.bottom + 1);
}"""


def figure(text: str) -> Decimal:
    plain = text.split("\n")[0].replace("\N{NO-BREAK SPACE}", "").replace("\N{MINUS SIGN}", "-").replace(",", ".")
    return Decimal(plain)


def sums(rows: list[dict[str, Any]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        found[row["currency"]] += row["value"]
    return dict(found)


@pytest.fixture
def tab_of(browser: Any, office_of: Callable[..., Office]) -> Iterator[Callable[..., Tab]]:
    office = office_of()
    office.source.put("contracts", CLIENT)
    office.source.put("position", CLIENT, cash=CASH, securities=SECURITIES)
    office.source.put("withdrawals", CLIENT, withdrawals_cash=WITHDRAWALS)
    opened: list[Tab] = []
    with serving() as server:
        office.serve_in_frames(environment={"ANNEX_PUBLIC_URL": server.address})
        server.app = office.app

        def tab(**how: Any) -> Tab:
            opened.append(Tab(office, browser, server.address, **how))
            return opened[-1]

        yield tab
        for one in opened:
            one.context.close()
        office.site.live.close()
    assert [one.troubles for one in opened] == [[] for _ in opened], "also what the page's own policy forbids stands here"


def test_ten_thousand_rows_by_keyboard(tab_of: Callable[..., Tab]) -> None:
    tab = tab_of()
    page = tab.page
    page.wait_for_selector("#panel-contracts [data-status]")
    page.focus("#tab-contracts")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#panel-position [data-status]")
    assert page.evaluate("document.activeElement.id") == "tab-position"
    tab.answered()
    page.wait_for_selector(f"{TABLE} tbody tr")
    assert len(tab.rows()) == BODY and tab.totals() == sums(SECURITIES)
    assert "Строк: 10\N{NO-BREAK SPACE}000" in page.inner_text(f"{TABLE} tfoot")

    page.focus(f"{TABLE} [data-scroll]")
    page.keyboard.press("End")
    tab.wait(f"document.querySelector('{TABLE} tbody:last-of-type')?.innerText.includes('SEC09999')")
    assert tab.in_view()[-1] == "SEC09999" and page.evaluate(STAYS, TABLE)
    subtotals = page.eval_on_selector_all(f"{TABLE} tr.subtotal", "rows => rows.map(row => row.innerText)")
    last = sums([row for row in SECURITIES if row["contract"] == CONTRACTS[-1]])
    assert {line.split("\t")[9]: figure(line.split("\t")[8]) for line in subtotals[-3:]} == last
    assert len(tab.rows()) <= 4 * BODY, "however far somebody scrolls, the page stays small"

    page.focus(f"{TABLE} input[type=search]")
    page.keyboard.type("ёЛоЧкА  b-2025/0911")
    wanted = [row for row in SECURITIES if "ЁЛОЧКА" in row["instrument"] and row["contract"] == "B-2025/0911"]
    tab.wait(f"document.querySelector('{TABLE} tfoot').innerText.includes('Строк: {len(wanted)}')")
    assert tab.rows() == [row["instrument"] for row in wanted] and tab.totals() == sums(wanted)
    page.fill(f"{TABLE} input[type=search]", "елочка санкт")
    tab.wait(f"document.querySelector('{TABLE} tbody').innerText.includes('Ничего не найдено')")
    page.fill(f"{TABLE} input[type=search]", "санкт моЕх")
    page.fill(f"{TABLE} input[type=search]", "САНКТ-петербургская")
    wanted = [row for row in SECURITIES if row["market"] != "MOEX"]
    tab.wait(f"document.querySelector('{TABLE} tfoot').innerText.includes('Строк: 1\N{NO-BREAK SPACE}000')")
    assert tab.totals() == sums(wanted)

    page.focus(f"{TABLE} [data-sort=value]")
    for mark, backwards in (("ascending", False), ("descending", True)):
        page.keyboard.press("Enter")
        first = sorted((r for r in wanted if r["contract"] == tab_first(wanted, backwards)), key=value_of, reverse=backwards)
        tab.wait(f"document.querySelector('{TABLE} tbody tr td:nth-child(3)').innerText === '{first[0]['instrument']}'")
        assert page.get_attribute(f"{TABLE} th[data-column=value]", "aria-sort") == mark
        assert tab.rows() == [row["instrument"] for row in first[:BODY]]
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "it shows where one stands"

    link = page.locator(f"{TABLE} [data-file]", has_text="CSV").evaluate("one => one.href")
    lines = tab.context.request.get(link).body().decode("utf-8-sig").split("\r\n")
    assert len(lines) == len(wanted) + 2 and lines[1].split(";")[2] == first[0]["instrument"]
    book = tab.context.request.get(link.replace(".csv", ".xlsx"))
    assert book.ok and book.body().startswith(b"PK")
    assert page.evaluate("window.kept") == "not reloaded"


def value_of(row: dict[str, Any]) -> Decimal:
    value: Decimal = row["value"]
    return value


def tab_first(rows: list[dict[str, Any]], backwards: bool) -> str:
    """The contract of the row that comes first: those of one contract stay together."""
    contract: str = sorted(rows, key=value_of, reverse=backwards)[0]["contract"]
    return contract


def test_an_answer_comes_in_behind(tab_of: Callable[..., Tab]) -> None:
    tab = tab_of()
    page, office = tab.page, tab.office
    tab.open_position()
    page.fill(f"{TABLE} input[type=search]", "moex")
    tab.wait(f"document.querySelector('{TABLE} tfoot').innerText.includes('Строк: 9\N{NO-BREAK SPACE}000')")
    page.evaluate(f"document.querySelector('{TABLE} [data-scroll]').scrollTop = 150000")
    until(lambda: len(tab.in_view()) > 5, "the rows there have come")
    before, top = tab.in_view(), page.evaluate(f"document.querySelector('{TABLE} [data-scroll]').scrollTop")
    changed = before[3]
    office.source.put(
        "position", CLIENT, cash=CASH,
        securities=[{**row, "value": Decimal("777777.77")} if row["instrument"] == changed else row for row in SECURITIES],
    )  # fmt: skip
    office.advance(seconds=20)
    page.click("#panel-position [data-refresh]")
    tab.says("обновляем…")
    page.focus(f"{TABLE} input[type=search]")
    tab.answered()
    tab.wait(
        f"document.querySelector('{TABLE} tbody:nth-of-type(n)').closest('table').innerText.includes('777\\u00a0777,77')"
    )
    assert tab.in_view() == before and page.evaluate(f"document.querySelector('{TABLE} [data-scroll]').scrollTop") == top
    assert page.input_value(f"{TABLE} input[type=search]") == "moex"
    assert page.evaluate("document.activeElement.name") == "q" and page.evaluate("window.kept") == "not reloaded"
    moex = [row for row in SECURITIES if row["market"] == "MOEX"]
    old = next(row for row in moex if row["instrument"] == changed)
    want = {**sums(moex), old["currency"]: sums(moex)[old["currency"]] - old["value"] + Decimal("777777.77")}
    assert tab.totals() == want

    page.get_by_role("tab", name="Заявки на вывод").click()
    page.wait_for_selector("#panel-withdrawals [data-status]")
    tab.answered()
    choice = page.locator('#panel-withdrawals [data-table="withdrawals_cash"]')
    choice.get_by_label("Статус").select_option("Новая")
    tab.wait("document.querySelector('#panel-withdrawals tfoot').innerText.includes('Строк: 15')")
    assert "Исполнена" not in choice.locator("tbody").first.inner_text()
    office.source.put(
        "withdrawals", CLIENT, withdrawals_cash=[*WITHDRAWALS, {**WITHDRAWALS[0], "number": "W-999", "status": "ODD"}]
    )
    office.advance(seconds=20)
    page.click("#panel-withdrawals [data-refresh]")
    tab.says("обновляем…")
    tab.answered()
    tab.wait("document.querySelectorAll('#panel-withdrawals [data-only=status] option').length === 4")
    assert choice.get_by_label("Статус").input_value() == "NEW", "what was chosen stays, a new word can be chosen"


def test_what_it_says_in_trouble(tab_of: Callable[..., Tab]) -> None:
    tab = tab_of()
    page, office = tab.page, tab.office
    tab.open_position()
    tab.says("на 13:00")

    def asked_anew() -> None:
        office.advance(minutes=1)
        page.click("#panel-position [data-refresh]")
        tab.says("обновляем…")

    asked_anew()
    office.advance(seconds=4)
    tab.says("учётная система отвечает медленно")
    office.advance(seconds=5)
    tab.says("Учётная система не отвечает. Данные на 23.11.2026 13:00")
    tab.answered()
    tab.says("на 13:01")
    for fault, text in (
        (BadAnswer("x"), "Ответ учётной системы не разобран"),
        (Unreachable(), "Учётная система не отвечает"),
    ):
        office.source.fail(fault)
        asked_anew()
        tab.answered()
        tab.says(text)
        tab.says("Данные на 23.11.2026 13:01")
        assert len(tab.rows()) == BODY and tab.totals() == sums(SECURITIES), "nothing changed"
    tab.troubles.expect("ERR_FAILED")
    page.route("**/dossier/**", lambda route: route.abort())
    page.click("#panel-position [data-refresh]")
    tab.says("Нет связи с Annex")
    assert len(tab.rows()) == BODY
    page.unroute("**/dossier/**")
    tab.says("обновляем…")
    tab.answered()
    tab.says("на 13:03")

    tab.troubles.expect("40[13]")
    office.advance(hours=25)
    page.evaluate("document.querySelector('#panel-position [data-refresh]')?.click()")
    page.get_by_text("Откройте вкладку заново").wait_for()
    assert "SEC0" not in page.inner_text("body"), "nothing of the client stays on the screen"


def test_a_client_who_is_not_in_the_back_office(tab_of: Callable[..., Tab]) -> None:
    tab = tab_of()
    address = tab.page.url
    tab.page.goto("about:blank")  # an open page that asks meanwhile is told that it shows another client's
    tab.office.crm.staff.set("contact", tab.office.card, client_id="")
    tab.office.advance(seconds=61)
    tab.page.goto(address)
    assert "Клиент ещё не заведён в учётной системе" in tab.page.inner_text("main")
    assert tab.page.get_by_role("tab").count() == 0 and len(tab.office.pools) == 1, "asked before, not now"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(390, 844), (1440, 900)])
def test_labels_headings_and_contrast(tab_of: Callable[..., Tab], size: tuple[int, int], scheme: str) -> None:
    phone = size[0] < 500
    tab = tab_of(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, has_touch=phone, is_mobile=phone)
    tab.open_position()
    tab.page.wait_for_timeout(200)
    can_be_read_by_all(tab.page, (size, scheme), "ru")
    has_buttons_for_fingers(tab.page, (size, scheme))
    assert tab.page.evaluate(STAYS, TABLE)
    shot(tab.page, f"dossier-{size[0]}-{scheme}")
