"""Registering a client: once, whatever is promised; refusals by field; the look-ups (contract 6.3, 6.4; BR-08)."""

from __future__ import annotations

import threading

import pytest
import requests
from lxml import etree

pytestmark = pytest.mark.row("PL-08", "BR-23")
NAMESPACE = "urn:broker:backoffice:v1"


def errors(api, answer):
    return list(zip(api.texts(answer, "Code"), api.texts(answer, "Field"), strict=True))


def person(api, **fields):
    return {**api.person, **fields}


def state(api, request_id="r-1"):
    return api.text(api.soap("GetRequest", f"<RequestID>{request_id}</RequestID>"), "State")


def found(api, **asked):
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in asked.items())
    return api.texts(api.soap("FindClient", inner), "ClientID")


def lost(api, request_id="r-1", **more):
    """Sent, and no answer came."""
    inner = api.opening(request_id, **more)
    with pytest.raises(requests.ConnectionError):
        api.post("OpeningService", f'<OpenAccount xmlns="{NAMESPACE}">{inner}</OpenAccount>')


def registered(api):
    told = api.read("/registered")
    return told["registered"], len(told["twice"])


def test_accepted_in_the_contracts_words(api):
    api.door("/date", at="2026-11-21T23:30:00+00:00")
    answer = api.opened("crm-lead-5512-1", tariff="TRADER", markets=["MOEX_STOCK", "MOEX_DERIV"], iis="true",
                        options={"margin": "true", "derivatives": "0"})  # fmt: skip
    told = [api.text(answer, name) for name in ("RequestID", "ClientID", "ContractNumber", "AccountOpenDate")]
    assert told == ["crm-lead-5512-1", "1000500", "B-2026/0500", "2026-11-22"], "the day of Moscow"
    kept = api.read("/client", id="1000500")
    assert kept["details"] == {"last_name": "Новиков", "first_name": "Иван", "birth_date": "1990-05-04",
                               "inn": "770987654347", "phone": "+79001112299"}  # fmt: skip
    assert kept["terms"] == {"tariff": "TRADER", "iis": True, "markets": ["MOEX_STOCK", "MOEX_DERIV"],
                             "options": {"margin": True, "derivatives": False}}  # fmt: skip
    assert api.texts(api.rows("GetContracts", "1000500"), "Kind") == ["IIS"]
    assert api.texts(api.rows("GetPosition", "1000500"), "Balance") == ["0.00", "0.00"]


def test_a_company(api):
    answer = api.opened(company=api.company)
    assert api.text(answer, "ClientID") == "1000500"
    assert (kept := api.read("/client", id="1000500"))["kind"] == "company"
    assert kept["details"]["signer"] == "Клён И. И."
    assert errors(api, api.opened("r-2", company=api.company)) == [("DUPLICATE_PERSON", "Company")]


@pytest.mark.parametrize(("fields", "terms", "expected"), [
    ({"INN": "770987654348"}, {}, [("INN_CHECKSUM", "Person/INN")]),
    ({"INN": "7709876543"}, {}, [("FORMAT", "Person/INN")]),
    ({"BirthDate": "2015-01-01"}, {}, [("AGE", "Person/BirthDate")]),
    ({"Phone": "позвоните"}, {}, [("FORMAT", "Person/Phone")]),
    ({"Email": "нет"}, {}, [("FORMAT", "Person/Email")]),
    ({"LastName": " "}, {}, [("REQUIRED", "Person/LastName")]),
    ({}, {"tariff": "GOLD"}, [("UNKNOWN_TARIFF", "Terms/TariffCode")]),
    ({}, {"markets": ["MOEX_STOCK", "SPB_STOCK"]}, [("MARKET_CLOSED", "Terms/Market[2]")]),
    ({"INN": "500100732259"}, {"iis": "1"}, [("IIS_EXISTS", "Terms/IIS")]),
    ({"INN": "500100732259"}, {"iis": "0"}, []),
    ({"INN": "771234567859"}, {}, [("SANCTIONS_CHECK", "Person")]),
    ({"INN": "770123456703"}, {}, [("DUPLICATE_PERSON", "Person")]),
    ({"LastName": "Елкина", "FirstName": "анна", "BirthDate": "1991-12-30"}, {}, [("DUPLICATE_PERSON", "Person")]),
    ({"LastName": "Елкина", "FirstName": "анна", "BirthDate": "1991-12-29"}, {}, []),
    ({"INN": "770987654348", "Phone": "x"}, {"markets": ["MOEX_DERIV"]},
     [("INN_CHECKSUM", "Person/INN"), ("FORMAT", "Person/Phone"), ("MARKET_CLOSED", "Terms/Market[1]")]),
])  # fmt: skip
def test_refusals_by_field(api, fields, terms, expected):
    answer = api.opened(person=person(api, **fields), **terms)
    assert errors(api, answer) == expected
    assert registered(api) == (0 if expected else 1, 0)
    assert state(api) == ("REJECTED" if expected else "ACCEPTED")


@pytest.mark.parametrize(("field", "value", "code"), [
    ("INN", "7709876541", "INN_CHECKSUM"), ("OGRN", "1177746123456", "FORMAT"), ("KPP", "1", "FORMAT"),
    ("Signer", "", "REQUIRED"),
])  # fmt: skip
def test_refusals_of_a_company(api, field, value, code):
    assert errors(api, api.opened(company={**api.company, field: value})) == [(code, f"Company/{field}")]


def test_two_errors_on_demand(api):
    api.door("/faults", field_errors_next="INN_CHECKSUM:Person/INN,MARKET_CLOSED:Terms/Market[2]")
    assert errors(api, api.opened()) == [("INN_CHECKSUM", "Person/INN"), ("MARKET_CLOSED", "Terms/Market[2]")]
    assert errors(api, api.opened("r-2")) == []


def test_the_schema_is_kept_to(api):
    for inner in (
        api.opening().replace("<Phone>+79001112299</Phone>", ""), api.opening(person=person(api, BirthDate="04.05.1990")),
        api.opening().replace("</Person>", "</Person><Company/>"), api.opening(markets=[]),
        api.opening(options={"x": "да"}),
    ):  # fmt: skip
        assert api.fails("OpenAccount", inner) == (500, "SCHEMA")
    assert api.read("/registered")["requests"] == []


def test_the_same_request_is_done_once(api):
    first = api.opened()
    api.opened("r-2", person=person(api, LastName="Другой", INN="500100732259"))
    again = api.soap("OpenAccount", " " + api.opening().replace("><", ">\n  <"))
    assert api.text(again, "ClientID") == api.text(first, "ClientID") == "1000500", "spaces are no other content"
    other = api.opening(person=person(api, FirstName="Пётр"))
    assert api.fails("OpenAccount", other) == (500, "REQUEST_ID_REUSED")
    (kept,) = api.read("/registered", request_id="r-1")["requests"]
    assert (kept["repeats"], kept["client"], kept["outcome"]) == (1, "1000500", "accepted")
    assert registered(api) == (2, 0)


def test_a_refusal_is_the_same_for_ever(api):
    api.door("/faults", field_errors_next="AGE:Person/BirthDate")
    api.opened()
    assert errors(api, api.opened()) == [("AGE", "Person/BirthDate")]


def test_a_lost_answer(api):
    api.door("/faults", lose_answer_next=1)
    lost(api)
    assert registered(api) == (1, 0)
    assert state(api) == "ACCEPTED"
    assert found(api, INN="770987654347") == found(api, Phone="89001112299") == ["1000500"]
    assert api.text(api.opened(), "ClientID") == "1000500"
    assert registered(api) == (1, 0)


def test_cut_before_anything_is_done(api):
    api.door("/faults", cut_before_commit_next=1)
    lost(api)
    assert registered(api) == (0, 0)
    assert state(api) == "UNKNOWN"
    assert found(api, Phone="89001112299") == []
    assert api.text(api.opened(), "ClientID") == "1000500"


def test_promise_of_a_look_up_only(api):
    """A repeat under the same RequestID is a new request: whoever sends it without asking registers twice."""
    api.door("/faults", promise="lookup", doubles="accept", lose_answer_next=1)
    lost(api)
    answer = api.soap("GetRequest", "<RequestID>r-1</RequestID>")
    assert [api.text(answer, name) for name in ("State", "ClientID")] == ["ACCEPTED", "1000500"]
    assert api.text(api.opened(), "ClientID") == "1000501"
    assert api.read("/registered")["twice"] == {"person:770987654347": ["1000500", "1000501"]}
    assert api.read("/state")["twice"] == {"person:770987654347": ["1000500", "1000501"]}
    assert found(api, INN="770987654347") == ["1000500", "1000501"]


def test_nothing_promised(api):
    api.door("/faults", promise="none", lose_answer_next=1)
    lost(api)
    assert api.fails("GetRequest", "<RequestID>r-1</RequestID>") == (
        500, "Server did not recognize the value of HTTP Header SOAPAction",
    )  # fmt: skip
    assert api.fails("FindClient", "<INN>770987654347</INN>")[0] == 500
    assert api.get("/bo/request.xml", request_id="r-1").status_code == 404
    assert api.get("/bo/clients.xml", inn="770987654347").status_code == 404
    assert errors(api, api.opened()) == [("DUPLICATE_PERSON", "Person")], "a double is refused all the same"
    api.door("/faults", doubles="accept")
    api.opened()
    assert registered(api) == (2, 1)


def test_persons_without_inn_are_one_by_name_and_birthday(api):
    api.door("/faults", doubles="accept")
    nameless = {key: value for key, value in api.person.items() if key != "INN"}
    api.opened("r-1", person=nameless)
    api.opened("r-2", person={**nameless, "LastName": "НОВИКОВ"})
    api.opened("r-3", person={**nameless, "BirthDate": "1990-05-05"})
    assert api.read("/registered")["twice"] == {"person:новиков иван 1990-05-04": ["1000500", "1000501"]}


def test_a_look_up_may_be_behind(api):
    api.door("/faults", lookup_delay_s=60, in_work_s=60)
    api.opened()
    assert (state(api), found(api, Phone="+79001112299")) == ("UNKNOWN", [])
    api.door("/advance", seconds=61)
    assert (state(api), found(api, Phone="+79001112299")) == ("IN_WORK", ["1000500"])
    api.door("/advance", seconds=61)
    assert state(api) == "ACCEPTED"


def test_at_once_from_many_sides(api):
    answers = []

    def send():
        answer = requests.post(
            f"{api.address}/bo/open.xml",
            f'<OpenAccount xmlns="{NAMESPACE}">{api.opening()}</OpenAccount>'.encode(),
            timeout=120,
        )
        answers.append(answer.content.partition(b"<ClientID>")[2][:7])

    threads = [threading.Thread(target=send) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers == [b"1000500"] * 8
    assert registered(api) == (1, 0)


def test_plain_xml_writes_and_looks_up_in_the_same_elements(api):
    body = f'<OpenAccount xmlns="{NAMESPACE}">{api.opening()}</OpenAccount>'.encode()
    answer = etree.fromstring(api.session.post(f"{api.address}/bo/open.xml", body, timeout=120).content)
    assert answer.tag == f"{{{NAMESPACE}}}OpenAccountResponse"
    soap = api.opened()
    assert api.text(answer, "ClientID") == api.text(soap, "ClientID") == "1000500", "one request, whatever face"
    asked = etree.fromstring(api.get("/bo/request.xml", request_id="r-1").content)
    assert (asked.tag, api.text(asked, "State")) == (f"{{{NAMESPACE}}}GetRequestResponse", "ACCEPTED")
    client = etree.fromstring(api.get("/bo/clients.xml", inn="770987654347").content)
    assert (client.tag, api.texts(client, "Name")) == (f"{{{NAMESPACE}}}FindClientResponse", ["Новиков Иван"])
    assert api.data("/bo/clients.xml")["errors"][0]["CODE"] == "SCHEMA"
    reused = body.replace("Иван".encode(), "Пётр".encode())
    told = etree.fromstring(api.session.post(f"{api.address}/bo/open.xml", reused, timeout=120).content)
    assert told.find("data[@id='errors']/rows/row").get("CODE") == "REQUEST_ID_REUSED"
    assert registered(api) == (1, 0)
