"""Many records at once: changes, creations that happen once each, and the contacts of many deals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.bitrix24 import limits
from connectors.bitrix24.calls import Calls
from connectors.bitrix24.commands import Outcome
from connectors.bitrix24.reading import Query, read_chosen
from kernel.clock import Clock
from kernel.errors import Fault, Unreachable

DIALECT = {"useOriginalUfNames": "Y"}


def update_many(client: Calls, entity_type_id: int, changes: Sequence[tuple[int | str, Mapping[str, Any]]]) -> list[Outcome]:
    calls = [
        ("crm.item.update", {"entityTypeId": entity_type_id, "id": int(number), "fields": fields, **DIALECT})
        for number, fields in changes
    ]
    return client.batch(calls, writes=True)


def create_many(
    client: Calls,
    entity_type_id: int,
    items: Sequence[Mapping[str, Any]],
    key_field: str,
    clock: Clock,
    *,
    maybe_done: bool,
) -> list[Outcome]:
    """After a lost answer the keys are looked up, and only what is not there is made again."""
    found = [Outcome(fault=Unreachable("bitrix24: not tried yet", maybe_done=maybe_done))] * len(items)
    waiting = list(range(len(items)))
    if maybe_done:
        waiting = _not_there(client, entity_type_id, items, key_field, found, waiting)
    for _attempt in range(limits.ATTEMPTS_MAX):
        calls = [("crm.item.add", {"entityTypeId": entity_type_id, "fields": items[n], **DIALECT}) for n in waiting]
        for n, outcome in zip(waiting, client.batch(calls, writes=True), strict=True):
            found[n] = _made(outcome)
        lost = [n for n in waiting if (fault := found[n].fault) is not None and fault.maybe_done]
        if not lost:
            break
        clock.sleep(limits.LOST_PAUSE_SECONDS)
        try:
            waiting = _not_there(client, entity_type_id, items, key_field, found, lost)
        except Fault:
            break  # whoever asked knows which ones are in doubt, and asks again
        if not waiting:
            break
    return found


def _not_there(
    client: Calls,
    entity_type_id: int,
    items: Sequence[Mapping[str, Any]],
    key_field: str,
    found: list[Outcome],
    places: Sequence[int],
) -> list[int]:
    """Which of these have not been made; the others get their ids."""
    known = by_key(client, entity_type_id, key_field, [str(items[n][key_field]) for n in places])
    for n in places:
        if (number := known.get(str(items[n][key_field]))) is not None:
            found[n] = Outcome(number)
    return [n for n in places if found[n].fault is not None]


def by_key(client: Calls, entity_type_id: int, key_field: str, keys: Sequence[str]) -> dict[str, int]:
    """The records that keep these keys of ours, by key; the oldest where one stands twice."""
    calls = []
    for start in range(0, len(keys), limits.PAGE_ROWS):
        wanted = {f"@{key_field}": list(keys[start : start + limits.PAGE_ROWS])}
        params = {"entityTypeId": entity_type_id, "filter": wanted, "select": ["id", key_field], "order": {"id": "ASC"}}
        calls.append(("crm.item.list", {**params, "start": -1, **DIALECT}))
    found: dict[str, int] = {}
    for outcome in client.batch(calls):
        for row in _items(outcome.get()):
            found.setdefault(str(row.get(key_field)), int(row["id"]))
    return found


def contacts_of(client: Calls, entity_type_id: int, ids: Iterable[int | str]) -> dict[int, list[int]]:
    """From lists of fifty, where the portal puts the contacts there; else record by record, fifty a request."""
    wanted = list(dict.fromkeys(int(one) for one in ids))
    params = {"entityTypeId": entity_type_id, "select": ["id", "contactIds"], **DIALECT}
    found = {int(row["id"]): row.get("contactIds") for row in read_chosen(client, Query("crm.item.list", params), wanted)}
    response = {number: [int(one) for one in contacts] for number, contacts in found.items() if isinstance(contacts, list)}
    missing = [number for number in found if number not in response]
    calls = [("crm.item.get", {"entityTypeId": entity_type_id, "id": number, **DIALECT}) for number in missing]
    for number, outcome in zip(missing, client.batch(calls), strict=True):
        item = outcome.get()
        inner = item.get("item") if isinstance(item, dict) else None
        response[number] = [int(one) for one in (inner or {}).get("contactIds") or []]
    return response


def _made(outcome: Outcome) -> Outcome:
    if outcome.fault is not None:
        return outcome
    item = outcome.value.get("item") if isinstance(outcome.value, dict) else None
    if not isinstance(item, dict) or "id" not in item:
        return Outcome(fault=Unreachable("bitrix24: an answer without the number of what was made", maybe_done=True))
    return Outcome(int(item["id"]))


def _items(result: Any) -> list[dict[str, Any]]:
    items = result.get("items") if isinstance(result, dict) else None
    if not isinstance(items, list):
        raise Unreachable("bitrix24: an answer without «items»")
    return items
