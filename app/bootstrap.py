"""The one place that puts things together. Every part has a default and can be replaced in a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

import kernel
import mappings
from app.connections import check_wishes, chosen_connectors, known_settings, make_connections
from app.discovery import find_connectors, find_plugins
from kernel.clock import Clock, Ids, SystemClock, TimeIds
from kernel.conversations import store as messages
from kernel.crm import CRM
from kernel.crm.unconfigured import UnconfiguredCRM
from kernel.errors import Closed, Misconfigured
from kernel.extension import Connection, Connector, Plugin, Sweeping
from kernel.extension.comments import LOOK_EVERY, look_for_comments
from kernel.extension.connector import CATCH_UP_EVERY
from kernel.extension.handlers import job_handlers
from kernel.extension.hooks import collect
from kernel.extension.listening import catch_up
from kernel.extension.messages import connections_of
from kernel.extension.portal import Portal
from kernel.extension.roles import check_rights
from kernel.extension.sweep import sweep
from kernel.extension.timing import run_due
from kernel.http import Transport
from kernel.jobs import Handler, Job, Queue, call_queries, inbox, outgoing
from kernel.jobs.engine import DbosQueue, prepare_tables
from kernel.jobs.regular import Work
from kernel.ledger import Books, checkpoints
from kernel.mapping import MappingSet, load_set
from kernel.settings import Settings
from kernel.storage import Database, MigrationSet, Tx, migrate
from kernel.storage.closed import why_closed
from kernel.values import Currencies, to_micros
from kernel.web import WEB_SETTINGS, Links, end_departed_sessions, field, idle_seconds, private, secret_of

KERNEL = Path(kernel.__file__).parent
JOBS_KEPT_DAYS, DELIVERIES_KEPT_DAYS = 7, 90
OVERDUE_MINUTES, REVIVED_EVERY_HOURS = 15, 6
SESSIONS_EVERY_MINUTES = 10
KERNEL_MODULES = ("http", "crm", "files", "jobs", "ledger", "conversations", "web")


class OffsetClock(SystemClock):
    """The machine's clock plus the seconds in a file: lets a demo play yesterday and today."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> datetime:
        try:
            offset = float(self._file.read_text())
        except (OSError, ValueError):
            offset = 0.0
        return super().now() + timedelta(seconds=offset)


class LateQueue:
    """Makes the real queue at the first use, so that it is made after any fork and only where it is needed."""

    def __init__(self, make: Callable[[], DbosQueue]) -> None:
        self._make = make
        self._queue: DbosQueue | None = None

    def enqueue(self, tx: Tx, job: Job) -> None:
        self.real.enqueue(tx, job)

    def enqueue_many(self, tx: Tx, jobs: Sequence[Job]) -> None:
        self.real.enqueue_many(tx, jobs)

    @property
    def real(self) -> DbosQueue:
        if self._queue is None:
            self._queue = self._make()
        return self._queue


@dataclass(frozen=True)
class PortalRuntime:
    """The set's portal with everything that belongs to it."""

    portal: Portal
    plugins: Sequence[Plugin]
    connection: Connection  #: the CRM's

    @property
    def connector(self) -> Connector:
        return self.connection.connector


@dataclass(frozen=True)
class Annex:
    """The whole, put together."""

    settings: Settings
    database: Database
    clock: Clock
    ids: Ids
    queue: Queue
    plugins: Mapping[str, Plugin]
    connectors: Mapping[str, Connector]
    mapping: MappingSet
    runtime: PortalRuntime

    @property
    def migration_sets(self) -> list[MigrationSet]:
        return [
            *(MigrationSet(f"kernel.{name}", KERNEL / name / "migrations") for name in KERNEL_MODULES),
            *(MigrationSet(name, plugin.migrations) for name, plugin in self.plugins.items() if plugin.migrations),
        ]

    def migrate(self, *, jobs: bool = False, closed_too: bool = False) -> list[str]:
        """Bring the database to the newest schema; with `jobs` the queue's own tables, too.

        Raises Closed if the desk has moved away from this database; who only wants to look there says `closed_too`.
        """
        if not closed_too:
            self.demand_open()
        done = migrate(self.database, self.migration_sets, self.clock)
        if jobs:
            prepare_tables(self.database)
        return done

    def demand_open(self) -> None:
        """Raises Closed if the desk has moved away from this database."""
        with self.database.read() as tx:
            if why := why_closed(tx):
                raise Closed(f"this database takes no change: {why}")

    def handlers(self) -> dict[str, Handler]:
        """What the jobs do, by name."""
        runtime = self.runtime
        return {
            **job_handlers(runtime.portal, runtime.plugins),
            private.JOB: partial(private.carry_out, runtime.portal, self.make_links),
        }

    def make_links(self) -> Links:
        """One-time links and sessions, under this installation's key."""
        return Links(
            self.database, self.clock, self.ids, secret_of(self.settings), self.runtime.portal.public_url,
            idle_seconds=idle_seconds(self.settings),
        )  # fmt: skip

    def tidy(self) -> None:
        """Let go of what nobody needs any more: ended jobs after a week, settled deliveries and writes after a quarter."""
        now = self.clock.now()
        if isinstance(self.queue, LateQueue):
            self.queue.real.forget(now - timedelta(days=JOBS_KEPT_DAYS))
        old = to_micros(now - timedelta(days=DELIVERIES_KEPT_DAYS))
        with self.database.write() as tx:
            inbox.forget(tx, old)
            # Messages stay: their content is nowhere else, and a vendor may bring an old one again.
            call_queries.forget(tx, old)

    def revive(self, older_than: timedelta = timedelta(minutes=OVERDUE_MINUTES)) -> None:
        """Give what waits unusually long another job.

        The queue sets a job aside when its worker died too often under it; after many restarts during a long outage that
        may hit innocent ones. What waits stands in our own tables, so nothing is lost: it only needs a job again.
        """
        now = self.clock.now()
        before = to_micros(now - older_than)
        mark = f"revived{now:%Y%m%d}{now.hour // REVIVED_EVERY_HOURS}"  # the same for some hours: one job each, not a heap
        with self.database.write() as tx:
            for portal, entity, record_id, trace in inbox.overdue(tx, before):
                inbox.sync(tx, portal, entity, record_id, trace=trace, queue=self.queue, mark=f":{mark}")
            for message in messages.overdue(tx, before):
                messages.revive(tx, message, queue=self.queue, mark=mark)
            for call in outgoing.overdue(tx, before):
                outgoing.revive(tx, call, queue=self.queue, mark=mark)

    def run_timers(self) -> int:
        """Do what is due at this moment; how many there were."""
        return run_due(self.runtime.portal, self.runtime.plugins)

    def keep_checkpoints(self) -> None:
        """So that the board of a past moment opens at once, however long the history is."""
        checkpoints.keep(self.database, self.clock)

    @property
    def sweeping(self) -> Sweeping:
        return self.runtime.connector.sweeping(self.runtime.connection.settings)

    def sweep(self) -> None:
        sweep(self.runtime.portal, self.runtime.plugins, self.sweeping)

    def look_for_comments(self) -> None:
        """What no event reported."""
        look_for_comments(self.runtime.portal, self.runtime.plugins)

    def works(self) -> list[Work]:
        portal = self.runtime.portal
        return [
            Work("annex:tidy", timedelta(days=1), self.tidy),
            Work("annex:sessions", timedelta(minutes=SESSIONS_EVERY_MINUTES), partial(end_departed_sessions, portal)),
            Work("annex:fields", field.EMPTIED_EVERY, partial(field.empty_fields, portal)),
            Work("annex:checkpoints", timedelta(hours=6), self.keep_checkpoints),
            Work("annex:revive", timedelta(minutes=OVERDUE_MINUTES), self.revive),
            Work(f"{portal.name}:sweep", timedelta(seconds=self.sweeping.every_seconds), self.sweep),
            *(
                [Work(f"{portal.name}:comments", LOOK_EVERY, self.look_for_comments)]
                if any(plugin.comments for plugin in self.runtime.plugins)
                else []
            ),
            *(
                Work(f"{one.full_name}:catch_up", CATCH_UP_EVERY, partial(catch_up, portal, self.runtime.plugins, one))
                for one in portal.connections.values()
                if one.connector.catch_up is not None and one.connector.listen is None and not one.off
            ),
            *(
                Work(f"{portal.name}:{work.name}", work.every, partial(work.run, portal))
                for plugin in self.runtime.plugins
                for work in plugin.every
            ),
        ]

    def close(self) -> None:
        self.database.close()


def build(
    environment: Mapping[str, str] | None = None,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    queue: Queue | None = None,
    transport: Transport | None = None,
    crm: CRM | None = None,
    database: Database | None = None,
    mapping: MappingSet | None = None,
) -> Annex:
    """Put everything together from the settings. Connects to nothing yet."""
    plugins, connectors = find_plugins(), find_connectors()
    mapping = load_set(set_folder(Settings(environment)["ANNEX_SET"])) if mapping is None else mapping
    settings = Settings(environment, also=[*WEB_SETTINGS, *known_settings(mapping, connectors)])
    if clock is None:
        clock = OffsetClock(Path(settings["ANNEX_CLOCK_FILE"])) if settings["ANNEX_CLOCK_FILE"] else SystemClock()
    ids = TimeIds(clock) if ids is None else ids
    database = Database(settings.database_url) if database is None else database
    queue = LateQueue(partial(DbosQueue, database)) if queue is None else queue
    runtime = _portal(settings, mapping, plugins, connectors, database, clock, ids, queue, transport, crm)
    return Annex(settings, database, clock, ids, queue, plugins, connectors, mapping, runtime)


def set_folder(name: str) -> Path:
    """A set's folder: ours by name, or the customer's own by path."""
    ours = Path(mappings.__file__).parent / name
    if ours.is_dir():
        return ours
    own = Path(name)
    if own.is_dir():
        return own
    raise Misconfigured(f"ANNEX_SET: «{name}» is neither a known set ({', '.join(our_sets())}) nor a folder")


def our_sets() -> list[str]:
    """Names of the sets that come with us."""
    return sorted(path.parent.name for path in Path(mappings.__file__).parent.glob("*/portal.toml"))


def _portal(
    settings: Settings,
    mapping: MappingSet,
    plugins: Mapping[str, Plugin],
    connectors: Mapping[str, Connector],
    database: Database,
    clock: Clock,
    ids: Ids,
    queue: Queue,
    transport: Transport | None,
    crm: CRM | None,
) -> PortalRuntime:
    chosen = chosen_connectors(mapping, connectors)
    switched_on = _switched_on(mapping, plugins)
    connections = make_connections(settings, mapping, chosen, switched_on, database, clock, transport)
    if (shown := _with_pages_of(mapping, connections)) is not mapping:
        mapping = shown
        connections = make_connections(settings, mapping, chosen, switched_on, database, clock, transport)
    connection = connections[mapping.portal.portal]
    if crm is None:
        try:
            crm = connection.crm
        except Misconfigured as exc:
            crm = cast("CRM", UnconfiguredCRM(str(exc)))
    connection = connections[connection.name] = connection.given(crm=crm)
    portal = Portal(
        name=connection.full_name,
        mapping=mapping,
        crm=crm,
        database=database,
        books=Books(clock, [chart for plugin in switched_on for chart in plugin.books]),
        clock=clock,
        ids=ids,
        queue=queue,
        connections=connections,
        plugin_settings=_plugin_settings(mapping, switched_on),
        currencies=Currencies(settings.currencies()),
        public_url=connection.public_url,
    )
    check_wishes(portal, switched_on)
    working = [plugin for plugin in switched_on if not _idle(portal, plugin)]
    portal.hooks = collect(working, plugins.values())
    return PortalRuntime(portal, working, connection)


def _with_pages_of(mapping: MappingSet, connections: Mapping[str, Connection]) -> MappingSet:
    """The set without what stands in the CRM only while a connection is on: places for pages, providers of texts."""
    off = {name for name, one in connections.items() if one.off}
    portal = mapping.portal
    shown = {
        "placement": {name: one for name, one in portal.placement.items() if one.connection not in off},
        "field_type": {name: one for name, one in portal.field_type.items() if one.connection not in off},
        "sender": {name: one for name, one in portal.sender.items() if one.connection not in off},
    }
    return replace(mapping, portal=portal.model_copy(update=shown))


def _idle(portal: Portal, plugin: Plugin) -> bool:
    """A plugin for other systems of which none is switched on: it watches nothing, asks nothing, answers no hook and has no
    page."""
    named = [portal.connection(name) for name in connections_of(portal, plugin).values()]
    return bool(plugin.connects) and all(one.off for one in named)


def _switched_on(mapping: MappingSet, plugins: Mapping[str, Plugin]) -> list[Plugin]:
    file = f"{mapping.name}/portal.toml"
    chosen = []
    for name in sorted(mapping.portal.plugin):
        if name not in plugins:
            raise Misconfigured(f"{file}: plugin «{name}» is not installed; known: {', '.join(plugins)}")
        plugin = plugins[name]
        for needed in plugin.needs:
            if needed not in mapping.portal.plugin:
                raise Misconfigured(f"{file}: plugin «{name}» needs «{needed}»: switch it on with [plugin.{needed}]")
        _check_fields(mapping, plugin)
        chosen.append(plugin)
    check_rights(mapping, chosen)
    return chosen


def _check_fields(mapping: MappingSet, plugin: Plugin) -> None:
    missing = []
    for entity_name, names in plugin.fields.items():
        entity = mapping.entities.get(entity_name)
        if entity is None:
            missing.append(f"entity {entity_name}")
            continue
        for name in names:
            table, _, column = name.rpartition(".")
            known = entity.table[table].field if table and table in entity.table else {} if table else entity.field
            if column not in known:
                missing.append(f"{entity_name}.{name}")
    if missing:
        needs = f"plugin «{plugin.name}» needs: {', '.join(missing)}"
        raise Misconfigured(f"mapping set «{mapping.name}» does not have what {needs}")


def _plugin_settings(mapping: MappingSet, chosen: Sequence[Plugin]) -> dict[str, Any]:
    found = {}
    for plugin in chosen:
        if plugin.settings is not None:
            try:
                found[plugin.name] = plugin.settings.model_validate(mapping.portal.plugin[plugin.name])
            except ValidationError as exc:
                message = "; ".join(
                    f"{'.'.join(str(part) for part in error['loc'])}: {error['msg'].removeprefix('Value error, ')}"
                    for error in exc.errors()
                )
                raise Misconfigured(f"{mapping.name}/portal.toml, [plugin.{plugin.name}]: {message}") from exc
        elif mapping.portal.plugin[plugin.name]:
            raise Misconfigured(f"{mapping.name}/portal.toml: plugin «{plugin.name}» has no settings")
    return found
