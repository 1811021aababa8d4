"""Buttons under a deal's message (PT-09), and a number that answers a deal without a rate."""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kernel.errors import BadInput
from kernel.texts import translate
from kernel.values import parse_rate
from plugins.partners.rules.codes import digest
from plugins.partners.rules.numbers import rate_text
from plugins.partners.rules.routing import part_number

DATA_BYTES_MAX = 64  #: Telegram's, of `callback_data`
VERSION_LENGTH = 8
_SIGNATURE_BYTES = 12
_RATE_WHOLE_DIGITS_MAX = 9  #: longer ones are phones and accounts
_ABOUT_RATES = frozenset(
    re.findall(r"\w+", "курс курсом rate по за дам даю мій мой наш буде будет ок ok так да at is my our")
)


class Action(StrEnum):
    """What a button says; the value is its letter in the data."""

    TAKE = "t"  #: «Беру»
    PAID = "p"  #: «Оплачено»
    QUESTION = "q"  #: «Питання»


_LABELS = {
    Action.TAKE: "partners_button_take", Action.PAID: "partners_button_paid", Action.QUESTION: "partners_button_question"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button that we made for that chat. `version` is the beginning of the content's hash it was made with."""

    deal: str
    action: Action
    version: str

    def current(self, content: str) -> bool:
        """Whether the deal still is what the partner saw beside the button; else «умови змінились»."""
        return bool(self.version) and self.version == content[:VERSION_LENGTH]


def make_data(secret: bytes, deal: str, action: Action, content: str, chat: str) -> str:
    """`deal` is the CRM's id of it, `content` the hash of what the partner sees. Raises ValueError over 64 bytes."""
    version = content[:VERSION_LENGTH]
    if not deal or not version or "|" in deal + version:
        raise ValueError(f"no button for deal «{deal}» and version «{version}»")
    data = f"{action.value}|{deal}|{version}|{_signature(secret, deal, action, version, chat)}"
    if len(data.encode()) > DATA_BYTES_MAX:
        raise ValueError(f"the id of deal «{deal}» is too long for a button")
    return data


def read_data(secret: bytes, data: str, chat: str) -> Pressed | None:
    """What was pressed; None if we did not make it, or not for that chat."""
    parts = data.split("|")
    if len(parts) != 4 or parts[0] not in {action.value for action in Action}:
        return None
    action, deal, version = Action(parts[0]), parts[1], parts[2]
    wanted = _signature(secret, deal, action, version, chat)
    return (
        Pressed(deal, action, version) if hmac.compare_digest(wanted.encode(), parts[3].encode("utf-8", "replace")) else None
    )


def label(action: Action, language: str) -> str:
    return translate(language, _LABELS[action])


def _signature(secret: bytes, deal: str, action: Action, version: str, chat: str) -> str:
    whole = digest(secret, "partners.button", deal, action.value, version, chat)
    return base64.urlsafe_b64encode(whole[:_SIGNATURE_BYTES]).decode().rstrip("=")


def offered_rate(text: str) -> Decimal | None:
    """The rate that an answer to a deal without one names: one number, behind the deal's where that stands first, and no
    words but those about rates. It is offered to the manager («41,33: поставити?»), never taken by itself."""
    plain = part_number(text)[1].strip().casefold()
    numbers = re.findall(r"(?<![\w.,+%-])[0-9][0-9 \u00a0\u202f'.,]*", plain)
    if len(numbers) != 1:
        return None
    number = numbers[0].strip(" \u00a0\u202f'.,")
    rest = plain.replace(numbers[0], " ", 1)
    if set(re.findall(r"\w+", rest)) - _ABOUT_RATES or re.search(r"[^\w\s.,!?:;()=]", rest):
        return None
    try:
        rate = parse_rate(number)
    except BadInput:
        return None
    return rate if rate.adjusted() < _RATE_WHOLE_DIGITS_MAX else None


def offer_text(rate: Decimal, language: str) -> str:
    """«41,33: поставити?»"""
    return translate(language, "partners_offer", rate=rate_text(rate, language))
