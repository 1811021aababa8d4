"""Every write of a record goes through here: checks, stamps, stages, history, events, robots.

What comes back from a change that changes nothing is nothing: no save, no event (32).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.bitrix24 import formats
from sandbox.bitrix24.crm import categories, fields, history, multifields, statuses
from sandbox.bitrix24.crm.store import DEAL, LEAD, Kind, Record, crm
from sandbox.bitrix24.registry import RestError
from sandbox.bitrix24.state import Portal

BLANK: tuple[Any, ...] = (None, "", [])
TECHNICAL = 0  #: createdBy of what the portal makes by itself


@dataclass(frozen=True)
class Actor:
    """Who writes: a user, or a robot of the portal itself (`user` is None)."""

    user: str | None
    connector: str = ""
    chain: int = 0  #: how many robots led here: they must not go round for ever

    @property
    def number(self) -> int:
        return int(self.user) if self.user else TECHNICAL


@dataclass
class Hooks:
    """What other modules want to do when a record has moved or is gone."""

    moved: list[Callable[[Portal, Kind, Record, Actor], None]] = field(default_factory=list)
    deleted: list[Callable[[Portal, Kind, Record], None]] = field(default_factory=list)


# -- making


def create(portal: Portal, kind: Kind, values: Mapping[str, Any], actor: Actor, *, silent: bool = False) -> Record:
    """A new record from read values by UPPER name (plus FM)."""
    now = portal.now()
    record: Record = {name: _first(wanted) for name, wanted in kind.fields.items()}
    record["FM"] = []
    record |= values
    ident = int(record["ID"] or 0) or portal.next_id(kind.code.lower())
    record["ID"] = ident
    _place(portal, kind, record, values)
    record |= {
        kind.named("DATE_CREATE"): now, kind.named("DATE_MODIFY"): now, kind.named("CREATED_BY_ID"): actor.number,
        kind.named("MODIFY_BY_ID"): actor.number, "LAST_ACTIVITY_BY": actor.number, "LAST_ACTIVITY_TIME": now,
        "ASSIGNED_BY_ID": record.get("ASSIGNED_BY_ID") or int(actor.user or portal.default_responsible()),
    }  # fmt: skip
    if kind.stage:
        record |= {kind.named("MOVED_BY_ID"): actor.number, "MOVED_TIME": now}
    if kind.type_id == DEAL or kind.dynamic:
        record["BEGINDATE"] = record.get("BEGINDATE") or formats.day_start(now)
        record["CLOSEDATE"] = record.get("CLOSEDATE") or formats.day_start(now + timedelta(days=7))
    _derive(record, kind)
    kind.put(record)
    if kind.stage:
        history.enter(portal, kind, record, history.CREATED, semantics(portal, kind, record))
    if not silent:
        raise_event(portal, kind, "ADD", record, actor)
        if kind.stage:
            _tell(portal, kind, record, actor)
    return record


def _first(wanted: fields.Field) -> Any:
    return list(wanted.first or []) if wanted.multiple else wanted.first


def _place(portal: Portal, kind: Kind, record: Record, values: Mapping[str, Any]) -> None:
    """Pipeline and stage of a new record."""
    if kind.categories:
        known = categories.categories(portal, kind.type_id)
        category = values.get("CATEGORY_ID")
        if category is None:
            record["CATEGORY_ID"] = _category_of_stage(portal, kind, values) or categories.default(portal, kind.type_id)
        elif category not in known:
            if portal.faults.word("bad_stage") == "refuse":
                raise fields.invalid(kind.fields["CATEGORY_ID"])
            record["CATEGORY_ID"] = categories.default(portal, kind.type_id)
    if kind.stage:
        category = record.get("CATEGORY_ID")
        wanted = str(record.get(kind.stage) or "")
        if wanted and statuses.stage(portal, kind.type_id, category, wanted) is None:
            if portal.faults.word("bad_stage") == "refuse":
                raise fields.invalid(kind.fields[kind.stage])
            wanted = ""
        if not wanted:
            rows = statuses.stages(portal, kind.type_id, category)
            wanted = rows[0].status_id if rows else ""
        record[kind.stage] = wanted
        _close(portal, kind, record)


def _category_of_stage(portal: Portal, kind: Kind, values: Mapping[str, Any]) -> int:
    """A stage given without its pipeline names it by its prefix."""
    code = str(values.get(kind.stage) or "")
    for ident in categories.categories(portal, kind.type_id):
        if ident and statuses.stage(portal, kind.type_id, ident, code):
            return ident
    return 0


def semantics(portal: Portal, kind: Kind, record: Record) -> str:
    """P, S or F, by what the stage says of itself, never by its code."""
    row = statuses.stage(portal, kind.type_id, record.get("CATEGORY_ID"), str(record.get(kind.stage)))
    return row.semantics if row else "P"


def _close(portal: Portal, kind: Kind, record: Record) -> dict[str, Any]:
    """What follows from the stage; also written into `record`."""
    word = semantics(portal, kind, record)
    if kind.type_id == LEAD:
        follows: dict[str, Any] = {
            "STATUS_SEMANTIC_ID": word, "DATE_CLOSED": portal.now() if word != "P" else None
        }  # fmt: skip
    elif kind.type_id == DEAL:
        first = statuses.stages(portal, kind.type_id, record.get("CATEGORY_ID"))
        new = bool(first) and first[0].status_id == record[kind.stage]
        follows = {"STAGE_SEMANTIC_ID": word, "CLOSED": "N" if word == "P" else "Y", "IS_NEW": "Y" if new else "N"}
    else:
        follows = {}
    record.update(follows)
    return follows


def _derive(record: Record, kind: Kind) -> None:
    """Texts the portal makes up."""
    if "CONTACT_IDS" in kind.fields:
        _contacts(record)
    if kind.multi:
        record |= multifields.flags(record["FM"])
    if "TITLE" in kind.fields and not record.get("TITLE"):
        record["TITLE"] = f"{kind.title} #{record['ID']}"
    if "SEARCH_CONTENT" in kind.fields:
        record["SEARCH_CONTENT"] = f"{record['ID']} {record.get('TITLE') or ''}".strip()


def _contacts(record: Record) -> None:
    """The first of the contacts is the contact."""
    ids = list(dict.fromkeys(number for number in record.get("CONTACT_IDS") or [] if number))
    if not ids and record.get("CONTACT_ID"):
        ids = [record["CONTACT_ID"]]
    record["CONTACT_IDS"] = ids
    record["CONTACT_ID"] = ids[0] if ids else record.get("CONTACT_ID") and 0


# -- changing


def update(
    portal: Portal, kind: Kind, record: Record, values: Mapping[str, Any], actor: Actor, *, check: bool = False
) -> bool:
    """Write what differs; true if anything did. `check` looks at required fields as the typed dialect does."""
    new = _with_contacts(kind, record, dict(values))
    moved_category = kind.categories and new.get("CATEGORY_ID", record.get("CATEGORY_ID")) != record.get("CATEGORY_ID")
    _stage(portal, kind, record, new, moved_category)
    changes = {name: value for name, value in new.items() if not _same(record.get(name), value)}
    if not changes:
        return False
    stage_moved = bool(kind.stage) and kind.stage in changes
    if check and stage_moved and not moved_category:
        _required(kind, {**record, **changes})
    now, previous = portal.now(), record.get(kind.stage) if kind.stage else None
    changes |= {kind.named("DATE_MODIFY"): now, kind.named("MODIFY_BY_ID"): actor.number}
    changes |= {"LAST_ACTIVITY_TIME": now, "LAST_ACTIVITY_BY": actor.number}
    if stage_moved or moved_category:
        changes |= _move(portal, kind, record, changes, actor, now)
        if "PREVIOUS_STAGE_ID" in kind.fields:
            changes["PREVIOUS_STAGE_ID"] = previous
    if kind.multi and "FM" in changes:
        changes |= multifields.flags(changes["FM"])
    kind.change(record, changes)
    _derive(record, kind)
    raise_event(portal, kind, "UPDATE", record, actor)
    if stage_moved or moved_category:
        _after_move(portal, kind, record, actor, bool(moved_category))
    return True


def _with_contacts(kind: Kind, record: Record, new: dict[str, Any]) -> dict[str, Any]:
    if "CONTACT_IDS" not in kind.fields:
        return new
    if "CONTACT_IDS" in new:
        ids = list(dict.fromkeys(number for number in new["CONTACT_IDS"] or [] if number))
        new |= {"CONTACT_IDS": ids, "CONTACT_ID": ids[0] if ids else 0}
    elif "CONTACT_ID" in new:
        number = new["CONTACT_ID"]
        others = [i for i in record.get("CONTACT_IDS") or [] if i not in (number, record.get("CONTACT_ID"))]
        new |= {"CONTACT_IDS": [number, *others] if number else others}
        new["CONTACT_ID"] = new["CONTACT_IDS"][0] if new["CONTACT_IDS"] else 0
    return new


def _same(old: Any, new: Any) -> bool:
    return (old in BLANK and new in BLANK) or bool(old == new)


def _stage(portal: Portal, kind: Kind, record: Record, new: dict[str, Any], moved_category: bool) -> None:
    """The stage that will be: of the new pipeline its first one, if none was given."""
    if not kind.stage:
        return
    category = new.get("CATEGORY_ID", record.get("CATEGORY_ID"))
    if moved_category and category not in categories.categories(portal, kind.type_id):
        raise fields.invalid(kind.fields["CATEGORY_ID"])
    wanted = new.get(kind.stage)
    if wanted is not None and statuses.stage(portal, kind.type_id, category, str(wanted)) is None:
        if portal.faults.word("bad_stage") == "refuse":
            raise fields.invalid(kind.fields[kind.stage])
        del new[kind.stage]
        wanted = None
    if wanted is None:
        new.pop(kind.stage, None)
        if moved_category:
            rows = statuses.stages(portal, kind.type_id, category)
            new[kind.stage] = rows[0].status_id if rows else ""


def _required(kind: Kind, after: Mapping[str, Any]) -> None:
    """Fields that must be filled, always or at this stage, are looked at when the stage changes (32)."""
    stage = after.get(kind.stage)
    names = [wanted.upper for wanted in kind.fields.values() if wanted.custom and wanted.mandatory]
    names += [name for name, stages in kind.required if not stages or stage in stages]
    for name in names:
        if after.get(name) in (None, "", []):
            title = kind.fields[name].title or kind.fields[name].camel
            raise RestError(400, "CRM_FIELD_ERROR_REQUIRED", f'Field "{title}" is required')


def _move(
    portal: Portal, kind: Kind, record: Record, changes: Mapping[str, Any], actor: Actor, now: datetime
) -> dict[str, Any]:
    after = {**record, **changes}
    follows = _close(portal, kind, after)
    mover = actor.number
    if actor.user is None and portal.faults.word("robot_moves") == "last":
        mover = record.get(kind.named("MOVED_BY_ID")) or mover
    follows |= {kind.named("MOVED_BY_ID"): mover, "MOVED_TIME": now}
    if kind.type_id == DEAL and follows["CLOSED"] == "Y" and record.get("CLOSED") != "Y" and "CLOSEDATE" not in changes:
        follows["CLOSEDATE"] = formats.day_start(now)
    return follows


def _after_move(portal: Portal, kind: Kind, record: Record, actor: Actor, moved_category: bool) -> None:
    how = history.OTHER_PIPELINE if moved_category else history.MOVED
    history.enter(portal, kind, record, how, semantics(portal, kind, record))
    if moved_category and kind.type_id == DEAL:
        data = {"ID": record["ID"], "CATEGORY_ID": record["CATEGORY_ID"], "STAGE_ID": record["STAGE_ID"]}
        portal.raise_event("ONCRMDEALMOVETOCATEGORY", {"FIELDS": data}, actor.user, actor.connector)
    _tell(portal, kind, record, actor)


def _tell(portal: Portal, kind: Kind, record: Record, actor: Actor) -> None:
    for hook in portal.area(Hooks).moved:
        hook(portal, kind, record, actor)


# -- deleting, telling


def delete(portal: Portal, kind: Kind, record: Record, actor: Actor) -> None:
    kind.remove(record)
    for hook in portal.area(Hooks).deleted:
        hook(portal, kind, record)
    raise_event(portal, kind, "DELETE", record, actor)


def restore(portal: Portal, kind: Kind, record: Record) -> None:
    """Out of the bin, under its old number. Comments and activities stay away; whether an event tells of it is
    documented nowhere, so none does."""
    kind.put(record)


def raise_event(portal: Portal, kind: Kind, what: str, record: Record, actor: Actor) -> None:
    data: dict[str, Any] = {"ID": record["ID"]}
    if kind.dynamic:
        data["ENTITY_TYPE_ID"] = kind.type_id
    portal.raise_event(f"{kind.event}{what}", {"FIELDS": data}, actor.user, actor.connector)
    if kind.dynamic:
        portal.raise_event(f"{kind.event}{what}_{kind.type_id}", {"FIELDS": data}, actor.user, actor.connector)


def touch(portal: Portal, type_id: int, ident: int, user: int) -> None:
    """A comment or an activity is activity, but no change of the record."""
    kind = crm(portal).kinds.get(type_id)
    record = kind.get(ident) if kind else None
    if record:
        record |= {"LAST_ACTIVITY_TIME": portal.now(), "LAST_ACTIVITY_BY": user}
