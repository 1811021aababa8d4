"""The sender of updates: order per chat, repeats with growing pauses, a day at most (contract 1.8, WebhookActor)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import requests

from sandbox.telegram import calls, updates
from sandbox.telegram.model import Bot, Update, Webhook
from sandbox.telegram.state import World
from sandbox.telegram.stealing import STOLEN, steal

WORKERS = 8
CLOSE_SECONDS = 5
TOP_SECONDS = (60.0, 120.0)  # the delay doubles up to a random number between these
RETRY_AFTER_MAX = 3600
GONE_SECONDS = 23 * 3600
Post = Callable[[str, dict[str, Any], dict[str, str]], tuple[int, str, dict[str, str]]]


class Sender:
    """Posts what is due: one update of a chat at a time, several chats at once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._flying: set[threading.Thread] = set()
        self._session = requests.Session()
        self._session.trust_env = False
        self.paused = False
        self.post: Post = self._over_the_network
        self._thread = threading.Thread(target=self._work, name="telegram-sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        with self._world.changed:
            self._world.closing = True
            self._world.changed.notify_all()
        self._thread.join(CLOSE_SECONDS)
        for thread in list(self._flying):
            thread.join(CLOSE_SECONDS)  # a receiver that does not answer must not hold us up
        self._session.close()

    def pause(self, paused: bool) -> None:
        with self._world.changed:
            self.paused = paused
            self._world.changed.notify_all()

    def waiting(self) -> int:
        """Updates that a webhook has still to get."""
        with self._world.lock:
            return sum(len(bot.updates) for bot in self._world.bots.values() if bot.webhook.url)

    def wait_idle(self, timeout_s: float) -> bool:
        """True when every webhook had all within so many REAL seconds; an update that waits for a repeat counts."""
        with self._world.changed:
            return self._world.changed.wait_for(lambda: not self.waiting(), timeout_s)

    def step(self) -> bool:
        """Deliver one update that is due, in the caller's thread; false if none is. For a world without threads."""
        with self._world.lock:
            found = self._next()
        if found is not None:
            self._deliver(*found)
        return found is not None

    def due(self) -> float | None:
        """When the next update may go, in sandbox seconds; None if none waits."""
        with self._world.lock:
            moments = [one.due for _, one in self._heads() if not one.in_flight]
            return None if self.paused or not moments else min(moments)

    # -- the thread

    def _work(self) -> None:
        while True:
            with self._world.changed:
                found = self._next()
                while found is None and not self._world.closing:
                    self._world.changed.wait(self._pause_s())
                    found = self._next()
                if self._world.closing or found is None:
                    return
            self._fly(*found)

    def _fly(self, bot: Bot, update: Update) -> None:
        """Deliver in a thread of its own, so that one slow chat holds no other up."""

        def deliver() -> None:
            try:
                self._deliver(bot, update)
            finally:
                with self._world.changed:
                    self._flying.discard(thread)
                    self._world.changed.notify_all()

        thread = threading.Thread(target=deliver, name="telegram-webhook", daemon=True)
        with self._world.lock:
            self._flying.add(thread)
        thread.start()

    def _pause_s(self) -> float | None:
        due = self.due()
        clock = self._world.clock
        return None if due is None else clock.real_seconds(due - clock.ticks()) + 0.001

    def _heads(self) -> list[tuple[Bot, Update]]:
        """The first waiting update of each chat; one that is to be overtaken lets the next before it."""
        made = []
        for bot in self._world.bots.values():
            if not bot.webhook.url:
                continue
            updates.drop_old(self._world, bot)
            chats: dict[int, list[Update]] = {}
            for update in bot.updates:
                chats.setdefault(update.chat, []).append(update)
            for queue in chats.values():
                late = len(queue) > 1 and queue[0].attempt == 0 and queue[0].due > self._world.clock.ticks()
                made.append((bot, queue[1] if late and not queue[0].in_flight else queue[0]))
        return made

    def _next(self) -> tuple[Bot, Update] | None:
        steal(self._world)
        if self.paused or len(self._flying) >= WORKERS:
            return None
        now = self._world.clock.ticks()
        for bot, update in self._heads():
            flying = sum(one.in_flight for one in bot.updates)
            if update.due <= now and not update.in_flight and flying < bot.webhook.connections:
                update.in_flight = True
                return bot, update
        return None

    def _over_the_network(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers of the answer; status 0 and the reason if there was none."""
        wait = self._world.clock.real_seconds(self._world.faults.number("webhook_timeout_s"))
        content = json.dumps(body, ensure_ascii=False).encode()
        try:
            answer = self._session.post(
                url, data=content, headers={"Content-Type": "application/json", **headers}, timeout=max(wait, 1.0),
                allow_redirects=False,
            )  # fmt: skip
        except requests.ConnectionError:
            return 0, "Connection refused", {}
        except requests.RequestException:
            return 0, "Read timeout expired", {}
        return answer.status_code, answer.text, dict(answer.headers) | {"reason": answer.reason or ""}

    def _deliver(self, bot: Bot, update: Update) -> None:
        world, hook = self._world, bot.webhook
        with world.lock:
            update.attempt += 1
            url, body = hook.url, update.json()
            headers = {"X-Telegram-Bot-Api-Secret-Token": hook.secret} if hook.secret else {}
        if url == STOLEN:
            status, text, answered = 200, "", {"reason": "OK"}  # somebody else has them now
        else:
            status, text, answered = self.post(url, body, headers)
        good = 200 <= status < 300
        with world.lock:
            world.note(direction="out", bot=bot.username, update=update.id, kind=update.kind, attempt=update.attempt,
                       status=status, ok=good, copy=update.copy, answer=text[:500])  # fmt: skip
            update.in_flight = False
            if update in bot.updates:
                self._delivered(bot, update) if good else self._failed(hook, update, status, text, answered)
            if status == 410:
                self._gone(bot)
            else:
                hook.gone_since = None
            world.changed.notify_all()
        if good:
            self._answered(bot, text)

    def _answered(self, bot: Bot, text: str) -> None:
        try:
            wanted = json.loads(text) if text.lstrip().startswith("{") else None
        except ValueError:
            return
        if isinstance(wanted, dict) and "method" in wanted:
            calls.from_webhook(self._world, bot, wanted)

    def _delivered(self, bot: Bot, update: Update) -> None:
        self._world.counters["delivered"] += 1
        if not update.copy and self._world.faults.chance("duplicate_rate"):
            self._world.counters["duplicated"] += 1
            update.copy, update.attempt = True, 0
            return
        bot.updates.remove(update)
        for other in bot.updates:  # overtaken once is enough
            if other.chat == update.chat and other.id < update.id:
                other.due = self._world.clock.ticks()

    def _failed(self, hook: Webhook, update: Update, status: int, text: str, answered: dict[str, str]) -> None:
        """Again at once, then after 1, 2, 4 … seconds; or when the receiver says."""
        self._world.counters["failed"] += 1
        hook.error = f"Wrong response from the webhook: {status} {answered.get('reason', '')}".strip() if status else text
        hook.error_at = self._world.now()
        after = answered.get("Retry-After", "")
        if status and after.isdigit() and int(after) <= RETRY_AFTER_MAX:
            pause = float(after)
        else:
            pause, top = update.delay, self._world.faults.uniform(*TOP_SECONDS)
            update.delay = min(max(update.delay * 2, 1.0), top)
        update.due = self._world.clock.ticks() + pause

    def _gone(self, bot: Bot) -> None:
        """410 for 23 hours on end takes the webhook away."""
        now, hook = self._world.clock.ticks(), bot.webhook
        if hook.gone_since is None:
            hook.gone_since = now
        elif now - hook.gone_since >= GONE_SECONDS:
            bot.webhook = Webhook()
