"""The owner's two buttons on the page of a deleted deal: who sees them, and that two clicks are one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from kernel.crm.gone import note_gone
from kernel.testing import at_once
from kernel.values import to_micros
from plugins.exchange import deleted
from plugins.exchange.store import load_deal
from plugins.exchange.tests.desk import PORTAL as BOTH_PORTAL
from plugins.exchange.tests.desk import Desk as WholeDesk
from plugins.exchange.tests.desk import buy
from plugins.exchange.tests.web_fixture import PORTAL, Desk, deal, make_desk, operation

PAGE = f"/exchange/deals/{PORTAL}/2"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = make_desk(tmp_path)
    made.stand(deal(2, operation(1)), deal(3, operation(1)))
    with made.portal.unit() as unit:
        note_gone(unit.tx, PORTAL, "deal", "2", to_micros(unit.now))
        note_gone(unit.tx, PORTAL, "contact", "p1", to_micros(unit.now))
    yield made
    made.close()


def token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def reversals(desk: Desk) -> int:
    with desk.portal.read() as unit:
        return int(unit.tx.value("SELECT COUNT(*) FROM ledger_journal WHERE kind = 'reversal'"))


@pytest.mark.row("EX-12")
def test_the_owner_reverses_with_a_reason_and_everybody_reads_it(desk: Desk) -> None:
    client = desk.client()
    page = client.get(PAGE).text
    assert "видалено в CRM" in page and 'id="reverse"' in page and 'id="restore"' not in page
    assert "Кошик" in page, "this CRM has no bin of its own: where to click is said"
    form = {"csrf": token(page), "reason": "<b>двічі</b> заведено"}
    assert client.post(f"{PAGE}/reverse", data={**form, "csrf": "wrong"}).status_code in (400, 403)
    assert client.post(f"{PAGE}/reverse", data={**form, "reason": " "}).status_code == 400
    assert reversals(desk) == 0
    for _twice in range(2):
        assert client.post(f"{PAGE}/reverse", data=form).status_code == 303
    counted = reversals(desk)
    page = client.get(PAGE).text
    assert "&lt;b&gt;двічі&lt;/b&gt; заведено" in page and "Олена Власниця" in page and 'id="reverse"' not in page
    client.post(f"{PAGE}/reverse", data=form)
    assert reversals(desk) == counted > 0
    assert client.post(f"/exchange/deals/{PORTAL}/3/reverse", data=form).status_code == 303, "it is there"
    assert reversals(desk) == counted


def test_marks_stand_on_board_reports_and_cards(desk: Desk) -> None:
    client = desk.client()
    board = client.get("/exchange/board")
    assert 'id="deleted"' in board.text and f"/exchange/deals/{PORTAL}/2" in board.text
    assert [one["deal"] for one in client.get("/exchange/board.json").json["deleted"]] == ["2"]
    assert client.get("/exchange/operations?from=&to=").text.count("видалено в CRM") == 1
    contacts = client.get("/exchange/contacts?from=&to=").text
    assert contacts.count("видалено в CRM") >= 1 and "Картку видалено" in client.get("/exchange/contacts/p1").text
    english = client.get(f"{PAGE}?lang=en").text
    assert "deleted in the CRM" in english or "видалено в CRM" in english


def test_staff_see_the_mark_and_no_button(desk: Desk) -> None:
    client = desk.client("staff", "Ігор Бондар")
    page = client.get(PAGE).text
    assert "видалено в CRM" in page and 'id="reverse"' not in page
    assert client.post(f"{PAGE}/reverse", data={"csrf": "x", "reason": "так"}).status_code == 403
    assert client.post(f"{PAGE}/restore", data={"csrf": "x"}).status_code == 403
    assert reversals(desk) == 0


@pytest.mark.row("EX-12")
def test_two_owners_at_once_reverse_once(both: WholeDesk) -> None:
    made = both.run_through(buy())
    both.staff.delete("deal", made)
    both.sync(made)
    subject = f"{BOTH_PORTAL}/{made}"
    outcomes: list[str] = []

    def press(name: str) -> None:
        outcomes.append(deleted.reverse(both.portal, subject, author=name, reason="так"))

    at_once(partial(press, "Олена"), partial(press, "Ірина"))
    assert sorted(outcomes) == ["already", "done"] and both.faults() == []
    with both.unit() as unit:
        entries = both.portal.books.book("exchange").entries(unit.tx, subject)
        assert len([one for one in entries if "reversed" in one.body]) == 1
        held = load_deal(unit.tx, subject)
    assert held and held.stage == "cancelled"
