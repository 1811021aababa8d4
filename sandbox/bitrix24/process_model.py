"""What a business process is: a template as an opaque file, a started process, and lists of both (contract, section 9).

What a template does stands in a `.bpt` file nobody but the designer can read. A door says it instead: whom to ask what,
and into which fields of the record the answers go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import filters
from sandbox.bitrix24.formats import items, mapping
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.registry import Call, Listed, RestError
from sandbox.bitrix24.state import Portal

MODULES = ("crm", "lists", "disk")


@dataclass
class Script:
    """What a process does here: one question paper for one person."""

    title: str
    user: str = ""  #: empty = the record's responsible
    activity: str = "RequestInformationActivity"
    fields: list[dict[str, Any]] = field(default_factory=list)
    write: dict[str, str] = field(default_factory=dict)  #: answer's id -> field of the record
    comment_required: bool = False
    days: float = 0.0  #: days until the task is overdue; 0 = never


@dataclass
class Template:
    id: int
    name: str
    document_type: list[str]
    author: str
    client_id: str = ""  #: empty: made in the designer, belongs to no application
    description: str = ""
    auto_execute: int = 0
    file_name: str = ""
    file: bytes = b""  #: opaque
    changed: str = ""
    script: Script | None = None


@dataclass
class Process:
    id: str
    template: int
    document: list[str]
    started_by: str
    started: str
    modified: str
    parameters: dict[str, Any] = field(default_factory=dict)
    status: str = ""
    ended_s: float | None = None  #: sandbox seconds; None while it runs


@dataclass
class Processes:
    templates: dict[int, Template] = field(default_factory=dict)
    running: dict[str, Process] = field(default_factory=dict)  #: ended ones too: their tasks stay a day


def end(portal: Portal, process: Process, status: str = "") -> None:
    process.ended_s, process.status = portal.clock.ticks(), status
    process.modified = portal.now().isoformat()


def selected(call: Call, rows: list[dict[str, Any]], shown: list[str], order: Mapping[str, Any]) -> Listed:
    """A list as all of this family have it: FILTER, ORDER and SELECT in any case; nothing more than what is selected."""
    wanted = call.get("SELECT")
    if wanted not in (None, "", []) and not isinstance(wanted, list | Mapping):
        raise RestError(400, "ERROR_SELECT_VALIDATION_FAILURE", "Invalid data in SELECT parameter")
    names = [str(name).upper() for name in items(wanted)] or shown
    conditions = {key.upper(): value for key, value in mapping(call.get("FILTER"), "FILTER").items()}
    rows = filters.select(rows, conditions, call.portal.zone)
    way = {key.upper(): value for key, value in mapping(call.get("ORDER"), "ORDER").items()} or order
    return page(call, filters.order(rows, way), lambda row: {n: row[n] for n in row if n in names or "*" in names})
