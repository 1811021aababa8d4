"""Request limit and operating time (points 15 and 16)."""

import pytest


@pytest.mark.parametrize(("plan", "capacity", "leak"), [("standard", 50, 2), ("enterprise", 250, 5)])
def test_the_bucket_overflows_and_leaks(portal, client, plan, capacity, leak):
    # Slowed down a thousandfold, so that nothing leaks by itself while the test runs.
    admin = client(portal(plan=plan, speedup=0.001))
    for _ in range(capacity):
        admin.call("server.time")
    assert admin.fails("batch", cmd={"a": "server.time"}) == (503, "QUERY_LIMIT_EXCEEDED", "Too many requests")
    admin.door("/advance", {"seconds": 1})
    for _ in range(leak):
        admin.call("batch", cmd={f"c{n}": "server.time" for n in range(50)})  # a batch counts one
    assert admin.fails("server.time")[0] == 503
    counters = admin.door("/state")["counters"]
    assert counters["refused"] == 2
    assert capacity - 1 <= counters["bucket_max"] <= capacity
    assert counters["requests_by_method"]["batch"] == leak
    assert counters["calls"]["server.time"] == capacity + leak * 50


def test_without_a_limit_the_level_is_still_known(portal, client):
    admin = client(portal(speedup=0.001))
    for _ in range(60):
        admin.call("server.time")
    assert 59 < admin.door("/state")["counters"]["bucket_max"] <= 60


def test_the_call_that_crosses_the_operating_limit_succeeds(portal, client):
    admin = client(portal(operating_limit=100, operating_seconds=60, operating_method="crm.deal.list"))
    admin.call("crm.deal.list")
    assert admin.envelope("crm.deal.list")["time"]["operating"] > 120
    assert admin.fails("crm.deal.list")[:2] == (429, "OPERATION_TIME_LIMIT")
    admin.call("crm.contact.list")  # each method has its own account
    inner = admin.call("batch", cmd={"a": "crm.deal.list", "b": "crm.lead.list"})
    assert inner["result_error"]["a"]["error"] == "OPERATION_TIME_LIMIT"
    assert inner["result"]["b"] == []
    admin.door("/advance", {"seconds": 660})
    admin.call("crm.deal.list")


def test_operating_time_falls_out_minute_by_minute(portal, client):
    admin = client(portal(operating_seconds=10))
    admin.call("crm.deal.list")
    admin.door("/advance", {"seconds": 300})
    time = admin.envelope("crm.deal.list")["time"]
    assert 20 <= time["operating"] < 21
    assert 200 < time["operating_reset_at"] - time["finish"] < 330
    admin.door("/advance", {"seconds": 330})
    assert 20 <= admin.envelope("crm.deal.list")["time"]["operating"] < 21  # the first is gone, the third has come


def test_clients_have_accounts_of_their_own(portal, client):
    sandbox = portal(operating_limit=5, operating_seconds=10)
    first, second = client(sandbox), client(sandbox, "14")
    first.call("crm.deal.list")
    assert first.fails("crm.deal.list")[0] == 429
    second.call("crm.deal.list")
