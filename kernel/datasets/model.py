"""What a source answers, in plain values, and what may come in the place of an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol

from kernel.errors import AnnexError, BadAnswer, Maintenance, Misconfigured, Moved, NoRight, NotFound

Outcome = Literal["ok", "empty", "not_found", "unavailable", "maintenance", "bad_answer", "refused", "moved"]
Patience = Literal["page", "background"]
"""page: somebody waits, so nothing is tried again but a refused connection. background: 1, 3 and 9 seconds later."""


class Unread(NamedTuple):
    """A cell that is not what its column is declared to hold: its text as it came."""

    text: str


Cell = str | int | Decimal | date | datetime | Unread | None
"""Of a column: text, words and month (`2026-11`) are str, int is an int, qty, price and money are exact decimals. Words stay
the code that came: `SetColumn.words` says how people read it. None: nil, absent or empty, which is never 0."""


class Row(NamedTuple):
    """`cells` in the order of the table's columns (`SetTable.places`). `key` is "" where the row has none: it is shown, but
    has no place in a list. The second row of one key ends in `#2`."""

    cells: tuple[Cell, ...]
    key: str
    parts: tuple[Row, ...] = ()  #: of a folded row: those that it was made of


@dataclass(frozen=True)
class Rows:
    """The rows of one table, and what was odd about them."""

    rows: tuple[Row, ...] = ()
    bad_cells: int = 0  #: that could not be read
    keyless: int = 0  #: rows without their key
    doubled: int = 0  #: rows whose key another row had already


@dataclass(frozen=True)
class Answer:
    """A good answer to one question: whole, of the declared shape, and for that very client."""

    set: str
    client_id: str
    asked_at: datetime
    tables: Mapping[str, Rows]
    as_of: datetime | None = None  #: as the other side says
    complete: bool = True  #: False: further pages are still being fetched
    cut: bool = False  #: there are more rows or pages than are taken
    confirmed: bool = True  #: the answer itself said whose rows these are
    unknown: tuple[str, ...] = ()  #: elements or attributes that no column names
    pages: int = 1
    bytes: int = 0
    seconds: float = 0.0

    @property
    def outcome(self) -> Outcome:
        return "ok" if self.count else "empty"

    @property
    def count(self) -> int:
        return sum(len(one.rows) for one in self.tables.values())


def outcome_of(exc: AnnexError) -> Outcome:
    """What became of a question that brought no good answer."""
    if isinstance(exc, NotFound):
        return "not_found"
    if isinstance(exc, NoRight | Misconfigured):
        return "refused"
    if isinstance(exc, Maintenance):
        return "maintenance"
    if isinstance(exc, Moved):
        return "moved"
    return "bad_answer" if isinstance(exc, BadAnswer) else "unavailable"


# -- accounts


@dataclass(frozen=True)
class FieldError:
    """Why a request to open an account was rejected: `field` is a path inside of the request, like `Terms/Market[2]`."""

    code: str
    field: str
    message: str
    client_id: str = ""  #: of a client who is there already, where it is known


@dataclass(frozen=True)
class Accepted:
    """The account is open. Of a request that was only found by ИНН or phone, contract and date may be missing."""

    client_id: str
    contract_number: str = ""
    opened_on: date | None = None


@dataclass(frozen=True)
class Refusal:
    """The request was understood, and rejected field by field: a definite answer."""

    errors: tuple[FieldError, ...]


Opened = Accepted | Refusal


@dataclass(frozen=True)
class Standing:
    """What the other side knows of a request."""

    state: Literal["unknown", "in_work", "accepted", "rejected"]
    answer: Opened | None = None


@dataclass(frozen=True)
class FoundClient:
    client_id: str
    name: str
    contract_number: str = ""
    opened_on: date | None = None


class Accounts(Protocol):
    """Opens accounts. All but `compose` may raise the tree under Fault; `maybe_done` then says that the request may have
    arrived."""

    def compose(self, push: str, request_id: str, elements: Sequence[tuple[str, str]]) -> bytes:
        """The request as it will leave, every time the same: to be written down before the first try.

        `elements` in the order of the schema: ("Person/LastName", "…"), ("Terms/Market", "…") as often as there are,
        ("Terms/Option[@code='margin']", "true"). Raises BadInput naming the element that the schema does not take.
        """

    def open(self, push: str, request: bytes) -> Opened:
        """Send it once. Raises Rejected where it was understood and is no matter of a field (REQUEST_ID_REUSED)."""

    def standing(self, push: str, request_id: str) -> Standing:
        """What became of that request. Raises Misconfigured where the push names no such look-up."""

    def find(self, push: str, *, inn: str = "", phone: str = "") -> list[FoundClient]:
        """Clients with that ИНН or phone. Raises Misconfigured where the push names no such look-up."""


class DataSource(Protocol):
    """Answers questions about a client, as the mapping set declares them."""

    accounts: Accounts | None = None

    def read(
        self,
        name: str,
        client_id: str,
        *,
        tables: Sequence[str] = (),
        patience: Patience = "page",
        progress: Callable[[Answer], None] | None = None,
    ) -> Answer:
        """The rows of that set, of all its tables or of these. `progress` is handed what there is after each page but the
        last.

        Raises NotFound (no such client), NoRight or Misconfigured (access or set-up), Maintenance, Unreachable or Throttled
        (no answer), Moved (another address), BadAnswer. `outcome_of` says which of the words of a request log that is.
        """


@dataclass(frozen=True)
class Question:
    """A question as a twin remembers it."""

    set: str
    client_id: str
    tables: tuple[str, ...] = field(default=())
