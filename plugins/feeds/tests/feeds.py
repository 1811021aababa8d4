"""A World with feeds, and consumers who fetch them by HTTP and keep what they are given."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lxml import etree

from kernel.crm import Record, Values
from kernel.extension import Seen
from kernel.mapping import EntityMap, FeedMap, FieldMap, MappingSet, PortalMap, StageMap
from kernel.testing import World, roles
from plugins.feeds import keys, plugin, xml
from plugins.feeds.handlers import record_seen

NS = f"{{{xml.NAMESPACE}}}"
FEEDS: dict[str, dict[str, Any]] = {
    "clients": {
        "row": "client", "of": ["contact", "company"], "when": {"status": ["active", "closed"]},
        "elements": [
            {"element": "clientId", "from": "client_id"},
            {"element": "kind", "from": "@entity", "words": {"contact": "person"}},
            {"element": "status", "from": "status"},
            {"element": "statusName", "from": "status.name"},
            {"element": "name", "from": "name", "personal": True},
            {"element": "born", "from": "born", "type": "date", "personal": True},
        ],
    },
    "deals": {
        "row": "deal", "of": ["deal"],
        "elements": [
            {"element": "title", "from": "name"}, {"element": "client", "from": "client"},
            {"element": "stage", "from": "@stage"}, {"element": "sum", "from": "sum", "type": "decimal"},
            {"element": "made", "from": "@created", "type": "datetime"},
        ],
    },
    "terms": {
        "row": "terms", "of": ["deal"], "filled": ["margin"],
        "elements": [{"element": "margin", "from": "margin", "type": "boolean"}],
    },
    "statuses": {
        "row": "status", "of": ["deal", "contact"], "changes": {"deal": "@stage", "contact": "status"},
        "elements": [
            {"element": "kind", "from": "@entity"}, {"element": "record", "from": "@id"},
            {"element": "from", "from": "@from"}, {"element": "to", "from": "@to"},
            {"element": "toName", "from": "@to.name"}, {"element": "who", "from": "@who"},
            {"element": "when", "from": "@when", "type": "datetime"},
        ],
    },
}  # fmt: skip
STATUS = FieldMap(
    label="Статус", type="choice", values={"candidate": "Кандидат", "active": "Действующий", "closed": "Закрыт"}
)
CARD = {"name": FieldMap(system="name"), "client_id": FieldMap(label="ClientID"), "status": STATUS,
        "born": FieldMap(label="Рождён", type="date")}  # fmt: skip
STAGES = {"new": StageMap(label="Новая"), "talk": StageMap(label="Разговор"), "won": StageMap(label="Счёт открыт")}


def a_set(**changed: dict[str, Any]) -> MappingSet:
    """`changed`: keys of feeds in place of those above."""
    feeds = {name: FeedMap.model_validate({"name": name, **one, **changed.get(name, {})}) for name, one in FEEDS.items()}
    deal = {"name": FieldMap(system="name"), "client": FieldMap(system="client", type="contact"),
            "sum": FieldMap(label="Сумма", type="decimal"),
            "margin": FieldMap(label="Маржа", type="choice", values={"yes": "да", "no": "нет"})}  # fmt: skip
    return MappingSet(
        "feeds",
        PortalMap(connector="memory", language="ru", time_zone="Europe/Moscow", role=roles(staff=())),
        {
            "contact": EntityMap(entity="contact", field=CARD),
            "company": EntityMap(entity="company", field=CARD),
            "deal": EntityMap(entity="deal", stage=STAGES, field=deal),
        },
        feeds=feeds,
    )


class Feeds(World):
    """Keys and reads beside what every World does."""

    def __init__(self, url: str, mapping: MappingSet | None = None, **more: Any) -> None:
        super().__init__(url, mapping or a_set(), [plugin], **more)

    def key(self, consumer: str = "bo", feeds: Sequence[str] = tuple(FEEDS), **more: Any) -> str:
        how = {"personal": True, "networks": (), "days": 365, **more}
        with self.database.write() as tx:
            return keys.add(tx, consumer, feeds, now=self.clock.now(), **how)

    def get(self, path: str, key: str = "", **more: Any) -> Any:
        headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **more.pop("headers", {})}
        return self.app.test_client().get(f"/feeds/{path}", headers=headers, **more)

    def person(self, status: str = "active", entity: str = "contact", **values: Any) -> str:
        """A client seen by us; the id."""
        number = self.crm.staff.new(entity, status=status, **values)
        self.sync(number, entity=entity)
        return str(number)

    def change(self, entity: str, record_id: str, **values: Any) -> None:
        self.crm.staff.set(entity, record_id, **values)
        self.sync(record_id, entity=entity)

    def see(self, unit: Any, record_id: str, values: Values, entity: str = "contact") -> None:
        """What a sync does with the record, in that unit of work."""
        record = Record(entity, record_id, values=values)
        record_seen(unit, Seen(record, None, (), record))


def elements(row: Any) -> dict[str, str | None]:
    """Name -> text of a row; None where the value was not readable."""
    return {
        etree.QName(child).localname: None if child.get(xml._NIL) == "true" else child.text or "" for child in row
    }  # fmt: skip


@dataclass
class Consumer:
    """Reads a feed on and on, and keeps its state as the back office would."""

    world: Feeds
    key: str
    feed: str = "clients"
    cursor: str = ""
    state: dict[str, dict[str, str | None]] = field(default_factory=dict)
    seen: list[int] = field(default_factory=list)  #: every number, in the order it came

    def read(self, *, limit: int = 0, zipped: bool = False) -> Any:
        """One read; what came is kept only if the answer is whole. Returns the root."""
        asked = "&".join([*([f"since={self.cursor}"] if self.cursor else []), *([f"limit={limit}"] if limit else [])])
        headers = {"Accept-Encoding": "gzip"} if zipped else {}
        answer = self.world.get(f"{self.feed}.xml?{asked}", self.key, headers=headers)
        assert answer.status_code == 200, answer.text
        return self.take(gzip.decompress(answer.data) if zipped else answer.data)

    def take(self, body: bytes) -> Any:
        assert body.rstrip().endswith(b"</feed>")
        root = etree.fromstring(body)
        schema_of(self.world.mapping.feeds[self.feed]).assertValid(root)
        if not self.cursor:
            self.state = {}
        for row in root:
            if row.tag == f"{NS}next":
                self.cursor = row.get("cursor")
                continue
            self.seen.append(int(row.get("seq")))
            if row.tag == f"{NS}deleted":
                self.state.pop(row.get("id"), None)
            else:
                self.state[row.get("id")] = elements(row)
        return root

    def catch_up(self, limit: int = 0) -> None:
        """Until there is nothing more."""
        while self.read(limit=limit)[-1].get("more") == "true":
            pass


def schema_of(feed: FeedMap) -> Any:
    return etree.XMLSchema(etree.fromstring(xml.schema(feed)))


def moment_of(root: Any) -> datetime:
    return datetime.fromisoformat(root.get("at"))
