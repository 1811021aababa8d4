"""`room`: an office with pages on a quick SQLite file; `both`: on either database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.heads.tests.web import HeadsOffice, make_office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[HeadsOffice]:
    made = make_office(tmp_path)
    yield made
    made.close()


@pytest.fixture
def both(database_url: str, tmp_path: Path) -> Iterator[HeadsOffice]:
    made = make_office(tmp_path, url=database_url)
    yield made
    made.close()
