"""Calls of Bitrix24's REST: alone, in batches, and reads of several threads gathered into one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.bitrix24 import limits
from connectors.bitrix24.collector import Collector
from connectors.bitrix24.commands import Call, NotRun, Outcome, outcomes, payload, refers
from connectors.bitrix24.errors import OVERRUN, Overrun, Reply
from connectors.bitrix24.wire import Request, Wire
from kernel.errors import Fault, Rejected, Throttled, Unreachable

NO_PARAMS: Mapping[str, Any] = {}
LOST_MAX = 3  #: batches in a row without an answer; then the rest is not even tried


class Calls:
    """One portal's REST, call by call."""

    def __init__(self, wire: Wire, clock: Any) -> None:
        self._wire, self._clock = wire, clock
        self._blocked: dict[tuple[str, bool], float] = {}
        self._collector = Collector(wire)

    # --- calls ------------------------------------------------------------------------------------------------------

    def call(self, method: str, params: Mapping[str, Any] = NO_PARAMS, *, writes: bool = False, app: bool = False) -> Any:
        """The `result`. Reads of several threads that wait at the gate together leave as one request."""
        return self.reply(method, params, writes=writes, app=app).result

    def reply(self, method: str, params: Mapping[str, Any] = NO_PARAMS, *, writes: bool = False, app: bool = False) -> Reply:
        """The same with the total and the next page's start, where the method tells them."""
        if blocked := self._blocked_fault(method, app):
            raise blocked
        try:
            if writes or app:
                return self._wire.send(lambda: Request(method, params), writes=writes, app=app)
            return self._collector.ask(method, params)
        except Overrun as exc:
            self._block(method, app, exc)
            raise

    def batch(
        self, calls: Sequence[Call], *, writes: bool = False, halt: bool = False, app: bool = False, patient: bool = True
    ) -> list[Outcome]:
        """Many calls, fifty a request, carried out in their order. What was throttled alone is repeated alone, if `patient`.

        `halt`: nothing is carried out after the first that fails. Raises only if reading fails as a whole; a write of
        which nobody knows says so in its own outcome.
        """
        found: list[Outcome] = [Outcome(fault=NotRun())] * len(calls)
        waiting, tries, lost = list(range(len(calls))), 0, 0
        while waiting:
            now, waiting = self._portion(calls, waiting)
            try:
                response, lost = self._portion_sent([calls[n] for n in now], writes, halt, app), 0
            except Fault as exc:
                if not writes:
                    raise
                response, lost = [Outcome(fault=exc)] * len(now), lost + 1
                if not exc.maybe_done or lost >= LOST_MAX:
                    self._put(found, waiting, [Outcome(fault=_not_sent(exc))] * len(waiting))
                    waiting = []
            self._put(found, now, response)
            again = self._again(now, response, halt) if not lost else []
            if again and patient and tries < limits.ATTEMPTS_MAX and (wait := _wait(response)) <= limits.WAIT_SECONDS_MAX:
                tries += 1
                self._clock.sleep(wait)
                waiting = again + waiting
            elif halt and any(one.fault for one in response):
                return found
        return found

    # --- inside -----------------------------------------------------------------------------------------------------

    def once(self, calls: Sequence[Call], *, writes: bool = False, halt: bool = False, app: bool = False) -> list[Outcome]:
        """At most fifty calls as one request, which may refer to each other's answers."""
        request = Request("batch", payload(calls, halt=halt))
        reply = self._wire.send(lambda: request, writes=writes, app=app)
        response = outcomes(reply.result, len(calls), halt=halt, writes=writes)
        for (method, _params), outcome in zip(calls, response, strict=True):
            if isinstance(outcome.fault, Overrun):
                self._block(method, app, outcome.fault)
        return response

    def pause(self, faults: Sequence[Throttled]) -> None:
        """Wait as long as these ask. Raises the one that asks for too long."""
        longest = max(faults, key=lambda fault: fault.wait_seconds, default=None)
        if longest is not None and longest.wait_seconds > limits.WAIT_SECONDS_MAX:
            raise longest
        if longest is not None:
            self._clock.sleep(longest.wait_seconds)

    def _portion(self, calls: Sequence[Call], waiting: list[int]) -> tuple[list[int], list[int]]:
        """What goes into the next request. A text that looks like a reference goes alone, where nobody replaces it."""
        size = 0
        for n in waiting[: limits.BATCH_COMMANDS_MAX]:
            if refers(calls[n][1]):
                size = size or 1
                break
            size += 1
        return waiting[:size], waiting[size:]

    def _portion_sent(self, part: Sequence[Call], writes: bool, halt: bool, app: bool) -> list[Outcome]:
        """Raises only what concerns the whole request."""
        blocked = {n: fault for n, (method, _params) in enumerate(part) if (fault := self._blocked_fault(method, app))}
        free = [n for n in range(len(part)) if n not in blocked and not (halt and blocked and n > min(blocked))]
        found = [Outcome(fault=blocked.get(n) or NotRun()) for n in range(len(part))]
        if len(free) == 1:
            found[free[0]] = self._alone(part[free[0]], writes, app)
        elif free:
            self._put(found, free, self.once([part[n] for n in free], writes=writes, halt=halt, app=app))
        return found

    def _alone(self, call: Call, writes: bool, app: bool) -> Outcome:
        try:
            reply = self.reply(*call, writes=writes, app=app)
        except (Rejected, Overrun) as exc:
            return Outcome(fault=exc)
        return Outcome(reply.result, None, reply.total, reply.next)

    @staticmethod
    def _put(found: list[Outcome], places: Sequence[int], response: Sequence[Outcome]) -> None:
        for n, outcome in zip(places, response, strict=True):
            found[n] = outcome

    def _again(self, now: list[int], response: list[Outcome], halt: bool) -> list[int]:
        throttled = [n for n, one in zip(now, response, strict=True) if isinstance(one.fault, Throttled)]
        if halt and throttled:
            first = now.index(throttled[0])
            return now[first:]
        return throttled

    def _blocked_fault(self, method: str, app: bool) -> Overrun | None:
        """A method known to be out of time is not asked: each refusal would cost a request."""
        left = self._blocked.get((method.lower(), app), 0.0) - self._clock.monotonic()
        if left <= 0:
            return None
        return Overrun(f"bitrix24: {method} has used up its time", wait_seconds=left, vendor_code=OVERRUN)

    def _block(self, method: str, app: bool, exc: Overrun) -> None:
        exc.wait_seconds = self._wire.until(exc)
        self._blocked[method.lower(), app] = self._clock.monotonic() + exc.wait_seconds


def _wait(response: Sequence[Outcome]) -> float:
    return max((one.fault.wait_seconds for one in response if isinstance(one.fault, Throttled)), default=0.0)


def _not_sent(exc: Fault) -> Fault:
    """The fault that stopped the rest, as it concerns what was never sent."""
    if isinstance(exc, Throttled):
        return exc
    return Unreachable(f"not sent after: {exc}", vendor_code=exc.vendor_code)
