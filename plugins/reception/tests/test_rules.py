"""How a request's client is recognised, who gets it, and when to call back."""

from __future__ import annotations

from datetime import date

import pytest

from kernel.crm import Person, Record, Ref
from plugins.reception.rules import (
    asked,
    by_names,
    choose,
    clean_email,
    clean_phone,
    clean_telegram,
    manager_for,
    next_workday,
)


@pytest.mark.row("EX-01")
@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("+38 (050) 111-22-33", "+380501112233"), ("0501112233", "+380501112233"), ("380501112233", "+380501112233"),
        ("+48 600 700 800", "+48600700800"), ("123456", ""), ("зателефоную сам", ""), ("", ""), ("1" * 16, ""),
    ],
)  # fmt: skip
def test_a_phone_as_typed(typed: str, wanted: str) -> None:
    assert clean_phone(typed) == wanted


@pytest.mark.row("EX-01")
@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("@Olena_K", "olena_k"), ("https://t.me/Olena_K", "olena_k"), ("t.me/olena_k", "olena_k"), ("olena_k", "olena_k"),
        ("telegram.me/olena_k", "olena_k"), ("немає", ""), ("abc", ""), ("a b c d", ""), ("olena_k; DROP TABLE", ""),
    ],
)  # fmt: skip
def test_a_telegram_name_as_typed(typed: str, wanted: str) -> None:
    assert clean_telegram(typed) == wanted


def test_an_email_as_typed() -> None:
    assert clean_email("Olena@Example.COM") == "olena@example.com"
    assert clean_email("olena at example") == clean_email("") == ""


def test_asked_takes_only_text() -> None:
    assert not asked({"client_phone": None, "client_email": 5})
    assert asked({"client_name": " Олена "}).name == "Олена"


@pytest.mark.row("EX-01")
@pytest.mark.parametrize(
    ("today", "days", "wanted"),
    [
        (date(2026, 11, 23), 1, date(2026, 11, 24)),
        (date(2026, 11, 27), 1, date(2026, 11, 30)),  # Friday
        (date(2026, 11, 28), 0, date(2026, 11, 30)),  # Saturday
        (date(2026, 11, 28), 1, date(2026, 11, 30)),
        (date(2026, 11, 23), 0, date(2026, 11, 23)),
        (date(2026, 11, 25), 3, date(2026, 11, 30)),
    ],
)
def test_the_next_working_day(today: date, days: int, wanted: date) -> None:
    assert next_workday(today, days) == wanted


def test_the_oldest_of_several_cards_is_taken() -> None:
    cards = [Record("contact", f"contact:{n}") for n in (120, 99, 1000)]
    found = choose(cards)
    assert found is not None and found.id == "contact:99" and choose([]) is None


@pytest.mark.row("EX-01")
def test_a_known_client_keeps_their_manager_others_go_round() -> None:
    one, two = Person("user:1", "Ігор Бондар", "staff"), Person("user:2", "Марія Коваль", "staff")
    left = Person("user:3", "Колишній", "staff", active=False)
    card = Record("contact", "contact:1", values={"supervisors": (Ref("user:9"), Ref("user:2"))})
    assert manager_for(card, [one, two], 0) == two
    assert [manager_for(None, [one, two], turn) for turn in range(3)] == [one, two, one]
    assert manager_for(None, [], 0) is None
    assert by_names([one, two, left], ["марія коваль", "Колишній", "Ігор Бондар"]) == [two, one]
