"""`annex new`: what it writes passes every check and its own tests as it stands, and nothing else was touched."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from app.cli import main
from tests.conformance.checkout import annex, output, run, tool

# The longest and the shortest name: lines must keep their shape with both.
NAMES = ("a_name_of_thirty_characters_xx", "zz")


def files(root: Path) -> dict[str, bytes]:
    """Everything but what tools leave behind."""
    found = {}
    for folder, inside, names in os.walk(root):
        inside[:] = [name for name in inside if not name.startswith(".") and name != "__pycache__"]
        for name in names:
            path = Path(folder, name)
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


@pytest.mark.row("PL-06")
def test_a_new_plugin_and_a_new_connector_pass_all_checks(checkout):
    before = files(checkout)
    made = []
    for name in NAMES:
        for kind in ("plugin", "connector"):
            done = annex("new", kind, name, cwd=checkout)
            assert done.returncode == 0, output(done)
            made.append(f"{kind}s/{name}")
            if kind == "plugin":
                assert f"[plugin.{name}]" in done.stdout  # how to switch it on

    after = files(checkout)
    assert {name: text for name, text in after.items() if name in before} == before
    assert all(name.startswith(tuple(f"{folder}/" for folder in made)) for name in after if name not in before)

    for command in (
        (tool("ruff"), "check", *made),
        (tool("ruff"), "format", "--check", *made),
        (tool("mypy"),),
        (tool("lint-imports"), "--no-logo"),
        (sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", *made),
    ):
        done = run(*command, cwd=checkout)
        assert done.returncode == 0, f"{' '.join(command)}\n{output(done)}"
    assert " passed" in output(done)


@pytest.mark.row("PL-06")
def test_the_new_folders_read_like_the_others(checkout):
    for kind in ("plugin", "connector"):
        assert annex("new", kind, "zz", cwd=checkout).returncode == 0
    tests = ["tests/conformance/test_folders.py", "tests/conformance/test_docs.py", "tests/conformance/test_code.py"]
    done = run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "zz", *tests, cwd=checkout)
    assert done.returncode == 0, output(done)
    assert " passed" in output(done)


@pytest.mark.parametrize(
    ("kind", "name", "why"),
    [
        ("plugin", "exchange", "already"),
        ("connector", "planfix", "already"),
        ("plugin", "Follow", "cannot be a name"),
        ("plugin", "2nd", "cannot be a name"),
        ("plugin", "a-b", "cannot be a name"),
        ("plugin", "../x", "cannot be a name"),
        ("plugin", "a" * 31, "cannot be a name"),
        ("plugin", "class", "a meaning of its own"),
        ("plugin", "match", "a meaning of its own"),
        ("connector", "json", "a meaning of its own"),
        ("plugin", "hooks", "one of our own addresses"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(kind, name, why, tmp_path, capsys):
    assert main(["new", kind, name, "--into", str(tmp_path)]) == 2
    assert why in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_it_may_be_put_elsewhere_but_over_nothing(tmp_path):
    assert annex("new", "plugin", "follow", "--into", str(tmp_path)).returncode == 0
    assert (tmp_path / "follow/tests/test_handlers.py").is_file()
    again = annex("new", "plugin", "follow", "--into", str(tmp_path))
    assert again.returncode == 2
    assert "is there already" in again.stderr
