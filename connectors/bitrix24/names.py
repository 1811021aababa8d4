"""Names of the people and records that a record points to: Bitrix24 gives only numbers."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from connectors.bitrix24.client import Client
from connectors.bitrix24.codes import ENTITY_TYPES
from connectors.bitrix24.layout import Slot
from connectors.bitrix24.portal import rows
from connectors.bitrix24.system import NAME_PARTS, full_name
from connectors.bitrix24.values import number_in
from kernel.clock import Clock
from kernel.crm import Ref, Value, Values
from kernel.errors import Rejected

NAMES_SECONDS_MAX = 900.0
IDS_PER_COMMAND = 50
Key = tuple[str, str]  #: kind ("user", "contact", "deal" …) and number


class Names:
    """Kept for a quarter of an hour, so that a record with people in it mostly costs no further request."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._known: dict[Key, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def put(self, kind: str, names: Mapping[str, str]) -> None:
        until = self._clock.monotonic() + NAMES_SECONDS_MAX
        with self._lock:
            self._known.update({(kind, number): (until, name) for number, name in names.items()})

    def of(self, kind: str, numbers: Iterable[str]) -> dict[str, str]:
        """Names by number."""
        wanted = set(numbers)
        self._learn({(kind, number) for number in wanted})
        return {number: self._known.get((kind, number), (0.0, ""))[1] for number in wanted}

    def fill(self, found: Iterable[tuple[Mapping[str, Slot], dict[str, Value]]]) -> None:
        """Put names to all references in these values, asking once for all that are not known."""
        every = list(found)
        self._learn({key for slots, values in every for key in _keys(slots, values)})
        for slots, values in every:
            for name, kind in _kinds(slots):
                values[name] = self._named(kind, values[name])

    def _named(self, kind: str, value: Value) -> Value:
        if isinstance(value, Ref):
            return Ref(value.id, self._known.get((kind, value.id), (0.0, ""))[1])
        if isinstance(value, tuple):
            return tuple(Ref(ref.id, self._known.get((kind, ref.id), (0.0, ""))[1]) for ref in value)
        return value

    def _learn(self, wanted: set[Key]) -> None:
        now = self._clock.monotonic()
        missing = sorted(key for key in wanted if self._known.get(key, (0.0, ""))[0] <= now)
        calls: list[tuple[str, dict[str, Any]]] = []
        asked: list[tuple[str, list[str]]] = []
        for kind in sorted({kind for kind, _number in missing}):
            numbers = [number for one, number in missing if one == kind]
            for start in range(0, len(numbers), IDS_PER_COMMAND):
                part = numbers[start : start + IDS_PER_COMMAND]
                calls.append(_call(kind, part))
                asked.append((kind, part))
        for (kind, part), outcome in zip(asked, self._client.batch(calls) if calls else [], strict=True):
            if outcome.fault is not None and not isinstance(outcome.fault, Rejected):
                raise outcome.fault
            response = rows(outcome.value, "" if kind == "user" else "items")  # without the right to see them: no names
            names = {str(number_in(raw.get("ID" if kind == "user" else "id"))): _name(kind, raw) for raw in response}
            self.put(kind, {number: names.get(number, "") for number in part})


def person_name(raw: Mapping[str, Any]) -> str:
    parts = (raw.get(part) for part in ("NAME", "LAST_NAME"))
    name = " ".join(" ".join(part.split()) for part in parts if isinstance(part, str) and part.strip())
    return name or str(raw.get("EMAIL") or "")


def _call(kind: str, numbers: list[str]) -> tuple[str, dict[str, Any]]:
    if kind == "user":
        return "user.get", {"FILTER": {"ID": numbers}}
    select = ["id", *NAME_PARTS] if kind == "contact" else ["id", "title"]
    entity_type = ENTITY_TYPES[kind]  # type: ignore[index]
    ids = [int(number) for number in numbers]
    return "crm.item.list", {"entityTypeId": entity_type, "filter": {"@id": ids}, "select": select, "start": -1}


def _name(kind: str, raw: Mapping[str, Any]) -> str:
    if kind == "user":
        return person_name(raw)
    return full_name(raw) if kind == "contact" else str(raw.get("title") or "")


def _kinds(slots: Mapping[str, Slot]) -> list[tuple[str, str]]:
    """Which fields hold references, and to what."""
    found = []
    for name, slot in slots.items():
        if slot.system:
            kind = slot.system.refers
        elif slot.map.type in ("user", "users"):
            kind = "user"
        else:
            kind = slot.links_to
        if kind:
            found.append((name, kind))
    return found


def _keys(slots: Mapping[str, Slot], values: Values) -> set[Key]:
    found = set()
    for name, kind in _kinds(slots):
        value = values.get(name)
        for ref in (value,) if isinstance(value, Ref) else value if isinstance(value, tuple) else ():
            found.add((kind, ref.id))
    return found
