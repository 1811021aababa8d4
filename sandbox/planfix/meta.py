"""What the portal consists of: objects, processes, statuses, custom fields (contract 3.5)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from sandbox.planfix import errors, fields, web
from sandbox.planfix.model import FIELD_TYPE_NAMES, OBJECT_TYPES, Field, Group, ObjectDef
from sandbox.planfix.state import Portal
from sandbox.planfix.tasks import status_out


def field_out(field: Field) -> dict[str, Any]:
    """A definition of a custom field."""
    shown: dict[str, Any] = {
        "id": field.id, "name": field.name, "names": {"Ru": field.name, **field.names}, "type": field.type,
        "objectType": OBJECT_TYPES[field.kind], "groupId": field.group,
    }  # fmt: skip
    if field.options:
        shown["enumValues"] = list(field.options)
    if field.directory:
        shown["directoryId"] = field.directory
    if field.main_value is not None:
        shown["mainValue"] = field.main_value
    return shown


def routes(rest: Blueprint, portal: Portal) -> None:
    """Register /object…, /process…, /customfield…, /ping."""

    @rest.get("/ping")
    def ping() -> Response:
        return web.answer({})

    def object_of(number: int) -> ObjectDef:
        if number not in portal.objects:
            raise errors.Refusal(400, 0, f"Object not found by id {number}")
        return portal.objects[number]

    def statuses_of(numbers: list[int]) -> Response:
        names = web.wanted()
        every = names.names == {"id"}  # objects answer in full when nothing was asked
        shown = [status_out(portal.statuses[n]) for n in numbers if n in portal.statuses]
        return web.answer({"statuses": shown if every else [web.pick(status, names) for status in shown]})

    @rest.get("/object/<int:number>")
    def object_get(number: int) -> Response:
        definition = object_of(number)
        attached = [portal.fields["task"][n] for n in portal.attached("task", number)]
        data = [{"field": {"id": f.id, "name": f.name, "type": f.type, "objectType": 0}, "value": None} for f in attached]
        first = portal.statuses[definition.statuses[0]]
        shown = {
            "id": number,
            "name": definition.name,
            "status": {"id": first.id, "name": first.name},
            "customFieldData": data,
        }
        return web.answer({"object": shown})

    @rest.post("/object/list")
    def object_list() -> Response:
        found = web.page(portal, list(portal.objects.values()), web.body())
        return web.answer({"objects": [{"id": o.id, "name": o.name} for o in found]})

    @rest.get("/object/<int:number>/statuses")
    def object_statuses(number: int) -> Response:
        return statuses_of(object_of(number).statuses)

    @rest.get("/process/task")
    def process_list() -> Response:
        names = web.wanted()
        every = names.names == {"id"}
        shown = [{"id": o.process, "name": o.name} for o in portal.objects.values()]
        return web.answer({"processes": shown if every else [web.pick(process, names) for process in shown]})

    @rest.get("/process/contact")
    def process_contact() -> Response:
        return web.answer({"processes": []})

    @rest.get("/process/task/<int:number>/statuses")
    def process_statuses(number: int) -> Response:
        found = next((o for o in portal.objects.values() if o.process == number), None)
        if found is None:
            raise errors.Refusal(400, 0, f"Process not found by id {number}")
        return statuses_of(found.statuses)

    # -- custom fields: not paged, everything at once

    def fields_of(kind: str, owner: int = 0) -> Response:
        names = web.wanted()
        every = names.names == {"id"}
        found = [field_out(f) for f in portal.fields.get(kind, {}).values() if not owner or f.owner == owner]
        return web.answer({"customfields": found if every else [web.pick(field, names) for field in found]})

    @rest.get("/customfield/type")
    def customfield_types() -> Response:
        return web.answer({"customFieldTypes": [{"id": n, "name": name} for n, name in FIELD_TYPE_NAMES.items()]})

    for kind in ("task", "contact", "project", "user", "main"):
        rest.add_url_rule(f"/customfield/{kind}", f"fields_{kind}", lambda kind=kind: fields_of(kind))
        rest.add_url_rule(f"/customfield/group/{kind}", f"sets_{kind}", lambda kind=kind: sets_of(kind))
        rest.add_url_rule(
            f"/customfield/group/{kind}/", f"add_set_{kind}", lambda kind=kind: set_add(kind), methods=["POST"]
        )
        rest.add_url_rule(f"/customfield/{kind}/", f"add_{kind}", lambda kind=kind: field_add(kind), methods=["POST"])
        # Live, /customfield/task/{id} gave the whole list, not that task's only.
        rest.add_url_rule(
            f"/customfield/{kind}/<int:number>", f"fields_{kind}_of", lambda number, kind=kind: fields_of(kind)
        )

    def sets_of(kind: str) -> Response:
        found = portal.field_sets.get(kind, {}).values()
        return web.answer({"customFieldSets": [{"id": one.id, "name": one.name} for one in found]})

    def set_add(kind: str) -> Response:
        name = str(web.body().get("name") or "").strip()
        if not name:
            raise errors.missing("Name of the set is required")
        made = Group(portal.next_id("field_set"), name)
        portal.field_sets.setdefault(kind, {})[made.id] = made
        return web.answer({"id": made.id}, 201)

    @rest.post("/customfield/main/<int:number>")
    def main_update(number: int) -> Response:
        """Fields of the account itself hold one value for everybody."""
        field, data = portal.fields.get("main", {}).get(number), web.body()
        if field is None:
            raise errors.Refusal(400, 0, f"Custom field not found by id {number}")
        field.name = str(data.get("name") or field.name)
        field.names |= {str(key): str(value) for key, value in dict(data.get("names") or {}).items()}
        if "mainValue" in data:
            value = fields.accept(portal, field, data["mainValue"], web.viewer())
            if value is not fields.IGNORED:  # shown as it was written, if its type takes it
                field.main_value = None if value is None else data["mainValue"]
        return web.answer({})

    @rest.get("/customfield/datatag/<int:number>")
    def customfield_datatag(number: int) -> Response:
        return fields_of("datatag", number)

    @rest.get("/customfield/directory/<int:number>")
    def customfield_directory(number: int) -> Response:
        return fields_of("directory", number)

    def field_add(kind: str) -> Response:
        """Fields can be made by REST, but not attached to an object (contract 3.5)."""
        data = web.body()
        kind_number, options, names = data.get("type"), data.get("enumValues"), data.get("names")
        if not data.get("name") or not isinstance(kind_number, int) or kind_number not in FIELD_TYPE_NAMES:
            raise errors.missing("Field name and type are required")
        group = web.ref(data.get("groupId"))
        if group and group not in portal.field_sets.get(kind, {}):
            raise errors.bad_value(f"Custom field set not found by id {group}")
        field = Field(portal.next_id("field"), str(data["name"]), kind_number, kind, group=group or 1)
        field.options = [str(option) for option in options] if isinstance(options, list) else []
        field.names = {str(key): str(value) for key, value in names.items()} if isinstance(names, dict) else {}
        field.directory = web.ref(data.get("directoryId"))
        portal.fields.setdefault(kind, {})[field.id] = field
        return web.answer({"id": field.id}, 201)

    @rest.get("/workspace/list")
    def workspace_list() -> Response:
        return web.answer({"workspaces": [{"id": 1, "name": "Планфікс"}]})
