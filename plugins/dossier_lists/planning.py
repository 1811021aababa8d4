"""A pass: what one list is to hold of one card, by the newest answer, against what we know that it holds."""

from __future__ import annotations

import json

from kernel.crm.codec import pack, pack_values, unpack_values
from kernel.datasets import Answer, Row, Rows, folded
from kernel.datasets import kept as best
from kernel.extension.portal import Portal, Unit
from kernel.telemetry import log
from kernel.values import to_micros
from plugins.dossier import api as dossier
from plugins.dossier_lists import store
from plugins.dossier_lists.elements import Content, ListShape, codes, contents, gone, prefix
from plugins.dossier_lists.rules import SURE_AFTER, Held, Rest, differences, is_few
from plugins.dossier_lists.settings import settings_of
from plugins.dossier_lists.store import Pass, Put
from plugins.dossier_lists.summary import summary_of

ROWS_AT_ONCE = 10_000  #: after so many rows a unit of work has planned enough


def plan_due(unit: Unit, most: int) -> None:
    """Plan what is due until so many elements wait."""
    tx, portal = unit.tx, unit.portal
    answers: dict[tuple[str, str], dossier.KeptAnswer | None] = {}
    rows = 0
    for one in store.due_passes(tx, portal.name, to_micros(unit.now), most):
        question = one.set_name, one.client_id
        if question not in answers:
            if rows >= ROWS_AT_ONCE or store.waiting_count(tx, portal.name)[0] >= most:
                return
            answers[question] = found = dossier.kept(tx, portal.name, *question)
            rows += found.answer.count if found else 0
        _plan(unit, one, answers[question])


def shape_of(portal: Portal, set_name: str, table: str) -> ListShape | None:
    """None where the set has it no more."""
    mapping = portal.mapping
    declared = mapping.sets.get(set_name)
    found = declared.table.get(table) if declared else None
    if found is None or found.list_name not in mapping.lists:
        return None
    return ListShape(found, mapping.lists[found.list_name], mapping.portal.language, portal.zone)


def _plan(unit: Unit, one: Pass, kept: dossier.KeptAnswer | None) -> None:
    tx, portal, now = unit.tx, unit.portal.name, to_micros(unit.now)
    shape = shape_of(unit.portal, one.set_name, one.table_name)
    answer = kept.answer if kept else None
    if shape is None or answer is None or not answer.complete or one.table_name not in answer.tables:
        store.begun(tx, portal, one, now, fewer_at=one.fewer_at)
        return
    found = answer.tables[one.table_name]
    every = folded(shape.table, found.rows)
    rows = sum(1 for row in every if row.key)
    held = store.held(tx, portal, one)
    fewer_at, hold = _sure(one, held, answer, rows)
    _write(unit, one, _Pass(shape, answer, found, every, held, hold))
    store.begun(tx, portal, one, now, fewer_at=fewer_at, doubled=found.doubled)


def _sure(one: Pass, held: dict[str, Held], answer: Answer, rows: int) -> tuple[int, bool]:
    """When an answer first had so few rows, and whether nothing is deleted by this one yet."""
    if not is_few(held, one.client_id, rows):
        return 0, False
    at = to_micros(answer.asked_at)
    if not one.fewer_at:
        log.warning("dossier_lists.few_rows", list=one.list, rows=rows)
        return at, True
    if at - one.fewer_at < SURE_AFTER.total_seconds() * 1_000_000:
        return one.fewer_at, True
    return 0, False


class _Pass:
    """What a pass works with."""

    def __init__(
        self, shape: ListShape, answer: Answer, found: Rows, every: list[Row], held: dict[str, Held], hold: bool
    ) -> None:
        self.shape, self.answer, self.found, self.every, self.held, self.hold = shape, answer, found, every, held, hold


def _write(unit: Unit, one: Pass, this: _Pass) -> None:
    settings, portal = settings_of(unit.portal), unit.portal.name
    shape, answer, start = this.shape, this.answer, prefix(one.entity, one.record)
    only_total = settings.lists == "summary"
    most = 0 if only_total else settings.list_rows
    rows = best(shape.table, this.every, most)
    wanted = list(contents(shape, start, rows, this.every, answer.asked_at))
    rest = Rest(one.client_id)  # no row stays
    if not only_total:
        rest = Rest(
            one.client_id, codes(start, this.every), history=shape.table.history, whole=not answer.cut, hold=this.hold,
            most=most,
        )  # fmt: skip
    found = differences(this.held, wanted, rest)
    now = to_micros(unit.now)
    marked = [_marked(shape, known, now) for known in found.mark if known.content]
    total = summary_of(shape, start, answer, this.found, this.every, len(wanted))
    put = [*(as_put(content) for content in found.put), *marked, as_put(total)]
    store.drop(unit.tx, portal, one.list, found.drop, now)
    store.put(unit.tx, portal, one.card, one.client_id, put, now)


def as_put(content: Content, *, gone_at: int = 0, made_at: int = 0) -> Put:
    return Put(content.code, content.digest, packed(content), gone_at, made_at)


def _marked(shape: ListShape, known: Held, now: int) -> Put:
    name, values, received_at = unpacked(known.content)
    content = gone(shape, name, unpack_values(values), known.code)
    body = json.dumps([content.name, pack_values(content.values), received_at], ensure_ascii=False)
    return Put(content.code, content.digest, body, gone_at=now)


def packed(content: Content) -> str:
    return json.dumps([content.name, pack_values(content.values), pack(content.received_at)], ensure_ascii=False)


def unpacked(text: str) -> tuple[str, dict[str, object], object]:
    name, values, received_at = json.loads(text)
    return name, values, received_at
