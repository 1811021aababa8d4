"""Tokens: encrypted at rest, overwritten whole, and renewed by one process at a time."""

from __future__ import annotations

import threading

import pytest

from kernel.clock import SystemClock
from kernel.errors import Misconfigured
from kernel.http import Vault
from kernel.http.vault import TURN_SECONDS_MAX
from kernel.storage import Database
from kernel.telemetry import mask
from kernel.testing import FakeClock, at_once

TOKEN = "a-token-nobody-may-read-1234"


@pytest.mark.row("PL-10")
def test_what_lies_in_the_database_tells_nothing(database: Database) -> None:
    vault = Vault("b/main", database, FakeClock(), b"secret")
    vault.put("app", {"access_token": TOKEN, "user_id": "1"})
    with database.read() as tx:
        assert TOKEN not in str(tx.all("SELECT * FROM vault"))
    assert vault.get("app") == {"access_token": TOKEN, "user_id": "1"}
    assert TOKEN not in mask(f"a line with {TOKEN} in it")
    assert Vault("b/other", database, FakeClock(), b"secret").get("app") is None
    vault.put("app", {"access_token": "x" * 20})
    assert vault.get("app") == {"access_token": "x" * 20}
    with pytest.raises(Misconfigured, match="ANNEX_SECRET"):
        Vault("b/main", database, FakeClock(), b"another").get("app")
    vault.drop("app")
    assert vault.get("app") is None


@pytest.mark.row("PL-10")
def test_the_secret_is_changed_without_losing_the_tokens(database: Database) -> None:
    Vault("b/main", database, FakeClock(), b"old").put("app", {"access_token": TOKEN})
    changing = Vault("b/main", database, FakeClock(), b"new", b"old")
    assert changing.get("app") == {"access_token": TOKEN}
    changing.put("app", {"access_token": TOKEN})
    assert Vault("b/main", database, FakeClock(), b"new").get("app") == {"access_token": TOKEN}


def test_one_turn_at_a_time_among_processes(database_url: str) -> None:
    inside, most = 0, 0

    def renew() -> None:
        nonlocal inside, most
        own = Database(database_url)
        with Vault("b/main", own, SystemClock(), b"secret").turn("refresh"):
            inside += 1
            most = max(most, inside)
            threading.Event().wait(0.02)
            inside -= 1
        own.close()

    at_once(*[renew] * 6)
    assert most == 1


def test_a_holder_that_died_gives_its_turn_up(database: Database) -> None:
    clock = FakeClock()
    vault = Vault("b/main", database, clock, b"secret")
    held = vault.turn("refresh")
    held.__enter__()
    with vault.turn("refresh"):
        assert TURN_SECONDS_MAX <= clock.monotonic() < TURN_SECONDS_MAX + 1
