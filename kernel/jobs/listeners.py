"""Which worker listens on a connection's own socket: the row is the lock, held by a lease that its owner renews."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kernel.clock import Clock
from kernel.storage import Tx
from kernel.telemetry import mask
from kernel.values import from_micros, to_micros

LEASE_SECONDS = 15.0  #: an owner that died or stands still is replaced after so long
RENEWED_EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Listening:
    """The listener of a connection as its owner last wrote it down."""

    owner: str
    connected_at: datetime | None  #: None: it tries to connect
    reason: str  #: why the last connection ended


def claim(tx: Tx, connection: str, owner: str, clock: Clock) -> bool:
    """Become or stay the owner. `owner` is «worker id:number»: a worker started anew follows itself at once, since no two
    live ones have the same id."""
    row = tx.lock("SELECT owner, until FROM listener WHERE connection = :c", c=connection)
    now = to_micros(clock.now())
    until = now + int(LEASE_SECONDS * 1e6)
    if row is None:
        return (
            tx.run(
                "INSERT INTO listener VALUES (:c, :o, :u, NULL, '') ON CONFLICT DO NOTHING", c=connection, o=owner, u=until
            )
            == 1
        )
    mine = row["owner"] == owner
    # A lease is never longer than that: one that seems so means that the clock was set back.
    ended = row["until"] < now or row["until"] > until + int(LEASE_SECONDS * 1e6)
    if not (mine or ended or row["owner"].rpartition(":")[0] == owner.rpartition(":")[0]):
        return False
    tx.run(
        "UPDATE listener SET owner = :o, until = :u, connected_at = CASE WHEN :mine = 1 THEN connected_at ELSE NULL END "
        "WHERE connection = :c",
        o=owner, u=until, mine=int(mine), c=connection,
    )  # fmt: skip
    return True


def owns(tx: Tx, connection: str, owner: str) -> bool:
    """Whether nobody has taken over; holds the row until the end, so that the answer stays true."""
    row = tx.lock("SELECT owner FROM listener WHERE connection = :c", c=connection)
    return row is not None and row["owner"] == owner


def note(tx: Tx, connection: str, owner: str, connected_at: datetime | None, reason: str) -> None:
    """How it stands, if it is still ours."""
    tx.run(
        "UPDATE listener SET connected_at = :at, reason = :why WHERE connection = :c AND owner = :o",
        at=to_micros(connected_at) if connected_at else None, why=mask(reason)[:300], c=connection, o=owner,
    )  # fmt: skip


def release(tx: Tx, connection: str, owner: str) -> None:
    """Let another worker follow at once."""
    tx.run("UPDATE listener SET until = 0, connected_at = NULL WHERE connection = :c AND owner = :o", c=connection, o=owner)


def current(tx: Tx, connection: str, now: datetime) -> Listening | None:
    """Who listens just now; None if nobody does."""
    row = tx.one("SELECT * FROM listener WHERE connection = :c", c=connection)
    if row is None or row["until"] < to_micros(now):
        return None
    at = row["connected_at"]
    return Listening(row["owner"], from_micros(at) if at else None, row["reason"])
