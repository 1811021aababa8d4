"""What came of changing elements of lists, as the call hands it to the plugin."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kernel.errors import Fault, Throttled

REASON_CHARACTERS_MAX = 300


@dataclass(frozen=True)
class ListsWritten:
    """By the place of each change in the call; those that are not named were made."""

    again: frozenset[int] = frozenset()  #: nobody knows, or they were not let through: to be tried again
    refused: Mapping[int, str] = field(default_factory=dict)  #: the CRM said no, and why
    wait_seconds: float = 0.0  #: so long it does not want to be asked


def pack(faults: Sequence[Fault | None]) -> str:
    """As the result of a call; empty where all were made. Raises where all are to be tried again."""
    known = [(place, fault) for place, fault in enumerate(faults) if fault is not None]
    if not known:
        return ""
    again = [place for place, fault in known if fault.retry]
    if len(again) == len(faults):
        raise known[0][1]
    waits = [fault.wait_seconds for _place, fault in known if isinstance(fault, Throttled)]
    refused = {place: str(fault)[:REASON_CHARACTERS_MAX] for place, fault in known if not fault.retry}
    return json.dumps({"again": again, "refused": refused, "wait": max(waits, default=0.0)}, ensure_ascii=False)


def outcome(result: str) -> ListsWritten:
    if not result:
        return ListsWritten()
    body = json.loads(result)
    refused = {int(place): reason for place, reason in body["refused"].items()}
    return ListsWritten(frozenset(body["again"]), refused, body["wait"])
