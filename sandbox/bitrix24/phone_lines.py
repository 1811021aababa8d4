"""Lines, who calls, and calls begun by a person or a form: the rest of telephony.* and its doors (section 12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sandbox.bitrix24 import documents, workday
from sandbox.bitrix24.bindings import app_of
from sandbox.bitrix24.documents import Document
from sandbox.bitrix24.doors import BadRequest, door
from sandbox.bitrix24.registry import Call, method
from sandbox.bitrix24.state import Portal
from sandbox.bitrix24.telephony import SCOPE, Line, Telephony, core, digits, new_call

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox


# -- who calls


@method("telephony.externalCall.searchCrmEntities", scope=SCOPE)
def search(call: Call) -> list[dict[str, Any]]:
    phone = str(call.get("PHONE_NUMBER") or "")
    if not phone:
        raise core("PHONE_NUMBER is empty")
    rows = (_row(call.portal, document) for document in documents.by_phone(call.portal, phone))
    return [row for row in rows if row]


def _row(portal: Portal, document: Document) -> dict[str, Any] | None:
    fields = documents.fields_of(portal, document)
    if fields is None:
        return None
    user = portal.people.get(str(fields.get("ASSIGNED_BY_ID") or ""))
    row: dict[str, Any] = {
        "CRM_ENTITY_TYPE": document.kind, "CRM_ENTITY_ID": int(document.number),
        "ASSIGNED_BY_ID": int(user.id) if user else 0, "NAME": documents.name_of(document.kind, fields),
    }  # fmt: skip
    if user:
        row["ASSIGNED_BY"] = {
            "ID": user.id, "TIMEMAN_STATUS": workday.telephony_status(portal, user),
            "USER_PHONE_INNER": user.phone_inner or None, "WORK_PHONE": user.extra.get("WORK_PHONE") or None,
            "PERSONAL_PHONE": user.extra.get("PERSONAL_PHONE") or None, "PERSONAL_MOBILE": user.mobile or None,
        }  # fmt: skip
    return row


# -- lines


def _lines(call: Call) -> list[Line]:
    return [line for line in call.portal.area(Telephony).lines if line.client_id == call.client.id]


def _line(call: Call) -> Line:
    number = str(call.get("NUMBER") or "")
    found = next((line for line in _lines(call) if line.number == number), None)
    if found is None:
        raise core(f"Could not find line with number {number}")
    return found


@method("telephony.externalLine.add", scope=SCOPE, app="wrong_auth_type")
def add(call: Call) -> dict[str, int]:
    number = str(call.get("NUMBER") or "")
    if not number:
        raise core("NUMBER should not be empty")
    if any(line.number == number for line in _lines(call)):
        raise core("Line already exists")
    made = Line(call.portal.next_id("line"), app_of(call).client_id, number, str(call.get("NAME") or ""))
    made.auto_create = str(call.get("CRM_AUTO_CREATE") or "Y")
    call.portal.area(Telephony).lines.append(made)
    return {"ID": made.id}


@method("telephony.externalLine.get", scope=SCOPE, app="wrong_auth_type")
def get(call: Call) -> list[dict[str, str]]:
    return [{"NUMBER": line.number, "NAME": line.name, "CRM_AUTO_CREATE": line.auto_create} for line in _lines(call)]


@method("telephony.externalLine.update", scope=SCOPE, app="wrong_auth_type")
def update(call: Call) -> dict[str, str]:
    found, name, auto = _line(call), call.get("NAME"), call.get("CRM_AUTO_CREATE")
    if name is None and auto is None:
        raise core("There are no fields to update")
    found.name = str(name) if name is not None else found.name
    found.auto_create = str(auto) if auto is not None else found.auto_create
    return {"ID": str(found.id)}  # a string here, a number in add


@method("telephony.externalLine.delete", scope=SCOPE, app="wrong_auth_type")
def delete(call: Call) -> list[Any]:
    call.portal.area(Telephony).lines.remove(_line(call))
    return []


# -- doors


@door("POST", "/sandbox/call-start")
def click_to_call(sandbox: Sandbox, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`{"user": "7", "phone": "+7…", "contact": 830, "line": "7495…"}`: somebody clicks a number in a card."""
    portal = sandbox.portal
    with portal.lock:
        user, phone = str(wanted.get("user") or ""), str(wanted.get("phone") or "")
        if user not in portal.people or not digits(phone):
            raise BadRequest("say which user calls which phone")
        line = str(wanted.get("line") or "")
        made = new_call(portal, portal.app(), user, phone, "1", line)
        made.document = documents.asked(wanted) or next(iter(documents.by_phone(portal, phone)), None)
        data = {
            "PHONE_NUMBER": phone, "PHONE_NUMBER_INTERNATIONAL": f"+{digits(phone)}", "EXTENSION": "", "USER_ID": user,
            "CALL_LIST_ID": "0", "LINE_NUMBER": line, "IS_MOBILE": "0", "CALL_ID": made.id, **_who(made.document),
        }  # fmt: skip
        portal.raise_event("ONEXTERNALCALLSTART", data, user)
        return {"call_id": made.id, "data": data}


def _who(document: Document | None) -> dict[str, str]:
    kind, number = (document.kind, document.number) if document else ("", "0")
    return {"CRM_ENTITY_TYPE": kind, "CRM_ENTITY_ID": number}


@door("POST", "/sandbox/callback-start")
def callback(sandbox: Sandbox, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`{"phone": "+7…", "contact": 830, "line", "text"}`: a visitor's form asks to be called back."""
    portal = sandbox.portal
    with portal.lock:
        phone = str(wanted.get("phone") or "")
        if not digits(phone):
            raise BadRequest("say which phone")
        document = documents.asked(wanted) or next(iter(documents.by_phone(portal, phone)), None)
        data = {
            "PHONE_NUMBER": phone, "TEXT": str(wanted.get("text") or ""), "VOICE": "ruinternalfemale", **_who(document),
            "LINE_NUMBER": str(wanted.get("line") or ""),
        }  # fmt: skip
        portal.raise_event("ONEXTERNALCALLBACKSTART", data, portal.default_responsible())
        return {"data": data}


@door("GET", "/sandbox/calls")
def calls(sandbox: Sandbox, _asked: Mapping[str, Any]) -> dict[str, Any]:
    """All calls, newest first, with the people who see their card."""
    with sandbox.portal.lock:
        kept = reversed(list(sandbox.portal.area(Telephony).calls.values()))
        return {"calls": [asdict(item) for item in kept]}
