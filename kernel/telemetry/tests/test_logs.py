"""Log lines: one JSON object each, with the trace, and without secrets."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from kernel.telemetry import bind_trace, current_trace, log, mask, metrics, set_up_logs, tell_secret


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    set_up_logs("info", readable=False)
    yield stream
    structlog.reset_defaults()


def one(lines: io.StringIO) -> dict[str, object]:
    [line] = lines.getvalue().splitlines()
    found: dict[str, object] = json.loads(line)
    return found


@pytest.mark.row("PL-10", "PL-12")
def test_what_is_secret_is_masked_wherever_it_stands(lines: io.StringIO) -> None:
    tell_secret("s3cr3t-token", "short")
    log.info(
        "call.failed", reason="GET /x?sig=s3cr3t-token", nested={"list": ["s3cr3t-token"], "api_token": "x"},
        password="hunter2", Authorization="Bearer x", cookie="a", note="short words stay",
    )  # fmt: skip
    reported = one(lines)
    assert (
        "s3cr3t" not in json.dumps(reported)
        and "hunter2" not in json.dumps(reported)
        and "Bearer" not in json.dumps(reported)
    )
    assert reported["nested"] == {"list": ["•••"], "api_token": "•••"} and reported["note"] == "short words stay"


@pytest.mark.row("PL-10")
def test_an_exception_shows_no_secret(lines: io.StringIO) -> None:
    tell_secret("s3cr3t-token")
    try:
        raise ValueError("refused: s3cr3t-token")
    except ValueError:
        log.exception("job.broken")
    reported = one(lines)
    assert "ValueError" in str(reported["exception"]) and "s3cr3t" not in str(reported)


@pytest.mark.row("PL-12")
def test_the_trace_goes_along_and_a_line_stays_a_line(lines: io.StringIO) -> None:
    with bind_trace("t-1", job="look"):
        assert current_trace() == "t-1"
        log.info("sync.done", reason="one\nevent=forged")
    assert current_trace() == ""
    reported = one(lines)
    assert (reported["trace"], reported["job"], reported["reason"]) == ("t-1", "look", "one\nevent=forged")


def test_the_longer_secret_is_masked_first() -> None:
    tell_secret("abcdef", "abcdefghij")
    assert mask("abcdefghij") == "•••"


@pytest.mark.row("PL-12")
def test_metrics_are_served() -> None:
    metrics.delivery("test", "stored")
    metrics.outgoing("test", "200", 0.1)
    metrics.waiting("inbox", 3)
    page = metrics.page().decode()
    assert (
        'annex_deliveries_total{connection="test",outcome="stored"} 1.0' in page
        and 'annex_waiting{kind="inbox"} 3.0' in page
    )
