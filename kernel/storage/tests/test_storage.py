"""Both databases: migrations twice and side by side, units of work whole or not at all, readers that wait for nobody."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from kernel.errors import Misconfigured
from kernel.storage import Database, MigrationSet, migrate
from kernel.storage.migrate import statements
from kernel.testing import FakeClock, at_once
from tests.harness.databases import migration_sets

CLOCK = FakeClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        make: Callable[..., str] = request.getfixturevalue("fresh_postgres")
        return make(empty=True)
    return f"sqlite:///{tmp_path / 'empty.db'}"


def tables(database: Database) -> set[str]:
    return set(sa.inspect(database.engine).get_table_names())


@pytest.mark.row("PL-07", "PL-12")
def test_migrations_run_side_by_side_once_and_again_not_at_all(empty_url: str) -> None:
    opened = [Database(empty_url) for _ in range(3)]
    done: list[list[str]] = []

    def run(database: Database) -> None:
        done.append(migrate(database, migration_sets(), CLOCK))

    at_once(*(partial(run, database) for database in opened))
    [applied] = [names for names in done if names]
    assert {name.split("/")[0] for name in applied} >= {"kernel.ledger", "kernel.jobs", "exchange", "reception"}
    assert migrate(opened[0], migration_sets(), CLOCK) == []
    assert tables(opened[0]) >= {"inbox", "outgoing", "ledger_journal", "exchange_deal", "annex_migration"}
    for database in opened:
        database.close()


def test_a_new_file_that_another_process_is_just_setting_up_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(tmp_path / "empty.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # SQLite does not wait for this one
    monkeypatch.setattr("kernel.storage.database.time.sleep", lambda _seconds: other.execute("COMMIT"))
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with database.read() as tx:
        assert tx.value("PRAGMA journal_mode") == "wal"
    database.close()
    other.close()


def test_a_broken_migration_leaves_nothing_of_itself(empty_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "room"
    folder.mkdir()
    (folder / "0001_good.sql").write_text("CREATE TABLE one (a INTEGER);\nCREATE TABLE two (a INTEGER);\n")
    database = Database(empty_url)
    assert migrate(database, [MigrationSet("own", folder)], CLOCK) == ["own/0001_good"]
    (folder / "0002_bad.sql").write_text("CREATE TABLE three (a INTEGER);\nCREATE TABLE one (a INTEGER);\n")
    with pytest.raises(sa.exc.DBAPIError):
        migrate(database, [MigrationSet("own", folder)], CLOCK)
    assert "three" not in tables(database) and {"one", "two"} <= tables(database)
    (folder / "0002_bad.sql").unlink()
    (folder / "0001_good.sql").unlink()
    with pytest.raises(Misconfigured, match="newer version"):
        migrate(database, [MigrationSet("own", folder)], CLOCK)
    database.close()


def test_statements_are_split_and_chosen_by_database() -> None:
    sql = """-- a comment; with a mark
CREATE TABLE a (b TEXT DEFAULT ';');
-- sqlite
CREATE TRIGGER t BEFORE UPDATE ON a
BEGIN SELECT 1;
END;
-- end
-- postgresql
CREATE FUNCTION f() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION '% no';
END $$;
-- end
CREATE INDEX i
  ON a (b);
"""
    lite, post = statements(sql, "sqlite"), statements(sql, "postgresql")
    assert [text.split()[1] for text in lite] == ["TABLE", "TRIGGER", "INDEX"]
    assert [text.split()[1] for text in post] == ["TABLE", "FUNCTION", "INDEX"]
    assert lite[1].endswith("END;") and post[1].endswith("END $$") and lite[2] == "CREATE INDEX i\n  ON a (b)"
    with pytest.raises(Misconfigured, match="middle of a statement: CREATE TABLE"):
        statements("CREATE TABLE x (\n", "sqlite")


def put(database: Database, name: str, last: int) -> None:
    with database.write() as tx:
        tx.run("INSERT INTO lane VALUES (:n, :l)", n=name, l=last)


def test_a_unit_of_work_that_fails_leaves_nothing(database: Database) -> None:
    after: list[str] = []
    with pytest.raises(RuntimeError), database.write() as tx:  # noqa: PT012
        tx.run("INSERT INTO lane VALUES ('a', 1)")
        tx.after_commit(lambda: after.append("a"))
        raise RuntimeError
    with database.write() as tx:
        tx.run("INSERT INTO lane VALUES ('b', 1)")
        tx.after_commit(lambda: after.append("b"))
        assert after == []
    with database.read() as tx:
        assert [row["name"] for row in tx.all("SELECT name FROM lane")] == ["b"] and tx.one("SELECT 1 WHERE 1=0") is None
    assert after == ["b"]


@pytest.mark.row("PL-07")
def test_a_reader_waits_for_no_writer_and_sees_one_moment(database: Database) -> None:
    put(database, "a", 1)
    with database.write() as writer:
        writer.run("UPDATE lane SET last = 2 WHERE name = 'a'")
        with database.read() as reader:  # if it waited, then for ever: who writes goes on only after it
            assert reader.value("SELECT last FROM lane WHERE name = 'a'") == 1
    with database.read() as reader:
        assert reader.value("SELECT last FROM lane WHERE name = 'a'") == 2
        put(database, "b", 1)
        assert reader.value("SELECT COUNT(*) FROM lane") == 1  # still the moment at which it began
    with database.read() as reader:
        assert reader.value("SELECT COUNT(*) FROM lane") == 2


@pytest.mark.row("PL-07")
def test_writers_of_one_row_come_one_after_another(database: Database) -> None:
    put(database, "a", 0)

    def add() -> None:
        for _ in range(10):
            with database.write() as tx:
                row = tx.lock("SELECT last FROM lane WHERE name = 'a'")
                assert row is not None
                tx.run("UPDATE lane SET last = :l WHERE name = 'a'", l=row["last"] + 1)

    at_once(*[add] * 4)
    with database.read() as tx:
        assert tx.value("SELECT last FROM lane") == 40


def test_a_stream_left_half_way_does_not_hold_the_database(database: Database) -> None:
    with database.write() as tx:
        tx.run_many("INSERT INTO lane VALUES (:n, 1)", [{"n": f"l{n}"} for n in range(5000)])
        tx.run_many("INSERT INTO lane VALUES (:n, 1)", [])
    with database.read() as tx:
        assert next(iter(tx.stream("SELECT * FROM lane ORDER BY name")))["name"] == "l0"
    with database.write() as tx:
        assert tx.run("DELETE FROM lane") == 5000


def test_other_databases_are_not_supported() -> None:
    with pytest.raises(Misconfigured, match="mysql"):
        Database("mysql://x/y")
    with pytest.raises(Misconfigured, match="not a database address"):
        Database("annex.db")


def test_two_migrations_of_one_number_are_refused(tmp_path: Path) -> None:
    for name in ("0001_one.sql", "0001_other.sql"):
        (tmp_path / name).write_text("CREATE TABLE x (y TEXT);\n")
    with pytest.raises(ValueError, match=r"0001_one\.sql and 0001_other\.sql have the same number"):
        MigrationSet("own", tmp_path).files()
