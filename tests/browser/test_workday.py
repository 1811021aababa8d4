"""The hidden page inside the CRM in a real browser: it opens our window for who must start their day, and only for them.

Needs Chromium and Playwright; the vendor's script is a stub, and nothing leaves this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kernel.testing import session
from plugins.workday.tests.conftest import day_of
from plugins.workday.tests.day import Day
from tests.browser.page_checks import Troubles
from tests.browser.serving import serving

pytestmark = pytest.mark.browser
BX24 = "window.BX24 = { init: (then) => then(), openApplication: (what) => (window.opened ??= []).push(what) };"
__all__ = ["day_of"]


@pytest.fixture
def served(day_of: Callable[..., Day]) -> Iterator[tuple[Day, Any, str]]:
    day = day_of()
    with serving() as server:
        served = day.serve(environment={"ANNEX_PUBLIC_URL": server.address})
        server.app = served.app
        yield day, served.site, server.address
        served.close()


@pytest.fixture
def page_of(browser: Any, served: Any) -> Iterator[Callable[..., Any]]:
    _day, site, address = served
    context = browser.new_context()
    troubles = Troubles()

    def opened(person: str, path: str, script: str = BX24) -> Any:
        cookie = session(site, "staff", "Борис", person)
        context.add_cookies([{"name": "annex_session", "value": cookie, "url": address}])
        page = context.new_page()
        troubles.watch(page)
        page.route("https://api.bitrix24.com/**", lambda route: route.fulfill(body=script, content_type="text/javascript"))
        with page.expect_response("**/workday/state") if path.endswith("worker") else page.expect_response("**/workday/"):
            page.goto(address + path)
        return page

    yield opened
    context.close()
    assert not troubles, "also a script that the page's own policy forbids would stand here"


def test_who_must_start_gets_the_window_and_can_start_in_it(served: Any, page_of: Callable[..., Any]) -> None:
    day, _site, address = served
    day.poll()
    page = page_of(day.boris, "/workday/worker")
    page.wait_for_function("window.opened?.length === 1")
    asked = page.evaluate("window.opened[0]")
    assert asked["page"] == "/workday/"
    page.goto(address + asked["page"])
    page.click("[data-start]")
    page.wait_for_selector('[data-status="open"]')
    assert day.crm.days[day.boris] == "open"


@pytest.mark.parametrize("who", ["anna", "other", "nobody"])
def test_others_are_left_in_peace(served: Any, page_of: Callable[..., Any], who: str) -> None:
    day = served[0]
    day.poll()
    page = page_of(getattr(day, who, ""), "/workday/worker")
    page.wait_for_timeout(100)
    assert page.evaluate("window.opened ?? null") is None


def test_without_the_vendors_script_nothing_breaks(served: Any, page_of: Callable[..., Any]) -> None:
    day = served[0]
    day.poll()
    page = page_of(day.boris, "/workday/worker", script="")
    page.wait_for_timeout(100)
    assert page.evaluate("window.opened ?? null") is None
