"""Contacts of one template as an entity of their own: a client's card is never read or swept as a partner's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kernel.crm import Elsewhere

SINCE = datetime(2020, 1, 1, tzinfo=UTC)
TEMPLATE = 4016


@pytest.fixture
def cards(portal):
    return portal.contact(name="Олена", template={"id": 1}), portal.contact(name="Дельта", template={"id": 2})


def test_only_the_contacts_of_that_template_are_partners(portal, crm, cards):
    client, partner = (f"contact:{one}" for one in cards)
    assert crm.get("partner", partner).name == "Дельта"
    assert [crm.get("contact", one).name for one in (client, partner)] == ["Олена", "Дельта"], "any template will do"
    with pytest.raises(Elsewhere, match="Партнер") as told:
        crm.get("partner", client)
    assert told.value.record.elsewhere
    assert [one.id for one in crm.find("partner")] == [partner]
    assert [one.id for one in crm.find("contact")] == [client, partner]


@pytest.mark.parametrize("ignored", [False, True])
def test_a_sweep_names_partners_alone_even_if_the_portal_ignores_the_condition(portal, crm, cards, ignored):
    portal.ignored_filters |= {TEMPLATE} if ignored else set()
    swept = crm.changed({"partner": SINCE})
    assert [one.id for one in swept if not one.elsewhere] == [f"contact:{cards[1]}"]
    assert {one.id for one in swept if one.elsewhere} == ({f"contact:{cards[0]}"} if ignored else set())


def test_a_portal_that_does_not_tell_the_template_is_believed_by_its_script(portal, crm):
    assert crm.get("partner", str(portal.contact(name="Дельта"))).name == "Дельта"


def test_what_is_there_is_named_as_it_was_asked_for(crm, cards):
    client, partner = cards
    asked = [str(partner), f"contact:{client}", "77777"]
    assert crm.existing("partner", asked) == set(asked[:2])
