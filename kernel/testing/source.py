"""A source of data in memory, for tests of plugins: it answers what a test puts into it, and remembers what was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kernel.clock import Clock
from kernel.datasets import Accepted, Accounts, Answer, Cell, DataSource, FoundClient, Opened, Row, Rows, Standing, Unread
from kernel.datasets.model import Patience, Question
from kernel.errors import AnnexError, NotFound, Unreachable
from kernel.mapping import MappingSet, SetTable

Given = Mapping[str, Sequence[Mapping[str, Cell]]]


class MemorySource(DataSource):
    """`put` says what a client has, `fail` what becomes of the next questions; without either there is no such client."""

    accounts: Accounts

    def __init__(self, mapping: MappingSet, clock: Clock) -> None:
        self._mapping, self._clock = mapping, clock
        self._answers: dict[tuple[str, str], Given] = {}
        self._faults: list[AnnexError] = []
        self.asked: list[Question] = []
        self.accounts = MemoryAccounts(clock)

    def put(self, name: str, client_id: str, **tables: Sequence[Mapping[str, Cell]]) -> None:
        """Rows by column: `put("position", "1000417", cash=[{"currency": "RUB", "balance": Decimal("1.00")}])`."""
        self._answers[name, client_id] = tables

    def fail(self, *faults: AnnexError) -> None:
        """One for each of the next questions."""
        self._faults += faults

    def read(
        self,
        name: str,
        client_id: str,
        *,
        tables: Sequence[str] = (),
        patience: Patience = "page",
        progress: Callable[[Answer], None] | None = None,
    ) -> Answer:
        self.asked.append(Question(name, client_id, tuple(tables)))
        if self._faults:
            raise self._faults.pop(0)
        given = self._answers.get((name, client_id))
        if given is None:
            raise NotFound("there is no such client", vendor_code="CLIENT_NOT_FOUND")
        declared = self._mapping.sets[name].table
        found = {table: _rows(declared[table], given.get(table, ())) for table in declared if not tables or table in tables}
        now = self._clock.now()
        return Answer(name, client_id, now, found, as_of=now)


def _rows(table: SetTable, given: Sequence[Mapping[str, Cell]]) -> Rows:
    """With keys as a connector makes them."""
    seen: dict[str, int] = {}
    rows = []
    bad = keyless = doubled = 0
    required = {column.name for column in table.columns if column.required}
    for one in given:
        for name in one:
            table.places[name]  # a column that is not there is a mistake of the test
        cells = tuple(one.get(column.name) for column in table.columns)
        bad += sum(isinstance(cell, Unread) for cell in cells)
        parts = {name: one.get(name) for name in table.key}
        missing = any(name in required and (cell is None or isinstance(cell, Unread)) for name, cell in parts.items())
        texts = ["" if cell is None else cell.text if isinstance(cell, Unread) else str(cell) for cell in parts.values()]
        key = "" if missing or not any(texts) else "\x1f".join(texts)
        if not key:
            keyless += bool(table.key)
        elif not table.fold:
            number = seen[key] = seen.get(key, 0) + 1
            doubled += number > 1
            key = key if number == 1 else f"{key}#{number}"
        rows.append(Row(cells, key))
    return Rows(tuple(rows), bad, keyless, doubled)


class MemoryAccounts(Accounts):
    """Accounts in memory: the same request is done once. `answers` says what the next ones get, `lose` loses as many answers
    after they were given."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.answers: list[Opened] = []
        self.lose = 0
        self.faults: list[AnnexError] = []  #: one for each of the next requests, which are not carried out then
        self.sent: list[bytes] = []
        self.opened: dict[str, Opened] = {}

    def compose(self, push: str, request_id: str, elements: Sequence[tuple[str, str]]) -> bytes:
        return "\n".join([request_id, *(f"{path}={text}" for path, text in elements)]).encode()

    def open(self, push: str, request: bytes) -> Opened:
        self.sent.append(request)
        if self.faults:
            raise self.faults.pop(0)
        request_id = request.decode().partition("\n")[0]
        if request_id not in self.opened:
            number = 1000500 + len(self.opened)
            made = Accepted(str(number), f"B-{number}", self._clock.now().date())
            self.opened[request_id] = self.answers.pop(0) if self.answers else made
        if self.lose:
            self.lose -= 1
            raise Unreachable("the answer got lost", maybe_done=True)
        return self.opened[request_id]

    def standing(self, push: str, request_id: str) -> Standing:
        found = self.opened.get(request_id)
        if found is None:
            return Standing("unknown")
        return Standing("accepted" if isinstance(found, Accepted) else "rejected", found)

    def find(self, push: str, *, inn: str = "", phone: str = "") -> list[FoundClient]:
        wanted = [text for text in (inn, phone) if text]
        found = []
        for request in self.sent:
            request_id, _, rest = request.decode().partition("\n")
            opened = self.opened.get(request_id)
            if isinstance(opened, Accepted) and any(f"={text}" in rest.split("\n") or text in rest for text in wanted):
                found.append(FoundClient(opened.client_id, "", opened.contract_number, opened.opened_on))
        return list(dict.fromkeys(found))
