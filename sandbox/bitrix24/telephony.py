"""Calls of an outside exchange: telephony.* (contract, section 12)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from sandbox.bitrix24 import documents, tokens
from sandbox.bitrix24.apps import App
from sandbox.bitrix24.bindings import app_of
from sandbox.bitrix24.crm import activities
from sandbox.bitrix24.documents import Document
from sandbox.bitrix24.formats import integer, items, parse_time
from sandbox.bitrix24.people_model import User
from sandbox.bitrix24.registry import Call, RestError, method
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox

SCOPE = "telephony"
TYPES = {"1": "outgoing", "2": "incoming", "3": "incoming with redirection", "4": "callback", "5": "information"}
SAME_CALL_SECONDS = 30 * 60
DOWNLOAD_SECONDS_MAX = 5.0
NOT_FOUND = "Call is not found (call should be registered prior to finishing)"


@dataclass
class PhoneCall:
    id: str
    client_id: str
    user: str
    phone: str
    type: str
    line: str
    external_id: str | None
    registered: float  #: sandbox seconds
    start: str
    document: Document | None = None
    shown_to: list[str] = field(default_factory=list)
    finished: dict[str, Any] = field(default_factory=dict)
    record: str = ""
    record_bytes: int = 0


@dataclass
class Line:
    id: int
    client_id: str
    number: str
    name: str = ""
    auto_create: str = "N"


@dataclass
class Telephony:
    calls: dict[str, PhoneCall] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    uploads: dict[str, tuple[str, str]] = field(default_factory=dict)  #: token -> call, file name


def attach(sandbox: Sandbox) -> None:
    sandbox.on_app_gone.append(_forget)


def _forget(portal: Portal, app: App) -> None:
    if not app.present:
        area = portal.area(Telephony)
        area.lines = [line for line in area.lines if line.client_id != app.client_id]


def core(text: str) -> RestError:
    return RestError(400, "ERROR_CORE", text)


def digits(phone: str) -> str:
    return re.sub(r"\D", "", phone)


def _user(call: Call) -> User:
    number, inner = str(call.get("USER_ID") or ""), str(call.get("USER_PHONE_INNER") or "")
    if not number and not inner:
        raise core("USER_ID or USER_PHONE_INNER should be set")
    people = call.portal.people.values()
    found = next((user for user in people if (user.id == number if number else user.phone_inner == inner)), None)
    if found is None or not found.active:
        raise core("User is not found or is not active")
    return found


# -- the life of a call


@method("telephony.externalCall.register", scope=SCOPE, app="wrong_auth_type")
def register(call: Call) -> dict[str, Any]:
    user, phone, kind = _user(call), str(call.get("PHONE_NUMBER") or ""), str(call.get("TYPE") or "")
    if kind not in TYPES:
        raise core("Unknown TYPE")
    if not 3 <= len(digits(phone)) <= 20:
        raise core("Unsupported phone number format")
    start, portal = _start(call), call.portal
    line, external = str(call.get("LINE_NUMBER") or ""), str(call.get("EXTERNAL_CALL_ID") or "") or None
    known = _known(portal, call.client.id, user.id, phone, kind, line, external)
    if known:
        return _registered(known, [])
    made = new_call(portal, app_of(call), user.id, phone, kind, line, external, start)
    made.document, created = _client(call, phone)
    if integer(call.get("SHOW")) != 0:
        made.shown_to.append(user.id)
    return _registered(made, created)


def _start(call: Call) -> str:
    given = call.get("CALL_START_DATE")
    if not given:
        return call.portal.now().isoformat()
    try:
        return datetime.fromisoformat(str(given)).isoformat()
    except ValueError:
        raise core("CALL_START_DATE should be in the ISO-8601 format") from None


def _known(
    portal: Portal, client: str, user: str, phone: str, kind: str, line: str, external: str | None
) -> PhoneCall | None:
    """The same registration within half an hour, even of a call that has ended by now (contract, section 12)."""
    since = portal.clock.ticks() - SAME_CALL_SECONDS
    for known in portal.area(Telephony).calls.values():
        same = (known.client_id, known.user, digits(known.phone), known.type) == (client, user, digits(phone), kind)
        if same and known.registered > since and line in ("", known.line) and external in (None, known.external_id):
            return known
    return None


def new_call(
    portal: Portal, app: App, user: str, phone: str, kind: str, line: str = "", external: str | None = None, start: str = ""
) -> PhoneCall:
    stamp = int(portal.now().timestamp())
    number = f"externalCall.{portal.secret('call', portal.next_id('call'))}.{stamp}"
    start = start or portal.now().isoformat()
    made = PhoneCall(number, app.client_id, user, phone, kind, line, external, portal.clock.ticks(), start)
    portal.area(Telephony).calls[made.id] = made
    data = {"CALL_ID": made.id, "CALL_TYPE": kind, "CALLER_ID": phone, "REST_APP_ID": str(app.id)}
    portal.raise_event("ONVOXIMPLANTCALLINIT", data, user)
    return made


def _client(call: Call, phone: str) -> tuple[Document | None, list[dict[str, Any]]]:
    """Whose call it is: as told, as found by the number, or a lead made for it."""
    kind, number = str(call.get("CRM_ENTITY_TYPE") or "").upper(), str(call.get("CRM_ENTITY_ID") or "")
    if kind in documents.CLASSES and number not in ("", "0"):
        return Document(kind, number), []
    found = documents.by_phone(call.portal, phone)
    if found:
        return found[0], []
    if integer(call.get("CRM_CREATE")) != 1:
        return None, []
    title = f"{phone} - {TYPES[str(call.get('TYPE'))]} call"
    lead = documents.lead_of_call(call.portal, phone, title, str(call.get("CRM_SOURCE") or "CALL"), _user(call).id)
    return lead, [{"ENTITY_TYPE": "LEAD", "ENTITY_ID": int(lead.number)}]


def _registered(known: PhoneCall, created: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "CALL_ID": known.id, "CRM_CREATED_LEAD": created[0]["ENTITY_ID"] if created else None,
        "CRM_CREATED_ENTITIES": created, **_owner(known),
    }  # fmt: skip


def _owner(known: PhoneCall) -> dict[str, Any]:
    if known.document is None:
        return {"CRM_ENTITY_TYPE": None, "CRM_ENTITY_ID": None}
    return {"CRM_ENTITY_TYPE": known.document.kind, "CRM_ENTITY_ID": int(known.document.number)}


def _open_call(call: Call) -> PhoneCall | None:
    found = call.portal.area(Telephony).calls.get(str(call.get("CALL_ID") or ""))
    return found if found and not found.finished else None


@method("telephony.externalCall.show", scope=SCOPE)
def show(call: Call) -> bool:
    found = _open_call(call)
    if found is None:
        return False  # no error, and HTTP 200 (47)
    users = [str(user) for user in items(call.get("USER_ID"))] or [found.user]
    found.shown_to += [user for user in users if user not in found.shown_to]
    return True


@method("telephony.externalCall.hide", scope=SCOPE)
def hide(call: Call) -> bool:
    found = _open_call(call)
    if found is None:
        return False
    users = [str(user) for user in items(call.get("USER_ID"))] or [found.user]
    found.shown_to = [user for user in found.shown_to if user not in users]
    return True


@method("telephony.externalCall.finish", scope=SCOPE, app="wrong_auth_type")
def finish(call: Call) -> dict[str, Any]:
    if not isinstance(call.get("CALL_ID"), str):
        raise RestError(400, "INVALID_ARGUMENT", "CALL_ID must be a string")
    user, portal = _user(call), call.portal
    found = portal.area(Telephony).calls.get(call.get("CALL_ID"))
    if found is None:
        raise core(NOT_FOUND)
    if found.finished:
        empty = portal.faults.word("second_finish") == "empty"
        raise RestError(400, "" if empty else "ERROR_CORE", NOT_FOUND)
    seconds = integer(call.get("DURATION")) or 0
    status = str(call.get("STATUS_CODE") or ("200" if seconds > 0 else "304"))
    found.user, found.shown_to = user.id, []
    found.finished = _statistic(call, found, seconds, status)
    _ended(portal, found)
    return dict(found.finished)


def _statistic(call: Call, found: PhoneCall, seconds: int, status: str) -> dict[str, Any]:
    app, portal = app_of(call), call.portal
    return {
        "CALL_ID": found.id, "EXTERNAL_CALL_ID": found.external_id, "PORTAL_USER_ID": int(found.user),
        "PHONE_NUMBER": digits(found.phone), "PORTAL_NUMBER": str(app.id), "INCOMING": found.type,
        "CALL_DURATION": seconds, "CALL_START_DATE": {}, "CALL_STATUS": 1 if status == "200" else 0,
        "CALL_VOTE": integer(call.get("VOTE")), "COST": float(call.get("COST") or 0) or 0,
        "COST_CURRENCY": str(call.get("COST_CURRENCY") or ""), "CALL_FAILED_CODE": status,
        "CALL_FAILED_REASON": str(call.get("FAILED_REASON") or ""), "REST_APP_ID": str(app.id),
        "REST_APP_NAME": app.title, "CRM_ACTIVITY_ID": _activity(portal, found, seconds, status), "COMMENT": None,
        **_owner(found), "ID": portal.next_id("statistic"),
    }  # fmt: skip


def _activity(portal: Portal, found: PhoneCall, seconds: int, status: str) -> int | None:
    """The call in the client's timeline; it is made only now, never at the registration."""
    if found.document is None:
        return None
    incoming, owner = found.type in ("2", "3"), documents.type_id(portal, found.document)
    number, start = found.document.number, parse_time(found.start, portal.zone)
    talk = {"ID": "1", "TYPE": "PHONE", "VALUE": found.phone, "ENTITY_ID": number, "ENTITY_TYPE_ID": str(owner)}
    values = {
        "OWNER_TYPE_ID": owner, "OWNER_ID": int(number), "TYPE_ID": activities.CALL,
        "PROVIDER_ID": "VOXIMPLANT_CALL", "PROVIDER_TYPE_ID": "CALL", "DIRECTION": 1 if incoming else 2,
        "SUBJECT": f"{TYPES[found.type].capitalize()} call {found.phone}", "START_TIME": start,
        "COMPLETED": "Y" if status == "200" or not incoming else "N", "RESPONSIBLE_ID": int(found.user),
        "DESCRIPTION": f"{seconds} s", "ORIGIN_ID": found.id, "COMMUNICATIONS": [talk],
    }  # fmt: skip
    return int(activities.create(portal, values, found.user)["ID"])


def _ended(portal: Portal, found: PhoneCall) -> None:
    row = found.finished
    data = {
        "CALL_ID": found.id, "CALL_TYPE": found.type, "PHONE_NUMBER": found.phone,
        "PORTAL_NUMBER": f"REST_APP:{row['REST_APP_ID']}", "PORTAL_USER_ID": found.user,
        "CALL_DURATION": str(row["CALL_DURATION"]), "CALL_START_DATE": found.start, "COST": str(row["COST"]),
        "COST_CURRENCY": row["COST_CURRENCY"], "CALL_FAILED_CODE": row["CALL_FAILED_CODE"],
        "CALL_FAILED_REASON": row["CALL_FAILED_REASON"] or ("Success call" if row["CALL_STATUS"] else "Skipped call"),
        "CRM_ACTIVITY_ID": str(row["CRM_ACTIVITY_ID"] or ""),
    }  # fmt: skip
    portal.raise_event("ONVOXIMPLANTCALLEND", data, found.user)


# -- records


@method("telephony.externalCall.attachRecord", scope=SCOPE)
def attach_record(call: Call) -> dict[str, Any]:
    url, name, content = str(call.get("RECORD_URL") or ""), str(call.get("FILENAME") or ""), call.get("FILE_CONTENT")
    if not url and call.get("FILENAME") is None:
        raise core("Required parameters are not set. Request should contain either URL or FILENAME parameter")
    found = call.portal.area(Telephony).calls.get(str(call.get("CALL_ID") or ""))
    if found is None or not found.finished:
        raise core("Call is not found in the statistic table. It looks like it is not finished yet.")
    name = name or urlsplit(url).path.rpartition("/")[2]
    if not name:
        raise core("File name is empty")
    if name.rpartition(".")[2].lower() not in ("wav", "mp3"):
        raise core("Wrong file extension. Only wav and mp3 are allowed")
    if url:
        return _kept(call.portal, found, name, _download(url))
    if content is None:
        return _upload_address(call, found, name)
    return _kept(call.portal, found, name, _decoded(content))


def _decoded(content: Any) -> bytes:
    if not content:
        raise core("File content is empty.")
    try:
        return base64.b64decode(str(content), validate=True)
    except (binascii.Error, ValueError):
        raise core("File content is not properly encoded. Base64 encoding is expected.") from None


def _download(url: str) -> bytes:
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(url, timeout=DOWNLOAD_SECONDS_MAX)
    except requests.RequestException:
        raise core("Server returns HTTP error code 0") from None
    if answer.status_code != 200:
        raise core(f"Server returns HTTP error code {answer.status_code}")
    return answer.content


def _kept(portal: Portal, found: PhoneCall, name: str, content: bytes) -> dict[str, Any]:
    found.record, found.record_bytes = name, len(content)  # a second record replaces the first
    return {"FILE_ID": portal.next_id("file")}


def _upload_address(call: Call, found: PhoneCall, name: str) -> dict[str, Any]:
    portal = call.portal
    word = portal.secret("upload", portal.next_id("upload"))
    portal.area(Telephony).uploads[word] = (found.id, name)
    if call.client.kind == "app":
        auth = tokens.recent(portal, app_of(call), call.client.user_id).access
        return {"uploadUrl": f"{portal.address}/rest/upload.json?auth={auth}&token={word}", "fieldName": "file"}
    base = f"{portal.address}/rest/{call.client.user_id}/{call.client.id}"
    return {"uploadUrl": f"{base}/upload.json?token={word}", "fieldName": "file"}


@method("upload", scope=SCOPE, batch=False)
def upload(call: Call) -> dict[str, Any]:
    """The second step of a record: the file itself, multipart, under the address given in the first."""
    number, name = call.portal.area(Telephony).uploads.pop(str(call.get("token") or ""), ("", ""))
    found, file = call.portal.area(Telephony).calls.get(number), call.get("file")
    if found is None:
        raise RestError(403, "ACCESS_DENIED", "Access denied!")
    if not isinstance(file, list) or len(file) != 2:
        raise core("File content is empty.")
    return _kept(call.portal, found, name, bytes.fromhex(str(file[1])))
