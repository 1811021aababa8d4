"""Projects over REST: made, read, changed, listed; groups and templates come from the portal's file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from sandbox.planfix import errors, fields, showing, web
from sandbox.planfix.conditions import (
    CUSTOM_SHAPES,
    Test,
    among,
    combine,
    custom,
    date_is,
    number_of,
    person_of,
    text_is,
    unsupported,
)
from sandbox.planfix.model import PROJECT_ACTIVE, Moment, Project, User
from sandbox.planfix.state import Portal
from sandbox.planfix.tasks import files_out

STATUSES = range(5)  #: draft, active, completed, postponed, cancelled
FLAGS = {"hiddenForEmployees": "hidden_for_employees", "hiddenForClients": "hidden_for_clients", "isDeleted": "deleted"}
SETS = {"assignees": "assignees", "participants": "participants", "auditors": "auditors", "clientManagers": "managers"}


def project_out(portal: Portal, project: Project, names: web.Wanted, viewer: User) -> dict[str, Any]:
    """One project with the asked fields."""
    known, group = portal.projects, portal.projects.groups.get(project.group)
    overdue = project.end is not None and project.status == PROJECT_ACTIVE and project.end.at < portal.clock.now()
    shown = web.pick({
        "id": project.id, "name": project.name, "description": project.description or None,
        "status": {"id": project.status},
        "owner": web.person_out(portal, project.owner),
        "parent": {"id": project.parent} if project.parent in known.rows else None,
        "template": {"id": project.template} if project.template else None,
        "group": {"id": group.id, "name": group.name} if group else None,
        "counterparty": web.person_out(portal, project.counterparty) if project.counterparty else None,
        "startDate": web.moment_out(portal, project.start, viewer), "endDate": web.moment_out(portal, project.end, viewer),
        "hasEndDate": project.end is not None, "hiddenForEmployees": project.hidden_for_employees,
        "hiddenForClients": project.hidden_for_clients, "overdue": overdue, "isCloseToDeadline": False,
        **{key: web.people_out(portal, getattr(project, name)) for key, name in SETS.items()},
        "isDeleted": project.deleted, **project.source,
    }, names)  # fmt: skip
    return shown | showing.custom(portal, project.values, names.numbers, "project", 0, viewer)


def change(portal: Portal, project: Project, data: dict[str, Any], author: User) -> list[dict[str, str]]:
    """Write what was sent; what points to nothing is named as a failure, the rest is kept."""
    failures: list[dict[str, str]] = []
    taken = fields.take(portal, data.get("customFieldData"), "project", 0, author)
    for key in ("name", "description"):
        if isinstance(data.get(key), str):
            setattr(project, key, data[key])
    for key, attribute in FLAGS.items():
        if isinstance(data.get(key), bool):
            setattr(project, attribute, data[key])
    references: dict[str, Callable[[int], bool]] = {
        "status": lambda n: n in STATUSES, "parent": lambda n: n in portal.projects.rows and n != project.id,
        "group": lambda n: n in portal.projects.groups,
    }  # fmt: skip
    for key, exists in references.items():
        if key in data:
            number = web.ref(data[key])
            if exists(number):
                setattr(project, key, number)
            else:
                failures.append({"field": key, "error": f"{key.capitalize()} not found by id {number}"})
    for key, bare in (("owner", "user"), ("counterparty", "contact")):
        if key in data:
            ident = fields.person_ident(data[key], bare) or ""
            if portal.person_exists(ident):
                setattr(project, key, ident)
            else:
                failures.append({"field": key, "error": f"{key.capitalize()} not found"})
    for key, attribute in SETS.items():
        if key in data:
            setattr(project, attribute, web.people_in(data[key], author))
    for key, attribute in (("startDate", "start"), ("endDate", "end")):
        if key in data:
            setattr(project, attribute, web.moment_in(portal, data[key], author))
    if data.get("hasEndDate") is False:
        project.end = None
    if isinstance(data.get("files"), list):
        project.files = [number for number in map(web.ref, data["files"]) if number in portal.files]
    project.source |= {key: str(data[key]) for key in ("sourceObjectId", "sourceDataVersion") if key in data}
    fields.store(project.values, taken)
    return failures


def create(portal: Portal, data: dict[str, Any], author: User) -> Project:
    """A new project; 3001 when the name is empty."""
    if not str(data.get("name") or "").strip():
        raise errors.Refusal(400, 3001, "Project name is empty")
    project = Project(portal.next_id("project"), "", portal.clock.now(), author.id, template=web.ref(data.get("template")))
    change(portal, project, data, author)
    portal.projects.rows[project.id] = project
    return project


def conditions(portal: Portal, wanted: Any, viewer: User) -> Test:
    """Conditions of /project/list."""
    numbers: dict[int, Callable[[Project], Any]] = {
        5002: lambda p: p.group, 5006: lambda p: p.status, 5007: lambda p: p.id, 5010: lambda p: p.template,
        5014: lambda p: p.parent,
    }  # fmt: skip
    people: dict[int, tuple[Callable[[Project], Any], str]] = {
        5003: (lambda p: p.counterparty, "contact"), 5004: (lambda p: p.owner, "user"),
        5008: (lambda p: p.managers.users, "user"), 5009: (lambda p: p.participants.users, "user"),
        5011: (lambda p: [*p.assignees.users, *(f"group:{n}" for n in p.assignees.groups)], "user"),
        5012: (lambda p: [*p.auditors.users, *(f"group:{n}" for n in p.auditors.groups)], "user"),
    }  # fmt: skip

    def make(condition: dict[str, Any]) -> Test:
        kind = condition["type"]
        if kind == 5001:
            return text_is(condition, lambda p: p.name, contains=True)
        if kind in numbers:
            return among(condition, numbers[kind], number_of)
        if kind in people:
            get, bare = people[kind]
            return among(condition, get, person_of(bare))
        if kind in (5005, 5013):
            return date_is(portal, viewer, condition, lambda p: _at(p.end if kind == 5005 else p.start))
        if 5101 <= kind <= 5118 and kind - 5100 in CUSTOM_SHAPES:
            return custom(portal, viewer, condition, CUSTOM_SHAPES[kind - 5100])
        raise unsupported(kind)

    return combine(wanted, make)


def _at(moment: Moment | None) -> datetime | None:
    return moment.at if moment else None


def routes(rest: Blueprint, portal: Portal) -> None:
    """Register /project…"""

    def existing(number: int, status: int, text: str) -> Project:
        found = portal.projects.rows.get(number)
        if found is None or found.is_template:
            raise errors.Refusal(status, 3000, f"{text} by id {number}")
        return found

    @rest.post("/project/")
    def project_create() -> Response:
        return web.answer({"id": create(portal, web.body(), web.viewer()).id}, 201)

    @rest.get("/project/<ident:number>")
    def project_get(number: int) -> Response:
        project = existing(number, 400, "Project not found")
        return web.answer({"project": project_out(portal, project, web.wanted(), web.viewer())})

    @rest.post("/project/<ident:number>")
    def project_update(number: int) -> Response:
        project, data = existing(number, 404, "Project for update not found"), web.body()
        if "name" in data and not str(data["name"]).strip():
            raise errors.Refusal(400, 3001, "Project name is empty")
        return web.updated(portal, change(portal, project, data, web.viewer()), field="name")

    def listed(data: dict[str, Any], *, templates: bool) -> list[dict[str, Any]]:
        user, names = web.viewer(), web.wanted(data)
        test = conditions(portal, data.get("filters"), user)
        found = [p for p in portal.projects.rows.values() if p.is_template == templates and not p.deleted and test(p)]
        return [project_out(portal, project, names, user) for project in web.page(portal, found, data or None)]

    @rest.post("/project/list")
    def project_list() -> Response:
        return web.answer({"projects": listed(web.body(), templates=False)})

    @rest.get("/project/templates")
    def project_templates() -> Response:
        return web.answer({"templates": listed({}, templates=True)})

    @rest.get("/project/groups")
    def project_groups() -> Response:
        names = web.wanted()
        groups = portal.projects.groups.values()
        return web.answer({"groups": [web.pick({"id": group.id, "name": group.name}, names) for group in groups]})

    @rest.get("/project/<ident:number>/files")
    def project_files(number: int) -> Response:
        return web.answer({"files": files_out(portal, existing(number, 400, "Project not found").files)})
