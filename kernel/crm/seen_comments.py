"""Which comments were handed over already, in which version, and how far we have looked for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kernel.crm.comments import Comment
from kernel.storage import Tx
from kernel.values import from_micros, to_micros

News = Literal["new", "edited", "known"]


def version_seen(tx: Tx, portal: str, comment_id: str) -> str | None:
    found: str | None = tx.value("SELECT version FROM crm_comment WHERE portal = :p AND id = :i", p=portal, i=comment_id)
    return found


def note_comment(tx: Tx, portal: str, comment: Comment, now_micros: int) -> News:
    """Keep that it is handed over, and say whether it has to be: of two at once only one hears that it is news."""
    known = version_seen(tx, portal, comment.id)
    changed = tx.run(
        "INSERT INTO crm_comment VALUES (:p, :i, :e, :r, :v, :at) ON CONFLICT (portal, id) DO UPDATE "
        "SET version = excluded.version, read_at = excluded.read_at WHERE crm_comment.version <> excluded.version",
        p=portal, i=comment.id, e=comment.entity, r=comment.record_id, v=comment.version, at=now_micros,
    )  # fmt: skip
    if not changed:
        return "known"
    return "new" if known is None else "edited"


@dataclass(frozen=True)
class Looked:
    began: datetime  #: what was written before concerns nobody
    upto: datetime


def looked(tx: Tx, portal: str) -> Looked | None:
    row = tx.one("SELECT began, upto FROM crm_comments_swept WHERE portal = :p", p=portal)
    return Looked(from_micros(row["began"]), from_micros(row["upto"])) if row else None


def begin(tx: Tx, portal: str, moment: datetime) -> Looked:
    """Comments count from that moment on, unless they have counted before."""
    at = to_micros(moment)
    tx.run("INSERT INTO crm_comments_swept VALUES (:p, :at, :at) ON CONFLICT (portal) DO NOTHING", p=portal, at=at)
    found = looked(tx, portal)
    assert found is not None
    return found


def keep_looked(tx: Tx, portal: str, upto: datetime) -> None:
    tx.run("UPDATE crm_comments_swept SET upto = :u WHERE portal = :p AND upto < :u", p=portal, u=to_micros(upto))
