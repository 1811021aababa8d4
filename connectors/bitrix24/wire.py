"""One request to the portal: its address, the gate, the token, and repeats of what was certainly not carried out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.bitrix24 import limits
from connectors.bitrix24.auth import Tokens
from connectors.bitrix24.errors import Expired, Moved, NotConnected, Overrun, Reply, judge
from connectors.bitrix24.settings import Settings, same_zone
from kernel.errors import Throttled, Unreachable
from kernel.extension import Connection
from kernel.http import Gate, HttpClient
from kernel.telemetry import log

DOMAIN = "domain"  #: in the vault: the address a renamed portal has told


@dataclass(frozen=True)
class Request:
    method: str
    params: Mapping[str, Any]


class PassedGate:
    """The gate as seen by a request that has already passed it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.release, self.succeeded, self.failed, self.back_off = gate.release, gate.succeeded, gate.failed, gate.back_off

    def acquire(self) -> None: ...


class Wire:
    """The way to one portal."""

    def __init__(self, connection: Connection, read: Settings, tokens: Tokens) -> None:
        self._connection, self._read, self._tokens, self._clock = connection, read, tokens, connection.clock
        self._base, self._https = "", {}  # type: str, dict[str, HttpClient]
        self._gate = connection.http(read.url, rate_limit=read.rate_limit).gate

    def send(self, ask: Callable[[], Request], *, writes: bool = False, app: bool = False, token: str = "") -> Reply:
        """`ask` is called when the gate has let the request through, so that what waits may still grow.

        `token`: speak as its owner instead of as ourselves.
        """
        attempts, ask = 0, functools.cache(ask)
        while True:
            attempts += 1
            self._gate.acquire()
            try:
                return self._once(ask, writes, app, token)
            except Expired as exc:
                if token or attempts > 2:
                    raise NotConnected(str(exc), wait_seconds=1.0, vendor_code=exc.vendor_code) from exc
            except Moved as exc:
                if attempts > 2 or not self._follow(exc.location):
                    raise
            except Overrun as exc:
                exc.wait_seconds = self.until(exc)
                raise
            except NotConnected:
                raise
            except Throttled as exc:
                self._gate.back_off(exc.wait_seconds)
                if attempts >= limits.ATTEMPTS_MAX or exc.wait_seconds > limits.WAIT_SECONDS_MAX:
                    raise
            except Unreachable as exc:
                if writes or attempts >= limits.READ_ATTEMPTS_MAX:
                    raise
                log.info("bitrix24.again", method=ask().method, reason=str(exc))
                self._clock.sleep(0.5 * 2 ** (attempts - 1))

    def _once(self, ask: Callable[[], Request], writes: bool, app: bool, token: str) -> Reply:
        try:
            request, http = ask(), self._http()
            own = "" if token or (self._read.webhook and not app) else self._tokens.access()
        except BaseException:
            self._gate.release()  # the request does not leave after all
            raise
        auth, way = token or own, "rest/"
        params = {**request.params, "auth": auth} if auth else request.params
        if not auth:
            way += f"{self._read.webhook}/"
        timeout = limits.CALL_TIMEOUT_SECONDS
        answer = http.send("POST", way + request.method, payload=params, timeout=timeout, writes=writes)
        try:
            return judge(answer, writes=writes)
        except Expired:
            if own:
                self._tokens.renew(own)
            raise
        except Moved:
            raise
        except Unreachable as exc:
            self._gate.failed(str(exc))
            raise

    def _http(self) -> HttpClient:
        base = self._base = self._base or self._known_address()
        if base not in self._https:
            http = self._connection.http(base)
            http.gate = PassedGate(self._gate)
            self._https[base] = http
        return self._https[base]

    def _known_address(self) -> str:
        known = self._connection.vault.get(DOMAIN) or {}
        return str(known["url"]) if known.get("from") == self._read.url and known.get("url") else self._read.url

    def _follow(self, location: str) -> bool:
        """Take a renamed portal's new address over. Only within the vendor's own zone: there the secrets may go."""
        url = same_zone(self._read.url, location)
        if not url or url == self._base:
            return False
        log.warning("bitrix24.renamed", url=url, remedy="put it into BITRIX24_URL")
        self._connection.vault.put(DOMAIN, {"from": self._read.url, "url": url})
        self._base = url
        return True

    def until(self, exc: Overrun) -> float:
        """Seconds until the method may be asked again."""
        if not exc.reset_at:
            return exc.wait_seconds
        left = exc.reset_at - self._clock.now().timestamp()
        return float(min(max(left, 1.0), limits.OPERATING_WAIT_SECONDS_MAX))
