"""What the portal sends: one thread posts forms to handlers, in order, once, without any retry (contract, section 5).

The same thread does what is to be done later: delayed robots, waiting processes.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from sandbox.bitrix24.params import flatten
from sandbox.bitrix24.state import Portal

HEADERS = {"User-Agent": "Bitrix24 Webhook Engine", "Connection": "close"}
OVERTAKEN_SECONDS_MAX = 5.0  # a held-back event goes anyway after this


@dataclass(eq=False)
class Post:
    """A request to a handler. `form` is nested; values become strings in brackets."""

    url: str
    form: Mapping[str, Any]
    kind: str = "event"  #: event, robot, sms, placement … : for the log
    name: str = ""  #: the event's name, or what it is
    answered: Callable[[int, str, float], None] | None = None  #: status, text, REAL seconds; 0 = no answer
    copy: bool = False


class Delivery:
    """The portal's only sender."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._wake = threading.Condition()
        self._queue: list[tuple[float, int, Post | Callable[[], None]]] = []
        self._held: list[Post] = []
        self._order = itertools.count()
        self._busy = False
        self._closing = False
        self._session = requests.Session()
        self._session.trust_env = False
        # A connection kept open could be closed by the handler just as the next event goes out: that event would be lost.
        self._session.headers.update(HEADERS)
        self.paused = False
        self.post: Callable[[str, Mapping[str, Any]], tuple[int, str]] = self._over_the_network
        portal.clock.on_advance(self.poke)
        portal.on_later = self.later
        self._thread = threading.Thread(target=self._work, name="bitrix24-delivery", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join(self._portal.faults.number("handler_timeout_s") + 1)
        self._session.close()

    def poke(self) -> None:
        with self._wake:
            self._wake.notify_all()

    def pause(self, paused: bool) -> None:
        with self._wake:
            self.paused = paused
            self._wake.notify_all()

    def send(self, post: Post, seconds: float = 0.0) -> None:
        """Queue a request."""
        self._put(post, seconds)

    def later(self, seconds: float, run: Callable[[], None]) -> None:
        """Queue something to do with the portal's lock held."""
        self._put(run, seconds)

    def send_event(self, post: Post) -> None:
        """Queue an event; it may be dropped, doubled, delayed or overtaken if the switches say so."""
        faults, counters = self._portal.faults, self._portal.counters
        if faults.take("drop_next") or faults.chance("drop_rate"):
            counters.dropped += 1
            self._portal.note(direction="out", kind=post.kind, name=post.name, url=post.url, dropped=True)
            return
        delay = faults.number("delay")
        if faults.chance("reorder_rate"):
            counters.reordered += 1
            self._hold(post, delay)
        else:
            self._put(post, delay)
            self._release()
        if faults.chance("duplicate_rate"):
            counters.duplicated += 1
            self._put(Post(post.url, post.form, post.kind, post.name, copy=True), delay)

    def waiting(self) -> int:
        """Requests and other things queued or at work."""
        with self._wake:
            return len(self._queue) + self._busy

    def wait_idle(self, timeout_s: float) -> bool:
        """True when nothing was queued or at work within so many REAL seconds; what is due later counts as queued."""
        with self._wake:
            return self._wake.wait_for(lambda: not self._queue and not self._busy, timeout_s)

    def post_now(self, post: Post) -> requests.Response | None:
        """Post at once in the caller's thread, for pages a person opens; None when nobody answered."""
        try:
            with requests.Session() as session:
                session.trust_env = False
                session.headers.update(HEADERS)
                timeout = self._portal.faults.number("handler_timeout_s")
                answer = session.post(post.url, data=flatten(post.form), timeout=timeout, allow_redirects=False)
        except requests.RequestException as error:
            self._note(post, 0, type(error).__name__)
            return None
        self._note(post, answer.status_code, answer.text)
        return answer

    def step(self) -> bool:
        """Do what is due, in the caller's thread; false if nothing is. For a portal without threads."""
        with self._wake:
            if self.paused or not self._due():
                return False
            what = heapq.heappop(self._queue)[2]
        self._do(what)
        return True

    def due(self) -> float | None:
        """When the next thing is to be done, in sandbox seconds; None if nothing is."""
        with self._wake:
            return None if self.paused or not self._queue else self._queue[0][0]

    # -- the thread

    def _over_the_network(self, url: str, form: Mapping[str, Any]) -> tuple[int, str]:
        """Status and text of the answer; status 0 if there was none."""
        timeout = self._portal.faults.number("handler_timeout_s")
        try:
            answer = self._session.post(url, data=flatten(form), timeout=timeout, allow_redirects=False)
        except requests.RequestException as error:
            return 0, type(error).__name__
        return answer.status_code, answer.text

    def _put(self, what: Post | Callable[[], None], seconds: float) -> None:
        with self._wake:
            heapq.heappush(self._queue, (self._portal.clock.ticks() + seconds, next(self._order), what))
            self._wake.notify_all()

    def _hold(self, post: Post, delay: float) -> None:
        """Put it behind whatever comes next, at the latest after some seconds."""
        self._held.append(post)
        self._put(post, delay + OVERTAKEN_SECONDS_MAX)

    def _release(self) -> None:
        """Being overtaken once is enough: held-back events go now."""
        if not self._held:
            return
        with self._wake:
            late = [entry[2] for entry in self._queue if entry[2] in self._held]
            self._queue = [entry for entry in self._queue if entry[2] not in self._held]
            heapq.heapify(self._queue)
            self._held.clear()
        for post in late:
            self._put(post, self._portal.faults.number("delay"))

    def _work(self) -> None:
        while True:
            with self._wake:
                self._busy = False
                if not self._queue:
                    self._wake.notify_all()
                while not self._closing and (self.paused or not self._due()):
                    self._wake.wait(self._pause_s())
                if self._closing:
                    return
                what = heapq.heappop(self._queue)[2]
                self._busy = True
            self._do(what)

    def _due(self) -> bool:
        return bool(self._queue) and self._queue[0][0] <= self._portal.clock.ticks()

    def _pause_s(self) -> float | None:
        if self.paused or not self._queue:
            return None
        return self._portal.clock.real_seconds(self._queue[0][0] - self._portal.clock.ticks()) + 0.001

    def _do(self, what: Post | Callable[[], None]) -> None:
        try:
            if isinstance(what, Post):
                self._send(what)
            else:
                with self._portal.lock:
                    what()
        except Exception as error:  # one broken thing must not stop the portal
            self._portal.note(direction="out", kind="error", error=repr(error))

    def _send(self, post: Post) -> None:
        began = time.monotonic()
        status, text = self.post(post.url, post.form)
        self._note(post, status, text)
        if post.answered:
            with self._portal.lock:
                post.answered(status, text, time.monotonic() - began)

    def _note(self, post: Post, status: int, text: str) -> None:
        good = 200 <= status < 300
        counters = self._portal.counters
        counters.delivered += good
        counters.failed += not good
        self._portal.note(
            direction="out", kind=post.kind, name=post.name, url=post.url, body=post.form, status=status, ok=good,
            copy=post.copy, answer=text[:500],
        )  # fmt: skip
