"""What one person may see in the CRM, asked with their own proof: a CRM gives nobody's rights to anybody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Sight(Protocol):
    def sees(self, records: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Which of these records (entity, id) the CRM shows them. Raises a Fault where it cannot be asked."""
