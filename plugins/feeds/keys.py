"""Keys of those who fetch feeds. A key is shown once; a hash of it is kept, and hashes are compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from kernel.errors import BadInput
from kernel.storage import Row, Tx
from kernel.values import from_micros, to_micros

MINUTE = 60 * 1_000_000
CONSUMER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_FORM = re.compile(r"annex-feed-([0-9a-f]{12})-([A-Za-z0-9_-]{43})")
_NOBODY = hashlib.sha256(b"no key").hexdigest()


@dataclass(frozen=True)
class Key:
    id: str
    consumer: str
    feeds: tuple[str, ...]
    personal: bool
    networks: tuple[str, ...]
    made_at: datetime
    ends_at: datetime
    used_at: datetime | None

    @property
    def scope(self) -> str:
        return "personal" if self.personal else "plain"

    def admits(self, address: str) -> bool:
        """Whether it may be used from there."""
        if not self.networks:
            return True
        try:
            here = ip_address(address)
        except ValueError:
            return False
        here = getattr(here, "ipv4_mapped", None) or here
        return any(here in ip_network(one) for one in self.networks)


def add(
    tx: Tx, consumer: str, feeds: Sequence[str], *, personal: bool, networks: Sequence[str], now: datetime, days: int
) -> str:
    """A new key; this is the only time that it is seen."""
    number, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    tx.run(
        "INSERT INTO feeds_key VALUES (:i, :c, :d, :f, :p, :n, :now, :ends, NULL, 0, 0)",
        i=number, c=consumer, d=_digest(secret), f=json.dumps(list(feeds)), p=int(personal), n=json.dumps(list(networks)),
        now=to_micros(now), ends=to_micros(now + timedelta(days=days)),
    )  # fmt: skip
    return f"annex-feed-{number}-{secret}"


def rotate(tx: Tx, consumer: str, *, now: datetime, overlap: int, days: int) -> str:
    """A new key of the same scope; those before live on for so many days. Raises BadInput."""
    good = living(tx, consumer, now)
    if not good:
        raise BadInput.of("feeds_no_such_key", consumer=consumer)
    newest = good[-1]
    until = to_micros(now + timedelta(days=overlap))
    tx.run(
        "UPDATE feeds_key SET ends_at = :u WHERE consumer = :c AND ends_at > :u",
        u=until, c=consumer,
    )  # fmt: skip
    return add(tx, consumer, newest.feeds, personal=newest.personal, networks=newest.networks, now=now, days=days)


def revoke(tx: Tx, consumer: str, now: datetime) -> int:
    """Nobody reads with any key of that consumer from now on; how many were good."""
    return tx.run(
        "UPDATE feeds_key SET ends_at = :now WHERE consumer = :c AND ends_at > :now", now=to_micros(now), c=consumer
    )


def living(tx: Tx, consumer: str, now: datetime) -> list[Key]:
    """Oldest first."""
    return [one for one in all_keys(tx) if one.consumer == consumer and one.ends_at > now]


def all_keys(tx: Tx) -> list[Key]:
    return [_key(row) for row in tx.all("SELECT * FROM feeds_key ORDER BY made_at, id")]


def find(tx: Tx, text: str, now: datetime) -> Key | None:
    """The key, if it is good now. Whoever guesses learns nothing from how long that takes."""
    found = _FORM.fullmatch(text)
    row = tx.one("SELECT * FROM feeds_key WHERE id = :i", i=found[1] if found else "")
    right = hmac.compare_digest(_digest(found[2] if found else ""), row["digest"] if row else _NOBODY)
    key = _key(row) if row and right else None
    return key if key and key.ends_at > now else None


def count_read(tx: Tx, key: str, now: datetime) -> int:
    """This read is counted; how many there were in this minute."""
    at = to_micros(now)
    reads = tx.value(
        "UPDATE feeds_key SET used_at = :now, reads = CASE WHEN minute = :m THEN reads + 1 ELSE 1 END, minute = :m "
        "WHERE id = :i RETURNING reads",
        now=at, m=at // MINUTE, i=key,
    )  # fmt: skip
    return int(reads)


def seconds_left(now: datetime) -> int:
    """Until the next minute begins."""
    return -(-(MINUTE - to_micros(now) % MINUTE) // 1_000_000)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: Row) -> Key:
    return Key(
        row["id"], row["consumer"], tuple(json.loads(row["feeds"])), bool(row["personal"]),
        tuple(json.loads(row["networks"])), from_micros(row["made_at"]), from_micros(row["ends_at"]),
        from_micros(row["used_at"]) if row["used_at"] is not None else None,
    )  # fmt: skip
