"""Contacts of one type as an entity of their own: a client's card is never read, swept or heard as a partner's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.bitrix24.setup_owners import owners
from connectors.bitrix24.tests.office import KEY, Office, a_mapping, open_office
from kernel.crm import Elsewhere
from kernel.errors import Misconfigured
from kernel.mapping import EntityMap, MappingSet

SINCE = datetime(2020, 1, 1, tzinfo=UTC)


def a_partner(object_: str) -> EntityMap:
    return EntityMap.model_validate({
        "entity": "partner", "kind": "contact", "object": object_, "key": "annex_key",
        "field": {"name": {"system": "name", "write": True}, "chat": {"label": "Чат", "required": False, "write": True},
                  "annex_key": KEY},
    })  # fmt: skip


def with_partner(object_: str = "PARTNER") -> MappingSet:
    mapping = a_mapping()
    return replace(mapping, entities={**mapping.entities, "partner": a_partner(object_)})


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path) as opened:
        opened.connection = replace(opened.connection, mapping=with_partner())
        opened.crm = opened.fresh()
        yield opened


def card(office: Office, name: str, **fields: Any) -> str:
    made = office.staff("crm.item.add", {"entityTypeId": 3, "fields": {"name": name, **fields}})
    return str(made["item"]["id"])


def test_only_the_contacts_of_that_type_are_partners(office: Office) -> None:
    client, partner = card(office, "Олена"), card(office, "Дельта", typeId="PARTNER")
    assert office.crm.get("partner", partner).name == "Дельта"
    assert [office.crm.get("contact", one).name for one in (client, partner)] == ["Олена", "Дельта"]
    with pytest.raises(Elsewhere) as told:
        office.crm.get("partner", client)
    assert told.value.record.elsewhere and "PARTNER" in str(told.value)
    assert {one.id for one in office.crm.find("partner")} == {partner}
    assert {client, partner} <= {one.id for one in office.crm.find("contact")}
    swept = office.crm.changed({"partner": SINCE, "contact": SINCE})
    assert {one.id for one in swept if one.entity == "partner"} == {partner}
    assert {client, partner} <= {one.id for one in swept if one.entity == "contact"}
    assert office.crm.existing("partner", [client, partner]) == {client, partner}, "wherever they stand"


def test_a_card_that_we_make_gets_the_type(office: Office) -> None:
    made = office.crm.create("partner", {"name": "Дельта"}, key="k1")
    assert office.item(3, made)["typeId"] == "PARTNER"
    assert office.item(3, office.crm.create("contact", {"name": "Олена"}, key="k2"))["typeId"] != "PARTNER"


def test_a_comment_is_heard_at_what_the_card_is(office: Office) -> None:
    client, partner = card(office, "Олена"), card(office, "Дельта", typeId="PARTNER")
    ids = {}
    for one in (client, partner):
        fields = {"ENTITY_ID": one, "ENTITY_TYPE": "contact", "COMMENT": f"слово {one}"}
        ids[one] = str(office.staff("crm.timeline.comment.add", {"fields": fields}))
    comments = office.crm.comments
    assert [comments.get(ids[one]).entity for one in (client, partner)] == ["contact", "partner"]
    looked = comments.since(datetime.now(UTC) - timedelta(hours=1), ["partner"])
    assert [(one.entity, one.record_id) for one in looked] == [("partner", partner)]


def test_the_type_is_found_by_its_name_too_and_one_that_is_absent_is_told(office: Office) -> None:
    office.connection = replace(office.connection, mapping=with_partner("партнёры"))
    assert office.fresh().get("partner", card(office, "Дельта", typeId="PARTNER")).name == "Дельта"
    office.connection = replace(office.connection, mapping=with_partner("Агенти"))
    broken = office.fresh()
    with pytest.raises(Misconfigured, match="Агенти"):
        broken.find("partner")
    assert [item.name for item in broken.missing() if item.name == "Агенти"] == ["Агенти"]


def test_a_field_of_all_contacts_is_made_once() -> None:
    fields = {owner.key: set(owner.fields) for owner in owners(with_partner())}
    assert "annex_key" in fields["contact"] and "annex_key" not in fields["partner"] and "chat" in fields["partner"]
