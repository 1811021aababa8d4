"""The code under a deal's message: a keyed hash of deal and chat. By it an answer to an unknown message finds its deal."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from plugins.partners.rules.folding import visible

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  #: no 0 and o, no 1, i and l
LENGTH = 4
_LINE = re.compile(
    rf"^[ \t]*(?:№|No)[ \t]*([^\s·]{{1,40}})[ \t]*·[ \t]*([0-9A-Za-z]{{{LENGTH}}})(?![0-9A-Za-z])", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class CodeLine:
    """`№5512·k7f3` as it stands in a text."""

    number: str
    code: str


def digest(secret: bytes, *parts: str) -> bytes:
    """A keyed hash in which no two lists of parts meet. Raises ValueError without a secret."""
    if not secret:
        raise ValueError("a keyed hash needs a secret")
    body = b"".join(len(raw).to_bytes(4, "big") + raw for raw in (part.encode("utf-8", "surrogatepass") for part in parts))
    return hmac.digest(secret, body, "sha256")


def make_code(secret: bytes, deal: str, chat: str) -> str:
    """`deal` is its unique name in the books, `chat` the id of the chat that the message is sent to."""
    value = int.from_bytes(digest(secret, "partners.code", deal, chat), "big")
    code = ""
    for _ in range(LENGTH):
        value, index = divmod(value, len(ALPHABET))
        code += ALPHABET[index]
    return code


def code_fits(secret: bytes, deal: str, chats: Iterable[str], given: str) -> bool:
    """In constant time. `chats`: the chat's id and those that it had before: a code outlives an upgrade of the group."""
    fits = False
    for chat in chats:
        fits |= hmac.compare_digest(make_code(secret, deal, chat).encode(), given.lower().encode("utf-8", "replace"))
    return fits


def code_line(number: str, code: str) -> str:
    return f"№{number}·{code}"


def find_code_line(text: str) -> CodeLine | None:
    """The last one in a text of ours; what stands above it may be a comment that looks alike."""
    found = _LINE.findall(visible(text))
    return CodeLine(*found[-1]) if found else None
