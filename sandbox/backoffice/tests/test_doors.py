"""What tests and the demo do behind the back of whoever talks to the office."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.row("PL-08", "BR-23")
CASH = {"contract": "B-2026/0417", "market": "MOEX_STOCK", "currency": "RUB"}


def cash(api, client="1000417"):
    rows = api.data("/bo/position_cash.xml", client_id=client)["position_cash"]
    return {(row["CONTRACT"], row["CURRENCY"]): (row["BALANCE"], row["BLOCKED"], row["AVAILABLE"]) for row in rows}


def test_a_new_client_with_rows(api):
    contract = {"number": "B-1", "kind": "BROKERAGE", "opened": "2026-01-01", "tariff": "BASE", "markets": ["A", "B"]}
    person = {"last_name": "Орлов", "first_name": "Лев", "birth_date": "1980-01-01"}
    made = api.door("/client", **person, usage_rows=3, contracts=[{**contract, "state": "OPEN"}])
    assert made == {"client": "1000500"}
    assert api.texts(api.rows("GetContracts", "1000500"), "Market") == ["A", "B"]
    assert len(api.texts(api.rows("GetProductUsage", "1000500"), "Detail")) == 3
    company = api.door("/client", id="0000007", full_name="ООО", inn="7709876545")
    assert api.read("/client", id=company["client"])["kind"] == "company"
    api.door("/client/delete", client="0000007")
    assert "0000007" not in [one["id"] for one in api.read("/clients")["clients"]]


@pytest.mark.parametrize(("data", "words"), [
    ({"id": "1000417", "last_name": "x"}, "there already"), ({"id": "12", "last_name": "x"}, "6 to 10 digits"),
    ({}, "last_name or full_name"), ({"last_name": "x", "colour": "red"}, "colour"),
    ({"last_name": "x", "margin": []}, "margin"),
])  # fmt: skip
def test_clients_that_cannot_be(api, data, words):
    before = len(api.read("/clients")["clients"])
    assert words in api.refused("/client", **data)
    assert len(api.read("/clients")["clients"]) == before


def test_changing_a_position(api):
    made = api.door("/row", client="1000417", table="position_cash", **CASH, balance="99.5")["row"]
    assert made["available"] == "-24900.50", "what is blocked stays blocked"
    assert cash(api)["B-2026/0417", "RUB"] == ("99.50", "25000.00", "-24900.50")
    api.door("/row", client="1000417", table="position_cash", **CASH, available="7")
    assert cash(api)["B-2026/0417", "RUB"] == ("99.50", "25000.00", "7.00")
    assert api.door("/row/delete", client="1000417", table="position_cash", currency="RUB") == {"deleted": 2}
    assert list(cash(api)) == [("B-2026/0417", "USD")]


@pytest.mark.parametrize(("data", "words"), [
    ({"table": "position_cash", **CASH, "balance": 1.5}, "a text is needed"),
    ({"table": "position_cash", **CASH, "balance": "1,5"}, "balance: '1,5' is no figure"),
    ({"table": "position_cash", **CASH, "balance": "1e3"}, "1e3"),
    ({"table": "position_cash", **CASH, "available": "1,5"}, "no money"),
    ({"table": "position_cash", **CASH, "balance": "1.234"}, "no money"), ({"table": "margin"}, "no table"),
    ({"table": "position_cash", **CASH, "colour": "x"}, "no column"),
    ({"table": "position_cash", **CASH, "currency": "rub"}, "rub"),
    ({"table": "blocks", "code": "X", "since": "2026-01-01T00:00:00", "scope": "x", "reason": "y"}, "no datetime"),
    ({"table": "activity", "date": "01.02.2026", "market": "x", "currency": "RUB"}, "no date"), ({}, "missing: table"),
])  # fmt: skip
def test_rows_that_cannot_be(api, data, words):
    assert words in api.refused("/row", client="1000417", **data)
    assert cash(api)["B-2026/0417", "RUB"][0] == "125000.10"


def test_a_trade_moves_all_that_hangs_on_it(api):
    api.door("/date", at="2026-11-25T12:00:00+03:00")
    where = {"client": "1000417", "contract": "B-2026/0417", "market": "MOEX_STOCK", "isin": "RU0009029540"}
    made = api.door("/trade", **where, quantity="10", price="300.05")
    assert made["security"]["quantity"] == "130"
    assert made["security"]["value"] == "39006.50"
    assert made["cash"]["balance"] == "121998.10", "125000.10 − 3000.50 − 1.50"
    assert made["activity"] == {"date": "2026-11-25", "market": "MOEX_STOCK", "trades": "1", "turnover": "3000.50",
                                "commission": "1.50", "currency": "RUB"}  # fmt: skip
    sold = api.door("/trade", **where, quantity="-130", price="300.05")
    assert (sold["security"]["quantity"], sold["activity"]["trades"]) == ("0", "2")


def test_closing_contracts(api):
    assert api.door("/close", client="1000417", contract="B-2025/0911") == {"closed": 1}
    assert api.read("/client", id="1000417")["active"]
    assert api.door("/close", client="1000417") == {"closed": 1}
    assert not api.read("/client", id="1000417")["active"]
    states = [row["STATE"] for row in api.data("/bo/contracts.xml", client_id="1000417")["contracts"]]
    assert states == ["CLOSED", "CLOSED"]
    assert "no open contract" in api.refused("/close", client="1000417", contract="B-2025/0911")


def test_many_rows(api):
    assert api.door("/rows", client="1000419", table="position_securities", count=10_000) == {"rows": 10_000}
    api.door("/faults", page_rows=20_000)
    answer = api.rows("GetPosition", "1000419", PageSize=20_000)
    assert len(set(api.texts(answer, "ISIN"))) == 10_000
    assert "count" in api.refused("/rows", client="1000419", table="blocks", count=0)


def test_what_was_asked_is_counted(api):
    api.rows("GetPosition", "1000417")
    api.data("/bo/position_cash.xml", client_id="1000417")
    api.data("/dealer/dengi.xml", kod="1000418")
    api.fails("GetBlocks", "<ClientID>1000999</ClientID>")
    api.door("/faults", down="on")
    api.get("/bo/blocks.xml", client_id="1000417")
    told = api.read("/state")
    assert told["asked"] == {"position": {"1000417": 2, "1000418": 1}, "blocks": {"1000999": 1, "1000417": 1}}
    assert told["counters"]["requests"] == 5
    entries = api.read("/requests")["entries"]
    assert [(one["face"], one["set"], one["client"], one["outcome"], one["status"]) for one in entries] == [
        ("soap", "position", "1000417", "ok", 200), ("xml", "position", "1000417", "ok", 200),
        ("dealer", "position", "1000418", "ok", 200), ("soap", "blocks", "1000999", "CLIENT_NOT_FOUND", 500),
        ("xml", "blocks", "1000417", "down", 503),
    ]  # fmt: skip
    assert entries[0]["rows"] == 9
    assert "GetPosition" in entries[0]["body"]
    only = api.read("/requests", set="blocks", client="1000417", since=entries[2]["n"])["entries"]
    assert [one["status"] for one in only] == [503]
    api.door("/forget-requests")
    assert api.read("/state")["asked"] == {}


def test_switches_all_or_none(api):
    assert "known" in api.refused("/faults", down="on", nonsense="1")
    assert api.read("/faults")["down"]["value"] == "off"
    for wrong in ({"only": "x"}, {"faults_next": "x"}, {"field_errors_next": "x"}, {"times": "x"}, {"bad_cells": 2},
                  {"hostile": "x"}, {"slow_s": -1}):  # fmt: skip
        assert next(iter(wrong)) in api.refused("/faults", **wrong)
    api.door("/faults", down="on", only="blocks")
    api.door("/faults/clear")
    assert all(one["value"] == one["default"] for one in api.read("/faults").values())


def test_doors_that_are_not_there(api):
    assert api.get("/sandbox/nothing").status_code == 404
    assert "no such client" in api.refused("/close", client="1")
    assert "offset" in api.refused("/date", at="2026-11-21T10:00:00")
    assert "no row" in api.refused("/spoil", client="1000417", table="blocks", code="x", column="reason", text="y")
