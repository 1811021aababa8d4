"""A portal with one entity and one toy plugin: what the sync and the calls need, and nothing of any real plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernel.crm import Event
from kernel.extension import Plugin, Seen, Watch
from kernel.extension.calls import carry_out
from kernel.extension.portal import Portal, Unit
from kernel.extension.sync import sync
from kernel.jobs import inbox
from kernel.ledger import Books
from kernel.mapping import EntityMap, FieldMap, MappingSet, PortalMap, StageMap, TableMap
from kernel.storage import Database
from kernel.testing import CountingIds, FakeClock, MemoryCRM, MemoryQueue, TroubledDatabase

TEXT = {"write": True}
SET = MappingSet(
    "small",
    PortalMap(connector="memory"),
    {
        "deal": EntityMap(
            entity="deal",
            stage={"new": StageMap(label="Нове"), "done": StageMap(label="Готово")},
            field={name: FieldMap(label=name, **TEXT) for name in ("asked", "answer", "note")},
            table={
                "line": TableMap(label="Рядок", key="key", field={n: FieldMap(label=n, **TEXT) for n in ("key", "text")})
            },
        ),
        "contact": EntityMap(entity="contact", field={"name": FieldMap(system="name", **TEXT)}),
    },
)


class Small:
    """`answer` is to say what `asked` says, in capitals; `prepare` and `act` can be replaced."""

    def __init__(self, url: str) -> None:
        self.database: Database = TroubledDatabase(url)
        self.clock = FakeClock()
        self.queue = MemoryQueue(self.clock)
        self.crm = MemoryCRM(SET, self.clock)
        self.portal = Portal(
            "memory/main", SET, self.crm, self.database, Books(self.clock), self.clock, CountingIds(), self.queue
        )
        self.seen: list[Seen] = []
        self.made: list[tuple[Any, str]] = []
        self.prepare: Any = None
        self.act: Any = self.answer
        self.plugins = [
            Plugin(
                "toy", "Toy",
                watches=(Watch("deal", self.handle, tables=("line",), prepare=self._prepare),),
                done={"toy.made": lambda unit, payload, made: self.made.append((payload["context"], made))},
            )
        ]  # fmt: skip
        self.deal = self.crm.staff.new("deal", asked="як справи")
        self._count = 0

    def _prepare(self, portal: Portal, record: Any) -> Any:
        return self.prepare(portal, record) if self.prepare else None

    def handle(self, unit: Unit, seen: Seen) -> None:
        self.seen.append(seen)
        self.act(unit, seen)

    def answer(self, unit: Unit, seen: Seen) -> None:
        wanted = str(seen.record.values["asked"] or "").upper() or None
        if seen.expected.values["answer"] != wanted:
            unit.update("deal", seen.record.id, {"answer": wanted})

    def deliver(self, record_id: str = "", author: str = "Ігор") -> None:
        self._count += 1
        self.clock.advance(milliseconds=1)
        event = Event("deal.changed", "deal", record_id or self.deal, author, f"d{self._count}")
        with self.database.write() as tx:
            inbox.store(tx, self.portal.name, event, "", clock=self.clock, ids=self.portal.ids, queue=self.queue)

    @property
    def handlers(self) -> Mapping[str, Any]:
        return {
            "look": lambda args: sync(self.portal, self.plugins, args),
            "call": lambda args: carry_out(self.portal, self.plugins, args),
        }

    def run(self) -> None:
        self.queue.run_until_quiet(self.handlers)
        if self.queue.broken:
            raise self.queue.broken[0][1]

    def field(self, name: str) -> Any:
        return self.crm.record("deal", self.deal).values[name]

    def states(self, table: str = "outgoing") -> list[tuple[str, str]]:
        order = "number" if table == "outgoing" else "id"
        with self.database.read() as tx:
            return [(row["state"], row["reason"]) for row in tx.all(f"SELECT state, reason FROM {table} ORDER BY {order}")]
