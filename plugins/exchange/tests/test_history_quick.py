"""What the import does by a shorter way comes to what the long way does: rows as usual, and the text of a deal's facts."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.errors import BadInput
from kernel.extension.portal import Portal
from kernel.ledger.model import canonical
from kernel.values import Pair
from plugins.exchange import history_rows
from plugins.exchange.history_cells import COLUMNS, RawRow
from plugins.exchange.model import Deal, Operation, Party, deal_data, deal_from, facts_text
from plugins.exchange.tests import oracle
from plugins.exchange.tests.test_history import portal, portals
from plugins.exchange.tests.test_history_file import CELLS, FEW
from plugins.exchange.tests.test_pure import USD, USDT

__all__ = ["portal", "portals"]
USUAL = st.sampled_from(
    (
        "1", "2.50", "41,2", "41.2000", "0", "0.0", "-1", "+1", "1e3", "1,234.50", "1 234", "0.001", "0.0000000001",
        "\u0663", "99999999999999999", "90000000000000.01", "buy", "SELL ", " Move", "deposit", "USD/UAH", "usd/jpy",
        "USD/USD", "UAH", "XXX", "closed", "New", "нова", "2024-05-01", "01.05.2024 10:20", "2024-05-01T10:20:30+05:00",
        "1800-01-01", "Каса", "Банк", "  Олена   Клієнт ", "два\nрядки", "а\u00a0б", "x" * 201, "\u0007", "",
    )
)  # fmt: skip
NUMBERS = st.sampled_from((Decimal("41.20"), Decimal(5), Decimal("NaN"), Decimal("1E+3"), Decimal(-1)))
TYPED = NUMBERS | st.dates() | st.datetimes(min_value=datetime(1890, 1, 1), max_value=datetime(2210, 1, 1))  # noqa: DTZ001
SOUND = {
    "deal": "17", "op": "1", "at": "2024-05-06 10:11:12", "client": "Олена", "kind": "buy", "pair": "USD/UAH",
    "amount": "100.5", "client_rate": "41.2",
}  # fmt: skip


@settings(FEW, max_examples=400)
@given(
    start=st.sampled_from([SOUND, SOUND | {"kind": "move", "pair": "UAH", "to_place": "Банк"}]),
    changed=st.dictionaries(st.sampled_from(COLUMNS), USUAL | TYPED | CELLS, max_size=3),
    comma=st.booleans(),
)
def test_a_row_read_the_quick_way_is_the_row_read_the_long_way(
    portal: Portal, start: dict[str, Any], changed: dict[str, Any], comma: bool
) -> None:
    cells = {name: cell for name, cell in (start | changed).items() if not (isinstance(cell, str) and not cell.strip())}
    desk, raw = history_rows.Desk(portal), RawRow(2, cells, (), comma)
    try:
        quick = history_rows._sound_line(desk, raw)
    except BadInput:
        quick = None
    long = history_rows._Reader(desk, raw).line()
    if quick is not None:
        assert quick == long and not long.bad


@pytest.mark.parametrize("row", oracle.generate(31, 40))
def test_nearly_every_row_is_read_the_quick_way(portal: Portal, row: oracle.Row) -> None:
    cells = {name: cell for name, cell in row.items() if cell}
    assert history_rows._sound_line(history_rows.Desk(portal), RawRow(2, cells)) is not None


TEXTS = st.text(max_size=6) | st.sampled_from(('"', "\\", "\n", "\x7f", "\u2028", "Каса «1»", "\U0001f4b6"))
ANY_PARTY = st.none() | st.builds(Party, TEXTS, TEXTS)
QUOTES = st.none() | st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=9)
MINORS = st.none() | st.integers(-(10**15), 10**15)
ANY_OPERATION = st.builds(
    Operation, TEXTS, TEXTS, TEXTS, st.integers(), st.sampled_from((USD, USDT)), st.none() | st.just(Pair(USD, USDT)),
    QUOTES, QUOTES, ANY_PARTY, QUOTES, MINORS, MINORS, st.none() | st.dates(), TEXTS, TEXTS, TEXTS, MINORS,
)  # fmt: skip
ANY_DEAL = st.builds(
    Deal, TEXTS, TEXTS, TEXTS, st.lists(ANY_OPERATION, max_size=3).map(tuple), st.integers(), ANY_PARTY, TEXTS,
    st.booleans(), st.none() | st.dates(), st.dictionaries(TEXTS, st.integers(), max_size=3), TEXTS, TEXTS,
)  # fmt: skip


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(ANY_DEAL)
def test_the_text_of_a_deals_facts_is_the_canonical_one(one: Deal):
    assert facts_text(one) == canonical(deal_data(one))
    assert deal_data(deal_from(one.subject, json.loads(facts_text(one)))) == deal_data(one)
