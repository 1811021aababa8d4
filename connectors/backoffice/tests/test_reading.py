"""Every set against the emulated back office: values, paging, odd rows, and what becomes of each trouble."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from connectors.backoffice.tests.office import CLIENT, FIRM, NOBODY, PAGES, Office
from kernel.datasets import Answer, Unread, folded, ordered, outcome_of, pack_answer, totals, unpack_answer
from kernel.errors import AnnexError, BadAnswer, Maintenance, Misconfigured, Moved, NoRight, NotFound, Throttled, Unreachable

pytestmark = pytest.mark.row("BR-20")

MOSCOW = timezone(timedelta(hours=3))


def cells(answer: Answer, office: Office, table: str, *names: str) -> list[tuple[object, ...]]:
    declared = office.connection.mapping.sets[answer.set].table[table]
    return [tuple(row.cells[declared.places[name]] for name in names) for row in answer.tables[table].rows]


def test_the_seven_sets_and_ten_tables(office):
    sets = office.connection.mapping.sets
    assert list(sets) == ["contracts", "position", "services", "withdrawals", "blocks", "activity", "usage"]
    assert sum(len(one.table) for one in sets.values()) == 10
    source = office.source()
    for name in sets:
        answer = source.read(name, CLIENT)
        assert answer.outcome == "ok" and answer.confirmed and answer.complete and answer.unknown == () and answer.as_of
        assert all(one.rows and not one.bad_cells and not one.keyless for one in answer.tables.values()), name
        assert source.read(name, NOBODY).outcome == "empty"
        assert unpack_answer(pack_answer(answer)) == answer


def test_values_are_exact_and_typed(office):
    source = office.source()
    contracts = source.read("contracts", CLIENT)
    assert cells(contracts, office, "contracts", "number", "opened_at", "closed_at", "market")[0] == (
        "B-2026/0417", date(2026, 2, 11), None, "MOEX_STOCK, MOEX_FX, SPB_STOCK",
    )  # fmt: skip
    position = source.read("position", CLIENT)
    assert cells(position, office, "cash", "contract", "market", "currency", "balance")[2] == (
        "B-2025/0911", "MOEX_STOCK", "RUB", Decimal("-310.05"),
    )  # fmt: skip
    assert ("AAPL", Decimal("1.5"), None) in cells(position, office, "securities", "instrument", "quantity", "blocked")
    assert ("RUSNP", None, None) in cells(position, office, "securities", "instrument", "price", "value"), "no quotation"
    assert cells(source.read("position", FIRM), office, "securities", "price") == [(Decimal("98.123456"),)]
    withdrawals = source.read("withdrawals", CLIENT)
    assert ("W-0995", "US0378331005", Decimal("0.5")) in cells(
        withdrawals, office, "withdrawals_securities", "number", "instrument", "quantity"
    )
    assert cells(withdrawals, office, "withdrawals_cash", "asked_at")[0] == (
        datetime(2026, 11, 21, 11, 59, 58, tzinfo=MOSCOW),
    )
    assert "ООО" not in str(position)
    services = source.read("services", CLIENT)
    assert ("Идеи аналитиков «Ё-клуб» & Ко",) in cells(services, office, "services", "name")
    assert source.read("contracts", "000042").client_id == "000042", "leading zeros are part of it"


def test_a_block_of_everything_stands_in_both_tables(office):
    blocks = office.source().read("blocks", FIRM)
    assert cells(blocks, office, "blocks_cash", "code", "amount", "currency") == [
        ("COURT", Decimal("1500000.00"), "RUB"), ("ALL", None, None),
    ]  # fmt: skip
    assert cells(blocks, office, "blocks_securities", "code", "quantity", "instrument") == [
        ("PLEDGE", Decimal(700), "OFZ"), ("ALL", None, None),
    ]  # fmt: skip
    assert all(row.key for one in blocks.tables.values() for row in one.rows)


def test_days_are_folded_into_months(office):
    answer = office.source().read("activity", CLIENT)
    table = office.connection.mapping.sets["activity"].table["trading"]
    rows = ordered(table, folded(table, answer.tables["trading"].rows))
    place = table.places
    assert [(row.cells[place["month"]], row.cells[place["currency"]], row.cells[place["trades"]]) for row in rows] == [
        ("2026-11", "RUB", 15), ("2026-11", "USD", 1), ("2026-10", "RUB", 4),
    ]  # fmt: skip
    assert rows[0].cells[place["turnover"]] == Decimal("1284567.99") and len(rows[0].parts) == 2


def test_the_worked_example_over_the_wire(office):
    """Figures of the specification: one price is missing, and one cell cannot be read."""
    office.door(
        "spoil", client=CLIENT, table="position_securities", contract="B-2025/0911", market="MOEX_STOCK",
        isin="RU0007661625", board="TQBR", column="value", text="12 34,5",
    )  # fmt: skip
    answer = office.source().read("position", CLIENT)
    assert answer.tables["securities"].bad_cells == 1
    assert Unread("12 34,5") in [row.cells[8] for row in answer.tables["securities"].rows]
    found = totals(office.connection.mapping.sets["position"].table["securities"], answer.tables["securities"].rows)
    lines = {(one.group, line.per): line for one in (*found.groups, found.total) for line in one.lines}
    sums = {key: (line.sums.get("value"), line.missing, line.unread) for key, line in lines.items()}
    assert sums == {
        (("B-2026/0417",), ("RUB",)): (Decimal("214377.90"), {"value": 1}, {}),
        (("B-2026/0417",), ("USD",)): (Decimal("252.75"), {}, {}),
        (("B-2025/0911",), ("RUB",)): (Decimal("-6228.40"), {}, {"value": 1}),
        ((), ("RUB",)): (Decimal("208149.50"), {"value": 1}, {"value": 1}),
        ((), ("USD",)): (Decimal("252.75"), {}, {}),
    }


def test_pages_are_followed_and_shown_as_they_come(office):
    seen: list[int] = []
    answer = office.source().read("usage", PAGES, progress=lambda one: seen.append(one.count))
    assert (answer.count, answer.pages, seen) == (2500, 3, [1000, 2000]) and answer.complete and not answer.cut
    assert len({row.key for row in answer.tables["products"].rows}) == 2500


def test_a_page_that_expired_begins_anew_once(office):
    office.fault(faults_next="PAGE_EXPIRED")
    assert office.source().read("usage", PAGES).count == 2500
    office.fault(fault="PAGE_EXPIRED")
    with pytest.raises(BadAnswer, match="expire"):
        office.source().read("usage", PAGES)


def test_too_many_rows_are_cut_and_said(office, monkeypatch):
    monkeypatch.setattr("connectors.backoffice.limits.ROWS_MAX", 1500)
    answer = office.source().read("usage", PAGES)
    assert answer.cut and answer.count == 1500
    monkeypatch.setattr("connectors.backoffice.limits.PAGES_MAX", 1)
    assert office.source().read("usage", PAGES).pages == 1


TROUBLES = [
    ({"down": "on"}, Unreachable, "unavailable"),
    ({"down": "closed"}, Unreachable, "unavailable"),
    ({"half": "cut"}, Unreachable, "unavailable"),
    ({"html_502": "on"}, Unreachable, "unavailable"),
    ({"html_200": "on"}, Unreachable, "unavailable"),
    ({"empty": "200"}, Unreachable, "unavailable"),
    ({"empty": "202"}, Unreachable, "unavailable"),
    ({"empty": "500"}, Unreachable, "unavailable"),
    ({"fault": "BUSY"}, Unreachable, "unavailable"),
    ({"fault": "INTERNAL"}, Unreachable, "unavailable"),
    ({"fault": "INTERNAL", "fault_status": "200"}, Unreachable, "unavailable"),
    ({"busy": "429"}, Throttled, "unavailable"),
    ({"busy": "503"}, Throttled, "unavailable"),
    ({"fault": "MAINTENANCE"}, Maintenance, "maintenance"),
    ({"fault": "MAINTENANCE", "fault_status": "200"}, Maintenance, "maintenance"),
    ({"fault": "AUTH"}, NoRight, "refused"),
    ({"expired": "401"}, NoRight, "refused"),
    ({"expired": "403"}, NoRight, "refused"),
    ({"redirect": "302"}, Moved, "moved"),
    ({"redirect": "307"}, Moved, "moved"),
    ({"fault": "CLIENT_NOT_FOUND"}, NotFound, "not_found"),
    ({"half": "short"}, BadAnswer, "bad_answer"),
    ({"garbage": "on"}, BadAnswer, "bad_answer"),
    ({"foreign_client": "on"}, BadAnswer, "bad_answer"),
    ({"bad_cells": 1}, BadAnswer, "bad_answer"),
    ({"odd_rows": "missing_column"}, BadAnswer, "bad_answer"),
]


@pytest.mark.parametrize(("faults", "kind", "outcome"), TROUBLES, ids=[str(one[0]) for one in TROUBLES])
def test_what_becomes_of_a_trouble(office, faults, kind, outcome):
    source = office.source()
    office.fault(**faults)
    with pytest.raises(AnnexError) as raised:
        source.read("contracts", CLIENT)
    assert type(raised.value) is kind and outcome_of(raised.value) == outcome
    if "fault" in faults:
        assert raised.value.request_id.startswith("bo-") and raised.value.vendor_code == faults["fault"]
    if "redirect" in faults:
        assert raised.value.address == "moved.broker.invalid"
    office.clear()
    office.clock.advance(seconds=60)
    assert source.read("contracts", CLIENT).outcome == "ok", "and it works again"


def test_a_client_that_is_not_there_is_not_a_client_without_rows(office):
    with pytest.raises(NotFound) as raised:
        office.source().read("blocks", "7777777")
    assert raised.value.vendor_code == "CLIENT_NOT_FOUND"
    for wrong in ("", "1" * 41, "10\n00"):
        with pytest.raises(NotFound):
            office.source().read("blocks", wrong)


def test_the_clients_number_never_leaves_its_place_in_the_question(office):
    wrong = "</ClientID><x>&amp;"
    with pytest.raises(AnnexError):
        office.source().read("contracts", wrong)
    [one] = office.requests
    assert "&lt;/ClientID&gt;&lt;x&gt;&amp;amp;" in one["body"]


def test_a_service_that_is_not_there_names_file_and_key(office):
    office.connection.settings["BACKOFFICE_URL"] = office.address + "/elsewhere"  # type: ignore[index]
    with pytest.raises(Misconfigured, match=r"broker-bitrix24/set\.contracts\.toml: service\.path = «/bo/ContractsService»"):
        office.source().read("contracts", CLIENT)


def test_odd_rows_are_shown_and_counted(office):
    office.fault(odd_rows="double")
    answer = office.source().read("position", CLIENT)
    rows = answer.tables["securities"]
    assert rows.doubled == 1 and rows.rows[-1].key == rows.rows[-2].key + "#2"
    office.fault(odd_rows="no_key")
    rows = office.source().read("usage", PAGES).tables["products"]
    assert rows.keyless == 1 and rows.rows[-1].key == "" and len(rows.rows) == 2500
    office.fault(odd_rows="unknown_column")
    assert office.source().read("contracts", CLIENT).unknown == ("Extra",)


def test_bad_cells_up_to_a_fifth_are_shown(office):
    office.fault(bad_cells=0.2)
    rows = office.source().read("usage", PAGES).tables["products"]
    assert rows.bad_cells == 500 and sum(Unread("12 34,5") in row.cells for row in rows.rows) == 500
    office.fault(bad_cells=0.25)
    with pytest.raises(BadAnswer, match="cannot be read"):
        office.source().read("usage", PAGES)


def test_background_tries_again_and_a_page_does_not(office):
    office.fault(down="on", times=2)
    assert office.source().read("contracts", CLIENT, patience="background").outcome == "ok"
    assert len(office.requests) == 3
    office.fault(down="on", times=1)
    with pytest.raises(Unreachable):
        office.source().read("contracts", CLIENT)
    assert len(office.requests) == 4


def test_a_refused_connection_gets_one_more_try(office, database):
    tried: list[str] = []

    def refuses(method: str, url: str, **_: object) -> object:
        tried.append(url)
        from requests.exceptions import ConnectionError as Refused
        from urllib3.exceptions import NewConnectionError

        raise Refused(NewConnectionError(None, "refused"))  # type: ignore[arg-type]

    from connectors.backoffice.source import BackOffice
    from connectors.backoffice.tests.office import connection_to

    source = BackOffice(connection_to("https://bo.example.com", database, transport=refuses))  # type: ignore[arg-type]
    with pytest.raises(Unreachable):
        source.read("contracts", CLIENT)
    assert len(tried) == 2


@pytest.mark.parametrize("auth", ["basic", "wsse", "header"])
def test_we_prove_who_we_are(start: Callable[..., Office], auth):
    office = start(auth=auth)
    office.clock.set(datetime.now(MOSCOW))
    settings = {"BACKOFFICE_AUTH": auth, "BACKOFFICE_USER": "annex", "BACKOFFICE_HEADER": "X-Api-Key"}
    source = office.source(**settings, BACKOFFICE_PASSWORD="sandbox")
    for name in office.connection.mapping.sets:
        assert source.read(name, CLIENT).outcome == "ok", "each time anew: a nonce counts once"
    with pytest.raises(NoRight):
        office.source(**settings, BACKOFFICE_PASSWORD="another-one").read("contracts", CLIENT)


def test_five_in_a_row_and_nobody_asks_for_half_a_minute(office):
    office.fault(html_502="on")
    source = office.source()
    for _ in range(5):
        with pytest.raises(Unreachable):
            source.read("contracts", CLIENT)
    other = office.source()
    with pytest.raises(Throttled, match="web page"):
        other.read("position", CLIENT)
    assert len(office.requests) == 5
    office.clock.advance(seconds=31)
    with pytest.raises(Unreachable):
        other.read("position", CLIENT)
    with pytest.raises(Throttled):
        source.read("contracts", CLIENT)
    assert len(office.requests) == 6, "one probe, and no more"
    office.clear()
    office.clock.advance(seconds=31)
    assert other.read("position", CLIENT).outcome == "ok"
    assert source.read("contracts", CLIENT).outcome == "ok"


def test_a_good_status_with_a_web_page_counts_as_no_answer(office):
    office.fault(html_200="on")
    for _ in range(5):
        with pytest.raises(Unreachable):
            office.source().read("contracts", CLIENT)
    with pytest.raises(Throttled):
        office.source().read("contracts", CLIENT)


def test_faults_of_its_own_do_not_open_the_breaker(office):
    for _ in range(7):
        with pytest.raises(NotFound):
            office.source().read("contracts", "7777777")
    assert office.source().read("contracts", CLIENT).outcome == "ok"


def test_retry_after_is_kept_by_all(office):
    office.fault(busy="503", retry_after_s=120, times=1)
    with pytest.raises(Throttled) as raised:
        office.source().read("contracts", CLIENT)
    assert raised.value.wait_seconds == 120
    with pytest.raises(Throttled):
        office.source().read("contracts", CLIENT)
    office.clock.advance(seconds=121)
    assert office.source().read("contracts", CLIENT).outcome == "ok"


@pytest.mark.parametrize("faults", [{"hang": "on"}, {"drip_s": 0.5}], ids=["hang", "drip"])
def test_an_answer_that_does_not_come_or_only_trickles_is_none(office, faults):
    """Each single piece of a trickle comes in time; all together they do not."""
    office.fault(**faults)
    with pytest.raises(Unreachable):
        office.source(BACKOFFICE_TIMEOUT_S="1").read("position", CLIENT)
    office.clear()
    assert office.source().read("position", CLIENT).outcome == "ok"
