"""A running Annex in one process, for the tests of plugins and connectors, ours and others':

    world = World(url, a_set, [plugin], settings={"toy": {"limit": 3}})
    deal = world.crm.staff.new("deal", name="Обмін")      # staff at work in the CRM
    world.sync(deal)                                      # a delivery comes in, and all that follows from it is done
    assert world.client("7").get("/toy/").status_code == 200
    world.close()

The database is a real one, migrated, at `url`; the clock stands until it is told; jobs run when they are told; the CRM is
the twin in memory unless `connections` has the set's own. What the people of a room do is written in a subclass.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from kernel.crm import Event, Record
from kernel.extension import Connection, Plugin, Received
from kernel.extension.handlers import job_handlers
from kernel.extension.hooks import Hooks, collect
from kernel.extension.portal import Portal, Unit
from kernel.extension.receiving import Arrival, keep_many
from kernel.extension.staff import StaffList
from kernel.extension.timing import run_due
from kernel.jobs import Handler, Job
from kernel.ledger import Books
from kernel.mapping import MappingSet
from kernel.storage import Tx
from kernel.testing.clock import CountingIds, FakeClock
from kernel.testing.crm import MemoryCRM
from kernel.testing.queue import MemoryQueue
from kernel.testing.served import Door, Served, serve
from kernel.testing.trouble import TroubledDatabase

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from kernel.web import Site


class World:
    """One set with its plugins, and what a test does with it. A subclass may change `entity` and `author`."""

    entity = "deal"  #: what `deliver`, `sync` and `record` mean where no kind of record is named
    author = ""  #: who changed a record, where `deliver` is told nobody

    def __init__(
        self,
        url: str,
        mapping: MappingSet,
        plugins: Sequence[Plugin] = (),
        *,
        settings: Mapping[str, Any] | None = None,
        connections: Mapping[str, Connection] | None = None,
        hooks: Hooks | None = None,
        installed: Sequence[Plugin] = (),
        crm: Callable[..., MemoryCRM] = MemoryCRM,
        clock: FakeClock | None = None,
        seed: int | None = None,
        public_url: str = "",
        door: Door | None = None,
    ) -> None:
        """`settings`: by plugin, ready made or single ones in place of what the set says. `connections`: by the customer's
        names; under the CRM's own it takes the twin's place. `hooks`: answers in place of the plugins'. `installed`: plugins
        that are not switched on. `crm`: makes the twin. `seed`: shuffles jobs among lanes. `door`: for `post`, the door
        `webhooks.door.Door.before`."""
        self.database = TroubledDatabase(url)
        self.trouble = self.database.trouble
        self.clock = clock or FakeClock()
        self.ids = CountingIds()
        self.queue = MemoryQueue(self.clock, seed)
        self.mapping, self.plugins, self.public_url = mapping, list(plugins), public_url
        self._given_settings: Mapping[str, Any] = settings or {}
        self._hooks, self._installed = hooks or {}, installed
        self._connections, self._door = dict(connections or {}), door
        own = self._connections.get(mapping.portal.portal)
        self.crm: Any = own.crm if own else crm(mapping, self.clock, trouble=self.trouble)
        self.portal = self.fresh_portal()
        self._served: Served | None = None
        self._delivered = 0

    def fresh_portal(self) -> Portal:
        """As another process has it: it shares nothing in memory with the others. The people are read by whoever needs them,
        in no thread of their own, so that a process dies at the same points each time."""
        own = self.mapping.portal
        portal = Portal(
            f"{own.connector}/{own.portal}",
            self.mapping,
            self.crm,
            self.database,
            Books(self.clock, [chart for plugin in self.plugins for chart in plugin.books]),
            self.clock,
            self.ids,
            self.queue,
            plugin_settings=self._settings(),
            public_url=self.public_url,
            hooks={**collect(self.plugins, self._installed), **self._hooks},
            connections=self._connections,
        )
        portal.staff = StaffList(lambda: self.crm.people.all(), self.clock, start=lambda work: work())
        return portal

    def configure(self, plugin: str, settings: Any) -> None:
        """From now on the plugin has these settings, as after a change of the set."""
        self._given_settings = {**self._given_settings, plugin: settings}
        self.portal.plugin_settings = self._settings()
        self.portal.memory.clear()

    def _settings(self) -> dict[str, BaseModel]:
        found = {}
        for plugin in self.plugins:
            given = self._given_settings.get(plugin.name, {})
            if isinstance(given, BaseModel):
                found[plugin.name] = given
            elif plugin.settings is not None:
                of_set = self.mapping.portal.plugin.get(plugin.name, {})
                found[plugin.name] = plugin.settings.model_validate({**of_set, **given})
        return found

    def close(self) -> None:
        if self._served:
            self._served.close()
        self.database.close()

    # --- time -----------------------------------------------------------------------------------------------------------

    def at(self, moment: datetime) -> None:
        """The clock stands there from now on."""
        self.clock.set(moment)

    def advance(self, **span: float) -> None:
        """`advance(days=1, seconds=5)`"""
        self.clock.advance(**span)

    # --- what comes in --------------------------------------------------------------------------------------------------

    def receive(self, received: Received, connection: str = "") -> str:
        """What a connection's door or listener brings: kept, and worked off by the next `run`. Without a name, the CRM's."""
        portal = self.portal
        by = portal.connection(connection) if connection else portal.connected(portal.name)
        self.clock.advance(milliseconds=1)  # nothing in production happens in the same microsecond
        with self.database.write() as tx:
            [trace] = keep_many(tx, portal, self.plugins, by, [Arrival.of(received)])
        return trace

    def deliver(
        self, record_id: str, *, entity: str = "", event: str = "", author: str | None = None, delivery: str = ""
    ) -> None:
        """The CRM reports that a record changed."""
        entity, author = entity or self.entity, self.author if author is None else author
        self._delivered += 1
        reported = Event(event or f"{entity}.changed", entity, record_id, author, delivery or f"d{self._delivered}")
        self.receive(Received((reported,)))

    def post(self, address: str, **request: Any) -> TestResponse:
        """A request at our door: `post("toychat/partners", data={…}, headers={…})`."""
        assert self._door, "this World has no door: World(…, door=webhooks.door.Door.before)"
        return self.app.test_client().post(f"/hooks/{address}", **request)

    # --- what Annex does ------------------------------------------------------------------------------------------------

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return job_handlers(self.portal, self.plugins)

    def run(self) -> int:
        """Work off all jobs, and those that follow from them; how many were started. One that ends in an error fails."""
        started = self.queue.run_until_quiet(self.handlers, on_crash=self._restarted)
        self.check()
        return started

    def run_one(self) -> Job | None:
        """The next job alone, if one may run now. A crash comes out of it."""
        job = self.queue.run_one(self.handlers)
        self.check()
        return job

    def check(self) -> None:
        """Raises what a job ended in."""
        if self.queue.broken:
            raise self.queue.broken[0][1]

    def sync(self, record_id: str, **more: Any) -> None:
        """A delivery about the record comes in (see `deliver`), and what follows from it is done."""
        self.deliver(record_id, **more)
        self.run()

    def work(self, name: str = "") -> None:
        """The plugins' regular work, or the one piece of that name; and what follows from it."""
        found = [work for plugin in self.plugins for work in plugin.every if name in ("", work.name)]
        assert found or not name, f"no regular work is called «{name}»"
        for work in found:
            work.run(self.portal)
        self.run()

    def timers(self) -> None:
        """What is due by now is done, and what follows from it."""
        while run_due(self.portal, self.plugins):
            self.run()

    def act(self, do: Callable[[Unit], Any]) -> None:
        """What a person does on a page, in one unit of work, and what follows from it."""
        with self.portal.unit() as unit:
            do(unit)
        self.run()

    def restart(self) -> None:
        """Another process takes over: what was only in memory is gone."""
        before, self.portal = self.portal, self.fresh_portal()
        self.portal.links, self.portal.changed = before.links, before.changed

    def _restarted(self) -> Mapping[str, Handler]:
        self.restart()
        return self.handlers

    # --- pages ----------------------------------------------------------------------------------------------------------

    def serve(self, **more: Any) -> Served:
        """Put the pages together, with settings and parts of their own (see `kernel.testing.served.serve`)."""
        self._served = serve(self.portal, self.plugins, door=self._door, **more)
        return self._served

    @property
    def served(self) -> Served:
        return self._served or self.serve()

    @property
    def app(self) -> Flask:
        return self.served.app

    @property
    def site(self) -> Site:
        return self.served.site

    def client(self, person: str = "", role: str = "owner", name: str = "") -> FlaskClient:
        """A browser in which that person of the CRM is signed in, or else somebody with that role."""
        return self.served.client(person, role, name)

    # --- what a test asks -----------------------------------------------------------------------------------------------

    @contextmanager
    def tx(self) -> Iterator[Tx]:
        """For reading the tables."""
        with self.database.read() as tx:
            yield tx

    def rows(self, sql: str, **values: Any) -> list[Mapping[str, Any]]:
        with self.tx() as tx:
            return list(tx.all(sql, **values))

    def record(self, record_id: str, entity: str = "") -> Record:
        """As it stands in the twin; no call."""
        found: Record = self.crm.record(entity or self.entity, record_id)
        return found

    def calls(self, *states: str, connection: str = "") -> list[Mapping[str, Any]]:
        """Outgoing calls, oldest first: of those states, by that connection (the customer's name)."""
        to = self.portal.connection(connection).full_name if connection else ""
        found = self.rows("SELECT * FROM outgoing ORDER BY created_at, number")
        return [row for row in found if (not states or row["state"] in states) and to in ("", row["connection"])]

    def messages(self, connection: str) -> list[Mapping[str, Any]]:
        """What we sent or mean to send by that connection's channel, oldest first: address, text and state of each."""
        sent = [row for row in self.calls(connection=connection) if row["verb"] == "send"]
        return [{**json.loads(row["payload"]), "state": row["state"]} for row in sent]
