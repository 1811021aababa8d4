"""Giving out: the waiting records of a queue, from its front, while somebody fits.

The decision is made under the queue's row, so two workers never decide at once; taking a record off, its decision, the
shares and the call that goes out stand in one unit of work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kernel.crm import Person, Record, Ref
from kernel.crm.codec import unpack_values
from kernel.errors import Fault, NotFound
from kernel.extension.portal import Portal, Unit
from kernel.jobs import call_queries, outgoing
from kernel.storage import Row
from kernel.telemetry import log
from kernel.texts import translate
from kernel.values import to_micros
from plugins.assignment import clients, eligibility, store
from plugins.assignment.rules import (
    Choice,
    Member,
    Reason,
    Share,
    changed_by_hand,
    choose,
    is_closed,
    owner_of,
    undo,
)
from plugins.assignment.settings import QueueSettings, label_of
from plugins.assignment.store import Decision, Eligibility, Waiting

READ_SECONDS_MAX = 60  #: a record read longer ago is read again before it is given out
ELIGIBILITY_SECONDS_MAX = 30  #: nobody is given anything on knowledge older than this
PAGE = 50  #: so many waiting records are read with one request
PAGES_MAX = 40
TOLD_PEOPLE_MAX = 20


@dataclass
class _Table:
    """What one sitting decides with: loaded once, kept up to date as it goes."""

    name: str
    queue: QueueSettings
    members: list[Member]
    heads: tuple[str, ...]
    shares: dict[str, Share]
    turn: int


def give(unit: Unit, name: str, *, resync: bool = True) -> int:
    """Give out what waits in the queue, from its front, while somebody fits. The caller holds the queue's row.

    A record that was read too long ago must be read first, and nothing behind it is given out before it; `look`: have it
    looked at, where nobody else is about to read it.
    """
    tx, portal, now = unit.tx, unit.portal.name, to_micros(unit.now)
    table = _table(unit, name, now)
    if table is None or not store.count_waiting(tx, portal, name):
        return 0
    clients.hold(unit)
    count = skipped = 0
    while any(member.eligible for member in table.members):
        page = store.front(tx, portal, name, skip=skipped, most=PAGE)
        for one in page:
            if now - one.read_at > READ_SECONDS_MAX * 1_000_000:
                if resync:
                    unit.resync(one.entity, one.record_id)
                return _end(unit, table, count)
            if _give_one(unit, table, one):
                count += 1
            else:
                skipped += 1  # those who are left all refused it: it must not hold up the others
        if not page:
            break
    return _end(unit, table, count)


def _table(unit: Unit, name: str, now: int) -> _Table | None:
    queue, found = eligibility.queue_of(unit.portal, name), store.eligibility(unit.tx, unit.portal.name, name)
    if queue is None or found is None or now - found.read_at > ELIGIBILITY_SECONDS_MAX * 1_000_000:
        return None
    row = store.open_queue(unit.tx, unit.portal.name, name, now)
    shares = store.shares(unit.tx, unit.portal.name, name)
    return _Table(name, queue, eligibility.judged(unit, found), found.heads, shares, row["turn"])


def _give_one(unit: Unit, table: _Table, one: Waiting) -> bool:
    tx, portal = unit.tx, unit.portal.name
    earlier = store.decisions_of(tx, portal, one.entity, one.record_id)
    left_out = _had_it(earlier)
    members = [
        replace(member, reasons=(*member.reasons, Reason(left_out[member.id]))) if member.id in left_out else member
        for member in table.members
    ]
    members, repeat = _for_the_same(unit, one, members)
    candidates = [member for member in members if member.eligible]
    if not candidates:
        return False
    table.turn += 1
    choice = choose(candidates, table.shares, table.turn, wanted=repeat[0] if repeat else "")
    table.shares.update(choice.shares)
    decision = _decision(one, len(earlier) + 1, "given", to_micros(unit.now))
    body = _body(members, choice, table.turn)
    if repeat:
        body["repeat"] = {"entity": repeat[1], "record": repeat[2]}
    clients.given(tx, portal, one.entity, one.record_id, choice.member.id)
    store.leave(tx, portal, one)
    person = choice.member
    store.decide(tx, portal, replace(decision, person=person.id, person_name=person.name, body=body))
    store.keep_shares(tx, portal, table.name, choice.shares)
    if one.owner != person.id:
        unit.update(one.entity, one.record_id, {"assigned": Ref(person.id, person.name)})
    log.info("assignment.given", queue=table.name, entity=one.entity, record=one.record_id, person=person.id)
    return True


def _for_the_same(unit: Unit, one: Waiting, members: list[Member]) -> tuple[list[Member], tuple[str, str, str] | None]:
    """The member who has an open record of the same client, if they may take this one, too: overdue ones are no reason
    against it. Who has not begun the day, is barred or has left is passed over, as always."""
    for person, entity, record_id in clients.holders(unit.tx, unit.portal.name, one.entity, one.record_id):
        for place, member in enumerate(members):
            if member.id == person and all(reason.code == "asg_overdue" for reason in member.reasons):
                own = [*members[:place], replace(member, reasons=()), *members[place + 1 :]]
                return own, (person, entity, record_id)
    return members, None


def _had_it(earlier: Sequence[Decision]) -> dict[str, str]:
    """Who must not get this very record, and the code of why; `earlier` newest first.

    Whom the CRM did not take; and from whom a person took it away. What was before a person asked anew is forgotten.
    """
    found: dict[str, str] = {}
    for one in earlier:
        if one.outcome == "refused":
            found[one.person] = "asg_refused"
        elif one.outcome == "again":
            found[one.person] = "asg_taken_away"
            break
    return found


def _body(members: Sequence[Member], choice: Choice, turn: int) -> dict[str, object]:
    """The decision's reason: the candidates with what was due to each, and who was left out and why."""
    return {
        "turn": turn,
        "candidates": [
            {
                "id": one.id, "name": one.name, "weight": one.weight, "overdue": one.overdue,
                "claim": str(choice.claims[one.id]), "given": choice.shares[one.id].given - (one.id == choice.member.id),
            }
            for one in members if one.eligible
        ],
        "left_out": [
            {"id": one.id, "name": one.name, "reasons": [store.reason_data(reason) for reason in one.reasons]}
            for one in members if not one.eligible
        ],
    }  # fmt: skip


def _decision(one: Waiting, number: int, outcome: str, now: int) -> Decision:
    return Decision(one.entity, one.record_id, number, one.queue, outcome, now, one.since, one.name)


def _end(unit: Unit, table: _Table, count: int) -> int:
    """Close the sitting: the turn, the spell of waiting, who is told."""
    tx, portal = unit.tx, unit.portal.name
    if count:
        store.keep_turn(tx, portal, table.name, table.turn)
        changed(unit, table.name)
    if not store.count_waiting(tx, portal, table.name):
        store.end_spell(tx, portal, table.name)
    elif not any(member.eligible for member in table.members):
        _tell(unit, table)
    return count


def changed(unit: Unit, queue: str) -> None:
    store.touch(unit.tx, unit.portal.name, queue)
    unit.tx.after_commit(unit.portal.changed)


def _tell(unit: Unit, table: _Table) -> None:
    """Tell the heads that nobody fits: once in a spell, and not too often whatever the spells."""
    tx, portal, now = unit.tx, unit.portal, to_micros(unit.now)
    row = store.open_queue(tx, portal.name, table.name, now)
    pause = eligibility.settings_of(portal).tell_minutes * 60_000_000
    if row["told_spell"] or (row["told_at"] is not None and now - row["told_at"] < pause):
        return
    first = store.front(tx, portal.name, table.name, most=1)[0]
    language = portal.mapping.portal.language
    lines = [f"— {one.name}: {reasons_text(one.reasons, language)}" for one in table.members[:TOLD_PEOPLE_MAX]]
    lines += ["— …"] if len(table.members) > TOLD_PEOPLE_MAX else []
    text = translate(
        language, "asg_nobody_fits", queue=label_of(table.queue, table.name, language),
        count=store.count_waiting(tx, portal.name, table.name),
        people="\n".join(lines) or translate(language, "asg_nobody_there"),
    )  # fmt: skip
    unit.comment(
        first.entity, first.record_id, text, to=table.heads,
        key=f"assignment:{table.name}:{first.entity}:{first.record_id}:{now}",
    )  # fmt: skip
    store.keep_notice(tx, portal.name, table.name, at=now)


def reason_text(reason: Reason, language: str) -> str:
    """A reason in words; another plugin's code that no catalog has is better shown raw than not at all."""
    try:
        return translate(language, reason.code, **reason.values)
    except KeyError:
        return reason.code


def reasons_text(reasons: Sequence[Reason], language: str) -> str:
    return "; ".join(reason_text(one, language) for one in reasons)


# --- settling a waiting record ----------------------------------------------------------------------------------------


def drop(unit: Unit, one: Waiting, outcome: str, owner: Ref | None = None) -> None:
    """The record leaves the queue without us: by hand, closed, deleted. The caller holds the queue's row."""
    tx, portal = unit.tx, unit.portal.name
    number = len(store.decisions_of(tx, portal, one.entity, one.record_id)) + 1
    now = to_micros(unit.now)
    decision = replace(_decision(one, number, outcome, now), ended_at=now)
    if owner is not None:
        decision = replace(decision, person=owner.id, person_name=owner.name)
    store.leave(tx, portal, one)
    store.decide(tx, portal, decision)
    clients.given(tx, portal, one.entity, one.record_id, owner.id if owner is not None else "")
    if not store.count_waiting(tx, portal, one.queue):
        store.end_spell(tx, portal, one.queue)
    changed(unit, one.queue)


def settle(unit: Unit, one: Waiting, record: Record, author: Person | None = None) -> None:
    """A waiting record as just read: it leaves, or stands in the queue as it is now. The caller holds the queue's row."""
    portal, owner = unit.portal, owner_of(record)
    if is_closed(portal.mapping.entity(one.entity), record):
        drop(unit, one, "closed")
        return
    members, stand_ins = eligibility.ids_of(unit.tx, portal, one.queue)
    # A record that was taken back was not read yet: whose name it bears is no news.
    if one.read_at and changed_by_hand(one.owner, owner.id, author, members - stand_ins):
        drop(unit, one, "by_hand", owner)
        return
    fresh = replace(one, name=record.name, owner=owner.id, owner_name=owner.name, read_at=to_micros(unit.now))
    store.join(unit.tx, portal.name, fresh)


# --- what the CRM is asked first --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What was read for one sitting, before its unit of work: who is eligible, and what waits at the front."""

    queue: str
    eligibility: Eligibility
    fit_is_new: bool
    page: Sequence[Waiting] = ()
    records: Mapping[tuple[str, str], Record] | None = None  #: None: nobody is eligible, so nothing was read


def ask(portal: Portal, name: str, *, seconds: float = eligibility.FRESH_SECONDS, joins: bool = False) -> Asked:
    """Reads only; `joins`: a record is about to join the queue. Calls out: no database may be open."""
    found = eligibility.read(portal, name, seconds=seconds)
    with portal.database.read() as tx:
        page = store.front(tx, portal.name, name, most=PAGE)
        known = store.eligibility(tx, portal.name, name)
    if page or joins:
        found = eligibility.without_departed(portal, found)
    with portal.database.read() as tx:
        anybody = any(member.eligible for member in eligibility.with_exclusions(tx, portal, found.members))
    records = None
    if page and anybody:
        try:
            records = read_records(portal, [(one.entity, one.record_id) for one in page])
        except Fault as exc:  # these wait on; a record that has just come must join them all the same
            log.warning("assignment.later", queue=name, reason=str(exc))
    return Asked(name, found, found != known, page, records)


def hold(unit: Unit, asked: Asked) -> Row:
    """Take the queue's row until the end of the unit of work and bring the queue up to what was read."""
    row = store.open_queue(unit.tx, unit.portal.name, asked.queue, to_micros(unit.now))
    eligibility.keep(unit, asked.queue, asked.eligibility)
    if asked.records is not None:
        _settle_page(unit, asked.page, asked.records)
    return row


def give_out(portal: Portal, name: str, *, seconds: float = eligibility.FRESH_SECONDS) -> int:
    """Regular: read what waits at the front anew and give it out while somebody fits. Calls out."""
    count = 0
    for _ in range(PAGES_MAX):
        asked = ask(portal, name, seconds=seconds)
        if not asked.page and not asked.fit_is_new:
            break
        with portal.unit() as unit:
            hold(unit, asked)
            done = give(unit, name, resync=False)
        count += done
        if not done or len(asked.page) < PAGE:
            break
    return count


def read_records(portal: Portal, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Record]:
    """Records by kind and number, as they stand; those that are gone are not among them."""
    found: dict[tuple[str, str], Record] = {}
    for entity in sorted({entity for entity, _id in wanted}):
        ids = [record_id for one, record_id in wanted if one == entity]
        found |= {(entity, record.id): record for record in portal.crm.find(entity, ids=ids)}
        for missing in ids:
            if (entity, missing) not in found:
                try:  # a list may leave out what is there; only the record's own answer says that it is gone
                    found[entity, missing] = portal.crm.get(entity, missing)
                except NotFound:
                    continue
    return found


def _settle_page(unit: Unit, page: Sequence[Waiting], read: Mapping[tuple[str, str], Record]) -> None:
    for before in page:
        one = store.waiting(unit.tx, unit.portal.name, before.entity, before.record_id)
        if one is None:
            continue  # somebody else gave it out meanwhile
        if record := read.get((one.entity, one.record_id)):
            settle(unit, one, record)
        else:
            drop(unit, one, "deleted")


def put_back_refused(portal: Portal) -> None:
    """A person whom the CRM did not accept (just deactivated): the record goes to the next one."""
    with portal.database.read() as tx:  # nearly always there is none, and then nobody is held up
        failed = call_queries.failed_updates(tx, portal.name)
    for call_id in failed:
        with portal.unit() as unit:
            call = outgoing.load(unit.tx, call_id)
            if call is not None and call.state == "failed":
                _put_back(unit, call)


def _put_back(unit: Unit, call: outgoing.Call) -> None:
    tx, portal = unit.tx, unit.portal.name
    entity, record_id = call.payload["entity"], call.payload["id"]
    one = store.newest(tx, portal, entity, record_id)
    if one is None or one.outcome != "given" or one.at > call.created_at or one.ended_at is not None:
        return
    values = unpack_values(call.payload["values"])
    if set(values) != {"assigned"} or call.payload.get("stage") or values["assigned"] != Ref(one.person, one.person_name):
        return  # it carries more than our own wish: a person decides, on the page of failed calls
    outgoing.mark(tx, call.id, "dropped", unit.portal.clock, reason=f"given to somebody else; was: {call.reason}")
    take_back(unit, one, "refused")


def take_back(unit: Unit, one: Decision, outcome: str, by: str = "") -> None:
    """Undo a decision and let the record wait again, in its old place as far as we know it."""
    tx, portal, now = unit.tx, unit.portal.name, to_micros(unit.now)
    store.open_queue(tx, portal, one.queue, now)
    weights = {each["id"]: each["weight"] for each in (one.body or {}).get("candidates", ())}
    if one.outcome == "given":
        store.keep_shares(tx, portal, one.queue, undo(weights, one.person, store.shares(tx, portal, one.queue)))
    store.mark(tx, portal, one, outcome=outcome, ended_at=now)
    clients.given(tx, portal, one.entity, one.record_id, "")
    number = number_of(one.record_id)
    # Who stands there now is not known until it is read: the old moment makes the next sitting read it first.
    waits = Waiting(one.entity, one.record_id, one.queue, one.since, number, now, 0, one.name, "", "", by)
    store.join(tx, portal, waits)
    changed(unit, one.queue)
    unit.resync(one.entity, one.record_id)


def number_of(record_id: str) -> int:
    """Records made in the same moment go by their number."""
    digits = "".join(char for char in record_id if char.isdigit())
    return int(digits[-18:] or 0)
