"""To whom the CRM has shown which records: asked with a visitor's own proof when it opens a page of ours, and good for a
quarter of an hour. Rights of roles say what somebody may do at all; this says with which record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kernel.crm.sight import Sight
from kernel.extension.portal import Portal, Unit
from kernel.storage import Tx
from kernel.values import to_micros

SHOWN_SECONDS = 15 * 60
_ONE = "portal = :p AND person = :who AND entity = :e AND record = :r"


def admit(portal: Portal, person: str, sight: Sight, records: Sequence[tuple[str, str]]) -> bool:
    """Whether the CRM shows that person all of these (entity, id); it is noted. Raises a Fault where it cannot be asked."""
    allowed = sight.sees(records) >= set(records)
    with portal.unit() as unit:
        now = to_micros(unit.now)
        unit.tx.run("DELETE FROM web_record_shown WHERE until <= :now", now=now)
        if allowed:
            _permit(unit.tx, portal.name, person, records, now + SHOWN_SECONDS * 1_000_000)
        else:
            _withdraw(unit.tx, portal.name, person, records)
    return allowed


def shown(portal: Portal, person: str, *records: tuple[str, str]) -> bool:
    """Whether the CRM has shown that person all of these, a short time ago."""
    with portal.read() as unit:
        return shown_in(unit, person, *records)


def shown_in(unit: Unit, person: str, *records: tuple[str, str]) -> bool:
    """The same within a reading that is open."""
    now, portal = to_micros(unit.now), unit.portal.name
    for entity, record in records:
        until = unit.tx.value(f"SELECT until FROM web_record_shown WHERE {_ONE}", p=portal, who=person, e=entity, r=record)
        if until is None or until <= now:
            return False
    return bool(person and records)


def _permit(tx: Tx, portal: str, person: str, records: Iterable[tuple[str, str]], until: int) -> None:
    tx.run_many(
        "INSERT INTO web_record_shown VALUES (:p, :who, :e, :r, :until) "
        "ON CONFLICT (portal, person, entity, record) DO UPDATE SET until = excluded.until",
        [{"p": portal, "who": person, "e": entity, "r": record, "until": until} for entity, record in records],
    )


def _withdraw(tx: Tx, portal: str, person: str, records: Iterable[tuple[str, str]]) -> None:
    tx.run_many(
        f"DELETE FROM web_record_shown WHERE {_ONE}",
        [{"p": portal, "who": person, "e": entity, "r": record} for entity, record in records],
    )


__all__ = ["SHOWN_SECONDS", "admit", "shown", "shown_in"]
