"""Habits of the code that no tool checks: money never meets a float, nothing prints, files stay small, no secrets."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from conftest import LONG
from tests.conformance.checkout import ROOT, folders, sources

# Everything between an amount as typed and an amount as shown.
MONEY = ("plugins/exchange", "kernel/ledger", "kernel/values.py", "kernel/mapping")
# What may stand there after all, and why it is exact or no money.
FLOATS_ALLOWED = {
    "kernel/values.py: left / right": "the one division of decimals, with 80 digits, before the one rounding",
    "plugins/exchange/control.py: op.amount / op.client_rate": "exact fractions: the control report reckons in its own way",
    "plugins/exchange/control.py: gets[1] * op.percent / 100": "the same",
    "plugins/exchange/views_contacts.py: 100 * -low / span": "where the zero line of a chart lies",
    "plugins/exchange/views_contacts.py: 100 * abs(value) / span": "the length of a bar in a chart",
}
SPEAKERS = {
    "kernel/telemetry/logs.py": "writes the log itself",
    "plugins/exchange/commands.py": "commands answer on standard output",
    "plugins/exchange/commands_history.py": "commands answer on standard output",
}
LINES_MAX = 500
SWOLLEN = {
    "plugins/exchange/tests/test_pages.py": "one story per page of the desk",
    "kernel/web/tests/test_web.py": "every guard of the web side, each a few lines",
}
SECRET = re.compile(r"(token|secret|password|api_?key)\w*$", re.IGNORECASE)
PLAIN_WORDS = re.compile(r"[a-z][a-z _.,-]*|[A-Z][A-Z0-9_]*|X-[A-Za-z-]+|csrf\w*", re.IGNORECASE)


def where(path: Path) -> str:
    return str(path.relative_to(ROOT))


def floats(path: Path) -> list[str]:
    """Literals like 1.5, float(…) and true division: each could turn exact money into an inexact number."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append((node.lineno, str(node.value)))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            found.append((node.lineno, "float(…)"))
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div) and not _is_path(node):
            found.append((node.lineno, ast.unparse(node)))
    shown = [(line, what) for line, what in sorted(found) if f"{where(path)}: {what}" not in FLOATS_ALLOWED]
    return [f"{where(path)}:{line}: {what}" for line, what in shown]


def _is_path(node: ast.BinOp | ast.AugAssign) -> bool:
    """`folder / "name"` joins a path: a text stands on the right, or the left is a path."""
    right = node.right if isinstance(node, ast.BinOp) else node.value
    left = node.left if isinstance(node, ast.BinOp) else node.target
    text = isinstance(right, ast.JoinedStr) or (isinstance(right, ast.Constant) and isinstance(right.value, str))
    return text or "path" in ast.unparse(left).lower() or "here" in ast.unparse(left).lower()


def test_money_never_meets_a_float():
    found = [line for path in sources(*MONEY) for line in floats(path)]
    assert found == []


def test_a_float_near_money_would_be_found(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.conformance.test_code.ROOT", tmp_path)
    path = tmp_path / "wrong.py"
    path.write_text("a = total / 3\nb = float(a)\nc = 1.5\na /= 2\nd = folder / 'name'\n", encoding="utf-8")
    assert [line.split(":")[1] for line in floats(path)] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("room", ["kernel", "webhooks", "connectors", *(f"plugins/{f.name}" for f in folders("plugins"))])
def test_nothing_prints_but_commands(room):
    for path in sources(room):
        if where(path) in SPEAKERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_print = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            assert not is_print, f"{where(path)}:{node.lineno} prints; use kernel.telemetry.log"


def test_files_stay_small():
    long = {}
    for path in ROOT.rglob("*.py"):
        if not {".venv", "var", "build"} & set(path.relative_to(ROOT).parts):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > LINES_MAX:
                long[where(path)] = lines
    assert sorted(set(long) - set(SWOLLEN)) == [], f"over {LINES_MAX} lines, without a reason in SWOLLEN: {long}"


@pytest.mark.row("PL-10")
def test_no_secret_stands_in_the_code():
    """A name like TOKEN that holds a plain text is either a word of ours or belongs to the emulated portal and the demo."""
    found = []
    for path in sources("kernel", "plugins", "connectors", "webhooks", "app"):
        if "demo" in path.parts or "templates" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (
                isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
            ):
                continue
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            looks_random = len(node.value.value) >= 16 and not re.search(r"[\s→«»]", node.value.value)
            if looks_random and any(SECRET.search(name) for name in names) and not PLAIN_WORDS.fullmatch(node.value.value):
                found.append(f"{where(path)}:{node.lineno}: {ast.unparse(node)[:80]}")
    assert found == []


@pytest.mark.row("PL-10")
def test_no_address_of_a_package_index_stands_anywhere():
    for path in [
        *ROOT.glob("*.lock"),
        *ROOT.glob("*.in"),
        ROOT / "pyproject.toml",
        ROOT / "Makefile",
        *ROOT.glob("docs/**/*.md"),
    ]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not re.search(r"--(extra-)?index-url|--trusted-host|/simple/?$", line), f"{where(path)}:{number}: {line}"


def test_the_long_tests_that_are_begun_first_exist():
    assert [file for file in LONG if not (ROOT / file).is_file()] == []
