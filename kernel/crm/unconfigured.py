"""What stands where no CRM is set up yet."""

from __future__ import annotations

from typing import Any

from kernel.errors import Misconfigured


class UnconfiguredCRM:
    """The books, their reports and the import work without a CRM; whoever asks it is told what is not set up."""

    name = "unset"

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __getattr__(self, name: str) -> Any:
        raise Misconfigured(self.reason)
