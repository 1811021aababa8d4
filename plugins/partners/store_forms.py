"""Forms of «+ Партнер» that were sent off: the SQL of what makes one card of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kernel.storage import Tx
from kernel.values import to_micros


def begin_form(tx: Tx, token: str, person: str, others: Sequence[str], now: datetime) -> bool:
    """Whether that form was not sent off yet."""
    return bool(
        tx.run(
            "INSERT INTO partner_form (token, person, partner, others, at) VALUES (:t, :p, '', :o, :now) "
            "ON CONFLICT DO NOTHING",
            t=token, p=person, o=json.dumps(list(others)), now=to_micros(now),
        )
    )  # fmt: skip


def form(tx: Tx, token: str) -> Mapping[str, Any] | None:
    """person, partner (empty until the card is there) and others."""
    return tx.one("SELECT * FROM partner_form WHERE token = :t", t=token)


def end_form(tx: Tx, token: str, partner_id: str, now: datetime) -> None:
    """The card is there; those that the form said are other people stay told apart."""
    found = form(tx, token)
    tx.run("UPDATE partner_form SET partner = :p WHERE token = :t", p=partner_id, t=token)
    for other in json.loads(found["others"]) if found else ():
        tx.run(
            "INSERT INTO partner_other (partner, other, person, at) VALUES (:a, :b, :p, :now) ON CONFLICT DO NOTHING",
            a=partner_id, b=other, p=found["person"] if found else "", now=to_micros(now),
        )  # fmt: skip
