"""Every switch: what may break, and what Telegram may do in ways that nobody has confirmed."""

from __future__ import annotations

from typing import Any

from sandbox.common.switches import ONOFF, Switch, Switches
from sandbox.telegram.errors import NAMED, Refusal

SWITCHES: dict[str, Switch] = {
    # the server
    "down": Switch("off", "on: 502 at all methods and files; closed: connections are cut", ("off", "on", "closed")),
    "file_down": Switch("off", "downloads of files answer 502", ONOFF),
    "latency": Switch(0.0, "sandbox seconds before every answer to a bot"),
    "cut_after_commit_next": Switch(0, "so many next sends and edits are done, but the connection is cut before the answer"),
    "cut_before_commit_next": Switch(0, "so many next sends and edits are cut before anything is done"),
    "errors_next": Switch(
        "", "errors that the next sends and edits get, comma separated: chat_not_found, blocked, internal …"
    ),
    "flood_next": Switch(0, "so many next sends and edits answer 429"),
    "flood_seconds": Switch(3, "retry_after of flood_next"),
    # limits (contract 1.7)
    "limits": Switch("on", "are the three limits below kept", ONOFF),
    "limit_chat": Switch(1.0, "messages a second into one chat, over five seconds: short bursts pass"),
    "limit_group": Switch(20, "messages a minute into one group"),
    "limit_bot": Switch(30, "messages a second of one bot"),
    "download_max": Switch(20 * 1024 * 1024, "bytes that getFile gives out"),
    "upload_max": Switch(50 * 1024 * 1024, "bytes of a request with files"),
    "photo_max": Switch(10 * 1024 * 1024, "bytes of a photo"),
    # updates (contract 1.5, 1.8)
    "duplicate_rate": Switch(0.0, "share of updates delivered a second time under the same update_id"),
    "reorder_rate": Switch(0.0, "share of updates that the next one of the same chat overtakes"),
    "drop_rate": Switch(0.0, "share of updates that are lost"),
    "local_webhooks": Switch("on", "may a webhook be http, on this machine, on any port", ONOFF),
    "webhook_steal": Switch(
        "off",
        "somebody else sets the webhook: once, after every setWebhook (always), or takes it away once (gone)",
        ("off", "once", "always", "gone"),
    ),
    "webhook_timeout_s": Switch(60.0, "sandbox seconds that the answer to an update may take"),
    # groups (contract 1.2, 1.3, 1.5: UNCONFIRMED)
    "reorder": Switch("off", "after a tap on a startgroup link /start comes before my_chat_member", ONOFF),
    "payload_missing": Switch("off", "after a tap on a startgroup link no /start comes at all", ONOFF),
    "join_message": Switch("on", "a bot that is added gets the service message about itself, too", ONOFF),
    "basic_group_ids": Switch("bot", "who counts message ids of basic groups: each bot, or the chat", ("bot", "chat")),
    "topic_reply": Switch("on", "plain messages of a topic reply to its topic-created message", ONOFF),
    "privacy_at_once": Switch("off", "a changed privacy mode works without adding the bot again", ONOFF),
}


class Faults(Switches):
    """The switches of this world."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(SWITCHES, seed)

    def set(self, name: str, value: Any) -> None:
        if name == "errors_next":
            unknown = [word for word in str(value).split(",") if word.strip() and word.strip() not in NAMED]
            if unknown:
                raise ValueError(f"errors_next knows {', '.join(sorted(NAMED))}, not {', '.join(unknown)}")
        super().set(name, value)

    def next_error(self) -> Refusal | None:
        """Use up the first of `errors_next`."""
        words = [word.strip() for word in self.word("errors_next").split(",") if word.strip()]
        if not words:
            return None
        self.set("errors_next", ",".join(words[1:]))
        return Refusal(*NAMED[words[0]])

    def uniform(self, low: float, high: float) -> float:
        return self._rng.uniform(low, high)

    def number_below(self, limit: int) -> int:
        return self._rng.randrange(limit)
