"""im.* and messageservice.*."""

from __future__ import annotations

from typing import Any

import pytest

SENDER = {"CODE": "smsru", "TYPE": "SMS", "NAME": {"ru": "SMS.RU"}, "DESCRIPTION": "SMS.RU"}


def notes(desk: Any, user: str) -> list[dict[str, Any]]:
    return list(desk.door(f"/notifications?user={user}")["notifications"])


def test_shapes(desk: Any, agrees: Any, taker: Any) -> None:
    note = {"USER_ID": 14, "MESSAGE": "Moved back"}
    agrees("im.notify.system.add", desk.admin.answer("im.notify.system.add", **note))
    agrees("im.notify.personal.add", desk.admin.answer("im.notify.personal.add", **note))
    agrees("im.message.add", desk.admin.answer("im.message.add", DIALOG_ID="14", MESSAGE="text"))
    handler = f"{taker.address}/sms"
    agrees("messageservice.sender.add", desk.app.answer("messageservice.sender.add", **SENDER, HANDLER=handler))
    agrees("messageservice.sender.list", desk.app.answer("messageservice.sender.list"))
    agrees("messageservice.sender.update", desk.app.answer("messageservice.sender.update", CODE="smsru", NAME="x"))
    sent = desk.door("/sms", {"contact": 830, "to": "+79165550134", "text": "hello"})["message_id"]
    status = {"CODE": "smsru", "MESSAGE_ID": sent, "STATUS": "delivered"}
    name = "messageservice.message.status.update"
    agrees(name, desk.app.answer(name, **status))
    agrees("messageservice.sender.delete", desk.app.answer("messageservice.sender.delete", CODE="smsru"))


def test_a_tag_replaces_the_older_note(desk: Any) -> None:
    tagged = {"USER_ID": 11, "TAG": "STAGE_LOCK|5", "CLIENT_ID": "stage-lock"}
    first = desk.admin.call("im.notify.system.add", **tagged, MESSAGE="first")
    desk.admin.call("im.notify.system.add", USER_ID=11, MESSAGE="other")
    desk.admin.call("im.notify.system.add", **{**tagged, "USER_ID": 12}, MESSAGE="for somebody else")
    second = desk.admin.call("im.notify.system.add", **tagged, MESSAGE="second")
    assert [note["text"] for note in notes(desk, "11")] == ["second", "other"]
    assert [note["text"] for note in notes(desk, "12")] == ["for somebody else"]
    assert second > first
    assert desk.door("/notifications")["replaced"] == 1
    desk.door("/faults", {"tag_replaces": "all"})
    desk.admin.call("im.notify.system.add", **tagged, MESSAGE="third")
    assert notes(desk, "12") == []


def test_by_webhook_a_tag_needs_a_client(desk: Any) -> None:
    tagged = {"USER_ID": 11, "TAG": "STAGE_LOCK|5", "MESSAGE": "x"}
    for _ in range(2):
        desk.admin.call("im.notify.system.add", **tagged)
    assert len(notes(desk, "11")) == 2  # the tag was lost
    desk.door("/faults", {"tag_without_client": "refuse"})
    assert desk.admin.refusal("im.notify.system.add", **tagged)[0] == 400
    for _ in range(2):  # an application is its own client
        desk.app.call("im.notify.system.add", **tagged)
    assert len(notes(desk, "11")) == 3


def test_a_note_may_not_come_about(desk: Any) -> None:
    desk.door("/faults", {"notify_false_next": 1})
    note = {"USER_ID": 11, "MESSAGE": "x"}
    assert desk.admin.call("im.notify.personal.add", **note) is False
    number = desk.admin.call("im.notify.personal.add", **note)
    assert number > 0
    assert desk.admin.call("im.notify.personal.add", USER_ID=999, MESSAGE="x") is False
    assert [(item["kind"], item["author"]) for item in notes(desk, "11")] == [("personal", "1")]
    assert desk.admin.call("im.notify.delete", ID=number) is True
    assert notes(desk, "11") == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"MESSAGE": "x"}, "USER_ID_EMPTY"),
        ({"USER_ID": 0, "MESSAGE": "x"}, "USER_ID_EMPTY"),
        ({"USER_ID": 11, "MESSAGE": "  "}, "MESSAGE_EMPTY"),
        ({"USER_ID": 11, "MESSAGE": "x", "ATTACH": "{"}, "ATTACH_ERROR"),
        ({"USER_ID": 11, "MESSAGE": "x", "ATTACH": [{"MESSAGE": "y" * 60_001}]}, "ATTACH_OVERSIZE"),
    ],
)
def test_notes_refuse(desk: Any, given: dict[str, Any], code: str) -> None:
    assert desk.admin.refusal("im.notify.system.add", **given)[:2] == (400, code)


def test_chat_messages(desk: Any) -> None:
    assert desk.admin.call("im.message.add", DIALOG_ID="chat5", MESSAGE="hello") > 0
    assert desk.door("/messages?dialog=chat5")["messages"][0]["text"] == "hello"
    assert desk.admin.refusal("im.message.add", DIALOG_ID="999", MESSAGE="x")[1] == "USER_NOT_FOUND"
    assert desk.admin.refusal("im.message.add", DIALOG_ID="11", MESSAGE="")[1] == "MESSAGE_EMPTY"


def test_an_sms_goes_to_its_provider_once(desk: Any, taker: Any, posted: Any) -> None:
    desk.app.call("messageservice.sender.add", **SENDER, HANDLER=f"{taker.address}/sms")
    taker.status = 500
    wanted = {"user": "14", "contact": 830, "to": "+79165550134", "text": "Your account is open"}
    number = desk.door("/sms", wanted)["message_id"]
    desk.settle()
    (post,) = taker.at("/sms")  # nobody repeats it
    posted("SMS provider handler", post["form"])
    assert post["type"] == "application/x-www-form-urlencoded"
    assert (post["form"]["message_id"], post["form"]["auth"]["user_id"]) == (number, "14")
    assert post["form"]["bindings"] == [{"OWNER_TYPE_ID": "3", "OWNER_ID": "830"}]
    assert desk.door("/sms")["messages"][0]["answered"] == 500


def test_an_sms_of_a_process_names_its_document(desk: Any, taker: Any) -> None:
    desk.app.call("messageservice.sender.add", **SENDER, HANDLER=f"{taker.address}/sms")
    document = ["crm", "CCrmDocumentDeal", "DEAL_5"]
    desk.door("/sms", {"workflow_id": "a.1", "document_id": document, "to": "+7916", "text": "x"})
    desk.settle()
    form = taker.at("/sms")[0]["form"]
    assert (form["module_id"], form["workflow_id"], form["document_id"]) == ("bizproc", "a.1", document)
    assert form["document_type"] == ["crm", "CCrmDocumentDeal", "DEAL"]
    assert "bindings" not in form


def test_only_the_sender_or_an_administrator_tells_the_status(desk: Any, taker: Any) -> None:
    desk.app.call("messageservice.sender.add", **SENDER, HANDLER=f"{taker.address}/sms")
    number = desk.door("/sms", {"user": "14", "contact": 1, "to": "+7916", "text": "x"})["message_id"]
    name, status = "messageservice.message.status.update", {"CODE": "smsru", "MESSAGE_ID": number, "STATUS": "sent"}
    assert desk.app_as("11").refusal(name, **status) == (403, "ACCESS_DENIED", "Access denied!")
    assert desk.app_as("14").call(name, **status) is True
    assert desk.door("/sms")["messages"][0]["status"] == "sent"
    assert desk.app.call(name, **{**status, "STATUS": "delivered"}) is True
    wrong = desk.app.refusal(name, **{**status, "STATUS": "lost"})
    assert wrong == (400, "ERROR_MESSAGE_STATUS_INCORRECT", "Message status incorrect!")
    unknown = desk.app.refusal(name, **{**status, "MESSAGE_ID": "0"})
    assert unknown == (400, "ERROR_MESSAGE_NOT_FOUND", "Message not found!")


def test_providers_refuse(desk: Any, taker: Any) -> None:
    whole = {**SENDER, "HANDLER": f"{taker.address}/sms"}
    name = "messageservice.sender.add"
    assert desk.admin.refusal(name, **whole)[:2] == (403, "ACCESS_DENIED")
    assert desk.app_as("11").refusal(name, **whole)[:2] == (403, "ACCESS_DENIED")
    for change, text in (
        ({"CODE": ""}, "Empty sender code!"), ({"CODE": "a b"}, "Wrong sender code!"), ({"NAME": ""}, "Empty sender NAME!"),
        ({"TYPE": "MAIL"}, "Unknown sender message TYPE!"),
    ):  # fmt: skip
        assert desk.app.refusal(name, **{**whole, **change}) == (400, "ERROR_SENDER_VALIDATION_FAILURE", text)
    desk.app.call(name, **whole)
    assert desk.app.refusal(name, **whole)[1] == "ERROR_SENDER_ALREADY_INSTALLED"
    assert desk.app.refusal("messageservice.sender.update", CODE="smsru")[1] == "ERROR_SENDER_OTHER_PARAMS_REQUIRED"
    assert desk.app.refusal("messageservice.sender.delete", CODE="other")[1] == "ERROR_SENDER_NOT_FOUND"
    desk.door("/app/update", {})
    desk.settle()
    assert desk.app.call("messageservice.sender.list") == []
    desk.door("/sms", {"contact": 1, "to": "+7916", "text": "x"}, status=400)
