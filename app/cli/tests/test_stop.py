"""A worker that is told to stop tells all of its parts at once: it takes as long as the slowest, not as all together."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from app import worker
from app.bootstrap import Annex, build

PARTS = 2  #: without a connection that listens: the regular work and the engine
TOGETHER_SECONDS_MAX = 60.0  #: then they were not told together


@pytest.fixture
def annex(fresh_sqlite: Any) -> Any:
    found = build({"ANNEX_DATABASE_URL": fresh_sqlite()})
    yield found
    found.close()


@pytest.mark.row("PL-13")
def test_each_part_hears_of_the_stop_before_any_has_stopped(annex: Annex, monkeypatch: pytest.MonkeyPatch) -> None:
    all_told, stopped = threading.Barrier(PARTS, timeout=TOGETHER_SECONDS_MAX), []

    class Part:
        def __init__(self, *_given: Any, **_more: Any) -> None: ...

        def start(self) -> None: ...

        def stop(self) -> None:
            all_told.wait()
            stopped.append(self)

    for name in ("Engine", "Ticker"):
        monkeypatch.setattr(worker, name, Part)
    monkeypatch.setattr(worker.Worker, "_log_missing", lambda _self: None)
    one = worker.Worker(annex, "w1")
    one.start()
    one.stop()
    one.stop()
    assert len(stopped) == PARTS, "each once, and `stop` waits for all of them"
