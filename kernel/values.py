"""Values that everybody uses: currencies and money in minor units, exact decimals, times with a zone, ids.

Money is an `int` of minor units beside a `Currency`; a rate is a `Decimal`. Nothing here touches a binary float.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import cache
from zoneinfo import ZoneInfo

from kernel.errors import BadInput, Misconfigured

# Wide enough that a product of any two permitted numbers is exact before the one rounding we make.
EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)
RATE_FRACTION_DIGITS_MAX = 12
# Sums are 64-bit integers in both databases: a thousand amounts of the largest size still fit.
MINOR_UNITS_MAX = 9 * 10**15

CRYPTO_SCALES: Mapping[str, int] = {"BTC": 8, "ETH": 9, "USDT": 6, "USDC": 6}


@dataclass(frozen=True, order=True)
class Currency:
    """A currency code with its scale: how many decimal digits its smallest unit has."""

    code: str
    scale: int

    def __str__(self) -> str:
        return self.code


@cache
def _iso_scales() -> Mapping[str, int]:
    import iso4217  # the registry's table is parsed at import: only when a currency is first asked for

    return {c.code: c.exponent for c in iso4217.Currency if c.exponent is not None}


@dataclass(frozen=True)
class Currencies:
    """The currencies this desk knows: ISO 4217, the usual crypto ones, and what its settings add or override."""

    extra: Mapping[str, int] = field(default_factory=dict)

    def get(self, code: str) -> Currency:
        """The currency of that code, in any letter case. Raises BadInput if nobody declared it."""
        wanted = code.strip().upper()
        for scales in (self.extra, CRYPTO_SCALES, _iso_scales()):
            if wanted in scales:
                return Currency(wanted, scales[wanted])
        raise BadInput.of("currency_unknown", code=code.strip()[:12])


@dataclass(frozen=True)
class Pair:
    """`base/quote`; rates are QUOTE per one BASE."""

    base: Currency
    quote: Currency

    def __str__(self) -> str:
        return f"{self.base.code}/{self.quote.code}"


def parse_pair(text: str, currencies: Currencies) -> Pair:
    parts = [part.strip() for part in text.split("/")]
    if len(parts) != 2 or not all(parts):
        raise BadInput.of("pair_form", text=text[:24])
    base, quote = (currencies.get(part) for part in parts)
    if base == quote:
        raise BadInput.of("pair_same", text=text[:24])
    return Pair(base, quote)


_PLAIN = re.compile(r"[+-]?[0-9]{1,50}(\.[0-9]{0,9})?\Z")  #: nearly every number there is
_AS_IT_IS = re.compile(r"[0-9]{1,30}(\.[0-9]{0,30}[1-9])?\Z")  #: nothing to take away from it
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)\Z")
_GROUP_MARK = re.compile(r"[ \u00a0\u202f'’]")
_GROUPED = re.compile(r"[+-]?\d{1,3}([ \u00a0\u202f'’]\d{3})+([.,]\d*)?\Z")


def parse_decimal(text: str | int | Decimal, *, comma: bool = True) -> Decimal:
    """A plain decimal number as people type it: blanks between groups, and (with `comma`) a decimal comma.

    `1,234.50` is read with the comma as a group mark only if groups are of three and a point follows; anything else that
    could mean two things is refused. Raises BadInput.
    """
    if isinstance(text, bool | float):
        raise BadInput.of("not_number", text=str(text))
    if isinstance(text, int):
        return Decimal(text)
    if isinstance(text, Decimal):
        if not text.is_finite():
            raise BadInput.of("not_number", text=str(text))
        return text
    if _PLAIN.match(text):
        return Decimal(text)
    shown = text.strip()[:40]
    plain = text.strip().replace("\u2212", "-")
    if _GROUPED.match(plain):
        plain = _GROUP_MARK.sub("", plain)
    if comma and "," in plain:
        if "." in plain:
            if not re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+\.\d*", plain):
                raise BadInput.of("not_number", text=shown)
            plain = plain.replace(",", "")
        elif plain.count(",") == 1:
            plain = plain.replace(",", ".")
        else:
            raise BadInput.of("not_number", text=shown)
    if not plain.isascii() or not _NUMBER.match(plain) or len(plain) > 60:
        raise BadInput.of("not_number", text=shown)
    try:
        return Decimal(plain)
    except InvalidOperation as exc:  # the pattern should leave nothing for this line
        raise BadInput.of("not_number", text=shown) from exc


def fraction_digits(number: Decimal) -> int:
    """How many digits stand after the point once trailing zeros are gone."""
    exponent = number.normalize(EXACT).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def parse_rate(text: str | int | Decimal) -> Decimal:
    """A rate: positive, at most 12 digits after the point."""
    rate = parse_decimal(text)
    if rate <= 0:
        raise BadInput.of("rate_not_positive", rate=plain(rate))
    if fraction_digits(rate) > RATE_FRACTION_DIGITS_MAX:
        raise BadInput.of("rate_digits", rate=plain(rate), most=RATE_FRACTION_DIGITS_MAX)
    if rate.adjusted() > 12:
        raise BadInput.of("rate_large", rate=plain(rate))
    return rate


def to_minor(amount: Decimal, currency: Currency) -> int:
    """The exact amount in minor units. Raises BadInput if it has more digits than the currency, or is beyond range."""
    scaled = amount.scaleb(currency.scale, EXACT)
    whole = scaled.to_integral_value(context=EXACT)
    if whole != scaled:
        raise BadInput.of("too_many_digits", amount=plain(amount), currency=currency.code, scale=currency.scale)
    return in_range(int(whole), currency)


def round_minor(amount: Decimal, currency: Currency) -> int:
    """The one rounding: half-even to the currency's scale, as minor units."""
    return in_range(int(amount.scaleb(currency.scale, EXACT).to_integral_value(ROUND_HALF_EVEN, EXACT)), currency)


def in_range(minor: int, currency: Currency) -> int:
    if abs(minor) > MINOR_UNITS_MAX:
        raise BadInput.of("too_large", amount=format_minor(minor, currency), currency=currency.code)
    return minor


def to_decimal(minor: int, currency: Currency) -> Decimal:
    return Decimal(minor).scaleb(-currency.scale, EXACT)


def format_minor(minor: int, currency: Currency) -> str:
    """`-1234.50`: the decimal string of the interfaces, always in the currency's full scale."""
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(currency.scale + 1, "0")
    return sign + (f"{digits[: -currency.scale]}.{digits[-currency.scale :]}" if currency.scale else digits)


def plain(number: Decimal) -> str:
    """A decimal without exponent and without idle zeros: `41.2`."""
    usual = str(number)
    if _AS_IT_IS.match(usual):
        return usual
    text = format(number.normalize(EXACT), "f")
    return "0" if text in ("-0", "") else text


def times(minor: int, currency: Currency, rate: Decimal, target: Currency) -> int:
    """An amount × a rate in another currency's minor units: reckoned in whole numbers, rounded once, half-even."""
    top, bottom = rate.as_integer_ratio()
    return in_range(_half_even(minor * top * 10**target.scale, bottom * 10**currency.scale), target)


def over(minor: int, currency: Currency, rate: Decimal, target: Currency) -> int:
    """The same of an amount ÷ a rate, which is above zero."""
    top, bottom = rate.as_integer_ratio()
    return in_range(_half_even(minor * bottom * 10**target.scale, top * 10**currency.scale), target)


def _half_even(top: int, bottom: int) -> int:
    whole, rest = divmod(top, bottom)
    return whole + (2 * rest > bottom or (2 * rest == bottom and whole & 1))


def multiply(left: Decimal, right: Decimal) -> Decimal:
    return EXACT.multiply(left, right)


def divide(left: Decimal, right: Decimal) -> Decimal:
    return EXACT.divide(left, right)


# --- time -----------------------------------------------------------------------------------------------------------

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC: how both databases keep a time. Refuses a time without a zone."""
    if moment.tzinfo is None:
        raise BadInput.of("time_no_zone", text=moment.isoformat())
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int, zone: ZoneInfo | None = None) -> datetime:
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.astimezone(zone) if zone else moment


def zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:
        raise Misconfigured(f"time zone «{name}» is not known (use a name like Europe/Kyiv)") from exc


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of that local day."""
    return datetime.combine(day, time.min, tzinfo=zone)


def parse_moment(text: str, zone: ZoneInfo) -> datetime:
    """A date, or a date with a time; without an offset it is in `zone`. Raises BadInput."""
    raw = text.strip()
    patterns = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y") if "." in raw[1:3] else ()
    for pattern in patterns:
        try:
            return datetime.strptime(raw, pattern).replace(tzinfo=zone)
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError as exc:
        raise BadInput.of("not_time", text=raw[:40]) from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def parse_day(text: str) -> date:
    raw = text.strip()
    for pattern in ("%Y-%m-%d", "%d.%m.%Y", "%d-%m-%Y"):
        try:
            return datetime.strptime(raw, pattern).date()  # noqa: DTZ007 - a calendar day has no zone
        except ValueError:
            continue
    raise BadInput.of("not_date", text=raw[:40])
