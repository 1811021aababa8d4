"""Books for tests: the first book, as rows without a name are, and another one beside it with accounts of its own."""

from __future__ import annotations

from kernel.clock import Clock
from kernel.ledger import Account, Book, Books, Chart
from kernel.ledger.chart import FIRST_BOOK

DESK = Chart(FIRST_BOOK, (Account("place", "asset"), Account("client", "liability")))
CASH = Chart("cash", (Account("place", "asset"), Account("difference", "clearing")))


def books_with(clock: Clock) -> Books:
    return Books(clock, [DESK, CASH])


def desk_book(clock: Clock) -> Book:
    return books_with(clock).book(FIRST_BOOK)
