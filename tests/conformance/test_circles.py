"""No two modules need each other, whatever way round: imports that only types need are counted, too."""

from __future__ import annotations

import sys

import grimp
import pytest

from tests.conformance.checkout import ROOT

ROOTS = ("app", "webhooks", "plugins", "connectors", "kernel", "sandbox")
pytestmark = pytest.mark.row("PL-06")


def circles(graph: grimp.ImportGraph) -> list[list[str]]:
    """Groups of modules that can all be reached from each other (Tarjan's algorithm, without recursion)."""
    names = sorted(name for name in graph.modules if "tests" not in name.split("."))
    known = set(names)
    follow = {name: sorted(graph.find_modules_directly_imported_by(name) & known) for name in names}
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    found = []
    for start in names:
        if start in number:
            continue
        work = [(start, iter(follow[start]))]
        number[start] = low[start] = len(number)
        path.append(start)
        while work:
            name, rest = work[-1]
            for other in rest:
                if other not in number:
                    number[other] = low[other] = len(number)
                    path.append(other)
                    work.append((other, iter(follow[other])))
                    break
                if other in path:
                    low[name] = min(low[name], number[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == number[name]:
                    group = path[path.index(name) :]
                    del path[path.index(name) :]
                    if len(group) > 1:
                        found.append(sorted(group))
    return found


def build(*roots: str) -> grimp.ImportGraph:
    return grimp.build_graph(*roots, exclude_type_checking_imports=False, cache_dir=None)


def test_no_circle_anywhere():
    assert circles(build(*ROOTS)) == []


def test_a_circle_would_be_found_even_one_of_types_only(tmp_path, monkeypatch):
    package = tmp_path / "round_about"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "first.py").write_text("from round_about import second\n")
    (package / "second.py").write_text("from round_about import third\n")
    (package / "third.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from round_about.first import x\n"
    )
    (package / "fourth.py").write_text("from round_about import first\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert circles(build("round_about")) == [["round_about.first", "round_about.second", "round_about.third"]]


def test_imports_of_types_count_for_the_walls_too():
    assert "exclude_type_checking_imports = false" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
