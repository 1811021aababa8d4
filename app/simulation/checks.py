"""What must hold of every desk, whatever its plugins: after every step of the story, and at rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from app.bootstrap import Annex
from app.cli.verify import faults
from app.simulation.crm import SimulatedCRM
from kernel.crm import Record
from kernel.crm.gone import gone_since
from kernel.crm.seen import last_seen
from kernel.extension.sweep import last_sweep
from kernel.jobs import call_queries, inbox
from kernel.testing import MemoryQueue
from kernel.testing.stories import SimulatedStory

GONE = "the CRM no longer has"
DECIDED = "decided by "
VERIFIED_EVERY = 10  #: steps, where nothing was booked meanwhile


class Checks:
    """`annex` is a process of its own that only reads."""

    def __init__(self, annex: Annex, crm: SimulatedCRM, stories: Sequence[SimulatedStory], queue: MemoryQueue) -> None:
        self._annex, self._crm, self._stories, self._queue = annex, crm, stories, queue
        self._portal = annex.runtime.portal
        self._verified, self._steps = "", 0

    def swept_ever(self) -> int:
        with self._portal.read() as unit:
            swept = last_sweep(unit.tx, self._portal.name)
        return swept.repaired_ever if swept else 0

    def after_each_step(self) -> None:
        if self._queue.broken:
            job, exc = self._queue.broken[0]
            raise AssertionError(f"job {job.name} {job.key} ended in {type(exc).__name__}: {exc}") from exc
        assert not self._crm.refused(), "the portal's limit was broken"
        for story in self._stories:
            story.after_each_step()
        self._steps += 1
        with self._portal.read() as unit:
            head = self._portal.books.head(unit.tx)[1]
            if head == self._verified and self._steps % VERIFIED_EVERY:
                return
            self._verified = head
            found = list(islice(faults(self._annex, unit), 3))
            assert not found, found

    def unseen(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Records that do not stand as they were last read: those whose own fields differ, those whose rows do."""
        fields, rows = [], []
        for story, entity, record_id in self._records():
            tables, names = story.tables.get(entity, ()), story.typed.get(entity, ())
            record = self._portal.crm.get(entity, record_id, tables=tables)
            with self._portal.read() as unit:
                seen = last_seen(unit.tx, self._portal.name, entity, record_id)
            if seen is None or _typed(seen, names) != _typed(record, names):
                fields.append((entity, record_id))
            elif any(seen.rows[table] != record.rows[table] for table in tables):
                rows.append((entity, record_id))
        return fields, rows

    def unknown(self) -> list[tuple[str, str]]:
        """Deleted records that Annex takes for present, and records that it takes for deleted."""
        found = []
        with self._portal.read() as unit:
            for story in self._stories:
                for wanted, records in ((True, story.deleted()), (False, story.records())):
                    found += [
                        one for one in records if (gone_since(unit.tx, self._portal.name, *one) is not None) is not wanted
                    ]
        return found

    def _records(self) -> Iterator[tuple[SimulatedStory, str, str]]:
        for story in self._stories:
            for entity, record_id in story.records():
                yield story, entity, record_id

    def at_rest(self) -> None:
        self._verified = ""
        self.after_each_step()
        self._nothing_is_left()
        self._each_effect_once()
        for story in self._stories:
            story.at_rest()

    def _nothing_is_left(self) -> None:
        with self._portal.read() as unit:
            left = inbox.unsettled(unit.tx)
            assert not left, f"deliveries without a sync: {[dict(row) for row in left[:3]]}"
            calls = call_queries.not_carried_out(unit.tx)
        # A row that somebody deleted cannot be written any more, nor a record.
        lost = [
            dict(call)
            for call in calls
            if (call["verb"], call["state"]) != ("update_row", "failed") and not _is_dropped(call) and not _is_decided(call)
        ]
        assert not lost, f"calls that never came through: {lost[:3]}"

    def _each_effect_once(self) -> None:
        """What was written down as done was done once, and nothing else was done."""
        with self._portal.read() as unit:
            calls, dropped = call_queries.carried_out(unit.tx), call_queries.not_carried_out(unit.tx)
        wanted = Counter(call["result"] for call in calls if call["verb"] in ("comment", "write_comment"))
        assert all(count == 1 for count in wanted.values()), "two comments share one number"
        there = self._crm.comments_of_ours()
        # One whose answer was lost, under a record that was deleted before anybody could look for it, is in doubt for ever.
        doubt = sum(one["verb"] in ("comment", "write_comment") and _is_dropped(one) for one in dropped)
        assert len(wanted) <= there <= len(wanted) + doubt, (
            f"{len(wanted)} comments were written down, {there} stand in the portal"
        )
        made, known = self._crm.records_of_ours(), [call["result"] for call in calls if call["verb"] == "create"]
        assert sorted(made) == sorted(known), f"records {known} were written down, {made} stand in the portal"
        rows = Counter(self._crm.rows_of_ours())
        assert all(count == 1 for count in rows.values()), f"rows made twice: {rows}"
        assert len(rows) == len({call["target"] for call in calls if call["verb"] == "put_row"})


def _is_dropped(call: Any) -> bool:
    return bool(call["state"] == "dropped" and GONE in call["reason"])


def _is_decided(call: Any) -> bool:
    """A person has said what became of it."""
    return bool(call["state"] == "dropped" and call["reason"].startswith(DECIDED))


def _typed(record: Record, names: Sequence[str]) -> tuple[str | None, list[object]]:
    return record.stage, [record.values.get(name) for name in names]
