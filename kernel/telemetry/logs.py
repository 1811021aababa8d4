"""Structured logs: one JSON object a line to standard error (or readable lines on a terminal)."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

_secrets: dict[str, None] = {}  #: in the order in which they were last named
SECRETS_MAX = 1000  #: access tokens come and go: the oldest have expired long ago
_PRIVATE_KEY = re.compile(r"token|secret|password|authorization|cookie|\bsig\b|\bkey\b", re.IGNORECASE)
MASK = "•••"
SHORTEST_SECRET = 6  #: shorter ones would mask ordinary words
# Controls but tab and line end (which JSON escapes), other line ends, marks that turn the direction, halves of characters.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def tell_secret(*values: str) -> None:
    """Name secrets so that they never appear in a log line or an error text."""
    for value in values:
        if len(value) >= SHORTEST_SECRET:
            _secrets.pop(value, None)
            _secrets[value] = None
    while len(_secrets) > SECRETS_MAX:
        _secrets.pop(next(iter(_secrets)), None)


def mask(text: str) -> str:
    """`text` with every known secret replaced."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        # A log is read on a terminal: what a stranger sent must neither give orders there nor look like another line.
        return _UNFIT.sub("\ufffd", mask(value))
    if isinstance(value, dict):
        return {key: MASK if _PRIVATE_KEY.search(str(key)) else _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value


def _mask_all(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: MASK if _PRIVATE_KEY.search(key) else _masked(value) for key, value in line.items()}


def set_up_logs(level: str = "info", *, readable: bool | None = None) -> None:
    """Called once per process."""
    if readable is None:
        readable = sys.stderr.isatty()
    renderer: Any = structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask_all,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper(), logging.INFO)),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


log: Any = structlog.get_logger()


@contextmanager
def bind_trace(trace: str, **more: str) -> Iterator[None]:
    """All log lines inside carry this id."""
    with structlog.contextvars.bound_contextvars(trace=trace, **more):
        yield


def current_trace() -> str:
    return str(structlog.contextvars.get_contextvars().get("trace", ""))
