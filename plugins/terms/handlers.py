"""A deal was synced: ask for its terms where it stands at their stage, and hold it back until they are answered."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from kernel.crm import Person, Record
from kernel.errors import Fault, Rejected
from kernel.extension import Seen
from kernel.extension.portal import Unit
from kernel.extension.reading import ReadAgain, ReadOnlyPortal
from kernel.telemetry import log
from kernel.values import to_micros
from plugins.stage_lock.api import Objection, stands
from plugins.terms import store
from plugins.terms.asking import ask, close, pass_on
from plugins.terms.model import Question
from plugins.terms.plan import DEAL, NAME, answer_of, owner_of, settings_of, term_fields, unanswered

LAG_SECONDS = 0.5
KNOWN_SECONDS = 60.0  #: so long a template is believed to be there, or not


def hold(unit: Unit, record: Record, _start: str, to: str) -> Objection | None:
    """Of the stage lock: what is not filled in keeps the deal where it is, whoever moves it."""
    if record.entity != DEAL or to not in settings_of(unit.portal).holds:
        return None
    missing = unanswered(unit.portal, record.values)
    return Objection("terms_missing", {"names": ", ".join(missing)}, no_override=True) if missing else None


@dataclass(frozen=True)
class Prepared:
    template: str = ""  #: of the process that is to ask; empty where our form does
    people: Sequence[Person] = ()


def prepare(portal: ReadOnlyPortal, record: Record) -> Prepared:
    """What has to be asked for the one step that is to be done."""
    settings = settings_of(portal)
    if record.stage != settings.stage:
        return Prepared()
    with portal.database.read() as tx:
        known = store.load(tx, portal.name, record.id)
    is_open = known is not None and known.state == "open"
    if not is_open and settings.template and unanswered(portal, record.values):
        return Prepared(template=_template(portal, settings.template))
    if is_open and not unanswered(portal, record.values):
        with suppress(Fault):  # then it is kept without the name
            return Prepared(people=portal.people())
    return Prepared()


def _template(portal: ReadOnlyPortal, name: str) -> str:
    memory, now = portal.memory.setdefault(NAME, {}), portal.clock.monotonic()
    at, found = memory.get(name, (None, ""))
    if at is not None and now - at < KNOWN_SECONDS:
        return str(found)
    if portal.crm.processes is None:
        return ""
    try:
        found = portal.crm.processes.template(DEAL, name) or ""
    except Rejected as exc:  # no right to processes, or a plan without them
        log.warning("terms.no_template", reason=str(exc))
        found = ""
    except Fault as exc:
        if not portal.last_reading:
            raise ReadAgain(LAG_SECONDS) from exc
        log.warning("terms.no_template", reason=str(exc))
        return ""  # the form asks at once; a process might ask late or twice
    memory[name] = (now, found)
    return found


def deal_seen(unit: Unit, seen: Seen) -> None:
    portal, record = unit.portal, seen.record
    known = store.load(unit.tx, portal.name, record.id)
    if not stands(unit, DEAL, record.id, record.stage):
        return  # it is about to be put back
    if record.stage == settings_of(portal).stage:
        _at_the_stage(unit, seen, known)
    elif known and known.state == "open":
        close(unit, known, "left")


def deal_gone(unit: Unit, record_id: str) -> None:
    """Deleted, or taken to a pipeline that the set does not name."""
    known = store.load(unit.tx, unit.portal.name, record_id)
    if known and known.state == "open":
        close(unit, known, "left")


def _at_the_stage(unit: Unit, seen: Seen, known: Question | None) -> None:
    record, values = seen.record, seen.expected.values
    is_open = known is not None and known.state == "open"
    owner = owner_of(values)
    if not unanswered(unit.portal, values):
        if known and is_open:
            _filled_in_the_card(unit, seen)
            close(unit, known, "filled")
    elif known is None or not is_open:
        ask(unit, record, owner, _prepared(seen).template, known)
    elif known.owner != owner:
        pass_on(unit, known, owner)


def _prepared(seen: Seen) -> Prepared:
    return seen.prepared if isinstance(seen.prepared, Prepared) else Prepared()


def _filled_in_the_card(unit: Unit, seen: Seen) -> None:
    """By hand, or by the process: who and when is kept as far as the CRM tells."""
    portal, deal = unit.portal, seen.record.id
    last = store.last_fill(unit.tx, portal.name, deal)
    answers = {name: answer_of(plan, seen.expected.values.get(name)) or "" for name, plan in term_fields(portal).items()}
    if last and last.answers == answers:
        return  # our own form wrote them
    people = _prepared(seen).people
    person = next((one for one in people if seen.author in (one.id, one.name)), None) if seen.author else None
    store.new_fill(
        unit.tx, portal.name, deal, last.number + 1 if last else 1, person=person.id if person else "",
        person_name=person.name if person else seen.author, at=to_micros(unit.now), by_form=False, answers=answers,
    )  # fmt: skip
