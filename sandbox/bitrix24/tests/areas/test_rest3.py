"""REST 3.0: its bodies, errors, filters, pages, batches and repeated calls, on tasks."""

from __future__ import annotations

from typing import Any

import pytest
import requests


class Third:
    """Calls REST 3.0 as one user's webhook."""

    def __init__(self, desk: Any, user: str = "1") -> None:
        code = desk.portal.people[user].webhook
        self.base, self.session = f"{desk.sandbox.address}/rest/api/{user}/{code}/", desk.session

    def send(self, name: str, body: Any = None, **more: Any) -> requests.Response:
        answer: requests.Response = self.session.post(self.base + name, json=body, timeout=30, **more)
        return answer

    def call(self, name: str, body: Any = None) -> Any:
        answer = self.send(name, body)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def refusal(self, name: str, body: Any = None) -> tuple[int, str, list[str]]:
        answer = self.send(name, body)
        error = answer.json()["error"]
        code = error["code"].removeprefix("BITRIX_REST_V3_EXCEPTION_")
        return answer.status_code, code, [one["field"] for one in error.get("validation", [])]


@pytest.fixture
def third(desk: Any) -> Third:
    return Third(desk)


FIELDS = {"title": "Отчёт", "creatorId": 1, "responsibleId": 11}
VALIDATION = "VALIDATION_REQUESTVALIDATIONEXCEPTION"


def test_a_task_both_ways(desk: Any, third: Third) -> None:
    item = third.call("tasks.task.add", {"fields": {**FIELDS, "deadline": "2030-01-15T18:00:00+03:00", "priority": "high"}})[
        "item"
    ]
    assert (item["id"], item["status"], item["priority"], item["mark"]) == (1, "pending", "high", "none")
    assert item["deadline"] == "2030-01-15T18:00:00+03:00"
    assert desk.admin.call("tasks.task.get", taskId=1)["task"]["priority"] == "2"
    assert third.call("tasks.task.update", {"id": 1, "fields": {"status": "completed"}}) == {"result": True}
    assert desk.admin.call("tasks.task.get", taskId=1)["task"]["status"] == "5"
    chosen = third.call(
        "tasks.task.get", {"id": 1, "select": ["title", "responsible.name", "responsible.email", "stranger"]}
    )
    assert chosen["item"] == {"id": 1, "title": "Отчёт", "responsible": {"name": "Ирина Белова", "email": "u11@example.com"}}
    assert third.call("tasks.task.delete", {"id": 1}) == {"result": True}
    assert third.refusal("tasks.task.get", {"id": 1})[:2] == (400, "ENTITYNOTFOUNDEXCEPTION")


def test_only_json_and_nothing_from_the_query(desk: Any, third: Third) -> None:
    third.call("tasks.task.add", {"fields": FIELDS})
    form = third.session.post(third.base + "tasks.task.get", data={"id": 1}, timeout=30)
    assert (form.status_code, form.json()["error"]["code"]) == (400, "BITRIX_REST_V3_EXCEPTION_INVALIDJSONEXCEPTION")
    query = third.session.get(third.base + "tasks.task.get", params={"id": 1}, timeout=30).json()
    assert query["error"]["validation"][0]["field"] == "id"
    assert "openapi" in third.session.get(third.base + "documentation", timeout=30).json()["result"]
    broken = third.session.post(
        third.base + "tasks.task.get", data=b"{", headers={"Content-Type": "application/json"}, timeout=30
    )
    assert broken.json()["error"]["code"].endswith("INVALIDJSONEXCEPTION")


@pytest.mark.parametrize(
    ("name", "body", "refused"),
    [
        ("tasks.task.get", {}, (400, VALIDATION, ["id"])),
        ("tasks.task.get", {"id": "1"}, (400, VALIDATION, ["id"])),
        ("tasks.task.get", {"id": True}, (400, VALIDATION, ["id"])),
        ("tasks.task.get", {"id": 1, "select": ["responsible.stageId"]}, (400, "UNKNOWNDTOPROPERTYEXCEPTION", [])),
        ("tasks.task.add", {"fields": {"title": "x"}}, (400, VALIDATION, ["creatorId", "responsibleId"])),
        ("tasks.task.add", {"fields": {**FIELDS, "deadline": "soon"}}, (400, VALIDATION, ["deadline"])),
        ("tasks.task.add", {"fields": {**FIELDS, "responsibleId": 999}}, (400, VALIDATION, ["responsibleId"])),
        ("tasks.task.add", {"fields": {**FIELDS, "nonsense": 1}}, (400, "UNKNOWNDTOPROPERTYEXCEPTION", [])),
        ("tasks.task.update", {"id": 1, "fields": {"creatorId": 2}}, (400, VALIDATION, ["creatorId"])),
        ("tasks.task.update", {"id": 99, "fields": {"title": "x"}}, (403, "ACCESSDENIEDEXCEPTION", [])),
        ("tasks.task.list", {"filter": [["title", "=", "x"]]}, (400, VALIDATION, ["title"])),
        ("tasks.task.list", {"filter": [["stranger", 1]]}, (400, "UNKNOWNDTOPROPERTYEXCEPTION", [])),
        ("tasks.task.list", {"filter": [["id", "~", 1]]}, (400, "UNKNOWNFILTEROPERATOREXCEPTION", [])),
        ("tasks.task.list", {"order": {"description": "ASC"}}, (400, "INVALIDORDEREXCEPTION", [])),
        ("tasks.task.list", {"pagination": {"limit": "abc"}}, (400, "INVALIDPAGINATIONEXCEPTION", [])),
        ("tasks.task.list", {"pagination": {"limit": 0}}, (400, "INVALIDPAGINATIONEXCEPTION", [])),
        ("batch", {"cmd": {"a": "tasks.task.get?id=1"}}, (400, "INVALIDSELECTEXCEPTION", [])),
    ],
)
def test_refusals(third: Third, name: str, body: Any, refused: Any) -> None:
    third.call("tasks.task.add", {"fields": FIELDS})
    assert third.refusal(name, body) == refused


def test_filters_order_and_pages(third: Third) -> None:
    for number in range(60):
        third.call("tasks.task.add", {"fields": {**FIELDS, "title": f"Задача {number:02}"}})

    def numbers(**query: Any) -> list[int]:
        return [item["id"] for item in third.call("tasks.task.list", query)["items"]]

    assert len(numbers()) == 50
    assert numbers(pagination={"page": 2}) == list(range(51, 61))
    assert numbers(pagination={"limit": 3, "offset": 5}) == [6, 7, 8]
    assert numbers(order={"title": "DESC"}, pagination={"limit": 2}) == [60, 59]
    assert numbers(filter=[["id", ">", 57]]) == [58, 59, 60]
    assert numbers(filter=[["id", [3, 5]]]) == [3, 5]
    assert numbers(filter=[["id", "between", [7, 9]], ["id", "!=", 8]]) == [7, 9]
    either = {"logic": "or", "conditions": [["id", 2], ["id", "in", [4, 6]]]}
    assert numbers(filter=[either, ["id", ">", 2]]) == [4, 6]
    assert third.call("tasks.task.list", {"filter": [["id", 1]]})["items"] == [{"id": 1}]


def test_a_batch_is_a_list_of_calls(third: Third) -> None:
    calls = [
        {"method": "tasks.task.add", "query": {"fields": FIELDS}},
        {"method": "tasks.task.get", "query": {"id": 1, "select": ["id", "title"]}},
    ]
    added, got = third.call("batch", calls)
    assert (added["item"]["id"], got) == (1, {"item": {"id": 1, "title": "Отчёт"}})
    assert third.refusal("batch", [{"query": {}}])[2] == ["method"]


def test_a_repeated_call_with_its_key_makes_no_second_task(desk: Any, third: Third) -> None:
    key = {"Idempotency-Key": "9f1c1a7e"}
    first = third.send("tasks.task.add", {"fields": FIELDS}, headers=key)
    again = third.send("tasks.task.add", {"fields": FIELDS}, headers=key)
    assert first.json()["result"] == again.json()["result"]
    assert (first.headers["Idempotency-Key"], "Idempotent-Replayed" in first.headers) == ("9f1c1a7e", False)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(third.call("tasks.task.list")["items"]) == 1
    other = third.send("tasks.task.add", {"fields": {**FIELDS, "title": "Иной"}}, headers=key)
    assert (other.status_code, other.json()["error"]["code"]) == (
        422,
        "BITRIX_REST_V3_EXCEPTION_IDEMPOTENCYKEYREUSEDEXCEPTION",
    )
    wrong = third.send("tasks.task.add", {"fields": FIELDS}, headers={"Idempotency-Key": "x" * 256})
    assert wrong.json()["error"]["code"].endswith("INVALIDIDEMPOTENCYKEYEXCEPTION")
    desk.door("/advance", {"seconds": 24 * 3600 + 1})
    assert "Idempotent-Replayed" not in third.send("tasks.task.add", {"fields": FIELDS}, headers=key).headers


def test_a_lost_answer_is_found_again_by_its_key(desk: Any, third: Third) -> None:
    desk.door("/faults", {"cut_after_commit_next": 1})
    with pytest.raises(requests.ConnectionError):
        third.send("tasks.task.add", {"fields": FIELDS}, headers={"Idempotency-Key": "k"})
    assert third.send("tasks.task.add", {"fields": FIELDS}, headers={"Idempotency-Key": "k"}).headers["Idempotent-Replayed"]
    assert len(third.call("tasks.task.list")["items"]) == 1


def test_who_may(desk: Any, third: Third) -> None:
    third.call("tasks.task.add", {"fields": FIELDS})
    stranger = Third(desk, "3")
    assert stranger.call("tasks.task.list")["items"] == []
    assert stranger.refusal("tasks.task.delete", {"id": 1})[:2] == (403, "ACCESSDENIEDEXCEPTION")
    assert third.call("tasks.task.access.get", {"id": 1})["item"]["edit"] is True
    desk.door("/faults", {"scopes": "crm"})
    assert third.refusal("tasks.task.list")[:2] == (403, "INSUFFICIENTSCOPEEXCEPTION")


def test_it_tells_about_itself(desk: Any, third: Third) -> None:
    paths = third.call("rest.documentation.openapi")["paths"]
    assert "/tasks.task.get" in paths
    fields = third.call("tasks.task.field.list", {"select": ["name", "filterable", "sortable"]})["items"]
    assert {"name": "id", "filterable": True, "sortable": True} in fields
    assert third.call("tasks.task.field.get", {"name": "title"})["item"]["type"] == "string"
    assert {"method": "tasks.task.get", "scope": "tasks|task"} in third.call("rest.scope.list")["items"]


def test_a_message_in_a_tasks_chat_is_a_comment(desk: Any, third: Third) -> None:
    third.call("tasks.task.add", {"fields": FIELDS})
    third.call("tasks.task.chat.message.send", {"fields": {"taskId": 1, "text": "Готово"}})
    assert desk.admin.call("task.commentitem.getlist", TASKID=1)[0]["POST_MESSAGE"] == "Готово"


def test_methods_it_does_not_have(desk: Any, third: Third) -> None:
    assert third.call("profile")["ID"] == "1"
    desk.door("/faults", {"rest3_old_methods": "off"})
    assert third.refusal("profile")[:2] == (404, "METHODNOTFOUNDEXCEPTION")


def test_an_application_calls_it_with_its_token(desk: Any) -> None:
    url = f"{desk.sandbox.address}/rest/api/rest.scope.list"
    token = desk.door("/app/tokens", {"user": "1"})["access_token"]
    assert "items" in desk.session.post(url, json={"auth": token}, timeout=30).json()["result"]
    assert desk.session.post(url, json={}, timeout=30).status_code == 401
