"""Reports over rows: generation by API only on the Corporation plan (contract 1.9, 3.5, checklist 20)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from sandbox.planfix import errors, showing, web
from sandbox.planfix.model import User
from sandbox.planfix.state import Portal

PAUSE_SECONDS = 600.0
CHUNK_ROWS = 100


@dataclass
class Save:
    """One built report."""

    id: int
    report: int
    at: datetime
    rows: list[dict[str, Any]]


@dataclass
class Reports:
    """What was asked for and what is ready."""

    saves: dict[int, Save] = field(default_factory=dict)
    requests: dict[str, tuple[int, float, int]] = field(default_factory=dict)  # id → report, ready at, save


def build(portal: Portal, report: dict[str, Any], viewer: User) -> list[dict[str, Any]]:
    """A header and one line a row; `text` may be a number."""
    names = [portal.fields["datatag"][n].name for n in report["columns"] if n in portal.fields["datatag"]]
    lines = [_line("Header", ["Задача", *names])]
    for row in portal.rows.values():
        if row.tag == report["tag"]:
            shown = {
                item["field"]["id"]: item["stringValue"]
                for item in showing.read(portal, row.values, report["columns"], "datatag", row.tag, viewer, {})
            }
            lines.append(_line("Normal", [str(row.task), *(shown.get(n, "") for n in report["columns"])]))
    return lines


def _line(kind: str, texts: list[str]) -> dict[str, Any]:
    return {"type": kind, "depth": 0, "items": [{"text": text, "link": "", "hidden": False} for text in texts]}


def routes(rest: Blueprint, portal: Portal) -> None:
    """Register /report…"""
    kept = Reports()

    def report_of(number: int) -> dict[str, Any]:
        if number not in portal.reports:
            raise errors.Refusal(400, 9000, f"Report not found by id {number}")
        return portal.reports[number]

    def save_out(save: Save, full: bool) -> dict[str, Any]:
        shown = {"id": save.id, "reportId": save.report, "name": portal.reports[save.report]["name"]}
        if full:
            shown["chunksCount"] = max(-(-len(save.rows) // CHUNK_ROWS), 1)
            shown["dateTime"] = web.moment_out(portal, save.at, web.viewer())
        return shown

    @rest.post("/report/list")
    def report_list() -> Response:
        data = web.body()
        names, found = web.wanted(data), web.page(portal, list(portal.reports.values()), data)
        return web.answer({"reports": [web.pick({"id": r["id"], "name": r["name"]}, names) for r in found]})

    @rest.get("/report/<int:number>")
    def report_get(number: int) -> Response:
        report = report_of(number)
        return web.answer({"report": web.pick({"id": report["id"], "name": report["name"]}, web.wanted())})

    @rest.post("/report/<int:number>/generate")
    def report_generate(number: int) -> Response:
        report = report_of(number)
        if portal.faults.word("plan") != "corporation":
            raise errors.Refusal(403, 9001, "Report generation is not available in your plan")
        now = portal.clock.ticks()
        for request_id, (_, ready_at, _) in kept.requests.items():
            if now < ready_at - portal.faults.number("report_seconds") + PAUSE_SECONDS:
                raise errors.Refusal(403, 9002, f"Report generation already in progress: {request_id}")
        save = Save(len(kept.saves) + 77, number, portal.clock.now(), build(portal, report, web.viewer()))
        kept.saves[save.id] = save
        request_id = secrets.token_urlsafe(16)
        kept.requests[request_id] = (number, now + portal.faults.number("report_seconds"), save.id)
        return web.answer({"requestId": request_id}, 201)

    @rest.get("/report/status/<request_id>")
    def report_status(request_id: str) -> Response:
        if request_id not in kept.requests:
            raise errors.Refusal(400, 9003, "Unknown requestId")
        _, ready_at, save = kept.requests[request_id]
        if portal.clock.ticks() < ready_at:
            return web.answer({"status": "in_progress"})
        return web.answer({"status": "ready", "save": save_out(kept.saves[save], full=False)})

    @rest.post("/report/<int:number>/save/list")
    def report_saves(number: int) -> Response:
        report_of(number)
        return web.answer({"saves": [save_out(s, full=True) for s in kept.saves.values() if s.report == number]})

    @rest.post("/report/<int:number>/save/<int:save>/data")
    def report_data(number: int, save: int) -> Response:
        found = kept.saves.get(save)
        if found is None or found.report != number:
            raise errors.Refusal(400, 9000, f"Report save not found by id {save}")
        chunk = web.ref(request.args.get("chunk", "0"))
        data = {"chunk": chunk, "rows": found.rows[chunk * CHUNK_ROWS : (chunk + 1) * CHUNK_ROWS]}
        return web.raw(data if portal.faults.word("report_data") == "flat" else {"data": data})
