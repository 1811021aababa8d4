"""The request log in a list of the CRM: as many lines as one request takes, once a minute, the oldest first.

A line may be written down some time after its question left, so each turn looks back a little; what the list has already, or
is to get, is known by the line's own id, which is the element's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from kernel.crm import Ref, Value
from kernel.extension.portal import Portal, Unit
from kernel.mapping import FieldMap, ListMap
from kernel.values import from_micros, to_micros
from plugins.dossier import api as dossier
from plugins.dossier_lists import store
from plugins.dossier_lists.elements import Content, cut_name, cut_text
from plugins.dossier_lists.planning import packed
from plugins.dossier_lists.settings import NAME, settings_of
from plugins.dossier_lists.store import Put

TIMER = "log"
LOOKS_BACK_MICROS = 600_000_000  #: no question takes so long from its leaving to its line
OLD_AT_ONCE = 1000
Said = str | int | datetime | Ref


def list_of(portal: Portal) -> ListMap | None:
    """None where no list gets the log."""
    return portal.mapping.lists.get(settings_of(portal).log_list) if portal.crm.lists else None


def logged(unit: Unit) -> None:
    """There is a new line. Soon after the last turn the next one is set already."""
    if list_of(unit.portal) is not None:
        unit.set_timer(NAME, TIMER, unit.now, {}, keep=True)


def take(unit: Unit) -> bool:
    """Have the next lines written; whether there were any."""
    tx, portal, one, lists = unit.tx, unit.portal.name, list_of(unit.portal), unit.portal.crm.lists
    if one is None or lists is None:
        return False
    upto = store.log_upto(tx, portal)
    since = max(upto - LOOKS_BACK_MICROS, _kept_since(unit))
    known = store.log_codes(tx, portal, one.name, since)
    lines = [line for line in dossier.log_lines(tx, portal, since, lists.at_once + len(known)) if line.id not in known]
    for line in lines[: lists.at_once]:
        content = content_of(unit.portal, one, line)
        put = Put(content.code, content.digest, packed(content), made_at=line.at)
        store.put(tx, portal, {"l": one.name, "e": "", "r": ""}, line.client_id, [put], to_micros(unit.now))
        upto = max(upto, line.at)
    if lines:
        store.keep_log_upto(tx, portal, upto)
        unit.set_timer(NAME, TIMER, unit.now + timedelta(seconds=settings_of(unit.portal).log_list_every_s), {})
    return bool(lines)


def drop_old(unit: Unit) -> None:
    """What has been in the list for long enough, and what stands in one that gets the log no more."""
    settings, now = settings_of(unit.portal), to_micros(unit.now)
    store.drop_log_elsewhere(unit.tx, unit.portal.name, settings.log_list, now)
    old = store.old_log_codes(unit.tx, unit.portal.name, settings.log_list, _kept_since(unit), OLD_AT_ONCE)
    store.drop(unit.tx, unit.portal.name, settings.log_list, old, now)


def _kept_since(unit: Unit) -> int:
    return to_micros(unit.now - timedelta(days=settings_of(unit.portal).log_list_days))


def content_of(portal: Portal, one: ListMap, line: dossier.LogLine) -> Content:
    """The fields that the list has of it."""
    language = portal.mapping.portal.language
    title, outcome = (
        dossier.question_title(portal.mapping, language, line.set_name),
        dossier.outcome_text(language, line.outcome),
    )
    said: Mapping[str, Said] = {
        "asked_at": from_micros(line.at, portal.zone), "data_set": title, "client_id": line.client_id,
        "asked_by": Ref(line.person), "card": f"{line.entity}:{line.record}" if line.entity else "", "face": line.face,
        "outcome": outcome, "duration_ms": line.ms, "size_bytes": line.bytes, "row_count": line.row_count,
        "bad_cells": line.bad_cells, "error_code": line.code, "trace_id": line.trace_id, "trace": line.trace,
    }  # fmt: skip
    values = {name: _value(one.field[name], value) for name, value in said.items() if name in one.field}
    return Content(line.id, cut_name(f"{title} — {outcome}"), {name: value for name, value in values.items() if value})


def _value(field: FieldMap, value: Said) -> Value:
    """As that field takes it; None where it cannot, or there is nothing to write."""
    match field.type:
        case "datetime" if isinstance(value, datetime):
            return value
        case "date" if isinstance(value, datetime):
            return value.date()
        case "decimal" if isinstance(value, int):
            return Decimal(value)
        case "user" if isinstance(value, Ref):
            return value if value.id else None
        case "text":
            return cut_text(_plain(value)) or None
    return None


def _plain(value: Said) -> str:
    if isinstance(value, datetime):
        return f"{value:%d.%m.%Y %H:%M:%S}"
    return value.id if isinstance(value, Ref) else str(value)
