"""What the kill campaign checks the books against is right by itself."""

from __future__ import annotations

from plugins.exchange.tests.crash import count


def test_the_count_knows_the_worked_examples() -> None:
    """Buy 10,000.00 USD at 41.20, the partner pays 41.35; and money of the owners, moved."""
    cells = [
        {"Вид": "Купівля", "Пара": "USD/UAH", "Сума": 10000, "Валюта суми": "USD", "Курс клієнта": "41,20",
         "Курс партнера": "41,35", "Місце": "Каса"}
    ]  # fmt: skip
    paid = {("place", "USD", "Каса"): 1_000_000, ("client", "USD", ""): 1_000_000}
    assert count.wanted(1, "Підтвердження оплати клієнта", False, cells) == paid
    closed = {("place", "UAH", "Каса"): 150_000, ("profit", "UAH", ""): 150_000}
    assert count.wanted(1, "Закриття угоди", False, cells) == closed
    assert count.wanted(1, "Скасовано", False, cells) == {}
    legs = [
        {"account": "place", "currency": "UAH", "place": "Каса", "amount": 150_000},
        {"account": "profit", "currency": "UAH", "place": "Каса", "amount": -150_000},
        {"account": "client", "currency": "UAH", "place": "Каса", "amount": 5},
        {"account": "client", "currency": "UAH", "place": "Каса", "amount": -5},
    ]
    assert count.booked(legs) == closed
