"""Activities (point 38), comments, triggers."""

import pytest


@pytest.fixture
def deal(admin):
    return admin.deal()


def todo(admin, deal, deadline="2026-11-01T15:00:00+03:00", **more):
    fields = {"ownerTypeId": 2, "ownerId": deal, "deadline": deadline, "title": "Позвонить", "responsibleId": 14, **more}
    return admin.call("crm.activity.todo.add", **fields)["id"]


def test_overdue_ones_can_be_counted(admin, deal):
    late = todo(admin, deal)
    todo(admin, deal, "2030-01-01T00:00:00+03:00")
    done = todo(admin, deal)
    admin.call("crm.activity.update", id=done, fields={"COMPLETED": "Y"})
    admin.call("crm.activity.add", fields={"OWNER_TYPE_ID": 2, "OWNER_ID": deal, "TYPE_ID": 6, "SUBJECT": "без срока"})
    found = admin.envelope("crm.activity.list", filter={
        "COMPLETED": "N", "<DEADLINE": "2026-11-20T00:00:00+03:00", "@OWNER_TYPE_ID": [1, 2], "RESPONSIBLE_ID": 14,
    }, select=["ID", "OWNER_ID", "OWNER_TYPE_ID", "RESPONSIBLE_ID", "DEADLINE"], start=-1)  # fmt: skip
    assert "total" not in found
    assert found["result"] == [{
        "ID": str(late), "OWNER_ID": str(deal), "OWNER_TYPE_ID": "2", "RESPONSIBLE_ID": "14",
        "DEADLINE": "2026-11-01T15:00:00+03:00",
    }]  # fmt: skip


def test_a_deadline_far_away_or_null(admin, deal):
    fields = {"OWNER_TYPE_ID": 2, "OWNER_ID": deal, "TYPE_ID": 6, "SUBJECT": "x"}
    far = admin.call("crm.activity.add", fields=fields)
    assert admin.call("crm.activity.get", id=far)["DEADLINE"].startswith("9999-12-31")
    admin.switch(no_deadline="null")
    none = admin.call("crm.activity.add", fields=fields)
    assert admin.call("crm.activity.get", id=none)["DEADLINE"] is None
    assert [row["ID"] for row in admin.call("crm.activity.list", filter={"<DEADLINE": "2030-01-01"})] == []


@pytest.mark.parametrize(("closing", "completed"), [("completes", "Y"), ("leaves", "N")])
def test_with_a_deal_that_is_closed_its_activities_are_done(admin, deal, closing, completed):
    admin.switch(closing=closing)
    mine, other = todo(admin, deal), todo(admin, admin.deal())
    admin.call("crm.deal.update", id=deal, fields={"STAGE_ID": "PREPARATION"})
    assert admin.call("crm.activity.get", id=mine)["COMPLETED"] == "N"
    admin.call("crm.deal.update", id=deal, fields={"STAGE_ID": "WON"})
    assert admin.call("crm.activity.get", id=mine)["COMPLETED"] == completed
    assert admin.call("crm.activity.get", id=other)["COMPLETED"] == "N"


def test_several_bindings(admin, deal):
    contact = admin.call("crm.contact.add", fields={"NAME": "x"})
    pairs = [{"OWNER_TYPE_ID": 2, "OWNER_ID": deal}, {"OWNER_TYPE_ID": 3, "OWNER_ID": contact}]
    ident = admin.call("crm.activity.add", fields={
        "BINDINGS": pairs, "TYPE_ID": 2, "SUBJECT": "Звонок", "DIRECTION": 2,
        "COMMUNICATIONS": [{"VALUE": "+79165550134", "ENTITY_ID": contact, "ENTITY_TYPE_ID": 3}],
    })  # fmt: skip
    shown = admin.call("crm.activity.get", id=ident)
    assert (shown["OWNER_TYPE_ID"], shown["OWNER_ID"], shown["SETTINGS"]) == ("2", str(deal), [])
    found = admin.call("crm.activity.list", filter={"BINDINGS": pairs}, select=["ID", "COMMUNICATIONS"])
    assert [row["ID"] for row in found] == [str(ident)] * 2  # repeated, once for each hit
    assert found[0]["COMMUNICATIONS"][0]["VALUE"] == "+79165550134"
    assert admin.call("crm.activity.binding.list", activityId=ident)[1] == {"entityTypeId": 3, "entityId": contact}
    other = admin.deal()
    place = {"activityId": ident, "entityTypeId": 2}
    assert admin.fails("crm.activity.binding.delete", **place, entityId=other)[1] == "BINDING_NOT_FOUND"
    assert admin.call("crm.activity.binding.delete", **place, entityId=deal) is True
    assert admin.call("crm.activity.get", id=ident)["OWNER_ID"] == str(contact)
    only = {"activityId": ident, "entityTypeId": 3, "entityId": contact}
    assert admin.fails("crm.activity.binding.delete", **only)[1] == "LAST_BINDING_CANNOT_BE_DELETED"
    assert admin.fails("crm.activity.binding.delete", activityId=ident)[1] == "100"
    assert admin.call("crm.activity.binding.add", **place, entityId=deal) is True
    admin.call("crm.deal.delete", id=deal)
    assert admin.call("crm.activity.get", id=ident)["SUBJECT"] == "Звонок"
    admin.call("crm.contact.delete", id=contact)
    assert admin.fails("crm.activity.get", id=ident) == (400, "", "Activity is not found")


def test_what_is_refused(admin, deal):
    owner = {"OWNER_TYPE_ID": 2, "OWNER_ID": deal}

    def refused(**fields):
        return admin.fails("crm.activity.add", fields={**owner, **fields})[2]

    assert refused(TYPE_ID=6) == "The field SUBJECT is not defined or empty"
    assert refused(TYPE_ID=6, SUBJECT="x", RESPONSIBLE_ID=999) == "The field RESPONSIBLE_ID is not defined or invalid"
    assert refused(TYPE_ID=2, SUBJECT="x") == "The field COMMUNICATIONS is not defined or invalid"
    todo_of = {"ownerTypeId": 2, "ownerId": deal}
    assert admin.fails("crm.activity.todo.add", **todo_of)[1] == "100"
    assert admin.fails("crm.activity.todo.add", **todo_of, deadline="soon")[1] == "WRONG_DATETIME_FORMAT"
    assert admin.fails("crm.activity.todo.add", ownerTypeId=2, ownerId=1, deadline="2026-12-01")[1] == "OWNER_NOT_FOUND"
    ident = todo(admin, deal)
    assert admin.call("crm.activity.todo.update", id=ident, **todo_of, deadline="2026-12-02T10:00:00") == {"id": ident}
    assert admin.call("crm.activity.get", id=ident)["DEADLINE"] == "2026-12-02T10:00:00+03:00"
    admin.call("crm.activity.update", id=ident, fields={"COMPLETED": "Y"})
    done = admin.fails("crm.activity.todo.update", id=ident, **todo_of, title="y")
    assert done[1] == "CAN_NOT_UPDATE_COMPLETED_TODO"
    assert admin.call("crm.activity.delete", id=ident) is True


def test_an_activity_is_no_change_of_the_deal(admin, deal):
    before = admin.item(deal)
    admin.door("/advance", {"seconds": 60})
    todo(admin, deal)
    after = admin.item(deal)
    assert after["updatedTime"] == before["updatedTime"]
    assert after["lastActivityTime"] > before["lastActivityTime"]


def test_comments(admin, deal, manager):
    def comment(text, **more):
        return admin.call(
            "crm.timeline.comment.add", fields={"ENTITY_ID": deal, "ENTITY_TYPE": "deal", "COMMENT": text, **more}
        )

    one, two = comment("первый"), comment("второй", AUTHOR_ID=14)
    tree = {"ENTITY_ID": deal, "ENTITY_TYPE": "deal"}
    listed = admin.envelope("crm.timeline.comment.list", filter=tree, order={"ID": "DESC"})
    assert (listed["total"], [row["COMMENT"] for row in listed["result"]]) == (2, ["второй", "первый"])
    assert listed["result"][0]["AUTHOR_ID"] == "14"
    assert admin.call("crm.timeline.comment.list", filter={**tree, "ENTITY_ID": deal + 1}) == []
    short = admin.call("crm.timeline.comment.list", filter=tree, select=["COMMENT"])
    assert short[0] == {"ID": str(one), "COMMENT": "первый"}
    assert admin.call("crm.timeline.comment.list", filter={**tree, "%COMMENT": "втор"})[0]["ID"] == str(two)
    assert manager.call("crm.timeline.comment.update", id=one, fields={"COMMENT": "правка"}) is True
    assert admin.call("crm.timeline.comment.get", id=one)["COMMENT"] == "правка"
    assert admin.call("crm.timeline.comment.delete", id=one) is True
    assert admin.fails("crm.timeline.comment.get", id=one) == (400, "", "Not found.")
    wrong = {"ENTITY_ID": 1, "ENTITY_TYPE": "deal", "COMMENT": "x"}
    assert admin.fails("crm.timeline.comment.add", fields=wrong)[1] == "OWNER_NOT_FOUND"
    assert admin.fails("crm.timeline.comment.add", fields={**wrong, "COMMENT": ""})[1] == "INVALID_ARG_VALUE"
    admin.call("crm.deal.delete", id=deal)
    assert admin.fails("crm.timeline.comment.get", id=two)[0] == 400


def test_triggers(admin, deal, app):
    admin.door("/robot", {"trigger": "paid", "action": "set_stage", "to": "EXECUTING"})
    assert admin.call("crm.automation.trigger", target=f"DEAL_{deal}", code="paid") is True
    assert admin.item(deal)["stageId"] == "EXECUTING"
    assert admin.fails("crm.automation.trigger", code="paid")[2] == "Target is not set."
    assert admin.fails("crm.automation.trigger", target="nonsense")[2] == "Incorrect target format."
    assert admin.fails("crm.automation.trigger", target="DEAL_1")[2] == "Target is not found."
    other = admin.deal()
    owner = {"OWNER_TYPE_ID": 2, "OWNER_ID": other}
    assert "not registered" in app.fails("crm.automation.trigger.execute", CODE="paid", **owner)[2]
    app.call("crm.automation.trigger.add", CODE="paid", NAME="Оплачено")
    assert app.call("crm.automation.trigger.list") == [{"NAME": "Оплачено", "CODE": "paid"}]
    app.call("crm.automation.trigger.execute", CODE="paid", **owner)
    assert admin.item(other)["stageId"] == "EXECUTING"
    assert app.call("crm.automation.trigger.delete", CODE="paid") is True
    assert app.fails("crm.automation.trigger.delete", CODE="paid")[2] == "Trigger not found"
