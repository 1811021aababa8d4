"""How updates come: the webhook is set and watched, or we ask for updates ourselves; and a token that two use is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from connectors.telegram import limits
from connectors.telegram.listen import WEBHOOK, listen
from connectors.telegram.tests.pocket import SECRET, Asked, Pocket, message, refusal
from kernel.errors import Misconfigured, Unreachable
from kernel.extension import Received

OURS = "https://desk.example.com/hooks/telegram/partners"


class Listening:
    """What the kernel hands to `listen`: it stops after so many waits."""

    def __init__(self, rounds: int = 1, store: Callable[[Received], None] = lambda received: None) -> None:
        self.stopped = threading.Event()
        self.stored: list[str] = []
        self.times_connected, self._rounds, self._store = 0, rounds, store
        self.stopped.wait = self._wait  # type: ignore[method-assign]

    def _wait(self, timeout: float | None = None) -> bool:
        assert timeout == limits.WATCH_SECONDS
        self._rounds -= 1
        if self._rounds <= 0:
            self.stopped.set()
        return self.stopped.is_set()

    def __call__(self, received: Received) -> None:
        self._store(received)
        self.stored += [one.vendor_id for one in received.messages]

    def connected(self) -> None:
        self.times_connected += 1

    def on_stop(self, close: Callable[[], None]) -> None:
        """Nothing to close: no request is longer than a few seconds."""


class Webhook:
    """What Telegram keeps of it."""

    def __init__(self, pocket: Pocket) -> None:
        self.url, self.allowed, self.sets, self.thief = "", [""], 0, ""
        pocket.answers |= {"getWebhookInfo": self.info, "setWebhook": self.set, "deleteWebhook": self.delete}

    def info(self, asked: Asked) -> Any:
        return {"url": self.url, "has_custom_certificate": False, "pending_update_count": 0, "allowed_updates": self.allowed}

    def set(self, asked: Asked) -> bool:
        assert asked.values["secret_token"] == SECRET
        self.sets += 1
        self.url, self.allowed = self.thief or asked.values["url"], asked.json("allowed_updates")
        return True

    def delete(self, asked: Asked) -> bool:
        self.url = ""
        return True


def test_the_webhook_is_set_once_and_then_watched(pocket: Pocket) -> None:
    webhook, listening = Webhook(pocket), Listening(rounds=5)
    listen(pocket.connection, listening)
    assert (webhook.url, webhook.sets, listening.times_connected) == (OURS, 1, 1)
    assert {"chat_member", "message_reaction", "message", "my_chat_member"} <= set(webhook.allowed)
    listen(pocket.connection, Listening())
    assert webhook.sets == 1
    assert len(pocket.called("getWebhookInfo")) == 6


def test_another_secret_or_other_kinds_of_updates_set_it_anew(pocket: Pocket) -> None:
    webhook = Webhook(pocket)
    listen(pocket.connection, Listening())
    webhook.allowed = ["message"]
    listen(pocket.connection, Listening())
    assert webhook.sets == 2
    pocket.connection.vault.put(WEBHOOK, {"mark": "of another secret", "set_at": []})
    listen(pocket.connection, Listening())
    assert webhook.sets == 3


@pytest.mark.row("PT-06")
@pytest.mark.parametrize("theirs", ["https://thief.example.com/hook", ""])
def test_a_webhook_that_is_taken_twice_is_told_and_not_fought_for(pocket: Pocket, theirs: str) -> None:
    webhook = Webhook(pocket)
    listen(pocket.connection, Listening())
    webhook.url = theirs
    listen(pocket.connection, Listening())  # once more by itself
    assert (webhook.url, webhook.sets) == (OURS, 2)
    for _ in range(3):  # the kernel starts it again and again
        webhook.url = theirs
        with pytest.raises(Misconfigured, match=r"somebody else.*(thief\.example\.com|gone)"):
            listen(pocket.connection, Listening())
    assert webhook.sets == 2
    pocket.clock.advance(hours=2)
    listen(pocket.connection, Listening())
    assert (webhook.url, webhook.sets) == (OURS, 3)


def test_without_https_nothing_is_set(pocket: Pocket) -> None:
    webhook = Webhook(pocket)
    object.__setattr__(pocket.connection, "public_url", "http://desk.example.com")
    with pytest.raises(Misconfigured, match="https"):
        listen(pocket.connection, Listening())
    assert webhook.sets == 0


# --- polling -------------------------------------------------------------------------------------------------------------


class Waiting:
    """Updates that wait at Telegram until the next request says that they are stored."""

    def __init__(self, pocket: Pocket, updates: list[Any], listening: Listening) -> None:
        self.updates, self.offsets, self._listening = updates, [], listening  # type: ignore[var-annotated]
        pocket.answers |= {"getUpdates": self.give, "deleteWebhook": True}

    def give(self, asked: Asked) -> list[Any]:
        offset = int(asked.values.get("offset", 0))
        self.offsets.append(offset)
        self.updates = [one for one in self.updates if one["update_id"] >= offset]
        if not self.updates:
            self._listening.stopped.set()
        return self.updates


def updates(*numbers: int) -> list[Any]:
    return [{"update_id": 900 + n, "message": message(n, text=f"m{n}")} for n in numbers]


def polling(pocket: Pocket) -> Any:
    pocket.connection.settings["TELEGRAM_MODE"] = "polling"  # type: ignore[index]
    return pocket.connection


def test_updates_are_asked_for_and_confirmed_only_once_they_are_stored(pocket: Pocket) -> None:
    def gone(received: Received) -> None:
        if received.messages:
            raise RuntimeError("the database is away")

    broken = Listening(store=gone)
    waiting = Waiting(pocket, [*updates(1, 2), {"update_id": 903, "message": {"message_id": "x"}}], broken)
    with pytest.raises(RuntimeError):
        listen(polling(pocket), broken)
    assert waiting.offsets == [0] and len(waiting.updates) == 3  # nothing was confirmed
    listening = waiting._listening = Listening()
    listen(pocket.connection, listening)
    assert len(listening.stored) == 3 and listening.stored[2].startswith("u903:")  # the unreadable one took no other along
    assert waiting.offsets == [0, 0, 904] and waiting.updates == [] and listening.times_connected == 1


def test_a_second_poller_is_told_in_words(pocket: Pocket) -> None:
    Waiting(pocket, [], Listening())
    pocket.answers["getUpdates"] = refusal(409, "Conflict: terminated by other getUpdates request")
    with pytest.raises(Misconfigured, match="somebody else"):
        listen(polling(pocket), Listening())
    pocket.answers["getUpdates"] = refusal(502, "Bad Gateway")
    with pytest.raises(Unreachable):
        listen(polling(pocket), Listening())
