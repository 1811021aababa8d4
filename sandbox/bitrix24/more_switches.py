"""Switches of people, lists, processes, widgets, messages and telephony, beside those in faults.py."""

from __future__ import annotations

from sandbox.bitrix24.faults import SWITCHES
from sandbox.common.switches import Switch

MORE: dict[str, Switch] = {
    "expired_open": Switch(
        "starts",
        "timeman.open over an unclosed day: starts a new one, or is refused (UNCONFIRMED)",
        ("starts", "refuse"),
    ),
    "placement_repeat": Switch(
        "refuse", "placement.bind of a pair already bound: refused, or bound once more (UNCONFIRMED)", ("refuse", "allow")
    ),
    "worker_slow_s": Switch(5.0, "REAL seconds above which a background worker's answer is slow (45)"),
    "worker_slow_max": Switch(10, "so many slow answers a day are forgiven; the next removes the worker (45)"),
    "notify_false_next": Switch(0, "so many next im.notify.*.add answer false and make nothing (43)"),
    "tag_without_client": Switch(
        "ignore", "TAG by webhook without CLIENT_ID: the tag is lost, or refused (UNCONFIRMED)", ("ignore", "refuse")
    ),
    "tag_replaces": Switch(
        "user", "whose older notes a TAG replaces: those of the same person, or everybody's (UNCONFIRMED)", ("user", "all")
    ),
    "task_delegate": Switch(
        "works", "bizproc.task.delegate: passes tasks on, or is not there at all (UNCONFIRMED)", ("works", "unknown")
    ),
    "second_finish": Switch(
        "ERROR_CORE", "error code of a second finish of a call; seen empty too (47)", ("ERROR_CORE", "empty")
    ),
}
SWITCHES.update(MORE)
