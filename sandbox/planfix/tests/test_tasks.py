"""Contract 3.1, checklist 3-11 and 14-17."""

import pytest


def test_without_fields_only_the_id_comes(robot):
    assert robot.get(f"/task/{robot.deal()}") == {"result": "success", "task": {"id": 15001}}


def test_unknown_names_blanks_and_foreign_parameters_are_borne(robot):
    answer = robot.get(f"/task/{robot.deal()}", fields="id, name,workers,isFinal", account="x")
    assert answer["task"] == {"id": 15001, "name": "Обмін"}


def test_custom_values_come_by_number_only(robot):
    deal = robot.deal()
    robot.set(deal, f11041="12.30")
    assert "customFieldData" not in robot.task(deal, "id,customFieldData")
    (item,) = robot.task(deal, "11041,11042,11099")["customFieldData"]
    assert item == {
        "field": {"id": 11041, "name": "Прибуток", "type": 0, "objectType": 0},
        "value": "12.30",
        "stringValue": "12.30",
    }


def test_a_write_to_an_unattached_field_succeeds_and_stores_nothing(robot):
    deal = robot.deal()
    assert robot.set(deal, f11099="x") == {"result": "success"}
    assert robot.value(deal, 11099) is None
    robot.door("/portal/attach", {"field": 11099, "object": 4703})
    assert robot.value(deal, 11099) is None
    robot.set(deal, f11099="y")
    assert robot.value(deal, 11099) == "y"


def test_a_partial_update_keeps_the_other_fields(robot):
    deal = robot.deal(customFieldData=[{"field": {"id": 11041}, "value": "1"}, {"field": {"id": 11043}, "value": "2"}])
    robot.set(deal, f11041="3")
    assert (robot.value(deal, 11041), robot.value(deal, 11043)) == ("3", "2")


def test_an_empty_value_clears(robot):
    deal = robot.deal()
    robot.set(deal, f11041="1", f11020={"id": 801})
    robot.set(deal, f11041="", f11020=None)
    assert "customFieldData" not in robot.task(deal, "11041,11020")
    assert len(robot.post("/task/list", {"filters": [{"type": 153, "value": 11041}]})["tasks"]) == 1


def test_an_unknown_priority_becomes_not_urgent(robot):
    deal = robot.deal(priority="Urgent")
    assert robot.task(deal, "priority")["priority"] == "Urgent"
    robot.post(f"/task/{deal}", {"priority": "Burning"})
    assert robot.task(deal, "priority")["priority"] == "NotUrgent"


def test_a_person_without_prefix_becomes_the_owner_of_the_token(staff):
    deal = staff.deal(assignees={"users": [{"id": 33}, {"id": "user:5"}], "groups": [{"id": 2}]})
    assert staff.task(deal, "assignees")["assignees"] == {
        "users": [{"id": "user:3", "name": "Ігор Бондар"}, {"id": "user:5", "name": "Марія Коваль"}],
        "groups": [{"id": 2, "name": "Каса"}],
    }


@pytest.mark.parametrize("written", [811, "811", "contact:811"])
def test_counterparty_takes_bare_and_prefixed_ids(robot, written):
    deal = robot.deal(counterparty={"id": written})
    assert robot.task(deal, "counterparty")["counterparty"] == {"id": "contact:811", "name": "Олена Коваленко"}


def test_bad_status_and_missing_task(robot):
    assert robot.fails("/task/", {"name": "x", "object": {"id": 4703}, "status": {"id": 999999}}) == (400, 41)
    assert robot.fails("/task/77", {"name": "x"}) == (404, 1000)
    assert robot.fails("/task/77", method="GET") == (400, 0)
    assert robot.fails("/task/77/comments/list", {}) == (500, 1000)


def test_tasks_cannot_be_deleted(robot):
    assert robot.fails(f"/task/{robot.deal()}", method="DELETE") == (405, 405)


@pytest.mark.parametrize(
    ("mode", "body"),
    [
        ("result", b'{"result":"success"}'),
        ("empty", b""),
        ("list", b'{"result":"success","failures":[]}'),
        ("object", b'{"failures":{"field":"counterparty","error":"Field change failed"}}'),
    ],
)
def test_the_four_bodies_of_an_update(robot, mode, body):
    deal = robot.deal()
    robot.door("/faults", {"update_answer": mode})
    answer = robot.call("POST", f"/rest/task/{deal}", json={"name": "y"})
    assert (answer.status_code, answer.content) == (200, body)


def test_transition_rules_are_a_switch(robot):
    deal = robot.deal()
    robot.post(f"/task/{deal}", {"status": {"id": 205}})
    assert robot.task(deal, "status")["status"]["isActive"] is False
    other = robot.deal()
    robot.door("/faults", {"status_rules": "on"})
    refused = robot.post(f"/task/{other}", {"status": {"id": 205}})
    assert refused["failures"] == [{"field": "status", "error": "Field change failed"}]
    assert robot.task(other, "status")["status"]["id"] == 201


def test_a_busy_task_answers_202_and_shows_the_old_state_until_applied_in_order(robot, until):
    deal = robot.deal()
    robot.door("/faults", {"busy_next": 1, "busy_ms": 3_600_000})
    answer = robot.call("POST", f"/rest/task/{deal}", json={"name": "first"})
    assert (answer.status_code, answer.content) == (202, b"")
    # What comes while something waits queues up behind it.
    assert robot.call("POST", f"/rest/task/{deal}", json={"name": "second"}).status_code == 202
    assert robot.task(deal, "name")["name"] == "Обмін"
    robot.door("/advance", {"seconds": 3600})
    until(lambda: not robot.door("/state")["busy_queue"])
    assert robot.task(deal, "name")["name"] == "second"


def test_time_points_are_in_the_owners_zone_and_have_four_keys(robot):
    deal = robot.deal(startDateTime={"date": "21-11-2026", "time": "10:30"})
    assert robot.task(deal, "startDateTime,hasStartTime") == {
        "id": deal,
        "hasStartTime": True,
        "startDateTime": {
            "date": "21-11-2026",
            "time": "10:30",
            "datetime": "2026-11-21T08:30Z",
            "dateTimeUtcSeconds": "2026-11-21T08:30:00+0000",
        },
    }
    robot.post(f"/task/{deal}", {"hasStartDate": False})
    assert "startDateTime" not in robot.task(deal, "startDateTime")


def test_checklist_items_share_the_counter_of_tasks(robot):
    deal = robot.deal()
    item = robot.post(f"/task/{deal}/checklist", {"name": "Перевірити"}, status=201)["id"]
    assert item == deal + 1
    robot.post(f"/task/{deal}/checklist/{item}", {"isDone": True})
    (shown,) = robot.post(f"/task/{deal}/checklist/list", {"fields": "id,name,isDone,parent"})["items"]
    assert shown == {"id": item, "name": "Перевірити", "isDone": True, "parent": {"id": deal}}
    assert robot.fails(f"/task/{deal}/checklist/{item}", method="DELETE") == (405, 405)
    assert robot.deal() == item + 1


def test_files_of_an_update_replace(robot):
    first, second = (robot.call("POST", "/rest/file/", files={"file": (n, b"x")}).json()["id"] for n in ("a.txt", "b.txt"))
    deal = robot.deal(files=[{"id": first}])
    robot.post(f"/task/{deal}", {"name": "n"})
    assert [f["id"] for f in robot.task(deal, "files")["files"]] == [first]
    robot.post(f"/task/{deal}", {"files": [{"id": second}]})
    assert [f["name"] for f in robot.task(deal, "files")["files"]] == ["b.txt"]
    robot.post(f"/task/{deal}", {"files": []})
    assert robot.task(deal, "files")["files"] == []


def test_staff_see_only_what_is_theirs_where_the_portal_says_so(robot, desk, client):
    robot.door("/portal/user", {"user": "user:5", "sees": "own"})
    mine, other = robot.deal(assignees={"users": [{"id": "user:5"}]}), robot.deal()
    maria = client(desk, "staff-5")
    assert [t["id"] for t in maria.post("/task/list")["tasks"]] == [mine]
    assert maria.fails(f"/task/{other}", method="GET") == (400, 6)
    assert [t["id"] for t in robot.post("/task/list", {"runAsUserId": "user:5"})["tasks"]] == [mine]


def test_source_object_id_may_be_refused_twice(robot):
    robot.deal(sourceObjectId="a-1")
    robot.deal(sourceObjectId="a-1")
    robot.door("/faults", {"duplicate_source_id": "refuse"})
    assert robot.fails("/task/", {"name": "x", "sourceObjectId": "a-1"}) == (400, 1001)


def test_a_task_is_put_under_another_object_with_a_status_of_that_one(robot, staff):
    deal, other = robot.deal(customFieldData=[{"field": {"id": 11041}, "value": "1"}]), robot.deal()
    staff.post(f"/task/{deal}", {"object": {"id": 4704}})
    task = robot.task(deal, "object,template,status,11041")
    assert (task["object"], task["template"], task["status"]["id"]) == ({"id": 4704}, {"id": 4704}, 1)
    assert "customFieldData" not in task, "a field that is not attached to the new object is not shown"
    assert robot.fails(f"/task/{deal}", {"status": {"id": 203}}) == (400, 41), "it is of the other object"
    robot.post(f"/task/{deal}", {"object": {"id": 4703}, "template": {"id": 4703}, "status": {"id": 203}})
    assert robot.task(deal, "status")["status"]["id"] == 203 and robot.value(deal, 11041) == "1"
    lines = robot.post(f"/task/{deal}/comments/list", {"typeList": "All", "fields": "id,changeStatus"})["comments"]
    assert [one["changeStatus"]["newStatusId"] for one in lines if one.get("changeStatus")] == [1, 203]
    robot.door("/faults", {"object_by_rest": "ignored", "object_change_logged": "off"})
    robot.post(f"/task/{other}", {"object": {"id": 4704}})
    assert robot.task(other, "object")["object"] == {"id": 4703}
    staff.post(f"/task/{other}", {"object": {"id": 4704}})
    assert robot.task(other, "object")["object"] == {"id": 4704}, "people do it in the interface"
    lines = robot.post(f"/task/{other}/comments/list", {"typeList": "All", "fields": "id,changeStatus"})["comments"]
    assert not any(one.get("changeStatus") for one in lines)


def test_a_task_is_overdue_while_its_end_is_past_and_its_status_active(robot):
    late = robot.deal(endDateTime={"date": "01-02-2020"})
    assert robot.task(late, "overdue")["overdue"] is True
    robot.post(f"/task/{late}", {"status": {"id": 205}})
    assert robot.task(late, "overdue")["overdue"] is False
    assert robot.task(robot.deal(), "overdue")["overdue"] is False
