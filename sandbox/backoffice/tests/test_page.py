"""The page: a visitor sees who is a client, what was registered and asked, and changes a position with a plain form."""

from __future__ import annotations

import html
import re

import pytest

from sandbox.backoffice.page import TEXTS, language
from sandbox.backoffice.seed import DETAILS
from sandbox.backoffice.tables import TABLES

pytestmark = pytest.mark.row("PL-08", "BR-23")


def page(api, **query):
    answer = api.get("/", **query)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return html.unescape(answer.text)


def change(api, client, **fields):
    answer = api.session.post(f"{api.address}/act", params={"client": client, "lang": "en"}, data=fields, timeout=120)
    assert [one.status_code for one in answer.history] == [303]
    return html.unescape(answer.text)


def test_clients_and_their_tables(api):
    told = page(api, lang="ru")
    assert all(name in told for name in ("Семёнов Артём Ильич", 'ООО "Ромашка & Ёлки"', "договоров нет"))
    told = page(api, client="1000417", lang="ru")
    for words in (
        "Ценные бумаги",
        "RUSNP",
        'value="125000.10"',
        "Идеи аналитиков",
        "W-0990",
        "Физическое",
        "20.11.2026 10:05",
    ):
        assert words in told
    assert "Показаны первые 50 из 2500" in page(api, client="1000420", lang="ru")


def test_everything_is_escaped(api):
    api.door("/client", last_name="<script>alert(1)</script>", first_name="x")
    raw = api.get("/").text
    assert "<script>alert" not in raw
    assert "&lt;script&gt;alert(1)" in raw


def test_a_position_is_changed_by_hand(api):
    told = change(api, "1000417", table="position_cash", contract="B-2026/0417", market="MOEX_STOCK", currency="RUB",
                  balance="777.70", blocked="0.70")  # fmt: skip
    assert "Saved." in told
    row = api.data("/bo/position_cash.xml", client_id="1000417")["position_cash"][0]
    assert (row["BALANCE"], row["BLOCKED"], row["AVAILABLE"]) == ("777.70", "0.70", "777.00")
    change(api, "1000417", table="position_securities", contract="B-2026/0417", market="MOEX_STOCK", isin="RU0009029540",
           board="TQBR", quantity="3", price="100.10")  # fmt: skip
    row = api.data("/bo/position_securities.xml", client_id="1000417")["position_securities"][0]
    assert (row["QTY"], row["PRICE"], row["VALUE"]) == ("3", "100.10", "300.30")


def test_wrong_figures_change_nothing(api):
    where = {"table": "position_cash", "contract": "B-2026/0417", "market": "MOEX_STOCK", "currency": "RUB"}
    assert "balance: 'много' is no figure" in change(api, "1000417", **where, balance="много", blocked="0")
    assert "not changed here" in change(api, "1000417", table="contracts", number="B-2026/0417", state="X")
    assert "no such client" in change(api, "7", **where, balance="1", blocked="0")
    assert api.data("/bo/position_cash.xml", client_id="1000417")["position_cash"][0]["BALANCE"] == "125000.10"
    assert api.get("/act").status_code == 405


def test_every_form_of_the_page_works_as_it_stands(api):
    told = page(api, client="1000417", lang="en")
    inputs = re.findall(r'<input form="position_cash1" name="(\w+)" value="([^"]*)"', told)
    form = told.partition('<form id="position_cash1"')[2].partition("</form>")[0]
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
    assert "Saved." in change(api, "1000417", **dict(hidden), **dict(inputs))
    assert dict(inputs) == {"balance": "125000.10", "blocked": "25000.00"}


def test_registrations_and_questions(api):
    assert page(api, lang="en").count("Nothing yet.") == 2
    api.opened("crm-1")
    api.opened("crm-1")
    api.door("/faults", field_errors_next="AGE:Person/BirthDate", slow_s=0, doubles="accept")
    api.opened("crm-2")
    api.opened("crm-3")
    api.get("/bo/blocks.xml", client_id="1000417")
    told = page(api, lang="en")
    for words in ("crm-1", "accepted", "rejected: AGE Person/BirthDate", "registered twice", "repeated", "doubles=accept"):
        assert words in told
    assert '<td class="number">1</td>' in told, "one repeat"


def test_three_languages_say_the_same_things(api):
    assert set(TEXTS["uk"]) == set(TEXTS["ru"]) == set(TEXTS["en"])
    assert set(TEXTS["uk"]["table"]) == set(TEXTS["ru"]["table"]) == set(TEXTS["en"]["table"])
    assert set(TEXTS["uk"]["column"]) == set(TEXTS["ru"]["column"]) == set(TEXTS["en"]["column"])
    names = {one.name for table in TABLES.values() for one in table.columns if table.name != "margin"} | set(DETAILS)
    assert set(TEXTS["uk"]["column"]) == names
    assert [language("", header) for header in ("", "uk-UA,uk;q=0.9", "de, en;q=0.5", "de")] == ["ru", "uk", "en", "ru"]
    assert "Клієнти" in page(api, lang="uk")


def test_what_is_no_page(api):
    for path in ("/nothing", "/static/nothing.css", "/static/..%2fpage.py"):
        assert api.get(path).status_code == 404
    assert "text/css" in api.get("/static/page.css").headers["Content-Type"]
