"""Writing into the request log: questions of the dossier, and what was asked to hand a client over."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.extension.asked import Asked
from kernel.extension.portal import Portal, Unit
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
    entity, _, record = str(call.payload.get("record", "")).partition(":")
    _keep_asked(unit, questions, (entity, record), str(call.payload.get("person", "")))


def log_asked(portal: Portal, questions: Sequence[Asked], card: tuple[str, str]) -> None:
    """Nobody's questions, about the client of that card."""
    if questions:
        with portal.unit() as unit:
            _keep_asked(unit, questions, card, "")


def _keep_asked(unit: Unit, questions: Sequence[Asked], card: tuple[str, str], person: str) -> None:
    for one in questions:
        line = Line(
            unit.portal.ids.new(), unit.portal.name, one.at, one.what, one.client_id, person, *card, one.face, one.outcome,
            ms=one.ms, row_count=one.rows, code=one.code[:CODE_CHARACTERS_MAX], trace_id=one.trace_id[:TRACE_CHARACTERS_MAX],
            trace=unit.trace,
        )  # fmt: skip
        keep(unit, line)
