"""One browser for all files in here, each page in a context of its own.

Needs Debian's Chromium. Without it these tests are skipped, unless ANNEX_DEMAND_BROWSER=1 says that this must not happen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path(os.environ.get("ANNEX_CHROMIUM", "/usr/bin/chromium"))
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    demanded = os.environ.get("ANNEX_DEMAND_BROWSER") == "1"
    if not CHROMIUM.is_file():
        reason = f"no Chromium at {CHROMIUM}: apt-get install chromium, or name it in ANNEX_CHROMIUM"
        (pytest.fail if demanded else pytest.skip)(reason)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        (pytest.fail if demanded else pytest.skip)("playwright is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield opened
        opened.close()
