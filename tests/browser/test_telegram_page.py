"""The page of the emulated Telegram in a real browser: on a phone of 360 px, live, in the dark.

Needs Debian's Chromium, as test_board.py says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from kernel.testing import until
from sandbox.telegram import Options, Sandbox
from tests.browser.page_checks import Troubles

pytestmark = [pytest.mark.browser, pytest.mark.row("PL-08")]
WAIT_MS = 120_000
OLEG = 510000102
LINK = "https://t.me/partner_desk_bot?startgroup=abc"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Options(portal="partners")) as running:
        yield running


@pytest.fixture
def phone(browser: Any, sandbox: Sandbox) -> Iterator[Any]:
    """A phone's page, closed before the sandbox is; its troubles fail the test."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="uk-UA", color_scheme="dark")
    page = context.new_page()
    troubles = Troubles()
    troubles.watch(page)
    yield page
    context.close()
    assert troubles == []


def test_a_partner_on_a_phone(phone: Any, sandbox: Sandbox) -> None:
    world = sandbox.world
    phone.goto(f"{sandbox.address}/?as={OLEG}")
    phone.get_by_label("Посилання на бота").fill(LINK)
    phone.get_by_label("У яку групу").select_option(label="Партнер 118")
    phone.get_by_role("button", name="Натиснути посилання").click()
    phone.get_by_role("heading", name="Партнер 118").wait_for(timeout=WAIT_MS)
    chat = next(one for one in world.groups.values() if one.title == "Партнер 118")
    assert [message.text for message in chat.messages] == ["", "/start@partner_desk_bot abc"]
    phone.get_by_role("textbox", name="Повідомлення").fill("Курс 41,33")
    phone.get_by_role("textbox", name="Повідомлення").press("Enter")
    phone.locator("article.own", has_text="Курс 41,33").wait_for(timeout=WAIT_MS)
    phone.locator("article.own", has_text="Курс 41,33").get_by_role("link", name="Відповісти").click()
    phone.locator(".target", has_text="Курс 41,33").wait_for(timeout=WAIT_MS)
    phone.get_by_role("textbox", name="Повідомлення").fill("і до вечора")
    phone.get_by_role("button", name="Надіслати").click()
    until(lambda: chat.messages[-1].reply is chat.messages[-2], "the answer is one")
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
    background = phone.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(14, 22, 33)", "the phone is set to dark"


def test_the_desks_message_comes_by_itself(phone: Any, sandbox: Sandbox) -> None:

    def door(path: str, **data: Any) -> Any:
        return requests.post(f"{sandbox.address}/sandbox{path}", json=data, timeout=120).json()

    chat = door("/group", title="Група", members=["oleg_fx"], bots=["partner_desk_bot"])["chat"]
    phone.goto(f"{sandbox.address}/?as={OLEG}&chat={chat}")
    words = {"inline_keyboard": [[{"text": "Беру", "callback_data": "take"}]]}
    send = {"chat_id": chat, "text": "Заявка 5512", "reply_markup": words}
    requests.post(f"{sandbox.address}/bot{sandbox.token}/sendMessage", json=send, timeout=120)
    phone.locator("article", has_text="Заявка 5512").wait_for(timeout=WAIT_MS)
    phone.get_by_role("button", name="Беру").click()
    until(lambda: sandbox.world.callbacks, "the button is pressed")
