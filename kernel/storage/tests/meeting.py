"""Two units of work that meet: the second begins while the first has written and not committed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kernel.storage import Database, Tx
from kernel.testing import until

SECONDS_MAX = 120.0


def meet(database: Database, first: Callable[[Tx], object], second: Callable[[], object]) -> None:
    """Carry `first` out in a unit of work; before it commits, start `second` in another thread and let it come as far as it
    can. Raises what `second` raised."""
    broken: list[BaseException] = []

    def run() -> None:
        try:
            second()
        except BaseException as exc:
            broken.append(exc)

    other = threading.Thread(target=run)
    with database.write() as tx:
        first(tx)
        other.start()
        _until_it_waits(database, other)
    other.join(SECONDS_MAX)
    assert not other.is_alive(), "it waits for ever"
    if broken:
        raise broken[0]


def _until_it_waits(database: Database, other: threading.Thread) -> None:
    """PostgreSQL tells who waits for whom; SQLite does not, but there the second cannot even begin to write."""
    if database.dialect != "postgresql":
        other.join(0.1)
        return

    def waits() -> bool:
        with database.read() as tx:
            return not other.is_alive() or bool(
                tx.value(
                    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )

    until(waits, "the second waits for the first")
