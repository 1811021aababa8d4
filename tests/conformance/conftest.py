from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.checkout import copy


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout that a test may change."""
    return copy(tmp_path / "checkout")
