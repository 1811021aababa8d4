"""What of a record stands in a feed, as text: values in, values out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from kernel.crm import Record, Ref, Unreadable, Value
from kernel.mapping import EntityMap, FeedElement, FeedMap

NOT_READABLE = None  #: a value stands there, and it is not what its field is declared to hold
Body = dict[str, str | None]  #: element -> text; an element that is empty is absent
# What no XML document can hold, not even escaped.
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def entry_id(feed: FeedMap, entity: str, record_id: str) -> str:
    """The CRM's id, for records of the feed's first entity; two kinds of record may have the same number."""
    return record_id if entity == feed.of[0] else f"{entity}:{record_id}"


def declared(feed: FeedMap, entities: Mapping[str, EntityMap]) -> str:
    """Changes whenever what is made of a record may change."""
    of = {name: entities[name].model_dump(include={"field", "stage"}) for name in feed.of}
    told = json.dumps([feed.model_dump(), of], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def body_of(feed: FeedMap, entity: EntityMap, record: Record, zone: ZoneInfo) -> Body | None:
    """The elements of a record; None where it is not in the feed."""
    if not belongs(feed, record):
        return None
    found: Body = {}
    for one in feed.elements:
        value = record_value(one, entity, record)
        if value is not None:
            text = _text(one, value, zone)
            if text != "":
                found[one.element] = text
    return found


def belongs(feed: FeedMap, record: Record) -> bool:
    if record.elsewhere:
        return False
    if any(record.values.get(name) not in words for name, words in feed.when.items()):
        return False
    return all(record.values.get(name) not in (None, "", ()) for name in feed.filled)


def record_value(element: FeedElement, entity: EntityMap, record: Record) -> Value:
    match element.source:
        case "@id":
            return record.id
        case "@entity":
            return record.entity
        case "@name":
            return record.name
        case "@stage":
            return record.stage
        case "@stage.name":
            return record.stage_label
        case "@url":
            return record.url
        case "@created":
            return record.created_at
        case "@changed":
            return record.changed_at
    value = record.values.get(element.field)
    return named(value, entity, element.field) if element.source.endswith(".name") else value


def named(value: Value, entity: EntityMap, field: str) -> Value:
    """What staff see instead of our word or the CRM's id."""
    if isinstance(value, str):
        return entity.field[field].values.get(value, value)
    if isinstance(value, Ref):
        return value.name
    if isinstance(value, tuple):
        return ", ".join(one.name for one in value)
    return value


def change_body(feed: FeedMap, values: Mapping[str, Value], zone: ZoneInfo) -> Body:
    """The elements of one change; `values` by the words with @."""
    texts = {one.element: _text(one, value, zone) for one in feed.elements if (value := values.get(one.source)) is not None}
    return {element: text for element, text in texts.items() if text != ""}


def _text(element: FeedElement, value: Value, zone: ZoneInfo) -> str | None:
    if isinstance(value, Unreadable):
        return clean(value.raw) if element.type == "text" and not element.source.endswith(".name") else NOT_READABLE
    match element.type:
        case "decimal":
            return format(value, "f") if isinstance(value, Decimal) else NOT_READABLE
        case "boolean":
            return _boolean(value)
        case "date":
            day = value.astimezone(zone).date() if isinstance(value, datetime) else value
            return day.isoformat() if isinstance(day, date) else NOT_READABLE
        case "datetime":
            return moment(value, zone) if isinstance(value, datetime) else NOT_READABLE
    return clean(_plain(element, value, zone))


def _boolean(value: Value) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return {"yes": "true", "no": "false"}.get(value) if isinstance(value, str) else NOT_READABLE


def _plain(element: FeedElement, value: Value, zone: ZoneInfo) -> str:
    match value:
        case str():
            return element.words.get(value, value)
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case datetime():
            return moment(value, zone)
        case date():
            return value.isoformat()
        case Ref():
            return value.id
        case tuple():
            return " ".join(one.id for one in value)
    return ""


def moment(value: datetime, zone: ZoneInfo) -> str:
    """A day long ago had an offset with seconds, which XML Schema does not know."""
    here = value.astimezone(zone)
    offset = here.utcoffset()
    odd = offset is not None and offset.total_seconds() % 60
    return (value.astimezone(UTC) if odd else here).isoformat(timespec="seconds")


def clean(text: str) -> str:
    """Without what no XML document can hold; a line end is one character, as whoever reads it would make it."""
    return _UNFIT.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")
