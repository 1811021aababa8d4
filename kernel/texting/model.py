"""What a provider of texts can do. Money is Decimal in the account's currency, numbers are E.164 («+79001112233»)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

TextState = Literal["queued", "sent", "delivered", "undelivered", "failed"]
"""queued: the provider has it. sent: it has left the provider. delivered, undelivered, failed: final."""
RefusalKind = Literal["message", "opted_out", "stopped", "paused", "day", "later"]
"""message: this text, for good. opted_out: the number wants none. stopped: nothing goes until a person has put the account
right. paused: there is no money. day: the day's limit is used up. later: the provider is away for now. Of the last four the
text itself is as good as before: nothing was sent."""


@dataclass(frozen=True)
class Text:
    """One text to one number. `test`: everything is checked, nothing is sent or charged."""

    to: str
    text: str
    test: bool = False


@dataclass(frozen=True)
class Sent:
    """The provider took it over."""

    vendor_id: str
    cost: Decimal | None = None
    balance: Decimal | None = None


@dataclass(frozen=True)
class Refusal:
    """It was surely not sent. `code` and `message` are the provider's own; `code` is empty where it did not answer."""

    kind: RefusalKind
    code: str = ""
    message: str = ""
    balance: Decimal | None = None


Outcome = Sent | Refusal


@dataclass(frozen=True)
class Report:
    """How a text that was taken over stands; None as state: the provider does not know it."""

    vendor_id: str
    state: TextState | None
    code: str
    message: str = ""
    cost: Decimal | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Cost:
    segments: int
    cost: Decimal


@dataclass(frozen=True)
class Funds:
    """How the account stands. `day_limit` None: there is none."""

    balance: Decimal
    day_limit: int | None = None
    used_today: int | None = None


class Texting(Protocol):
    """All calls may raise the tree under `kernel.errors.Fault`, and Misconfigured."""

    currency: str  #: of the account: "RUB"
    sender: str  #: whom the texts come from

    def send(self, text: Text) -> Outcome:
        """Send it, once. Raises a Fault with `maybe_done` where the answer was lost: then it may have been sent. A Fault
        without says that it surely was not."""

    def reports(self, vendor_ids: Sequence[str]) -> list[Report]:
        """How these stand; as many as the caller likes."""

    def cost(self, text: Text) -> Cost | Refusal:
        """What it would cost; nothing is sent."""

    def funds(self) -> Funds:
        """Money and the day's limit."""

    def opted_out(self) -> Mapping[str, str]:
        """Numbers that the account sends nothing to, with the provider's note on each."""

    def message(self, code: str) -> str:
        """What a code means, in the set's language; empty where that is not known."""


def pack_outcome(outcome: Outcome) -> str:
    """As the result of a call."""
    if isinstance(outcome, Sent):
        body: dict[str, Any] = {"id": outcome.vendor_id, "cost": _text(outcome.cost), "balance": _text(outcome.balance)}
    else:
        body = {
            "refused": outcome.kind, "code": outcome.code, "message": outcome.message, "balance": _text(outcome.balance),
        }  # fmt: skip
    return json.dumps(body, ensure_ascii=False)


def unpack_outcome(text: str) -> Outcome:
    body = json.loads(text)
    balance = _decimal(body["balance"])
    if "refused" in body:
        return Refusal(body["refused"], body["code"], body["message"], balance)
    return Sent(body["id"], _decimal(body["cost"]), balance)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
