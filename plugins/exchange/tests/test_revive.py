"""What the queue gave up is not lost: it stands in our own tables and gets a job again."""

from __future__ import annotations

import pytest

from plugins.exchange.tests.desk import Desk, buy


@pytest.mark.row("PL-01", "PL-03")
def test_deliveries_and_calls_whose_jobs_were_set_aside_get_new_ones(desk: Desk) -> None:
    deal = desk.deal(buy(partner=desk.partner), sync=False, client=desk.customer)
    desk.deliver(deal)
    desk.queue._lanes.clear()  # the engine gave the sync up
    desk.run()
    assert desk.field(deal, "analytics") is None
    desk.annex.revive()
    desk.run()
    assert desk.field(deal, "analytics") is None, "it may still be in flight: not yet"
    desk.clock.advance(minutes=20)
    desk.annex.revive()
    desk.queue.run_until_quiet({**desk.handlers, "call": lambda _args: None})  # the sync runs; its calls are given up
    desk.clock.advance(hours=7)
    desk.annex.revive()
    desk.annex.revive()
    desk.run()
    assert desk.field(deal, "analytics")
    assert desk.crm.doubled() == []
    desk.annex.database.close()
