"""/healthz: the process answers. /readyz: it can do its work, or why not. /metrics: numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, jsonify

from kernel.errors import Closed
from kernel.extension.standing import standings
from kernel.jobs import outgoing
from kernel.telemetry import log, metrics
from kernel.values import to_micros
from kernel.web.site import Site

WAITING = {
    "inbox": ("inbox", ("new", "failed")), "message": ("incoming_message", ("new", "failed")),
    "outgoing": ("outgoing", outgoing.COUNTED),
}  # fmt: skip


def blueprint(site: Site) -> Blueprint:
    pages = Blueprint("health", __name__)

    @pages.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @pages.get("/readyz")
    def readyz() -> tuple[Response, int]:
        wrong = list(faults(site))
        return jsonify(ready=not wrong, wrong=wrong, connections=_connections(site)), 503 if wrong else 200

    @pages.get("/metrics")
    def numbers() -> Response:
        count_waiting(site)
        count_connections(site)
        return Response(metrics.page(), content_type="text/plain; version=0.0.4; charset=utf-8")

    return pages


def faults(site: Site) -> Iterator[str]:
    try:
        with site.database.write() as tx:
            tx.run(
                "INSERT INTO web_probe VALUES (1, :at) ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at",
                at=to_micros(site.clock.now()),
            )
        yield from _migrations(site)
    except Closed as exc:
        yield f"the database is closed: {exc}"
    except Exception as exc:  # whatever the database says, the answer is: not ready
        log.warning("ready.database", error=str(exc))
        yield "the database cannot be written"
    for check in site.ready:
        if wrong := check():
            yield wrong


def _connections(site: Site) -> dict[str, Any]:
    """An outside system that is away does not make us unready: what comes in is kept, what goes out waits."""
    try:
        with site.database.read() as tx:
            found = standings(tx, site.portal)
    except Exception as exc:  # said already under `wrong`
        log.warning("ready.connections", error=str(exc))
        return {}
    return {one.full_name: {"up": not one.trouble, "uncertain": one.calls["uncertain"]} for one in found}


def _migrations(site: Site) -> Iterator[str]:
    with site.database.read() as tx:
        applied = {(row["room"], row["number"]) for row in tx.all("SELECT room, number FROM annex_migration")}
    for migration_set in site.migration_sets:
        for path in sorted(migration_set.folder.glob("[0-9][0-9][0-9][0-9]_*.sql")):
            if (migration_set.name, int(path.name[:4])) not in applied:
                yield f"migration {migration_set.name}/{path.stem} is not applied"


def count_waiting(site: Site) -> None:
    with site.database.read() as tx:
        for kind, (table, states) in WAITING.items():
            marks = ", ".join(f"'{state}'" for state in states)
            rows = tx.all(f"SELECT state, COUNT(*) AS n FROM {table} WHERE state IN ({marks}) GROUP BY state")
            found = {row["state"]: int(row["n"]) for row in rows}
            for state in states:
                metrics.waiting(f"{kind}_{state}", found.get(state, 0))


def count_connections(site: Site) -> None:
    with site.database.read() as tx:
        for one in standings(tx, site.portal):
            metrics.connection(one.full_name, up=not one.trouble, calls=one.calls)
