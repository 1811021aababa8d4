"""Double entry: append-only, hash-chained, idempotent by key; several books, each with accounts a plugin declares."""

from kernel.ledger.chart import Account, Chart, rows_of
from kernel.ledger.model import Draft, Entry, Leg, Posting
from kernel.ledger.store import Book, Books, Bulk, Change, entry_of

__all__ = ["Account", "Book", "Books", "Bulk", "Change", "Chart", "Draft", "Entry", "Leg", "Posting", "entry_of", "rows_of"]
