"""Decisions about texts: values in, values out. Nothing here asks or changes anything."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

FINAL = ("delivered", "undelivered", "failed", "cancelled")
RANK = {"queued": 1, "sent": 2, "delivered": 3, "undelivered": 3, "failed": 3}
#: Minutes after it was taken over at which the provider is asked how it stands, then hourly for a day.
CHECKED_AFTER = (5, 15, *range(60, 24 * 60 + 1, 60))
#: Minutes between tries while the provider is away.
PAUSES = (1, 5, 15)
GIVEN_UP_AFTER = timedelta(hours=24)
MONEY_SCALE = 10_000
#: GSM 03.38: what takes one septet; what stands in its extension table takes two.
_SEPTETS = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_PAIRS = frozenset("^{}\\[~]|€\f")
_PLAIN = re.compile(r"[0-9\s().\-\u2010-\u2015]+")


def e164(given: str) -> str:
    """The number as «+79001112233», or nothing where it is none: 8 900 …, 900 … and 7 900 … are Russian, what begins with
    + or 00 is whatever country it says."""
    text = given.strip()
    plus = text.startswith("+")
    rest = text[1:] if plus else text
    if not rest or not _PLAIN.fullmatch(rest):
        return ""
    digits = re.sub(r"\D", "", rest)
    if not digits.isascii():
        return ""
    if not plus and digits.startswith("00"):
        plus, digits = True, digits[2:]
    if not plus:
        if len(digits) == 10 and digits[0] in "3489":
            digits = f"7{digits}"
        elif len(digits) == 11 and digits[0] == "8":
            digits = f"7{digits[1:]}"
    if digits.startswith("7"):
        return f"+{digits}" if len(digits) == 11 and digits[1] != "0" else ""
    return f"+{digits}" if plus and 10 <= len(digits) <= 15 and digits[0] != "0" else ""


def segments(text: str) -> int:
    """How many parts it takes: 160 septets or 70 UTF-16 units in one, 153 or 67 in each of several."""
    if all(letter in _SEPTETS or letter in _PAIRS for letter in text):
        units, one, many = sum(2 if letter in _PAIRS else 1 for letter in text), 160, 153
    else:
        units, one, many = len(text.encode("utf-16-le", "surrogatepass")) // 2, 70, 67
    return 1 if units <= one else -(-units // many)


def quiet_until(quiet: str, now: datetime) -> datetime | None:
    """When the quiet hours end that it is now (`now` in the portal's zone); None outside of them."""
    if not quiet:
        return None
    begin, end = (time.fromisoformat(part) for part in quiet.split("-"))
    clock = now.timetz().replace(tzinfo=None)
    inside = begin <= clock < end if begin < end else clock >= begin or clock < end
    if not inside:
        return None
    day = now.date() if clock < end else now.date() + timedelta(days=1)
    return datetime.combine(day, end, tzinfo=now.tzinfo)


def next_midnight(now: datetime) -> datetime:
    """`now` in the account's zone."""
    return datetime.combine(now.date() + timedelta(days=1), time(), tzinfo=now.tzinfo)


def advances(now: str, state: str) -> bool:
    """Whether a status leads on: never back from a final one, and never backwards."""
    return now not in FINAL and RANK[state] > RANK.get(now, 0)


def next_check(sent_at: datetime, now: datetime) -> datetime | None:
    """When the provider is asked next; None: it is asked no more."""
    for minutes in CHECKED_AFTER:
        if (moment := sent_at + timedelta(minutes=minutes)) > now:
            return moment
    return None


def pause(tries: int) -> timedelta:
    """Until the next try, after so many that came to nothing."""
    return timedelta(minutes=PAUSES[min(max(tries, 1), len(PAUSES)) - 1])


def to_scaled(money: Decimal) -> int:
    """Ten-thousandths, so that sums are exact."""
    return int((money * MONEY_SCALE).to_integral_value(ROUND_HALF_EVEN))


def from_scaled(value: int) -> Decimal:
    return Decimal(value) / MONEY_SCALE


def shown(value: int | None) -> str:
    """Money for people."""
    return "—" if value is None else f"{from_scaled(value):,.2f}".replace(",", "\u00a0").replace(".", ",")
