"""Bitrix24's codes → our errors. An answer is judged by its HTTP status, its code and its text together.

One code says several things (403 ACCESS_DENIED: no right, or a plan without REST), the old methods send an empty code with
an English sentence, some refusals come under HTTP 200, REST 3.0 wraps them into an object, and a proxy answers in HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from connectors.bitrix24 import limits
from kernel.errors import Fault, NoRight, NotFound, Rejected, Throttled, Unreachable
from kernel.http import Answer


class NotConnected(Throttled):
    """The portal does not let us in: a person has to connect it again. What waits, waits until then."""


class Expired(Throttled):
    """The access token is past its hour; nothing was done with it."""


class Overrun(Throttled):
    """This one method has used up its time; others may go on."""

    reset_at = 0  #: unix seconds of the portal's clock, where it says when to come again


class Moved(Unreachable):
    """The portal answers with a redirect: it has another address now."""

    def __init__(self, text: str = "", *, location: str = "") -> None:
        super().__init__(text)  # a redirect is answered before REST looks at the call
        self.location = location


@dataclass(frozen=True)
class Reply:
    """A good answer."""

    result: Any
    total: int | None = None
    next: int | None = None
    time: Mapping[str, Any] = field(default_factory=dict)


WEBHOOK_PLACE = "Разработчикам → Другое → Входящий вебхук"
# What a person has to do before anything works again.
NOT_LET_IN: Mapping[str, str] = {
    "NO_AUTH_FOUND": "the webhook or token is not known there: make a new one and put it into BITRIX24_WEBHOOK, or install "
    "the application again",
    "INVALID_CREDENTIALS": f"the webhook is not accepted: make a new one ({WEBHOOK_PLACE}) and put it into BITRIX24_WEBHOOK",
    "INVALID_TOKEN": "the token is not accepted: install the application in Bitrix24 again",
    "INVALID_GRANT": "the token can no longer be renewed: install the application in Bitrix24 again",
    "ERROR_OAUTH": "the authorisation failed: install the application in Bitrix24 again",
    "APPLICATION_NOT_FOUND": "the application was removed in Bitrix24: install it again",
    "NOT_INSTALLED": "the application is not installed to its end: open it in Bitrix24 as an administrator",
    "PAYMENT_REQUIRED": "the portal or the application is not paid for",
    "METHOD_CONFIRM_WAITING": "an administrator of the portal has to confirm what the application asks for",
    "USER_ACCESS_ERROR": "the token's user may not use the application: give them access to it",
    "PORTAL_DELETED": "the portal was deleted",
}
THROTTLED = frozenset({"QUERY_LIMIT_EXCEEDED", "OVERLOAD_LIMIT"})
OVERRUN = "OPERATION_TIME_LIMIT"
EXPIRED = "EXPIRED_TOKEN"
NO_RIGHT = frozenset({
    "ACCESS_DENIED", "INSUFFICIENT_SCOPE", "WRONG_AUTH_TYPE", "ALLOWED_ONLY_INTRANET_USER", "ACCESS_ERROR",
    "ERROR_ACCESS_DENIED",
})  # fmt: skip
NO_RIGHT_TEXTS = ("access denied", "insufficient permission", "application context required")
NOT_FOUND = frozenset({"NOT_FOUND", "ERROR_NOT_FOUND"})
NOT_FOUND_TEXTS = ("not found", "element not found", "user not found")
# Codes that speak of what was asked for, not of a record: a missing method is no missing record.
NO_SUCH_METHOD = frozenset({"ERROR_METHOD_NOT_FOUND", "ERROR_EVENT_NOT_FOUND", "ERROR_BATCH_METHOD_NOT_ALLOWED"})


def judge(answer: Answer, *, writes: bool = False) -> Reply:
    """What a good answer holds. Raises what a bad one means."""
    if answer.status in (301, 302, 303, 307, 308):
        raise _moved(answer)
    body = _body(answer)
    if body is None:
        text = f"bitrix24: the answer is not from its REST (HTTP {answer.status})"
        # A page with a status of 400 and something was made before REST looked at the call.
        raise Unreachable(text, maybe_done=writes and not 400 <= answer.status < 500)
    if "error" in body:
        raise fault_of(body, answer.status, writes=writes)
    if answer.status >= 400 or "result" not in body:
        raise Unreachable(f"bitrix24: HTTP {answer.status} without a result", maybe_done=writes)
    time = body.get("time")
    return Reply(
        body["result"], whole(body.get("total")), whole(body.get("next")), time if isinstance(time, dict) else {}
    )  # fmt: skip


def fault_of(response: Mapping[str, Any], status: int = 400, *, writes: bool = False) -> Fault:
    """An `error` with its `error_description`, of an answer or of one command inside a batch."""
    code, text = code_and_text(response)
    upper = code.upper()
    shown = f"{' '.join(text.split())[:300]}" if text.strip() else "no words"
    tail = f" ({code or 'no code'}: {shown})"
    if upper in THROTTLED:
        return Throttled(f"bitrix24: too many requests{tail}", wait_seconds=limits.QUIET_SECONDS[upper], vendor_code=code)
    if upper == OVERRUN or status == 429:
        return _overrun(response, code, tail)
    if upper == EXPIRED:
        return Expired(f"bitrix24: the token has expired{tail}", vendor_code=code)
    if upper in NOT_LET_IN:
        return _not_let_in(NOT_LET_IN[upper], code)
    if upper == "ACCESS_DENIED" and "commercial plan" in text.lower():
        return _not_let_in("the portal's plan has no REST", code)
    if upper == "INVALID_REQUEST" and "https" in text.lower():
        return _not_let_in("BITRIX24_URL must begin with https://", code)
    return _refusal(code, text, status, tail, writes)


def code_and_text(response: Mapping[str, Any]) -> tuple[str, str]:
    """Code and words; the code may be a number, empty, in small letters, or an object in REST 3.0."""
    error = response.get("error")
    if isinstance(error, dict):
        return str(error.get("code") or ""), str(error.get("message") or "")
    return ("" if error is None else str(error)), str(response.get("error_description") or "")


def whole(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _overrun(response: Mapping[str, Any], code: str, tail: str) -> Overrun:
    fault = Overrun(
        f"bitrix24: the method has used up its time{tail}", wait_seconds=limits.OPERATING_WAIT_SECONDS, vendor_code=code
    )
    time = response.get("time")
    fault.reset_at = (whole(time.get("operating_reset_at")) if isinstance(time, dict) else None) or 0
    return fault


def _not_let_in(why: str, code: str) -> NotConnected:
    return NotConnected(f"bitrix24: {why}", wait_seconds=limits.NOT_CONNECTED_WAIT_SECONDS, vendor_code=code)


def _refusal(code: str, text: str, status: int, tail: str, writes: bool) -> Fault:
    upper, words = code.upper(), (text or code).strip().rstrip(".!").lower()
    if upper in NO_SUCH_METHOD:
        return Rejected(f"bitrix24 does not know or allow that here{tail}", vendor_code=code)
    if upper in NOT_FOUND or words in NOT_FOUND_TEXTS or (upper == "" and words.endswith(" not found")):
        return NotFound(f"bitrix24: not found{tail}", vendor_code=code)
    if upper in NO_RIGHT or words.startswith(NO_RIGHT_TEXTS) or status in (401, 403):
        return NoRight(f"bitrix24: no right{tail}", vendor_code=code)
    if status >= 500:
        return Unreachable(f"bitrix24 failed: HTTP {status}{tail}", vendor_code=code, maybe_done=writes)
    return Rejected(f"bitrix24 refused: HTTP {status}{tail}", vendor_code=code)


def _moved(answer: Answer) -> Moved:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    location = headers.get("location", "")
    try:
        parts = urlsplit(location)
        shown = f"{parts.scheme}://{parts.hostname}/" if parts.hostname else "no address"
    except ValueError:
        shown = "no address"
    return Moved(
        f"bitrix24 answers with a redirect to {shown}: if the portal was renamed, put its new address into BITRIX24_URL",
        location=location,
    )


def _body(answer: Answer) -> dict[str, Any] | None:
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
