"""What any CRM that has lists must do with them; part of the contract suite in crm.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

from kernel.crm import ListChange, ListElement, Lists, Start, Values
from kernel.testing.contracts.subject import UnderTest

LIST = "positions"
FULL: Values = {
    "what": "[B]SBER[/B] <script>alert(1)</script> $result[c0][ID] & «ещё»", "amount": Decimal("-1234567890.1234567890"),
    "since": date(2026, 2, 28), "at": datetime(2026, 11, 21, 11, 2, 3, tzinfo=UTC),
}  # fmt: skip


def elements_are_written_and_read_again(world: UnderTest) -> None:
    lists = world.crm.lists
    if lists is None:
        return
    client = world.crm.create("contact", {"name": "Іван"}, key="c-1")
    one = ListElement(LIST, "C_1:a", "Перша", FULL, "contact", client)
    other = ListElement(LIST, "C_1:b", "Друга", {"what": "x", "amount": Decimal("0.10")})
    _write(lists, one, other, ListElement(LIST, "C_10:a", "Чужа"))
    assert lists.read(Start(LIST, "C_1:")) == [one, other]
    assert lists.codes([Start(LIST, "C_1:"), Start(LIST, "CX1:"), Start(LIST, "")]) == [
        {"C_1:a", "C_1:b"}, frozenset(), {"C_1:a", "C_1:b", "C_10:a"}
    ]  # fmt: skip
    # What is not named any more is empty: also the card.
    less = ListElement(LIST, "C_1:a", "Перша, менше", {"amount": Decimal(7)})
    assert lists.write([ListChange(less, there=True), ListChange(other, drop=True, there=True)]) == [None, None]
    assert lists.read(Start(LIST, "C_1:")) == [less]


def an_element_is_there_once_whatever_is_known_of_it(world: UnderTest) -> None:
    lists = world.crm.lists
    if lists is None:
        return
    one = ListElement(LIST, "a", "Раз", {"what": "1"})
    two = ListElement(LIST, "a", "Два", {"what": "2"})
    for there in (True, False, False, True):
        assert lists.write([ListChange(one, there=there)]) == [None]
        assert lists.write([ListChange(two, there=there)]) == [None]
        assert lists.read(Start(LIST, "")) == [two]
    assert lists.write([ListChange(one, drop=True)]) == [None]
    assert lists.write([ListChange(one, drop=True, there=True)]) == [None]
    assert lists.read(Start(LIST, "")) == []
    many = [ListElement(LIST, f"n{number:03}", "Рядок", {"what": str(number)}) for number in range(2 * lists.at_once + 5)]
    for start in range(0, len(many), lists.at_once):
        _write(lists, *many[start : start + lists.at_once])
    assert lists.read(Start(LIST, "n")) == many


def _write(lists: Lists, *elements: ListElement) -> None:
    assert lists.write([ListChange(one) for one in elements]) == [None] * len(elements)


LISTS: tuple[Callable[[UnderTest], None], ...] = (
    elements_are_written_and_read_again,
    an_element_is_there_once_whatever_is_known_of_it,
)
