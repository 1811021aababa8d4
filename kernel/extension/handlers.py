"""What the jobs of a portal do, by name: the same in the worker and in `kernel.testing.World`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from kernel.conversations import store as messages
from kernel.extension.calls import carry_out
from kernel.extension.messages import hand_over
from kernel.extension.model import Plugin
from kernel.extension.portal import Portal
from kernel.extension.sync import sync
from kernel.jobs import Handler, inbox


def job_handlers(portal: Portal, plugins: Sequence[Plugin]) -> dict[str, Handler]:
    """Made once for each process: how often a sync was tried is counted in memory, for the pauses between the tries."""
    tries: dict[str, int] = {}

    def sync_job(args: Mapping[str, Any]) -> None:
        attempt = tries.get(args["trace"], 0)
        tries[args["trace"]] = attempt + 1
        sync(portal, plugins, args, attempt=attempt)
        tries.pop(args["trace"], None)

    return {
        inbox.SYNC_JOB: sync_job,
        "call": partial(carry_out, portal, plugins),
        messages.JOB: partial(hand_over, portal, plugins),
    }
