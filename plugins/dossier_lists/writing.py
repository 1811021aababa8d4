"""Storing into lists: one request at a time, fifty elements of whichever lists, as often as a tenth of the CRM's allowance
permits.

Each step is one unit of work: plan what is due, take the first fifty that wait, write the call down. Its answer writes
down what the lists hold and sets the timer of the next step. So whoever dies in between loses nothing: the call is made
again, and making it twice is as good as once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from kernel.crm import ListChange, ListElement, Lists, Start, Value
from kernel.crm.codec import unpack, unpack_values
from kernel.extension.lists import outcome
from kernel.extension.portal import Portal, Unit
from kernel.jobs import call_queries
from kernel.values import from_micros, to_micros
from plugins.dossier_lists import request_log, store
from plugins.dossier_lists.elements import RECEIVED, prefix
from plugins.dossier_lists.planning import plan_due, unpacked
from plugins.dossier_lists.settings import NAME, settings_of
from plugins.dossier_lists.store import Pass, Waiting

LANE, TIMER = "lists", "write"
WRITTEN, FOUND = "dossier_lists.written", "dossier_lists.found"
LISTS_ASKED_AT_ONCE = 20
AFTER_FAILURE = timedelta(minutes=30)


def lists_of(portal: Portal) -> Lists | None:
    """None where nothing is to be stored into lists, or the CRM has none."""
    return portal.crm.lists if portal.mapping.lists else None


# --- what the dossier tells -----------------------------------------------------------------------------------------------


def answer_kept(unit: Unit, entity: str, record_id: str, client_id: str, set_name: str) -> None:
    settings, declared = settings_of(unit.portal), unit.portal.mapping.sets.get(set_name)
    if declared is None or settings.lists == "off" or lists_of(unit.portal) is None:
        return
    now = to_micros(unit.now)
    tables = {name: table.list_name for name, table in declared.table.items() if table.list_name}
    if not tables:
        return
    store.hold(unit.tx, unit.portal.name)
    for table, name in sorted(tables.items()):
        one = Pass(name, entity, record_id, set_name, table, client_id, due_at=now)
        store.wish(unit.tx, unit.portal.name, one, settings.list_every_s * 1_000_000)
    go_on(unit)


def client_changed(unit: Unit, entity: str, record_id: str, client_id: str) -> None:
    """The card stands for somebody else now, or for nobody: the rows of before go."""
    _forget(unit, client_id, entity=entity, record=record_id)


def client_forgotten(unit: Unit, client_id: str, cards: Sequence[tuple[str, str]]) -> None:
    _forget(unit, client_id)


def _forget(unit: Unit, client_id: str, *, entity: str = "", record: str = "") -> None:
    if not client_id:
        return
    portal = unit.portal.name
    store.hold(unit.tx, portal)
    store.end_passes(unit.tx, portal, entity, record, client_id)
    if store.drop_client(unit.tx, portal, client_id, to_micros(unit.now), entity=entity, record=record):
        go_on(unit)


# --- one step after the other ---------------------------------------------------------------------------------------------


def go_on(unit: Unit) -> None:
    """Have the next step done when something is to be done, unless a call is in flight: its end goes on by itself."""
    tx, portal = unit.tx, unit.portal.name
    if call_queries.is_open(tx, portal, LANE):
        return
    count, _since = store.waiting_count(tx, portal)
    due = 0 if count else store.next_pass(tx, portal)
    if due is not None:
        at = max(to_micros(unit.now), store.not_before(tx, portal), due)
        unit.set_timer(NAME, TIMER, from_micros(at), {})


def _rest(unit: Unit, seconds: float) -> None:
    """No request leaves for so long."""
    store.keep_not_before(unit.tx, unit.portal.name, to_micros(unit.now + timedelta(seconds=seconds)))
    go_on(unit)


def timer_due(unit: Unit, key: str, _body: Mapping[str, Any]) -> None:
    store.hold(unit.tx, unit.portal.name)
    if key == TIMER:
        _step(unit)
    elif key == request_log.TIMER and request_log.take(unit):
        go_on(unit)


def _step(unit: Unit) -> None:
    tx, portal, lists = unit.tx, unit.portal.name, lists_of(unit.portal)
    if lists is None or call_queries.is_open(tx, portal, LANE):
        return
    due = store.due_passes(tx, portal, to_micros(unit.now), lists.at_once)
    if unknown := [one for one in due if not one.known][:LISTS_ASKED_AT_ONCE]:
        starts = [Start(one.list, prefix(one.entity, one.record)) for one in unknown]
        asked = [[one.list, one.entity, one.record] for one in unknown]
        unit.list_codes(starts, lane=LANE, done=FOUND, context={"asked": asked})
        return
    plan_due(unit, lists.at_once)
    if waiting := store.waiting(tx, portal, lists.at_once):
        context = {"digests": [one.wanted if one.state == "put" else "" for one in waiting]}
        unit.write_lists([_change(one) for one in waiting], lane=LANE, done=WRITTEN, context=context)
    else:
        go_on(unit)


def _change(one: Waiting) -> ListChange:
    if one.state == "drop":
        return ListChange(ListElement(one.list, one.code), drop=True, there=bool(one.there))
    name, packed, received_at = unpacked(one.content)
    values: dict[str, Value] = dict(unpack_values(packed))
    if received_at is not None:
        values[RECEIVED] = unpack(received_at)
    return ListChange(ListElement(one.list, one.code, name, values, one.entity, one.record), there=bool(one.there))


# --- what came of a call --------------------------------------------------------------------------------------------------


def found(unit: Unit, payload: Mapping[str, Any], result: str) -> None:
    """What the lists hold of some cards: left by an earlier installation, or of which we lost the memory."""
    for card, codes in zip(payload["context"]["asked"], json.loads(result), strict=True):
        name, entity, record = card
        store.found(unit.tx, unit.portal.name, Pass(name, entity, record, "", "", ""), codes)
    _rest(unit, _pause(unit))


def written(unit: Unit, payload: Mapping[str, Any], result: str) -> None:
    came, tx, portal = outcome(result), unit.tx, unit.portal.name
    history = _histories(unit.portal)
    for place, (change, digest) in enumerate(zip(payload["changes"], payload["context"]["digests"], strict=True)):
        name, code = change["list"], change["code"]
        if place in came.again:
            store.doubted(tx, portal, name, code)
        elif place in came.refused:
            store.refused(tx, portal, name, code, digest, came.refused[place])
        elif change["drop"]:
            store.dropped(tx, portal, name, code)
        else:
            store.written(tx, portal, name, code, digest, keeps=name in history)
    _rest(unit, max(_pause(unit), came.wait_seconds))


def failed(unit: Unit, payload: Mapping[str, Any], _state: str, _reason: str) -> None:
    """The call came to nothing, and a person can see it; what it was to write waits for the next try."""
    for change in payload.get("changes", ()):
        store.doubted(unit.tx, unit.portal.name, change["list"], change["code"])
    store.put_off(unit.tx, unit.portal.name, to_micros(unit.now + AFTER_FAILURE))
    _rest(unit, AFTER_FAILURE.total_seconds())


def _pause(unit: Unit) -> float:
    lists = lists_of(unit.portal)
    return lists.every_seconds if lists else 0.0


def _histories(portal: Portal) -> frozenset[str]:
    """Lists that keep what the back office has no more: for that, what they hold must be known."""
    tables = [table for one in portal.mapping.sets.values() for table in one.table.values()]
    return frozenset(table.list_name for table in tables if table.history and table.list_name)


# --- now and then ---------------------------------------------------------------------------------------------------------


def watch(portal: Portal) -> None:
    """What the settings no longer allow in the lists goes, and so do old lines of the request log; a step that nobody does
    any more is done."""
    settings = settings_of(portal)
    if lists_of(portal) is None:
        return
    with portal.unit() as unit:
        store.hold(unit.tx, portal.name)
        if settings.lists != "on":
            store.drop_all(
                unit.tx, portal.name, to_micros(unit.now), but_summaries=settings.lists == "summary",
                log_list=settings.log_list,
            )  # fmt: skip
        request_log.drop_old(unit)
        go_on(unit)
