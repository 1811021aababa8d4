"""How each question stands: wanted, being asked, ended. All its SQL.

One process at a time asks a question. Its lease has a deadline, after which it is taken for dead and the next one asks.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernel.storage import Tx
from plugins.dossier.store import ONE

COLUMNS = "wanted_at, token, left_at, until, outcome, code, ended_at, entity, record, person"


@dataclass(frozen=True)
class Standing:
    """Of one question. All times are microseconds."""

    wanted_at: int  #: the last opening that no answer has satisfied yet; 0: none
    token: str
    left_at: int
    until: int
    outcome: str  #: of the last one that ended; empty: none yet
    code: str
    ended_at: int
    entity: str
    record: str
    person: str

    def asked_now(self, now: int) -> bool:
        """Somebody asks it, and is not taken for dead."""
        return bool(self.token) and self.until >= now


def standing(tx: Tx, portal: str, set_name: str, client_id: str) -> Standing | None:
    row = tx.one(f"SELECT {COLUMNS} FROM dossier_question WHERE {ONE}", p=portal, s=set_name, c=client_id)
    return Standing(**row) if row else None


def locked(tx: Tx, portal: str, set_name: str, client_id: str) -> Standing:
    """The same for whoever changes it; it is there afterwards."""
    tx.run(
        "INSERT INTO dossier_question VALUES (:p, :s, :c, 0, '', 0, 0, '', '', 0, 0, '', '', '') "
        "ON CONFLICT (portal, set_name, client_id) DO NOTHING",
        p=portal, s=set_name, c=client_id,
    )  # fmt: skip
    row = tx.lock(f"SELECT {COLUMNS} FROM dossier_question WHERE {ONE}", p=portal, s=set_name, c=client_id)
    assert row is not None
    return Standing(**row)


def want(tx: Tx, portal: str, set_name: str, client_id: str, now: int, card: tuple[str, str], person: str) -> None:
    entity, record = card
    tx.run(
        "UPDATE dossier_question SET wanted_at = :now, entity = :e, record = :r, person = :who, revision = :now "
        f"WHERE {ONE}",
        p=portal, s=set_name, c=client_id, now=now, e=entity, r=record, who=person,
    )  # fmt: skip


def take(tx: Tx, portal: str, set_name: str, client_id: str, token: str, now: int, until: int) -> bool:
    """Whether it is ours to ask now: somebody wants it, and nobody alive asks it."""
    taken = tx.run(
        "UPDATE dossier_question SET token = :t, left_at = :now, until = :until, revision = :now "
        f"WHERE {ONE} AND wanted_at > 0 AND (token = '' OR until < :now)",
        p=portal, s=set_name, c=client_id, t=token, now=now, until=until,
    )  # fmt: skip
    return bool(taken)


def renew(tx: Tx, portal: str, set_name: str, client_id: str, token: str, until: int) -> None:
    tx.run(
        f"UPDATE dossier_question SET until = :until WHERE {ONE} AND token = :t",
        p=portal, s=set_name, c=client_id, t=token, until=until,
    )  # fmt: skip


def end(
    tx: Tx, portal: str, set_name: str, client_id: str, token: str, *, outcome: str, code: str, satisfied: int, now: int
) -> bool:
    """It ended: openings up to `satisfied` have what they wanted. False where another one asks it by now."""
    ended = tx.run(
        "UPDATE dossier_question SET token = '', until = 0, outcome = :o, code = :code, ended_at = :now, revision = :now, "
        f"wanted_at = CASE WHEN wanted_at > :satisfied THEN wanted_at ELSE 0 END WHERE {ONE} AND token = :t",
        p=portal, s=set_name, c=client_id, t=token, o=outcome, code=code[:60], satisfied=satisfied, now=now,
    )  # fmt: skip
    return bool(ended)


def version(tx: Tx) -> str:
    """Changes when any question is wanted, asked or ended."""
    return str(tx.value("SELECT MAX(revision) FROM dossier_question") or "")


def last_outcomes(tx: Tx, portal: str, since: int) -> dict[str, str]:
    """By set: how its newest question ended, of those that ended since then."""
    rows = tx.all(
        "SELECT set_name, outcome FROM dossier_question WHERE portal = :p AND ended_at >= :since ORDER BY ended_at",
        p=portal, since=since,
    )  # fmt: skip
    return {row["set_name"]: row["outcome"] for row in rows}
