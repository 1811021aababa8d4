"""What only one person may read, written into the CRM as a private comment: a one-time link, or a code.

A job of the queue does it, since the CRM may take its time. Neither the link nor the code is kept anywhere meanwhile: both
are derived from a number and our key at the moment of writing. A try whose answer got lost is looked up before the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from kernel.crm import CRM, Comments, Person, Ref, Values
from kernel.errors import Fault, Misconfigured, NotFound, Rejected, Throttled, Unverified
from kernel.extension.portal import Portal
from kernel.jobs import Again, Job
from kernel.jobs.queue import next_number
from kernel.storage import Tx
from kernel.telemetry import log, tell_secret
from kernel.texts import translate
from kernel.values import to_micros
from kernel.web.links import LINK_SECONDS, Links

JOB = "private_comment"
CODE_SECONDS = 300
PLACE = "sign_in"  #: the entity of the set in whose records people get their codes; its fields: name, person
PAUSE_SECONDS_MAX = 30.0


def private_comments(crm: CRM) -> Comments | None:
    """What of the CRM writes comments that named people alone read, if it can."""
    return crm.comments if crm.comments and crm.comments.can_hide else None


def send_link(tx: Tx, portal: Portal, number: str, person: Person, entity: str, record_id: str) -> None:
    """Have the link of that number written to that person, on the record where they pressed."""
    args = {"kind": "link", "number": number, "person": person.id, "entity": entity, "record": record_id}
    _enqueue(tx, portal, args, LINK_SECONDS)


def send_code(tx: Tx, portal: Portal, ask: str, person_id: str) -> None:
    """Have the code of that question written to that person. For nobody there is a job as well, which does nothing: how
    long the answer takes must not tell who works here."""
    _enqueue(tx, portal, {"kind": "code", "number": ask, "person": person_id}, CODE_SECONDS)


def _enqueue(tx: Tx, portal: Portal, args: Mapping[str, str], seconds: int) -> None:
    lane = f"{JOB}:{args['person']}"
    until = to_micros(portal.clock.now() + timedelta(seconds=seconds))
    full = {**args, "until": until}
    portal.queue.enqueue(tx, Job(JOB, f"{JOB}:{args['number']}", lane, next_number(tx, lane), full))


def carry_out(portal: Portal, make_links: Callable[[], Links], args: Mapping[str, Any]) -> None:
    """The job. Whatever cannot be written while it is good for something is let go of."""
    if not args["person"]:
        return
    if to_micros(portal.clock.now()) >= args["until"]:
        log.warning("private.too_late", kind=args["kind"])
        return
    tries = _count_try(portal, args)
    try:
        _write(portal, make_links(), args, maybe_done=tries > 1)
    except Fault as exc:
        if isinstance(exc, NotFound) and args["kind"] == "code":
            _forget_place(portal, args["person"])  # somebody deleted it: the next try makes another
            raise Again(1.0) from exc
        if isinstance(exc, Unverified) or not (exc.retry or exc.maybe_done):
            _void(portal, make_links(), args)  # it may have stood openly, if only for a moment
            log.warning("private.refused", kind=args["kind"], reason=str(exc))
            return
        log.info("private.again", kind=args["kind"], tries=tries, reason=str(exc))
        pause = exc.wait_seconds if isinstance(exc, Throttled) else 2.0**tries
        raise Again(min(pause, PAUSE_SECONDS_MAX)) from exc
    else:
        log.info("private.written", kind=args["kind"])


def _count_try(portal: Portal, args: Mapping[str, Any]) -> int:
    with portal.database.write() as tx:
        tx.run("DELETE FROM web_private WHERE until < :now", now=to_micros(portal.clock.now()))
        tries = tx.value(
            "INSERT INTO web_private (id, tries, until) VALUES (:i, 1, :u) "
            "ON CONFLICT (id) DO UPDATE SET tries = web_private.tries + 1 RETURNING tries",
            i=args["number"], u=args["until"],
        )  # fmt: skip
    return int(tries)


def _write(portal: Portal, links: Links, args: Mapping[str, Any], *, maybe_done: bool) -> None:
    comments = private_comments(portal.crm)
    if comments is None:
        raise Misconfigured(f"{portal.crm.name} has no private comments")
    language, number = portal.mapping.portal.language, args["number"]
    if args["kind"] == "link":
        token = links.private_token(number)
        entity, record = args["entity"], args["record"]
        secret, text = token, translate(language, "web_private_link", url=links.address(token))
    else:
        secret = links.code(number)
        entity, record = PLACE, _place(portal, args["person"], maybe_done)
        text = translate(language, "web_private_code", code=secret)
    tell_secret(secret)
    comments.write(entity, record, text, key=f"{JOB}:{number}", to=[args["person"]], hidden=True, maybe_done=maybe_done)


def _place(portal: Portal, person_id: str, maybe_done: bool) -> str:
    """The record in which that person gets codes, made at the first one: theirs, so that they may read it."""
    with portal.database.read() as tx:
        known = tx.value("SELECT record_id FROM web_code_place WHERE person_id = :p", p=person_id)
    if known:
        return str(known)
    person = next((one for one in portal.people() if one.id == person_id), None)
    if person is None:
        raise Rejected("they work here no more")
    number = person_id.rpartition(":")[2]
    name = translate(portal.mapping.portal.language, "web_code_place", name=person.name, number=number)
    values: Values = {"name": name, "person": (Ref(person.id, person.name),)}
    made = portal.crm.create(PLACE, values, key=f"{PLACE}:{person_id}", maybe_done=maybe_done)
    with portal.database.write() as tx:
        tx.run(
            "INSERT INTO web_code_place (person_id, record_id) VALUES (:p, :r) "
            "ON CONFLICT (person_id) DO UPDATE SET record_id = excluded.record_id",
            p=person_id, r=made,
        )  # fmt: skip
    return made


def _forget_place(portal: Portal, person_id: str) -> None:
    with portal.database.write() as tx:
        tx.run("DELETE FROM web_code_place WHERE person_id = :p", p=person_id)


def _void(portal: Portal, links: Links, args: Mapping[str, Any]) -> None:
    """The link or the code is good for nobody any more."""
    links.revoke(links.private_token(args["number"]))
    with portal.database.write() as tx:
        tx.run("UPDATE web_code SET expires_at = 0 WHERE id = :i", i=args["number"])
