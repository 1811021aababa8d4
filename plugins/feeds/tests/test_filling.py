"""A feed that is new or declared otherwise is filled from what was seen, beside what goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from kernel.testing import at_once
from kernel.testing.trouble import Crash
from plugins.feeds import filling
from plugins.feeds.tests.feeds import FEEDS, Consumer, Feeds, a_set

pytestmark = pytest.mark.row("BR-12")


def declare(world: Feeds, **changed: dict[str, object]) -> None:
    """Another set from now on, as after a restart with changed files."""
    world.mapping = a_set(**changed)
    world.portal = world.fresh_portal()
    world._served = None


@pytest.fixture
def seen(world_of: Callable[..., Feeds], monkeypatch: pytest.MonkeyPatch) -> Feeds:
    """A desk that saw people while it had no feed."""
    monkeypatch.setattr(filling, "AT_ONCE", 3)
    world = world_of(replace(a_set(), feeds={}))
    for n in range(7):
        world.person(client_id=str(n), name=f"Анна {n}")
    world.person(entity="company", client_id="firm")
    world.sync(world.crm.staff.new("deal", name="Счёт"))
    return world


def test_a_new_feed_holds_what_was_seen_before(seen: Feeds) -> None:
    gone = seen.rows("SELECT id FROM crm_seen WHERE entity = 'contact' ORDER BY id")[0]["id"]
    seen.crm.staff.delete("contact", gone)
    seen.sync(gone, entity="contact")
    declare(seen)
    seen.work("feeds.fill")
    clients, deals, statuses = (Consumer(seen, seen.key(feed), feed) for feed in ("clients", "deals", "statuses"))
    for one in (clients, deals, statuses):
        one.read()
    assert len(clients.state) == 7 and gone not in clients.state and len(deals.state) == 1 and statuses.state == {}
    seen.work("feeds.fill")
    clients.read()
    assert len(clients.seen) == 7, "filled once"
    with seen.portal.read() as unit:
        assert list(filling.verify(unit)) == []


def test_one_that_stands_elsewhere_by_now_is_not_filled_in(seen: Feeds) -> None:
    declare(seen)
    [deal] = [row["id"] for row in seen.rows("SELECT id FROM crm_seen WHERE entity = 'deal'")]
    seen.advance(minutes=1)
    seen.crm.staff.move(deal, "HR: Успех")
    declare(seen, deals={"row": "order"})
    with seen.database.write() as tx:
        tx.run("DELETE FROM feeds_entry")
    seen.sync(deal)
    seen.work("feeds.fill")
    deals = Consumer(seen, seen.key(), "deals")
    deals.read()
    assert deals.state == {}


def test_another_declaration_brings_all_rows_again(seen: Feeds) -> None:
    declare(seen)
    seen.work("feeds.fill")
    consumer, key = Consumer(seen, seen.key()), seen.key("xsd")
    consumer.read()
    etag = seen.get("clients.xsd", key).headers["ETag"]
    first, *others = FEEDS["clients"]["elements"]
    declare(seen, clients={"of": ["contact"], "elements": [{**first, "element": "number"}, *others]})
    consumer.read()  # valid by the new schema, without what is not filled yet
    seen.work("feeds.fill")
    consumer.catch_up()
    assert {one["number"] for one in consumer.state.values()} == set("0123456"), "the firm is deleted, all others are new"
    assert seen.get("clients.xsd", key).headers["ETag"] != etag


def test_it_goes_on_where_it_died(seen: Feeds) -> None:
    declare(seen)
    for point in range(1, 20):
        seen.trouble.crash_at(point % 4 + 1)
        try:
            filling.fill(seen.portal)
        except Crash:
            continue
        break
    seen.trouble.calm()
    filling.fill(seen.portal)
    consumer = Consumer(seen, seen.key())
    consumer.read()
    assert len(consumer.state) == 8


def test_a_state_from_before_never_overwrites_a_newer_one(both: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filling and syncs at once, again and again: what was seen last stands in the feed."""
    monkeypatch.setattr(filling, "AT_ONCE", 2)
    people = [both.person(client_id="0", name="Анна") for _ in range(6)]

    def sync() -> None:
        for n in range(1, 6):
            for one in people:
                both.change("contact", one, client_id=str(n))

    def fill() -> None:
        for _ in range(6):
            with both.database.write() as tx:
                tx.run("UPDATE feeds_fill SET declared = '' WHERE feed = 'clients'")
            filling.fill(both.portal)

    at_once(sync, fill)
    filling.fill(both.portal)
    with both.portal.read() as unit:
        assert list(filling.verify(unit)) == []
    consumer = Consumer(both, both.key())
    consumer.read()
    assert {one["clientId"] for one in consumer.state.values()} == {"5"}


def test_a_row_changed_by_hand_is_found(seen: Feeds) -> None:
    declare(seen)
    seen.work("feeds.fill")
    with seen.database.write() as tx:
        tx.run("""UPDATE feeds_entry SET body = '{"clientId": "666"}' WHERE feed = 'clients' AND id = 'contact:503'""")
    with seen.portal.read() as unit:
        [wrong] = filling.verify(unit)
    assert "contact:503" in wrong
