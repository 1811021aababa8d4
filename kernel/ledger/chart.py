"""A book as a plugin declares it: its name, and the accounts that may stand in it. Nothing else may be posted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from kernel.errors import BooksBroken, Misconfigured

FIRST_BOOK = "exchange"  #: rows written before books had names are this book's; its rows are hashed without the name
COMMON = "annex"  #: facts about all books together, such as published heads; no money stands in it
Kind = Literal["asset", "liability", "equity", "income", "expense", "clearing"]


@dataclass(frozen=True)
class Account:
    """One account of a book. `clearing` passes money on and comes to nothing by itself."""

    name: str
    kind: Kind
    help: str = ""


@dataclass(frozen=True)
class Chart:
    """A book's name and its chart of accounts."""

    book: str
    accounts: tuple[Account, ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.book) or self.book == COMMON:
            raise Misconfigured(f"«{self.book}» is no name for a book: small Latin letters, and not «{COMMON}»")
        if len(self.names) != len(self.accounts):
            raise Misconfigured(f"book «{self.book}»: an account is declared twice")

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(account.name for account in self.accounts)

    def of_kind(self, *kinds: Kind) -> tuple[str, ...]:
        """Names of the accounts of these kinds, in the order in which they were declared."""
        return tuple(account.name for account in self.accounts if account.kind in kinds)

    def check(self, accounts: Iterable[str]) -> None:
        """Raises BooksBroken naming an account that this book does not have."""
        for name in accounts:
            if name not in self.names:
                raise BooksBroken(f"book «{self.book}» has no account «{name}»; it has {', '.join(sorted(self.names))}")


def rows_of(book: str, table: str) -> str:
    """What to write after FROM to read one book's rows of `ledger_journal`, `ledger_leg` or `ledger_balance`."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", book), book
    return f"(SELECT * FROM {table} WHERE book = '{book}')"
