"""Events that still come with the older kind of proof: named to whoever runs Annex until none does any more."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from kernel.clock import Clock
from kernel.crm import PROOF, SHORT, Event
from kernel.storage import Tx
from kernel.values import from_micros, to_micros

NOTED_EVERY_SECONDS = 600  #: a delivery of every kind is not worth a write each time
NAMED_DAYS = 7  #: what has not come for so long has been changed over


def note(tx: Tx, connection: str, events: Iterable[Event], clock: Clock, noted: MutableMapping[str, int]) -> None:
    """`noted`: what this process wrote down lately, by connection and event."""
    now = to_micros(clock.now())
    for event in sorted({event.name for event in events if event.details.get(PROOF) == SHORT}):
        known = f"{connection} {event}"
        if now - noted.get(known, 0) < NOTED_EVERY_SECONDS * 1_000_000:
            continue
        tx.run(
            "INSERT INTO old_proof (connection, event, last_at) VALUES (:c, :e, :at) "
            "ON CONFLICT (connection, event) DO UPDATE SET last_at = excluded.last_at",
            c=connection, e=event, at=now,
        )  # fmt: skip
        noted[known] = now


def still_coming(tx: Tx, connection: str, now: datetime, zone: ZoneInfo) -> list[tuple[str, datetime]]:
    """(event, when it last came so), by name."""
    rows = tx.all(
        "SELECT event, last_at FROM old_proof WHERE connection = :c AND last_at > :since ORDER BY event",
        c=connection, since=to_micros(now - timedelta(days=NAMED_DAYS)),
    )  # fmt: skip
    return [(row["event"], from_micros(row["last_at"], zone)) for row in rows]
