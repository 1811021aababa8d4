"""A deal was synced: read → rules → books and tables in one unit of work → what goes out to the CRM."""

from __future__ import annotations

from dataclasses import replace

from kernel.crm import Record, Ref
from kernel.extension import Seen
from kernel.extension.portal import Portal, Unit
from kernel.texts import translate
from kernel.values import to_micros
from plugins.exchange import cards, deleted, guard, projection, store
from plugins.exchange.booking import accept, settings_of
from plugins.exchange.model import CANCELLED, Deal
from plugins.exchange.reading import Problem, Reader, Reading
from plugins.exchange.rules import advance


def reader_of(portal: Portal) -> Reader:
    return Reader(portal.name, portal.mapping.entity("deal"), settings_of(portal), portal.currencies)


def deal_seen(unit: Unit, seen: Seen) -> None:
    """The one handler of deals: whatever happened, bring books, tables and CRM to what the deal says now."""
    portal, settings = unit.portal, settings_of(unit.portal)
    language = portal.mapping.portal.language
    reading = reader_of(portal).read(seen.record)
    before = store.load_deal(unit.tx, reading.deal.subject)
    if reading.problems and reading.deal.stage == CANCELLED:
        # A cancelled deal books nothing, whatever its operations have become: nonsense in a row must not keep it booked.
        reading = Reading((before or reading.deal).at_stage(CANCELLED), ())
    if _being_filled(unit, seen, reading):
        return  # the card is being written into the deal; the sync that follows it books
    hard = [problem for problem in reading.problems if not (problem.missing and reading.deal.stage == "new")]
    if hard:
        text = translate(language, "check_intro") + "\n" + "\n".join(_explain(problem, language) for problem in hard)
        _tell(unit, seen.record, reading.deal, text, put_back=None)
        if before:
            projection.write_deal(unit, seen.expected, before, check=text)
        else:
            projection.write_check(unit, seen.expected, text)
        return
    labels = {name: stage.label for name, stage in portal.mapping.entity("deal").stage.items()}
    now = unit.now
    stood = deleted.before_reversal(unit, before)
    step = advance(
        stood, reading.deal, settings, now=to_micros(now), today=now.astimezone(portal.zone).date(), labels=labels
    )
    if stood is before:  # else it came back after a reversal: its payouts had been made, and are none of today's
        step = guard.guarded(unit, before, step, settings)
    accept(unit, before, step.deal)
    if step.refusal is None and step.deal != before:
        guard.tell_ahead(unit, step.deal, settings)
    text = ""
    if step.refusal:
        text = translate(language, "refused_intro") + "\n" + step.refusal.message(language)
    # Only where the stage is another one: a write that changes nothing would call for the next sync, and that for another.
    moved = step.refusal is not None and seen.expected.stage != step.deal.stage
    _tell(unit, seen.record, step.deal, text, put_back=step.deal.stage if moved else None)
    projection.write_deal(unit, seen.expected, step.deal, check=text, before=before)
    _refresh_cards(unit, before, step.deal)


def _being_filled(unit: Unit, seen: Seen, reading: Reading) -> bool:
    """Whether all that keeps the deal from being booked is a client who is being filled in right now."""
    coming = seen.expected.values.get("client") or ("deal", seen.record.id, "client") in unit.filling
    return bool(
        coming
        and len(reading.problems) == 1
        and reading.problems[0].missing
        and reading.deal.client is None
        and reading.deal.stage != "new"
    )


def _explain(problem: Problem, language: str) -> str:
    text = problem.error.message(language)
    code = "where_operation" if problem.operation else "where_deal"
    return translate(language, code, number=problem.operation, field=problem.field, text=text)


def _tell(unit: Unit, record: Record, deal: Deal, text: str, *, put_back: str | None) -> None:
    """Tell the manager what is wrong, once per occasion; put a refused stage back."""
    known = store.notice_state(unit.tx, deal.subject)
    if text and text != known.problem:
        known = replace(known, problem=text, problem_no=known.problem_no + 1)
        store.keep_notice(unit.tx, deal.subject, known)
        to = _people(record)
        unit.comment("deal", record.id, text, to=to, key=f"told:{deal.subject}:{known.problem_no}")
    elif not text and known.problem and put_back is None and record.stage == deal.stage:
        # The sync that follows our own put-back sees a clean deal; only then is the occasion over.
        store.keep_notice(unit.tx, deal.subject, replace(known, problem=""))
    if put_back:
        unit.update("deal", record.id, {}, stage=put_back)


def _people(record: Record) -> tuple[str, ...]:
    manager, executors = record.values.get("manager"), record.values.get("executor")
    if isinstance(manager, Ref):
        return (manager.id,)
    if isinstance(executors, tuple):
        return tuple(person.id for person in executors)
    return ()


def _refresh_cards(unit: Unit, before: Deal | None, deal: Deal) -> None:
    for key in cards.touched(before, deal):
        cards.refresh(unit, key)
