"""What the portal consists of: objects, processes, statuses, custom fields, users (contract 3.5)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from sandbox.planfix import errors, filters, web
from sandbox.planfix.model import FIELD_TYPE_NAMES, OBJECT_TYPES, Field, ObjectDef, User
from sandbox.planfix.state import Portal
from sandbox.planfix.tasks import status_out


def field_out(field: Field) -> dict[str, Any]:
    """A definition of a custom field."""
    shown: dict[str, Any] = {
        "id": field.id, "name": field.name, "names": {"Ru": field.name}, "type": field.type,
        "objectType": OBJECT_TYPES[field.kind], "groupId": field.group,
    }  # fmt: skip
    if field.options:
        shown["enumValues"] = list(field.options)
    if field.directory:
        shown["directoryId"] = field.directory
    return shown


def user_out(portal: Portal, user: User, names: web.Wanted, viewer: User, prefixed: bool = False) -> dict[str, Any]:
    """One user; ids are numbers unless prefixedId is asked."""
    return web.pick({
        "id": user.id if prefixed else int(user.id.partition(":")[2]),
        "name": user.name,
        "lastname": user.lastname or None,
        "role": user.role,
        "email": user.email or None,
        "login": user.email or None,
        "status": "ActiveWithoutAccess" if user.is_robot else "Active" if user.active else "Inactive",
        "groups": [{"id": n, "name": portal.user_groups[n].name} for n in user.groups if n in portal.user_groups],
        "timezone": user.zone,
        "isDeleted": False,
        "languageCode": "Ru",
    }, names)  # fmt: skip


def routes(rest: Blueprint, portal: Portal) -> None:
    """Register /object…, /process…, /customfield…, /user…, /ping."""

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
        rest.add_url_rule(f"/customfield/group/{kind}", f"sets_{kind}",
                          lambda: web.answer({"customFieldSets": [{"id": 1, "name": "Annex"}]}))  # fmt: skip
        rest.add_url_rule(f"/customfield/{kind}/", f"add_{kind}", lambda kind=kind: field_add(kind), methods=["POST"])
        # Live, /customfield/task/{id} gave the whole list, not that task's only.
        rest.add_url_rule(
            f"/customfield/{kind}/<int:number>", f"fields_{kind}_of", lambda number, kind=kind: fields_of(kind)
        )

    @rest.get("/customfield/datatag/<int:number>")
    def customfield_datatag(number: int) -> Response:
        return fields_of("datatag", number)

    @rest.get("/customfield/directory/<int:number>")
    def customfield_directory(number: int) -> Response:
        return fields_of("directory", number)

    def field_add(kind: str) -> Response:
        """Fields can be made by REST, but not attached to an object (contract 3.5)."""
        data = web.body()
        kind_number, options = data.get("type"), data.get("enumValues")
        if not data.get("name") or not isinstance(kind_number, int) or kind_number not in FIELD_TYPE_NAMES:
            raise errors.missing("Field name and type are required")
        field = Field(portal.next_id("field"), str(data["name"]), kind_number, kind, group=web.ref(data.get("groupId")) or 1)
        field.options = [str(option) for option in options] if isinstance(options, list) else []
        portal.fields.setdefault(kind, {})[field.id] = field
        return web.answer({"id": field.id}, 201)

    # -- users

    @rest.post("/user/list")
    def user_list() -> Response:
        data, user = web.body(), web.viewer()
        test = filters.for_users(portal, data.get("filters"), user)
        active = data.get("onlyActive") is True
        found = [u for u in portal.users.values() if (u.active or not active) and test(u)]
        names, prefixed = web.wanted(data), data.get("prefixedId") is True
        return web.answer({"users": [user_out(portal, u, names, user, prefixed) for u in web.page(portal, found, data)]})

    @rest.get("/user/<ident:number>")
    def user_get(number: int) -> Response:
        found = portal.users.get(f"user:{number}")
        if found is None:
            raise errors.Refusal(400, 4000, f"User not found by id {number}")
        return web.answer({"user": user_out(portal, found, web.wanted(), web.viewer())})

    @rest.get("/user/groups")
    def user_groups() -> Response:
        names = web.wanted()
        return web.answer({"groups": [web.pick({"id": g.id, "name": g.name}, names) for g in portal.user_groups.values()]})

    @rest.get("/user/positions/")
    def user_positions() -> Response:
        return web.answer({"positions": []})

    @rest.get("/workspace/list")
    def workspace_list() -> Response:
        return web.answer({"workspaces": [{"id": 1, "name": "Планфікс"}]})
