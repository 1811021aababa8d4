"""Numbers and money: exact, one rounding, nothing guessed."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import BadInput, Misconfigured
from kernel.values import (
    EXACT,
    MINOR_UNITS_MAX,
    Currencies,
    Currency,
    day_start,
    divide,
    format_minor,
    fraction_digits,
    from_micros,
    multiply,
    over,
    parse_day,
    parse_decimal,
    parse_moment,
    parse_pair,
    parse_rate,
    plain,
    round_minor,
    times,
    to_decimal,
    to_micros,
    to_minor,
    zone_named,
)

KYIV = ZoneInfo("Europe/Kyiv")
CURRENCIES = Currencies()


@pytest.mark.parametrize("scale", range(13))
def test_rounding_is_half_even_on_every_scale(scale: int) -> None:
    currency, unit = Currency("XXX", scale), Decimal(1).scaleb(-scale)
    for whole in (0, 1, 2, 3, 10, 11):
        half = (Decimal(whole) + Decimal("0.5")) * unit
        assert round_minor(half, currency) == (whole if whole % 2 == 0 else whole + 1)
        assert round_minor(-half, currency) == -round_minor(half, currency)
        assert round_minor(half + unit.scaleb(-20), currency) == whole + 1
        assert round_minor(half - unit.scaleb(-20), currency) == whole


def test_rounding_agrees_with_exact_fractions_and_never_meets_a_float() -> None:
    chosen = random.Random(1)
    for _ in range(2000):
        currency = Currency("XXX", chosen.choice((0, 2, 3, 6, 8, 9)))
        amount = Decimal(chosen.randint(1, 10**12)).scaleb(-chosen.randint(0, 6))
        rate = Decimal(chosen.randint(1, 10**12)).scaleb(-chosen.randint(0, 12))
        try:
            product = round_minor(multiply(amount, rate), currency)
        except BadInput:
            continue
        assert type(product) is int
        assert product == round(Fraction(amount) * Fraction(rate) * 10**currency.scale)
        assert (
            type(to_decimal(product, currency)) is Decimal and to_minor(to_decimal(product, currency), currency) == product
        )
        quotient = round_minor(divide(amount, rate), currency) if amount / rate < 10**4 else 0
        if quotient:
            assert quotient == round(Fraction(amount) / Fraction(rate) * 10**currency.scale)


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("10000", "10000"), ("41,20", "41.20"), ("41.20", "41.20"), (" 10 000,50 ", "10000.50"), ("1\u00a0234", "1234"),
        ("1\u202f234\u202f567.8", "1234567.8"), ("1'234", "1234"), ("1,234.50", "1234.50"), ("1,234,567.5", "1234567.5"),
        ("-5", "-5"), ("\u22125,5", "-5.5"), ("+7", "7"), (".5", "0.5"), ("5.", "5"), (",5", "0.5"),
        (5, "5"), (Decimal("1.10"), "1.10"),
    ],
)  # fmt: skip
def test_numbers_as_people_type_them(typed: str | int | Decimal, wanted: str) -> None:
    assert parse_decimal(typed) == Decimal(wanted)


@pytest.mark.parametrize(
    "typed",
    [
        "41,2o", "1.234,5", "١٢", "1e5", "NaN", "Infinity", "-inf", "", " ", "-", ".", ",", "1,2,3", "1,234,5", "12,34.5",
        "1 23", "10 00", "1  000", "0x10", "1_000", "½", "²", "5%", "$5", "--5", "+-5", "1.2.3", "9" * 61, "１２", "\x00",
        "1\n2", "null", True, False, 1.5, Decimal("NaN"), Decimal("Infinity"),
    ],
)  # fmt: skip
def test_what_could_mean_two_things_or_nothing_is_refused(typed: object) -> None:
    with pytest.raises(BadInput) as caught:
        parse_decimal(typed)  # type: ignore[arg-type]
    assert str(caught.value) and caught.value.code == "not_number"
    assert "число" in caught.value.message("uk")


def test_huge_numbers_are_refused_where_they_meet_the_books() -> None:
    usd = CURRENCIES.get("usd")
    assert to_minor(Decimal(MINOR_UNITS_MAX).scaleb(-2), usd) == MINOR_UNITS_MAX
    for huge in (Decimal(MINOR_UNITS_MAX + 1).scaleb(-2), Decimal("9" * 59), -Decimal("9" * 59)):
        with pytest.raises(BadInput, match="larger than the books"):
            to_minor(huge, usd)
        with pytest.raises(BadInput):
            round_minor(huge, usd)


def test_more_digits_than_the_currency_has_are_refused_not_cut() -> None:
    assert to_minor(Decimal("10.010"), CURRENCIES.get("USD")) == 1001
    with pytest.raises(BadInput, match=r"10\.011 has more digits"):
        to_minor(Decimal("10.011"), CURRENCIES.get("USD"))
    with pytest.raises(BadInput):
        to_minor(Decimal("0.5"), CURRENCIES.get("JPY"))


@pytest.mark.parametrize("typed", ["0", "-1", "1.1234567890123", "10000000000000"])
def test_rates_have_bounds(typed: str) -> None:
    with pytest.raises(BadInput):
        parse_rate(typed)
    assert parse_rate("41,123456789012000") == Decimal("41.123456789012")


def test_scales() -> None:
    codes = {"UAH": 2, "JPY": 0, "KWD": 3, "BTC": 8, "ETH": 9, "USDT": 6, "usdc": 6}
    assert {code: CURRENCIES.get(code).scale for code in codes} == codes
    assert Currencies({"TON": 9, "USD": 4}).get("ton ").scale == 9 and Currencies({"USD": 4}).get("USD").scale == 4
    with pytest.raises(BadInput, match="XYZ"):
        CURRENCIES.get("XYZ")


@pytest.mark.parametrize("typed", ["USD", "USD/", "/USD", "USD/UAH/EUR", "USD/USD", "usd / USD", "USD-UAH", ""])
def test_pairs_that_are_none(typed: str) -> None:
    with pytest.raises(BadInput):
        parse_pair(typed, CURRENCIES)
    assert str(parse_pair(" usd / uah ", CURRENCIES)) == "USD/UAH"


def test_shown_amounts_keep_their_scale() -> None:
    assert format_minor(-123450, CURRENCIES.get("USD")) == "-1234.50"
    assert format_minor(5, CURRENCIES.get("BTC")) == "0.00000005" and format_minor(-7, CURRENCIES.get("JPY")) == "-7"
    assert plain(Decimal("41.2000")) == "41.2" and plain(Decimal("-0")) == "0" and plain(Decimal("1E+3")) == "1000"
    assert fraction_digits(Decimal("1.2300")) == 2 and fraction_digits(Decimal("1E+3")) == 0


def test_times() -> None:
    moment = datetime(2026, 11, 21, 18, 0, 0, 123456, tzinfo=UTC)
    assert from_micros(to_micros(moment)) == moment and from_micros(to_micros(moment), KYIV) == moment
    with pytest.raises(BadInput):
        to_micros(datetime(2026, 1, 1))  # noqa: DTZ001 - that it has no zone is the point
    assert day_start(date(2026, 10, 25), KYIV).utcoffset() != day_start(date(2026, 10, 26), KYIV).utcoffset()
    assert parse_moment("21.11.2026 18:00", KYIV) == parse_moment("2026-11-21T18:00+02:00", KYIV)
    assert parse_day("2026-11-21") == parse_day("21.11.2026") == parse_day(" 21-11-2026 ") == date(2026, 11, 21)
    for crooked in ("31.02.2026", "tomorrow", "2026-13-01", ""):
        with pytest.raises(BadInput):
            parse_day(crooked)
        with pytest.raises(BadInput):
            parse_moment(crooked, KYIV)
    with pytest.raises(Misconfigured, match="Kyiv"):
        zone_named("Europe/Kiyv")


@pytest.mark.parametrize("zone", ["Europe/Kyiv", "America/New_York", "UTC"])
@pytest.mark.parametrize(
    "typed", ["05.11.2026 18:00:00", "05.11.2026 18:00", "2026-11-05T18:00", "2026-11-05 18:00:00", "20261105T1800"]
)
def test_a_time_without_an_offset_is_in_the_zone_asked_for(typed: str, zone: str) -> None:
    assert parse_moment(typed, ZoneInfo(zone)) == datetime(2026, 11, 5, 18, 0, tzinfo=ZoneInfo(zone))
    assert parse_moment("2026-11-05T18:00+05:00", ZoneInfo(zone)) == datetime(2026, 11, 5, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Europe/Kyiv", "America/New_York", "UTC"])
@pytest.mark.parametrize("day", [date(2026, 11, 5), date(2026, 5, 11), date(2026, 10, 25), date(2026, 3, 29)])
def test_a_day_is_day_month_year_and_begins_at_its_own_midnight(day: date, zone: str) -> None:
    for typed in (f"{day:%Y-%m-%d}", f"{day:%d.%m.%Y}", f"{day:%d-%m-%Y}"):
        assert parse_day(typed) == day
    for typed in (f"{day:%d.%m.%Y}", f"{day:%Y-%m-%d}"):
        assert parse_moment(typed, ZoneInfo(zone)) == day_start(day, ZoneInfo(zone))
    local = from_micros(to_micros(day_start(day, ZoneInfo(zone))), ZoneInfo(zone))
    assert (local.date(), local.hour, local.minute) == (day, 0, 0)
    assert from_micros(to_micros(day_start(day, ZoneInfo(zone))) - 1, ZoneInfo(zone)).date() < day


def test_whole_numbers_come_to_what_exact_fractions_do() -> None:
    chosen = random.Random(2)
    for _ in range(3000):
        here, there = (Currency("XXX", chosen.choice((0, 2, 3, 6, 8, 9))) for _ in range(2))
        minor = chosen.randint(-(10**12), 10**12)
        rate = Decimal(chosen.randint(1, 10 ** chosen.randint(1, 12))).scaleb(-chosen.randint(-2, 12))
        amount, unit = Fraction(minor, 10**here.scale), 10**there.scale
        for reckon, exact in ((times, amount * Fraction(rate)), (over, amount / Fraction(rate))):
            if abs(exact * unit) < MINOR_UNITS_MAX - 1:
                assert reckon(minor, here, rate, there) == round(exact * unit)
            elif abs(exact * unit) > MINOR_UNITS_MAX + 1:
                with pytest.raises(BadInput):
                    reckon(minor, here, rate, there)


@pytest.mark.parametrize(
    ("minor", "rate", "wanted"), [(5, "0.5", 2), (7, "0.5", 4), (-5, "0.5", -2), (-7, "0.5", -4), (3, "0.5", 2)]
)
def test_a_half_goes_to_the_even_side(minor: int, rate: str, wanted: int) -> None:
    unit = Currency("XXX", 2)
    assert times(minor, unit, Decimal(rate), unit) == over(minor, unit, 1 / Decimal(rate), unit) == wanted


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_a_plain_number_is_the_number_and_says_nothing_idle(number: Decimal) -> None:
    text = plain(number)
    assert Decimal(text) == EXACT.plus(number) and "E" not in text and text != "-0"
    assert "." not in text or text[-1] not in "0."
