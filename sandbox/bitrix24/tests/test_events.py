"""Events: bodies, tokens, no retries, offline queue, robots (points 22-29)."""

import pytest

from sandbox.bitrix24.crm.automation import CHAIN_MAX


@pytest.fixture
def hooks(app, receiver):
    """Binds events and forgets what the installation posted."""

    def bind(*names, **more):
        for name in names:
            app.call("event.bind", event=name, handler=f"{receiver.address}/hooks", **more)
        receiver.got.clear()

    return bind


def idle(admin):
    assert admin.door("/wait-idle", {"timeout": 30})["idle"]


def test_a_change_by_a_person_carries_the_id_and_their_tokens(admin, manager, hooks, receiver, client, broker):
    hooks("ONCRMDEALADD", "OnCrmDealUpdate", "ONCRMDEALDELETE")
    deal = admin.deal()
    manager.call("crm.deal.update", id=deal, fields={"STAGE_ID": "PREPARATION"})
    admin.call("crm.deal.delete", id=deal)
    idle(admin)
    assert receiver.events() == ["ONCRMDEALADD", "ONCRMDEALUPDATE", "ONCRMDEALDELETE"]
    assert receiver.got[0]["type"] == "application/x-www-form-urlencoded"
    form = receiver.forms("ONCRMDEALUPDATE")[0]
    assert set(form) == {"event", "event_handler_id", "data", "ts", "auth"}
    assert form["data"] == {"FIELDS": {"ID": str(deal)}}
    assert set(form["auth"]) == {
        "access_token", "expires", "expires_in", "scope", "domain", "server_endpoint", "status", "client_endpoint",
        "member_id", "user_id", "application_token",
    }  # fmt: skip
    assert form["auth"]["user_id"] == "14"
    assert client(broker, token=form["auth"]["access_token"]).call("user.current")["ID"] == "14"


def test_a_chosen_users_token(admin, app, hooks, receiver, manager):
    hooks("ONCRMDEALADD", auth_type=2)
    manager.deal()
    idle(admin)
    assert receiver.forms()[0]["auth"]["user_id"] == "2"
    assert app.call("event.get")[0]["auth_type"] == "2"


def test_a_robot_acts_without_tokens(admin, manager, hooks, receiver):
    hooks("ONCRMDEALUPDATE")
    admin.door("/robot", {"stage": "PREPARATION", "action": "set_field", "field": "COMMENTS", "value": "робот"})
    admin.door("/robot", {"stage": "PREPARATION", "action": "set_stage", "to": "EXECUTING"})
    deal = admin.deal()
    manager.call("crm.deal.update", id=deal, fields={"STAGE_ID": "PREPARATION"})
    idle(admin)
    first, *others = receiver.forms()
    assert first["auth"]["user_id"] == "14"
    assert len(others) == 2  # one save, several events
    for form in others:
        assert set(form["auth"]) == {"domain", "client_endpoint", "server_endpoint", "member_id", "application_token"}
    item = admin.item(deal)
    assert (item["stageId"], item["comments"], item["movedBy"], item["updatedBy"]) == ("EXECUTING", "робот", 0, 0)


def test_who_moved_it_after_a_robot_is_a_switch(admin, manager):
    admin.switch(robot_moves="last")
    admin.door("/robot", {"stage": "PREPARATION", "action": "set_stage", "to": "EXECUTING"})
    deal = admin.deal()
    manager.call("crm.deal.update", id=deal, fields={"STAGE_ID": "PREPARATION"})
    assert (admin.item(deal)["stageId"], admin.item(deal)["movedBy"]) == ("EXECUTING", 14)


def test_robots_wait_and_do_not_go_round_for_ever(admin):
    admin.door("/robot", {"stage": "PREPARATION", "action": "set_stage", "to": "EXECUTING", "delay": 60})
    deal = admin.deal(STAGE_ID="PREPARATION")
    assert admin.item(deal)["stageId"] == "PREPARATION"
    admin.door("/advance", {"seconds": 61})
    idle(admin)
    assert admin.item(deal)["stageId"] == "EXECUTING"
    admin.door("/robot", {"clear": True})
    admin.door("/robot", {"stage": "NEW", "action": "set_stage", "to": "EXECUTING"})
    admin.door("/robot", {"stage": "EXECUTING", "action": "set_stage", "to": "NEW"})
    other = admin.deal()
    history = admin.envelope("crm.stagehistory.list", entityTypeId=2, filter={"OWNER_ID": other})
    assert history["total"] == CHAIN_MAX + 1
    admin.door("/robot", {"clear": True})
    admin.door("/robot", {"stage": "PREPARATION", "action": "add_comment", "text": "проверить"})
    admin.move(other, stageId="PREPARATION")
    (comment,) = admin.call("crm.timeline.comment.list", filter={"ENTITY_ID": other, "ENTITY_TYPE": "deal"})
    assert (comment["COMMENT"], comment["AUTHOR_ID"]) == ("проверить", "0")


def test_moving_to_another_pipeline_tells_applications_only(admin, hooks, receiver):
    category = admin.call("crm.category.add", entityTypeId=2, fields={"name": "Вторая"})["category"]["id"]
    admin.door("/outgoing-webhook", {
        "events": ["ONCRMDEALMOVETOCATEGORY", "ONCRMDEALUPDATE"], "token": "hook-token",
        "handler": f"{receiver.address}/out",
    })  # fmt: skip
    hooks("ONCRMDEALMOVETOCATEGORY")
    deal = admin.deal()
    admin.move(deal, categoryId=category)
    idle(admin)
    assert sorted(item["path"] for item in receiver.got) == ["/hooks", "/out"]
    moved = next(item["form"] for item in receiver.got if item["path"] == "/hooks")
    wanted = {"ID": str(deal), "CATEGORY_ID": str(category), "STAGE_ID": f"C{category}:NEW"}
    assert moved["data"]["FIELDS"] == wanted
    outgoing = next(item["form"] for item in receiver.got if item["path"] == "/out")
    assert (outgoing["event"], outgoing["auth"]["application_token"]) == ("ONCRMDEALUPDATE", "hook-token")
    assert "access_token" not in outgoing["auth"]


def test_nothing_is_sent_twice(admin, hooks, receiver):
    hooks("ONCRMDEALADD")
    receiver.answers += [500]
    admin.deal()
    idle(admin)
    admin.door("/advance", {"seconds": 86_400})
    idle(admin)
    assert len(receiver.got) == 1
    counters = admin.door("/state")["counters"]
    assert (counters["failed"], counters["raised"] >= 1) == (1, True)


def test_delay_pause_drops_doubles_and_disorder(admin, hooks, receiver):
    hooks("ONCRMDEALADD")
    admin.switch(delay=30)
    first = admin.deal()
    assert admin.door("/state")["queue"] == 1
    admin.door("/advance", {"seconds": 31})
    idle(admin)
    admin.switch(delay=0, drop_next=1)
    admin.deal()
    admin.switch(duplicate_rate=1)
    second = admin.deal()
    admin.switch(duplicate_rate=0)
    admin.door("/pause", {})
    admin.switch(reorder_rate=1)
    third = admin.deal()
    admin.switch(reorder_rate=0)
    fourth = admin.deal()
    assert len(receiver.got) <= 3
    admin.door("/resume", {})
    # Sooner than a held-back event would go by itself.
    assert admin.door("/wait-idle", {"timeout": 3})["idle"]
    ids = [int(form["data"]["FIELDS"]["ID"]) for form in receiver.forms()]
    assert ids == [first, second, second, fourth, third]
    admin.switch(events_only="ONCRMLEADADD")
    admin.deal()
    idle(admin)
    assert len(receiver.got) == 5


def test_a_foreign_token(admin, hooks, receiver, installed):
    hooks("ONCRMDEALADD")
    admin.switch(foreign_token_next=1)
    admin.deal()
    admin.deal()
    idle(admin)
    first, second = (form["auth"]["application_token"] for form in receiver.forms())
    assert first != installed["application_token"] == second


def test_binding_rules(admin, app, client, broker, receiver):
    handler = f"{receiver.address}/hooks"
    app.call("event.bind", event="ONCRMDEALADD", handler=handler)
    repeated = app.fails("event.bind", event="oncrmdealadd", handler=handler)
    assert repeated[0] == 400
    assert repeated[2].startswith("Unable to set event handler")
    assert app.fails("event.bind", event="ONNOTHING", handler=handler)[:2] == (400, "ERROR_EVENT_NOT_FOUND")
    admin.switch(handler_domain="own")
    assert (
        app.fails("event.bind", event="ONCRMLEADADD", handler="https://other.example.com/x")[1] == "ERROR_WRONG_HANDLER_URL"
    )
    token = admin.door("/app/tokens", {"user": "14"})["access_token"]
    manager = client(broker, token=token)
    assert manager.fails("event.bind", event="ONCRMLEADADD", handler=handler, auth_type=1)[:2] == (403, "ACCESS_DENIED")
    assert manager.fails("event.bind", event="ONCRMLEADADD", event_type="offline")[:2] == (403, "ACCESS_DENIED")
    manager.call("event.bind", event="ONCRMLEADADD", handler=handler, auth_type=14)
    assert app.call("event.get")[0] == {"event": "ONCRMDEALADD", "handler": handler, "auth_type": "0", "offline": 0}
    assert app.call("event.unbind", event="ONCRMDEALADD", handler=handler) == {"count": 1}
    assert app.call("event.unbind", event="ONCRMDEALADD", handler=handler) == {"count": 0}
    assert app.call("event.unbind") == {"count": 1}


def test_the_ping(admin, app, hooks, receiver):
    hooks("ONAPPTEST")
    assert app.call("event.test", any="data") == 1
    idle(admin)
    assert receiver.forms()[0]["data"] == {"QUERY": {"any": "data"}}


def test_smart_processes_have_their_own_events_and_deals_do_not_raise_them(admin, hooks, receiver):
    kind = admin.call("crm.type.add", fields={"title": "Процесс", "entityTypeId": 1040})["type"]["entityTypeId"]
    hooks("ONCRMDYNAMICITEMADD", "ONCRMDYNAMICITEMUPDATE_1040")
    admin.deal()
    ident = admin.call("crm.item.add", entityTypeId=kind, fields={"title": "a"})["item"]["id"]
    admin.call("crm.item.update", entityTypeId=kind, id=ident, fields={"title": "b"})
    idle(admin)
    assert receiver.events() == ["ONCRMDYNAMICITEMADD", "ONCRMDYNAMICITEMUPDATE_1040"]
    assert receiver.forms()[0]["data"]["FIELDS"] == {"ID": str(ident), "ENTITY_TYPE_ID": "1040"}


def test_contacts_leads_activities_comments_raise_events(admin, hooks, receiver):
    hooks("ONCRMCONTACTADD", "ONCRMLEADADD", "ONCRMACTIVITYADD", "ONCRMTIMELINECOMMENTADD", "ONCRMCOMPANYADD")
    lead = admin.call("crm.lead.add", fields={"TITLE": "x"})
    admin.call("crm.contact.add", fields={"NAME": "x"})
    admin.call("crm.company.add", fields={"TITLE": "x"})
    admin.call("crm.activity.todo.add", ownerTypeId=1, ownerId=lead, deadline="2026-12-01T10:00:00+03:00", title="x")
    admin.call("crm.timeline.comment.add", fields={"ENTITY_ID": lead, "ENTITY_TYPE": "lead", "COMMENT": "x"})
    idle(admin)
    assert receiver.events() == [
        "ONCRMLEADADD", "ONCRMCONTACTADD", "ONCRMCOMPANYADD", "ONCRMACTIVITYADD", "ONCRMTIMELINECOMMENTADD",
    ]  # fmt: skip


# -- the offline queue


def test_the_queue_keeps_the_latest_state_per_object(admin, app):
    for name in ("ONCRMDEALADD", "ONCRMDEALUPDATE"):
        app.call("event.bind", event=name, event_type="offline")
    deal = admin.deal()
    admin.move(deal, title="a")
    admin.move(deal, title="b")
    rows = app.envelope("event.offline.list")
    assert (rows["total"], [row["EVENT_NAME"] for row in rows["result"]]) == (2, ["ONCRMDEALADD", "ONCRMDEALUPDATE"])
    taken = app.call("event.offline.get")
    assert taken["process_id"] is None
    assert taken["events"][0]["EVENT_DATA"] == {"FIELDS": {"ID": deal}}
    assert app.call("event.offline.get")["events"] == []


def test_readers_reserve_and_confirm(admin, app):
    app.call("event.bind", event="ONCRMDEALADD", event_type="offline")
    for _ in range(3):
        admin.deal()
    one = app.call("event.offline.get", clear=0, limit=2)
    two = app.call("event.offline.get", clear=0)
    assert (len(one["events"]), len(two["events"])) == (2, 1)
    assert one["process_id"] != two["process_id"]
    assert app.call("event.offline.clear", process_id=one["process_id"], id=[one["events"][0]["ID"]]) is True
    message = one["events"][1]["MESSAGE_ID"]
    assert app.call("event.offline.error", process_id=one["process_id"], message_id=[message]) is True
    assert [row["MESSAGE_ID"] for row in app.call("event.offline.get", clear=0)["events"]] == [message]


def test_a_reserved_row_is_not_overwritten(admin, app):
    app.call("event.bind", event="ONCRMDEALUPDATE", event_type="offline")
    deal = admin.deal()
    admin.move(deal, title="a")
    reserved = app.call("event.offline.get", clear=0)
    admin.move(deal, title="b")  # while the reader is at work
    assert app.envelope("event.offline.list")["total"] == 2
    app.call("event.offline.clear", process_id=reserved["process_id"])
    (left,) = app.call("event.offline.get")["events"]
    assert left["EVENT_DATA"]["FIELDS"]["ID"] == deal


def test_a_connector_does_not_hear_itself(admin, app):
    app.call("event.bind", event="ONCRMDEALADD", event_type="offline", auth_connector="annex")
    app.call("crm.deal.add", fields={"TITLE": "own"}, auth_connector="annex")
    other = admin.deal()
    assert app.call("event.offline.get")["events"] == []  # without the connector's name nothing is there
    events = app.call("event.offline.get", auth_connector="annex")["events"]
    assert [row["EVENT_DATA"]["FIELDS"]["ID"] for row in events] == [other]


def test_the_signal_carries_a_refresh_token_and_is_not_sent_too_often(admin, app, receiver):
    app.call("event.bind", event="ONOFFLINEEVENT", handler=f"{receiver.address}/hooks", options={"minTimeout": 60})
    app.call("event.bind", event="ONCRMDEALADD", event_type="offline")
    receiver.got.clear()
    admin.deal()
    admin.deal()
    idle(admin)
    (form,) = receiver.forms("ONOFFLINEEVENT")
    assert "data" not in form
    assert form["auth"]["refresh_token"]
    admin.door("/advance", {"seconds": 61})
    admin.deal()
    idle(admin)
    assert len(receiver.forms("ONOFFLINEEVENT")) == 2


def test_only_administrators_read_the_queue(admin, client, broker, installed):
    token = admin.door("/app/tokens", {"user": "14"})["access_token"]
    assert client(broker, token=token).fails("event.offline.get")[:2] == (403, "ACCESS_DENIED")


def test_the_portals_own_leads(admin, hooks, receiver):
    hooks("ONCRMLEADADD")
    lead = admin.door("/lead", {"source": "CALL", "title": "Звонок", "phone": "+79165550134", "name": "Ирина"})["id"]
    shown = admin.call("crm.lead.get", id=lead)
    assert (shown["SOURCE_ID"], shown["CREATED_BY_ID"], shown["ASSIGNED_BY_ID"]) == ("CALL", "0", "1")
    assert shown["PHONE"][0]["VALUE"] == "+79165550134"
    idle(admin)
    assert "access_token" not in receiver.forms()[0]["auth"]
    deal = admin.door("/deal", {"source": "WEB", "phone": "+79165550135", "name": "Пётр"})["id"]
    assert admin.item(deal)["contactId"] > 0
