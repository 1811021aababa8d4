"""The database goes away, or a process stands still with its rows in hand: what is told apart, and what is let go."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from kernel.storage import Database
from kernel.storage import database as module
from kernel.storage.away import is_away

LOCK = "SELECT * FROM ledger_head WHERE id = 1"


def failure(database: Database, sql: str) -> Exception:
    with pytest.raises(sa.exc.DBAPIError) as caught, database.write() as tx:
        tx.run(sql)
    return caught.value


@pytest.mark.row("PL-03")
def test_a_mistake_of_ours_is_no_absence(database: Database) -> None:
    for sql in ("SELECT nothing FROM nowhere", "INSERT INTO ledger_head VALUES (1, 0, '')", "no SQL at all"):
        assert not is_away(failure(database, sql)), sql
    assert not is_away(ValueError("something else"))
    assert is_away(sa.exc.TimeoutError("no connection became free"))


def test_a_file_that_somebody_holds_or_nobody_can_open_is_an_absence(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_MS", 50)
    one, other = (Database(f"sqlite:///{tmp_path / 'annex.db'}") for _ in range(2))
    with one.write() as tx:
        tx.run("CREATE TABLE t (n INTEGER)")
        assert is_away(failure(other, "INSERT INTO t VALUES (1)"))
    nowhere = Database(f"sqlite:///{tmp_path}")
    assert is_away(failure(nowhere, "SELECT 1"))
    for database in (one, other, nowhere):
        database.close()


@pytest.mark.row("PL-03", "PL-07")
def test_a_server_that_is_not_there_or_ends_a_session_is_an_absence(fresh_postgres: Callable[..., str]) -> None:
    url = fresh_postgres()
    gone = Database(sa.make_url(url).set(database="nobody_made_this").render_as_string(hide_password=False))
    assert is_away(failure(gone, "SELECT 1"))
    gone.close()
    database = Database(url)
    assert is_away(failure(database, "SELECT pg_terminate_backend(pg_backend_pid())"))
    with database.read() as tx:
        assert tx.value("SELECT 1") == 1, "the pool notices by itself"
    database.close()


@pytest.mark.row("PL-07")
def test_who_stands_still_inside_a_unit_of_work_holds_nobody_up(
    fresh_postgres: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a worker does whose host is frozen, or whose network is cut: its rows come free, and its own work fails."""
    monkeypatch.setattr(module, "ABANDONED_SECONDS", 1)
    url = fresh_postgres()
    still, other = Database(url), Database(url)
    with pytest.raises(sa.exc.DBAPIError) as caught, still.write() as tx:  # noqa: PT012
        tx.lock(LOCK)
        with other.write() as theirs:  # waits until the server has let go of it
            theirs.run("SET LOCAL lock_timeout = '20s'")
            assert theirs.lock(LOCK) is not None
        tx.run("UPDATE ledger_head SET seq = 99 WHERE id = 1")
    assert is_away(caught.value)
    with other.read() as after:
        assert after.value("SELECT seq FROM ledger_head WHERE id = 1") == 0
    still.close()
    other.close()


@pytest.mark.row("PL-07")
def test_a_connection_notices_a_silent_server_unless_told_otherwise() -> None:
    """The queue's engine connects by the same address, so what is noticed stands in it."""
    database = Database("postgresql+psycopg://someone@nowhere.invalid/annex?connect_timeout=3")
    message = database.engine.url.query
    assert (message["connect_timeout"], message["tcp_user_timeout"], message["keepalives_idle"]) == ("3", "30000", "15")
    database.close()


def test_what_a_person_waits_for_may_think_for_long(
    fresh_postgres: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`annex verify` of large books computes between two statements for longer than a frozen process is borne."""
    monkeypatch.setattr(module, "ABANDONED_SECONDS", 1)
    database = Database(fresh_postgres())
    with database.read() as tx:
        tx.unhurried()
        time.sleep(1.5)
        assert tx.value("SELECT 1") == 1
    database.close()
