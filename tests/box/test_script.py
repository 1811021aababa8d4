"""The box module's script in a real browser, on a page that imitates the card's stage selector and the portal's REST.

Needs Chromium and Playwright, as the tests in tests/browser do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
FOLDER = Path(__file__).parents[2] / "deploy/box/local/js/annex/lock"
CHROMIUM = Path(os.environ.get("ANNEX_CHROMIUM", "/usr/bin/chromium"))
STAGES = {
    "new": {"labels": ["Новая"], "code": "", "pipeline": "", "next": ["talk"], "start": True},
    "talk": {"labels": ["Переговоры"], "code": "", "pipeline": "", "next": ["won"], "start": False},
    "won": {"labels": ["Успех"], "code": "", "pipeline": "", "next": [], "start": False},
}
PAGE = """<!doctype html><meta charset="utf-8"><title>Сделка</title>
<style>%(css)s</style>
<div data-annex-stages="deal">
  <button data-annex-stage="Новая" data-annex-current="1">Новая</button>
  <button data-annex-stage="Переговоры">Переговоры</button>
  <button data-annex-stage="Успех">Успех</button><button data-annex-stage="Прочее">Прочее</button>
</div>
<script>
const world = %(world)s;
window.BX = {
  Extension: { getSettings: () => new Map(Object.entries(world.settings)) },
  message: () => world.user,
  rest: { callMethod: (method, data, done) => {
    world.calls = [...(world.calls ?? []), method];
    if (method === "timeman.open" && !world.refuse) world.day = "OPENED";
    const wrong = world.silent || (method === "timeman.open" && world.refuse) ? "ACCESS_DENIED" : null;
    const result = method === "timeman.settings" ? { UF_TIMEMAN: world.tracked } : { STATUS: world.day };
    setTimeout(() => done({ error: () => wrong, data: () => result }), 0);
  } },
};
</script>
<script>%(js)s</script>"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    demanded = os.environ.get("ANNEX_DEMAND_BROWSER") == "1"
    if not CHROMIUM.is_file():
        (pytest.fail if demanded else pytest.skip)(f"no Chromium at {CHROMIUM}")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        (pytest.fail if demanded else pytest.skip)("playwright is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def card(chromium: Any) -> Iterator[Callable[..., Any]]:
    """card(day=…, user=…) opens the page inside the CRM; nothing leaves this machine."""
    context = chromium.new_context()
    troubles: list[str] = []

    def opened(*, path: str = "/crm/deal/details/5/", workday: bool = True, **world: Any) -> Any:
        settings = {"entities": {"deal": {"stages": STAGES}}, "override": ["user:7"], "workday": workday}
        known = {"settings": settings, "user": "8", "day": "OPENED", "tracked": True, **world}
        text = PAGE % {
            "css": (FOLDER / "lock.css").read_text(encoding="utf-8"), "world": json.dumps(known),
            "js": (FOLDER / "lock.js").read_text(encoding="utf-8"),
        }  # fmt: skip
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.route("**/*", lambda route: route.fulfill(body=text, content_type="text/html; charset=utf-8"))
        page.goto(f"http://box.invalid{path}")
        return page

    yield opened
    context.close()
    assert not troubles


def shown(page: Any) -> list[str]:
    return [one.inner_text() for one in page.query_selector_all("[data-annex-stage]") if one.is_visible()]


def test_only_open_stages_are_shown_and_one_that_nobody_mapped_stays(card: Any) -> None:
    page = card()
    page.wait_for_selector(".annex-closed", state="attached")
    assert shown(page) == ["Новая", "Переговоры", "Прочее"]


def test_the_selector_follows_the_record(card: Any) -> None:
    page = card()
    page.wait_for_selector(".annex-closed", state="attached")
    page.evaluate("""() => {
        const [first, second] = document.querySelectorAll("[data-annex-stage]");
        first.removeAttribute("data-annex-current"); second.setAttribute("data-annex-current", "1");
    }""")
    page.wait_for_function("document.querySelector('[data-annex-stage=\"Новая\"]').classList.contains('annex-closed')")
    assert shown(page) == ["Переговоры", "Успех", "Прочее"]


def test_a_head_sees_all_stages(card: Any) -> None:
    page = card(user="7")
    page.wait_for_timeout(100)
    assert len(shown(page)) == 4


@pytest.mark.parametrize("day", ["CLOSED", "EXPIRED", "PAUSED"])
def test_the_page_is_covered_until_the_day_is_started(card: Any, day: str) -> None:
    page = card(day=day)
    page.wait_for_selector("dialog.annex-day[open]")
    for _ in range(3):
        page.keyboard.press("Escape")
    assert page.is_visible("dialog.annex-day"), "it cannot be closed by a key"
    assert page.evaluate("document.activeElement.textContent") == "Начать рабочий день"
    page.click("dialog.annex-day button")
    page.wait_for_selector("dialog.annex-day", state="detached")
    assert page.evaluate("world.calls.includes('timeman.open') && world.day") == "OPENED"


def test_a_refusal_is_told_and_the_page_stays_covered(card: Any) -> None:
    page = card(day="CLOSED", refuse=True)
    page.wait_for_selector("dialog.annex-day[open]")
    page.click("dialog.annex-day button")
    page.wait_for_selector("dialog.annex-day [role=alert]:has-text('ACCESS_DENIED')")
    assert page.is_enabled("dialog.annex-day button")


@pytest.mark.parametrize(
    "world",
    [
        {"day": "OPENED"}, {"day": "CLOSED", "tracked": False}, {"day": "CLOSED", "silent": True},
        {"day": "CLOSED", "path": "/company/"}, {"day": "CLOSED", "workday": False},
    ],
)  # fmt: skip
def test_nobody_is_locked_out_for_nothing(card: Any, world: dict[str, Any]) -> None:
    page = card(**world)
    page.wait_for_timeout(150)
    assert page.query_selector("dialog.annex-day") is None
