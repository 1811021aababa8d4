"""Notices to people in the CRM that can be replaced and taken back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Notices(Protocol):
    """What a CRM that can tell its people something outside of a record's comments does."""

    def put(self, tag: str, to: Iterable[str], text: str) -> None:
        """Tell each of these people; whatever of ours they were told under that tag is replaced, so a repeat shows once.
        Plain text, line ends kept. That somebody cannot be told is logged."""

    def remove(self, tag: str) -> None:
        """Take back what anybody was told under that tag, if there still is something."""


__all__ = ["Notices"]
