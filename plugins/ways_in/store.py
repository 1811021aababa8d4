"""The plugin's three tables: all their SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from kernel.jobs import next_number
from kernel.storage import Row, Tx


@dataclass(frozen=True)
class Case:
    """One application that came in, and what became of it."""

    message: str  #: its number, as the sender was told
    form: str
    person: str
    at: int  #: microseconds
    outcome: str  #: lead, deal, repeat
    record_id: str = ""


def hold(tx: Tx, portal: str) -> None:
    """Until the end of the unit of work nobody else judges who came: two of one person follow each other."""
    next_number(tx, f"ways_in:{portal}")


def keep(tx: Tx, portal: str, one: Case) -> None:
    tx.run(
        "INSERT INTO ways_in_case VALUES (:p, :m, :f, :who, :at, :o, :r)",
        p=portal, m=one.message, f=one.form, who=one.person, at=one.at, o=one.outcome, r=one.record_id,
    )  # fmt: skip


def earlier(tx: Tx, portal: str, form: str, person: str, since: int) -> Case | None:
    """The newest of that form and person since then that was no repeat itself."""
    row = tx.one(
        "SELECT * FROM ways_in_case WHERE portal = :p AND form = :f AND person = :who AND at >= :since "
        "AND outcome <> 'repeat' ORDER BY at DESC LIMIT 1",
        p=portal, f=form, who=person, since=since,
    )  # fmt: skip
    return _case(row) if row else None


def made(tx: Tx, portal: str, message: str, lead: str) -> None:
    tx.run(
        "UPDATE ways_in_case SET record_id = :r WHERE portal = :p AND message = :m",
        r=lead, p=portal, m=message,
    )  # fmt: skip


def cases(tx: Tx, portal: str, outcome: str) -> list[Case]:
    rows = tx.all("SELECT * FROM ways_in_case WHERE portal = :p AND outcome = :o ORDER BY at, message", p=portal, o=outcome)
    return [_case(row) for row in rows]


def note_person(tx: Tx, portal: str, lead: str, people: Collection[str], at: int) -> None:
    """By these and nothing else the person of that lead is known."""
    known = {row["person"] for row in tx.all(
        "SELECT person FROM ways_in_person WHERE portal = :p AND lead_id = :l", p=portal, l=lead
    )}  # fmt: skip
    for one in sorted(known - set(people)):
        tx.run("DELETE FROM ways_in_person WHERE portal = :p AND lead_id = :l AND person = :who", p=portal, l=lead, who=one)
    for one in sorted(set(people) - known):
        tx.run("INSERT INTO ways_in_person VALUES (:p, :l, :who, :at)", p=portal, l=lead, who=one, at=at)


def others(tx: Tx, portal: str, lead: str, people: Iterable[str], since: int, until: int) -> list[tuple[int, str]]:
    """Other leads of that person that were made between: when and number, the newest first."""
    found = {
        (int(row["at"]), str(row["lead_id"]))
        for one in people
        for row in tx.all(
            "SELECT lead_id, at FROM ways_in_person WHERE portal = :p AND person = :who AND lead_id <> :l "
            "AND at BETWEEN :since AND :until",
            p=portal, who=one, l=lead, since=since, until=until,
        )
    }  # fmt: skip
    return sorted(found, reverse=True)


def link(tx: Tx, portal: str, older: str, newer: str, at: int) -> bool:
    """Whether that is new."""
    return bool(
        tx.run(
            "INSERT INTO ways_in_link VALUES (:p, :o, :n, :at) ON CONFLICT (portal, older, newer) DO NOTHING",
            p=portal, o=older, n=newer, at=at,
        )
    )  # fmt: skip


def forget_lead(tx: Tx, portal: str, lead: str) -> None:
    tx.run("DELETE FROM ways_in_person WHERE portal = :p AND lead_id = :l", p=portal, l=lead)


def forget_people(tx: Tx, portal: str, before: int) -> None:
    tx.run("DELETE FROM ways_in_person WHERE portal = :p AND at < :b", p=portal, b=before)


def _case(row: Row) -> Case:
    return Case(row["message"], row["form"], row["person"], int(row["at"]), row["outcome"], row["record_id"])
