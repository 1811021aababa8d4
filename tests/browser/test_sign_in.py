"""Signing in by a code on a telephone, in each language: the emulated Planfix writes the hidden comment, a person types it.

Needs Chromium and Playwright; nothing leaves this machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from kernel.texts import translate
from tests.browser.page_checks import Troubles
from tests.e2e.test_who_opens import IHOR, House, house

pytestmark = pytest.mark.browser
__all__ = ["house"]
LANGUAGES = {"uk": "Українська", "ru": "Русский", "en": "English"}


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=request.param, has_touch=True)
    opened, troubles = context.new_page(), Troubles()
    troubles.watch(opened)
    troubles.expect("status of 4")
    yield opened
    context.close()
    assert not troubles


def fits(page: Any) -> None:
    """Nothing is wider than the telephone, and whatever is pressed is large enough for a finger."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    pressed = "[...document.querySelectorAll('input:not([type=hidden]), button')]"
    for box in page.evaluate(f"{pressed}.map((one) => one.getBoundingClientRect().toJSON())"):
        assert box["height"] >= 24 and box["right"] <= 360, box


@pytest.mark.row("PL-09", "PL-11")
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_asks_for_a_code_types_it_and_is_on_the_board(house: House, page: Any, language: str) -> None:
    def words(code: str, **values: Any) -> str:
        return translate(language, code, **values)

    page.goto(f"{house.host}/exchange/board")
    page.get_by_role("link", name=translate("uk", "web_code_other_way")).click()
    if language != "uk":
        page.get_by_role("link", name=LANGUAGES[language]).click()
    page.wait_for_selector(f"html[lang={language}]")
    page.get_by_role("heading", name=words("web_enter")).wait_for()
    page.get_by_text(words("web_code_how")).wait_for()
    fits(page)

    page.get_by_label(words("web_code_email")).fill("u3@example.com")
    page.get_by_role("button", name=words("web_code_ask")).click()
    page.wait_for_url("**/sign-in/code")
    page.get_by_text(words("web_code_where")).wait_for()
    house.work()
    [text] = house.hidden_for(IHOR)
    found = re.search(r"\b[0-9]{6}\b", text)
    assert found, text

    page.get_by_label(words("web_code_code")).fill("000000" if found[0] != "000000" else "000001")
    page.keyboard.press("Enter")
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == words("web_code_wrong", left=4)
    fits(page)
    page.get_by_label(words("web_code_code")).fill(found[0])
    page.get_by_role("button", name=words("web_enter_button")).click()
    page.wait_for_url("**/exchange/board")
    assert "Ігор Бондар" in page.content()


@pytest.mark.row("PL-09", "PL-11")
@pytest.mark.parametrize("language", LANGUAGES)
def test_somebody_elses_link_says_for_whom_it_is_and_offers_to_sign_out(house: House, page: Any, language: str) -> None:
    def words(code: str, **values: Any) -> str:
        return translate(language, code, **values)

    links = house.app.extensions["annex"].links
    page.goto(links.for_person("user:3", "/exchange/board"))
    page.wait_for_url("**/exchange/board")
    page.goto(f"{house.host}/exchange/board?language={language}")
    page.goto(links.for_person("user:5", "/exchange/board"))
    text = words("web_somebody_else_how", name="Марія Коваль", other="Ігор Бондар")
    page.get_by_text(text).wait_for()
    fits(page)
    page.get_by_role("button", name=words("web_leave")).click()
    page.get_by_role("heading", name=words("web_left")).wait_for()
