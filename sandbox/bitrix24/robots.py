"""Robots and process actions of applications: bizproc.robot.*, .activity.*, .event.send (contract, section 9)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.bitrix24 import documents, tokens
from sandbox.bitrix24.apps import App
from sandbox.bitrix24.bindings import app_of
from sandbox.bitrix24.crm.changes import Actor, Hooks
from sandbox.bitrix24.crm.store import Kind, Record
from sandbox.bitrix24.delivery import Post
from sandbox.bitrix24.documents import Document
from sandbox.bitrix24.doors import BadRequest, door
from sandbox.bitrix24.formats import mapping
from sandbox.bitrix24.outgoing import send
from sandbox.bitrix24.registry import Call, RestError, method
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox

SCOPE = "bizproc"
ROBOT, ACTIVITY = "robot", "activity"


@dataclass
class Robot:
    """A kind of robot, or a process action, that an application offers. People place it by hand."""

    client_id: str
    kind: str
    code: str
    handler: str
    auth_user: str = ""
    waits: bool = True
    name: Any = ""
    properties: dict[str, Any] = field(default_factory=dict)
    returns: dict[str, Any] = field(default_factory=dict)
    document_type: list[str] = field(default_factory=list)


@dataclass
class Placed:
    """A robot somebody put on a stage in the portal's designer."""

    code: str
    stage: str
    properties: dict[str, Any] = field(default_factory=dict)
    kind: str = "DEAL"


@dataclass
class Run:
    """A robot at work on a document. `token` is good for one answer."""

    workflow_id: str
    token: str
    code: str
    client_id: str
    document: str
    waiting: bool
    declared: list[str]
    values: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    answered: int | None = None  #: HTTP status of the handler's answer, 0 = none


@dataclass
class Automation:
    robots: list[Robot] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)


def attach(sandbox: Sandbox) -> None:
    sandbox.on_app_gone.append(_forget)
    sandbox.portal.area(Hooks).moved.append(_moved)


def _moved(portal: Portal, kind: Kind, record: Record, _actor: Actor) -> None:
    entered(portal, kind.code, str(record["ID"]), str(record.get(kind.stage) or ""))


def _forget(portal: Portal, app: App) -> None:
    """An update or removal of the application drops its robots; where they were placed nothing runs any more."""
    area = portal.area(Automation)
    area.robots = [robot for robot in area.robots if robot.client_id != app.client_id]


def robots_of(portal: Portal, app: App, kind: str) -> list[Robot]:
    kept = portal.area(Automation).robots
    return [robot for robot in kept if (robot.client_id, robot.kind) == (app.client_id, kind)]


def _invalid(text: str) -> RestError:
    return RestError(400, "ERROR_ACTIVITY_VALIDATION_FAILURE", text)


# -- what applications offer


def _add(call: Call, kind: str) -> bool:
    app, code = app_of(call), str(call.get("CODE") or "")
    if not code:
        raise _invalid("Empty activity code!")
    if not re.fullmatch(r"[a-zA-Z0-9._-]+", code):
        raise _invalid("Wrong activity code!")
    known = robots_of(call.portal, app, ROBOT) + robots_of(call.portal, app, ACTIVITY)
    if any(robot.code.lower() == code.lower() for robot in known):
        raise RestError(400, "ERROR_ACTIVITY_ALREADY_INSTALLED", "Activity or Automation rule already installed!")
    handler = str(call.get("HANDLER") or "")
    _check_handler(call, app, handler)
    if not call.get("NAME"):
        raise _invalid("Empty activity NAME!")
    made = Robot(app.client_id, kind, code, handler)
    _fill(made, {name.upper(): value for name, value in call.params.items()})
    call.portal.area(Automation).robots.append(made)
    return True


def _check_handler(call: Call, app: App, handler: str) -> None:
    parts = urlsplit(handler)
    if not parts.hostname:
        raise RestError(400, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
    if parts.scheme not in ("http", "https"):
        raise RestError(400, "ERROR_UNSUPPORTED_PROTOCOL", "Unsupported handler protocol")
    own = urlsplit(app.handler or app.redirect_uri).netloc
    if call.portal.faults.word("handler_domain") == "own" and parts.netloc != own:
        raise RestError(400, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL")


def _fill(robot: Robot, fields: Mapping[str, Any]) -> None:
    robot.handler = str(fields.get("HANDLER") or robot.handler)
    robot.name = fields.get("NAME") or robot.name
    robot.auth_user = str(fields.get("AUTH_USER_ID", robot.auth_user) or "")
    # Empty means waiting; only a plain N does not wait (contract, section 9).
    robot.waits = str(fields.get("USE_SUBSCRIPTION", "Y" if robot.waits else "N")) != "N"
    for name, kept in (("PROPERTIES", robot.properties), ("RETURN_PROPERTIES", robot.returns)):
        if name in fields:
            given = mapping(fields[name], name)
            if any(not re.fullmatch("[a-zA-Z][a-zA-Z0-9_]*", key) for key in given):
                raise _invalid("Wrong property key!")
            kept.clear()
            kept.update(given)
    if fields.get("DOCUMENT_TYPE"):
        robot.document_type = documents.parts(fields["DOCUMENT_TYPE"])


def _found(call: Call, kind: str, text: str) -> Robot:
    code = str(call.get("CODE") or "")
    if not code:
        raise _invalid("Empty activity code!")
    found = next((robot for robot in robots_of(call.portal, app_of(call), kind) if robot.code == code), None)
    if found is None:
        raise RestError(400, "ERROR_ACTIVITY_NOT_FOUND", text)
    return found


def _update(call: Call, kind: str) -> bool:
    found = _found(call, kind, "Activity or Automation Rule not found!")
    fields = {name.upper(): value for name, value in mapping(call.get("FIELDS"), "FIELDS").items()}
    if not fields:
        raise _invalid("No fields to update")
    if fields.get("HANDLER"):
        _check_handler(call, app_of(call), str(fields["HANDLER"]))
    _fill(found, fields)
    return True


def _delete(call: Call, kind: str) -> bool:
    call.portal.area(Automation).robots.remove(_found(call, kind, "Activity or Robot not found!"))
    return True


def _listed(call: Call, kind: str) -> list[str]:
    return [robot.code for robot in robots_of(call.portal, app_of(call), kind)]


@method("bizproc.robot.add", scope=SCOPE, app="access_denied", admin=True)
def robot_add(call: Call) -> bool:
    return _add(call, ROBOT)


@method("bizproc.robot.update", scope=SCOPE, app="access_denied", admin=True)
def robot_update(call: Call) -> bool:
    return _update(call, ROBOT)


@method("bizproc.robot.list", scope=SCOPE, app="access_denied", admin=True)
def robot_list(call: Call) -> list[str]:
    return _listed(call, ROBOT)


@method("bizproc.robot.delete", scope=SCOPE, app="access_denied", admin=True)
def robot_delete(call: Call) -> bool:
    return _delete(call, ROBOT)


@method("bizproc.activity.add", scope=SCOPE, app="access_denied", admin=True)
def activity_add(call: Call) -> bool:
    return _add(call, ACTIVITY)


@method("bizproc.activity.update", scope=SCOPE, app="access_denied", admin=True)
def activity_update(call: Call) -> bool:
    return _update(call, ACTIVITY)


@method("bizproc.activity.list", scope=SCOPE, app="access_denied", admin=True)
def activity_list(call: Call) -> list[str]:
    return _listed(call, ACTIVITY)


@method("bizproc.activity.delete", scope=SCOPE, app="access_denied", admin=True)
def activity_delete(call: Call) -> bool:
    return _delete(call, ACTIVITY)


# -- a robot runs


def run(portal: Portal, robot: Robot, document: Document, properties: Mapping[str, Any], workflow_id: str = "") -> Run:
    """Post the handler's form, once. A robot that waits is done when its token is sent back."""
    number = portal.next_id("run")
    workflow = workflow_id or new_workflow_id(portal)
    word = portal.secret("event token", number)
    token = f"{workflow}|A{number}_2_3_4|{word[:6]}.{word[6:]}"
    made = Run(workflow, token, robot.code, robot.client_id, document.id, robot.waits, list(robot.returns))
    portal.area(Automation).runs[token] = made
    app = portal.apps[robot.client_id]
    if robot.auth_user in portal.people:
        auth = tokens.full_auth(portal, app, robot.auth_user, refresh=True)
    else:
        auth = tokens.bare_auth(portal, app.application_token)
    form = {
        "workflow_id": workflow, "code": robot.code, "document_id": document.path, "document_type": document.type,
        "event_token": token, "properties": documents.filled(portal, document, properties),
        "use_subscription": "Y" if robot.waits else "N", "timeout_duration": "0",
        "ts": str(int(portal.now().timestamp())), "auth": auth,
    }  # fmt: skip

    def answered(status: int, _text: str, _seconds: float) -> None:
        made.answered = status

    send(portal, Post(robot.handler, form, ROBOT, robot.code, answered))
    return made


def new_workflow_id(portal: Portal) -> str:
    """`6720a1c0aa1101.10203040`, like the portal's own."""
    word = portal.secret("workflow", portal.next_id("workflow"), length=22)
    return f"{word[:14]}.{int(word[14:], 16) % 100_000_000:08}"


def entered(portal: Portal, kind: str, number: str, stage: str) -> list[Run]:
    """A record has come to a stage: the robots placed there start, all at once."""
    started = []
    for place in portal.area(Automation).placed:
        if (place.kind, place.stage) != (kind, stage):
            continue
        robot = offered(portal, place.code)
        if robot:
            started.append(run(portal, robot, Document.of(kind, number), place.properties))
    return started


def offered(portal: Portal, code: str, kind: str = ROBOT) -> Robot | None:
    """The robot of that code, if its application is installed."""
    ready = (app for app in portal.apps.values() if app.present and app.installed)
    return next((robot for app in ready for robot in robots_of(portal, app, kind) if robot.code == code), None)


def _run_of(call: Call) -> Run:
    found = call.portal.area(Automation).runs.get(str(call.get("EVENT_TOKEN") or ""))
    if found is None or not found.waiting:
        raise RestError(403, "ACCESS_DENIED", "Access denied!")
    return found


@method("bizproc.event.send", scope=SCOPE)
def event_send(call: Call) -> bool:
    found = _run_of(call)
    found.waiting = False  # one answer ends the wait, whatever it says
    given = mapping(call.get("RETURN_VALUES"), "RETURN_VALUES")
    found.values = {name: value for name, value in given.items() if name in found.declared}
    if call.get("LOG_MESSAGE"):
        found.log.append(str(call.get("LOG_MESSAGE")))
    return True


@method("bizproc.activity.log", scope=SCOPE)
def activity_log(call: Call) -> bool:
    found = _run_of(call)
    if not call.get("LOG_MESSAGE"):
        raise RestError(400, "ERROR_EMPTY_LOG_MESSAGE", "Empty log message!")
    found.log.append(str(call.get("LOG_MESSAGE")))
    return True


# -- doors


@door("POST", "/sandbox/robot/place")
def place(sandbox: Sandbox, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`{"code", "stage", "properties", "kind": "DEAL"}`: as somebody does in the designer; no REST can."""
    portal = sandbox.portal
    code, stage = str(wanted.get("code") or ""), str(wanted.get("stage") or "")
    with portal.lock:
        if offered(portal, code) is None:
            raise BadRequest(f"no installed application offers a robot {code!r}")
        if not stage:
            raise BadRequest("say on which stage")
        made = Placed(code, stage, dict(wanted.get("properties") or {}), str(wanted.get("kind") or "DEAL").upper())
        portal.area(Automation).placed.append(made)
        return vars(made)


@door("POST", "/sandbox/robot/remove")
def remove(sandbox: Sandbox, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`{"code", "stage"}`: takes a placed robot away."""
    with sandbox.portal.lock:
        area = sandbox.portal.area(Automation)
        gone = [item for item in area.placed if (item.code, item.stage) == (wanted.get("code"), wanted.get("stage"))]
        area.placed = [item for item in area.placed if item not in gone]
        return {"removed": len(gone)}


@door("POST", "/sandbox/robot/run")
def run_now(sandbox: Sandbox, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`{"code", "deal": 5, "properties"}`: runs a robot or an action at once, placed or not."""
    portal = sandbox.portal
    with portal.lock:
        code = str(wanted.get("code") or "")
        robot = offered(portal, code) or offered(portal, code, ACTIVITY)
        document = documents.asked(wanted)
        if robot is None or document is None:
            raise BadRequest("say which robot of an installed application, and for which lead, deal, contact or company")
        return vars(run(portal, robot, document, dict(wanted.get("properties") or {})))


@door("GET", "/sandbox/robots")
def shown(sandbox: Sandbox, _asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is offered, what is placed, and every run with its answer."""
    with sandbox.portal.lock:
        area = sandbox.portal.area(Automation)
        return {
            "offered": [
                {"code": r.code, "name": r.name, "kind": r.kind, "handler": r.handler, "waits": r.waits} for r in area.robots
            ],
            "placed": [vars(item) for item in area.placed],
            "runs": [vars(item) for item in area.runs.values()],
        }  # fmt: skip
