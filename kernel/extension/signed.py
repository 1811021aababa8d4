"""Proof of origin for callers who share a key with us: an HMAC over a time and the body, good for five minutes.

`X-Annex-Time` is a moment as seconds since 1970; `X-Annex-Signature` is `sha256=` and, in hexadecimal, HMAC-SHA256 with the
key over that text, a dot, and the body as sent.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

from kernel.errors import Misconfigured
from kernel.extension.connector import Delivery, NotProven
from kernel.telemetry import tell_secret

SIGNATURE, TIME = "x-annex-signature", "x-annex-time"
SCHEME = "sha256="
SECONDS_OFF_MAX = 300
KEY_CHARACTERS_MIN = 24
_TIME = re.compile(r"[0-9]{1,12}")


def keys_of(*given: str, setting: str) -> tuple[str, ...]:
    """Those that are set: the one in use, and one that is being replaced. Raises Misconfigured naming the setting."""
    found = tuple(one.strip() for one in given if one.strip())
    tell_secret(*found)
    if any(len(one) < KEY_CHARACTERS_MIN for one in found):
        raise Misconfigured(f"{setting} is too short for a key: at least {KEY_CHARACTERS_MIN} characters")
    return found


def check(delivery: Delivery, keys: Sequence[str], now: datetime) -> str:
    """Raises NotProven; returns the time as it was signed. What fails tells nothing but that, except to whoever has the
    key: that their clock is off."""
    sent, signed = delivery.headers.get(TIME, ""), delivery.headers.get(SIGNATURE, "")
    if not (keys and sent and signed):
        raise NotProven(f"{SIGNATURE} or {TIME} is missing", status=401)
    said = sent.encode("utf-8", "surrogatepass") + b"." + delivery.body
    given = signed.strip().encode("utf-8", "surrogatepass")
    right = False
    for key in keys:  # all of them, so that the time it takes says nothing
        wanted = SCHEME + hmac.new(key.encode(), said, hashlib.sha256).hexdigest()
        right |= hmac.compare_digest(wanted.encode(), given)
    if not right:
        raise NotProven(f"{SIGNATURE} is wrong")
    if not _TIME.fullmatch(sent) or abs(int(sent) - now.timestamp()) > SECONDS_OFF_MAX:
        raise NotProven(
            f"{TIME} is off",
            told=f"X-Annex-Time is not within {SECONDS_OFF_MAX} seconds of the time here: {int(now.timestamp())}",
        )
    return sent


__all__ = ["SECONDS_OFF_MAX", "check", "keys_of"]
