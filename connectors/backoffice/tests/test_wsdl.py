"""The WSDL shipped with the set: a broker is handed it, and other people's clients are driven by it. We read none."""

from __future__ import annotations

import pytest
import requests
import zeep
from lxml import etree

from connectors.backoffice.opening import SCHEMA
from connectors.backoffice.tests.office import CLIENT, SET

pytestmark = pytest.mark.row("BR-20")

WSDL = SET / "backoffice.wsdl"
XSD = "{http://www.w3.org/2001/XMLSchema}schema"


def test_its_schema_is_the_one_that_requests_are_held_to():
    def written(schema: etree._Element) -> str:
        return str(
            etree.canonicalize(
                etree.tostring(schema, encoding="unicode", with_tail=False), strip_text=True, rewrite_prefixes=True
            )
        )

    [inside] = etree.parse(str(WSDL)).iter(XSD)
    assert written(inside) == written(etree.parse(str(SCHEMA)).getroot())


def test_it_has_every_operation_that_the_set_asks(office):
    names = {one.get("name") for one in etree.parse(str(WSDL)).iter("{http://schemas.xmlsoap.org/wsdl/}operation")}
    mapping = office.connection.mapping
    asked = {service.operation for one in mapping.sets.values() for service, _ in one.services()}
    for push in mapping.pushes.values():
        asked |= {push.service.operation, push.service.status, push.service.find}
    assert asked == names


def test_another_client_reads_by_it_at_the_address_of_the_settings(office):
    """What the file names as an address is nobody's."""
    session = requests.Session()
    session.trust_env = False
    settings = zeep.Settings(forbid_dtd=True, forbid_entities=True, forbid_external=True)
    client = zeep.Client(str(WSDL), transport=zeep.Transport(session=session, operation_timeout=60), settings=settings)
    theirs = client.create_service("{urn:broker:backoffice:v1}PositionBinding", f"{office.address}/bo/PositionService")
    accounts = theirs.GetPosition(ClientID=CLIENT)["Account"]
    values = [one["MarketValue"] for account in accounts for one in account["Security"]]
    table = office.source().read("position", CLIENT).tables["securities"]
    place = office.connection.mapping.sets["position"].table["securities"].places["value"]
    assert values == [row.cells[place] for row in table.rows]
    session.close()
