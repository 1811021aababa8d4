from __future__ import annotations

from typing import Any

import pytest

from connectors.planfix.tests.portal import Portal


@pytest.fixture
def portal() -> Portal:
    return Portal()


@pytest.fixture
def crm(portal: Portal) -> Any:
    return portal.crm()
