"""Other people's unmodified clients against this server: they know SOAP, and we did not write them."""

from __future__ import annotations

import base64
import datetime
import warnings
from decimal import Decimal
from typing import Any

import pytest
import requests
import zeep
from suds import WebFault
from suds.client import Client
from suds.transport.http import HttpTransport
from suds.wsse import Security as SudsSecurity
from suds.wsse import UsernameToken as SudsToken
from zeep.wsse.username import UsernameToken

pytestmark = pytest.mark.row("PL-08", "BR-23")
NAMESPACE = "urn:broker:backoffice:v1"
READERS = {
    "GetContracts": "Contracts", "GetPosition": "Position", "GetPaidServices": "PaidServices",
    "GetWithdrawals": "Withdrawals", "GetBlocks": "Blocks", "GetTradingActivity": "Activity", "GetProductUsage": "Usage",
}  # fmt: skip
PERSON = {"LastName": "Новиков", "FirstName": "Иван", "BirthDate": datetime.date(1990, 5, 4), "Phone": "+79001112299"}


def zeep_of(api, **more: Any) -> zeep.Client:
    settings = zeep.Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True, xml_huge_tree=False)
    session = requests.Session()
    session.trust_env = False
    transport = zeep.Transport(timeout=120, operation_timeout=120, session=session)
    return zeep.Client(f"{api.address}/bo/PositionService?wsdl", transport=transport, settings=settings, **more)


def port(client: zeep.Client, name: str) -> Any:
    return client.bind(f"{name}Service", name)


def suds_of(api, **more: Any) -> Client:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return Client(f"{api.address}/bo/PositionService?wsdl", cache=None, transport=HttpTransport(timeout=120), **more)


def fault_code(client: zeep.Client, fault: zeep.exceptions.Fault) -> str:
    return client.get_element(f"{{{NAMESPACE}}}ServiceFault").parse(fault.detail[0], client.wsdl.types)["Code"]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")


# -- zeep


def test_zeep_reads_every_set_of_every_client(api):
    client = zeep_of(api)
    for one in api.read("/clients")["clients"]:
        for operation, name in READERS.items():
            for _ in range(4):  # an answer in each style of prefixes
                answer = getattr(port(client, name), operation)(ClientID=one["id"])
                assert answer["Page"]["ClientID"] == one["id"]
                assert answer["Page"]["AsOf"].utcoffset() == datetime.timedelta(hours=3)
            if one["id"] == "1000419":
                rows = [value for key, value in zeep.helpers.serialize_object(answer).items() if key != "Page"]
                assert rows == [[]], "known, but with nothing"


def test_zeep_gets_exact_figures(api):
    answer = port(zeep_of(api), "Position").GetPosition(ClientID="1000417")
    accounts = {(one["contract"], one["market"]): one for one in answer["Account"]}
    first = accounts["B-2026/0417", "MOEX_STOCK"]
    assert [str(one["Balance"]) for one in first["Cash"]] == ["125000.10"]
    assert [(one["SecCode"], one["Price"]) for one in first["Security"]][2] == ("RUSNP", None), "nil: no quotation"
    assert accounts["B-2026/0417", "SPB_STOCK"]["Security"][0]["Quantity"] == Decimal("1.5")
    assert accounts["B-2025/0911", "MOEX_STOCK"]["Cash"][0]["Available"] == Decimal("-310.05")
    total = sum(one["MarketValue"] for place in accounts.values() for one in place["Security"] if one["MarketValue"])
    assert total == Decimal("209636.75")


def test_zeep_goes_through_pages(api):
    api.door("/faults", page_rows=700)
    usage, token, got = port(zeep_of(api), "Usage"), None, []
    while True:
        answer = usage.GetProductUsage(ClientID="1000420", PageSize=1000, **({"PageToken": token} if token else {}))
        got.append(len(answer["Usage"]))
        token = answer["Page"]["NextPageToken"]
        if not token:
            break
    assert got == [700, 700, 700, 400]


def test_zeep_registers_and_looks_up(api):
    client = zeep_of(api)
    office = port(client, "Opening")
    asked = {
        "RequestID": "crm-lead-5512-1", "Person": PERSON,
        "Terms": {"TariffCode": "BASE", "Market": ["MOEX_STOCK", "MOEX_FX"],
                  "Option": [{"_value_1": True, "code": "margin"}]},
    }  # fmt: skip
    accepted = office.OpenAccount(**asked)["Accepted"]
    assert (accepted["ClientID"], accepted["ContractNumber"][6:]) == ("1000500", "/0500")
    assert office.OpenAccount(**asked)["Accepted"] == accepted
    assert office.GetRequest(RequestID="crm-lead-5512-1")["OpenAccountResponse"]["Accepted"] == accepted
    assert [one["Name"] for one in office.FindClient(Phone="8 (900) 111-22-99")] == ["Новиков Иван"]
    with pytest.raises(zeep.exceptions.Fault) as fault:
        office.OpenAccount(**{**asked, "Person": {**PERSON, "FirstName": "Пётр"}})
    assert fault_code(client, fault.value) == "REQUEST_ID_REUSED"
    company = {
        "FullName": "ООО «Клён»",
        "INN": "7712345671",
        "OGRN": "1177746123455",
        "Phone": "+74951112233",
        "Signer": "К",
    }
    refused = office.OpenAccount(RequestID="2", Company=company, Terms={"TariffCode": "X", "Market": ["MOEX_STOCK"]})
    assert [(one["Code"], one["Field"]) for one in refused["Rejected"]["Error"]] == [
        ("UNKNOWN_TARIFF", "Terms/TariffCode"), ("DUPLICATE_PERSON", "Company"),
    ]  # fmt: skip


@pytest.mark.parametrize("status", ["500", "200"])
def test_zeep_understands_faults(api, status):
    api.door("/faults", fault_status=status)
    client = zeep_of(api)
    with pytest.raises(zeep.exceptions.Fault) as fault:
        port(client, "Blocks").GetBlocks(ClientID="1000999")
    assert fault_code(client, fault.value) == "CLIENT_NOT_FOUND"
    assert fault.value.code.endswith(":Client")


@pytest.mark.parametrize("digest", [False, True])
def test_zeep_proves_itself(office, digest):
    api = office(auth="wsse", token="p-1")
    right = zeep_of(api, wsse=UsernameToken("annex", "p-1", use_digest=digest, zulu_timestamp=True))
    for _ in range(2):
        assert port(right, "Contracts").GetContracts(ClientID="000042")["Page"]["ClientID"] == "000042"
    wrong = zeep_of(api, wsse=UsernameToken("annex", "p-2", use_digest=digest, zulu_timestamp=True))
    with pytest.raises(zeep.exceptions.Fault) as fault:
        port(wrong, "Contracts").GetContracts(ClientID="000042")
    assert fault_code(wrong, fault.value) == "AUTH"


def test_zeep_sees_troubles_for_what_they_are(api):
    client = zeep_of(api)
    ask = port(client, "Position").GetPosition
    for trouble, expected in (
        ({"garbage": "on"}, zeep.exceptions.TransportError), ({"half": "short"}, zeep.exceptions.TransportError),
        ({"half": "cut"}, requests.RequestException), ({"down": "on"}, zeep.exceptions.TransportError),
        ({"down": "closed"}, requests.RequestException), ({"bad_cells": 1}, Exception),
        ({"odd_rows": "unknown_column"}, zeep.exceptions.XMLParseError),
        ({"expired": "401"}, zeep.exceptions.TransportError),
        ({"hostile": "external"}, Exception), ({"bomb": "on"}, Exception), ({"hostile": "utf16"}, Exception),
    ):  # fmt: skip
        api.door("/faults", **trouble)
        with pytest.raises(expected):
            ask(ClientID="1000417")
        api.door("/faults/clear")
    api.door("/faults", html_502="on")
    with pytest.raises(zeep.exceptions.Fault) as fault:
        ask(ClientID="1000417")
    assert fault.value.code is None, "the contract's note: looks like a fault of business, and is none"
    assert "called_entity" not in api.read("/state")["counters"]


# -- suds


def test_suds_reads_every_set(api):
    client = suds_of(api)
    for operation, name in READERS.items():
        for ident in ("1000417", "1000418", "1000419"):
            answer = getattr(client.service[f"{name}Service"][name], operation)(ClientID=ident)
            assert str(answer.Page.ClientID) == ident
    position = client.service["PositionService"]["Position"].GetPosition("1000418")
    assert str(position.Account[0].Cash[0].Available) == "-500000.00"
    assert str(position.Account[0].Security[0].Price) == "98.123456"
    blocks = client.service["BlocksService"]["Blocks"].GetBlocks("1000418").Block
    assert [hasattr(one, "CashPart") for one in blocks] == [True, False, False]
    assert str(blocks[1].SecurityPart.SecCode) == "OFZ"


def test_suds_registers_once(api):
    client = suds_of(api)
    terms = client.factory.create("OpenAccount.Terms")
    terms.TariffCode, terms.Market = "BASE", ["MOEX_STOCK"]
    office = client.service["OpeningService"]["Opening"]
    for _ in range(2):
        answer = office.OpenAccount(RequestID="s-1", Person={**PERSON, "INN": "770765432128"}, Terms=terms)
        assert [(one.Code, one.Field) for one in answer.Rejected.Error] == [("DUPLICATE_PERSON", "Person")]
        answer = office.OpenAccount(RequestID="s-2", Person=PERSON, Terms=terms)
        assert str(answer.Accepted.ClientID) == "1000500"
    assert api.read("/registered")["registered"] == 1
    assert str(office.GetRequest("s-2").State) == "ACCEPTED"
    with pytest.raises(WebFault) as fault:
        client.service["UsageService"]["Usage"].GetProductUsage("1000999")
    assert str(fault.value.fault.detail.ServiceFault.Code) == "CLIENT_NOT_FOUND"


def test_suds_proves_itself(office):
    api = office(auth="wsse", token="p-1")
    for password, passes in (("p-1", True), ("p-2", False)):
        token = SudsToken("annex", password)
        head = SudsSecurity()
        head.tokens.append(token)
        ask = suds_of(api, wsse=head).service["ContractsService"]["Contracts"].GetContracts
        if passes:
            assert str(ask("000042").Page.ClientID) == "000042"
        else:
            with pytest.raises(WebFault, match="Access denied"):
                ask("000042")


def test_basic_and_header_in_front(office):
    right = base64.b64encode(b"annex:p-1").decode()
    for auth, headers in (("basic", {"Authorization": f"Basic {right}"}), ("header", {"X-Api-Key": "p-1"})):
        api = office(auth=auth, token="p-1")
        with pytest.raises(zeep.exceptions.TransportError) as refused:
            port(zeep_of(api), "Contracts").GetContracts(ClientID="000042")
        assert refused.value.status_code == 401
        client = zeep_of(api)
        client.transport.session.headers.update(headers)
        assert port(client, "Contracts").GetContracts(ClientID="000042")["Page"]["ClientID"] == "000042"
