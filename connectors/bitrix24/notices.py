"""Notices in people's bells under a tag of ours: the same tag replaces what stood there."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.bitrix24.client import Client
from connectors.bitrix24.comments import NOTICE_CHARACTERS_MAX
from connectors.bitrix24.marks import plain
from connectors.bitrix24.values import number_of
from kernel.errors import Rejected
from kernel.telemetry import log

CLIENT = "annex"  #: whose tags they are, where a webhook speaks


class BitrixNotices:
    def __init__(self, client: Client) -> None:
        self._client = client

    def put(self, tag: str, to: Iterable[str], text: str) -> None:
        message = plain(text)[:NOTICE_CHARACTERS_MAX]
        people = sorted({number_of(one) for one in to})
        calls = [
            ("im.notify.system.add", {"USER_ID": person, "MESSAGE": message, "TAG": tag, "CLIENT_ID": CLIENT})
            for person in people
        ]
        for person, outcome in zip(people, self._client.batch(calls, writes=True) if calls else [], strict=True):
            fault = outcome.fault
            if fault is not None and not isinstance(fault, Rejected):
                raise fault
            if fault is not None or not outcome.value:
                log.warning("notice.refused", system="bitrix24", person=str(person), reason=str(fault or "answered no"))

    def remove(self, tag: str) -> None:
        """A portal that has none of that tag says no, and that is what was wanted."""
        try:
            self._client.call("im.notify.delete", {"TAG": tag, "CLIENT_ID": CLIENT}, writes=True)
        except Rejected as exc:
            log.warning("notice.not_removed", system="bitrix24", reason=str(exc))


__all__ = ["BitrixNotices"]
