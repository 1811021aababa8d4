"""Files in Planfix: put there from the disk, and fetched, both without holding them in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from connectors.planfix import limits
from connectors.planfix.errors import judge
from kernel.errors import NotFound, Rejected, Throttled, Unreachable, Unverified
from kernel.http import Answer, HttpClient, Multipart, Upload

REDIRECTS = (301, 302, 303, 307, 308)
REFUSAL_BYTES_MAX = 4096  #: a body that small may be a refusal that came under a good status


class Files:
    """One portal's files. What is too large is refused before anything leaves."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def upload(self, path: Path, name: str, media_type: str) -> int:
        """Put a file there; it hangs on nothing yet."""
        size = path.stat().st_size
        if size > limits.FILE_BYTES_MAX:
            raise Rejected(f"planfix: «{name}» has {size} bytes, more than {limits.FILE_BYTES_MAX}")
        body = Multipart({}, {"file": Upload(name, path, media_type)})
        answer = self._http.send("POST", "file/", body=body, timeout=limits.FILE_TIMEOUT_SECONDS, writes=True)
        made = self._judged(answer, writes=True)
        number = made.get("id") if isinstance(made, dict) else None
        if not isinstance(number, int) or number <= 0:
            raise Unverified("planfix: a file was answered without its number", maybe_done=True)
        return number

    def download(self, number: int, into: Path, bytes_max: int) -> None:
        """The bytes come at once, or from a signed address to which no token is sent."""
        answer = self._http.download(
            "GET", f"file/{number}/download", into, bytes_max=bytes_max, timeout=limits.FILE_TIMEOUT_SECONDS
        )
        if answer.status in REDIRECTS:
            address = urljoin(self._http.base_url, _location(answer))
            if not self._is_safe(address):
                raise Rejected(f"planfix: file {number} is said to lie at an address that is not https")
            answer = self._http.download_from(address, into, bytes_max=bytes_max, timeout=limits.FILE_TIMEOUT_SECONDS)
            if not 200 <= answer.status < 300:
                raise _gone(number, answer.status)
        elif not 200 <= answer.status < 300:
            self._judged(answer, writes=False)
            raise _gone(number, answer.status)
        elif (refusal := _refusal(into)) is not None:
            into.unlink()
            self._judged(Answer(answer.status, answer.headers, refusal), writes=False)

    def _judged(self, answer: Answer, *, writes: bool) -> Any:
        try:
            return judge(answer, writes=writes)
        except Throttled as exc:
            self._http.gate.back_off(exc.wait_seconds)
            raise

    def _is_safe(self, address: str) -> bool:
        ours, theirs = urlsplit(self._http.base_url), urlsplit(address)
        return theirs.scheme == "https" or (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc)


def _location(answer: Answer) -> str:
    return next((value for name, value in answer.headers.items() if name.lower() == "location"), "")


def _gone(number: int, status: int) -> NotFound | Unreachable:
    if status >= 500:
        return Unreachable(f"planfix: file {number} cannot be fetched now: HTTP {status}")
    return NotFound(f"planfix: file {number} is not there any more: HTTP {status}")


def _refusal(path: Path) -> bytes | None:
    """A refusal that came in a file's place: a failure may come under any status."""
    if path.stat().st_size > REFUSAL_BYTES_MAX:
        return None
    content = path.read_bytes()
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return content if isinstance(found, dict) and found.get("result") == "fail" and "code" in found else None
