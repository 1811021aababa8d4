"""Opening an account over both faces, and what each promise about repeats makes of an answer that got lost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from connectors.backoffice.source import BackOffice
from connectors.backoffice.tests.office import Office, a_call, declared
from kernel.datasets import Accepted, Refusal, unpack_opened
from kernel.errors import BadAnswer, BadInput, Misconfigured, NoRight, Rejected, Throttled, Undecided, Unreachable
from kernel.extension import Connection
from kernel.extension.account_verbs import ACCOUNT_VERBS as VERBS

SOAP = (
    'name = "open_account"\nonce = "{once}"\nservice = {{ face = "soap", path = "/bo/OpeningService", '
    'operation = "OpenAccount"{more} }}\n'
)
PLAIN = (
    'name = "open_account"\nonce = "{once}"\nservice = {{ face = "xml", path = "/bo/open.xml"{more} }}\n'
)  # fmt: skip
LOOKUPS = {
    SOAP: ', status = "GetRequest", find = "FindClient"', PLAIN: ', status = "/bo/request.xml", find = "/bo/clients.xml"',
}  # fmt: skip
FACES = pytest.mark.parametrize("face", [SOAP, PLAIN], ids=["soap", "xml"])
PERSON = [
    ("Person/LastName", "Новиков & Ко"), ("Person/FirstName", "Иван"), ("Person/BirthDate", "1990-05-04"),
    ("Person/INN", "770987654347"), ("Person/Phone", "+79001112299"), ("Terms/TariffCode", "TRADER"),
    ("Terms/Market", "MOEX_STOCK"), ("Terms/Market", "MOEX_FX"), ("Terms/Option[@code='margin']", "true"),
    ("Terms/Option[@code='iis']", "false"),
]  # fmt: skip
COMPANY = [
    ("Company/FullName", "ООО «Клён»"), ("Company/INN", "7709876545"), ("Company/OGRN", "1177746123455"),
    ("Company/Phone", "+74951112233"), ("Company/Signer", "Клён И. И."), ("Terms/TariffCode", "BASE"),
    ("Terms/Market", "MOEX_STOCK"),
]  # fmt: skip


def connected(office: Office, tmp_path, face: str = SOAP, once: str = "request_id", more: str | None = None) -> Connection:
    more = LOOKUPS[face] if more is None else more
    mapping = declared(tmp_path, push_open_account=face.format(once=once, more=more))
    office.fault(promise=once)
    return office.connected(mapping)


def payload(connection: Connection, request_id: str = "annex:main:5512:1", elements=PERSON, **more: str) -> dict[str, str]:
    request = accounts(connection).compose("open_account", request_id, elements)
    return {"push": "open_account", "request_id": request_id, "request": request.decode(), **more}


def accounts(connection: Connection):
    return BackOffice(connection).accounts


@FACES
@pytest.mark.parametrize("elements", [PERSON, COMPANY], ids=["person", "company"])
def test_an_account_is_opened_and_looked_up(office, tmp_path, face, elements):
    connection = connected(office, tmp_path, face)
    opening = accounts(connection)
    assert opening.standing("open_account", "r-1").state == "unknown"
    request = opening.compose("open_account", "r-1", elements)
    assert request == opening.compose("open_account", "r-1", elements), "the same bytes, every time"
    opened = opening.open("open_account", request)
    assert isinstance(opened, Accepted) and opened.contract_number and isinstance(opened.opened_on, date)
    assert opening.open("open_account", request) == opened and office.state("registered")["registered"] == 1
    standing = opening.standing("open_account", "r-1")
    assert (standing.state, standing.answer) == ("accepted", opened)
    inn = dict(elements).get("Person/INN") or dict(elements)["Company/INN"]
    [found] = opening.find("open_account", inn=inn)
    assert (found.client_id, found.contract_number) == (opened.client_id, opened.contract_number)
    assert opening.find("open_account", phone="+70000000000") == []


@FACES
def test_field_errors_come_by_code_and_field(office, tmp_path, face):
    connection = connected(office, tmp_path, face)
    wrong = [(path, "770987654340" if path == "Person/INN" else text) for path, text in PERSON]
    wrong = [(path, "NOWHERE" if text == "MOEX_FX" else text) for path, text in wrong]
    opening = accounts(connection)
    refused = opening.open("open_account", opening.compose("open_account", "r-2", wrong))
    assert isinstance(refused, Refusal)
    assert {(one.code, one.field) for one in refused.errors} == {
        ("INN_CHECKSUM", "Person/INN"), ("MARKET_CLOSED", "Terms/Market[2]"),
    }  # fmt: skip
    assert opening.standing("open_account", "r-2").answer == refused


@FACES
def test_the_same_number_with_other_content_is_told(office, tmp_path, face):
    connection = connected(office, tmp_path, face)
    opening = accounts(connection)
    opening.open("open_account", opening.compose("open_account", "r-3", PERSON))
    with pytest.raises(Rejected) as raised:
        opening.open("open_account", opening.compose("open_account", "r-3", COMPANY))
    assert raised.value.vendor_code == "REQUEST_ID_REUSED" and not raised.value.maybe_done


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        (PERSON[1:], "FirstName"),
        ([(path, "yesterday" if path == "Person/BirthDate" else text) for path, text in PERSON], "BirthDate"),
        ([*PERSON, ("Terms/Unknown", "x")], "Unknown"),
        ([("Person/Last Name", "x")], "no path"),
        ([("Person/LastName", "a\x00b")], "characters"),
    ],
)
def test_a_request_that_the_schema_does_not_take_never_leaves(office, tmp_path, elements, words):
    connection = connected(office, tmp_path)
    with pytest.raises(BadInput) as raised:
        accounts(connection).compose("open_account", "r-4", elements)
    assert words in f"{raised.value} {raised.value.field}" and "yesterday" not in str(raised.value)
    assert words != "BirthDate" or raised.value.field == "Person/BirthDate"
    assert not office.requests


def test_what_a_person_typed_stays_a_text(office, tmp_path):
    connection = connected(office, tmp_path)
    request = payload(connection)["request"]
    assert (
        "Новиков &amp; Ко" in request and request.count("<Market>") == 2 and '<Option code="margin">true</Option>' in request
    )


@FACES
def test_request_id_the_same_bytes_go_out_again(office, tmp_path, face):
    connection = connected(office, tmp_path, face)
    office.fault(lose_answer_next=1)
    call = a_call("open_account", **payload(connection))
    with pytest.raises(Unreachable) as raised:
        VERBS["open_account"].run(connection, call, False)
    assert raised.value.maybe_done
    opened = unpack_opened(VERBS["open_account"].run(connection, call, True))
    assert isinstance(opened, Accepted)
    found = office.state("registered")
    assert (found["registered"], found["twice"]) == (1, {})


@FACES
@pytest.mark.parametrize("by", ["status", "find"])
def test_lookup_asks_before_it_sends_again(office, tmp_path, face, by):
    only = {
        ("status", SOAP): ', status = "GetRequest"', ("find", SOAP): ', find = "FindClient"',
        ("status", PLAIN): ', status = "/bo/request.xml"', ("find", PLAIN): ', find = "/bo/clients.xml"',
    }  # fmt: skip
    connection = connected(office, tmp_path, face, "lookup", only[by, face])
    office.fault(lose_answer_next=1, doubles="accept")
    call = a_call("open_account_lookup", **payload(connection, inn="770987654347"))
    verb = VERBS["open_account_lookup"]
    with pytest.raises(Unreachable):
        verb.run(connection, call, False)
    opened = unpack_opened(verb.run(connection, call, True))
    assert isinstance(opened, Accepted) and office.state("registered")["registered"] == 1


def test_lookup_sends_again_only_after_it_was_unknown_twice(office, tmp_path):
    connection = connected(office, tmp_path, once="lookup")
    office.fault(cut_before_commit_next=1)
    call, verb = a_call("open_account_lookup", **payload(connection)), VERBS["open_account_lookup"]
    with pytest.raises(Unreachable):
        verb.run(connection, call, False)
    with pytest.raises(Throttled) as raised:
        verb.run(connection, call, True)
    assert raised.value.wait_seconds == 120 and raised.value.maybe_done
    office.clock.advance(seconds=60)
    with pytest.raises(Throttled) as raised:
        verb.run(connection, call, True)
    assert raised.value.wait_seconds == pytest.approx(60, abs=1) and office.state("registered")["registered"] == 0
    office.clock.advance(seconds=61)
    assert isinstance(unpack_opened(verb.run(connection, call, True)), Accepted)
    assert office.state("registered")["registered"] == 1


def test_lookup_waits_while_it_is_in_work(office, tmp_path):
    connection = connected(office, tmp_path, once="lookup")
    office.fault(lose_answer_next=1, in_work_s=600)
    call, verb = a_call("open_account_lookup", **payload(connection)), VERBS["open_account_lookup"]
    for tried in (False, True, True):
        with pytest.raises(Unreachable) as raised:
            verb.run(connection, call, tried)
        assert raised.value.maybe_done
    office.door("advance", seconds=601)
    assert isinstance(unpack_opened(verb.run(connection, call, True)), Accepted)


def test_two_clients_of_one_phone_are_a_matter_for_a_person(office, tmp_path):
    connection = connected(office, tmp_path, once="lookup", more=', find = "FindClient"')
    for number in range(2):
        office.door("client", last_name=f"Двойной{number}", first_name="А", birth_date="1990-01-01", phone="+79990001122")
    call = a_call("open_account_lookup", **payload(connection, phone="+79990001122"))
    with pytest.raises(Undecided):
        VERBS["open_account_lookup"].run(connection, call, True)


def test_none_ends_uncertain(office, tmp_path):
    """The kernel does not repeat a call of kind never: what got lost is for a person to decide."""
    connection = connected(office, tmp_path, once="none", more="")
    assert VERBS["open_account_once"].repeat == "never"
    office.fault(lose_answer_next=1)
    with pytest.raises(Unreachable) as raised:
        VERBS["open_account_once"].run(connection, a_call("open_account_once", **payload(connection)), False)
    assert raised.value.maybe_done and office.state("registered")["registered"] == 1
    with pytest.raises(Misconfigured, match=r"push\.open_account\.toml names no service\.status"):
        accounts(connection).standing("open_account", "r-1")


@pytest.mark.parametrize(
    ("faults", "kind", "maybe"),
    [
        ({"down": "closed"}, Unreachable, True), ({"down": "on"}, Unreachable, True), 
        ({"html_502": "on"}, Unreachable, True),
        ({"empty": "200"}, Unreachable, True), ({"fault": "BUSY"}, Unreachable, True), ({"garbage": "on"}, BadAnswer, True),
        ({"half": "short"}, BadAnswer, True), ({"half": "cut"}, Unreachable, True), ({"doctype": "on"}, BadAnswer, True),
        ({"hostile": "wrong_root"}, BadAnswer, True), ({"fault": "AUTH"}, NoRight, False), 
        ({"expired": "401"}, NoRight, False),
        ({"busy": "503"}, Throttled, False),
    ],
)  # fmt: skip
def test_whether_it_may_have_been_done(office, tmp_path, faults, kind, maybe):
    connection = connected(office, tmp_path)
    office.fault(**faults)
    opening = accounts(connection)
    with pytest.raises(kind) as raised:
        opening.open("open_account", opening.compose("open_account", "r-5", PERSON))
    assert raised.value.maybe_done is maybe


def test_an_answer_that_nobody_can_read_is_not_given_up(office, tmp_path):
    connection = connected(office, tmp_path)
    office.fault(garbage="on", times=1)
    call = a_call("open_account", **payload(connection))
    with pytest.raises(Unreachable) as raised:
        VERBS["open_account"].run(connection, call, False)
    assert raised.value.maybe_done and raised.value.retry
    assert isinstance(unpack_opened(VERBS["open_account"].run(connection, call, True)), Accepted)
    assert office.state("registered")["registered"] == 1


def test_a_connection_that_never_stood_is_nothing_done(office, tmp_path, database):
    connection = connected(office, tmp_path)
    office.sandbox.close()
    gone = replace(connection, settings={**connection.settings, "BACKOFFICE_URL": "http://127.0.0.1:1"}, _built={})
    opening = accounts(gone)
    with pytest.raises(Unreachable) as raised:
        opening.open("open_account", opening.compose("open_account", "r-6", PERSON))
    assert not raised.value.maybe_done


# --- after a restored copy


def asked(connection: Connection, number: int = 1, **by: str):
    call = a_call("ask_accounts", push="open_account", stem="annex:main:5512:", number=number, **by)
    found = json.loads(VERBS["ask_accounts"].run(connection, call, False))
    return {number: unpack_opened(text) for number, text in found}


@FACES
@pytest.mark.parametrize("elements", [PERSON, COMPANY], ids=["person", "company"])
def test_what_became_of_requests_is_asked_number_by_number(office, tmp_path, face, elements):
    connection = connected(office, tmp_path, face)
    assert asked(connection) == {}
    wrong = [(path, "1" if path.endswith("/INN") else text) for path, text in elements]
    for number, sent in ((1, wrong), (2, wrong), (4, elements)):  # the third never arrived
        VERBS["open_account"].run(connection, a_call("x", **payload(connection, f"annex:main:5512:{number}", sent)), False)
    found = asked(connection)
    assert list(found) == [1, 2, 4] and isinstance(found[1], Refusal) and isinstance(found[4], Accepted)
    assert list(asked(connection, 3)) == [4] and asked(connection, 5) == {}
    office.fault(in_work_s=600)
    with pytest.raises(Unreachable):
        asked(connection)
    assert office.state("registered")["registered"] == 1, "asking sends nothing"


@FACES
def test_without_a_look_up_of_requests_the_client_is_looked_up(office, tmp_path, face):
    only = {SOAP: ', find = "FindClient"', PLAIN: ', find = "/bo/clients.xml"'}
    connection = connected(office, tmp_path, face, "lookup", only[face])
    assert asked(connection, inn="770987654347") == {}
    VERBS["open_account_lookup"].run(connection, a_call("x", **payload(connection)), False)
    assert isinstance(asked(connection, 7, inn="770987654347")[7], Accepted)
    with pytest.raises(BadInput):
        asked(connection)


@FACES
@pytest.mark.parametrize("elements", [PERSON, COMPANY], ids=["person", "company"])
def test_a_double_is_named(office, tmp_path, face, elements):
    connection = connected(office, tmp_path, face)
    inn = next(text for path, text in elements if path.endswith("/INN"))
    first = unpack_opened(VERBS["open_account"].run(connection, a_call("x", **payload(connection, "r-1", elements)), False))
    again = a_call("x", **payload(connection, "r-2", elements, inn=inn))
    second = unpack_opened(VERBS["open_account"].run(connection, again, False))
    assert isinstance(first, Accepted) and isinstance(second, Refusal)
    assert [(one.code, one.client_id) for one in second.errors] == [("DUPLICATE_PERSON", first.client_id)]
