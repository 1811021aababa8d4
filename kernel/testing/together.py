"""Several threads that begin at the same moment: for tests of what two people or two workers do at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def at_once(*jobs: Callable[[], Any]) -> None:
    """All in threads of their own, begun together; what one of them raises comes out."""
    start, failed = threading.Barrier(len(jobs)), []

    def run(job: Callable[[], Any]) -> None:
        start.wait(timeout=120)
        try:
            job()
        except BaseException as exc:
            failed.append(exc)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    if failed:
        raise failed[0]
