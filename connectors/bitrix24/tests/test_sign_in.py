"""Who opened a page inside the portal: only the portal's own word counts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.bitrix24.auth import APP as VAULT_NAME
from connectors.bitrix24.receive import IDS
from connectors.bitrix24.sign_in import prove, sign_in
from connectors.bitrix24.tests.pocket import APP, HELD, WEBHOOK, Portal, Refusal, a_connection, a_vault, cut, refused
from kernel.errors import Unreachable
from kernel.extension import FrameRequest, NotProven
from kernel.mapping import EntityMap, FieldMap

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def portal():
    portal = Portal()
    portal.methods["profile"] = lambda params: {"ID": "14", "ADMIN": False, "NAME": "Oleg"}
    portal.methods["app.info"] = lambda params: {"CODE": "local.1"}
    return portal


@pytest.fixture
def connection(portal, tmp_path):
    vault = a_vault(tmp_path)
    vault.put(VAULT_NAME, HELD)
    vault.put(IDS, {"smart": {"deal/operation": ["1040", "7"]}})
    return a_connection(portal, vault, APP)


def opening(name, **changed):
    case = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    return FrameRequest(case["query"], {**case["body"], **changed})


def test_a_contacts_tab(portal, connection):
    found = sign_in(opening("page__contact_tab"), connection)
    assert (found.person_id, found.context) == ("14", {"placement": "CRM_CONTACT_DETAIL_TAB", "contact": "830"})
    assert portal.urls == ["https://broker.bitrix24.ru/rest/profile"]
    assert portal.requests == [("profile", {"auth": "9d4c...access"})]


def test_a_call_card_and_a_menu(connection):
    assert sign_in(opening("page__call_card"), connection).context["contact"] == "830"
    assert sign_in(opening("page__background_worker"), connection).context == {"placement": "PAGE_BACKGROUND_WORKER"}
    menu = opening("page__contact_tab", PLACEMENT="DEFAULT", PLACEMENT_OPTIONS="")
    assert sign_in(menu, connection).context == {"placement": "DEFAULT"}


@pytest.mark.parametrize(
    ("place", "options", "context"),
    [
        ("CRM_DEAL_DETAIL_TAB", {"ID": "5121"}, {"deal": "5121"}), ("CRM_LEAD_DETAIL_TOOLBAR", {"ID": 940}, {"lead": "940"}),
        ("CRM_DYNAMIC_1040_DETAIL_TAB", {"ID": "24"}, {"deal/operation": "24"}), ("CRM_DEAL_DETAIL_TAB", {"ID": "x"}, {}),
        ("CRM_DEAL_DETAIL_TAB", ["5"], {}), ("CRM_DYNAMIC_77_DETAIL_TAB", {"ID": "24"}, {}),
        (
            "USERFIELD_TYPE", {"ENTITY_DATA": {"entityTypeId": 3, "entityId": "830"}},
            {"contact": "830", "entity": "contact", "record": "830"},
        ),
        ("USERFIELD_TYPE", {"ENTITY_DATA": {"entityTypeId": 3, "entityId": "0"}}, {}),
        ("USERFIELD_TYPE", {"ENTITY_DATA": {"entityTypeId": 1040, "entityId": "24"}}, {"deal/operation": "24"}),
        ("CALL_CARD", {"CRM_ENTITY_TYPE": "LEAD", "CRM_ENTITY_ID": "7", "CRM_BINDINGS": "undefined"}, {"lead": "7"}),
        ("CALL_CARD", {"CRM_ENTITY_TYPE": "SMART", "CRM_ENTITY_ID": "0"}, {}),
    ],
)  # fmt: skip
def test_what_it_was_opened_on(connection, place, options, context):
    caught = opening("page__contact_tab", PLACEMENT=place, PLACEMENT_OPTIONS=json.dumps(options))
    assert sign_in(caught, connection).context == {"placement": place, **context}


def test_options_that_are_none(connection):
    for text in ("{", "[" * 50_000, '{"ID": "5"' + " " * 30_000 + "}"):
        caught = opening("page__contact_tab", PLACEMENT_OPTIONS=text)
        assert sign_in(caught, connection).context == {"placement": "CRM_CONTACT_DETAIL_TAB"}


def test_an_administrator(portal, connection):
    portal.methods["profile"] = lambda params: {"ID": 1, "ADMIN": True}
    found = sign_in(opening("page__contact_tab"), connection)
    assert (found.person_id, found.context["admin"]) == ("1", "yes")


@pytest.mark.parametrize(
    "changed",
    [{"AUTH_ID": ""}, {"member_id": "x"}, {"member_id": ""}, {"APPLICATION_TOKEN": "x"}, {"APPLICATION_TOKEN": ""}],
)
def test_a_forged_opening_is_not_even_asked_about(portal, connection, changed):
    with pytest.raises(NotProven):
        sign_in(opening("page__contact_tab", **changed), connection)
    assert portal.requests == []


def test_a_forged_domain_is_never_called(portal, connection):
    caught = opening("page__contact_tab", SERVER_ENDPOINT="https://evil.example/rest/")
    sign_in(FrameRequest({**caught.query, "DOMAIN": "evil.example", "PROTOCOL": "0"}, caught.form), connection)
    assert all(url.startswith("https://broker.bitrix24.ru/") for url in portal.urls)


@pytest.mark.parametrize("code", ["expired_token", "invalid_token", "NO_AUTH_FOUND", "user_access_error"])
def test_a_token_that_the_portal_does_not_take(portal, connection, code):
    portal.before = lambda method, params: refused(401, code)
    with pytest.raises(NotProven):
        sign_in(opening("page__contact_tab"), connection)
    assert len(portal.requests) == 1 and connection.vault.get(VAULT_NAME) == HELD


def test_a_portal_that_cannot_be_asked_or_says_nothing(portal, connection):
    portal.methods["profile"] = lambda params: {"ID": "null"}
    with pytest.raises(NotProven):
        sign_in(opening("page__contact_tab"), connection)
    portal.before = lambda method, params: cut()
    with pytest.raises(Unreachable):
        sign_in(opening("page__contact_tab"), connection)


def test_the_first_opening_by_an_administrator_installs(portal, tmp_path):
    connection = a_connection(portal, a_vault(tmp_path), {**APP, **WEBHOOK})
    with pytest.raises(NotProven):
        sign_in(opening("page__contact_tab"), connection)
    assert connection.vault.get(VAULT_NAME) is None
    portal.methods["profile"] = lambda params: {"ID": "1", "ADMIN": True}
    assert sign_in(opening("page__contact_tab"), connection).person_id == "1"
    assert connection.vault.get(VAULT_NAME)["refresh_token"] == "8c3b...refresh"


def test_an_administrators_opening_heals_a_revoked_token(portal, connection):
    connection.vault.put(VAULT_NAME, {**HELD, "refused_at": 5})
    sign_in(opening("page__contact_tab"), connection)
    assert connection.vault.get(VAULT_NAME)["access_token"] == "access-1"  # they are no administrator
    portal.methods["profile"] = lambda params: {"ID": "1", "ADMIN": True}
    sign_in(opening("page__contact_tab"), connection)
    held = connection.vault.get(VAULT_NAME)
    assert (held["access_token"], held["refused_at"]) == ("9d4c...access", 0)
    assert held["application_token"] == HELD["application_token"]


@pytest.fixture
def with_cards(connection):
    names = ("contact", "deal", "company")
    entities = {name: EntityMap(entity=name, field={"name": FieldMap(system="name")}) for name in names}
    return replace(connection, mapping=replace(connection.mapping, entities=entities))


def test_the_visitors_own_token_says_which_records_they_may_see(portal, with_cards):
    """One request for all of them; refused, gone and wrongly answered ones are not seen."""

    def item(params):
        number = int(params["id"])
        if number in (7, 8):
            raise Refusal(400, "ACCESS_DENIED" if number == 7 else "NOT_FOUND")
        return {"item": {"id": 5 if number == 9 else number}}

    portal.methods["crm.item.get"] = item
    visitor = sign_in(opening("page__contact_tab"), with_cards)
    asked = [("contact", "830"), ("deal", "5"), ("contact", "7"), ("company", "8"), ("deal", "9"), ("contact", "x")]
    assert visitor.sight.sees(asked) == {("contact", "830"), ("deal", "5")}
    name, params = portal.requests[-1]
    assert (name, params["auth"], len(params["cmd"])) == ("batch", "9d4c...access", 5)
    assert "entityTypeId=3" in params["cmd"]["c0"] and "entityTypeId=2" in params["cmd"]["c1"]
    assert visitor.sight.sees([("contact", "../1")]) == frozenset() and len(portal.requests) == 2


def test_a_fresh_token_of_an_open_page_says_whose_it_is_and_no_more(portal, with_cards):
    found = prove(FrameRequest({}, {"AUTH_ID": "fresh", "PLACEMENT": "CRM_DEAL_DETAIL_TAB"}), with_cards)
    assert (found.person_id, found.context) == ("14", {}) and portal.requests == [("profile", {"auth": "fresh"})]
    with pytest.raises(NotProven):
        prove(FrameRequest({}, {}), with_cards)
    portal.before = lambda method, params: refused(401, "expired_token")
    with pytest.raises(NotProven):
        found.sight.sees([("contact", "5")])
    portal.before = lambda method, params: cut()
    with pytest.raises(Unreachable):
        found.sight.sees([("contact", "5")])
