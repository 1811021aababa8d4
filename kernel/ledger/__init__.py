"""Double entry: append-only, hash-chained, idempotent by key."""

from kernel.ledger.model import Draft, Entry, Leg, Posting
from kernel.ledger.store import Books, Change, entry_of

__all__ = ["Books", "Change", "Draft", "Entry", "Leg", "Posting", "entry_of"]
