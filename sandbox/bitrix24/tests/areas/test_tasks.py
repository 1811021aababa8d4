"""tasks.task.*, task.commentitem.*, sonet_group.*."""

from __future__ import annotations

from typing import Any

import pytest


def new(client: Any, **fields: Any) -> dict[str, Any]:
    task: dict[str, Any] = client.call("tasks.task.add", fields={"TITLE": "Перезвонить", "RESPONSIBLE_ID": 11, **fields})[
        "task"
    ]
    return task


def test_a_task_as_it_is_made(desk: Any) -> None:
    task = new(desk.admin, DEADLINE="2030-01-15T18:00:00+03:00", UF_CRM_TASK=["D_5"], AUDITORS=[2])
    assert (task["id"], task["title"], task["status"], task["subStatus"]) == ("1", "Перезвонить", "2", "2")
    assert (task["createdBy"], task["responsibleId"], task["auditors"]) == ("1", "11", ["2"])
    assert task["deadline"] == "2030-01-15T18:00:00+03:00"
    assert task["creator"]["name"] == "Олег Власник"
    assert task["action"]["complete"] is True
    assert "ufCrmTask" not in task  # only when it is asked for
    found = desk.admin.call("tasks.task.get", taskId=1, select=["ID", "UF_CRM_TASK"])["task"]
    assert found["ufCrmTask"] == ["D_5"]
    assert "title" not in found


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"TITLE": " "}, "Task name not specified.<br>"),
        ({"RESPONSIBLE_ID": None}, "Responsible person is not specified.<br>"),
        ({"RESPONSIBLE_ID": 9999}, 'The user specified in the field "Responsible person" was not found.<br>'),
        ({"STATUS": 9}, "Invalid status.<br>"),
        ({"PARENT_ID": 77}, 'The task specified in the field "Parent task" was not found.<br>'),
        (
            {"START_DATE_PLAN": "2030-02-01", "END_DATE_PLAN": "2030-01-01"},
            "The planned end date is earlier than the start date.<br>",
        ),
    ],
)
def test_what_no_task_can_be(desk: Any, fields: dict[str, Any], words: str) -> None:
    given = {"TITLE": "Задача", "RESPONSIBLE_ID": 11, **fields}
    assert desk.admin.refusal("tasks.task.add", fields=given) == (400, "ERROR_CORE", words)
    assert desk.admin.call("tasks.task.list")["tasks"] == []


def test_refusals_of_the_parameters(desk: Any) -> None:
    assert desk.admin.refusal("tasks.task.add")[:2] == (400, "100")
    assert desk.admin.refusal("tasks.task.get")[:2] == (400, "100")
    assert desk.admin.refusal("tasks.task.get", taskId="x")[:2] == (400, "0")
    assert desk.admin.call("tasks.task.get", taskId=5) == []


def test_lists_filter_order_and_count(desk: Any) -> None:
    for number in range(55):
        new(desk.admin, TITLE=f"Задача {number}", RESPONSIBLE_ID=11 if number % 2 else 12)
    answer = desk.admin.answer(
        "tasks.task.list", order={"ID": "asc"}, select=["ID", "TITLE"], filter={"RESPONSIBLE_ID": [11, 12]}
    )
    assert (answer["total"], answer["next"], len(answer["result"]["tasks"])) == (55, 50, 50)
    rest = desk.admin.answer("tasks.task.list", order={"ID": "asc"}, start=50)
    assert (len(rest["result"]["tasks"]), "next" in rest) == (5, False)
    assert desk.admin.answer("tasks.task.list", filter={">ID": 50, "RESPONSIBLE_ID": 11})["total"] == 2
    assert desk.admin.call("tasks.task.list", filter={"%TITLE": "54"})["tasks"][0]["title"] == "Задача 54"
    late = new(desk.admin, DEADLINE="2020-01-01T00:00:00+03:00")
    assert [one["id"] for one in desk.admin.call("tasks.task.list", filter={"STATUS": -1})["tasks"]] == [late["id"]]


def test_who_sees_and_changes_what(desk: Any) -> None:
    task = new(desk.admin)
    head, manager, stranger = desk.user("2"), desk.user("11"), desk.user("3")
    assert manager.call("tasks.task.get", taskId=1)["task"]["id"] == "1"
    assert head.call("tasks.task.list")["tasks"][0]["id"] == "1"
    assert stranger.call("tasks.task.list")["tasks"] == []
    assert stranger.call("tasks.task.get", taskId=1) == []
    assert stranger.refusal("tasks.task.update", taskId=1, fields={"TITLE": "X"})[:2] == (400, "0")
    assert stranger.refusal("tasks.task.delete", taskId=1)[:2] == (400, "1048582")
    assert manager.call("tasks.task.update", taskId=1, fields={"TITLE": "Иначе"})["task"]["title"] == "Иначе"
    assert task["title"] == "Перезвонить"


def test_ways_through_the_statuses(desk: Any) -> None:
    new(desk.admin, TASK_CONTROL="Y")
    manager = desk.user("11")
    assert manager.call("tasks.task.start", taskId=1)["task"]["status"] == "3"
    assert manager.call("tasks.task.complete", taskId=1)["task"]["status"] == "4"  # its creator has to accept it
    assert desk.admin.call("tasks.task.disapprove", taskId=1)["task"]["status"] == "2"
    manager.call("tasks.task.complete", taskId=1)
    done = desk.admin.call("tasks.task.approve", taskId=1)["task"]
    assert (done["status"], done["closedBy"], bool(done["closedDate"])) == ("5", "1", True)
    assert desk.admin.refusal("tasks.task.complete", taskId=1)[:2] == (400, "0")
    assert desk.admin.call("tasks.task.renew", taskId=1)["task"]["closedDate"] is None
    given = desk.admin.call("tasks.task.delegate", taskId=1, userId=12)["task"]
    assert (given["responsibleId"], given["auditors"]) == ("12", ["11"])


def test_parents_make_no_circle(desk: Any) -> None:
    new(desk.admin)
    new(desk.admin, PARENT_ID=1)
    assert (
        desk.admin.refusal("tasks.task.update", taskId=1, fields={"PARENT_ID": 1})[2] == "Cannot link a node to itself.<br>"
    )
    refused = desk.admin.refusal("tasks.task.update", taskId=1, fields={"PARENT_ID": 2})
    assert refused[2] == "Circular links between tasks are not allowed.<br>"
    assert desk.admin.call("tasks.task.delete", taskId=1) == {"task": True}
    assert desk.admin.call("tasks.task.get", taskId=2)["task"]["parentId"] is None


def test_comments(desk: Any) -> None:
    new(desk.admin)
    manager = desk.user("11")
    first = desk.admin.call("task.commentitem.add", TASKID=1, FIELDS={"POST_MESSAGE": "Сделай"})
    second = manager.call("task.commentitem.add", TASKID=1, FIELDS={"POST_MESSAGE": "Готово"})
    listed = desk.admin.call("task.commentitem.getlist", TASKID=1, ORDER={"ID": "asc"})
    assert [(one["ID"], one["POST_MESSAGE"]) for one in listed] == [(str(first), "Сделай"), (str(second), "Готово")]
    assert manager.call("task.commentitem.get", TASKID=1, ITEMID=first)["AUTHOR_NAME"] == "Олег Власник"
    assert "4/TE/ACTION_NOT_ALLOWED" in manager.refusal("task.commentitem.delete", TASKID=1, ITEMID=first)[2]
    assert manager.call("task.commentitem.update", TASKID=1, ITEMID=second, FIELDS={"POST_MESSAGE": "Почти"}) is True
    assert desk.admin.call("task.commentitem.delete", TASKID=1, ITEMID=second) is True
    assert desk.admin.call("tasks.task.get", taskId=1)["task"]["commentsCount"] == "2"
    assert desk.admin.refusal("task.commentitem.add", TASKID=1, FIELDS={})[2] == "Comment text is not specified.<br>"
    assert "256/TE/WRONG_ARGUMENTS" in desk.admin.refusal("task.commentitem.getlist")[2]
    assert desk.user("3").refusal("task.commentitem.getlist", TASKID=1)[1] == "ERROR_CORE"


def test_events(desk: Any, taker: Any) -> None:
    events = ["ONTASKADD", "ONTASKUPDATE", "ONTASKCOMMENTADD", "ONTASKDELETE"]
    desk.door("/outgoing-webhook", {"events": events, "handler": f"{taker.address}/tasks", "token": "t"})
    new(desk.admin)
    desk.admin.call("tasks.task.update", taskId=1, fields={"TITLE": "Иначе"})
    desk.admin.call("tasks.task.update", taskId=1, fields={"TITLE": "Иначе"})  # nothing changed, nothing is told
    desk.admin.call("task.commentitem.add", TASKID=1, FIELDS={"POST_MESSAGE": "Готово"})
    desk.admin.call("tasks.task.delete", taskId=1)
    desk.settle()
    told = [item["form"] for item in taker.at("/tasks")]
    assert [form["event"] for form in told] == events
    assert told[0]["data"]["FIELDS_AFTER"]["ID"] == "1"
    assert told[2]["data"]["FIELDS_AFTER"]["TASK_ID"] == "1"


def test_work_groups(desk: Any) -> None:
    group = desk.admin.call("sonet_group.create", NAME="Проект", VISIBLE="Y", PROJECT="Y")
    hidden = desk.admin.call("sonet_group.create", NAME="Тайный", VISIBLE="N")
    task = new(desk.admin, GROUP_ID=group)
    assert task["group"]["name"] == "Проект"
    answer = desk.admin.answer("sonet_group.get", ORDER={"ID": "ASC"})
    assert [row["NAME"] for row in answer["result"]] == ["Проект", "Тайный"]
    assert answer["total"] == 2
    assert (answer["result"][0]["PROJECT"], answer["result"][0]["OWNER_ID"]) == ("Y", "1")
    assert [row["ID"] for row in desk.user("11").call("sonet_group.get")] == [str(group)]
    assert desk.admin.call("sonet_group.user.add", GROUP_ID=hidden, USER_ID=[11]) == [11]
    assert [row["ID"] for row in desk.user("11").call("sonet_group.get", FILTER={"%NAME": "Тай"})] == [str(hidden)]
    assert [row["ID"] for row in desk.admin.call("sonet_group.get", GROUP_ID=group)] == [str(group)]
    assert desk.admin.refusal("sonet_group.create")[0] == 400
