"""Who is an administrator of the portal.

No list of people says it: the portal tells it only of the owner of a token. So the tokens of an administrator who opened a
page of ours are kept (in the vault, encrypted), and the portal is asked with them again whenever the people are read.
Whoever is no administrator any more, or has left, is forgotten together with their tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.bitrix24.auth import Tokens
from connectors.bitrix24.errors import NotConnected
from connectors.bitrix24.settings import Settings
from connectors.bitrix24.wire import Request, Wire
from kernel.errors import Rejected
from kernel.extension import Connection
from kernel.telemetry import log

NAMES = "administrators"  #: in the vault: whose tokens are held; each person's stand under a name of their own


class Admins:
    """The administrators whom the portal has proved to us."""

    def __init__(self, connection: Connection, read: Settings) -> None:
        self._vault, self._tokens = connection.vault, Tokens(connection, read)
        self._wire = Wire(connection, read, self._tokens)

    def remember(self, person: str, auth: Mapping[str, Any]) -> None:
        """The portal has just said that the owner of these tokens is an administrator."""
        if not (auth.get("access_token") and auth.get("refresh_token") and auth.get("member_id")):
            return
        kept = ("access_token", "refresh_token", "member_id", "server_endpoint")
        with self._vault.turn(NAMES):
            self._vault.put(_name(person), {key: str(auth[key]) for key in kept if auth.get(key)})
            self._vault.put(NAMES, {"ids": sorted({*self._ids(), person})})

    def present(self) -> frozenset[str]:
        """Those who are administrators now. Raises a Fault where the portal cannot be asked."""
        return frozenset(person for person in self._ids() if self._still(person))

    def forget(self, person: str) -> None:
        with self._vault.turn(NAMES):
            self._vault.drop(_name(person))
            self._vault.put(NAMES, {"ids": sorted({*self._ids()} - {person})})
        log.info("bitrix24.administrator_forgotten", person=person)

    def _ids(self) -> list[str]:
        return list((self._vault.get(NAMES) or {}).get("ids") or [])

    def _still(self, person: str) -> bool:
        held = self._vault.get(_name(person))
        if held is None:
            return False
        response = self._profile(str(held["access_token"])) or self._renewed(person, held)
        if response is not None and str(response.get("ID")) == person and response.get("ADMIN") is True:
            return True
        self.forget(person)
        return False

    def _renewed(self, person: str, held: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """With new tokens; None if the portal gives none for these any more."""
        with self._vault.turn(_name(person)):
            present = self._vault.get(_name(person)) or held
            if present["access_token"] == held["access_token"]:  # else another process has renewed them
                fresh = self._tokens.renewed(held)
                if fresh is None:
                    return None
                self._vault.put(_name(person), fresh)
                present = fresh
        return self._profile(str(present["access_token"]))

    def _profile(self, access: str) -> Mapping[str, Any] | None:
        """What the portal says of the token's owner; None if it does not take the token."""
        try:
            response = self._wire.send(lambda: Request("profile", {}), token=access).result
        except (NotConnected, Rejected):
            return None
        return response if isinstance(response, dict) else None


def _name(person: str) -> str:
    return f"administrator:{person}"
