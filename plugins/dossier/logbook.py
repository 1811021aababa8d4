"""Writing into the request log: questions of the dossier, and what was asked to hand a client over."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.extension.asked import Asked
from kernel.extension.portal import Unit
from kernel.jobs.outgoing import Call
from plugins.dossier import store_log
from plugins.dossier.hooks import LOGGED
from plugins.dossier.store_log import CODE_CHARACTERS_MAX, TRACE_CHARACTERS_MAX, Line


def keep(unit: Unit, line: Line) -> None:
    store_log.add(unit.tx, line)
    if line.outcome not in store_log.NO_REQUEST:
        for run in LOGGED.functions(unit.portal):
            run(unit)


def handed_over(unit: Unit, call: Call, questions: Sequence[Asked]) -> None:
    """The back office was asked to take a client, or what became of that."""
    portal, person = unit.portal, str(call.payload.get("person", ""))
    entity, _, record = str(call.payload.get("record", "")).partition(":")
    for one in questions:
        keep(unit, Line(
            portal.ids.new(), portal.name, one.at, one.what, one.client_id, person, entity, record, one.face, one.outcome,
            ms=one.ms, row_count=one.rows, code=one.code[:CODE_CHARACTERS_MAX], trace_id=one.trace_id[:TRACE_CHARACTERS_MAX],
            trace=unit.trace,
        ))  # fmt: skip
