"""Codes of SMS.RU: what each means for the text, the account and the number (contracts/channels.md 2.2)."""

from __future__ import annotations

from pathlib import Path

from kernel import texts
from kernel.texting import RefusalKind, TextState

texts.add_folder(Path(__file__).parent / "locale")

OK, UNKNOWN = 100, -1
STATES: dict[int, TextState] = {
    100: "queued", 101: "sent", 102: "sent", 103: "delivered", 110: "delivered", 104: "undelivered", 105: "undelivered",
    106: "undelivered", 107: "undelivered", 108: "undelivered", 150: "undelivered",
}  # fmt: skip
KINDS: dict[int, RefusalKind] = {
    200: "stopped", 300: "stopped", 301: "stopped", 302: "stopped",
    204: "stopped",  # the sender's name is wrong for every text
    201: "paused", 206: "day", 209: "opted_out", 215: "opted_out", 220: "later", 500: "later",
}  # fmt: skip
KNOWN = (
    -1, *range(100, 109), 110, 150, *range(200, 217), 220, *range(230, 234), *range(300, 306), *range(500, 509), 550, 901,
    902,
)  # fmt: skip


def state_of(code: int) -> TextState | None:
    """None: SMS.RU does not know the message. A code of a refusal means that it failed."""
    return None if code == UNKNOWN else STATES.get(code, "failed")


def kind_of(code: int) -> RefusalKind:
    return KINDS.get(code, "message")


def words(code: str, language: str) -> str:
    """What a code means; empty where nobody has said."""
    name = code.replace("-", "minus_")
    if code.lstrip("-").isascii() and code.lstrip("-").isdigit() and int(code) in KNOWN:
        return texts.translate(language, f"sms_ru_code_{name}")
    return ""
