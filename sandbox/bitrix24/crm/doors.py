"""Doors for what happens in a CRM without REST: the portal's own leads, many records at once, card settings."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from sandbox.bitrix24 import formats
from sandbox.bitrix24.crm import changes, fields, statuses
from sandbox.bitrix24.crm.store import CONTACT, DEAL, LEAD, Kind, Record, crm
from sandbox.bitrix24.doors import BadRequest, door
from sandbox.bitrix24.state import Portal

SOURCES = ("WEB", "CALL", "EMAIL", "OTHER")
FIRST = ("Ирина", "Павел", "Анна", "Дмитрий", "Ольга", "Сергей", "Мария", "Алексей")
LAST = ("Петренко", "Смирнова", "Волков", "Коваль", "Орлова", "Шевчук", "Лебедев", "Новак")


def attach(sandbox: Any) -> None:
    sandbox.counts.append(lambda portal: {
        kind.code.lower(): len(kind.records) for kind in crm(portal).kinds.values()
    })  # fmt: skip


def _own(portal: Portal, kind: Kind, data: Mapping[str, Any]) -> dict[str, int]:
    """Made by the portal itself: created by nobody, given to the portal's default person."""
    source = str(data.get("source") or "WEB").upper()
    if source not in SOURCES:
        raise BadRequest(f"source must be one of {', '.join(SOURCES)}")
    responsible = str(data.get("responsible") or portal.default_responsible())
    if responsible not in portal.people:
        raise BadRequest(f"no such user {responsible!r}")
    values: dict[str, Any] = {"SOURCE_ID": source, "ASSIGNED_BY_ID": int(responsible)}
    if data.get("title"):
        values["TITLE"] = str(data["title"])
    if kind.multi:
        values |= {"NAME": data.get("name"), "FM": _items(portal, data)}
    if data.get("fields"):
        known = {name: value for name, value in dict(data["fields"]).items() if name in kind.fields}
        values |= {name: fields.read(kind.fields[name], value, portal.zone) for name, value in known.items()}
    return {"id": int(changes.create(portal, kind, values, changes.Actor(None))["ID"])}


def _items(portal: Portal, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"id": portal.next_id("multifield"), "typeId": name, "valueType": "WORK", "value": str(data[key])}
        for name, key in (("PHONE", "phone"), ("EMAIL", "email"))
        if data.get(key)
    ]


@door("POST", "/sandbox/lead")
def lead(sandbox: Any, data: Mapping[str, Any]) -> dict[str, int]:
    """Somebody filled a form, called or wrote: the portal makes a lead by itself."""
    with sandbox.portal.lock:
        return _own(sandbox.portal, crm(sandbox.portal).kinds[LEAD], data)


@door("POST", "/sandbox/deal")
def deal(sandbox: Any, data: Mapping[str, Any]) -> dict[str, int]:
    """The same in a CRM without leads; a phone or a name makes a contact too."""
    portal = sandbox.portal
    with portal.lock:
        if data.get("phone") or data.get("name"):
            values = {"NAME": data.get("name"), "FM": _items(portal, data)}
            contact = changes.create(portal, crm(portal).kinds[CONTACT], values, changes.Actor(None))
            data = {**data, "fields": {**dict(data.get("fields") or {}), "CONTACT_ID": contact["ID"]}}
        return _own(portal, crm(portal).kinds[DEAL], data)


@door("POST", "/sandbox/fill")
def fill(sandbox: Any, data: Mapping[str, Any]) -> dict[str, int]:
    """Many contacts and deals at once, without events; the same seed makes the same ones."""
    portal: Portal = sandbox.portal
    rng = random.Random(int(data.get("seed", 1)))  # noqa: S311 - repeatable on purpose
    with portal.lock:
        people = [int(user.id) for user in portal.people.values() if user.active and not user.technical]
        contacts = [_contact(portal, rng, number, people)["ID"] for number in range(int(data.get("contacts", 0)))] or list(
            crm(portal).kinds[CONTACT].ids
        )
        for number in range(int(data.get("deals", 0))):
            _deal(portal, rng, number, people, contacts, formats.integer(data.get("category")) or 0)
    return {"deals": int(data.get("deals", 0)), "contacts": int(data.get("contacts", 0))}


def _contact(portal: Portal, rng: random.Random, number: int, people: list[int]) -> Record:
    phone = f"+7916{number:07d}"
    values = {
        "NAME": rng.choice(FIRST), "LAST_NAME": rng.choice(LAST), "ASSIGNED_BY_ID": rng.choice(people),
        "FM": [{"id": portal.next_id("multifield"), "typeId": "PHONE", "valueType": "MOBILE", "value": phone}],
    }  # fmt: skip
    return changes.create(portal, crm(portal).kinds[CONTACT], values, changes.Actor("1"), silent=True)


def _deal(portal: Portal, rng: random.Random, number: int, people: list[int], contacts: list[int], category: int) -> Record:
    rows = statuses.stages(portal, DEAL, category)
    values = {
        "TITLE": f"Сделка {number + 1}", "OPPORTUNITY": float(rng.randrange(1, 10_000) * 100), "CATEGORY_ID": category,
        "STAGE_ID": rng.choice(rows).status_id, "ASSIGNED_BY_ID": rng.choice(people), "SOURCE_ID": rng.choice(SOURCES),
        "CONTACT_IDS": [rng.choice(contacts)] if contacts else [],
    }  # fmt: skip
    return changes.create(portal, crm(portal).kinds[DEAL], values, changes.Actor("1"), silent=True)


@door("POST", "/sandbox/required-field")
def required(sandbox: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """An administrator makes a field required in the card, at some stages or (without `stages`) at all of them."""
    with sandbox.portal.lock:
        kind = crm(sandbox.portal).kinds.get(int(data.get("entityTypeId", DEAL)))
        name = str(data.get("field") or "")
        if kind is None or name not in kind.fields:
            raise BadRequest("required-field takes entityTypeId and field (UPPER name of a field there is)")
        kind.required = [entry for entry in kind.required if entry[0] != name]
        if not data.get("remove"):
            kind.required.append((name, frozenset(str(stage) for stage in data.get("stages", []))))
        return {"required": [{"field": field, "stages": sorted(stages)} for field, stages in kind.required]}


@door("POST", "/sandbox/hide")
def hide(sandbox: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The roles no longer show a person that record; `{"show": true}`: they do again. Administrators see everything."""
    portal = sandbox.portal
    with portal.lock:
        kind = crm(portal).kinds.get(int(data.get("entityTypeId", DEAL)))
        record = kind.get(data.get("id")) if kind else None
        user = str(data.get("user") or "")
        if kind is None or record is None or user not in portal.people:
            raise BadRequest("hide takes user, entityTypeId and id, of a person and a record there are")
        (kind.hidden.discard if data.get("show") else kind.hidden.add)((user, record["ID"]))
        return {"hidden": [{"user": who, "id": number} for who, number in sorted(kind.hidden)]}


@door("POST", "/sandbox/robot")
def robot(sandbox: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """An administrator puts a robot on a stage: as a [[robot]] of the portal's file; `{"clear": true}` removes all."""
    robots = sandbox.portal.config.setdefault("robot", [])
    with sandbox.portal.lock:
        if data.get("clear"):
            robots.clear()
        elif data.get("action") == "set_stage" and not data.get("to"):
            raise BadRequest("a robot with the action set_stage says `to` which")
        elif data.get("action") in ("set_stage", "set_field", "add_comment"):
            robots.append(dict(data))
        else:
            raise BadRequest("a robot takes stage (or trigger), action (set_stage, set_field, add_comment) and its values")
        return {"robots": list(robots)}
