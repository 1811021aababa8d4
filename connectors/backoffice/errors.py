"""What a back office answers in the place of an answer → our errors, with its code and the TraceID it is found by.

`maybe` everywhere: the request was one that changes something, so an answer that got lost may mean that it was done.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from connectors.backoffice import limits
from connectors.backoffice.reading import Faulted
from kernel.errors import (
    BadAnswer,
    Fault,
    Maintenance,
    Misconfigured,
    Moved,
    NoRight,
    NotFound,
    Rejected,
    Throttled,
    Unreachable,
)
from kernel.http import Answer
from kernel.telemetry import mask

NAME = "backoffice"
BUSY = (408, 425, 429)  #: as with 5xx, a later try may get an answer
PAGE_EXPIRED = "PAGE_EXPIRED"
_DIGITS = re.compile(r"\d{2,4}[-.]\d{2}[-.]\d{2,4}|\+?\d[\d ()-]{3,}\d")
_MAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
#: A page's beginning, whatever stands before it. Nothing is tried twice: an answer made of comments costs no time.
_HTML = re.compile(rb"(?>\s+|<\?.*?\?>|<!--.*?-->)*+<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE | re.DOTALL)


class Expired(Exception):
    """The page is no longer there: begin anew."""


def is_html(answer: Answer, head: bytes) -> bool:
    """A sign-in page, a proxy's own page: somebody else than the back office speaks."""
    kind = next((value for name, value in answer.headers.items() if name.lower() == "content-type"), "")
    return "html" in kind.lower() or _HTML.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


def by_status(answer: Answer, head: bytes, where: str, *, maybe: bool) -> Exception | None:
    """What the status alone decides, before the body is read as XML; None: read on. `where` names the service in the set."""
    status = answer.status
    if 300 <= status < 400:
        host = _host(answer)
        return Moved(
            f"{NAME} answers from another address: HTTP {status} leads to {host}", address=host, vendor_code=str(status)
        )
    if status in (401, 403):
        return NoRight(f"{NAME} does not accept us (HTTP {status})", vendor_code=str(status))
    if status == 404:
        return Misconfigured(f"{NAME} has nothing at that address (404): {where}")
    if status in (429, 503) and (wait := _retry_after(answer)) is not None:
        return Throttled(f"{NAME} asks to wait {wait:g} s", wait_seconds=wait, vendor_code=str(status))
    if is_html(answer, head):
        return Unreachable(
            f"{NAME}: a web page in the place of an answer (HTTP {status})", vendor_code=str(status), maybe_done=maybe
        )
    if not head.strip():
        return Unreachable(f"{NAME}: an empty answer (HTTP {status})", vendor_code=str(status), maybe_done=maybe)
    if status >= 400 and b"<" not in head:
        return _no_answer(status, maybe)
    return None


def _no_answer(status: int, maybe: bool) -> Exception:
    """A status that says that something went wrong, and nothing that says what."""
    if status >= 500 or status in BUSY:
        return Unreachable(f"{NAME} failed: HTTP {status}", vendor_code=str(status), maybe_done=maybe)
    return Rejected(f"{NAME} refused: HTTP {status}", vendor_code=str(status))


def expect_good(status: int, *, maybe: bool) -> None:
    """After a body was read that is no fault: an answer comes with a good status, or it is none. Raises the tree under
    Fault."""
    if status >= 400:
        raise _no_answer(status, maybe)


def by_bad_status(exc: Exception, status: int, *, maybe: bool) -> Exception:
    """What cannot be read beside such a status is no answer at all."""
    return _no_answer(status, maybe) if status >= 400 and isinstance(exc, BadAnswer) else exc


def ours(fault: Faulted, *, maybe: bool) -> Exception:
    """A fault that the back office words itself."""
    code, about = fault.code, f"{NAME}: {fault.code or fault.who or 'fault'}"
    told: dict[str, Any] = {"vendor_code": code or fault.who, "request_id": fault.trace}
    if code == "CLIENT_NOT_FOUND":
        return NotFound(f"{NAME} has no such client", **told)
    if code == PAGE_EXPIRED:
        return Expired()
    if code == "AUTH":
        return NoRight(f"{NAME} does not accept us (AUTH)", **told)
    if code == "MAINTENANCE":
        return Maintenance(f"{NAME} is closed for planned work", **told, maybe_done=maybe)
    if code in ("BUSY", "INTERNAL") or (not code and fault.who == "Server"):
        return Unreachable(about, **told, maybe_done=maybe)
    return Rejected(f"{about}: {fault.message}" if fault.message else about, **told)


def bad(reason: str, sample: bytes = b"", *, maybe: bool = False, code: str = "") -> BadAnswer:
    return BadAnswer(f"{NAME}: {reason}", sample=masked(sample), maybe_done=maybe, vendor_code=code)


def masked(sample: bytes) -> str:
    """The beginning of an answer, for whoever has to find out what is wrong with it: markup stays, figures and addresses of
    people do not."""
    head = sample[: limits.SAMPLE_BYTES]
    encoding = "cp1251" if b"windows-1251" in head[:100].lower() else "utf-8"
    text = head.decode(encoding, "replace")
    return mask(_DIGITS.sub("•••", _MAIL.sub("•••@•••", text)))


def answered(exc: Exception) -> bool:
    """Whether that is an answer of the back office itself, so that it is there: the breaker counts only the others."""
    return not isinstance(exc, Unreachable) or isinstance(exc, Maintenance)


def never_left(exc: Fault) -> bool:
    """Nobody took our connection: a further try does no harm."""
    return isinstance(exc, Unreachable) and exc.__cause__ is not None and "NewConnectionError" in repr(exc.__cause__)


def _host(answer: Answer) -> str:
    place = next((value for name, value in answer.headers.items() if name.lower() == "location"), "")
    try:
        return urlsplit(place).hostname or "(the same host)"
    except ValueError:
        return "(no address)"


def _retry_after(answer: Answer) -> float | None:
    text = next((value for name, value in answer.headers.items() if name.lower() == "retry-after"), "")
    if not (text.isascii() and text.strip().isdecimal() and len(text) < 10):
        return None
    return min(max(float(text), 1.0), limits.BACK_OFF_SECONDS_MAX)
