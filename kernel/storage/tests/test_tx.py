"""The driver behind the face: the same words on both databases, every error as everybody knows it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from kernel.storage import Database
from kernel.storage.tx import PARAMETERS_MAX, SQLITE_REST_ROWS, _for_psycopg


@pytest.fixture
def table(database: Database) -> Database:
    with database.write() as tx:
        tx.run("CREATE TABLE things (name TEXT PRIMARY KEY, size BIGINT)")
    return database


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("WHERE a = :a AND b=:b", "WHERE a = %(a)s AND b=%(b)s"),
        ("(:a,:b)", "(%(a)s,%(b)s)"),
        ("SELECT x::text, 'out:planfix:deal'", "SELECT x::text, 'out:planfix:deal'"),
        ("LIKE '50%' || :a::text", "LIKE '50%%' || :a::text"),
    ],
)
def test_names_are_spelt_as_the_driver_wants_them(ours: str, theirs: str) -> None:
    assert _for_psycopg(ours) == theirs


def test_a_percent_sign_is_a_percent_sign(table: Database) -> None:
    with table.write() as tx:
        tx.run("INSERT INTO things VALUES (:n, 1)", n="50%")
        tx.insert("things (name, size)", [("100%", 2)])
        assert [row["name"] for row in tx.all("SELECT name FROM things WHERE name LIKE '%0%' ORDER BY size")] == [
            "50%",
            "100%",
        ]


def test_many_rows_go_in_however_many_statements_they_need(table: Database) -> None:
    rows = [(f"n{n}", n) for n in range(PARAMETERS_MAX[table.dialect] // 2 + SQLITE_REST_ROWS + 7)]
    with table.write() as tx:
        message = tx.insert_returning("things (name, size)", rows[:-1], "ON CONFLICT DO NOTHING RETURNING name, size")
        assert sorted(message) == sorted(rows[:-1])
        assert (
            tx.insert_returning("things (name, size)", rows[-2:], "ON CONFLICT DO NOTHING RETURNING name, size") == rows[-1:]
        )
        tx.insert("things (name, size)", rows, "ON CONFLICT (name) DO UPDATE SET size = things.size + excluded.size")
        tx.insert("things (name, size)", [])
        assert tx.insert_returning("things (name, size)", [], "RETURNING name") == []
        assert tx.value("SELECT SUM(size) FROM things") == 2 * sum(size for _, size in rows)


@pytest.mark.row("PL-10")
def test_an_error_is_of_the_known_kind_and_names_no_values(table: Database) -> None:
    with table.write() as tx:
        tx.run("INSERT INTO things VALUES ('a', 1)")
    for write in (
        lambda tx: tx.run("INSERT INTO things VALUES (:n, 77123)", n="a"),
        lambda tx: tx.run_many("INSERT INTO things VALUES (:n, :s)", [{"n": "b", "s": 1}, {"n": "a", "s": 77123}]),
        lambda tx: tx.insert("things (name, size)", [("b", 77123), ("a", 77123)]),
    ):
        with pytest.raises(sa.exc.IntegrityError) as message, table.write() as tx:
            write(tx)
        assert message.value.params is None
    with table.read() as tx:
        assert tx.value("SELECT COUNT(*) FROM things") == 1, "the pool gives connections that work, and nothing was kept"


def test_statements_sent_at_once_stand_or_fall_together(table: Database) -> None:
    with table.write() as tx, tx.at_once():
        tx.insert("things (name, size)", [("a", 1)])
        tx.run("UPDATE things SET size = 2 WHERE name = 'a'")
    with pytest.raises(sa.exc.IntegrityError), table.write() as tx:  # noqa: PT012
        with tx.at_once():
            tx.insert("things (name, size)", [("b", 1)])
            tx.insert("things (name, size)", [("a", 1)])
        tx.run("UPDATE things SET size = 3")
    with table.read() as tx:
        assert tx.all("SELECT * FROM things") == [{"name": "a", "size": 2}]
