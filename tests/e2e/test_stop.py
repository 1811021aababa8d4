"""`annex serve --with-worker` is told to stop while pages are open."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
import requests

from app.cli.demo.stages import Planfix
from kernel.testing import until
from tests.e2e.conftest import SPEEDUP, Desk, opened

STREAMS = 3


@pytest.fixture
def serving(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("stop")
    yield from opened(request, home, "sqlite", Planfix(SPEEDUP), "exchange-desk-planfix", "exchange")


@pytest.mark.row("PL-13")
def test_open_streams_end_and_the_worker_stops_before_the_server_does(serving: Desk, session: requests.Session) -> None:
    streams = [session.get(f"{serving.address}/live?page=p{n}", stream=True, timeout=120) for n in range(STREAMS)]
    for stream in streams:
        assert next(stream.iter_content(64)).startswith(b"retry")
    process = serving.processes._running["service"]
    process.send_signal(signal.SIGTERM)
    for stream in streams:
        assert list(stream.iter_content(64)) in ([], [b": still here\n\n"]), "it ends as it should, not by a cut connection"
    until(lambda: process.poll() is not None, "the server has stopped")
    assert process.returncode == 0
    assert [one["worker"] for one in serving.logs() if one.get("event") == "worker.stopped"] == ["main"], "once"
