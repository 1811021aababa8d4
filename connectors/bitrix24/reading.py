"""Long lists in the least number of requests: pages of fifty, fifty pages a request, by rising id, without counting.

Each page of a request asks for what comes after the last row of the page before it, by a reference the portal resolves. So
neither gaps in the ids nor rows that come and go between the pages make any difference. A page that is not full ends the
list; the pages asked after it are thrown away, as are those that do not go on where the one before ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.bitrix24 import limits
from connectors.bitrix24.calls import Calls
from connectors.bitrix24.commands import Call, Earlier, Outcome, refers
from kernel.errors import Throttled, Unreachable

Raw = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """A list method with filter and order by id. `key`: where the rows stand in the result; "": it is the list itself."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    key: str = "items"
    id_field: str = "id"

    def page(self, *, after: int | Earlier | None = None, downwards: bool = False) -> Call:
        wanted = dict(self.params)
        if after is not None:
            wanted["filter"] = {**(wanted.get("filter") or {}), f">{self.id_field}": after}
        if downwards:
            wanted["select"] = [self.id_field]
        elif wanted.get("select") and not {"*", self.id_field} & set(wanted["select"]):
            wanted["select"] = [self.id_field, *wanted["select"]]
        wanted["order"] = {self.id_field: "DESC" if downwards else "ASC"}
        return self.method, {**wanted, "start": -1}

    def last_of(self, command: int) -> Earlier:
        """The id of the last row of a full page."""
        path = (self.key,) if self.key else ()
        return Earlier(command, (*path, limits.PAGE_ROWS - 1, self.id_field))

    def rows(self, result: Any) -> list[Raw]:
        found = result
        if self.key:
            found = result.get(self.key) if isinstance(result, dict) else None
        if not isinstance(found, list):
            raise Unreachable(f"bitrix24: {self.method} was answered without a list")
        return [row for row in found if isinstance(row, dict)]

    def number(self, row: Mapping[str, Any]) -> int:
        try:
            return int(row[self.id_field])
        except (KeyError, TypeError, ValueError) as exc:
            raise Unreachable(f"bitrix24: {self.method} gave a row without «{self.id_field}»") from exc


class _Walk:
    """How far one list has been read."""

    def __init__(self, query: Query) -> None:
        self.query, self.rows, self.after, self.top, self.done = query, [], 0, 0, False  # type: Query, list[Raw], int, int, bool
        self._first = self._seen = 0
        self._chains = True

    def begin(self, page: Outcome, newest: Outcome) -> None:
        ids = [self.query.number(row) for row in self.query.rows(newest.get())]
        self.top = max(ids, default=0)
        rows = self.query.rows(page.get())
        self._first = self.query.number(rows[0]) if rows else 0
        self._take(rows)

    def wanted(self) -> int:
        """How many pages may be left, reckoned from how dense the rows have been so far."""
        if not self._chains:
            return 1
        left, span = self.top - self.after, max(self.after - self._first + 1, 1)
        rows = left * self._seen // span
        pages = -(-rows // limits.PAGE_ROWS)
        # A little more than reckoned; never more than there can be.
        return max(1, min(pages + pages // 5 + 1, -(-left // limits.PAGE_ROWS), limits.BATCH_COMMANDS_MAX))

    def chain(self, first: int, pages: int) -> list[Call]:
        """Commands `first`, `first`+1 … of a request."""
        return [
            self.query.page(after=self.after if n == 0 else self.query.last_of(first + n - 1)) for n in range(pages)
        ]  # fmt: skip

    def take(self, pages: Sequence[Outcome]) -> list[Throttled]:
        """Add what the chain brought, up to a page that was throttled: what comes after that is worth nothing."""
        for n, page in enumerate(pages):
            if isinstance(page.fault, Throttled):
                return [page.fault]
            rows = self.query.rows(page.get())
            if rows and self.query.number(rows[0]) <= self.after:
                if n == 0:
                    raise Unreachable(f"bitrix24: {self.query.method} does not keep to the filter by id")
                self._chains = False  # the portal did not resolve the reference
                break
            self._take(rows)
            if self.done:
                break
        return []

    def _take(self, rows: list[Raw]) -> None:
        for row in rows:
            number = self.query.number(row)
            if number <= self.after and self._seen:
                raise Unreachable(f"bitrix24: {self.query.method} does not keep the order by id")
            self.after, self._seen = number, self._seen + 1
            self.rows.append(row)
        self.done = len(rows) < limits.PAGE_ROWS or self.after >= self.top


def read_stream(client: Calls, query: Query) -> Iterator[Raw]:
    [walk] = _begun(client, [query])
    while True:
        yield from walk.rows
        walk.rows = []
        if walk.done:
            return
        _go_on(client, [walk])


def read_all(client: Calls, queries: Sequence[Query]) -> list[list[Raw]]:
    walks = _begun(client, queries)
    while left := [walk for walk in walks if not walk.done]:
        _go_on(client, left)
    return [walk.rows for walk in walks]


def read_chosen(client: Calls, query: Query, ids: Iterable[int | str]) -> list[Raw]:
    wanted = list(dict.fromkeys(int(one) for one in ids))
    calls = []
    for start in range(0, len(wanted), limits.PAGE_ROWS):
        method, params = query.page()
        chosen = {**(params.get("filter") or {}), f"@{query.id_field}": wanted[start : start + limits.PAGE_ROWS]}
        calls.append((method, {**params, "filter": chosen}))
    found = {query.number(row): row for one in client.batch(calls) for row in query.rows(one.get())}
    return [found[number] for number in wanted if number in found]


def read_counted(client: Calls, query: Query) -> list[Raw]:
    """Page by page; those after the first together. A row that moved to an earlier page meanwhile comes at the next read."""
    first = client.reply(query.method, {**query.params, "start": 0})
    found = query.rows(first.result)
    starts = range(limits.PAGE_ROWS, first.total or 0, limits.PAGE_ROWS) if first.next else range(0)
    for one in client.batch([(query.method, {**query.params, "start": start}) for start in starts]):
        found += query.rows(one.get())
    return list({query.number(row): row for row in found}.values())


def _begun(client: Calls, queries: Sequence[Query]) -> list[_Walk]:
    calls = [call for query in queries for call in (query.page(), query.page(downwards=True))]
    results = client.batch(calls)
    walks = [_Walk(query) for query in queries]
    for n, walk in enumerate(walks):
        walk.begin(results[2 * n], results[2 * n + 1])
    return walks


def _go_on(client: Calls, walks: Sequence[_Walk]) -> None:
    """One request: its fifty places go to the lists in turn."""
    for walk in walks:
        if refers(walk.query.params):
            client.pause(walk.take(client.batch([walk.query.page(after=walk.after)])))
    walks = [walk for walk in walks if not refers(walk.query.params)]
    if not walks:
        return
    calls: list[Call] = []
    chains: list[tuple[_Walk, int, int]] = []
    for n, walk in enumerate(walks):
        room = limits.BATCH_COMMANDS_MAX - len(calls)
        if not room:
            break
        share = max(room // (len(walks) - n), 1)
        pages = min(walk.wanted(), share if n < len(walks) - 1 else room)
        chains.append((walk, len(calls), pages))
        calls += walk.chain(len(calls), pages)
    results = client.once(calls)
    client.pause([fault for walk, first, pages in chains for fault in walk.take(results[first : first + pages])])
