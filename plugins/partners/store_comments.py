"""Which messages share a comment of the CRM."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.storage import Tx


def messages_of_comment(tx: Tx, key: str) -> list[str]:
    """The messages that share a comment, in the order of the chat."""
    rows = tx.all(
        "SELECT partner_comment.message AS id FROM partner_comment JOIN message ON message.id = partner_comment.message "
        "WHERE partner_comment.key = :k ORDER BY (SELECT MIN(message_name.number) FROM message_name "
        "WHERE message_name.message = message.id), message.at, message.id",
        k=key,
    )  # fmt: skip
    return [row["id"] for row in rows]


def leave_comment(tx: Tx, key: str, messages: Sequence[str]) -> list[str]:
    """These messages do not stand in that comment after all; those of them that were thought to."""
    gone = "DELETE FROM partner_comment WHERE message = :m AND key = :k"
    return [message for message in messages if tx.run(gone, m=message, k=key) > 0]
