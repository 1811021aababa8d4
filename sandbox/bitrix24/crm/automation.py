"""The portal's own robots as data, and triggers: crm.automation.trigger*.

A robot acts by itself: without a user, without tokens in the events it causes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import formats
from sandbox.bitrix24.crm import changes, comments, fields
from sandbox.bitrix24.crm.store import DEAL, Kind, Record, crm
from sandbox.bitrix24.registry import Call, RestError, method
from sandbox.bitrix24.state import Portal

CHAIN_MAX = 20  #: two robots may push a deal to and fro; the product stops such loops too
TARGET = re.compile(r"^([A-Z]+(?:_\d+)?)_(\d+)$")


@dataclass
class Triggers:
    """Triggers of applications, and what each incoming one does: data of the portal."""

    registered: dict[str, str] = field(default_factory=dict)
    fired: list[tuple[str, int, int]] = field(default_factory=list)


def attach(sandbox: Any) -> None:
    sandbox.portal.area(changes.Hooks).moved.append(moved)


def moved(portal: Portal, kind: Kind, record: Record, actor: changes.Actor) -> None:
    """A record came to a stage: start the robots that stand there."""
    if not portal.faults.on("robots") or actor.chain >= CHAIN_MAX:
        return
    for robot in portal.config.get("robot", []):
        if int(robot.get("entityTypeId", DEAL)) == kind.type_id and robot.get("stage") == record.get(kind.stage):
            start(portal, kind, record["ID"], robot, actor.chain + 1)


def start(portal: Portal, kind: Kind, ident: int, robot: Mapping[str, Any], chain: int) -> None:
    """Act after the robot's delay; at once means just after the save, as robots do."""

    def act() -> None:
        record = kind.records.get(ident)
        if record is None or (robot.get("stage") and record.get(kind.stage) != robot["stage"]):
            return  # the record has left the stage before the robot came
        perform(portal, kind, record, robot, changes.Actor(None, chain=chain))

    delay = float(robot.get("delay", 0))
    if delay > 0:
        portal.later(delay, act)
    else:
        act()


def perform(portal: Portal, kind: Kind, record: Record, robot: Mapping[str, Any], actor: changes.Actor) -> None:
    portal.note(direction="robot", action=robot.get("action"), kind=kind.code, id=record["ID"], to=robot.get("to"))
    action = robot.get("action")
    if action == "set_stage":
        changes.update(portal, kind, record, {kind.stage: str(robot["to"])}, actor)
    elif action == "set_field":
        wanted = kind.fields[str(robot["field"])]
        changes.update(portal, kind, record, {wanted.upper: fields.read(wanted, robot.get("value"), portal.zone)}, actor)
    elif action == "add_comment":
        comments.write(portal, kind, record["ID"], str(robot.get("text", "")), 0, None)
    else:
        raise ValueError(f"a robot knows set_stage, set_field and add_comment, not {action!r}")


# -- triggers


@method("crm.automation.trigger", scope="crm")
def trigger(call: Call) -> bool:
    """An incoming webhook of automation: robots with this `trigger` code act."""
    target = str(call.get("target") or "").upper()
    if not target:
        raise RestError(400, "", "Target is not set.")
    found = TARGET.match(target)
    kind = crm(call.portal).by_code(found.group(1)) if found else None
    if not found or kind is None:
        raise RestError(400, "", "Incorrect target format.")
    record = kind.get(found.group(2))
    if record is None:
        raise RestError(400, "", "Target is not found.")
    _fire(call.portal, kind, record, str(call.get("code") or ""))
    return True


def _fire(portal: Portal, kind: Kind, record: Record, code: str) -> None:
    portal.area(Triggers).fired.append((code, kind.type_id, record["ID"]))
    for robot in portal.config.get("robot", []):
        if robot.get("trigger") == code:
            start(portal, kind, record["ID"], {key: robot[key] for key in robot if key != "stage"}, 1)


def _code(call: Call) -> str:
    code = str(call.get("code") or "")
    if not code:
        raise RestError(400, "", "Empty trigger code!")
    if not re.fullmatch(r"[A-Za-z0-9.\-_]+", code):
        raise RestError(400, "", "Wrong trigger code!")
    return code


@method("crm.automation.trigger.add", scope="crm", app="access_denied", admin=True)
def add(call: Call) -> bool:
    code, name = _code(call), str(call.get("name") or "")
    if not name:
        raise RestError(400, "", "Empty trigger name!")
    call.portal.area(Triggers).registered[code] = name
    return True


@method("crm.automation.trigger.list", scope="crm", app="access_denied", admin=True)
def listing(call: Call) -> list[dict[str, str]]:
    return [{"NAME": name, "CODE": code} for code, name in call.portal.area(Triggers).registered.items()]


@method("crm.automation.trigger.delete", scope="crm", app="access_denied", admin=True)
def delete(call: Call) -> bool:
    code = _code(call)
    if call.portal.area(Triggers).registered.pop(code, None) is None:
        raise RestError(400, "", "Trigger not found")
    return True


@method("crm.automation.trigger.execute", scope="crm", app="access_denied", admin=True)
def execute(call: Call) -> bool:
    code = _code(call)
    if code not in call.portal.area(Triggers).registered:
        raise RestError(400, "", f"Trigger with code {code} is not registered.")
    kind = crm(call.portal).kinds.get(formats.integer(call.get("OWNER_TYPE_ID")) or 0)
    if kind is None:
        raise RestError(400, "", "Incorrect parameter OWNER_TYPE_ID.")
    record = kind.get(call.get("OWNER_ID"))
    if record is None:
        raise RestError(400, "", "Incorrect parameter OWNER_ID.")
    _fire(call.portal, kind, record, code)
    return True
