"""Rows of another system: what a source of them can do, what an answer is made of, and how its figures are added up."""

from kernel.datasets.codec import pack_answer, pack_opened, unpack_answer, unpack_opened
from kernel.datasets.model import (
    Accepted,
    Accounts,
    Answer,
    Cell,
    DataSource,
    FieldError,
    FoundClient,
    Opened,
    Outcome,
    Refusal,
    Row,
    Rows,
    Standing,
    Unread,
    outcome_of,
)
from kernel.datasets.rules import chosen, filtered, folded, kept, ordered, searchable
from kernel.datasets.totals import Line, Subtotal, Totals, totals

__all__ = [
    "Accepted", "Accounts", "Answer", "Cell", "DataSource", "FieldError", "FoundClient", "Line", "Opened", "Outcome",
    "Refusal", "Row", "Rows", "Standing", "Subtotal", "Totals", "Unread", "chosen", "filtered", "folded", "kept", "ordered",
    "outcome_of", "pack_answer", "pack_opened", "searchable", "totals", "unpack_answer", "unpack_opened",
]  # fmt: skip
