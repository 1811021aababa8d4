"""Desks as each release left them, on both databases: `python -m tests.upgrade.store` makes one more at each release."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.upgrade.desk import VERSIONS, Stored


@pytest.fixture(
    params=[Stored(version, kind) for version in VERSIONS for kind in ("sqlite", "postgresql")],
    ids=lambda one: f"{one.version}-{one.kind}",
)
def stored(request: pytest.FixtureRequest) -> Stored:
    found: Stored = request.param
    return found


@pytest.fixture
def url(stored: Stored, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The stored database, restored."""
    url = f"sqlite:///{tmp_path / 'annex.db'}"
    if stored.kind == "postgresql":
        url = str(request.getfixturevalue("fresh_postgres")(empty=True))
    stored.restore(url)
    return url
