"""The seven sets in both faces and at the other broker: the same book, word by word as the contract has it (6.3, 6.5)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from lxml import etree

pytestmark = pytest.mark.row("PL-08", "BR-23")
NAMESPACE = "urn:broker:backoffice:v1"
FILES = {
    "contracts": "dogovory", "position_cash": "dengi", "position_securities": "bumagi", "services": "uslugi",
    "withdrawals": "vyvody", "blocks": "blokirovki", "activity": "aktivnost", "usage": "produkty",
}  # fmt: skip
ATTRIBUTES = {
    "contracts": "NUMBER KIND OPENED CLOSED TARIFF MARKETS STATE",
    "position_cash": "CONTRACT MARKET CURRENCY BALANCE BLOCKED AVAILABLE",
    "position_securities": "CONTRACT MARKET SECID ISIN BOARD QTY BLOCKED PRICE VALUE CURRENCY",
    "services": "CODE NAME FROM TILL FEE CURRENCY PERIOD STATE",
    "withdrawals": "NUMBER CREATED KIND AMOUNT CURRENCY ACCOUNT ISIN QTY DEPOSITORY STATE REASON",
    "blocks": "CODE SCOPE REASON SINCE KIND AMOUNT CURRENCY ISIN SECID QTY DOCUMENT",
    "activity": "DATE MARKET TRADES TURNOVER COMMISSION CURRENCY",
    "usage": "CODE NAME AT UNTIL EVENT DETAIL",
}


@pytest.mark.parametrize("name", FILES)
def test_plain_xml_has_the_words_of_the_contract(api, name):
    data = api.data(f"/bo/{name}.xml", client_id="1000417")
    assert {frozenset(row) for row in data[name]} == {frozenset(ATTRIBUTES[name].split())}
    assert data["cursor"] == [{"INDEX": "0", "TOTAL": str(len(data[name])), "PAGESIZE": "100"}]
    assert data["client"][0]["CLIENT_ID"] == "1000417"
    root = etree.fromstring(api.get(f"/bo/{name}.xml", client_id="1000417").content)
    columns = {one.get("name") for one in root.find(f"data[@id='{name}']/metadata/columns")}
    assert columns == set(ATTRIBUTES[name].split())


@pytest.mark.parametrize(("operation", "element", "name"), [
    ("GetContracts", "Contract", "contracts"), ("GetPaidServices", "PaidService", "services"),
    ("GetWithdrawals", "Withdrawal", "withdrawals"), ("GetBlocks", "Block", "blocks"),
    ("GetTradingActivity", "Activity", "activity"), ("GetProductUsage", "Usage", "usage"),
])  # fmt: skip
def test_both_faces_and_the_other_broker_show_one_book(api, operation, element, name):
    for client in ("1000417", "1000418", "1000419"):
        rows = [one for one in api.rows(operation, client) if etree.QName(one).localname == element]
        plain = api.data(f"/bo/{name}.xml", client_id=client)[name]
        other = api.data(f"/dealer/{FILES[name]}.xml", kod=client)[FILES[name]]
        assert len(rows) == len(plain) == len(other) == len(api.read("/client", id=client)["tables"][name])
        values = [{"".join(row.itertext()) for row in one.iter() if not len(row) and row.text} for one in rows]
        for soap, attributes in zip(values, plain, strict=True):
            told = {
                value
                for key, value in attributes.items()
                if (value and key != "KIND") or (key == "KIND" and name == "contracts")
            }
            told -= {attributes.get("MARKETS", "")}
            assert told <= soap, "each value of plain XML stands in SOAP, too"


def test_a_position_stands_in_its_accounts(api):
    answer = api.rows("GetPosition", "1000417")
    accounts = {(one.get("contract"), one.get("market")): one for one in answer[1:]}
    assert len(accounts) == len(answer) - 1 == 3
    assert next(api.texts(one, "Currency") for one in accounts.values()) == ["RUB"] * 4
    nothing = accounts["B-2026/0417", "MOEX_STOCK"].findall(".//{*}Price")[2]
    assert nothing.get("{http://www.w3.org/2001/XMLSchema-instance}nil") == "true"
    plain = api.data("/bo/position_securities.xml", client_id="1000417")["position_securities"]
    assert [row["PRICE"] for row in plain][2] == plain[2]["VALUE"] == "", "no value is an empty attribute"


def test_the_worked_example_can_be_had(api):
    """BR-05's subtotals, reckoned here from what goes out."""
    api.door("/row/delete", client="1000417", table="position_securities", sec_code="LKOH")
    key = {"contract": "B-2026/0417", "market": "MOEX_STOCK", "isin": "RU0009024277", "board": "TQBR"}
    api.door("/row", client="1000417", table="position_securities", **key, sec_code="LKOH", quantity="25", price="7080.3",
             currency="RUB")  # fmt: skip
    gazp = {"contract": "B-2025/0911", "market": "MOEX_STOCK", "isin": "RU0007661625", "board": "TQBR"}
    api.door("/spoil", client="1000417", table="position_securities", **gazp, column="value", text="12 34,5")
    rows = api.data("/dealer/bumagi.xml", kod="1000417")["bumagi"]
    sums: dict[tuple[str, str], Decimal] = {}
    unread = [row["STOIMOST"] for row in rows if " " in row["STOIMOST"]]
    for row in rows:
        if row["STOIMOST"] and " " not in row["STOIMOST"]:
            where = row["DOGOVOR"], row["VALYUTA"]
            sums[where] = sums.get(where, Decimal(0)) + Decimal(row["STOIMOST"].replace(",", "."))
    assert {key: str(value) for key, value in sums.items()} == {
        ("B-2026/0417", "RUB"): "214377.90", ("B-2026/0417", "USD"): "252.75", ("B-2025/0911", "RUB"): "-6228.40",
    }  # fmt: skip
    assert unread == ["12 34,5"]
    api.door("/spoil", client="1000417", table="position_securities", **gazp, column="value")
    assert all(" " not in row["VALUE"] for row in api.data("/bo/position_securities.xml", client_id="1000417")[
        "position_securities"])  # fmt: skip


def test_unknown_and_empty_are_not_the_same(api):
    assert api.data("/bo/blocks.xml", client_id="1000419")["blocks"] == []
    (error,) = api.data("/bo/blocks.xml", client_id="1000999")["errors"]
    assert (error["CODE"], error["FIELD"], error["MESSAGE"]) == ("CLIENT_NOT_FOUND", "client_id", "1000999")
    assert [one.tag.rpartition("}")[2] for one in api.rows("GetBlocks", "1000419")] == ["Page"]
    assert api.fails("GetBlocks", "<ClientID>1000999</ClientID>") == (500, "CLIENT_NOT_FOUND")


def test_zeros_in_front_are_part_of_the_number(api):
    assert api.text(api.rows("GetPosition", "000042"), "Balance") == "42.00"
    assert api.fails("GetPosition", "<ClientID>0000042</ClientID>") == (500, "CLIENT_NOT_FOUND")


def test_all_states_and_both_kinds_of_withdrawals(api):
    rows = api.data("/bo/withdrawals.xml", client_id="1000417")["withdrawals"]
    assert {row["STATE"] for row in rows} == {"NEW", "IN_WORK", "DONE", "REJECTED", "CANCELLED"}
    assert {row["KIND"] for row in rows} == {"CASH", "SEC"}
    blocks = api.data("/bo/blocks.xml", client_id="1000418")["blocks"]
    assert [row["KIND"] for row in blocks] == ["CASH", "SEC", ""]


def test_days_are_chosen_by_moscow(api):
    def numbers(**asked):
        return api.texts(api.rows("GetWithdrawals", "1000417", **asked), "Number")

    assert numbers(From="2026-11-20") == ["W-1001", "W-1002"]
    assert numbers(From="2026-10-03", Till="2026-10-05") == ["W-0988", "W-0990"]
    api.door("/row", client="1000417", table="withdrawals", number="W-9", created="2026-10-05T21:30:00+00:00", state="NEW",
             amount="1.00", currency="RUB", account="x")  # fmt: skip
    assert "W-9" not in numbers(From="2026-10-03", Till="2026-10-05"), "in Moscow it is the 6th already"


def test_pages_of_soap(api):
    got, token = [], ""
    while True:
        asked = {"PageSize": 1000} | ({"PageToken": token} if token else {})
        answer = api.rows("GetProductUsage", "1000420", **asked)
        got += api.texts(answer, "Detail")
        token = api.text(answer, "NextPageToken")
        if not token:
            break
    assert got == [f"строка {number}" for number in range(1, 2501)]


def test_page_tokens_end(api):
    inner = "<ClientID>{}</ClientID><PageSize>2</PageSize><PageToken>{}</PageToken>"
    token = api.text(api.rows("GetProductUsage", "1000420", PageSize=2), "NextPageToken")
    assert api.texts(api.rows("GetProductUsage", "1000420", PageSize=2, PageToken=token), "Detail") == [
        "строка 3",
        "строка 4",
    ]
    assert api.fails("GetProductUsage", inner.format("1000417", token)) == (500, "PAGE_EXPIRED"), "of another client"
    assert api.fails("GetProductUsage", inner.format("1000420", "nonsense")) == (500, "PAGE_EXPIRED")
    api.door("/advance", seconds=601)
    assert api.fails("GetProductUsage", inner.format("1000420", token)) == (500, "PAGE_EXPIRED")


def test_a_position_is_paged_across_accounts(api):
    token, got = "", []
    for size in (3, 3, 3):
        asked = {"PageSize": size} | ({"PageToken": token} if token else {})
        answer = api.rows("GetPosition", "1000417", **asked)
        got += [
            (one.getparent().get("contract"), one.tag.rpartition("}")[2]) for one in answer.iter("{*}Cash", "{*}Security")
        ]
        token = api.text(answer, "NextPageToken")
    assert not token
    assert len(got) == 9
    assert [contract for contract, _ in got] == ["B-2026/0417"] * 6 + ["B-2025/0911"] * 3


def test_pages_of_plain_xml(api):
    got, start = [], 0
    while True:
        data = api.data("/bo/usage.xml", client_id="1000420", start=start, limit=900)
        got += data["usage"]
        start += len(data["usage"])
        if start >= int(data["cursor"][0]["TOTAL"]):
            break
    assert (len(got), got[-1]["DETAIL"]) == (2500, "строка 2500")
    assert api.data("/bo/usage.xml", client_id="1000420", start="x")["errors"][0]["CODE"] == "SCHEMA"


def test_encodings_and_marks_of_plain_xml(api):
    plain = api.get("/bo/services.xml", client_id="1000417").content
    assert "«Ё-клуб» &amp; Ко".encode() in plain
    api.door("/faults", xml_encoding="windows-1251", xml_decimal="comma", xml_dates="ru")
    answer = api.get("/bo/services.xml", client_id="1000417")
    assert answer.headers["Content-Type"] == "text/xml; charset=windows-1251"
    assert "«Ё-клуб» &amp; Ко".encode("windows-1251") in answer.content
    rows = api.data("/bo/services.xml", client_id="1000417")["services"]
    assert (rows[1]["FEE"], rows[1]["TILL"], rows[0]["TILL"]) == ("1990,00", "31.12.2026", "")
    api.door("/row", client="1000417", table="services", code="X", name="漢字", **{"from": "2026-01-01"}, fee="1",
             currency="RUB", period="DAY")  # fmt: skip
    assert api.data("/bo/services.xml", client_id="1000417")["services"][-1]["NAME"] == "漢字", "as a reference"
    api.door("/faults", xml_encoding="utf-8-bom", xml_client="off")
    assert api.get("/bo/services.xml", client_id="1000417").content.startswith(b"\xef\xbb\xbf<?xml")
    assert "client" not in api.data("/bo/services.xml", client_id="1000417")


def test_the_other_broker(api):
    answer = api.get("/dealer/dengi.xml", kod="1000417", s=1, skolko=1)
    assert b'encoding="windows-1251"' in answer.content
    data = api.data("/dealer/dengi.xml", kod="1000417", s=1, skolko=1)
    assert data["dengi"] == [{"DOGOVOR": "B-2026/0417", "RYNOK": "SPB_STOCK", "VALYUTA": "USD", "OSTATOK": "0,30",
                              "DOSTUPNO": "0,20", "BLOKIROVANO": "0,10"}]  # fmt: skip
    assert data["stranitsa"] == [{"NACHALO": "1", "VSEGO": "3", "STROK": "1"}]
    margin = api.data("/dealer/marzha.xml", kod="1000417")["marzha"]
    assert [row["PORTFEL"] for row in margin] == ["339378,00", "-5303,95"], "the table more that it has"
    refused = api.data("/dealer/dengi.xml", kod="1000999")["oshibki"][0]
    assert (refused["KOD"], refused["POLE"]) == ("NET_KLIENTA", "kod")
    assert api.get("/bo/margin.xml", client_id="1000417").status_code == 404


def test_the_other_brokers_writer(api):
    def open_account(text):
        whole = f'<?xml version="1.0" encoding="windows-1251"?><Zayavka>{text}</Zayavka>'
        return api.session.post(f"{api.address}/dealer/otkryt.xml", data=whole.encode("windows-1251"), timeout=60)

    person = "<Nomer>n-1</Nomer><Klient><Familiya>Ёлкин</Familiya><Imya>Пётр</Imya><Rodilsya>03.02.1991</Rodilsya>"
    person += "<INN>{inn}</INN><Telefon>+79001112299</Telefon></Klient><Usloviya><Tarif>BASE</Tarif><Rynok>{market}</Rynok>"
    person += "<Vybor kod='ipo'>D</Vybor></Usloviya>"
    answer = open_account(person.format(inn="770987654340", market="SPB_STOCK"))
    assert answer.content.startswith(b'<?xml version="1.0" encoding="windows-1251"?>')
    told = answer.content.decode("windows-1251")
    assert "<Kod>INN_NEVEREN</Kod><Pole>Klient/INN</Pole>" in told and "<Pole>Usloviya/Rynok[1]</Pole>" in told
    assert "NOMER_ZANYAT" in open_account(person.format(inn="770987654347", market="MOEX_STOCK")).text
    taken = open_account(person.format(inn="770987654347", market="MOEX_STOCK").replace("n-1", "n-2")).text
    assert "<Nomer>n-2</Nomer><Prinyato><KodKlienta>1000500</KodKlienta>" in taken
    assert api.read("/clients")["clients"][-1]["terms"]["options"] == {"ipo": True}
    for path, words in (("zayavka.xml?nomer=n-2", "<Sostoyanie>PRINYATA<"), ("kto.xml?telefon=89001112299", "1000500")):
        assert words in api.session.get(f"{api.address}/dealer/{path}", timeout=60).text
    assert "is not known here" in open_account("<Nomer>n-3</Nomer><LastName>x</LastName>").text


def test_prefixes_change_or_stay(api):
    def starts():
        inner = '<GetBlocks xmlns="urn:broker:backoffice:v1"><ClientID>1000417</ClientID></GetBlocks>'
        return {api.post("BlocksService", inner).content.partition(b"Envelope")[0] for _ in range(4)}

    assert len(starts()) == 4
    api.door("/faults", prefixes="stay")
    assert len(starts()) == 1


def test_what_comes_in_keeps_to_the_schema(api):
    for inner in (
        "<ClientID>12</ClientID>",
        "",
        "<ClientID>1000417</ClientID><Extra/>",
        "<ClientID>1000417</ClientID><AsOf>x</AsOf>",
    ):
        assert api.fails("GetBlocks", inner) == (500, "SCHEMA"), inner
    right = api.post(
        "BlocksService", f'<GetBlocks xmlns="{NAMESPACE}"><ClientID>1000417</ClientID></GetBlocks>'
    ).request.body
    for body, status in ((right, 200), (b"<!DOCTYPE x>" + right, 500), (right[:-5], 500)):
        answer = api.session.post(f"{api.address}/bo/BlocksService", body, headers={"Content-Type": "text/xml"}, timeout=120)
        assert (answer.status_code, b"<Code>SCHEMA</Code>" in answer.content) == (status, status == 500)
    soap12 = '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body/></e:Envelope>'
    answer = api.session.post(f"{api.address}/bo/BlocksService", soap12.encode(), headers={"Content-Type": "text/xml"})
    assert b":VersionMismatch" in answer.content
    assert api.fails("GetBlocks", "<ClientID>1000417</ClientID>", action="urn:broker:backoffice:v1/GetPosition")[0] == 500
    assert api.get("/bo/BlocksService").status_code == 405
    assert api.post("BlocksService", "", headers={"Content-Type": "application/json"}).status_code == 415
    assert api.post("NothingService", "").status_code == 404
    assert api.get("/bo/nothing.xml").status_code == 404
