"""Tokens at rest, encrypted; and one refresh at a time, however many processes find the same token expired.

The key comes from ANNEX_SECRET (or the file beside the database), so a copy of the database alone opens nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from kernel.clock import Clock
from kernel.errors import Misconfigured, Throttled
from kernel.storage import Database
from kernel.telemetry import tell_secret
from kernel.values import to_micros

TURN_SECONDS_MAX = 45.0  #: a holder that died gives its turn up after so long
POLL_SECONDS = 0.1


class Vault:
    """What one portal's connector must remember and nobody may read: small mappings by name."""

    def __init__(self, portal: str, database: Database, clock: Clock, secret: bytes, old_secret: bytes = b"") -> None:
        """`old_secret`: what it was written under before; the next `put` writes under the present one."""
        self._portal, self._database, self._clock = portal, database, clock
        self._cipher = MultiFernet([_key(one) for one in (secret, old_secret) if one])

    def get(self, name: str) -> dict[str, Any] | None:
        """Raises Misconfigured if it was written under another ANNEX_SECRET."""
        with self._database.read() as tx:
            body = tx.value("SELECT body FROM vault WHERE portal = :p AND name = :n", p=self._portal, n=name)
        if body is None:
            return None
        try:
            found: dict[str, Any] = json.loads(self._cipher.decrypt(body.encode()))
        except InvalidToken as exc:
            raise Misconfigured(
                f"the tokens of {self._portal} were written under another ANNEX_SECRET: name that one in "
                "ANNEX_SECRET_OLD, or install the application in the CRM once more"
            ) from exc
        tell_secret(*(str(value) for key, value in found.items() if "token" in key and value))
        return found

    def put(self, name: str, values: Mapping[str, Any]) -> None:
        """Overwrite the whole of it at once."""
        body = self._cipher.encrypt(json.dumps(dict(values)).encode()).decode()
        with self._database.write() as tx:
            tx.run(
                "INSERT INTO vault VALUES (:p, :n, :b, :at) ON CONFLICT (portal, name) DO UPDATE "
                "SET body = excluded.body, changed_at = excluded.changed_at",
                p=self._portal, n=name, b=body, at=to_micros(self._clock.now()),
            )  # fmt: skip

    def drop(self, name: str) -> None:
        with self._database.write() as tx:
            tx.run("DELETE FROM vault WHERE portal = :p AND name = :n", p=self._portal, n=name)

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """One holder at a time among all processes; the database is not held meanwhile. Raises Throttled."""
        mine = secrets.token_hex(8)
        began = self._clock.monotonic()
        while not self._claim(name, mine):
            if self._clock.monotonic() - began > TURN_SECONDS_MAX:
                raise Throttled(f"{self._portal}: another process holds «{name}» too long", wait_seconds=5)
            self._clock.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            with self._database.write() as tx:
                tx.run(
                    "DELETE FROM vault_turn WHERE portal = :p AND name = :n AND holder = :h", p=self._portal, n=name, h=mine
                )

    def _claim(self, name: str, mine: str) -> bool:
        now = to_micros(self._clock.now())
        with self._database.write() as tx:
            tx.run(
                "DELETE FROM vault_turn WHERE portal = :p AND name = :n AND until < :now", p=self._portal, n=name, now=now
            )
            return (
                tx.run(
                    "INSERT INTO vault_turn VALUES (:p, :n, :h, :u) ON CONFLICT DO NOTHING",
                    p=self._portal, n=name, h=mine, u=now + int(TURN_SECONDS_MAX * 1e6),
                )
                == 1
            )  # fmt: skip


def _key(secret: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"vault:" + secret).digest()))
