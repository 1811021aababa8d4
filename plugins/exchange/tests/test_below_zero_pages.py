"""The board lists places below zero in red, and the page of the figure says since when and with which deal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugins.exchange.tests.web_fixture import Desk, StillClock, deal, make_desk, operation

NOON = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)  # 12:00 in Kyiv
HELD = "/exchange/explain?figure=held&currency=UAH&place=Банк"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = make_desk(tmp_path, clock=StillClock(NOON + timedelta(hours=2)))
    yield made
    made.close()


def moved(number: int, amount: int, at: datetime, kind: str = "move") -> object:
    target = {"to_place": "Каса"} if kind == "move" else {}
    return deal(number, operation(1, kind, "UAH", amount, partner=None, place="Банк", **target), client=None, at=at)


@pytest.mark.row("EX-10")
@pytest.mark.parametrize("before", [0, 100], ids=["from the first row on", "after it held something"])
def test_a_place_below_zero_is_red_and_says_since_when(desk: Desk, before: int) -> None:
    hour = timedelta(hours=1)
    if before:
        desk.stand(moved(2, before, NOON - 3 * hour, "deposit"))
    desk.stand(moved(7, 50_000_00, NOON - hour), moved(8, 50_000_00, NOON))
    client = desk.client()
    page = client.get("/exchange/board").text.replace("\u00a0", " ")
    held = f"−{100_000 - before // 100:,}".replace(",", " ") + ",00 UAH"
    notice = page.partition('id="below-zero"')[2].partition("</div>")[0]
    assert "Банк" in notice and held in notice and 'class="neg"' in notice
    assert '<td class="n neg"' in page.partition("Банк</th>")[2]
    shown = client.get(HELD).text
    assert "Нижче нуля з" in shown and "11:00" in shown and "№<bdi>7</bdi>" in shown.partition("Нижче нуля з")[2]
    assert "Нижче нуля" not in client.get(HELD.replace("Банк", "Каса")).text
    desk.stand(moved(9, 100_000_00, NOON + hour, "deposit"))
    assert 'id="below-zero"' not in client.get("/exchange/board").text and "Нижче нуля" not in client.get(HELD).text
    past = client.get("/exchange/board?at=2026-11-21T12:30").text
    assert 'id="below-zero"' in past, "as it stood then"
