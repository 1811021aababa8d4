"""One thread that sends the account's script requests (contract 5, checklist 22-24)."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import requests

from sandbox.planfix import answers, steps
from sandbox.planfix.outgoing import loggable, prepare
from sandbox.planfix.queue import BusyQueue
from sandbox.planfix.run import Run
from sandbox.planfix.state import Portal
from sandbox.planfix.templates import Scope

RETRY_MINUTES = {"ru": (15, 30, 60, 60), "en": (5, 15, 30, 60), "off": ()}
OVERTAKEN_SECONDS_MAX = 5.0  # a held-back request goes anyway after this


class Delivery:
    """The account's only sender: the next request waits for the previous answer."""

    def __init__(self, portal: Portal, busy: BusyQueue) -> None:
        self._portal = portal
        self._busy = busy
        self._wake = threading.Condition()
        self._runs: list[Run] = []
        self._order = itertools.count(1)
        self._in_flight: Run | None = None
        self._closing = False
        self._session = requests.Session()
        self._session.trust_env = False
        self.paused = False
        self.stopped_until = 0.0
        self.press: Callable[..., dict[str, Any]] = lambda *args, **kwargs: {}
        self.post: Callable[[dict[str, Any]], tuple[int, str]] = self._over_the_network
        portal.clock.on_advance(self.poke)
        self._thread = threading.Thread(target=self._work, name="planfix-delivery", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join(self._portal.faults.number("script_timeout_s") + 1)
        self._session.close()

    def poke(self) -> None:
        with self._wake:
            self._wake.notify_all()

    def pause(self, paused: bool) -> None:
        with self._wake:
            self.paused = paused
            self._wake.notify_all()

    def put(self, run: Run) -> None:
        """Queue a run; it may be dropped, delayed or overtaken if the switches say so."""
        faults, clock = self._portal.faults, self._portal.clock
        if not run.copy and faults.chance("drop_rate"):
            self._portal.counters.dropped += 1
            run.result.update(state="dropped")
            run.done.set()
            return
        with self._wake:
            run.order = next(self._order)
            run.due = clock.ticks() + faults.number("delay") + run.script.delay_s
            if not run.copy and faults.chance("reorder_rate"):
                run.held_until = run.due + OVERTAKEN_SECONDS_MAX
            self._runs.append(run)
            self._wake.notify_all()

    def waiting(self) -> int:
        """Requests queued or in flight, retries included."""
        with self._wake:
            return len(self._runs) + (self._in_flight is not None)

    def wait_idle(self, timeout_s: float) -> bool:
        """True when nothing was queued or in flight within so many REAL seconds."""
        with self._wake:
            return self._wake.wait_for(lambda: not self._runs and self._in_flight is None, timeout_s)

    def step(self) -> bool:
        """Go on with the run that is due, in the caller's thread; false if none is. For a portal without threads."""
        with self._wake:
            run = self._next()
        if run is not None:
            self._carry_on(run)
        return run is not None

    # -- the thread

    def _work(self) -> None:
        while True:
            with self._wake:
                self._in_flight = None
                self._wake.notify_all()
                run = self._next()
                while run is None and not self._closing:
                    self._wake.wait(self._pause_s())
                    run = self._next()
                if run is None or self._closing:
                    return
                self._in_flight = run
            self._carry_on(run)

    def _carry_on(self, run: Run) -> None:
        try:
            self._go_on(run)
        except Exception as error:  # a broken script must not stop the account
            self._portal.note(direction="script", script=run.script.name, task=run.task, error=repr(error))
            run.result.update(state="error", why=repr(error))
            run.done.set()

    def _over_the_network(self, call: dict[str, Any]) -> tuple[int, str]:
        """Status and text of the answer; status 0 if there was none."""
        timeout = self._portal.faults.number("script_timeout_s")
        try:
            answer = self._session.request(**call, timeout=timeout, allow_redirects=False)
        except requests.RequestException as error:
            return 0, type(error).__name__
        return answer.status_code, answer.text

    def _next(self) -> Run | None:
        now = self._portal.clock.ticks()
        if self.paused or now < self.stopped_until:
            return None
        ready = [run for run in self._runs if run.due <= now and run.held_until <= now]
        if self._portal.faults.on("retry_blocks") and any(run.attempt for run in self._runs):
            ready = [run for run in ready if run.attempt]
        if not ready:
            return None
        run = min(ready, key=lambda item: (item.due, item.order))
        self._runs.remove(run)
        for other in self._runs:  # overtaken once is enough
            if other.order < run.order:
                other.held_until = 0.0
        return run

    def due(self) -> float | None:
        """When the next run may go on, in sandbox seconds; None if none waits or all are held back."""
        if self.paused or not self._runs:
            return None
        waiting = [max(run.due, run.held_until) for run in self._runs]
        if self._portal.faults.on("retry_blocks") and any(run.attempt for run in self._runs):
            waiting = [run.due for run in self._runs if run.attempt]
        return max(self.stopped_until, min(waiting))

    def _pause_s(self) -> float | None:
        wake = self.due()
        clock = self._portal.clock
        return None if wake is None else clock.real_seconds(wake - clock.ticks()) + 0.001

    def _go_on(self, run: Run) -> None:
        """Do the steps from where the run stands; a failed request ends it for now."""
        while run.step < len(run.script.steps):
            step = run.script.steps[run.step]
            if step["do"] == "http":
                if not self._send(run, step):
                    return
                if run.copy:
                    break
            else:
                with self._portal.lock:
                    run.result.setdefault("steps", []).append(
                        steps.perform(self._portal, run, step, self._scope(run), self.press)
                    )
            run.step += 1
            run.request = None
        run.result.setdefault("state", "done")
        run.done.set()

    def _scope(self, run: Run) -> Scope:
        return Scope(self._portal, run.task, run.author, run.comment, run.row, run.contact, blocks=run.blocks)

    def _send(self, run: Run, step: dict[str, Any]) -> bool:
        """Send one request; true only for exactly 200."""
        portal = self._portal
        run.attempt += 1
        with portal.lock:
            # Values are those of NOW, not of the event (contract 1.2); a retry may repeat the first text.
            if run.request is None or portal.faults.word("guid_on_retry") == "new":
                run.request = prepare(step, self._scope(run), portal.faults.on("json_bodies"))
            call = run.request
            target = f"contact:{run.contact}" if run.contact else f"task:{run.task}"
            self._busy.scripts_at_work[target] = self._busy.scripts_at_work.get(target, 0) + 1
            lost = False
        status, text = self.post(call)
        with portal.lock:
            self._busy.scripts_at_work[target] -= 1
            lost = status == 200 and portal.faults.take("lose_answer_next")
        good = status == 200 and not lost
        portal.note(
            direction="out", script=run.script.name, event=run.script.event, task=run.task, contact=run.contact,
            url=call["url"], body=loggable(call), attempt=run.attempt, status=status, ok=good, lost=lost, copy=run.copy,
            answer=text[:500],
        )  # fmt: skip
        run.result.update(status=status, delivered=good)
        if good:
            self._delivered(run, step, text)
        else:
            self._failed(run, step)
        return good

    def _delivered(self, run: Run, step: dict[str, Any], text: str) -> None:
        counters = self._portal.counters
        counters.delivered += 1
        if run.copy:
            return
        run.blocks.update(answers.parse(text, step.get("parse", [])))
        if self._portal.faults.chance("duplicate_rate"):
            counters.duplicated += 1
            again = Run(run.script, run.task, run.author, run.chain, run.comment, run.row, run.contact, run.step)
            again.copy, again.request = True, run.request
            self.put(again)

    def _failed(self, run: Run, step: dict[str, Any]) -> None:
        """Stop every request of the account for 3 minutes and try this one again by the schedule."""
        faults, clock = self._portal.faults, self._portal.clock
        self._portal.counters.failed += 1
        pauses = RETRY_MINUTES[faults.word("retry_schedule")] if step.get("retry", True) else ()
        with self._wake:
            self.stopped_until = clock.ticks() + faults.number("stop_minutes") * 60
            if run.attempt <= len(pauses):
                run.due = clock.ticks() + pauses[run.attempt - 1] * 60
                run.result.update(state="will retry")
                self._runs.append(run)
            else:
                self._portal.counters.given_up += 1
                run.result.update(state="given up")
        run.done.set()
