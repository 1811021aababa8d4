"""A vendor's library that speaks through `requests` gets a session whose every request goes through our gate.

So it keeps the vendor's limits, is fenced, masked, timed and counted like any call of ours, raises our errors, and tests
replace the transport under it as under everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from kernel.errors import Misconfigured, Rejected
from kernel.http.bodies import Stream
from kernel.http.client import HttpClient

READS = ("GET", "HEAD", "OPTIONS")
TIMEOUT_SECONDS = 30.0


def session_for(client: HttpClient, *, also: tuple[str, ...] = ()) -> requests.Session:
    """A session that reaches the client's own address, and those that begin as `also` says (schemas of a WSDL)."""
    made = requests.Session()
    made.trust_env = False
    made.adapters.clear()
    for scheme in ("https://", "http://"):
        made.mount(scheme, GateAdapter(client, (client.base_url, *also)))
    return made


class GateAdapter(BaseAdapter):
    def __init__(self, client: HttpClient, allowed: tuple[str, ...]) -> None:
        super().__init__()
        self._client, self._allowed = client, allowed

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        url, method = str(request.url), str(request.method)
        if not url.startswith(self._allowed):
            raise Misconfigured(f"{self._client.system}: its library asked for an address that is not the vendor's")
        answer = self._client.exchange(
            method, url, headers={**self._client.own_headers(), **request.headers}, body=_body(request.body),
            timeout=_seconds(timeout), writes=method not in READS, about=str(request.path_url).partition("?")[0],
        )  # fmt: skip
        if answer.status in (301, 302, 303, 307, 308):
            raise Rejected(f"{self._client.system} answers {answer.status}: it wants us at another address")
        made = requests.Response()
        made.status_code, made.url, made.request = answer.status, url, request
        made.headers = CaseInsensitiveDict(answer.headers)
        made.headers.pop("Content-Encoding", None)  # it is decoded already
        made.encoding = get_encoding_from_headers(made.headers)
        made.raw = BytesIO(answer.body)
        return made

    def close(self) -> None:
        """Nothing of its own is open."""


def _body(given: Any) -> bytes | Stream | None:
    if given is None or isinstance(given, bytes | Stream):
        return given
    if isinstance(given, str):
        return given.encode()
    return bytes(given.read()) if hasattr(given, "read") else b"".join(given)


def _seconds(timeout: Any) -> float:
    """The library's own time-out; one that has none gets ours."""
    found = timeout[-1] if isinstance(timeout, tuple) else timeout
    return float(found) if isinstance(found, int | float) else TIMEOUT_SECONDS
