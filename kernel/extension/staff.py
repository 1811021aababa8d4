"""The people of the CRM, as this process last read them: at most five minutes old, read by one at a time.

For pages a list that is getting old is read anew in the background, so nobody waits while the CRM answers. Only when it is
older than the limit does a question wait for the CRM, and fails if it does not answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from kernel.clock import Clock
from kernel.crm import Person
from kernel.errors import AnnexError, Unreachable
from kernel.telemetry import log

STAFF_SECONDS_MAX = 300.0  #: the oldest list that anything may be decided by
RENEW_SECONDS = 150.0  #: from this age on the list is read anew in the background
RETRY_SECONDS = 15.0  #: after a failure the CRM is left alone for so long, while the list is still good
FAILED_SECONDS = 3.0  #: so long a failure answers for the next ones who ask, so that they do not queue for time-outs
WAIT_SECONDS_MAX = 20.0  #: real seconds for which a question waits for another one's answer
WARM_SECONDS_MAX = 3.0  #: the same, of work that can go on with an older list


@dataclass(frozen=True)
class _Kept:
    at: float
    people: list[Person]


def in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="annex-staff", daemon=True).start()


class StaffList:
    """One per process and CRM."""

    def __init__(
        self, ask: Callable[[], list[Person]], clock: Clock, start: Callable[[Callable[[], None]], None] = in_background
    ) -> None:
        self._ask, self._clock, self._start = ask, clock, start
        self._kept: _Kept | None = None
        self._failed: tuple[float, AnnexError] | None = None
        self._asking = threading.Lock()

    def people(self, *, within: float = STAFF_SECONDS_MAX) -> list[Person]:
        """Not older than `within` seconds. Raises what the CRM raises where it cannot be asked."""
        kept = self._kept
        return kept.people if kept and self._age() <= within else self._asked(within)

    def for_pages(self) -> list[Person]:
        """The same for many who ask at once: renewed in the background, and a failure answers for a moment."""
        kept = self._kept
        if kept is None or self._age() > STAFF_SECONDS_MAX:
            return self._asked(STAFF_SECONDS_MAX, patient=False)
        if self._age() > RENEW_SECONDS:
            self._renew_behind()
        return kept.people

    def warm(self) -> None:
        """Before a unit of work that may not ask the CRM: see to it that `known` knows. A CRM that is away or slow leaves
        the list that was read before, and holds nobody up for longer than a moment."""
        if self._age() > RENEW_SECONDS:
            self._renew_behind()
        if self._age() > STAFF_SECONDS_MAX and self._asking.acquire(timeout=WARM_SECONDS_MAX):
            self._asking.release()

    def known(self) -> list[Person]:
        """The list as it was last read, however long ago: it asks nobody. Raises Unreachable where it never was."""
        if self._kept is None:
            raise Unreachable("the CRM's people have not been read yet")
        return self._kept.people

    def forget(self) -> None:
        """The next question is asked of the CRM itself: it told us that something changed."""
        self._kept = self._failed = None

    def _age(self) -> float:
        return self._clock.monotonic() - self._kept.at if self._kept else float("inf")

    def _asked(self, within: float, *, patient: bool = True) -> list[Person]:
        if not self._asking.acquire(timeout=WAIT_SECONDS_MAX):
            raise Unreachable("the CRM has been asked for its people and does not answer")
        try:
            if self._kept is not None and self._age() <= within:
                return self._kept.people  # somebody else has just asked
            if not patient and self._failed and self._clock.monotonic() - self._failed[0] < FAILED_SECONDS:
                raise self._failed[1]
            return self._read()
        finally:
            self._asking.release()

    def _read(self) -> list[Person]:
        began = self._clock.monotonic()  # what changes while the CRM answers may be missing from the answer
        try:
            people = self._ask()
        except AnnexError as exc:
            self._failed = (self._clock.monotonic(), exc)
            raise
        self._kept, self._failed = _Kept(began, people), None
        return people

    def _renew_behind(self) -> None:
        if self._failed and self._clock.monotonic() - self._failed[0] < RETRY_SECONDS:
            return
        if self._asking.acquire(blocking=False):
            self._start(self._renew)

    def _renew(self) -> None:
        try:
            self._read()
        except Exception as exc:  # whoever asks next finds out; until the limit the list at hand is good
            log.warning("staff.not_renewed", reason=str(exc))
        finally:
            self._asking.release()
