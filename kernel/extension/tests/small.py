"""A portal with one entity and one toy plugin: what the sync and the calls need, and nothing of any real plugin."""

from __future__ import annotations

from typing import Any

from kernel.extension import Plugin, Seen, Watch
from kernel.extension.portal import Portal, Unit
from kernel.mapping import EntityMap, FieldMap, MappingSet, PortalMap, StageMap, TableMap
from kernel.testing import World

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


class Small(World):
    """`answer` is to say what `asked` says, in capitals; `prepare` and `act` can be replaced."""

    author = "Ігор"

    def __init__(self, url: str) -> None:
        self.seen: list[Seen] = []
        self.made: list[tuple[Any, str]] = []
        self.prepare: Any = None
        self.act: Any = self.answer
        toy = Plugin(
            "toy", "Toy",
            watches=(Watch("deal", self.handle, tables=("line",), prepare=self._prepare),),
            done={"toy.made": lambda unit, payload, made: self.made.append((payload["context"], made))},
        )  # fmt: skip
        super().__init__(url, SET, [toy])
        self.deal = self.crm.staff.new("deal", asked="як справи")

    def _prepare(self, portal: Portal, record: Any) -> Any:
        return self.prepare(portal, record) if self.prepare else None

    def handle(self, unit: Unit, seen: Seen) -> None:
        self.seen.append(seen)
        self.act(unit, seen)

    def answer(self, unit: Unit, seen: Seen) -> None:
        wanted = str(seen.record.values["asked"] or "").upper() or None
        if seen.expected.values["answer"] != wanted:
            unit.update("deal", seen.record.id, {"answer": wanted})

    def deliver(self, record_id: str = "", **more: Any) -> None:
        super().deliver(record_id or self.deal, **more)

    def field(self, name: str) -> Any:
        return self.record(self.deal).values[name]

    def states(self, table: str = "outgoing") -> list[tuple[str, str]]:
        order = "number" if table == "outgoing" else "id"
        return [(row["state"], row["reason"]) for row in self.rows(f"SELECT state, reason FROM {table} ORDER BY {order}")]
