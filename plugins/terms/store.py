"""The plugin's tables: all their SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from kernel.storage import Row, Tx
from plugins.terms.model import Fill, Question


def load(tx: Tx, portal: str, deal: str) -> Question | None:
    row = tx.one("SELECT * FROM terms_question WHERE portal = :p AND deal = :d", p=portal, d=deal)
    return _question(row) if row else None


def keep(tx: Tx, portal: str, question: Question) -> None:
    values = {**asdict(question), "begun": int(question.begun)}
    names = [name for name in values if name != "deal"]
    tx.run(
        f"INSERT INTO terms_question (portal, deal, {', '.join(names)}) VALUES (:portal, :deal, "
        f"{', '.join(':' + name for name in names)}) ON CONFLICT (portal, deal) DO UPDATE SET "
        f"{', '.join(f'{name} = excluded.{name}' for name in names)}",
        portal=portal, **values,
    )  # fmt: skip


def waiting_for_tasks(tx: Tx, portal: str) -> list[Question]:
    """Open questions that a process asks and that is known to have been started."""
    rows = tx.all(
        "SELECT * FROM terms_question WHERE portal = :p AND state = 'open' AND way = 'task' AND begun = 1 ORDER BY deal",
        p=portal,
    )  # fmt: skip
    return [_question(row) for row in rows]


def due_for_heads(tx: Tx, portal: str, now: int) -> list[Question]:
    """Open questions of which the owner's head is to be told by now."""
    rows = tx.all(
        "SELECT * FROM terms_question WHERE portal = :p AND state = 'open' AND head_due > 0 AND head_due <= :now "
        "ORDER BY deal",
        p=portal, now=now,
    )  # fmt: skip
    return [_question(row) for row in rows]


def last_fill(tx: Tx, portal: str, deal: str) -> Fill | None:
    row = tx.one(
        "SELECT * FROM terms_fill WHERE portal = :p AND deal = :d ORDER BY number DESC LIMIT 1", p=portal, d=deal
    )  # fmt: skip
    return _fill(row) if row else None


def fills(tx: Tx, portal: str, deal: str) -> list[Fill]:
    """Oldest first."""
    rows = tx.all("SELECT * FROM terms_fill WHERE portal = :p AND deal = :d ORDER BY number", p=portal, d=deal)
    return [_fill(row) for row in rows]


def new_fill(
    tx: Tx, portal: str, deal: str, number: int, *, person: str, person_name: str, at: int, by_form: bool,
    answers: Mapping[str, str],
) -> bool:  # fmt: skip
    """Whether that number was free: of two people who fill in the same form, one was first."""
    made = tx.run(
        "INSERT INTO terms_fill VALUES (:p, :d, :n, :person, :name, :at, :form, :answers) ON CONFLICT DO NOTHING",
        p=portal, d=deal, n=number, person=person, name=person_name, at=at, form=int(by_form),
        answers=json.dumps(dict(answers), ensure_ascii=False),
    )  # fmt: skip
    return made == 1


def version(tx: Tx) -> str:
    """Changes whenever a question or an answer does."""
    row = tx.one("SELECT COUNT(*) AS n, SUM(notices) AS s, SUM(round) AS r FROM terms_question")
    filled = tx.value("SELECT COUNT(*) FROM terms_fill")
    assert row is not None
    return f"{row['n']}-{row['s']}-{row['r']}-{filled}"


def _question(row: Row) -> Question:
    values = {name: row[name] for name in Question.__dataclass_fields__}
    return Question(**{**values, "begun": bool(row["begun"])})


def _fill(row: Row) -> Fill:
    return Fill(
        row["number"], row["person"], row["person_name"], row["at"], bool(row["by_form"]), json.loads(row["answers"])
    )  # fmt: skip
