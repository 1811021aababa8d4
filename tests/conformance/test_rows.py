"""What we claim and what is shown to work are the same list: docs/rows.md against the marks in the tests."""

from __future__ import annotations

import pytest

from tests.conformance import rows

MARKS, CLAIMED = rows.marks(), rows.claimed()


@pytest.mark.parametrize("row", sorted(CLAIMED))
def test_a_claimed_row_has_a_test(row):
    assert row in MARKS, f"{row} is claimed in docs/rows.md, but no test carries @pytest.mark.row({row!r})"


@pytest.mark.parametrize("row", sorted(MARKS))
def test_a_marked_row_is_known_and_claimed(row):
    assert row in rows.known(), f"{row} is no row of the specification: {MARKS[row]}"
    assert row in CLAIMED, f"{row} is marked in {MARKS[row]}, but docs/rows.md does not list it"


def test_no_row_stands_twice():
    lines = rows.PAGE.read_text(encoding="utf-8").splitlines()
    listed = [match[1] for match in map(rows.LINE.match, lines) if match]
    assert len(listed) == len(set(listed))


def test_every_claimed_row_is_known():
    assert set(CLAIMED) <= rows.known()


def test_the_table_is_fresh():
    stale = rows.refreshed() != rows.PAGE.read_text(encoding="utf-8")
    assert not stale, "docs/rows.md is not up to date: python -m tests.conformance.rows --write"


def test_marks_are_found_wherever_they_stand(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "ROOT", tmp_path)
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/test_one.py").write_text(
        "import pytest\npytestmark = [pytest.mark.slow, pytest.mark.row('PL-01')]\n"
        "@pytest.mark.row('EX-01', 'EX-02')\ndef test_a(): ...\n"
        "class TestB:\n    @pytest.mark.row('EX-02')\n    def test_c(self): ...\n"
    )
    file = "kernel/test_one.py"
    assert rows.marks() == {"EX-01": [f"{file}::test_a"], "EX-02": [f"{file}::test_a", f"{file}::test_c"], "PL-01": [file]}
