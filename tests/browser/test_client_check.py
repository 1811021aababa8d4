"""The list of differences in a real browser, one of each kind: on a phone and on a desk, in both schemes, by keyboard.

Needs Debian's Chromium, as test_board.py says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kernel.datasets import FoundClient
from kernel.errors import Rejected
from kernel.testing import session
from plugins.client_check.tests.conftest import desk_of
from plugins.client_check.tests.desk import Desk
from tests.browser.page_checks import Troubles, can_be_read_by_all, fits_a_phone, has_buttons_for_fingers, shot
from tests.browser.serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.row("BR-18")]
INN = "770987654347"
__all__ = ["desk_of"]


@pytest.fixture
def served(desk_of: Callable[..., Desk]) -> Iterator[tuple[Desk, Any, str]]:
    desk = desk_of()
    deal = desk.deal(desk.client_card())
    desk.crm.fail_next(Rejected("портал не принял поле «Сумма»"), on="create", times=99)
    desk.push(deal)
    desk.rests()
    desk.rests(20)
    desk.card(client_status="Действующий", name="Семёнова-Тян-Шанская Аполлинария Константиновна")
    desk.card(client_status="Действующий", name="Пётр Ильин", inn=INN)
    for name in ("Общество с ограниченной ответственностью «Ромашка»", "Ромашка"):
        desk.card(client_status="Действующий", name=name, client_id="1000417")
    desk.card(client_status="Действующий", name="Опечатка", client_id="10004711")
    removed = desk.card(client_status="Действующий", name="Была с номером", client_id="1000419")
    deleted = desk.card(client_status="Действующий", name="Удалённая", client_id="1000420")
    desk.knows("1000417", "1000419", "1000420", "1000500")
    desk.found = {INN: [FoundClient("1000421", "Ильин Пётр Сергеевич")]}
    desk.asks(2)
    desk.change(removed, client_id="")
    desk.staff.delete("contact", deleted)
    desk.sync(deleted, entity="contact")
    with serving() as server:
        served = desk.serve(environment={"ANNEX_PUBLIC_URL": server.address})
        server.app = served.app
        yield desk, served.site, server.address
        served.close()


def test_each_difference_can_be_read_and_put_right(browser: Any, served: Any) -> None:
    desk, site, address = served
    sizes = ((1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light"), (360, 740, "dark"))
    for width, height, scheme in sizes:
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale="ru-RU", color_scheme=scheme
        )  # fmt: skip
        cookie = session(site, "head", "Вера Главная", desk.head.id)
        context.add_cookies([{"name": "annex_session", "value": cookie, "url": address}])
        page, troubles = context.new_page(), Troubles()
        troubles.watch(page)
        page.goto(f"{address}/dossier/check")
        assert page.locator("section[data-kind]").count() == 5
        can_be_read_by_all(page, width, "ru")
        has_buttons_for_fingers(page, width)
        shot(page, f"check-{width}-{scheme}")
        if width == 360:
            fits_a_phone(page, width)
            page.get_by_label("Остаётся в карточке").select_option(index=1)
            page.get_by_label("Остаётся в карточке").press("Tab")
            page.keyboard.press("Enter")
            page.wait_for_selector("section[data-kind=twice]", state="detached")
        context.close()
        assert troubles == []
    desk.run()
    assert [one.kind for one in desk.differs()].count("twice") == 0
