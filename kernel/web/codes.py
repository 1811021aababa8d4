"""Codes for signing in: asked for by the e-mail under which the CRM knows somebody, written to that person alone.

A code is good for five minutes and five tries, in the browser that asked for it. Nobody learns from any answer whether an
address is known: for an unknown one everything is the same, but that no code fits.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from kernel.crm import Person
from kernel.errors import BadInput
from kernel.extension.portal import Portal
from kernel.jobs.queue import next_number
from kernel.storage import Row, Tx
from kernel.values import to_micros
from kernel.web import private
from kernel.web.links import Links, hashed
from kernel.web.private import CODE_SECONDS

TRIES_MAX = 5
ASKED_MAX, ASKED_WITHIN_SECONDS = 3, 3600  #: for one address
FLOOD_MAX, FLOOD_WITHIN_SECONDS = 200, 300  #: for all together: each costs a row and a job
ADDRESS_CHARACTERS_MAX = 254
CODE_DIGITS = 6

Outcome = Literal["right", "wrong", "over"]


class TooMany(Exception):
    """No further code now; `code` names the text that says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def offered(portal: Portal) -> bool:
    """Whether this set has records in which people get codes."""
    return private.PLACE in portal.mapping.entities


def person_at(people: Sequence[Person], address: str) -> Person | None:
    """The one active person of that e-mail; of two nobody."""
    wanted = _folded(address)
    found = [one for one in people if one.active and one.role != "robot" and _folded(one.email) == wanted]
    return found[0] if wanted and len(found) == 1 else None


def _folded(address: str) -> str:
    return address.strip().casefold()


def read_address(text: str) -> str:
    """Raises BadInput where it can be no e-mail of anybody."""
    address = text.strip()
    name, _, host = address.rpartition("@")
    if not name or not host or len(address) > ADDRESS_CHARACTERS_MAX or any(c.isspace() for c in address):
        raise BadInput.of("web_code_no_address", field="email")
    return address


def ask(portal: Portal, links: Links, address: str, person: Person | None, target: str) -> str:
    """Have a code written to that person, if there is one; returns what their browser has to keep. Raises TooMany."""
    browser, now = secrets.token_urlsafe(32), to_micros(portal.clock.now())
    known, number, person_id = links.keyed(_folded(address)), hashed(browser), person.id if person else ""
    with portal.database.write() as tx:
        next_number(tx, "web_code")  # two at once count one after the other
        tx.run("DELETE FROM web_code WHERE asked_at < :old", old=now - ASKED_WITHIN_SECONDS * 1_000_000)
        _require_few(tx, known, now)
        tx.run(
            "INSERT INTO web_code (id, address, person_id, target, asked_at, expires_at, tries) "
            "VALUES (:i, :a, :p, :t, :now, :e, 0)",
            i=number, a=known, p=person_id, t=target, now=now,
            e=to_micros(portal.clock.now() + timedelta(seconds=CODE_SECONDS)),
        )  # fmt: skip
        private.send_code(tx, portal, number, person_id)
    return browser


def _require_few(tx: Tx, known: str, now: int) -> None:
    if tx.value("SELECT COUNT(*) FROM web_code WHERE address = :a", a=known) >= ASKED_MAX:
        raise TooMany("web_code_too_many")
    since = now - FLOOD_WITHIN_SECONDS * 1_000_000
    if tx.value("SELECT COUNT(*) FROM web_code WHERE asked_at > :s", s=since) >= FLOOD_MAX:
        raise TooMany("web_code_flood")


def open_ask(portal: Portal, browser: str) -> Row | None:
    """What that browser asked, if a code of it could still be typed."""
    with portal.database.read() as tx:
        return tx.one(
            "SELECT * FROM web_code WHERE id = :i AND used_at IS NULL AND tries < :most AND expires_at > :now",
            i=hashed(browser), most=TRIES_MAX, now=to_micros(portal.clock.now()),
        )  # fmt: skip


def check(portal: Portal, links: Links, browser: str, typed: str) -> tuple[Outcome, Row | None]:
    """Count the try, then compare. "right" uses the code up."""
    number, now = hashed(browser), to_micros(portal.clock.now())
    with portal.database.write() as tx:
        counted = tx.run(
            "UPDATE web_code SET tries = tries + 1 "
            "WHERE id = :i AND used_at IS NULL AND tries < :most AND expires_at > :now",
            i=number, most=TRIES_MAX, now=now,
        )  # fmt: skip
        row = tx.one("SELECT * FROM web_code WHERE id = :i", i=number)
        if not counted or row is None:
            return "over", None
        fits = hmac.compare_digest(typed.encode(), links.code(number).encode())
        if not (fits and row["person_id"]):
            return ("wrong" if row["tries"] < TRIES_MAX else "over"), row
        tx.run("UPDATE web_code SET used_at = :now WHERE id = :i", now=now, i=number)
        return "right", row
