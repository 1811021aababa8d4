"""Directories and their entries (contract 3.5)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from sandbox.planfix import errors, fields, filters, showing, web
from sandbox.planfix.meta import field_out
from sandbox.planfix.model import Directory, Entry, User
from sandbox.planfix.state import Portal


def directory_out(portal: Portal, directory: Directory, names: web.Wanted) -> dict[str, Any]:
    """A directory and its columns."""
    columns = [field_out(portal.fields["directory"][n]) for n in portal.attached("directory", directory.id)]
    return web.pick({"id": directory.id, "name": directory.name, "fields": columns}, names)


def entry_out(portal: Portal, entry: Entry, names: web.Wanted, viewer: User) -> dict[str, Any]:
    """An entry; only groups have a name, an entry has its text in a field."""
    directory = portal.directories[entry.directory]
    shown = web.pick(
        {
            "directory": {"id": directory.id, "name": directory.name},
            "key": entry.key,
            "parentKey": entry.parent,
            "name": entry.name if entry.is_group else None,
            "archived": entry.archived,
            "isGroup": entry.is_group,
        },
        names,
    )
    if not shown:
        shown["key"] = entry.key
    return shown | showing.custom(portal, entry.values, names.numbers, "directory", directory.id, viewer)


def write_entry(portal: Portal, entry: Entry, data: dict[str, Any], author: User) -> None:
    """What was sent; the rest stays."""
    taken = fields.take(portal, data.get("customFieldData"), "directory", entry.directory, author)
    if "parentKey" in data:
        entry.parent = web.ref(data["parentKey"])
    if isinstance(data.get("isGroup"), bool):
        entry.is_group = data["isGroup"]
    if isinstance(data.get("archived"), bool):
        entry.archived = data["archived"]
    if entry.is_group and isinstance(data.get("name"), str):
        entry.name = data["name"]
    fields.store(entry.values, taken)


def routes(rest: Blueprint, portal: Portal) -> None:
    """Register /directory…"""

    @rest.post("/directory/list")
    def directory_list() -> Response:
        data = web.body()
        names, found = web.wanted(data), web.page(portal, list(portal.directories.values()), data)
        return web.answer({portal.faults.word("directory_list_key"): [directory_out(portal, d, names) for d in found]})

    def directory_of(number: int) -> Directory:
        if number not in portal.directories:
            raise errors.Refusal(404, 8000, f"Directory not found by id {number}")
        return portal.directories[number]

    def entry_of(number: int, key: int, code: int = 8010) -> Entry:
        entry = portal.entries.get(key)
        if entry is None or entry.directory != directory_of(number).id:
            raise errors.Refusal(400, code, f"Directory entry not found by key {key}")
        return entry

    @rest.get("/directory/groups")
    def directory_groups() -> Response:
        return web.answer({"groups": []})

    @rest.get("/directory/<int:number>")
    def directory_get(number: int) -> Response:
        return web.answer({"directory": directory_out(portal, directory_of(number), web.wanted())})

    @rest.post("/directory/<int:number>/filters")
    def directory_filters(number: int) -> Response:
        directory_of(number)
        return web.answer({"filters": []})

    @rest.post("/directory/<int:number>/entry/")
    def entry_add(number: int) -> Response:
        if number not in portal.directories:
            raise errors.Refusal(400, 8011, "Directory entry not created")
        entry = Entry(portal.next_id("entry"), number)
        write_entry(portal, entry, web.body(), web.viewer())
        portal.entries[entry.key] = entry
        bodies: dict[str, dict[str, Any]] = {"key": {"key": entry.key}, "entry": {"entry": {"key": entry.key}}}
        return web.answer(bodies.get(portal.faults.word("directory_add_body")))  # 200, not 201

    @rest.get("/directory/<int:number>/entry/<int:key>")
    def entry_get(number: int, key: int) -> Response:
        return web.answer({"entry": entry_out(portal, entry_of(number, key), web.wanted(), web.viewer())})

    @rest.post("/directory/<int:number>/entry/<int:key>")
    def entry_update(number: int, key: int) -> Response:
        write_entry(portal, entry_of(number, key, 8012), web.body(), web.viewer())
        return web.answer({})

    @rest.delete("/directory/<int:number>/entry/<int:key>")
    def entry_delete(number: int, key: int) -> Response:
        del portal.entries[entry_of(number, key, 8013).key]
        return web.answer({})

    @rest.post("/directory/<int:number>/entry/list")
    def entry_list(number: int) -> Response:
        data, user = web.body(), web.viewer()
        if number not in portal.directories:
            raise errors.Refusal(400, 0, "Rest API error")
        test = filters.for_entries(portal, data.get("filters"), user)
        found = [e for e in portal.entries.values() if e.directory == number and test(e)]
        if data.get("entriesOnly") is True:
            found = [e for e in found if not e.is_group]
        if data.get("groupsOnly") is True:
            found = [e for e in found if e.is_group]
        names = web.wanted(data)
        return web.answer({"directoryEntries": [entry_out(portal, e, names, user) for e in web.page(portal, found, data)]})
