"""Answers as they are kept: the last good one to each question."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.datasets import Answer, unpack_answer
from kernel.storage import Tx
from kernel.telemetry import log
from kernel.values import to_micros

ONE = "portal = :p AND set_name = :s AND client_id = :c"


@dataclass(frozen=True)
class KeptAnswer:
    """The last good answer to a question."""

    answer: Answer
    at: int  #: microseconds: when the question left


def kept(tx: Tx, portal: str, set_name: str, client_id: str) -> KeptAnswer | None:
    """None where there is none, or only one that an other release of ours packed."""
    row = tx.one(f"SELECT answer, asked_at FROM dossier_answer WHERE {ONE}", p=portal, s=set_name, c=client_id)
    if row is None:
        return None
    try:
        return KeptAnswer(unpack_answer(bytes(row["answer"])), row["asked_at"])
    except ValueError as exc:
        log.warning("dossier.answer_unreadable", set=set_name, reason=str(exc))
        return None


def keep(tx: Tx, portal: str, answer: Answer, packed: bytes, now: int) -> bool:
    """In the place of an older one; `packed` it was before the transaction began, since that takes a while. Whether it
    was kept: a later question may have been answered before this one."""
    touched = tx.run(
        "INSERT INTO dossier_answer VALUES (:p, :s, :c, :answer, :asked, :now) "
        "ON CONFLICT (portal, set_name, client_id) DO UPDATE SET answer = excluded.answer, asked_at = excluded.asked_at "
        "WHERE dossier_answer.asked_at <= excluded.asked_at",
        p=portal, s=answer.set, c=answer.client_id, answer=packed, asked=to_micros(answer.asked_at), now=now,
    )  # fmt: skip
    return bool(touched)


def opened(tx: Tx, portal: str, set_name: str, client_id: str, now: int) -> int:
    """Somebody opens it; when the answer that is kept was asked for, 0 where none is."""
    tx.run(f"UPDATE dossier_answer SET opened_at = :now WHERE {ONE}", p=portal, s=set_name, c=client_id, now=now)
    return asked_at(tx, portal, set_name, client_id)


def forget(tx: Tx, portal: str, client_id: str) -> dict[str, int]:
    """Nothing of that client stays; how many rows went, by table."""
    tables = ("dossier_answer", "dossier_question", "dossier_log", "dossier_card")
    return {one: tx.run(f"DELETE FROM {one} WHERE portal = :p AND client_id = :c", p=portal, c=client_id) for one in tables}


def tidy(tx: Tx, portal: str, opened_before: int) -> None:
    """What nobody has opened for so long goes; so does what is known of a question that nobody wants."""
    tx.run("DELETE FROM dossier_answer WHERE portal = :p AND opened_at < :old", p=portal, old=opened_before)
    tx.run(
        "DELETE FROM dossier_question WHERE portal = :p AND token = '' AND wanted_at = 0 AND ended_at < :old",
        p=portal, old=opened_before,
    )  # fmt: skip


def asked_at(tx: Tx, portal: str, set_name: str, client_id: str) -> int:
    """When the answer that is kept was asked for; 0 where none is."""
    found = tx.value(f"SELECT asked_at FROM dossier_answer WHERE {ONE}", p=portal, s=set_name, c=client_id)
    return int(found or 0)
