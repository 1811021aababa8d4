"""Switches and small methods that no other test comes by."""

import socket

import pytest
import requests


def test_tokens_may_live_shorter(portal, client, receiver):
    sandbox = portal(token_seconds=10, code_seconds=5, refresh_days=1)
    admin = client(sandbox)
    said = admin.door("/app/install", {"handler": f"{receiver.address}/hooks"})
    admin.door("/wait-idle", {})
    assert 8 <= int(receiver.forms()[0]["auth"]["expires_in"]) <= 10
    app = client(sandbox, token=said["access_token"])
    app.call("server.time")
    admin.door("/advance", {"seconds": 11})
    assert app.fails("server.time")[1] == "expired_token"
    admin.door("/advance", {"seconds": 86_400})
    query = {"grant_type": "refresh_token", "client_id": said["client_id"], "client_secret": said["client_secret"]}
    url = f"{admin.address}/oauth/token/"
    answer = admin.session.get(url, params={**query, "refresh_token": said["refresh_token"]})
    assert answer.json()["error"] == "invalid_grant"


def test_bodies_of_other_times(admin, receiver):
    """Without expires and user_id, as before 2024; without event_handler_id, as in the vendor's sample."""
    admin.switch(expires_in_events="off", install_handler_id="off")
    admin.door("/app/install", {"handler": f"{receiver.address}/hooks"})
    admin.door("/wait-idle", {})
    (form,) = receiver.forms()
    assert "event_handler_id" not in form
    assert not {"expires", "user_id"} & set(form["auth"])


def test_a_slow_handler_loses_the_event(admin, app, receiver):
    admin.switch(handler_timeout_s=0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes the call and never says a word
        handler = f"http://127.0.0.1:{deaf.getsockname()[1]}/hooks"
        app.call("event.bind", event="ONCRMDEALADD", handler=handler)
        admin.deal()
        assert admin.door("/wait-idle", {"timeout": 5})["idle"]
    (entry,) = [e for e in admin.door("/log?direction=out")["entries"] if e.get("name") == "ONCRMDEALADD"]
    assert (entry["status"], entry["ok"], entry["answer"]) == (0, False, "ReadTimeout")


def test_events_of_fields_and_comments_are_optional(admin, app, receiver):
    for name in ("ONCRMDEALUSERFIELDADD", "ONCRMTIMELINECOMMENTADD"):
        app.call("event.bind", event=name, handler=f"{receiver.address}/hooks")
    receiver.got.clear()
    comment = {"ENTITY_ID": admin.deal(), "ENTITY_TYPE": "deal", "COMMENT": "x"}
    admin.switch(timeline_events="off")
    admin.call("crm.timeline.comment.add", fields=comment)
    admin.call("crm.deal.userfield.add", fields={"FIELD_NAME": "A", "USER_TYPE_ID": "string"})
    admin.switch(timeline_events="on", userfield_events="on")
    admin.call("crm.timeline.comment.add", fields=comment)
    admin.call("crm.deal.userfield.add", fields={"FIELD_NAME": "B", "USER_TYPE_ID": "string"})
    admin.door("/wait-idle", {})
    assert receiver.events() == ["ONCRMTIMELINECOMMENTADD", "ONCRMDEALUSERFIELDADD"]
    assert receiver.forms()[1]["data"]["FIELDS"]["FIELD_NAME"] == "UF_CRM_B"


def test_a_share_of_writes_is_cut(portal, client):
    admin = client(portal(cut_after_commit_rate=0.5, seed=4))
    lost = 0
    for _ in range(20):
        try:
            admin.raw("crm.deal.add", {"fields": {}})
        except requests.ConnectionError:
            lost += 1
    assert 0 < lost < 20
    assert len(admin.call("crm.deal.list")) == 20


def test_small_methods(admin):
    assert admin.call("crm.category.fields", entityTypeId=2)["fields"]["name"]["type"] == "string"
    assert admin.call("crm.activity.fields")["SUBJECT"]["isRequired"] is True
    assert admin.call("crm.timeline.comment.fields")["COMMENT"]["type"] == "string"
    assert admin.call("crm.type.fields")["fields"]["title"]["isRequired"] is True
    assert admin.call("crm.lead.fields")["STATUS_ID"]["statusType"] == "STATUS"
    assert admin.call("crm.enum.fields")["ID"]["type"] == "integer"
    assert admin.call("crm.currency.base.get") == "RUB"
    assert admin.call("crm.currency.get", id="USD")["BASE"] == "N"
    assert admin.fails("crm.currency.get", id="XXX")[2] == "Not found"
    assert "double" in admin.call("userfieldconfig.getTypes", moduleId="crm")["types"]
    assert admin.call("access.name", ACCESS=["U14"])["U14"]["name"] == "Олег Сидоров"


@pytest.mark.parametrize("name", ["activitypriority", "activitydirection", "activitystatus", "contenttype", "addresstype"])
def test_enumerations(admin, name):
    rows = admin.call(f"crm.enum.{name}")
    assert all(set(row) == {"ID", "NAME", "SYMBOL_CODE", "SYMBOL_CODE_SHORT"} for row in rows)


def test_companies_and_their_fields(admin):
    field = admin.call("crm.company.userfield.add", fields={"FIELD_NAME": "INN", "USER_TYPE_ID": "string"})
    company = admin.call("crm.company.add", fields={"TITLE": "ООО", "UF_CRM_INN": "77", "REVENUE": 5})
    admin.call("crm.company.update", id=company, fields={"TITLE": "АО"})
    (row,) = admin.call("crm.company.list", filter={"UF_CRM_INN": "77"}, select=["TITLE", "UF_*"])
    assert row == {"ID": str(company), "TITLE": "АО", "UF_CRM_INN": "77"}
    admin.call("crm.company.userfield.update", id=field, fields={"XML_ID": "inn"})
    assert admin.call("crm.company.userfield.list")[0]["XML_ID"] == "inn"
    assert admin.call("crm.company.userfield.get", id=field)["ENTITY_ID"] == "CRM_COMPANY"
    admin.call("crm.company.userfield.delete", id=field)
    assert admin.call("crm.company.delete", id=company) is True


def test_one_contact_more_and_less(admin):
    one, two = (admin.call("crm.contact.add", fields={"NAME": name}) for name in "ab")
    deal = admin.deal(CONTACT_ID=one)
    assert admin.call("crm.deal.contact.add", id=deal, fields={"CONTACT_ID": two, "IS_PRIMARY": "Y"}) is True
    assert admin.call("crm.deal.contact.add", id=deal, fields={"CONTACT_ID": two}) is False
    assert admin.item(deal)["contactIds"] == [two, one]
    admin.call("crm.deal.contact.delete", id=deal, fields={"CONTACT_ID": two})
    assert admin.item(deal)["contactId"] == one
    assert admin.fails("crm.deal.contact.add", id=deal, fields={"CONTACT_ID": 1})[0] == 400


def test_parts_of_a_todo_and_its_bindings(admin):
    deal, lead = admin.deal(), admin.call("crm.lead.add", fields={"TITLE": "x"})
    owner = {"ownerTypeId": 2, "ownerId": deal}
    ident = admin.call("crm.activity.todo.add", **owner, deadline="2026-12-01T10:00:00", title="x")["id"]
    admin.call("crm.activity.todo.updateDeadline", **owner, id=ident, deadline="2026-12-02T10:00:00")
    admin.call("crm.activity.todo.updateDescription", **owner, id=ident, description="y")
    admin.call("crm.activity.todo.updateResponsibleUser", **owner, id=ident, responsibleId=15)
    shown = admin.call("crm.activity.get", id=ident)
    assert (shown["DEADLINE"][:10], shown["DESCRIPTION"], shown["RESPONSIBLE_ID"]) == ("2026-12-02", "y", "15")
    assert admin.call("crm.activity.binding.add", activityId=ident, entityTypeId=1, entityId=lead) is True
    again = admin.fails("crm.activity.binding.add", activityId=ident, entityTypeId=1, entityId=lead)
    assert again[1] == "ACTIVITY_IS_ALREADY_BOUND"
