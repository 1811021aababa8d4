"""bizproc.robot.*, bizproc.activity.*, bizproc.event.send, and robots at work."""

from __future__ import annotations

import re
from typing import Any

import pytest

PUSH = {
    "CODE": "push", "NAME": {"ru": "Send"}, "AUTH_USER_ID": 1, "USE_SUBSCRIPTION": "Y",
    "PROPERTIES": {"terms": {"Name": "Terms", "Type": "string"}},
    "RETURN_PROPERTIES": {"contract_no": {"Name": "Contract number", "Type": "string"}},
    "DOCUMENT_TYPE": ["crm", "CCrmDocumentDeal", "DEAL"],
}  # fmt: skip


@pytest.fixture
def robot(desk: Any, taker: Any) -> dict[str, Any]:
    whole = {**PUSH, "HANDLER": f"{taker.address}/robot"}
    desk.app.call("bizproc.robot.add", **whole)
    return whole


def runs(desk: Any) -> list[dict[str, Any]]:
    return list(desk.door("/robots")["runs"])


def test_shapes(desk: Any, agrees: Any, taker: Any) -> None:
    whole = {**PUSH, "HANDLER": f"{taker.address}/robot"}
    agrees("bizproc.robot.add", desk.app.answer("bizproc.robot.add", **whole))
    agrees("bizproc.robot.list", desk.app.answer("bizproc.robot.list"))
    fields = {"HANDLER": f"{taker.address}/robot2"}
    agrees("bizproc.robot.update", desk.app.answer("bizproc.robot.update", CODE="push", FIELDS=fields))
    token = desk.door("/robot/run", {"code": "push", "deal": desk.record("DEAL", TITLE="x")})["token"]
    agrees("bizproc.activity.log", desk.app.answer("bizproc.activity.log", EVENT_TOKEN=token, LOG_MESSAGE="wait"))
    agrees("bizproc.event.send", desk.app.answer("bizproc.event.send", EVENT_TOKEN=token))
    agrees("bizproc.robot.delete", desk.app.answer("bizproc.robot.delete", CODE="push"))
    agrees("bizproc.activity.add", desk.app.answer("bizproc.activity.add", **whole))
    assert desk.app.call("bizproc.activity.list") == ["push"]


def test_a_placed_robot_runs_when_a_deal_comes_to_its_stage(desk: Any, taker: Any, robot: Any, posted: Any) -> None:
    deal = desk.record("DEAL", TITLE="Счёт №7")
    properties = {"terms": "{=Document:TITLE} / {=Document:ID}"}
    desk.door("/robot/place", {"code": "push", "stage": "EXECUTING", "properties": properties})
    desk.move(deal, "PREPARATION")
    desk.settle()
    assert taker.at("/robot") == []
    desk.move(deal, "EXECUTING")
    desk.settle()
    (post,) = taker.at("/robot")
    posted("robot / activity handler", post["form"])
    form = post["form"]
    assert form["document_id"] == ["crm", "CCrmDocumentDeal", f"DEAL_{deal}"]
    assert form["properties"] == {"terms": f"Счёт №7 / {deal}"}
    assert (form["use_subscription"], form["auth"]["user_id"]) == ("Y", "1")
    assert re.fullmatch(r"[0-9a-f]{14}\.\d{8}", form["workflow_id"])
    assert form["event_token"].startswith(form["workflow_id"] + "|")
    desk.move(deal, "PREPARATION")
    desk.door("/robot/remove", {"code": "push", "stage": "EXECUTING"})
    desk.move(deal, "EXECUTING")
    desk.settle()
    assert len(taker.at("/robot")) == 1


def test_a_new_deal_on_the_stage_counts_too(desk: Any, taker: Any, robot: Any) -> None:
    desk.door("/robot/place", {"code": "push", "stage": "NEW"})
    desk.record("DEAL", TITLE="x")
    desk.settle()
    assert len(taker.at("/robot")) == 1


def test_one_answer_ends_the_wait(desk: Any, robot: Any) -> None:
    token = desk.door("/robot/run", {"code": "push", "deal": desk.record("DEAL")})["token"]
    empty = desk.user("11").refusal("bizproc.activity.log", EVENT_TOKEN=token)
    assert empty == (400, "ERROR_EMPTY_LOG_MESSAGE", "Empty log message!")
    values = {"contract_no": "KB-7", "undeclared": "x"}
    assert desk.admin.call("bizproc.event.send", EVENT_TOKEN=token, RETURN_VALUES=values, LOG_MESSAGE="done") is True
    spent = (403, "ACCESS_DENIED", "Access denied!")
    assert desk.admin.refusal("bizproc.event.send", EVENT_TOKEN=token) == spent
    assert desk.admin.refusal("bizproc.event.send", EVENT_TOKEN="nonsense") == spent
    (run,) = runs(desk)
    assert (run["values"], run["log"], run["waiting"]) == ({"contract_no": "KB-7"}, ["done"], False)


@pytest.mark.parametrize(("word", "waits"), [("N", False), ("Y", True), ("", True), (None, True)])
def test_only_a_plain_n_does_not_wait(desk: Any, taker: Any, word: str | None, waits: bool) -> None:
    whole = {**PUSH, "HANDLER": f"{taker.address}/robot", "USE_SUBSCRIPTION": word}
    desk.app.call("bizproc.robot.add", **{key: value for key, value in whole.items() if value is not None})
    token = desk.door("/robot/run", {"code": "push", "deal": desk.record("DEAL")})["token"]
    desk.settle()
    assert taker.at("/robot")[0]["form"]["use_subscription"] == ("Y" if waits else "N")
    assert runs(desk)[0]["waiting"] is waits
    if not waits:
        assert desk.app.refusal("bizproc.event.send", EVENT_TOKEN=token)[1] == "ACCESS_DENIED"


def test_without_a_user_no_tokens_go_out(desk: Any, taker: Any) -> None:
    whole = {**PUSH, "HANDLER": f"{taker.address}/robot", "AUTH_USER_ID": 0}
    desk.app.call("bizproc.robot.add", **whole)
    desk.door("/robot/run", {"code": "push", "deal": desk.record("DEAL")})
    desk.settle()
    auth = taker.at("/robot")[0]["form"]["auth"]
    assert "access_token" not in auth and auth["application_token"]


def test_a_robot_is_posted_once_even_if_nobody_answers_well(desk: Any, taker: Any, robot: Any) -> None:
    taker.status = 503
    desk.door("/robot/run", {"code": "push", "deal": desk.record("DEAL")})
    desk.settle()
    assert len(taker.at("/robot")) == 1
    assert (runs(desk)[0]["answered"], runs(desk)[0]["waiting"]) == (503, True)


def test_robots_refuse(desk: Any, taker: Any, robot: dict[str, Any]) -> None:
    invalid = (400, "ERROR_ACTIVITY_VALIDATION_FAILURE")
    refuse, name = desk.app.refusal, "bizproc.robot.add"
    assert desk.admin.refusal(name, **robot)[:2] == (403, "ACCESS_DENIED")
    assert desk.app_as("11").refusal(name, **robot)[:2] == (403, "ACCESS_DENIED")
    twice = refuse(name, **robot)
    assert twice == (400, "ERROR_ACTIVITY_ALREADY_INSTALLED", "Activity or Automation rule already installed!")
    other = {**robot, "CODE": "other"}
    assert refuse(name, **{**robot, "CODE": ""}) == (*invalid, "Empty activity code!")
    assert refuse(name, **{**robot, "CODE": "a b"}) == (*invalid, "Wrong activity code!")
    assert refuse(name, **{**other, "HANDLER": "x"})[1] == "ERROR_WRONG_HANDLER_URL"
    assert refuse(name, **{**other, "HANDLER": "ftp://x/y"})[1] == "ERROR_UNSUPPORTED_PROTOCOL"
    assert refuse(name, **{**other, "PROPERTIES": {"1a": {}}})[:2] == invalid
    assert desk.app.call("bizproc.robot.list") == ["push"]  # a refused one is not half registered
    assert refuse("bizproc.robot.update", CODE="push", FIELDS={}) == (*invalid, "No fields to update")
    gone = refuse("bizproc.robot.delete", CODE="other")
    assert gone == (400, "ERROR_ACTIVITY_NOT_FOUND", "Activity or Robot not found!")
    desk.door("/robot/place", {"code": "other", "stage": "NEW"}, status=400)


def test_an_uninstalled_application_runs_nothing(desk: Any, taker: Any, robot: Any) -> None:
    desk.door("/robot/place", {"code": "push", "stage": "NEW"})
    desk.door("/app/uninstall", {})
    desk.record("DEAL")
    desk.settle()
    assert taker.at("/robot") == []
