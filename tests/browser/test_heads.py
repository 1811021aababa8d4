"""The heads' page in a real browser: live, on a phone, by keyboard, dark and light, in Russian."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kernel.errors import Rejected
from kernel.testing import session
from plugins.heads.tests.web import HeadsOffice, make_office
from tests.browser.page_checks import Troubles, can_be_read_by_all, fits_a_phone, has_buttons_for_fingers, shot
from tests.browser.serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.row("BR-13", "PL-11")]


class World:
    def __init__(self, office: HeadsOffice) -> None:
        self.office = office
        self.troubles = Troubles()

    def page(self, browser: Any, to: str = "/heads/", **options: Any) -> Any:
        """The page as the head of sales opens it; what its console complains of is a failure at the end."""
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "ru-RU", **options})
        cookie = session(self.office.site, "head", self.office.head.name, self.office.head.id)
        for name, value in (("annex_session", cookie), ("annex_language", "ru")):
            context.add_cookies([{"name": name, "value": value, "url": self.office.host}])
        page = context.new_page()
        self.troubles.watch(page)
        page.goto(self.office.host + to)
        return page


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving() as server:
        office = make_office(tmp_path, host=server.address)
        server.app = office.app
        fill(office)
        made = World(office)
        yield made
        office.site.live.close()
    office.close()
    assert not made.troubles


def fill(office: HeadsOffice) -> None:
    """A morning: two at work, one late, one overloaded, one barred; leads given, taken and waiting; a forbidden move."""
    late, busy = office.hire("Виктория Долгополова-Константинова", "Глеб Ершов")
    for person, status in ((office.anna, "open"), (office.boris, "open"), (late, "expired"), (busy, "open")):
        office.day(person, status)
    office.crm.late.update({busy.id: 7, office.boris.id: 2})
    office.clock.advance(seconds=20)
    leads = [office.lead(name=f"Звонок с сайта {n}: Иван Петров") for n in range(7)]
    office.staff.set("lead", leads[0], assigned=office.boris, author=office.boris.id)
    office.sync(leads[0], author=office.boris.id)
    office.exclude(busy)
    for person in (office.anna, office.boris):
        office.day(person, "paused")
    for n in range(3):
        office.lead(name=f"Письмо {n}: <b>ООО «Ромашка»</b>")
    office.crm.fail_next(Rejected("a field of that stage is not filled"), on="update")
    office.staff.move(leads[1], "won", entity="lead", author=office.anna.id)
    office.deliver(leads[1], author=office.anna.id)
    office.run()
    office.clock.advance(minutes=42)


NONE_WAITS = "() => document.querySelector('[data-figure=hd_waiting]').innerText === '0'"


def figure(name: str) -> str:
    return f'[data-figure="{name}"]'


def test_a_lead_given_out_shows_without_reload(world: World, browser: Any) -> None:
    page = world.page(browser)
    page.wait_for_selector("[data-live-state]:not(:empty):not(.off)")
    page.evaluate("window.kept = 'not reloaded'")
    before = page.inner_text(figure("hd_waiting"))
    assert before == "3"
    world.office.day(world.office.anna, "open")
    page.wait_for_function(NONE_WAITS, timeout=120_000)
    assert page.evaluate("window.kept") == "not reloaded"


def test_bar_and_unbar_by_keyboard(world: World, browser: Any) -> None:
    office = world.office
    page = world.page(browser)
    page.focus(f"#bar-Продажи-{office.anna.id}".replace(":", "\\:"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/heads/people/**")
    page.focus("input[name=reason]")
    page.keyboard.type("обучение до обеда")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/heads/")
    assert "обучение до обеда" in page.inner_text("main")
    page.focus(f"#unbar-Продажи-{office.anna.id}".replace(":", "\\:"))
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#bar-Продажи-{office.anna.id}".replace(":", "\\:"))
    assert "обучение до обеда" not in page.inner_text("main")


def test_a_decision_opens_in_place_and_stays_open(world: World, browser: Any) -> None:
    page = world.page(browser)
    page.wait_for_selector("[data-live-state]:not(:empty):not(.off)")
    page.locator("#decisions + ul summary").last.click()
    page.wait_for_selector("details[open] table")
    opened = page.inner_text("details[open]")
    assert "Анна Белова" in opened and "Причиталось" in opened and "Глеб Ершов" in opened
    world.office.day(world.office.anna, "open")
    page.wait_for_function(NONE_WAITS, timeout=120_000)
    assert page.locator("details[open] table").count() == 1


def paths(world: World) -> list[str]:
    office = world.office
    with office.portal.read() as unit:
        given = unit.tx.value("SELECT record_id FROM assignment_decision WHERE outcome = 'given' ORDER BY at LIMIT 1")
        excluded = unit.tx.value("SELECT person FROM assignment_bar")
    return ["/heads/", f"/heads/people/{excluded}", f"/heads/decisions/lead/{given}"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_sideways_scrolling_on_a_phone(world: World, browser: Any, scheme: str) -> None:
    page = world.page(browser, viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True, is_mobile=True)
    for number, path in enumerate(paths(world)):
        page.goto(world.office.host + path)
        for fold in page.locator("summary").all()[-2:]:
            fold.click()
        page.wait_for_timeout(250)
        shot(page, f"heads-phone-{scheme}-{number}")
        fits_a_phone(page, path)
        has_buttons_for_fingers(page, path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_labels_headings_and_contrast(world: World, browser: Any, scheme: str) -> None:
    page = world.page(browser, color_scheme=scheme)
    for number, path in enumerate(paths(world)):
        page.goto(world.office.host + path)
        for fold in page.locator("summary").all()[-1:]:
            fold.click()
        page.wait_for_timeout(200)
        shot(page, f"heads-wide-{scheme}-{number}")
        can_be_read_by_all(page, (path, scheme), "ru")
