"""Every switch: what may break, and what SMS.RU may do in ways that nobody has confirmed (contract 2.5)."""

from __future__ import annotations

from typing import Any

from sandbox.common.switches import ONOFF, Switch, Switches
from sandbox.sms_ru.codes import TEXTS

SWITCHES: dict[str, Switch] = {
    # answers
    "down": Switch(
        "off", "closed: connections are cut; http: HTTP 502; busy: code 220; error: code 500",
        ("off", "closed", "http", "busy", "error"),
    ),
    "latency": Switch(0.0, "sandbox seconds before every answer"),
    "cut_before_next": Switch(0, "so many next sends are cut before anything is done"),
    "lose_answer_next": Switch(0, "so many next sends are accepted, but the connection is cut before the answer"),
    "lose_answer_every": Switch(0, "of so many sends the last is accepted and its answer lost; 0: none"),
    "errors_next": Switch("", "codes that the next sends are refused with as a whole, comma separated"),
    "number_errors_next": Switch("", "codes that the next single numbers are refused with, comma separated"),
    "cost_as": Switch("string", "how `cost` stands in an answer", ("string", "number")),
    # what becomes of messages
    "status_step": Switch(2.0, "sandbox seconds from one status to the next; 0: at once"),
    "outcome": Switch("103", "the last status of each message: 103, 104, 105, 106, 107, 108, 110, 150; 102: it never ends"),
    "outcomes_next": Switch("", "the same for the next messages, comma separated"),
    # callbacks
    "callback_batch": Switch(100, "at most so many elements in one callback"),
    "callback_keys": Switch("brackets", "data[], or data[0] from zero or from one", ("brackets", "zero", "one")),
    "callback_body": Switch("form", "urlencoded or multipart, that with \\r\\n in place of \\n or as it is",
                            ("form", "multipart", "multipart_crlf")),
    "callback_hash": Switch("right", "wrong: of another key; none: it is left out", ("right", "wrong", "none")),
    "callback_duplicate_rate": Switch(0.0, "share of statuses that are told a second time"),
    "callback_reorder_rate": Switch(0.0, "share of statuses that later ones overtake"),
    "callback_strangers": Switch("off", "ids that nobody sent, and callcheck_status lines, come along", ONOFF),
    "callback_test": Switch("off", "are statuses of messages with test=1 told, too (UNCONFIRMED)", ONOFF),
    "callback_retry": Switch(10.0, "sandbox seconds before the first repeat; doubled each time up to ten minutes"),
}  # fmt: skip


class Faults(Switches):
    """The switches of this account."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(SWITCHES, seed)

    def set(self, name: str, value: Any) -> None:
        if name in ("errors_next", "number_errors_next", "outcomes_next", "outcome"):
            unknown = [word for word in str(value).split(",") if word.strip() and word.strip() not in TEXTS]
            if unknown:
                raise ValueError(f"{name}: {', '.join(unknown)} is no code of SMS.RU")
        super().set(name, value)

    def next_code(self, name: str) -> int | None:
        """Use up the first of a `…_next` list."""
        words = [word.strip() for word in self.word(name).split(",") if word.strip()]
        if not words:
            return None
        self.set(name, ",".join(words[1:]))
        return int(words[0])
