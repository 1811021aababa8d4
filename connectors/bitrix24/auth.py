"""The application's tokens: kept in the vault, renewed only when the portal says so, by one process at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from connectors.bitrix24 import limits
from connectors.bitrix24.errors import NotConnected, fault_of
from connectors.bitrix24.settings import Settings
from kernel.errors import Misconfigured, Unreachable
from kernel.extension import Connection
from kernel.telemetry import log, tell_secret

APP = "app"  #: the tokens' name in the vault
KEPT = ("member_id", "client_endpoint", "server_endpoint", "scope", "status", "user_id")


class Tokens:
    """Whoever needs a token asks each time: another process may have renewed it meanwhile."""

    def __init__(self, connection: Connection, read: Settings) -> None:
        self._connection, self._read = connection, read

    def held(self) -> dict[str, Any]:
        """Raises NotConnected while the application is not installed."""
        if not self._read.client_id:
            raise Misconfigured(
                "this needs an application: make a local application in Bitrix24 and set BITRIX24_CLIENT_ID and "
                "BITRIX24_CLIENT_SECRET"
            )
        found = self._connection.vault.get(APP)
        if not found or not found.get("access_token"):
            raise _not_connected("the application is not installed yet: install it in Bitrix24 as an administrator")
        return found

    def access(self) -> str:
        found = self.held()
        if self._refused_lately(found):
            raise _revoked()
        return str(found["access_token"])

    def renew(self, spent: str) -> None:
        """Replace the access token `spent`, unless somebody already has."""
        if self.held()["access_token"] != spent:
            return
        with self._connection.vault.turn(APP):
            held = self.held()
            if held["access_token"] != spent:
                return
            renewed = self._renewed(held)
            if renewed is None:
                self._refused(spent)
                return
            self._connection.vault.put(APP, renewed)
        log.info("bitrix24.token_renewed")

    def renewed(self, held: Mapping[str, Any]) -> dict[str, Any] | None:
        """New tokens for these; None if the server does not know them (any more). Keeps nothing."""
        return self._renewed(held)

    def _refused(self, spent: str) -> None:
        """Unless another process was quicker: a server so slow that our turn ran out may have served it meanwhile."""
        held = self.held()
        if held["access_token"] == spent:
            self._connection.vault.put(APP, {**held, "refused_at": self._now()})
            raise _revoked()

    def _renewed(self, held: Mapping[str, Any]) -> dict[str, Any] | None:
        """With the present refresh token, else with the one before it; None if the server knows neither (any more)."""
        tokens = [str(held[key]) for key in ("refresh_token", "refresh_token_before") if held.get(key)]
        for token in tokens:
            response = self._ask(held, token)
            if response is not None:
                return {**held, **self._taken(held, response), "refresh_token_before": token, "refused_at": 0}
        return None

    def _taken(self, held: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
        if str(response.get("member_id") or held["member_id"]) != str(held["member_id"]):
            raise Unreachable("bitrix24: the authorisation server answered for another portal")
        access, refresh = str(response["access_token"]), str(response["refresh_token"])
        tell_secret(access, refresh)
        kept = {key: response[key] for key in KEPT if response.get(key)}
        return {**kept, "access_token": access, "refresh_token": refresh, "expires_at": self._expires_at(response)}

    def _ask(self, held: Mapping[str, Any], token: str) -> Mapping[str, Any] | None:
        """The server's answer; None if it does not know this refresh token (any more)."""
        query = {
            "grant_type": "refresh_token", "client_id": self._read.client_id, "client_secret": self._read.client_secret,
            "refresh_token": token,
        }  # fmt: skip
        http = self._connection.http(self._server(held))
        answer = http.send("GET", "oauth/token/", query=query, timeout=limits.OAUTH_TIMEOUT_SECONDS)
        try:
            response = answer.json()
        except (ValueError, RecursionError):
            response = None
        if isinstance(response, dict) and response.get("error") == "invalid_grant":
            return None
        if isinstance(response, dict) and response.get("error"):
            raise self._trouble(response, answer.status)
        if (
            answer.status != 200
            or not isinstance(response, dict)
            or not (response.get("access_token") and response.get("refresh_token"))
        ):
            raise Unreachable(f"bitrix24: the authorisation server failed (HTTP {answer.status})")
        return response

    def _trouble(self, response: Mapping[str, Any], status: int) -> Exception:
        code = str(response["error"])
        if code == "invalid_client":
            return _not_connected("BITRIX24_CLIENT_ID or BITRIX24_CLIENT_SECRET is not the application's")
        if status >= 500:
            return Unreachable(f"bitrix24: the authorisation server failed (HTTP {status}, {code})")
        fault = fault_of(response, status)
        return fault if isinstance(fault, NotConnected) else _not_connected(f"the token cannot be renewed ({code})")

    def _server(self, held: Mapping[str, Any]) -> str:
        """The one that gave the tokens out, if it is one of the vendor's; else the one of the settings."""
        host = urlsplit(str(held.get("server_endpoint", ""))).hostname or ""
        ours = urlsplit(self._read.oauth_server).hostname
        return f"https://{host}/" if host in limits.OAUTH_HOSTS and ours in limits.OAUTH_HOSTS else self._read.oauth_server

    def _refused_lately(self, held: Mapping[str, Any]) -> bool:
        """A server that refuses is not asked again at once: many questions may get the application blocked."""
        since = self._now() - int(held.get("refused_at") or 0)
        return 0 <= since < limits.REFUSED_PAUSE_SECONDS

    def _expires_at(self, response: Mapping[str, Any]) -> int:
        try:
            return int(response.get("expires") or self._now() + int(response.get("expires_in") or 3600))
        except (TypeError, ValueError):
            return self._now() + int(timedelta(hours=1).total_seconds())

    def _now(self) -> int:
        return int(self._connection.clock.now().timestamp())


def _not_connected(why: str) -> NotConnected:
    return NotConnected(f"bitrix24: {why}", wait_seconds=limits.NOT_CONNECTED_WAIT_SECONDS)


def _revoked() -> NotConnected:
    return _not_connected(
        "the application's token was taken back or has run out: open the application in Bitrix24 as an administrator, or "
        "install it again; what waits goes on by itself then"
    )
