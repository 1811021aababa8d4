"""What other plugins may use: which terms of a deal are not answered yet."""

from __future__ import annotations

from plugins.terms.model import Fill
from plugins.terms.plan import term_fields, unanswered
from plugins.terms.store import last_fill

__all__ = ["Fill", "last_fill", "term_fields", "unanswered"]
