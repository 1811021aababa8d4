"""Numbers, parts, hours, order of statuses: values in, values out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.sms import rules

MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    ("given_", "number"),
    [
        ("8 (900) 111-22-33", "+79001112233"), ("89001112233", "+79001112233"), ("9001112233", "+79001112233"),
        ("+7 900 111 22 33", "+79001112233"), ("7-900-111-22-33", "+79001112233"), ("8 800 555-35-35", "+78005553535"),
        ("+380 50 111 22 33", "+380501112233"), ("00380501112233", "+380501112233"), ("+1 (212) 555-0100", "+12125550100"),
        ("", ""), ("+", ""), ("112", ""), ("900111223", ""), ("+7900111223", ""), ("+790011122334", ""),
        ("380501112233", ""),
        ("+0123456789", ""), ("8900111223x", ""), ("звоните", ""), ("+7900 111 22 33 доб. 5", ""), ("+" + "9" * 16, ""),
        ("<b>89001112233</b>", ""), ("8900\r\n1112233", "+79001112233"), ("٨٩٠٠١١١٢٢٣٣", ""),
    ],
)  # fmt: skip
def test_numbers(given_, number):
    assert rules.e164(given_) == number


@given(st.text(max_size=30))
def test_whatever_comes_is_a_number_or_nothing(text):
    found = rules.e164(text)
    assert found == "" or (found[0] == "+" and found[1:].isascii() and found[1:].isdigit() and 10 <= len(found) - 1 <= 15)
    assert rules.e164(found) == found


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2), ("ы" * 70, 1),
     ("ы" * 71, 2), ("ы" * 134, 2), ("ы" * 135, 3), ("😀" * 35, 1), ("😀" * 36, 2), ("ы" * 67 * 71, 71)],
)  # fmt: skip
def test_parts(text, parts):
    assert rules.segments(text) == parts


@pytest.mark.parametrize(
    ("quiet", "clock", "until"),
    [
        ("21:00-09:00", "20:59", ""), ("21:00-09:00", "21:00", "31 09:00"), ("21:00-09:00", "23:59", "31 09:00"),
        ("21:00-09:00", "08:59", "30 09:00"), ("21:00-09:00", "09:00", ""), ("13:00-14:00", "13:30", "30 14:00"),
        ("13:00-14:00", "14:00", ""), ("", "03:00", ""),
    ],
)  # fmt: skip
def test_quiet_hours(quiet, clock, until):
    now = datetime.fromisoformat(f"2026-10-30T{clock}:00").replace(tzinfo=MOSCOW)
    found = rules.quiet_until(quiet, now)
    assert (f"{found:%d %H:%M}" if found else "") == until


def test_never_back_from_a_final_status():
    order = ("queued", "sent", "delivered", "undelivered", "failed")
    assert [one for one in order if rules.advances("queued", one)] == ["sent", "delivered", "undelivered", "failed"]
    for final in ("delivered", "undelivered", "failed", "cancelled"):
        assert not any(rules.advances(final, one) for one in order)


def test_asked_after_5_15_60_minutes_then_hourly_for_a_day():
    sent = datetime(2026, 10, 30, 12, tzinfo=UTC)
    moments, now = [], sent
    while (following := rules.next_check(sent, now)) is not None:
        moments.append((following - sent) // timedelta(minutes=1))
        now = following
    assert moments == [5, 15, *range(60, 1441, 60)]


def test_pauses_and_the_accounts_midnight():
    assert [rules.pause(tries) // timedelta(minutes=1) for tries in (1, 2, 3, 4, 90)] == [1, 5, 15, 15, 15]
    assert rules.next_midnight(datetime(2026, 12, 31, 23, 59, tzinfo=MOSCOW)) == datetime(2027, 1, 1, tzinfo=MOSCOW)


def test_money_is_exact():
    assert sum(rules.to_scaled(Decimal("4.20")) for _ in range(1000)) == rules.to_scaled(Decimal("4200.00"))
    assert rules.from_scaled(rules.to_scaled(Decimal("4.2035"))) == Decimal("4.2035")
    assert (rules.shown(rules.to_scaled(Decimal("4122.56"))), rules.shown(None)) == ("4\u00a0122,56", "—")
