"""SMS providers of applications: messageservice.*, and the door that makes the portal send one (contract, section 11)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.bitrix24 import tokens
from sandbox.bitrix24.apps import App
from sandbox.bitrix24.bindings import app_of
from sandbox.bitrix24.delivery import Post
from sandbox.bitrix24.doors import BadRequest, door
from sandbox.bitrix24.formats import items
from sandbox.bitrix24.outgoing import send
from sandbox.bitrix24.registry import Call, RestError, method
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox

SCOPE = "messageservice"
STATUSES = ("queued", "sent", "delivered", "undelivered", "failed")
OWNER_TYPES = {"lead": "1", "deal": "2", "contact": "3", "company": "4"}


@dataclass
class Sender:
    """A provider an application has added; the portal offers it in the card and in its own robot."""

    client_id: str
    code: str
    handler: str
    name: Any
    description: Any = ""


@dataclass
class Sms:
    """A message the portal has given to a provider."""

    id: str
    client_id: str
    code: str
    author: str
    to: str
    text: str
    module: str
    bindings: list[dict[str, str]] = field(default_factory=list)
    status: str = ""  #: as the provider says; empty until it says something
    answered: int | None = None  #: HTTP status of the provider's answer, 0 = none
    at: str = ""


@dataclass
class Texting:
    senders: list[Sender] = field(default_factory=list)
    sent: dict[str, Sms] = field(default_factory=dict)


def attach(sandbox: Sandbox) -> None:
    sandbox.on_app_gone.append(_forget)


def _forget(portal: Portal, app: App) -> None:
    """An update or removal of the application drops its providers."""
    texting = portal.area(Texting)
    texting.senders = [item for item in texting.senders if item.client_id != app.client_id]


def senders_of(portal: Portal, app: App) -> list[Sender]:
    return [item for item in portal.area(Texting).senders if item.client_id == app.client_id]


def _invalid(text: str) -> RestError:
    return RestError(400, "ERROR_SENDER_VALIDATION_FAILURE", text)


def _code(call: Call) -> str:
    code = str(call.get("CODE") or "")
    if not code:
        raise _invalid("Empty sender code!")
    if not re.fullmatch(r"[a-zA-Z0-9._-]+", code):
        raise _invalid("Wrong sender code!")
    return code


@method("messageservice.sender.add", scope=SCOPE, app="access_denied", admin=True)
def add(call: Call) -> bool:
    app, code = app_of(call), _code(call)
    handler = str(call.get("HANDLER") or "")
    if not re.match(r"https?://", handler):
        raise _invalid("Wrong handler URL")
    if not call.get("NAME"):
        raise _invalid("Empty sender NAME!")
    if not call.get("TYPE"):
        raise _invalid("Empty sender message TYPE!")
    if str(call.get("TYPE")) != "SMS":
        raise _invalid("Unknown sender message TYPE!")
    if any(item.code == code for item in senders_of(call.portal, app)):
        raise RestError(400, "ERROR_SENDER_ALREADY_INSTALLED", "Sender already installed!")
    made = Sender(app.client_id, code, handler, call.get("NAME"), call.get("DESCRIPTION", ""))
    call.portal.area(Texting).senders.append(made)
    return True


@method("messageservice.sender.list", scope=SCOPE, app="access_denied", admin=True)
def listed(call: Call) -> list[str]:
    return [item.code for item in senders_of(call.portal, app_of(call))]


def _found(call: Call) -> Sender:
    code = str(call.get("CODE") or "")
    if not code:
        raise RestError(400, "ERROR_SENDER_CODE_REQUIRED", "CODE is required!")
    found = next((item for item in senders_of(call.portal, app_of(call)) if item.code == code), None)
    if found is None:
        raise RestError(400, "ERROR_SENDER_NOT_FOUND", "Sender not found!")
    return found


@method("messageservice.sender.update", scope=SCOPE, app="access_denied", admin=True)
def update(call: Call) -> bool:
    if call.get("CODE") and not any(call.get(name) for name in ("HANDLER", "NAME", "DESCRIPTION")):
        raise RestError(400, "ERROR_SENDER_OTHER_PARAMS_REQUIRED", "At least one other parameter is required!")
    found = _found(call)
    found.handler = str(call.get("HANDLER") or found.handler)
    found.name = call.get("NAME") or found.name
    found.description = call.get("DESCRIPTION", found.description)
    return True


@method("messageservice.sender.delete", scope=SCOPE, app="access_denied", admin=True)
def delete(call: Call) -> bool:
    call.portal.area(Texting).senders.remove(_found(call))
    return True


@method("messageservice.message.status.update", scope=SCOPE, app="access_denied")
def status_update(call: Call) -> bool:
    code, status = _code(call), str(call.get("STATUS") or "").lower()
    found = call.portal.area(Texting).sent.get(str(call.get("MESSAGE_ID") or ""))
    if found is None or (found.client_id, found.code) != (call.client.id, code):
        raise RestError(400, "ERROR_MESSAGE_NOT_FOUND", "Message not found!")
    if status not in STATUSES:
        raise RestError(400, "ERROR_MESSAGE_STATUS_INCORRECT", "Message status incorrect!")
    if not call.client.admin and call.client.user_id != found.author:
        raise RestError(403, "ACCESS_DENIED", "Access denied!")
    found.status = status
    return True


# -- the portal sends


def dispatch(portal: Portal, sender: Sender, author: str, to: str, text: str, place: Mapping[str, Any]) -> Sms:
    """Hand a message to its provider, once: nobody repeats it."""
    app = portal.apps[sender.client_id]
    number = portal.next_id("sms")
    made = Sms(portal.secret("sms", number), sender.client_id, sender.code, author, to, text, str(place["module_id"]))
    made.bindings, made.at = list(place.get("bindings", [])), portal.now().isoformat()
    portal.area(Texting).sent[made.id] = made
    form: dict[str, Any] = {
        **place, "properties": {"phone_number": to, "message_text": text}, "type": "SMS", "code": sender.code,
        "message_id": made.id, "message_to": to, "message_body": text, "ts": str(int(portal.now().timestamp())),
        "auth": tokens.full_auth(portal, app, author),
    }  # fmt: skip

    def answered(status: int, _text: str, _seconds: float) -> None:
        made.answered = status

    send(portal, Post(sender.handler, form, "sms", sender.code, answered))
    return made


def place_of(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Where a message comes from: a card with its bindings, or a process with its document."""
    if wanted.get("workflow_id"):
        document = [str(part) for part in items(wanted.get("document_id"))]
        kind = [*document[:2], document[2].rpartition("_")[0]] if len(document) == 3 else []
        return {
            "module_id": "bizproc", "workflow_id": str(wanted["workflow_id"]), "document_id": document,
            "document_type": kind,
        }  # fmt: skip
    bound = [
        {"OWNER_TYPE_ID": kind, "OWNER_ID": str(wanted[word])} for word, kind in OWNER_TYPES.items() if wanted.get(word)
    ]
    return {"module_id": "crm", "bindings": bound}


@door("POST", "/sandbox/sms")
def write(sandbox: Sandbox, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`{"user": "7", "contact": 830, "to": "+7…", "text": "…", "code": "smsru"}`: somebody writes an SMS in a card."""
    portal = sandbox.portal
    with portal.lock:
        author, code = str(wanted.get("user") or "1"), str(wanted.get("code") or "")
        if author not in portal.people:
            raise BadRequest(f"no such user {author!r}")
        offered = [item for app in portal.apps.values() if app.installed for item in senders_of(portal, app)]
        sender = next((item for item in offered if code in ("", item.code)), None)
        if sender is None:
            raise BadRequest("no such provider, or its application is not installed")
        made = dispatch(portal, sender, author, str(wanted.get("to", "")), str(wanted.get("text", "")), place_of(wanted))
        return {"message_id": made.id, "code": made.code}


@door("GET", "/sandbox/sms")
def written(sandbox: Sandbox, asked: Mapping[str, Any]) -> dict[str, Any]:
    """All messages, newest first: `status` is what the provider said, `answered` the HTTP status of its answer."""
    with sandbox.portal.lock:
        kept = reversed(list(sandbox.portal.area(Texting).sent.values()))
        return {"messages": [vars(item) for item in kept if asked.get("id") in (None, "", item.id)]}
