"""One read of a feed: what is asked for, whether anything is new, and the rows, batch by batch.

No transaction is open between two batches: a slow consumer holds up nobody. An entry that changes meanwhile leaves this read
and comes with the next one, under a higher number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kernel.errors import BadInput
from kernel.extension.portal import Portal
from kernel.mapping import FeedMap
from plugins.feeds import store
from plugins.feeds.cursor import Cursor, read_cursor
from plugins.feeds.rules import declared
from plugins.feeds.store import Entry, Head
from plugins.feeds.xml import Ending

AT_ONCE = 1000
LIMIT, LIMIT_MAX = 1000, 10_000


class CursorForeign(BadInput):
    """The cursor belongs to another feed, or to a key that may read more or less."""


class CursorGone(BadInput):
    """Deletions since that cursor are kept no more, or the numbering began anew."""


@dataclass
class Reading:
    """`since`: after which number; None: everything."""

    portal: Portal
    feed: FeedMap
    personal: bool
    head: Head
    since: int | None
    limit: int
    rows: int = 0
    _last: int = 0

    @property
    def etag(self) -> str:
        """Changes whenever the answer would."""
        head, since = self.head, "" if self.since is None else self.since
        told = (
            self.feed.name, self.personal, since, self.limit, head.head, head.begun, head.gone_upto,
            declared(self.feed, self.portal.mapping.entities),
        )  # fmt: skip
        return hashlib.sha256(repr(told).encode()).hexdigest()[:32]

    def batches(self) -> Iterator[Sequence[Entry]]:
        """In the order of their numbers, none above the head at which this read began."""
        after, left = self.since or 0, None if self.since is None else self.limit
        while left is None or left > 0:
            most = AT_ONCE if left is None else min(AT_ONCE, left)
            with self.portal.database.read() as tx:
                found = store.entries(tx, self.feed.name, after, self.head.head, most, alive=self.since is None)
            if found:
                after = self._last = found[-1].seq
                self.rows += len(found)
                left = None if left is None else left - len(found)
                yield found
            if len(found) < most:
                return

    def ending(self) -> Ending:
        """Where the next read goes on, and whether there is anything by now."""
        full = self.since is not None and self.rows == self.limit
        seq = self._last if full else self.head.head
        with self.portal.database.read() as tx:
            now = store.head_of(tx, self.feed.name)
        return Ending(str(self._cursor(seq)), more=now is not None and seq < now.head)

    def _cursor(self, seq: int) -> Cursor:
        return Cursor(self.feed.name, self.personal, self.head.begun, seq)


def begin(portal: Portal, feed: FeedMap, *, personal: bool, since: str, limit: str) -> Reading:
    """Raises BadInput, CursorForeign, CursorGone."""
    cursor = read_cursor(since) if since else None
    if cursor and (cursor.feed, cursor.personal) != (feed.name, personal):
        raise CursorForeign.of("feeds_cursor_foreign")
    most = _limit(limit)
    head = current_head(portal, feed.name)
    if cursor and (cursor.begun != head.begun or not head.gone_upto <= cursor.seq <= head.head):
        raise CursorGone.of("feeds_cursor_gone")
    return Reading(portal, feed, personal, head, cursor.seq if cursor else None, most)


def current_head(portal: Portal, feed: str) -> Head:
    """With everything numbered that was committed before."""
    store.number(portal.database, feed)
    with portal.database.read() as tx:
        head = store.head_of(tx, feed)
    if head is None:
        with portal.database.write() as tx:
            store.prepare(tx, portal.ids, [feed])
            head = store.head_of(tx, feed)
    assert head is not None
    return head


def _limit(text: str) -> int:
    if not text:
        return LIMIT
    if not text.isascii() or not text.isdecimal() or len(text) > 6 or not 1 <= int(text) <= LIMIT_MAX:
        raise BadInput.of("feeds_limit_bad", most=LIMIT_MAX, field="limit")
    return int(text)
