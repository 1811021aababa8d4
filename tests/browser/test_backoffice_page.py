"""The page of the emulated back office in a real browser: on a phone and on a desk, a position changed by hand.

Needs Debian's Chromium, as test_board.py says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.backoffice import Options, Sandbox
from tests.browser.page_checks import Troubles, can_be_read_by_all, fits_a_phone, has_buttons_for_fingers, shot

pytestmark = [pytest.mark.browser, pytest.mark.row("PL-08", "BR-23")]
WAIT_MS = 120_000


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Options()) as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(360, 740), (1200, 800)])
def test_a_position_changed_by_hand(browser: Any, sandbox: Sandbox, size: tuple[int, int], scheme: str) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="ru-RU", color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    troubles = Troubles()
    troubles.watch(page)
    page.goto(f"{sandbox.address}/")
    can_be_read_by_all(page, "clients", "ru")
    page.get_by_role("link", name="Семёнов Артём Ильич").click()
    page.get_by_label("Остаток").first.fill("777.70")
    page.get_by_role("button", name="Сохранить").first.click()
    page.get_by_role("status").wait_for()
    can_be_read_by_all(page, "a client", "ru")
    has_buttons_for_fingers(page, "a client")
    shot(page, f"backoffice-{size[0]}-{scheme}")
    if size[0] == 360:
        fits_a_phone(page, "a client", scrolls_inside=".wide")
    context.close()
    assert troubles == []
    assert sandbox.office.clients["1000417"].tables["position_cash"][0]["balance"] == "777.70"
