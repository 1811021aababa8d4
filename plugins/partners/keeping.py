"""Whose cards figures and chats hang on: their deletion in the CRM is noticed."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.crm.gone import gone_since
from kernel.storage import Tx
from plugins.partners.settings import ENTITY


def partner_ids(tx: Tx, portal: str, after: str, most: int) -> Sequence[str]:
    rows = tx.all("SELECT id FROM partner WHERE id > :after ORDER BY id LIMIT :most", after=after, most=most)
    return [row["id"] for row in rows]


def is_gone(tx: Tx, portal: str, partner_id: str, *entities: str) -> bool:
    """Whether the CRM has that card no more, as one of these kinds of record or, without any, as any kind we know it by."""
    forms = (partner_id, f"contact:{partner_id}")
    return any(
        gone_since(tx, portal, entity, form) is not None for entity in entities or (ENTITY, "contact") for form in forms
    )
