"""telephony.* and calls begun by a person or a form."""

from __future__ import annotations

import base64
from typing import Any

import pytest

PHONE = "+79165550134"
RING = {"USER_ID": 14, "PHONE_NUMBER": PHONE, "TYPE": 2, "SHOW": 1, "LINE_NUMBER": "74955550100"}
NOT_FOUND = "Call is not found (call should be registered prior to finishing)"


@pytest.fixture
def client(desk: Any) -> int:
    phones = [{"id": 1, "typeId": "PHONE", "valueType": "WORK", "value": PHONE}]
    return int(desk.record("CONTACT", NAME="Irina", LAST_NAME="Petrova", FM=phones, ASSIGNED_BY_ID=14))


def register(desk: Any, **more: Any) -> str:
    return str(desk.app.call("telephony.externalCall.register", **{**RING, **more})["CALL_ID"])


def finish(desk: Any, call: str, seconds: int = 95) -> dict[str, Any]:
    return dict(desk.app.call("telephony.externalCall.finish", CALL_ID=call, USER_ID=14, DURATION=seconds))


def calls(desk: Any) -> list[dict[str, Any]]:
    return list(desk.door("/calls")["calls"])


def test_shapes(desk: Any, client: int, agrees: Any) -> None:
    answer = desk.app.answer("telephony.externalCall.register", **RING, EXTERNAL_CALL_ID="pbx-1")
    agrees("telephony.externalCall.register", answer)
    call = {"CALL_ID": answer["result"]["CALL_ID"], "USER_ID": 14}
    agrees("telephony.externalCall.show", desk.app.answer("telephony.externalCall.show", **call))
    agrees("telephony.externalCall.hide", desk.app.answer("telephony.externalCall.hide", **call))
    agrees("telephony.externalCall.finish", desk.app.answer("telephony.externalCall.finish", **call, DURATION=95))
    content = base64.b64encode(b"sound").decode()
    record = {"FILENAME": "a.mp3", "FILE_CONTENT": content}
    agrees("telephony.externalCall.attachRecord", desk.app.answer("telephony.externalCall.attachRecord", **call, **record))
    name = "telephony.externalCall.searchCrmEntities"
    agrees(name, desk.admin.answer(name, PHONE_NUMBER=PHONE))
    line = {"NUMBER": "74955550100", "NAME": "Main", "CRM_AUTO_CREATE": "N"}
    agrees("telephony.externalLine.add", desk.app.answer("telephony.externalLine.add", **line))
    agrees("telephony.externalLine.get", desk.app.answer("telephony.externalLine.get"))
    agrees("telephony.externalLine.update", desk.app.answer("telephony.externalLine.update", **line))
    agrees("telephony.externalLine.delete", desk.app.answer("telephony.externalLine.delete", **line))


def test_the_same_call_within_half_an_hour(desk: Any, client: int) -> None:
    first = register(desk)
    assert register(desk) == first
    assert register(desk, PHONE_NUMBER="79165550134") == first
    assert register(desk, USER_ID=15) != first
    assert register(desk, EXTERNAL_CALL_ID="pbx-1") != first
    finish(desk, first)
    assert register(desk) == first  # the trap: this call has ended
    desk.door("/advance", {"seconds": 1801})
    assert register(desk) != first


def test_a_second_finish_fails(desk: Any, client: int) -> None:
    call = register(desk)
    finish(desk, call)
    again = {"CALL_ID": call, "USER_ID": 14}
    assert desk.app.refusal("telephony.externalCall.finish", **again) == (400, "ERROR_CORE", NOT_FOUND)
    desk.door("/faults", {"second_finish": "empty"})
    assert desk.app.refusal("telephony.externalCall.finish", **again) == (400, "", NOT_FOUND)


def test_the_activity_is_made_only_at_the_end(desk: Any, client: int) -> None:
    call = register(desk, CALL_START_DATE="2026-10-29T11:20:00+03:00")
    assert desk.admin.answer("crm.activity.list", filter={"OWNER_ID": client, "OWNER_TYPE_ID": 3})["total"] == 0
    row = finish(desk, call)
    assert (row["PHONE_NUMBER"], row["INCOMING"], row["CALL_FAILED_CODE"]) == ("79165550134", "2", "200")
    assert (row["CRM_ENTITY_TYPE"], row["CRM_ENTITY_ID"], row["CALL_START_DATE"]) == ("CONTACT", client, {})
    activity = desk.admin.call("crm.activity.get", id=row["CRM_ACTIVITY_ID"])
    assert (activity["OWNER_ID"], activity["RESPONSIBLE_ID"], activity["COMPLETED"]) == (str(client), "14", "Y")


def test_a_missed_call(desk: Any, client: int) -> None:
    row = finish(desk, register(desk), seconds=0)
    assert (row["CALL_FAILED_CODE"], row["CALL_STATUS"]) == ("304", 0)
    assert desk.admin.call("crm.activity.get", id=row["CRM_ACTIVITY_ID"])["COMPLETED"] == "N"


def test_the_card_moves_between_people(desk: Any, client: int) -> None:
    call = register(desk)
    assert desk.admin.call("telephony.externalCall.show", CALL_ID=call, USER_ID=[14, 15]) is True
    assert calls(desk)[0]["shown_to"] == ["14", "15"]
    assert desk.admin.call("telephony.externalCall.hide", CALL_ID=call, USER_ID=14) is True
    assert calls(desk)[0]["shown_to"] == ["15"]
    finish(desk, call)
    assert calls(desk)[0]["shown_to"] == []
    for name in ("show", "hide"):
        for known in ("nothing", call):  # no error for an unknown call, nor for one that has ended
            assert desk.admin.call(f"telephony.externalCall.{name}", CALL_ID=known, USER_ID=14) is False


def test_a_stranger_becomes_a_lead_if_wanted(desk: Any) -> None:
    unknown = desk.app.call("telephony.externalCall.register", **RING)
    assert (unknown["CRM_ENTITY_TYPE"], unknown["CRM_CREATED_LEAD"], unknown["CRM_CREATED_ENTITIES"]) == (None, None, [])
    assert finish(desk, unknown["CALL_ID"])["CRM_ACTIVITY_ID"] is None
    made = desk.app.call("telephony.externalCall.register", **RING, CRM_CREATE=1, EXTERNAL_CALL_ID="x")
    lead = made["CRM_CREATED_LEAD"]
    assert made["CRM_CREATED_ENTITIES"] == [{"ENTITY_TYPE": "LEAD", "ENTITY_ID": lead}]
    assert (made["CRM_ENTITY_TYPE"], made["CRM_ENTITY_ID"]) == ("LEAD", lead)
    assert desk.admin.call("crm.lead.get", id=lead)["ASSIGNED_BY_ID"] == "14"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"USER_ID": None}, "USER_ID or USER_PHONE_INNER should be set"),
        ({"USER_ID": 999}, "User is not found or is not active"),
        ({"TYPE": 9}, "Unknown TYPE"),
        ({"CALL_START_DATE": "yesterday"}, "CALL_START_DATE should be in the ISO-8601 format"),
        ({"PHONE_NUMBER": "x"}, "Unsupported phone number format"),
    ],
)
def test_registering_refuses(desk: Any, change: dict[str, Any], text: str) -> None:
    assert desk.app.refusal("telephony.externalCall.register", **{**RING, **change}) == (400, "ERROR_CORE", text)
    assert desk.admin.refusal("telephony.externalCall.register", **RING)[:2] == (403, "WRONG_AUTH_TYPE")


def test_an_extension_names_a_person(desk: Any) -> None:
    call = {**RING, "USER_PHONE_INNER": "111"}
    del call["USER_ID"]
    desk.app.call("telephony.externalCall.register", **call)
    assert calls(desk)[0]["user"] == "11"


def test_records(desk: Any, client: int, taker: Any) -> None:
    call = register(desk)
    name, core = "telephony.externalCall.attachRecord", (400, "ERROR_CORE")
    early = desk.admin.refusal(name, CALL_ID=call, FILENAME="a.mp3")
    assert early == (*core, "Call is not found in the statistic table. It looks like it is not finished yet.")
    finish(desk, call)
    neither = "Required parameters are not set. Request should contain either URL or FILENAME parameter"
    assert desk.admin.refusal(name, CALL_ID=call) == (*core, neither)
    extension = "Wrong file extension. Only wav and mp3 are allowed"
    assert desk.admin.refusal(name, CALL_ID=call, FILENAME="a.ogg") == (*core, extension)
    coding = "File content is not properly encoded. Base64 encoding is expected."
    assert desk.admin.refusal(name, CALL_ID=call, FILENAME="a.mp3", FILE_CONTENT="!") == (*core, coding)
    assert desk.admin.call(name, CALL_ID=call, RECORD_URL=f"{taker.address}/b.mp3")["FILE_ID"] > 0
    assert (calls(desk)[0]["record"], calls(desk)[0]["record_bytes"]) == ("b.mp3", 5)
    missing = desk.admin.refusal(name, CALL_ID=call, RECORD_URL=f"{taker.address}/b.wav")
    assert missing == (*core, "Server returns HTTP error code 404")


# The server's own temporary files of an upload end without being closed; that is no fault of this area.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("who", ["admin", "app"])
def test_a_record_in_two_steps(desk: Any, client: int, who: str) -> None:
    call = register(desk)
    finish(desk, call)
    place = getattr(desk, who).call("telephony.externalCall.attachRecord", CALL_ID=call, FILENAME="a.mp3")
    assert place["fieldName"] == "file"
    answer = desk.session.post(place["uploadUrl"], files={"file": ("a.mp3", b"1234567")})
    assert answer.json()["result"]["FILE_ID"] > 0
    assert calls(desk)[0]["record_bytes"] == 7
    spent = desk.session.post(place["uploadUrl"], files={"file": ("a.mp3", b"1")})
    assert spent.status_code == 403


def test_who_calls_comes_with_the_state_of_the_work_day(desk: Any, client: int) -> None:
    search = "telephony.externalCall.searchCrmEntities"
    (row,) = desk.admin.call(search, PHONE_NUMBER="89165550134")
    assert (row["CRM_ENTITY_ID"], row["NAME"]) == (client, "Irina Petrova")
    assert row["ASSIGNED_BY"]["TIMEMAN_STATUS"] == "CLOSED"
    desk.door("/workday", {"user": "14", "status": "OPENED"})
    assert desk.admin.call(search, PHONE_NUMBER=PHONE)[0]["ASSIGNED_BY"]["TIMEMAN_STATUS"] == "OPENED"
    desk.door("/workday", {"user": "14", "tracked": False})
    assert desk.admin.call(search, PHONE_NUMBER=PHONE)[0]["ASSIGNED_BY"]["TIMEMAN_STATUS"] == "UNAVAILABLE"
    assert desk.admin.call(search, PHONE_NUMBER="+79990000000") == []
    assert desk.admin.refusal(search) == (400, "ERROR_CORE", "PHONE_NUMBER is empty")


def test_lines(desk: Any) -> None:
    number = desk.app.call("telephony.externalLine.add", NUMBER="100", NAME="Main")["ID"]
    assert desk.app.refusal("telephony.externalLine.add", NUMBER="100")[2] == "Line already exists"
    assert desk.app.refusal("telephony.externalLine.add")[2] == "NUMBER should not be empty"
    assert desk.app.call("telephony.externalLine.update", NUMBER="100", NAME="Second") == {"ID": str(number)}
    assert desk.app.refusal("telephony.externalLine.update", NUMBER="100")[2] == "There are no fields to update"
    assert desk.app.refusal("telephony.externalLine.delete", NUMBER="7")[2] == "Could not find line with number 7"
    assert desk.app.call("telephony.externalLine.delete", NUMBER="100") == []
    assert desk.app.call("telephony.externalLine.get") == []


def test_click_to_call(desk: Any, client: int, taker: Any, posted: Any) -> None:
    desk.app.call("event.bind", event="OnExternalCallStart", handler=f"{taker.address}/start")
    call = desk.door("/call-start", {"user": "14", "phone": PHONE, "line": "74955550100"})["call_id"]
    desk.settle()
    form = taker.at("/start")[0]["form"]
    posted("click to call", form)
    assert (form["data"]["CALL_ID"], form["data"]["CRM_ENTITY_ID"]) == (call, str(client))
    assert finish(desk, call)["INCOMING"] == "1"  # already registered by the portal
    desk.door("/call-start", {"user": "999", "phone": PHONE}, status=400)


def test_a_form_asks_to_be_called_back(desk: Any, client: int, taker: Any, posted: Any) -> None:
    desk.app.call("event.bind", event="ONEXTERNALCALLBACKSTART", handler=f"{taker.address}/back")
    desk.door("/callback-start", {"phone": PHONE, "text": "Callback ordered", "line": "74955550100"})
    desk.settle()
    posted("callback form", taker.at("/back")[0]["form"])


def test_the_beginning_and_the_end_are_events(desk: Any, client: int, taker: Any, posted: Any) -> None:
    for name in ("INIT", "END"):
        desk.app.call("event.bind", event=f"ONVOXIMPLANTCALL{name}", handler=f"{taker.address}/{name}")
    finish(desk, register(desk))
    desk.settle()
    posted("call init", taker.at("/INIT")[0]["form"])
    posted("call end", taker.at("/END")[0]["form"])
