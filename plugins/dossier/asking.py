"""Asking the back office. An opening is answered from the store; the question leaves from a small pool of threads, so that
no thread of the web part ever waits, and one process at a time asks it for all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from kernel.datasets import Answer, Outcome, outcome_of, pack_answer
from kernel.errors import AnnexError, BadAnswer, Fault
from kernel.extension.portal import Portal, Unit
from kernel.mapping import SetMap
from kernel.telemetry import log
from kernel.values import to_micros
from plugins.dossier import logbook, memory, store, store_log, store_questions
from plugins.dossier.hooks import ANSWER_KEPT
from plugins.dossier.settings import settings_of
from plugins.dossier.store import KeptAnswer
from plugins.dossier.store_cards import Card

THREADS_MAX = 8  #: of one process; the gate of the connection lets fewer through
WAITING_MAX = 500  #: who comes later is submitted again by the page that waits
ALERTED = ("bad_answer", "refused", "moved")
GOOD = ("ok", "empty")
MEMORY = "dossier"


class Question(NamedTuple):
    set_name: str
    client_id: str


@dataclass(frozen=True)
class _Ended:
    """What became of a question that left."""

    outcome: Outcome
    ms: int
    answer: Answer | None = None
    code: str = ""
    trace_id: str = ""
    sample: str = ""
    packed: bytes = b""  #: the answer, ready before a transaction begins


def _in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="annex-dossier", daemon=True).start()


@dataclass
class Asker:
    """The questions that this process has to ask. Its threads end when there is nothing to do."""

    portal: Portal
    start: Callable[[Callable[[], None]], None] = _in_a_thread
    _waiting: dict[Question, None] = field(default_factory=dict)
    _threads: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, question: Question) -> None:
        with self._lock:
            if question in self._waiting or len(self._waiting) >= WAITING_MAX:
                return
            self._waiting[question] = None
            if self._threads >= THREADS_MAX:
                return
            self._threads += 1
        self.start(self._work)

    def _work(self) -> None:
        while (question := self._next()) is not None:
            try:
                while ask(self.portal, question):
                    pass
            except Exception:  # the database is away, say: the page that waits submits it again
                log.exception("dossier.not_asked", set=question.set_name)

    def _next(self) -> Question | None:
        with self._lock:
            if not self._waiting:
                self._threads -= 1
                return None
            question = next(iter(self._waiting))
            del self._waiting[question]
            return question


_making = threading.Lock()


def asker(portal: Portal) -> Asker:
    """This process' own."""
    with _making:
        found = portal.memory.get(MEMORY)
        if not isinstance(found, Asker):
            found = portal.memory[MEMORY] = Asker(portal)
        return found


# --- an opening -------------------------------------------------------------------------------------------------------


def open_set(portal: Portal, card: Card, set_name: str, person: str, *, anew: bool = False) -> None:
    """Somebody opens a sub-tab, or with `anew` presses the button: the question is asked, unless one in flight or the
    answer that is kept is good enough."""
    question = Question(set_name, card.client_id)
    with portal.unit() as unit:
        known = _good_enough(unit, question, anew)
        if known != "cached":
            now = to_micros(unit.now)
            store_questions.want(unit.tx, portal.name, set_name, card.client_id, now, card.own, person)
        if known:
            logbook.keep(unit, _line(unit, question, known, card.own, person))
    if known != "cached":
        asker(portal).submit(question)


def _good_enough(unit: Unit, question: Question, anew: bool) -> str:
    """`cached` or `joined`; empty if it has to be asked."""
    portal, now = unit.portal, to_micros(unit.now)
    state = store_questions.locked(unit.tx, portal.name, *question)
    kept_at = store.opened(unit.tx, portal.name, *question, now)
    fresh = 0 if anew else _fresh_micros(portal.mapping.sets[question.set_name])
    if fresh and kept_at and now - kept_at <= fresh and state.outcome in ("", *GOOD):
        return "cached"
    if state.wanted_at and not state.token:
        return "joined"  # it has not left yet
    join = max(fresh, int(settings_of(portal).join_s * 1e6))
    return "joined" if state.asked_now(now) and now - state.left_at <= join else ""


def _fresh_micros(declared: SetMap) -> int:
    """Of several services the one that wants it newest."""
    return min(service.fresh_s for service, _ in declared.services()) * 1_000_000


def poke(portal: Portal, question: Question, state: store_questions.Standing | None) -> None:
    """A page waits for it: whoever was to ask may have died."""
    if state is not None and state.wanted_at and not state.asked_now(to_micros(portal.clock.now())):
        asker(portal).submit(question)


# --- a question -------------------------------------------------------------------------------------------------------


def ask(portal: Portal, question: Question) -> bool:
    """Ask it, if somebody wants it and nobody else asks it now. Whether it was asked."""
    token = portal.ids.new()
    with portal.unit() as unit:
        left_at = to_micros(unit.now)
        if not store_questions.take(unit.tx, portal.name, *question, token, left_at, left_at + _lease(portal, question)):
            return False
    ended = _read(portal, question, token)
    with portal.unit() as unit:
        kept = _end(unit, question, token, left_at, ended)
    if kept is not None:
        memory.remember(portal, question, kept)
    portal.changed()
    return True


def probe(portal: Portal, set_name: str, client_id: str, card: tuple[str, str]) -> Outcome:
    """Ask whether the back office knows that client, for the sake of the answer's outcome alone: it is logged like any
    question, and nothing of it is kept. `card`: the client's own one."""
    question, at = Question(set_name, client_id), to_micros(portal.clock.now())
    ended = _read(portal, question, portal.ids.new())
    with portal.unit() as unit:
        logbook.keep(unit, _line(unit, question, ended.outcome, card, "", at, ended))
    return ended.outcome


def _lease(portal: Portal, question: Question) -> int:
    """Microseconds until whoever asks is taken for dead: each service of the set may be as slow as it may."""
    services = len(portal.mapping.sets[question.set_name].services())
    return int((settings_of(portal).timeout_s + 2) * services * 1e6)


def _read(portal: Portal, question: Question, token: str) -> _Ended:
    clock = portal.clock
    began = clock.monotonic()

    def further_page(_so_far: Answer) -> None:
        with portal.database.write() as tx:
            until = to_micros(clock.now()) + _lease(portal, question)
            store_questions.renew(tx, portal.name, *question, token, until)

    def lasted() -> int:
        return int((clock.monotonic() - began) * 1000)

    try:
        source = portal.connection(settings_of(portal).source).source
        answer = source.read(question.set_name, question.client_id, progress=further_page)
    except AnnexError as exc:
        code, trace_id = (exc.vendor_code, exc.request_id) if isinstance(exc, Fault) else ("", "")
        sample = exc.sample if isinstance(exc, BadAnswer) else ""
        outcome = outcome_of(exc)
        if outcome in ALERTED:
            log.error("dossier.alert", set=question.set_name, outcome=outcome, code=code, reason=str(exc))
        return _Ended(outcome, lasted(), code=code, trace_id=trace_id, sample=sample)
    except Exception:
        log.exception("dossier.broken", set=question.set_name)
        return _Ended("unavailable", lasted(), code="OUR_OWN")
    return _Ended(answer.outcome, lasted(), answer, packed=pack_answer(answer))


def _end(unit: Unit, question: Question, token: str, left_at: int, ended: _Ended) -> KeptAnswer | None:
    """A good answer is kept also where somebody else asks by now; only of a forgotten client nothing is. What was kept."""
    portal, tx, now = unit.portal, unit.tx, to_micros(unit.now)
    state = store_questions.standing(tx, portal.name, *question)
    if state is None:
        return None
    satisfied, kept = now, None
    if ended.answer is not None:
        joined = max(_fresh_micros(portal.mapping.sets[question.set_name]), int(settings_of(portal).join_s * 1e6))
        satisfied = left_at + joined
        if store.keep(tx, portal.name, ended.answer, ended.packed, now):
            kept = KeptAnswer(ended.answer, to_micros(ended.answer.asked_at))
            for run in ANSWER_KEPT.functions(portal):
                run(unit, state.entity, state.record, question.client_id, question.set_name)
    store_questions.end(
        tx, portal.name, *question, token, outcome=ended.outcome, code=ended.code, satisfied=satisfied, now=now
    )  # fmt: skip
    logbook.keep(unit, _line(unit, question, ended.outcome, (state.entity, state.record), state.person, left_at, ended))
    return kept


def _line(
    unit: Unit,
    question: Question,
    outcome: str,
    card: tuple[str, str],
    person: str,
    at: int = 0,
    ended: _Ended | None = None,
) -> store_log.Line:
    """Of an opening, or of a question that left at `at`."""
    portal, tables = unit.portal, ended.answer.tables.values() if ended and ended.answer else ()
    declared = portal.mapping.sets.get(question.set_name)
    faces = sorted({service.face for service, _ in declared.services()}) if declared else []
    return store_log.Line(
        portal.ids.new(), portal.name, at or to_micros(unit.now), question.set_name, question.client_id, person, *card,
        "+".join(faces), outcome,
        ms=ended.ms if ended else 0,
        bytes=ended.answer.bytes if ended and ended.answer else 0,
        row_count=ended.answer.count if ended and ended.answer else 0,
        bad_cells=sum(one.bad_cells for one in tables),
        code=ended.code[: store_log.CODE_CHARACTERS_MAX] if ended else "",
        trace_id=ended.trace_id[: store_log.TRACE_CHARACTERS_MAX] if ended else "",
        trace=unit.trace,
        sample=ended.sample if ended else "",
    )  # fmt: skip
