"""Texts that people write in the CRM and that we send: what becomes of them is told back."""

from __future__ import annotations

from typing import Literal, Protocol

TextStatus = Literal["queued", "sent", "delivered", "undelivered", "failed"]


class Texts(Protocol):
    """What a CRM that hands texts over to us can be told of them."""

    def report(self, provider: str, message_id: str, status: TextStatus) -> None:
        """How the message stands now; `provider` is the name of ours that it was given to. A repeat changes nothing. Raises
        NotFound where the CRM has no such message (any more)."""


__all__ = ["TextStatus", "Texts"]
