"""Telegram's refusals → our errors. The HTTP status decides first, then the words: Telegram has no finer codes."""

from __future__ import annotations

import json

from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, NetworkError, TelegramError

from connectors.telegram import limits
from kernel.errors import AnnexError, Misconfigured, Moved, NoRight, NotFound, Rejected, Throttled, Unreachable
from kernel.http import Answer

# SERVER: the words of descriptions, in lower case.
NOT_MODIFIED = "message is not modified"
REPLY_NOT_FOUND = ("message to be replied not found", "replied message not found")
EDIT_NOT_FOUND = ("message to edit not found", "message can't be edited")
NO_TEXT = "there is no text in the message to edit"
NO_FILE = ("wrong file_id", "file is temporarily unavailable", "invalid file_id")
TOO_BIG = "file is too big"
ALIEN = "TELEGRAM_TOKEN: Telegram does not know this token (401): @BotFather gives a valid one"


def by_status(answer: Answer, method: str, *, writes: bool) -> AnnexError | None:
    """What the HTTP status alone decides; None: read on."""
    if answer.status == 429:
        wait = _retry_after(answer.body)
        return Throttled(f"telegram: too many requests, quiet for {wait:g} s", wait_seconds=wait, vendor_code="429")
    if answer.status == 401:
        return Misconfigured(ALIEN)
    if answer.status == 404:
        return Misconfigured(f"TELEGRAM_URL: no Bot API answers there, or it does not know {method} (404)")
    if answer.status == 413:
        return Rejected("telegram: the request is larger than it takes (413)", vendor_code="413")
    if answer.status >= 500:
        return Unreachable(f"telegram failed: HTTP {answer.status}", vendor_code=str(answer.status), maybe_done=writes)
    if 300 <= answer.status < 400:
        return Misconfigured(f"TELEGRAM_URL leads to a redirection (HTTP {answer.status})")
    return None


def ours(exc: TelegramError, *, writes: bool) -> Exception:
    """The library's error as ours."""
    if isinstance(exc, ChatMigrated):
        return Moved(f"telegram: the group became a supergroup, {exc.new_chat_id}", address=str(exc.new_chat_id))
    words = f"telegram: {exc.message}"
    lower = exc.message.lower()
    if isinstance(exc, Forbidden):
        return NoRight(words, vendor_code="403")
    if isinstance(exc, BadRequest):
        missing = lower.startswith("chat not found") or any(word in lower for word in (*EDIT_NOT_FOUND, *NO_FILE))
        return (NotFound if missing else Rejected)(words, vendor_code="400")
    if isinstance(exc, Conflict):
        return Misconfigured(f"TELEGRAM_TOKEN is used by somebody else at the same time (409): {exc.message}")
    if type(exc) is NetworkError and exc.__cause__ is not None and not isinstance(exc.__cause__, TelegramError):
        cause = exc.__cause__  # the library wraps whatever our own request raised
        return cause if isinstance(cause, Exception) else exc
    return Unreachable(f"telegram: an answer that says nothing: {type(exc).__name__}", maybe_done=writes)


def says(exc: AnnexError, *words: str) -> bool:
    """Whether Telegram refused in these words."""
    return isinstance(exc, Rejected) and any(word in str(exc).lower() for word in words)


def _retry_after(body: bytes) -> float:
    try:
        seconds = float(json.loads(body)["parameters"]["retry_after"])
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return limits.RETRY_SECONDS_UNTOLD
    return seconds if 0 < seconds < 86_400 else limits.RETRY_SECONDS_UNTOLD
