"""What may come back, line by line of the README's table: by status and body, for a question and for what is handed over.

No server: the transport answers what the line says.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from connectors.backoffice.source import BackOffice
from connectors.backoffice.tests.office import CLIENT, connection_to
from kernel.datasets import Accepted, outcome_of
from kernel.errors import (
    AnnexError,
    BadAnswer,
    Fault,
    Maintenance,
    Misconfigured,
    Moved,
    NoRight,
    NotFound,
    Rejected,
    Throttled,
    Unreachable,
)
from kernel.http import Answer

pytestmark = pytest.mark.row("BR-20")
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
OURS = 'xmlns="urn:broker:backoffice:v1"'
GOOD = f"<GetContractsResponse {OURS}><Page><ClientID>{CLIENT}</ClientID></Page></GetContractsResponse>"
OPENED = (
    f"<OpenAccountResponse {OURS}><RequestID>r-1</RequestID><Accepted><ClientID>1000500</ClientID>"
    "<ContractNumber>B-1</ContractNumber><AccountOpenDate>2026-11-21</AccountOpenDate></Accepted></OpenAccountResponse>"
)
HTML = "<html><body>Bad Gateway</body></html>"
ELEMENTS = [
    ("Person/LastName", "Новиков"), ("Person/FirstName", "Иван"), ("Person/BirthDate", "1990-05-04"),
    ("Person/Phone", "+79001112299"), ("Terms/TariffCode", "BASE"), ("Terms/Market", "MOEX_STOCK"),
]  # fmt: skip


def whole(inner: str) -> str:
    return f'<s:Envelope xmlns:s="{ENVELOPE}"><s:Body>{inner}</s:Body></s:Envelope>'


def fault(code: str) -> str:
    told = f"<ServiceFault {OURS}><Code>{code}</Code><Message>m</Message><TraceID>bo-7</TraceID></ServiceFault>"
    return whole(f"<s:Fault><faultcode>s:Server</faultcode><faultstring>f</faultstring><detail>{told}</detail></s:Fault>")


def source(database, status: int, body: str | bytes, headers: Mapping[str, str]) -> BackOffice:
    content = body.encode() if isinstance(body, str) else body

    def transport(method: str, url: str, **_: object) -> Answer:
        return Answer(status, {"Content-Type": "text/xml", **headers}, content)

    return BackOffice(connection_to("https://bo.example.com", database, transport=transport))


def came(database, status: int, body: str | bytes, headers: Mapping[str, str]) -> AnnexError:
    with pytest.raises(AnnexError) as raised:
        source(database, status, body, headers).read("contracts", CLIENT)
    return raised.value


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "outcome"),
    [
        (200, fault("CLIENT_NOT_FOUND"), {}, NotFound, "not_found"),
        (500, fault("CLIENT_NOT_FOUND"), {}, NotFound, "not_found"),
        (400, fault("CLIENT_NOT_FOUND"), {}, NotFound, "not_found"), (500, fault("AUTH"), {}, NoRight, "refused"),
        (500, fault("MAINTENANCE"), {}, Maintenance, "maintenance"), (200, fault("BUSY"), {}, Unreachable, "unavailable"),
        (500, fault("WHAT"), {}, Rejected, "unavailable"), (401, HTML, {}, NoRight, "refused"),
        (403, "", {}, NoRight, "refused"), (404, HTML, {}, Misconfigured, "refused"),
        (429, "", {"Retry-After": "7"}, Throttled, "unavailable"),
        (503, HTML, {"retry-after": "7"}, Throttled, "unavailable"),
        (503, "later", {}, Unreachable, "unavailable"), (429, "later", {}, Unreachable, "unavailable"),
        (408, "<a/>", {}, Unreachable, "unavailable"), (500, "<error>ORA-600</error>", {}, Unreachable, "unavailable"),
        (500, "ORA-600", {}, Unreachable, "unavailable"), (502, whole(GOOD), {}, Unreachable, "unavailable"),
        (200, HTML, {}, Unreachable, "unavailable"), (502, HTML, {}, Unreachable, "unavailable"),
        (200, whole(GOOD), {"Content-Type": "text/html"}, Unreachable, "unavailable"),
        (200, "", {}, Unreachable, "unavailable"), (202, " \n", {}, Unreachable, "unavailable"),
        (301, "", {"Location": "https://elsewhere.invalid/?key=k"}, Moved, "moved"), (307, whole(GOOD), {}, Moved, "moved"),
        (200, "<<<", {}, BadAnswer, "bad_answer"), (200, whole(GOOD)[:-9], {}, BadAnswer, "bad_answer"),
        (200, f"<!DOCTYPE x>{whole(GOOD)}", {}, BadAnswer, "bad_answer"), (200, "<a/>", {}, BadAnswer, "bad_answer"),
        (200, whole("<a/>"), {}, BadAnswer, "bad_answer"),
        (200, whole(GOOD.replace("v1", "v2")), {}, BadAnswer, "bad_answer"),
        (200, whole(GOOD.replace(CLIENT, "1000418")), {}, BadAnswer, "bad_answer"),
        (200, whole(GOOD.replace(f"<ClientID>{CLIENT}</ClientID>", "")), {}, BadAnswer, "bad_answer"),
        (400, "<a/>", {}, Rejected, "unavailable"), (400, "no", {}, Rejected, "unavailable"),
    ],
)  # fmt: skip
def test_a_question(database, status, body, headers, kind, outcome):
    found = came(database, status, body, headers)
    assert type(found) is kind and outcome_of(found) == outcome
    assert "key=k" not in str(found)
    if b"ServiceFault" in (body.encode() if isinstance(body, str) else body):
        assert isinstance(found, Fault) and found.request_id == "bo-7"
    if kind is Misconfigured:
        assert "broker-bitrix24/set.contracts.toml: service.path = «/bo/ContractsService»" in str(found)


def test_a_good_answer_is_one(database):
    assert source(database, 200, whole(GOOD), {}).read("contracts", CLIENT).outcome == "empty"


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "maybe"),
    [
        (500, fault("REQUEST_ID_REUSED"), {}, Rejected, False), (200, fault("AUTH"), {}, NoRight, False),
        (500, fault("BUSY"), {}, Unreachable, True), (500, fault("MAINTENANCE"), {}, Maintenance, True),
        (404, "", {}, Misconfigured, False), (429, "later", {}, Unreachable, True), (502, HTML, {}, Unreachable, True),
        (500, whole(OPENED), {}, Unreachable, True), (500, "<error/>", {}, Unreachable, True),
        (200, "", {}, Unreachable, True),
        (200, whole(OPENED)[:-9], {}, BadAnswer, True), (200, whole(OPENED.replace("r-1", "r-2")), {}, BadAnswer, True),
        (200, whole(OPENED.replace(">1000500<", f">{'1' * 50}<")), {}, BadAnswer, True),
    ],
)  # fmt: skip
def test_what_is_handed_over(database, status, body, headers, kind, maybe):
    accounts = source(database, status, body, headers).accounts
    request = accounts.compose("open_account", "r-1", ELEMENTS)
    with pytest.raises(AnnexError) as raised:
        accounts.open("open_account", request)
    assert type(raised.value) is kind and getattr(raised.value, "maybe_done", False) is maybe


def test_an_opened_account_is_one(database):
    accounts = source(database, 200, whole(OPENED), {}).accounts
    opened = accounts.open("open_account", accounts.compose("open_account", "r-1", ELEMENTS))
    assert isinstance(opened, Accepted) and opened.client_id == "1000500"
