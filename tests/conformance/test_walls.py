"""A table is asked only by the room it belongs to: no SQL in app/, and no plugin names the tables of the jobs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.conformance.checkout import ROOT

# An SQL statement or the beginning of one; upper case, so that no sentence of ours looks like it.
SQL = re.compile(
    r"\b(SELECT\s|INSERT\s+INTO\b|UPDATE\s+\S+\s+SET\b|DELETE\s+FROM\b|PRAGMA\s|VACUUM\b|TRUNCATE\s|WITH\s+\w+\s+AS\b|"
    r"(?:CREATE|ALTER|DROP)\s+(?:TABLE|INDEX|TRIGGER|VIEW)\b)"
)
# The tables of kernel/jobs where a statement names them.
JOBS = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(?:inbox|outgoing|call_decision|lane)\b", re.IGNORECASE)
WALLS = (("app", SQL), ("plugins", JOBS), ("connectors", JOBS), ("webhooks", JOBS))
pytestmark = pytest.mark.row("PL-06")


def strings(tree: ast.AST) -> Iterable[tuple[int, str]]:
    """Every string constant with its line; pieces of an f-string are put together, an expression in it becomes `?`."""
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def statements(file: Path, pattern: re.Pattern[str]) -> list[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [f"{file.name}:{line}: {text[:60]}" for line, text in strings(tree) if pattern.search(text)]


def modules(folder: str) -> list[Path]:
    """Stories included: they ask the same tables. Tests look wherever they must."""
    return [file for file in sorted((ROOT / folder).rglob("*.py")) if "tests" not in file.relative_to(ROOT).parts]


@pytest.mark.parametrize(("folder", "pattern"), WALLS, ids=[folder for folder, _ in WALLS])
def test_no_statement_stands_outside_of_its_room(folder, pattern):
    files = modules(folder)
    assert files
    assert [found for file in files for found in statements(file, pattern)] == []


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("app", 'tx.run("DELETE FROM books WHERE at < :old", old=1)'),
        ("app", 'tx.one(f"SELECT * FROM {table} WHERE id = :i", i=item)'),
        ("app", 'tx.run("UPDATE outgoing "\n       "SET state = \'new\'")'),
        ("app", 'connection.execute("PRAGMA synchronous=OFF")'),
        ("plugins", 'tx.value("SELECT result FROM outgoing WHERE key = :k", k=key)'),
        ("plugins", 'tx.all(f"SELECT id FROM own AS o {where} JOIN inbox AS i ON i.id = o.id")'),
    ],
)
def test_a_statement_outside_of_its_room_is_found(folder, line, tmp_path):
    file = tmp_path / "module.py"
    file.write_text(line + "\n", encoding="utf-8")
    assert len(statements(file, dict(WALLS)[folder])) == 1


def test_a_sentence_is_no_statement(tmp_path):
    file = tmp_path / "module.py"
    file.write_text('print("select one; update it; nothing from inbox was lost; delete from the list")\n', encoding="utf-8")
    assert statements(file, SQL) == []
