"""Who may see messages for the record that they are filed under.

A plugin says it per record (`let_see`). What follows for each message is kept ready in `message_viewer`, so that a person's
talks and what they search for are read by an index, however many messages others have. Both change in one unit of work:
whoever leaves a record sees nothing of it from that moment on.

Two who work side by side on PostgreSQL, one filing a message under a record, the other saying who sees that record, do not
see each other's rows. So both hold the record's row in `viewed_record`: many may file at once, nobody while that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from kernel.storage import Tx

_FOLLOWS = "(v.automatic = 1 OR m.direction <> 'out' OR m.author <> '')"


def let_see(tx: Tx, record: str, people: Mapping[str, bool]) -> None:
    """These people, and nobody else, see what is filed under the record; with True also what Annex wrote by itself."""
    if _viewers(tx, record) == people:
        return
    _make(tx, record)
    tx.lock("SELECT record FROM viewed_record WHERE record = :r", r=record)
    known = _viewers(tx, record)
    for person in sorted(known.keys() | people.keys()):
        if known.get(person) == people.get(person):
            continue
        if person in known:
            tx.run("DELETE FROM record_viewer WHERE record = :r AND person = :p", r=record, p=person)
            tx.run(
                "DELETE FROM message_viewer WHERE (person, at, message) IN "
                "(SELECT :p, m.at, m.id FROM message AS m WHERE m.record = :r)",
                p=person, r=record,
            )  # fmt: skip
        if person in people:
            tx.run("INSERT INTO record_viewer VALUES (:r, :p, :a)", r=record, p=person, a=int(people[person]))
            tx.run(
                "INSERT INTO message_viewer (person, at, message, thread, direction) "
                "SELECT v.person, m.at, m.id, m.thread, m.direction FROM record_viewer AS v JOIN message AS m "
                f"ON m.record = v.record WHERE v.record = :r AND v.person = :p AND {_FOLLOWS}",
                r=record, p=person,
            )  # fmt: skip


def filed(tx: Tx, message: str) -> None:
    """A new message: whoever sees its record sees it from now on."""
    record = str(tx.value("SELECT record FROM message WHERE id = :id", id=message) or "")
    if not record:
        return
    _hold(tx, record)
    tx.run(
        "INSERT INTO message_viewer (person, at, message, thread, direction) "
        "SELECT v.person, m.at, m.id, m.thread, m.direction FROM message AS m JOIN record_viewer AS v "
        f"ON v.record = m.record WHERE m.id = :id AND {_FOLLOWS}",
        id=message,
    )  # fmt: skip


@contextmanager
def filed_anew(tx: Tx, messages: Sequence[str]) -> Iterator[None]:
    """Around what changes the record, thread or direction of messages."""
    for message in messages:
        row = tx.lock("SELECT record FROM message WHERE id = :id", id=message)
        if row is not None and row["record"]:
            _hold(tx, row["record"])
            tx.run(
                "DELETE FROM message_viewer WHERE (person, at, message) IN (SELECT v.person, m.at, m.id FROM message AS m "
                "JOIN record_viewer AS v ON v.record = m.record WHERE m.id = :id)",
                id=message,
            )  # fmt: skip
    yield
    for message in messages:
        filed(tx, message)


def faults(tx: Tx) -> Iterator[str]:
    """What is kept ready, against what follows from records and messages: every row too many or missing."""
    columns = "person, at, message, thread, direction"
    kept = {tuple(row.values()) for row in tx.all(f"SELECT {columns} FROM message_viewer")}
    follows = {
        tuple(row.values())
        for row in tx.all(
            "SELECT v.person, m.at, m.id, m.thread, m.direction FROM message AS m JOIN record_viewer AS v "
            f"ON v.record = m.record WHERE {_FOLLOWS}"
        )
    }
    yield from (
        f"{row[0]} is shown message {row[2]}, which they may not see as it is kept" for row in sorted(kept - follows)
    )
    yield from (f"{row[0]} may see message {row[2]} and does not" for row in sorted(follows - kept))


def _viewers(tx: Tx, record: str) -> dict[str, bool]:
    rows = tx.all("SELECT person, automatic FROM record_viewer WHERE record = :r", r=record)
    return {row["person"]: bool(row["automatic"]) for row in rows}


def _make(tx: Tx, record: str) -> None:
    tx.run("INSERT INTO viewed_record (record) VALUES (:r) ON CONFLICT DO NOTHING", r=record)


def _hold(tx: Tx, record: str) -> None:
    """Until the end nobody changes who sees the record."""
    if tx.share("SELECT record FROM viewed_record WHERE record = :r", r=record) is None:
        _make(tx, record)
        tx.share("SELECT record FROM viewed_record WHERE record = :r", r=record)
