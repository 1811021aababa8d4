"""bizproc.workflow.*, templates and tasks."""

from __future__ import annotations

import base64
from typing import Any

import pytest

FILE = ["terms.bpt", base64.b64encode(b"\x00opaque").decode()]
TEMPLATE = {"DOCUMENT_TYPE": ["crm", "CCrmDocumentDeal", "DEAL"], "NAME": "Contract terms", "TEMPLATE_DATA": FILE}
MARGIN = {"Id": "margin_trading", "Type": "bool", "Name": "Margin trading", "Required": True}


def document(deal: int) -> list[str]:
    return ["crm", "CCrmDocumentDeal", f"DEAL_{deal}"]


@pytest.fixture
def asked(desk: Any) -> tuple[int, str]:
    """A deal whose responsible, 14, has a paper to fill in; the number of the task."""
    wanted = {"name": "Contract terms", "fields": [MARGIN], "write": {"margin_trading": "COMMENTS"}}
    template = desk.door("/workflow/template", wanted)["template"]
    deal = desk.record("DEAL", ASSIGNED_BY_ID=14)
    desk.admin.call("bizproc.workflow.start", TEMPLATE_ID=template, DOCUMENT_ID=document(deal))
    return deal, desk.user("14").call("bizproc.task.list")[0]["ID"]


def test_shapes(desk: Any, agrees: Any) -> None:
    answer = desk.app.answer("bizproc.workflow.template.add", **TEMPLATE)
    agrees("bizproc.workflow.template.add", answer)
    number = answer["result"]
    select = ["ID", "NAME", "SYSTEM_CODE"]
    agrees("bizproc.workflow.template.list", desk.app.answer("bizproc.workflow.template.list", SELECT=select))
    desk.door("/workflow/template", {"template": number, "user": "14", "fields": [MARGIN]})
    start = {"TEMPLATE_ID": number, "DOCUMENT_ID": document(desk.record("DEAL"))}
    answer = desk.admin.answer("bizproc.workflow.start", **start)
    agrees("bizproc.workflow.start", answer)
    select = ["ID", "DOCUMENT_ID", "TEMPLATE_ID"]
    agrees("bizproc.workflow.instances", desk.admin.answer("bizproc.workflow.instances", SELECT=select))
    select = (
        "ID WORKFLOW_ID NAME STATUS USER_ID USER_STATUS MODULE_ID ENTITY DOCUMENT_ID ACTIVITY ACTIVITY_NAME PARAMETERS "
        "OVERDUE_DATE DOCUMENT_URL"
    )
    answer = desk.user("14").answer("bizproc.task.list", SELECT=select.split(" "))
    agrees("bizproc.task.list", answer)
    done = {"TASK_ID": answer["result"][0]["ID"], "STATUS": 3, "FIELDS": {"margin_trading": "Y"}}
    agrees("bizproc.task.complete", desk.user("14").answer("bizproc.task.complete", **done))
    process = desk.admin.call("bizproc.workflow.start", **start)
    agrees("bizproc.workflow.terminate", desk.admin.answer("bizproc.workflow.terminate", ID=process))


def test_a_template_is_opaque_and_belongs_to_its_application(desk: Any) -> None:
    number = desk.app.call("bizproc.workflow.template.add", **TEMPLATE)
    assert desk.door("/workflows")["templates"][0] | {"id": 0} == {
        "id": 0, "name": "Contract terms", "file": "terms.bpt", "bytes": 7, "does": False,
    }  # fmt: skip
    assert desk.app.call("bizproc.workflow.template.update", ID=number, FIELDS={"NAME": "New"}) == number
    row = desk.admin.call("bizproc.workflow.template.list", FILTER={"ENTITY": "CCrmDocumentDeal"}, SELECT=["ID", "name"])
    assert row == [{"ID": str(number), "NAME": "New"}]
    assert desk.admin.call("bizproc.workflow.template.list") == [{"ID": str(number)}]
    assert desk.app.call("bizproc.workflow.template.delete", ID=number) is None
    own = desk.door("/workflow/template", {"name": "by hand"})["template"]
    refused = desk.app.refusal("bizproc.workflow.template.update", ID=own, FIELDS={"NAME": "x"})
    assert refused[1] == "ERROR_TEMPLATE_NOT_OWNER"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"DOCUMENT_TYPE": ["crm"]}, "Incorrect field DOCUMENT_TYPE!"),
        ({"NAME": ""}, "Empty template name!"),
        ({"TEMPLATE_DATA": ["a.bpt", "not base64!"]}, "Incorrect field TEMPLATE_DATA!"),
        ({"AUTO_EXECUTE": 9}, "Incorrect field AUTO_EXECUTE!"),
    ],
)
def test_templates_refuse(desk: Any, change: dict[str, Any], text: str) -> None:
    refused = desk.app.refusal("bizproc.workflow.template.add", **{**TEMPLATE, **change})
    assert refused == (400, "ERROR_TEMPLATE_VALIDATION_FAILURE", text)
    assert desk.admin.refusal("bizproc.workflow.template.add", **TEMPLATE)[:2] == (403, "ACCESS_DENIED")


def test_starting_refuses(desk: Any) -> None:
    number = desk.app.call("bizproc.workflow.template.add", **TEMPLATE)
    deal, contact = desk.record("DEAL"), desk.record("CONTACT")
    name = "bizproc.workflow.start"
    whole = {"TEMPLATE_ID": number, "DOCUMENT_ID": document(deal)}
    assert desk.user("11").refusal(name, **whole) == (403, "ACCESS_DENIED", "Access denied!")
    wrong = "ERROR_WRONG_WORKFLOW_ID"
    assert desk.admin.refusal(name, DOCUMENT_ID=document(deal)) == (400, wrong, "Empty TEMPLATE_ID")
    assert desk.admin.refusal(name, **{**whole, "TEMPLATE_ID": 9999}) == (400, wrong, "Template not found")
    for path in (["crm"], document(99_999)):
        assert desk.admin.refusal(name, **{**whole, "DOCUMENT_ID": path}) == (400, "", "Wrong DOCUMENT_ID!")
    other = ["crm", "CCrmDocumentContact", f"CONTACT_{contact}"]
    mismatch = (400, "", "Template type and DOCUMENT_ID mismatch!")
    assert desk.admin.refusal(name, **{**whole, "DOCUMENT_ID": other}) == mismatch


def test_a_process_runs_until_it_is_ended(desk: Any) -> None:
    number = desk.app.call("bizproc.workflow.template.add", **TEMPLATE)
    deal = desk.record("DEAL")
    process = desk.admin.call("bizproc.workflow.start", TEMPLATE_ID=number, DOCUMENT_ID=document(deal))
    listed = desk.admin.answer("bizproc.workflow.instances", FILTER={"DOCUMENT_ID": f"DEAL_{deal}"})
    assert (listed["total"], set(listed["result"][0])) == (1, {"ID", "MODIFIED", "OWNED_UNTIL"})
    assert desk.user("11").refusal("bizproc.workflow.instances")[1] == "ACCESS_DENIED"
    assert desk.admin.call("bizproc.workflow.terminate", ID=process, STATUS="enough") is True
    assert desk.admin.call("bizproc.workflow.instances") == []
    empty = (400, "ERROR_WRONG_WORKFLOW_ID", "Empty workflow instance ID")
    assert desk.admin.refusal("bizproc.workflow.terminate") == empty


def test_answers_go_into_the_record_as_a_robot_writes(desk: Any, asked: tuple[int, str], taker: Any) -> None:
    deal, task = asked
    desk.app.call("event.bind", event="ONCRMDEALUPDATE", handler=f"{taker.address}/event")
    done = {"TASK_ID": task, "STATUS": "ok", "FIELDS": {"margin_trading": "N"}}
    assert desk.user("14").call("bizproc.task.complete", **done) is True
    desk.settle()
    (event,) = taker.at("/event")
    assert event["form"]["data"] == {"FIELDS": {"ID": str(deal)}}
    assert "access_token" not in event["form"]["auth"]
    shown = desk.door("/workflow/tasks?user=14")["tasks"][0]
    assert (shown["answers"], shown["status"]) == ({"margin_trading": "N"}, "3")
    assert desk.admin.call("bizproc.workflow.instances") == []


def test_only_ones_own_task_and_only_once(desk: Any, asked: tuple[int, str]) -> None:
    done = {"TASK_ID": asked[1], "STATUS": 3, "FIELDS": {"margin_trading": "Y"}}
    missing = (400, "ERROR_TASK_NOT_FOUND", "Task not found")
    assert desk.admin.refusal("bizproc.task.complete", **done) == missing
    desk.user("14").call("bizproc.task.complete", **done)
    twice = desk.user("14").refusal("bizproc.task.complete", **done)
    assert twice == (400, "ERROR_TASK_COMPLETED", "Task already completed")


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"TASK_ID": ""}, "ERROR_TASK_VALIDATION", "empty TASK_ID"),
        ({"STATUS": "maybe"}, "ERROR_TASK_VALIDATION", "incorrect STATUS"),
        ({"STATUS": 1}, "ERROR_TASK_VALIDATION", "incorrect STATUS"),
        ({"FIELDS": {}}, "ERROR_TASK_EXECUTION", "Field is required: Margin trading"),
        ({"FIELDS": {"margin_trading": "perhaps"}}, "ERROR_TASK_EXECUTION", "Wrong value: Margin trading"),
    ],
)
def test_completing_refuses(desk: Any, asked: tuple[int, str], change: dict[str, Any], code: str, text: str) -> None:
    done = {"TASK_ID": asked[1], "STATUS": 3, "FIELDS": {"margin_trading": "Y"}, **change}
    assert desk.user("14").refusal("bizproc.task.complete", **done) == (400, code, text)
    assert desk.door("/workflow/tasks")["tasks"][0]["status"] == "0"


def test_who_sees_which_tasks(desk: Any, asked: tuple[int, str]) -> None:
    whole = {"FILTER": {"USER_ID": 14, "STATUS": 0}}
    denied = (400, "ACCESS_DENIED", "Access denied!")
    assert desk.admin.answer("bizproc.task.list", **whole)["total"] == 1
    assert desk.admin.answer("bizproc.task.list")["total"] == 1
    heads = [department.head for department in desk.portal.departments.values()]
    own = desk.portal.departments[desk.portal.people["14"].departments[0]].head
    assert desk.user(own).answer("bizproc.task.list", **whole)["total"] == 1
    stranger = next(number for number in ("2", "3") if number in heads and number != own)
    assert desk.user(stranger).refusal("bizproc.task.list", **whole) == denied
    assert desk.user(stranger).answer("bizproc.task.list")["total"] == 0
    wrong = desk.admin.refusal("bizproc.task.list", SELECT="x")
    assert wrong == (400, "ERROR_SELECT_VALIDATION_FAILURE", "Invalid data in SELECT parameter")


def test_the_cloud_forgets_a_task_a_day_after_the_end(desk: Any, asked: tuple[int, str]) -> None:
    done = {"TASK_ID": asked[1], "STATUS": 3, "FIELDS": {"margin_trading": "Y"}}
    desk.user("14").call("bizproc.task.complete", **done)
    desk.door("/advance", {"seconds": 23 * 3600})
    assert desk.admin.answer("bizproc.task.list")["total"] == 1
    desk.door("/advance", {"seconds": 3700})
    assert desk.admin.answer("bizproc.task.list")["total"] == 0
    assert desk.door("/workflow/tasks")["tasks"][0]["answers"]  # the door still knows


def test_an_overdue_task(desk: Any) -> None:
    template = desk.door("/workflow/template", {"user": "14", "days": 1, "fields": [MARGIN]})["template"]
    desk.door("/workflow/start", {"template": template, "deal": desk.record("DEAL")})
    desk.door("/advance", {"seconds": 86_500})
    row = desk.user("14").call("bizproc.task.list", SELECT=["STATUS", "USER_STATUS"])[0]
    assert row == {"STATUS": "4", "USER_STATUS": "0"}


def test_killing_leaves_nothing(desk: Any, asked: tuple[int, str]) -> None:
    process = desk.admin.call("bizproc.workflow.instances")[0]["ID"]
    assert desk.admin.call("bizproc.workflow.kill", ID=process) is True
    assert desk.door("/workflow/tasks")["tasks"] == []


def test_a_task_is_passed_on(desk: Any, asked: tuple[int, str]) -> None:
    _deal, task = asked
    wanted = {"TASK_IDS": [task], "FROM_USER_ID": 14, "TO_USER_ID": 11}
    assert desk.admin.call("bizproc.task.delegate", **wanted) is True
    assert desk.user("11").call("bizproc.task.list")[0]["ID"] == task and desk.user("14").call("bizproc.task.list") == []
    assert desk.admin.refusal("bizproc.task.delegate", **wanted) == (400, "ERROR_TASK_NOT_FOUND", "Task not found")
    desk.door("/faults", {"task_delegate": "unknown"})
    assert desk.admin.refusal("bizproc.task.delegate", **wanted)[:2] == (404, "ERROR_METHOD_NOT_FOUND")
