"""Is it really the portal, and what does it tell. Asks nobody but the vault, except at an installation.

Bitrix24 signs nothing: the proof is the application's token, which it sends with every event, and which was accepted at
the installation only after the portal itself had confirmed it. Of an event only ids are believed: the rest is read back.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from connectors.bitrix24 import install
from connectors.bitrix24.auth import APP
from connectors.bitrix24.codes import ENTITY_TYPES, kind_of
from connectors.bitrix24.settings import hook_token
from connectors.bitrix24.setup_app import ROBOT_PREFIX, TEXTS
from connectors.bitrix24.texts import request_of
from kernel.conversations import Incoming
from kernel.crm import Event
from kernel.errors import BadInput
from kernel.extension import Connection, Delivery, NotProven, Received
from kernel.telemetry import log

IDS = "ids"  #: in the vault: the numbers of what the set-up has found or made
FORM_FIELDS_MAX = 500
NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)
CRM_EVENT = re.compile(r"ONCRM(DEAL|LEAD|CONTACT|COMPANY)(ADD|UPDATE|DELETE|MOVETOCATEGORY)\Z")
SMART_EVENT = re.compile(r"ONCRMDYNAMICITEM(ADD|UPDATE|DELETE)(?:_([0-9]{1,9}))?\Z")
COMMENT_EVENT = re.compile(r"ONCRMTIMELINECOMMENT(ADD|UPDATE)\Z")
DOCUMENT = re.compile(r"(DEAL|LEAD|CONTACT|COMPANY)_([0-9]+)\Z")
SMART_DOCUMENT = re.compile(r"DYNAMIC_([0-9]{1,9})_([0-9]+)\Z")
WHAT = {"ADD": "added", "UPDATE": "changed", "DELETE": "deleted", "MOVETOCATEGORY": "moved"}
Tree = dict[str, Any]


def receive(delivery: Delivery, connection: Connection) -> Received:
    """Raises NotProven, or BadInput naming the field."""
    if delivery.rest == TEXTS:
        return Received(messages=(text_of(delivery, connection),))
    return Received(tuple(events_of(delivery, connection)))


def text_of(delivery: Delivery, connection: Connection) -> Incoming:
    """A text that somebody has written in the portal. Raises NotProven, or BadInput naming the field."""
    response = read_body(delivery.body)
    prove(tree_at(response, "auth"), connection)
    return request_of(response, lambda kind: entities_of(connection, kind))


def events_of(delivery: Delivery, connection: Connection) -> list[Event]:
    """Raises NotProven, or BadInput naming the field."""
    response = read_body(delivery.body)
    auth = tree_at(response, "auth")
    name = str(response.get("event") or "").upper()
    if name in ("ONAPPINSTALL", "ONAPPUPDATE"):
        install.accept(connection, auth, update=name == "ONAPPUPDATE")
        return []
    prove(auth, connection)
    if name == "ONAPPUNINSTALL":
        install.forget(connection, auth)
        return []
    if response.get("workflow_id") and not name:
        return _of_robot(response, connection)
    if not name:
        raise BadInput("`event` is missing", field="event")
    return list(_of_event(name, response, auth, connection))


def prove(auth: Mapping[str, Any], connection: Connection) -> None:
    """The application's token of this portal, or the token of the outgoing webhook."""
    given = str(auth.get("application_token") or "")
    if not given:
        raise NotProven("there is no application_token", status=401)
    held = connection.vault.get(APP) or {}
    ours = equal(given, str(held.get("application_token") or "")) and equal(
        str(auth.get("member_id") or ""), str(held.get("member_id") or "")
    )
    if not ours and not equal(given, hook_token(connection.settings)):
        raise NotProven("the application_token is wrong")


def equal(given: str, expected: str) -> bool:
    """Compared in constant time; nothing equals what is not set."""
    same = hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))
    return bool(expected) and same


def read_body(body: bytes) -> Tree:
    """A form with PHP's brackets, or JSON, as a tree; empty where neither can be read: the missing proof says it all."""
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        return {}
    tree: Tree = {}
    for name, value in pairs:
        _put(tree, re.findall(r"[^\[\]]+", name)[:8], value)
    return tree


def tree_at(response: Mapping[str, Any], *path: str) -> Tree:
    found: Any = response
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def entities_of(connection: Connection, entity_type_id: int) -> list[str]:
    """Our words for a kind of record; "deal/operation" for a smart process that is a table of deals."""
    found = [
        name
        for name, entity in connection.mapping.entities.items()
        if (kind := kind_of(entity)) != "smart" and ENTITY_TYPES[kind] == entity_type_id
    ]
    for key, held in ((connection.vault.get(IDS) or {}).get("smart") or {}).items():
        if isinstance(held, list | tuple) and held and str(held[0]) == str(entity_type_id):
            found.append(str(key))
    return found


def _of_event(name: str, response: Tree, auth: Tree, connection: Connection) -> Iterator[Event]:
    fields = tree_at(response, "data", "FIELDS")
    if found := COMMENT_EVENT.match(name):  # it names the comment and not its record
        yield Event(f"comment.{WHAT[found[1]]}", "@comment", str(_whole(fields.get("ID"), "ID")))
        return
    if found := CRM_EVENT.match(name):
        entity_type, what = ENTITY_TYPES[found[1].lower()], WHAT[found[2]]  # type: ignore[index]
    elif found := SMART_EVENT.match(name):
        given = found[2] or fields.get("ENTITY_TYPE_ID")
        entity_type, what = _whole(given, "ENTITY_TYPE_ID"), WHAT[found[1]]
    else:
        return  # proven, but nothing we look at
    record_id = str(_whole(fields.get("ID"), "ID"))
    author = str(auth.get("user_id") or "")
    for entity in entities_of(connection, entity_type):
        noun = "row" if "/" in entity else entity
        yield Event(f"{noun}.{what}", entity, record_id, author=author if NUMBER.match(author) else "")


def _of_robot(response: Tree, connection: Connection) -> list[Event]:
    code = str(response.get("code") or "")
    robots = connection.mapping.portal.robot
    robot = next(
        (one for name, one in robots.items() if code.lower() in (name.lower(), (ROBOT_PREFIX + name).lower())), None
    )
    if robot is None:
        log.warning("bitrix24.unknown_robot", code=code[:60])
        return []
    entity_type, record_id = _document(_parts(response.get("document_id")))
    if robot.entity not in entities_of(connection, entity_type):
        raise BadInput(f"`document_id` is no {robot.entity}", field="document_id")
    return [Event(robot.event, robot.entity, record_id, delivery=_of_step(response))]


def _of_step(response: Tree) -> str:
    """One step of a process runs once: its token says which, and the portal may send it twice."""
    token = str(response.get("event_token") or "") or f"{response.get('workflow_id')}|{response.get('ts')}"
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()[:32]


def _document(parts: list[str]) -> tuple[int, str]:
    last = parts[-1] if parts else ""
    if found := DOCUMENT.match(last):
        return ENTITY_TYPES[found[1].lower()], str(_whole(found[2], "document_id"))  # type: ignore[index]
    if found := SMART_DOCUMENT.match(last):
        return int(found[1]), str(_whole(found[2], "document_id"))
    raise BadInput("`document_id` names no record of the CRM", field="document_id")


def _parts(value: Any) -> list[str]:
    """`document_id[0]`, `[1]`, `[2]` of a form, or a list of JSON."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [str(item) for item in items]


def _whole(value: Any, field: str) -> int:
    text = str(value or "")
    if not NUMBER.match(text):
        raise BadInput(f"`{field}` must be a number", field=field)
    return int(text)


def _put(tree: Tree, path: list[str], value: str) -> None:
    if not path:
        return
    for part in path[:-1]:
        inner = tree.setdefault(part, {})
        if not isinstance(inner, dict):
            return  # the name stands there already with a plain value: the first one counts
        tree = inner
    tree.setdefault(path[-1], value)
