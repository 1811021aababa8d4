"""The partners' pages in a real browser: live, on a phone, by keyboard, dark and light, in three languages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kernel.crm import Ref
from kernel.testing import session
from plugins.partners.tests.office import Office, make_office
from tests.browser.page_checks import Troubles, can_be_read_by_all, fits_a_phone, has_buttons_for_fingers, shot
from tests.browser.serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.row("PL-11")]
LIVE_MS_MAX = 120_000  #: a second is what we promise; here it only has to come
LOADED = "() => !document.querySelector('[data-load]:not([data-loaded])')"  #: what a page fetches by itself is there
LONG = "Дуже-довга-назва-без-пробілів-" * 6


class World:
    def __init__(self, office: Office, host: str) -> None:
        self.office, self.host = office, host
        self.troubles = Troubles()

    def page(self, browser: Any, to: str = "/partners/talks", language: str = "uk", **options: Any) -> Any:
        """The page as the manager opens it; what its console complains of is a failure at the end."""
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "uk-UA", **options})
        cookie = session(self.office.site, "staff", self.office.manager.name, self.office.manager.id)
        for name, value in (("annex_session", cookie), ("annex_language", language)):
            context.add_cookies([{"name": name, "value": value, "url": self.host}])
        page = context.new_page()
        self.troubles.watch(page)
        page.goto(self.host + to)
        return page

    @property
    def talk(self) -> str:
        return f"/partners/talks?thread={self.office.thread(self.office.alpha)}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving() as server:
        office = make_office(tmp_path, server.address)
        server.app = office.app
        fill(office)
        made = World(office, server.address)
        yield made
        office.site.live.close()
    office.close()
    assert not made.troubles


def fill(office: Office) -> None:
    """A morning with Альфа: answers, files, an edit, a message in doubt, another that failed."""
    told = [one for one in office.bot.shown("-100") if one.author == "bot"]
    first = office.says("-100", "беру, курс 41,30", reply_to=told[0].vendor_id)
    office.bot.edit(first, "беру, курс 41,35")
    office.arrive()
    office.says("-100", f"рахунок {LONG}", files=[(f"{LONG}.pdf", b"%PDF"), ("чек.png", b"\x89PNG")])
    office.comment("deal", office.deal_a, "#партнеру Дякую, чекаємо на оплату до 16:00")
    office.comment("partner", office.alpha, "#партнеру чи дійшло?")
    office.comment("partner", office.alpha, "#партнеру не дійшло")
    with office.portal.database.write() as tx:
        for text, state in (("чи дійшло?", "uncertain"), ("не дійшло", "failed")):
            call = tx.value("SELECT call FROM message WHERE text LIKE :t", t=f"%{text}")
            tx.run("UPDATE outgoing SET state = :s, reason = 'timed out' WHERE id = :id", s=state, id=call)
            tx.run("UPDATE message SET sent_at = NULL WHERE call = :id", id=call)
    office.partner("Гамма <b>", phone="+380671234567")
    office.says("-100", "готово, перевірте будь ласка")
    give_tasks(office)


def give_tasks(office: Office) -> None:
    """Of every kind: late, due on a day or at a moment, done, with a long name and many people."""
    now, staff = office.clock.now(), office.crm.staff
    people = [Ref(one.id, f"{one.name} {LONG}") for one in (office.manager, office.other, office.executor)]
    staff.task("partner", office.alpha, f"Звірити рахунок {LONG}", responsible=people, due=now - timedelta(days=3))
    staff.task("partner", office.alpha, "Забрати готівку", responsible=people[:1], due=now.date() + timedelta(days=2))
    staff.task("partner", office.alpha, "Перевірити звіт", state="to_accept", status=LONG)
    for n in range(55):
        staff.task("partner", office.alpha, f"Надіслати реквізити {n}", state="done")


@pytest.mark.row("PT-05")
def test_a_message_shows_without_reload_and_what_is_being_written_stays(world: World, browser: Any) -> None:
    page = world.page(browser, world.talk)
    page.wait_for_selector("[data-live-state]:not(:empty):not(.off)")
    page.evaluate("window.kept = 'not reloaded'")
    page.fill("#say textarea", "пишу відповідь")
    page.focus("#say textarea")
    world.office.says("-100", "а ось і нове")
    page.wait_for_selector("text=а ось і нове >> visible=true", timeout=LIVE_MS_MAX)
    assert page.evaluate("window.kept") == "not reloaded"
    assert page.input_value("#say textarea") == "пишу відповідь"
    assert page.evaluate("document.activeElement.name") == "text"
    first = world.office.bot.shown("-100")[-1].vendor_id
    world.office.bot.edit(first, "виправлене нове")
    world.office.arrive()
    page.wait_for_selector("text=виправлене нове >> visible=true", timeout=LIVE_MS_MAX)


@pytest.mark.row("PT-05")
def test_a_second_page_hears_of_a_new_message_in_its_list(world: World, browser: Any) -> None:
    page = world.page(browser)
    page.wait_for_selector("[data-live-state]:not(:empty):not(.off)")
    world.office.says("-100", "свіже у списку")
    page.wait_for_selector(".talks >> text=свіже у списку", timeout=LIVE_MS_MAX)


@pytest.mark.row("PT-05")
def test_writing_by_keyboard_and_pressing_twice(world: World, browser: Any) -> None:
    page = world.page(browser, world.talk)
    page.focus("#say textarea")
    page.keyboard.type("Відповідь з клавіатури")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    form = page.evaluate("Object.fromEntries(new FormData(document.getElementById('say')))")
    page.keyboard.press("Enter")
    page.wait_for_selector(".messages >> text=Відповідь з клавіатури")
    status = page.evaluate(
        """async ([to, form]) => (await fetch(to, {method: "POST", body: new URLSearchParams(form)})).status""",
        [page.evaluate("document.getElementById('say').action"), form],
    )
    assert status == 200
    world.office.run()
    assert sum("Відповідь з клавіатури" in one for one in world.office.shown("-100")) == 1


@pytest.mark.row("EX-15")
def test_the_page_goes_to_the_new_card_by_itself(world: World, browser: Any) -> None:
    office = world.office
    office.crm.link = lambda _entity, record_id: f"{world.host}/healthz?card={record_id}"  # no page of the network
    page = world.page(browser, "/partners/new")
    page.fill("#f-name", "Дельта")
    page.fill("#f-phone", "050 777 66 55")
    page.locator("#f-name").press("Enter")
    page.wait_for_url("**/partners/new/*")
    page.wait_for_selector("[data-live-state]:not(:empty):not(.off)")
    office.run()
    page.wait_for_url("**/healthz?card=*", timeout=LIVE_MS_MAX)
    [card] = [one for one in office.crm.find("partner") if one.values.get("name") == "Дельта"]
    assert page.url.endswith(f"card={card.id}")


@pytest.mark.row("PT-08")
def test_ticks_survive_a_refresh(world: World, browser: Any) -> None:
    page = world.page(browser, "/partners/")
    page.wait_for_selector("[data-live-state]:not(:empty):not(.off)")
    page.check(f"#c-{world.office.alpha}")
    before = page.get_attribute("#live", "data-live")
    world.office.says("-100", "ще одне")
    page.wait_for_function("was => document.getElementById('live').dataset.live !== was", arg=before, timeout=LIVE_MS_MAX)
    assert page.is_checked(f"#c-{world.office.alpha}")


@pytest.mark.row("PT-07")
def test_tasks_come_by_themselves_on_a_phone_and_stay_through_a_refresh(world: World, browser: Any) -> None:
    office, phone = world.office, {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    page = world.page(browser, f"/partners/{office.alpha}?tab=tasks", **phone)
    page.wait_for_selector("text=Звірити рахунок >> visible=true")
    page.wait_for_selector("strong.bad >> text=прострочено")
    page.locator("text=Ще 8.").wait_for()
    assert page.locator("main tbody tr").count() == 50
    fits_a_phone(page, "tasks")
    page.wait_for_selector("[data-live-state]:not(:empty):not(.off)")
    before = page.get_attribute("#live", "data-live")
    office.says("-100", "ще одне")
    page.wait_for_function("was => document.getElementById('live').dataset.live !== was", arg=before, timeout=LIVE_MS_MAX)
    page.wait_for_selector("text=Звірити рахунок >> visible=true")
    page.click("#tab-requests")
    page.wait_for_selector("#tab-requests[aria-current=page]")


@pytest.mark.row("PT-07")
def test_without_scripts_a_link_leads_to_the_tasks(world: World, browser: Any) -> None:
    page = world.page(browser, f"/partners/{world.office.alpha}?tab=tasks", java_script_enabled=False)
    page.click("#live a[href$='/tasks']")
    page.locator("text=Забрати готівку").wait_for()


def paths(world: World) -> list[str]:
    alpha = world.office.alpha
    return [
        "/partners/talks", world.talk, f"{world.talk}&q=рах", "/partners/", "/partners/new",
        f"/partners/links?partner={alpha}",
        *(f"/partners/{alpha}?tab={tab}" for tab in ("requests", "tasks", "talk", "settlements", "analytics")),
    ]  # fmt: skip


@pytest.mark.row("PT-05", "PT-07")
@pytest.mark.parametrize("language", ["uk", "ru", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_sideways_scrolling_on_a_phone(world: World, browser: Any, scheme: str, language: str) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    page = world.page(browser, language=language, color_scheme=scheme, **phone)
    for number, path in enumerate(paths(world)):
        page.goto(world.host + path)
        page.wait_for_function(LOADED)
        for fold in page.locator("main summary").all():
            if fold.is_visible():
                fold.click()
        shot(page, f"partners-phone-{scheme}-{language}-{number}")
        fits_a_phone(page, path)
        has_buttons_for_fingers(page, path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_labels_headings_and_contrast(world: World, browser: Any, scheme: str) -> None:
    page = world.page(browser, color_scheme=scheme)
    for number, path in enumerate(paths(world)):
        page.goto(world.host + path)
        page.wait_for_function(LOADED)
        shot(page, f"partners-wide-{scheme}-{number}")
        can_be_read_by_all(page, (path, scheme), "uk")
