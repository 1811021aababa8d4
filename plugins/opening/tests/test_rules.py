"""Checks by check digits, phones as typed, and where an error's field stands in the card."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from kernel.mapping.numbers import e164
from plugins.opening.rules import Finding, Origin, check, corrected, located

TODAY = date(2026, 11, 21)
ORIGINS = (
    Origin("Person/INN", "contact", "inn", "ИНН", "770987654347"),
    Origin("Person/LastName", "contact", "last_name", "Фамилия", "Новиков"),
    Origin("Terms/Market[1]", "deal", "markets", "Рынки", "MOEX_STOCK"),
    Origin("Terms/Market[2]", "deal", "markets", "Рынки", "MOEX_FX"),
    Origin("Terms/Option[@code='iis']", "deal", "terms_iis", "ИИС", "true"),
)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "inn12",
            ["770987654347", "500100732259", "770123456703"],
            ["770987654340", "7709876543", "77098765434x"],
        ),
        ("inn10", ["7709876545", "7707083893", "7736050003"], ["7707083890", "770708389", "770987654347"]),
        ("ogrn", ["1027700132195", "1027700070518"], ["1027700132194", "102770013219"]),
        ("ogrnip", ["304500116000157"], ["304500116000150", "1027700132195"]),
        ("kpp", ["773601001", "7736AB001"], ["77360100", "7736аб001"]),
        ("email", ["a.b@example.org"], ["a@b", "a b@example.org", "a@b@example.org", "<a@example.org>"]),
        ("e164", ["+79001112299"], ["79001112299", "+0900111229", "+7900"]),
        ("", ["whatever"], []),
    ],
)
def test_checks(name: str, good: list[str], bad: list[str]) -> None:
    assert [check(name, text, text, TODAY) for text in good] == [""] * len(good)
    assert all(check(name, text, text, TODAY) for text in bad), [check(name, text, text, TODAY) for text in bad]


def test_a_day_in_the_past() -> None:
    assert check("past", "", date(2026, 11, 20), TODAY) == "" == check("past", "", datetime(2026, 11, 20, tzinfo=UTC), TODAY)
    assert check("past", "", TODAY, TODAY) == "NOT_PAST" and check("past", "x", "x", TODAY) == "FORMAT"


@pytest.mark.parametrize(
    ("typed", "phone"),
    [
        ("8 (900) 111-22-99", "+79001112299"), ("9001112299", "+79001112299"), ("+7 900 111.22.99", "+79001112299"),
        ("79001112299", "+79001112299"), ("+380501112233", "+380501112233"), ("12345", None), ("+7900x1", None), ("+", None),
    ],
)  # fmt: skip
def test_phones_as_typed(typed: str, phone: str | None) -> None:
    assert e164(typed) == phone


@pytest.mark.parametrize(
    ("path", "entity", "field", "value"),
    [
        ("Person/INN", "contact", "inn", "770987654347"),
        ("Terms/Market[2]", "deal", "markets", "MOEX_FX"),
        ("Terms/Market", "deal", "markets", "MOEX_STOCK"),
        ("Person/INN[1]", "contact", "inn", "770987654347"),
        ("Person/INN/Digits", "contact", "inn", "770987654347"),
        ("Terms/Option[@code='iis']", "deal", "terms_iis", "true"),
        ("Person", "contact", "", ""),
        ("Person/Passport/Series", "contact", "", ""),
        ("Signature", "", "", ""),
        ("", "", "", ""),
    ],
)
def test_where_a_field_stands_in_the_card(path: str, entity: str, field: str, value: str) -> None:
    found = located("CODE", path, "message", ORIGINS)
    assert (found.entity, found.field, found.value, found.path) == (entity, field, value, path)


def test_a_rejected_request_goes_out_again_when_every_field_at_fault_holds_something_else() -> None:
    findings = [located("INN_CHECKSUM", "Person/INN", "", ORIGINS), located("MARKET_CLOSED", "Terms/Market[2]", "", ORIGINS)]
    inn = Origin("Person/INN", "contact", "inn", "ИНН", "500100732259")
    assert not corrected(findings, ORIGINS, ORIGINS)
    assert not corrected(findings, ORIGINS, (inn, *ORIGINS[1:]))
    assert corrected(findings, ORIGINS, (inn, ORIGINS[1], ORIGINS[2], ORIGINS[4]))
    assert corrected([Finding("SANCTIONS_CHECK", "Person", "contact")], ORIGINS, ORIGINS)
