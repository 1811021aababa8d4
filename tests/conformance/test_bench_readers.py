"""What the bench compares reads the same rows, or its ratios would mean nothing."""

from __future__ import annotations

import pytest

from tests.bench import backoffice


@pytest.mark.row("BR-24")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_reader_of_an_answer_reads_all_its_rows(tmp_path):
    backoffice.write(tmp_path / "few.xml", 30)
    assert {name: read(tmp_path / "few.xml", True) for name, read in backoffice.READERS.items()} == {
        "ours": 30, "bare": 30, "zeep": 30,
    }  # fmt: skip
    backoffice._took.clear()
