"""Companies are read, written, found and swept as contacts are; those of the portal itself are no clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.bitrix24.tests.office import Office, open_office
from connectors.bitrix24.tests.straight import Place
from kernel.crm import Elsewhere, Ref
from kernel.errors import BadInput
from kernel.mapping import FieldMap, MappingSet, load_set

SET = load_set(Path(__file__).parents[3] / "mappings" / "broker-bitrix24")
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
COMPANY: dict[str, Any] = {
    "name": "ООО «Ромашка»", "phone": "+7 916 000-04-17", "email": "office@romashka.example",
    "short_name": "Ромашка", "client_type": "legal", "inn": "7707083893", "kpp": "770701001", "ogrn": "1027700132195",
    "signer": "Иванов И. И., директор", "account_opened_at": date(2026, 11, 21), "client_status": "candidate",
    "client_id": "0001000417", "no_sms": True,
}  # fmt: skip


def clients_and_deals() -> MappingSet:
    """The shipped set without its pipelines, which the office's portal has not."""
    deal = SET.entities["deal"].model_copy(
        update={
            "pipeline": {}, "stage": {},
            "field": {
                **{name: SET.entities["deal"].field[name] for name in ("name", "client", "company", "annex_key")},
                "guarantor": FieldMap(label="Поручитель", type="company", write=True),
            },
        }
    )  # fmt: skip
    people = {name: SET.entities[name] for name in ("contact", "company")}
    portal = SET.portal.model_copy(update={"card": {}, "field_type": {}})
    return replace(SET, portal=portal, entities={**people, "deal": deal}, lists={}, sets={}, feeds={}, pushes={})


def place_of(office: Office) -> Place:
    """The set-up, on the portal behind the office."""
    made = Place()
    made.client.portal = office.sandbox.portal
    made.vault.held.clear()
    return made


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path, prepare=False) as opened:
        mapping = clients_and_deals()
        assert [one for one in place_of(opened).apply(mapping) if one.kind not in ("manual", "note")] == []
        opened.connection = replace(opened.connection, mapping=mapping)
        opened.crm = opened.fresh()
        yield opened


@pytest.mark.row("BR-16")
def test_every_field_of_a_company_is_made_by_the_set_up_written_and_read_again(office: Office) -> None:
    made = office.crm.create("company", {**COMPANY, "contract_number": "B-2026/0417"}, key="co-1")
    seen = office.crm.get("company", made)
    assert {name: seen.values[name] for name in COMPANY} == COMPANY and seen.name == "ООО «Ромашка»"
    assert seen.url == office.crm.link("company", made) == f"{office.sandbox.address}/crm/company/details/{made}/"
    assert office.crm.create("company", {}, key="co-1", maybe_done=True) == made, "found by the key"
    for where in ({"client_id": "0001000417"}, {"phone": "8 916 000-04-17"}, {"client_status": "candidate"}):
        assert [one.id for one in office.crm.find("company", where=where)] == [made], where
    assert office.crm.find("contact", where={"phone": "+79160000417"}) == []
    office.crm.update("company", made, {"client_status": "active", "client_id": None})
    assert [office.crm.get("company", made).values[name] for name in ("client_status", "client_id")] == ["active", None]
    assert [one.id for one in office.crm.changed({"company": SINCE})] == [made]
    assert office.crm.existing("company", [made, "999999"]) == {made}


def test_a_deal_names_its_company_and_a_link_to_one_is_no_link_to_a_contact(office: Office) -> None:
    company = office.crm.create("company", {"name": "ООО «Ромашка»"}, key="co-1")
    person = office.crm.create("contact", {"name": "Пётр Ильин"}, key="c-1")
    deal = office.staff("crm.deal.add", {"fields": {"TITLE": "Счёт", "COMPANY_ID": company, "CONTACT_ID": person}})
    office.crm.update("deal", str(deal), {"guarantor": Ref(company)})
    values = office.crm.get("deal", str(deal)).values
    assert values["company"] == values["guarantor"] == Ref(company, "ООО «Ромашка»") and values["client"].id == person
    assert [one.id for one in office.crm.find("deal", where={"guarantor": Ref(company)})] == [str(deal)]
    office.staff("crm.deal.update", {"id": deal, "fields": {"COMPANY_ID": 0}})
    assert office.crm.get("deal", str(deal)).values["company"] is None
    with pytest.raises(BadInput):
        office.crm.update("deal", str(deal), {"guarantor": "не ссылка"})


def test_the_portals_own_company_is_no_client(office: Office) -> None:
    client = office.crm.create("company", {}, key="co-1")
    own = str(office.staff("crm.company.add", {"fields": {"TITLE": "Наш брокер", "IS_MY_COMPANY": "Y"}}))
    assert [one.id for one in office.crm.find("company")] == [client]
    with pytest.raises(Elsewhere, match="own companies"):
        office.crm.get("company", own)
    assert {one.id: one.elsewhere for one in office.crm.changed({"company": SINCE})} == {client: False, own: True}
