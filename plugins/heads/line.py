"""Who is on the line, as the plugin of working days knows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kernel.extension.portal import Unit
from kernel.values import from_micros
from plugins.workday import api as workday


@dataclass(frozen=True)
class Day:
    """A person's working day: the CRM's word for it, and since when as far as we saw."""

    status: str
    since: datetime

    @property
    def on_line(self) -> bool:
        return self.status == "open"


def days_of(unit: Unit, people: Iterable[str]) -> dict[str, Day]:
    """By person; who need not start his day, or was not read yet, is not here."""
    known, zone = workday.all_of(unit.tx, unit.portal.name), unit.portal.zone
    return {one: Day(known[one].status, from_micros(known[one].since, zone)) for one in people if one in known}
