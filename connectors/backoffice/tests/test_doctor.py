"""The doctor: what is wrong is said in one line that names what to do, and nothing is said where all is well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.backoffice import connector
from connectors.backoffice.tests.office import CLIENT, Office, declared

pytestmark = pytest.mark.row("BR-20")

PROVEN = {"BACKOFFICE_AUTH": "header", "BACKOFFICE_HEADER": "X-Api-Key", "BACKOFFICE_PASSWORD": "sandbox"}


def findings(office: Office, **settings: str) -> list[str]:
    assert connector.doctor is not None
    return list(connector.doctor(office.connected(**{**PROVEN, **settings})))


def test_all_is_well(start):
    office = start(auth="header")
    assert findings(office) == []
    asked = {(one["set"], one["client"]) for one in office.requests}
    assert asked == {(name, "0000000000") for name in office.connection.mapping.sets} | {("request", ""), ("clients", "")}
    assert office.state()["counters"].get("registered", 0) == 0


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"expired": "403"}, "BACKOFFICE_PASSWORD"), ({"fault": "AUTH"}, "BACKOFFICE_PASSWORD"),
        ({"redirect": "302"}, "moved.broker.invalid"), ({"fault": "MAINTENANCE"}, "регламентные работы"),
        ({"down": "closed"}, "BACKOFFICE_URL"), ({"busy": "503"}, "7 с"), ({"garbage": "on"}, "set.contracts.toml"),
    ],
)  # fmt: skip
def test_each_trouble_says_what_to_do(office, faults, words):
    office.fault(**faults)
    found = findings(office)
    assert words in found[0]
    assert faults.keys() & {"garbage"} or len(found) == 1, "and not once per set"


def test_a_wrong_path_names_the_file(office):
    office.connection.settings["BACKOFFICE_URL"] = office.address + "/elsewhere"  # type: ignore[index]
    assert "broker-bitrix24/set.contracts.toml: service.path" in findings(office)[0]


@pytest.mark.parametrize("key", ["status", "find"])
def test_a_wrong_place_of_the_push_names_file_and_key(office, tmp_path, key):
    push = (
        f'name = "open"\nonce = "request_id"\n'
        f'service = {{ face = "xml", path = "/bo/open.xml", {key} = "/bo/nowhere.xml" }}\n'
    )
    assert connector.doctor is not None
    found = list(connector.doctor(replace(office.connected(**PROVEN), mapping=declared(tmp_path, push_open=push))))
    assert any(f"another-broker/push.open.toml: service.{key} = «/bo/nowhere.xml»" in one for one in found)


def test_no_proof_no_sets_and_no_encryption(office, tmp_path):
    assert "BACKOFFICE_AUTH" in findings(office, BACKOFFICE_AUTH="none")[0]
    assert connector.doctor is not None
    nothing = replace(office.connected(**PROVEN), mapping=declared(tmp_path))
    assert "set." in next(iter(connector.doctor(nothing)))


def test_what_the_set_does_not_name_is_told(office):
    office.fault(odd_rows="unknown_column", only="contracts")
    office.source().read("contracts", CLIENT)
    found = findings(office)
    assert len(found) == 1 and "Extra" in found[0] and "set.contracts.toml" in found[0]
    office.clear()
    office.source().read("contracts", CLIENT)
    assert findings(office) == []
