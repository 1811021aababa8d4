"""People begin their working day, or do not; in the evening they go home."""

from __future__ import annotations

import time
from datetime import date

from kernel.testing.demo import DemoStory

KNOWN_SECONDS = 11  #: what is known of a working day may be ten seconds old


class WorkdayDemo(DemoStory):
    connectors = frozenset({"bitrix24"})

    def morning(self, day: date, number: int) -> None:
        office = self.desk.office
        late, weary = self.desk.pick(), self.desk.pick()
        for who in [*(one for one in office.managers if one not in (late, weary)), office.head]:
            office.day(who, "OPENED")
        office.day(late, "CLOSED")
        office.day(weary, "EXPIRED")
        self.desk.absent += [late, weary]
        self.desk.announce(
            f"{len(office.managers) - 2} managers began their day; {office.names[late]} has not, "
            f"{office.names[weary]} never ended yesterday's"
        )

    def evening(self, day: date, number: int) -> None:
        for who in self.desk.office.managers:
            self.desk.office.day(who, "CLOSED")
        self.desk.absent[:] = self.desk.office.managers
        self._closed_at = time.monotonic()

    def night(self, day: date, number: int) -> None:
        """Nobody takes them for being there any more."""
        time.sleep(max(0.0, self._closed_at + KNOWN_SECONDS - time.monotonic()))
