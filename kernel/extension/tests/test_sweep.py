"""The sweep finds what no delivery reported, once, and leaves alone what was seen."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from kernel.crm import Event, Record
from kernel.errors import Unreachable
from kernel.extension import Sweeping
from kernel.extension.sweep import last_sweep, sweep
from kernel.extension.tests.small import Small
from kernel.jobs import inbox
from kernel.values import to_micros

EVERY = Sweeping(every_seconds=20, calm_seconds=120)


@pytest.fixture
def small(both: Small) -> Small:
    return both


def swept(small: Small, after: float = 20) -> int:
    small.clock.advance(seconds=after)
    found = sweep(small.portal, small.plugins, EVERY)
    small.run()
    return found


@pytest.mark.row("PL-15")
def test_a_change_that_no_delivery_told_of_is_found_once(small: Small) -> None:
    small.deliver()
    small.run()
    swept(small)  # our own write, a moment after the sync
    assert swept(small) == 0, "what was seen needs no second look"
    small.crm.staff.set("deal", small.deal, asked="хто там")
    assert swept(small, 5) == 1 and small.field("answer") == "ХТО ТАМ"
    swept(small)  # our own write changed it once more
    synced = len(small.seen)
    assert [swept(small) for _ in range(10)] == [0] * 10 and len(small.seen) == synced
    assert not small.crm.doubled()


@pytest.mark.row("PL-15")
def test_two_changes_in_one_second_are_both_seen(small: Small) -> None:
    """The CRM's times have no finer grain than a second: the same time does not mean the same content."""
    small.crm.staff.set("deal", small.deal, asked="один")
    small.deliver()
    small.run()
    small.crm.staff.set("deal", small.deal, asked="два")  # the same moment, and its delivery is lost
    swept(small)
    assert small.field("answer") == "ДВА"


@pytest.mark.row("PL-15")
def test_what_changes_while_a_record_is_being_looked_at_is_found(small: Small) -> None:
    """A slow machine: seconds lie between the reading and its end, and the delivery of what changed meanwhile is lost."""
    read = small.crm.get

    def slowly(*asked: Any, **how: Any) -> Record:
        small.crm.get = read  # type: ignore[method-assign]
        found = read(*asked, **how)
        small.clock.advance(seconds=1)
        small.crm.staff.set("deal", small.deal, asked="два")
        small.clock.advance(seconds=30)
        return found

    small.crm.staff.set("deal", small.deal, asked="один")
    small.deliver()
    small.run()
    swept(small)
    small.deliver()  # nothing to write, so no change of ours comes after it
    small.crm.get = slowly  # type: ignore[method-assign]
    small.run()
    swept(small)
    assert small.field("answer") == "ДВА"


def installed(small: Small) -> None:
    with small.database.write() as tx:
        tx.run("UPDATE annex_migration SET applied_at = :now", now=to_micros(small.clock.now()))


@pytest.mark.row("PL-15")
def test_a_worker_first_started_hours_after_the_installation_finds_what_got_lost_before(small: Small) -> None:
    small.clock.advance(days=1)
    installed(small)
    before = small.crm.staff.new("deal", asked="хто там")  # at the moment of the installation, and its delivery is lost
    small.clock.advance(hours=30)
    assert swept(small) == 1, "the deal that was there long before the installation is left alone"
    assert small.crm.record("deal", before).values["answer"] == "ХТО ТАМ" and small.field("answer") is None


@pytest.mark.row("PL-15")
def test_the_first_sweep_goes_back_a_week_at_most_and_an_hour_at_least(small: Small) -> None:
    asked: list[datetime] = []
    small.crm.changed = lambda since: asked.append(since["deal"]) or []  # type: ignore[func-returns-value,method-assign]
    installed(small)
    sweep(small.portal, small.plugins, EVERY)
    small.clock.advance(days=400)
    with small.database.write() as tx:
        tx.run("DELETE FROM crm_sweep")
    sweep(small.portal, small.plugins, EVERY)
    overlap = timedelta(minutes=2)
    assert asked[0] == small.clock.now() - timedelta(days=400, hours=1) - overlap
    assert asked[1] == small.clock.now() - timedelta(days=7) - overlap


@pytest.mark.row("PL-15")
def test_a_portal_that_was_down_is_asked_from_where_the_last_sweep_ended(small: Small) -> None:
    swept(small)
    small.crm.fail_next(Unreachable("down"), on=("changed", "get"), times=1000)
    for hour in range(2):
        small.crm.staff.set("deal", small.deal, asked=f"година {hour}")
        for _ in range(10):
            small.clock.advance(minutes=6)
            assert sweep(small.portal, small.plugins, EVERY) == 0
    with small.database.read() as tx:
        notice = last_sweep(tx, small.portal.name)
    assert notice and not notice.ok and "down" in notice.reason and notice.down_since
    assert small.clock.now() - notice.down_since > timedelta(hours=1, minutes=50)
    small.crm.repair()
    assert swept(small) == 1 and small.field("answer") == "ГОДИНА 1"
    with small.database.read() as tx:
        notice = last_sweep(tx, small.portal.name)
    assert notice and notice.ok and notice.down_since is None and notice.repaired_ever >= 1


@pytest.mark.row("PL-15")
def test_a_changed_row_leads_to_its_record_and_so_does_a_deleted_one(small: Small) -> None:
    row = small.crm.staff.add_row("deal", small.deal, "line", text="а")
    small.deliver()
    small.run()
    synced = len(small.seen)

    def tell(row_id: str) -> None:
        event = Event("row.changed", "deal/line", row_id)
        with small.database.write() as tx:
            inbox.store(tx, small.portal.name, event, "", clock=small.clock, ids=small.portal.ids, queue=small.queue)
        small.run()

    small.crm.staff.edit_row("deal", small.deal, "line", row, text="б")
    tell(row)
    assert len(small.seen) == synced + 1 and small.seen[-1].record.rows["line"][0].values["text"] == "б"
    small.crm.staff.delete_row("deal", small.deal, "line", row)
    tell(row)
    assert len(small.seen) == synced + 2 and small.seen[-1].record.rows["line"] == ()
    tell("999")  # never heard of: nothing to look at
    assert len(small.seen) == synced + 2 and {state for state, _ in small.states("inbox")} == {"done"}


def test_calm_times_are_swept_less_often_and_changes_bring_it_back(small: Small) -> None:
    for _ in range(3):
        swept(small)
    small.clock.advance(hours=1)
    small.crm.called.clear()
    for _ in range(60):  # twenty minutes of nothing
        swept(small)
    calm = small.crm.called.count("changed")
    assert calm <= 12
    small.crm.staff.set("deal", small.deal, asked="є хтось?")
    small.deliver()
    small.run()
    small.crm.called.clear()
    for _ in range(6):
        swept(small)
    assert small.crm.called.count("changed") == 6


@pytest.mark.row("PL-15")
@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_dropped_doubled_or_late_everything_takes_effect(small: Small, seed: int) -> None:
    rng = random.Random(seed)
    deals = [small.deal, *(small.crm.staff.new("deal", asked="") for _ in range(5))]
    late: list[str] = []
    for step in range(60):
        deal = rng.choice(deals)
        small.crm.staff.set("deal", deal, asked=f"{deal} {step}")
        for _ in range(rng.choices((0, 1, 2), (30, 60, 10))[0]):
            late.append(deal)
        rng.shuffle(late)
        while late and rng.random() < 0.6:
            small.deliver(late.pop())
        if rng.random() < 0.3:
            swept(small, rng.choice((1, 20)))
        else:
            small.run()
        small.clock.advance(seconds=rng.choice((0, 0.2, 3, 30)))
    for _ in range(3):
        swept(small)
    for deal in deals:
        record = small.crm.record("deal", deal)
        assert record.values["answer"] == (str(record.values["asked"] or "").upper() or None)
    assert not small.crm.doubled()


@pytest.mark.row("PL-15")
def test_a_sweep_that_is_faster_than_the_delivery_does_not_lose_who_it_was(small: Small) -> None:
    swept(small)
    small.crm.staff.set("deal", small.deal, asked="хто там")
    small.clock.advance(seconds=20)
    assert sweep(small.portal, small.plugins, EVERY) == 1
    syncs = len(small.seen)
    assert small.queue.run_one(small.handlers) is not None and len(small.seen) == syncs, "it waits for a moment"
    small.deliver(author="Марія")
    small.run()
    assert [seen.author for seen in small.seen[syncs:]] == ["Марія"] and small.field("answer") == "ХТО ТАМ"
