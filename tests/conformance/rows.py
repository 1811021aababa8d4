"""`python -m tests.conformance.rows --write`: refresh the column of tests in docs/rows.md from the marks in the tests."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

from tests.conformance.checkout import ROOT

PAGE = ROOT / "docs/rows.md"
IDS = ROOT / "tests/conformance/rows.txt"
LINE = re.compile(r"^\| ([A-Z]{2}-\d\d) \| (.*?) \| (.*) \|$")
NONE = "none yet"


def marks() -> dict[str, list[str]]:
    """Row id -> the tests that carry it, as `path::test`; read from the source, nothing is run."""
    found: dict[str, set[str]] = defaultdict(set)
    for room in ("kernel", "connectors", "plugins", "webhooks", "app", "sandbox", "tests"):
        for path in sorted((ROOT / room).rglob("test_*.py")):
            for row, test in _marks_of(path):
                found[row].add(test)
    return {row: sorted(tests) for row, tests in sorted(found.items())}


def _marks_of(path: Path) -> list[tuple[str, str]]:
    tree, name = ast.parse(path.read_text(encoding="utf-8")), str(path.relative_to(ROOT))
    whole = [row for node in tree.body if isinstance(node, ast.Assign) and _is_pytestmark(node) for row in _rows(node.value)]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.lower().startswith("test"):
            found += [(row, f"{name}::{node.name}") for one in node.decorator_list for row in _rows(one)]
    return found + [(row, name) for row in whole]


def _is_pytestmark(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)


def _rows(node: ast.expr) -> list[str]:
    """The ids in `pytest.mark.row("EX-04", …)`, wherever it stands in the expression."""
    found = []
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("mark.row"):
            found += [arg.value if isinstance(arg, ast.Constant) else ast.unparse(arg) for arg in call.args]
    return [str(row) for row in found]


def known() -> set[str]:
    return set(IDS.read_text(encoding="utf-8").split())


def claimed() -> dict[str, str]:
    """Row id -> what stands in its column of tests."""
    matches = (LINE.match(line) for line in PAGE.read_text(encoding="utf-8").splitlines())
    return {match[1]: match[3] for match in matches if match}


def column(tests: list[str]) -> str:
    """By file, with the names of its tests."""
    files: dict[str, list[str]] = defaultdict(list)
    for test in tests:
        file, _, name = test.partition("::")
        files[file].extend([name] if name else [])
    return "<br>".join(f"`{file}`" + (f": {', '.join(names)}" if names else "") for file, names in files.items()) or NONE


def refreshed() -> str:
    found = marks()
    lines = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        match = LINE.match(line)
        lines.append(f"| {match[1]} | {match[2]} | {column(found.get(match[1], []))} |" if match else line)
    return "\n".join(lines) + "\n"


def main(argv: list[str]) -> int:
    if argv != ["--write"]:
        print("usage: python -m tests.conformance.rows --write", file=sys.stderr)
        return 2
    PAGE.write_text(refreshed(), encoding="utf-8")
    rows, found = claimed(), marks()
    print(f"{len(rows)} rows, without a test: {', '.join(row for row in rows if row not in found) or 'none'}")
    for row in sorted(set(found) - set(rows)):
        print(f"marked but not in the table: {row} ({found[row][0]})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
