"""Reads of several threads that wait at the gate at the same moment leave together, as one batch."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import Any

from connectors.bitrix24 import limits
from connectors.bitrix24.commands import Outcome, outcomes, payload, refers
from connectors.bitrix24.errors import Reply
from connectors.bitrix24.wire import Request, Wire


class _Group:
    """What leaves together. The thread that opened it sends it; the others wait for their part."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.outcomes: list[Outcome] = []
        self.reply: Reply | None = None  #: of a group of one, which is no batch
        self.failed: BaseException | None = None
        self.done = threading.Event()


class Collector:
    def __init__(self, wire: Wire) -> None:
        self._wire, self._lock = wire, threading.Lock()
        self._open: _Group | None = None

    def ask(self, method: str, params: Mapping[str, Any]) -> Reply:
        if refers(params) or method.lower() == "batch":
            return self._wire.send(lambda: Request(method, params))
        group, place = self._joined(method, params)
        if place == 0:
            self._lead(group)
        else:
            group.done.wait()
        if group.failed is not None:
            # Each thread raises an error of its own: a shared one would gather the traces of all.
            raise group.failed if place == 0 else copy.copy(group.failed)
        if group.reply is not None:
            return group.reply
        outcome = group.outcomes[place]
        if outcome.fault is not None and outcome.fault.vendor_code.upper() == "ERROR_BATCH_METHOD_NOT_ALLOWED":
            return self._wire.send(lambda: Request(method, params))
        return Reply(outcome.get(), outcome.total, outcome.next)

    def _joined(self, method: str, params: Mapping[str, Any]) -> tuple[_Group, int]:
        with self._lock:
            group = self._open
            if group is None or len(group.calls) >= limits.BATCH_COMMANDS_MAX:
                group = self._open = _Group()
            group.calls.append((method, params))
            return group, len(group.calls) - 1

    def _lead(self, group: _Group) -> None:
        try:
            reply = self._wire.send(lambda: self._closed(group))
            if len(group.calls) == 1:
                group.reply = reply
            else:
                group.outcomes = outcomes(reply.result, len(group.calls))
        except BaseException as exc:
            group.failed = exc
        finally:
            self._shut(group)
            group.done.set()

    def _closed(self, group: _Group) -> Request:
        """Called when the gate has let the request through: nobody joins any more."""
        self._shut(group)
        if len(group.calls) == 1:
            return Request(*group.calls[0])
        return Request("batch", payload(group.calls))

    def _shut(self, group: _Group) -> None:
        with self._lock:
            if self._open is group:
                self._open = None
