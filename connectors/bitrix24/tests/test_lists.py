"""Elements of universal lists against the emulated portal: beyond what the contract suite of all CRMs asks."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from connectors.bitrix24.crm import crm
from connectors.bitrix24.lists import BitrixLists
from connectors.bitrix24.tests.office import open_office
from kernel.crm import ListChange, ListElement, Start
from kernel.errors import Misconfigured, Rejected, Unreachable
from kernel.http import RateLimit
from kernel.mapping import ListMap

FIELDS = {"what": "text", "amount": "decimal", "kind": "choice", "who": "user", "sure": "bool"}
TYPES = {"text": "S", "decimal": "S", "choice": "L", "user": "S:employee", "bool": "L"}
KINDS = {"buy": "Покупка", "sell": "Продажа"}


def a_list():
    fields = {name: {"label": name.title(), "type": kind, "write": True} for name, kind in FIELDS.items()}
    fields["kind"]["values"] = KINDS
    return ListMap.model_validate({"name": "cash", "label": "Деньги", "link": ["contact", "company"], "field": fields})


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path, prepare=False) as opened:
        made = opened.staff("lists.add", {"IBLOCK_TYPE_ID": "lists", "IBLOCK_CODE": "annex_cash",
                            "FIELDS": {"NAME": "Деньги"}, "RIGHTS": {"*": "X"}})  # fmt: skip
        for name, kind in {"card": "", **FIELDS}.items():
            fields = {"NAME": name.title(), "CODE": name.upper(), "TYPE": TYPES.get(kind, "S:ECrm"), "IS_REQUIRED": "N"}
            if not kind:
                fields |= {"NAME": "Клиент", "USER_TYPE_SETTINGS": {"VISIBLE": "Y", "CONTACT": "Y", "COMPANY": "Y"}}
            if TYPES.get(kind) == "L":
                texts = KINDS.values() if kind == "choice" else ("Да", "Нет")
                fields["LIST"] = {f"n{n}": {"VALUE": text, "SORT": n} for n, text in enumerate(texts)}
            opened.staff("lists.field.add", {"IBLOCK_TYPE_ID": "lists", "IBLOCK_ID": made, "FIELDS": fields})
        opened.connection = replace(opened.connection, mapping=replace(opened.connection.mapping, lists={"cash": a_list()}))
        opened.crm = crm(opened.connection)
        opened.crm.lists.codes([Start("cash", "")])
        yield opened


def change(number, *, there=False, drop=False, **values):
    return ListChange(ListElement("cash", f"C_830:{number}", f"Строка {number}", values, "contact", "830"), drop, there)


def requests_of(office, changes):
    before = len(office.wire.sent)
    assert office.crm.lists.write(changes) == [None] * len(changes)
    return len(office.wire.sent) - before


def held(office):
    return office.crm.lists.read(Start("cash", ""))


def test_fifty_changes_of_all_kinds_are_one_request(office):
    assert requests_of(office, [change(n, what=str(n)) for n in range(50)]) == 1
    assert requests_of(office, [change(n, what="x", there=True) for n in range(25)]
                       + [change(n, drop=True, there=True) for n in range(25, 50)]) == 1  # fmt: skip
    assert [one.values for one in held(office)] == [{"what": "x"}] * 25
    assert requests_of(office, [change(1, there=True, what="one")]) == 1


def test_each_kind_of_value_comes_back_and_the_card_shows_it(office):
    company = ListElement("cash", "CO_7:a", "Общество", {"kind": "sell", "sure": False}, "company", "7")
    mine = change(1, amount=Decimal("0.1000"), kind="buy", sure=True, what="  два\r\nряда ")
    assert office.crm.lists.write([mine, ListChange(company)]) == [None, None]
    read_company, mine = held(office)
    assert read_company == company and (mine.entity, mine.record_id) == ("contact", "830")
    assert mine.values == {"amount": Decimal("0.1000"), "kind": "buy", "sure": True, "what": "два\nряда"}
    [raw] = office.staff("lists.element.get", {"IBLOCK_TYPE_ID": "lists", "IBLOCK_CODE": "annex_cash",
                         "FILTER": {"CODE": "C_830:1"}})  # fmt: skip
    assert "C_830" in str(raw) and raw["NAME"] == "Строка 1"


def test_a_lost_answer_is_told_and_repeating_doubles_nothing(office):
    changes = [change(n, what=str(n)) for n in range(3)]
    office.wire.cut["batch"] = 1
    faults = office.crm.lists.write(changes)
    assert all(isinstance(fault, Unreachable) and fault.maybe_done for fault in faults) and len(held(office)) == 3
    assert requests_of(office, [change(n, what="new") for n in range(3)]) == 2, "they are there: then they are updated"
    assert [one.values["what"] for one in held(office)] == ["new"] * 3


def test_what_one_element_is_refused_stops_no_other(office):
    bad = ListElement("cash", "C_830:bad", "Плохая", {"kind": "нет такого"})
    unknown = ListElement("cash", "C_830:odd", "Чужая", {"nothing": "1"})
    first, second, third = office.crm.lists.write([ListChange(bad), ListChange(unknown), change(1, what="x")])
    assert isinstance(first, Rejected) and isinstance(second, Rejected) and third is None
    assert [one.code for one in held(office)] == ["C_830:1"]


def test_a_list_that_is_not_there_says_what_to_do(office):
    office.staff("lists.delete", {"IBLOCK_TYPE_ID": "lists", "IBLOCK_CODE": "annex_cash"})
    [fault] = office.crm.lists.write([change(1)])
    assert isinstance(fault, Rejected)
    with pytest.raises(Misconfigured, match="annex apply"):
        office.crm.lists.write([change(1)])


def test_a_tenth_of_the_portals_requests_is_for_lists(office):
    assert BitrixLists(None, None, None, RateLimit(2.0, burst=48)).every_seconds == 5.0
    assert office.crm.lists.every_seconds == 0, "a box has no such limit"
