"""What carries the library's requests: our own client and gate, instead of a network library and an event loop of its own.

The library is asynchronous. Its coroutines suspend only where a request waits for the network; this one waits in the thread
that asks, so a coroutine runs through from its first step to its end, and `drive` needs no event loop.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from telegram.error import TelegramError
from telegram.request import BaseRequest, RequestData

from connectors.telegram import errors, limits
from kernel.errors import Throttled, Unreachable
from kernel.http import Form, HttpClient, Multipart, Upload

T = TypeVar("T")
# On debug it writes whole requests: a webhook's secret is in one of them.
logging.getLogger("telegram").setLevel(logging.WARNING)


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it through. It must not suspend."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        found: T = end.value
        return found
    coroutine.close()
    raise RuntimeError("a coroutine of the library waits for something that is not our request")


def writes(method: str) -> bool:
    """Whether a call of that method changes something."""
    return not method.startswith("get")


class GateRequest(BaseRequest):
    """Sends by `http`: through its gate, fenced, timed, masked. The token stands in the address, which nobody is told."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    @property
    def read_timeout(self) -> float:
        return limits.CALL_TIMEOUT_SECONDS

    async def initialize(self) -> None:
        """Nothing to open."""

    async def shutdown(self) -> None:
        """Nothing of its own is open."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = None,
        write_timeout: Any = None,
        connect_timeout: Any = None,
        pool_timeout: Any = None,
    ) -> tuple[int, bytes]:
        name = url.rpartition("/")[2]
        body = _body(request_data)
        answer = self._http.exchange(
            method, url, headers={"Content-Type": body.content_type, **self._http.own_headers()} if body else {},
            body=body.encoded() if body else None, timeout=_seconds(read_timeout, request_data), writes=writes(name),
            about=name,
        )  # fmt: skip
        fault = errors.by_status(answer, name, writes=writes(name))
        if isinstance(fault, Throttled):
            self._http.gate.back_off(fault.wait_seconds)
        elif isinstance(fault, Unreachable):
            self._http.gate.failed(str(fault))
        if fault is not None:
            raise fault
        return answer.status, answer.body

    @staticmethod
    def parse_json_payload(payload: bytes) -> Any:
        """Without the log line in which the library would quote the whole of a bad answer."""
        try:
            found = json.loads(payload.decode("utf-8", "replace"))
        except (ValueError, RecursionError) as exc:
            raise TelegramError("not JSON") from exc
        if not isinstance(found, dict) or ("result" not in found and "description" not in found):
            raise TelegramError("not an answer of the Bot API")
        return found


class RawUpdates(GateRequest):
    """Hands updates over as they came. The library decodes all of a batch or none: one that it cannot read would take the
    others with it."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__(http)
        self._raw: list[Any] = []

    def parse_json_payload(self, payload: bytes) -> Any:  # type: ignore[override]
        found = GateRequest.parse_json_payload(payload)
        if isinstance(found.get("result"), list):
            self._raw, found["result"] = found["result"], []
        return found

    def taken(self) -> list[Any]:
        """What the last request brought."""
        found, self._raw = self._raw, []
        return found


def _body(data: RequestData | None) -> Form | Multipart | None:
    if data is None:
        return None
    if not data.contains_files:
        return Form(data.json_parameters) if data.json_parameters else None
    files = {name: Upload(one[0], _content(one[1]), one[2]) for name, one in data.multipart_data.items()}
    return Multipart(data.json_parameters, files)


def _content(given: Any) -> bytes | Path:
    """An open file is sent from where it lies, piece by piece."""
    return given if isinstance(given, bytes) else Path(given.name)


def _seconds(read_timeout: Any, data: RequestData | None) -> float:
    usual = limits.UPLOAD_TIMEOUT_SECONDS if data is not None and data.contains_files else limits.CALL_TIMEOUT_SECONDS
    return max(usual, float(read_timeout)) if isinstance(read_timeout, int | float) else usual
