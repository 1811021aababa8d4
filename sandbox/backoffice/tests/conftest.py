"""An office in this process, and a caller for its faces and doors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from lxml import etree

from sandbox.backoffice.server import Options, Sandbox
from sandbox.backoffice.xml_in import NAMESPACE, SCHEMA_FILE

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
PERSON = {
    "LastName": "Новиков", "FirstName": "Иван", "BirthDate": "1990-05-04", "INN": "770987654347", "Phone": "+79001112299",
}  # fmt: skip
COMPANY = {"FullName": "ООО «Клён»", "INN": "7709876545", "OGRN": "1177746123455", "Phone": "+74951112233",
           "Signer": "Клён И. И."}  # fmt: skip
READERS = {
    "GetContracts": "ContractsService", "GetPosition": "PositionService", "GetPaidServices": "PaidServicesService",
    "GetWithdrawals": "WithdrawalsService", "GetBlocks": "BlocksService", "GetTradingActivity": "ActivityService",
    "GetProductUsage": "UsageService",
}  # fmt: skip


def body_of(answer: requests.Response) -> etree._Element:
    root = etree.fromstring(answer.content)
    assert root.tag == f"{{{ENVELOPE}}}Envelope"
    return root.find(f"{{{ENVELOPE}}}Body")[0]


def opening(request_id: str = "r-1", person: Any = PERSON, company: Any = None, **terms: Any) -> str:
    """What stands in OpenAccount. `terms`: tariff, markets, iis, options."""
    part, fields = ("Company", company) if company else ("Person", person)
    order = ("FullName", "ShortName", "LastName", "FirstName", "MiddleName", "BirthDate", "INN", "KPP", "OGRN", "Phone",
             "Email", "Signer")  # fmt: skip
    told = "".join(f"<{name}>{fields[name]}</{name}>" for name in order if name in fields)
    markets = "".join(f"<Market>{one}</Market>" for one in terms.get("markets", ["MOEX_STOCK"]))
    options = "".join(f'<Option code="{code}">{value}</Option>' for code, value in terms.get("options", {}).items())
    iis = f"<IIS>{terms['iis']}</IIS>" if "iis" in terms else ""
    return (
        f"<RequestID>{request_id}</RequestID><{part}>{told}</{part}>"
        f"<Terms><TariffCode>{terms.get('tariff', 'BASE')}</TariffCode>{markets}{iis}{options}</Terms>"
    )


def text(element: etree._Element, name: str) -> str:
    """The first such element's text, anywhere below."""
    found = element.find(f".//{{{NAMESPACE}}}{name}")
    return "" if found is None else found.text or ""


def texts(element: etree._Element, name: str) -> list[str]:
    return [one.text or "" for one in element.iter(f"{{{NAMESPACE}}}{name}")]


class Api:
    """Speaks to the office in XML written here, and reads with lxml alone."""

    person, company = PERSON, COMPANY
    body_of, opening, text, texts = staticmethod(body_of), staticmethod(opening), staticmethod(text), staticmethod(texts)

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.address = sandbox, sandbox.address
        self.session = requests.Session()
        self.session.trust_env = False

    # -- SOAP

    def post(self, service: str, inner: str, head: str = "", action: str = "", **more: Any) -> requests.Response:
        body = f'<e:Envelope xmlns:e="{ENVELOPE}"><e:Header>{head}</e:Header><e:Body>{inner}</e:Body></e:Envelope>'
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"', **more.pop("headers", {})}
        return self.session.post(
            f"{self.address}/bo/{service}", body.encode(), headers=headers, timeout=120, allow_redirects=False, **more
        )

    def soap(self, operation: str, inner: str, **more: Any) -> etree._Element:
        """The answer element, which keeps to the schema; a fault fails the test."""
        service = READERS.get(operation, "OpeningService")
        answer = self.post(service, f'<{operation} xmlns="{NAMESPACE}">{inner}</{operation}>', **more)
        assert answer.status_code == 200, answer.text
        element = body_of(answer)
        assert etree.QName(element).localname == f"{operation}Response"
        etree.XMLSchema(etree.parse(str(SCHEMA_FILE))).assertValid(element)
        return element

    def rows(self, operation: str, client: str, **asked: Any) -> etree._Element:
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in {"ClientID": client, **asked}.items())
        return self.soap(operation, inner)

    def fails(self, operation: str, inner: str, **more: Any) -> tuple[int, str]:
        """Status and the fault's code, or its text where it has none."""
        service = READERS.get(operation, "OpeningService")
        answer = self.post(service, f'<{operation} xmlns="{NAMESPACE}">{inner}</{operation}>', **more)
        fault = body_of(answer)
        assert etree.QName(fault).localname == "Fault", answer.text
        return answer.status_code, text(fault, "Code") or str(fault.findtext("faultstring"))

    def opened(self, request_id: str = "r-1", **more: Any) -> etree._Element:
        return self.soap("OpenAccount", opening(request_id, **more))

    # -- plain XML

    def get(self, path: str, /, **query: Any) -> requests.Response:
        return self.session.get(f"{self.address}{path}", params=query, timeout=120, allow_redirects=False)

    def data(self, path: str, /, **query: Any) -> dict[str, list[dict[str, str]]]:
        """Rows by data id."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        root = etree.fromstring(answer.content)
        assert root.tag == "document"
        return {str(one.get("id")): [dict(row.attrib) for row in one.find("rows")] for one in root}

    # -- doors

    def door(self, path: str, /, **data: Any) -> Any:
        answer = self.session.post(f"{self.address}/sandbox{path}", json=data, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, /, **data: Any) -> str:
        answer = self.session.post(f"{self.address}/sandbox{path}", json=data, timeout=120)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"])

    def read(self, path: str, /, **query: Any) -> Any:
        answer = self.session.get(f"{self.address}/sandbox{path}", params=query, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def office() -> Iterator[Callable[..., Api]]:
    """Starts offices: `office(auth="wsse", speedup=10)`."""
    started: list[Api] = []

    def start(**settings: Any) -> Api:
        options = {key: settings.pop(key) for key in list(settings) if key in Options.__dataclass_fields__}
        api = Api(Sandbox(Options(faults=tuple(settings.items()), **options)).start())
        started.append(api)
        return api

    yield start
    for api in started:
        api.session.close()
        api.sandbox.close()


@pytest.fixture
def api(office: Callable[..., Api]) -> Api:
    return office()
