"""What a client sends by a form, as a message; and how many of them a door takes in a minute.

In the timeline it is a message whose address is the client's phone, else their e-mail, else itself. `details` hold the
form's name and each value by the name under which it was sent.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from datetime import datetime

from kernel.conversations import Incoming
from kernel.extension.connector import TooOften
from kernel.mapping import FormMap

FORM, NAMED, VALUE = "form", "named", "value."
MINUTE_SECONDS = 60.0
CALLERS_MAX = 10_000  #: so many are remembered at once; beyond, the oldest are forgotten


def submission(form: FormMap, values: Mapping[str, str], *, once: str, named: bool, at: datetime | None = None) -> Incoming:
    """`once`: by what it is known again. `named`: the sender gave it that name, so another one is another submission."""
    lines = [f"{one.label or one.source}: {values[one.source]}" for one in form.fields if one.source in values]
    who = [*form.known_by(values, "phone"), *form.known_by(values, "email"), once]
    details = {FORM: form.name, NAMED: "yes" if named else "no", **{f"{VALUE}{name}": text for name, text in values.items()}}
    return Incoming(
        vendor_id=f"{'id' if named else 'at'} {once}", address=who[0], text="\n".join(lines), account=form.name, at=at,
        details=details,
    )  # fmt: skip


def values_of(message: Incoming) -> dict[str, str]:
    """By the names under which they were sent."""
    return {name.removeprefix(VALUE): text for name, text in message.details.items() if name.startswith(VALUE)}


class Turns:
    """How often each caller came within the last minute, in this process: each serving process counts for itself."""

    def __init__(self) -> None:
        self._came: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def take(self, caller: str, most: int, now: datetime) -> None:
        """Raises TooOften: then it does not count."""
        at = now.timestamp()
        with self._lock:
            came = self._came.pop(caller, deque())
            self._came[caller] = came  # the newest stands last
            while len(self._came) > CALLERS_MAX:
                del self._came[next(iter(self._came))]
            while came and came[0] <= at - MINUTE_SECONDS:
                came.popleft()
            if len(came) >= most:
                raise TooOften(max(1, round(came[0] + MINUTE_SECONDS - at)))
            came.append(at)


__all__ = ["FORM", "NAMED", "VALUE", "Turns", "submission", "values_of"]
