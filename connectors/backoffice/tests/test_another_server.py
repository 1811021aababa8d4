"""A second back office, of somebody else's making: spyne serves the contract's services, writes its own envelopes and
faults, and holds what we send to a schema that it made itself."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from connectors.backoffice.source import BackOffice
from connectors.backoffice.tests.office import CLIENT, connection_to
from kernel.datasets import Accepted, FieldError, Refusal
from kernel.errors import NotFound, Rejected
from kernel.http import Answer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    spyne = pytest.importorskip("spyne", reason="spyne 2.14.0 cannot be imported by Python 3.12 and newer")
    from spyne.protocol.soap import Soap11
    from spyne.server.wsgi import WsgiApplication

# It leaves a finder of modules behind that Python 3.11 warns of at every import from then on, in whatever test.
sys.meta_path[:] = [one for one in sys.meta_path if hasattr(one, "find_spec")]

pytestmark = [pytest.mark.row("BR-20"), pytest.mark.filterwarnings("ignore")]
NAMESPACE = "urn:broker:backoffice:v1"


def kind(name: str, **fields: Any) -> Any:
    return type(name, (spyne.ComplexModel,), {"__namespace__": NAMESPACE, "_type_info": list(fields.items())})


def many(one: Any) -> Any:
    return one.customize(max_occurs="unbounded")


Text, Number = spyne.Unicode, spyne.Decimal
Page = kind("Page", ClientID=Text, AsOf=spyne.DateTime, NextPageToken=Text)
Cash = kind("Cash", Currency=Text, Balance=Number, Available=Number, Blocked=Number)
Security = kind(
    "Security", ISIN=Text, SecCode=Text, ClassCode=Text, Quantity=Number, Price=Number, MarketValue=Number, Currency=Text
)
Account = kind(
    "Account", contract=spyne.XmlAttribute(Text), market=spyne.XmlAttribute(Text), Cash=many(Cash), Security=many(Security)
)
ByClient = kind("ByClient", ClientID=Text(min_occurs=1))
Position = kind("GetPositionResponse", Page=Page, Account=many(Account))
Person = kind(
    "Person", LastName=Text, FirstName=Text, MiddleName=Text, BirthDate=spyne.Date, INN=Text, Phone=Text, Email=Text
)
Terms = kind("Terms", TariffCode=Text, Market=many(Text), IIS=spyne.Boolean)
Opening = kind("OpenAccount", RequestID=Text, Person=Person, Terms=Terms)
Taken = kind("Accepted", ClientID=Text, ContractNumber=Text, AccountOpenDate=spyne.Date)
Wrong = kind("FieldError", Code=Text, Field=Text, Message=Text)
Refused = kind("Rejected", Error=many(Wrong))
Opened = kind("OpenAccountResponse", RequestID=Text, Accepted=Taken, Rejected=Refused)


def fault(code: str) -> Any:
    told = {"ServiceFault": {"Code": code, "Message": "said by spyne", "TraceID": "sp-1"}}
    return spyne.Fault("Client", code, detail=told)


def bare(asked: Any, told: Any) -> Any:
    return spyne.rpc(asked, _returns=told, _body_style="bare", _out_message_name=told.get_type_name())


class Office(spyne.Service):  # type: ignore[name-defined,misc]
    @bare(ByClient, Position)
    def GetPosition(ctx, asked):
        if asked.ClientID != CLIENT:
            raise fault("CLIENT_NOT_FOUND")
        cash = Cash(Currency="RUB", Balance=Decimal("125000.10"), Available=Decimal("0.30"), Blocked=Decimal(0))
        paper = Security(ISIN="RU0009029540", SecCode="Ёлка & Ко", ClassCode="TQBR", Quantity=Decimal("1.5"), Currency="RUB")
        account = Account(contract="B-2026/0417", market="MOEX_STOCK", Cash=[cash, cash], Security=[paper])
        return Position(Page=Page(ClientID=CLIENT, AsOf=datetime(2026, 11, 21, tzinfo=UTC)), Account=[account])

    @bare(Opening, Opened)
    def OpenAccount(ctx, asked):
        if asked.Terms.TariffCode != "BASE":
            error = Wrong(Code="UNKNOWN_TARIFF", Field="Terms/TariffCode", Message="?")
            return Opened(RequestID=asked.RequestID, Rejected=Refused(Error=[error]))
        if asked.Person.LastName != "Ёлкин" or asked.Person.BirthDate != date(1990, 5, 4):
            raise fault("REQUEST_ID_REUSED")
        taken = Taken(ClientID="1000500", ContractNumber="B-1", AccountOpenDate=date(2026, 11, 21))
        return Opened(RequestID=asked.RequestID, Accepted=taken)


@pytest.fixture
def source(database) -> Iterator[BackOffice]:
    protocol = Soap11(validator="lxml")
    served = WsgiApplication(spyne.Application([Office], NAMESPACE, in_protocol=protocol, out_protocol=Soap11()))

    def transport(method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        told: list[Any] = []
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": urlsplit(url).path, "QUERY_STRING": "", "wsgi.url_scheme": "https",
            "SERVER_NAME": "spyne.example", "SERVER_PORT": "443", "CONTENT_TYPE": headers["Content-Type"],
            "CONTENT_LENGTH": str(len(body or b"")), "wsgi.input": io.BytesIO(body or b""),
            "HTTP_SOAPACTION": headers["SOAPAction"],
        }  # fmt: skip
        content = b"".join(served(environ, lambda status, headers, *_: told.extend((status, headers))))
        return Answer(int(told[0].split()[0]), dict(told[1]), content)

    logging.disable(logging.CRITICAL)  # it tells each fault with a trace
    yield BackOffice(connection_to("https://spyne.example", database, transport=transport))
    logging.disable(logging.NOTSET)


def test_its_rows_are_read(source):
    answer = source.read("position", CLIENT)
    cash, securities = answer.tables["cash"].rows, answer.tables["securities"].rows
    assert [row.cells[3:6] for row in cash] == [(Decimal("125000.10"), Decimal(0), Decimal("0.30"))] * 2
    assert [row.key for row in cash][1].endswith("#2"), "two rows of one key"
    assert ("Ёлка & Ко", Decimal("1.5"), None) in [(row.cells[2], row.cells[5], row.cells[7]) for row in securities]
    with pytest.raises(NotFound) as raised:
        source.read("position", "1000999")
    assert (raised.value.vendor_code, raised.value.request_id) == ("CLIENT_NOT_FOUND", "sp-1")


@pytest.mark.parametrize(("tariff", "name"), [("BASE", "Ёлкин"), ("GOLD", "Ёлкин"), ("BASE", "Другой")])
def test_an_account_is_opened_there(source, tariff, name):
    request = source.accounts.compose("open_account", "r-1", [
        ("Person/LastName", name), ("Person/FirstName", "Пётр"), ("Person/BirthDate", "1990-05-04"),
        ("Person/Phone", "+79001112299"), ("Terms/TariffCode", tariff), ("Terms/Market", "MOEX_STOCK"),
    ])  # fmt: skip
    if name != "Ёлкин":
        with pytest.raises(Rejected, match="REQUEST_ID_REUSED"):
            source.accounts.open("open_account", request)
        return
    expected = Accepted("1000500", "B-1", date(2026, 11, 21)) if tariff == "BASE" else None
    refused = Refusal((FieldError("UNKNOWN_TARIFF", "Terms/TariffCode", "?"),))
    assert source.accounts.open("open_account", request) == (expected or refused)
