"""The feeds that the broker's set ships: clients, deals, terms, statuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kernel.crm import Ref
from kernel.mapping import load_set
from plugins.feeds.tests.feeds import Consumer, Feeds

TERMS = ("margin", "derivatives", "currency", "iis", "lending", "edo", "qualified")


@pytest.mark.row("BR-12")
def test_the_brokers_feeds(world_of: Callable[..., Feeds]) -> None:
    world = world_of(load_set(Path(__file__).parents[3] / "mappings/broker-bitrix24"))
    assert set(world.mapping.feeds) == {"clients", "deals", "terms", "statuses"}
    manager = world.crm.staff.hire("Ирина Белова")
    client = world.crm.staff.new("contact", name="Анна", client_id="0017", client_status="active", phone="+79160000000")
    deal = world.crm.staff.new(
        "deal", name="Счёт", client=Ref(client, "Анна"), assigned=manager, source="web",
        **{f"terms_{one}": "yes" for one in TERMS}
    )  # fmt: skip
    firm = world.crm.staff.new("company", name="ООО «Ромашка»", client_id="0019", client_status="active")
    theirs = world.crm.staff.new("deal", name="Счёт", company=Ref(firm), client=Ref(client), assigned=manager)
    world.sync(client, entity="contact")
    world.sync(firm, entity="company")
    world.sync(theirs)
    world.sync(deal)
    found = {}
    for feed in world.mapping.feeds:
        consumer = Consumer(world, world.key(feed, [feed], personal=False), feed)
        consumer.read()
        found[feed] = list(consumer.state.values())
    made = "2026-11-23T13:00:00+03:00"
    assert found["clients"] == [
        {"clientId": "0017", "kind": "person", "status": "active", "created": made},
        {"clientId": "0019", "kind": "company", "status": "active", "created": made},
    ]
    stands = {"client": client, "stage": "new", "stageName": "Новое обращение", "manager": "Ирина Белова", "created": made}
    assert found["deals"] == [{**stands, "company": firm}, {**stands, "source": "web"}]
    assert found["terms"] == [{"client": client, **dict.fromkeys(TERMS, "true")}]
    begun = {"kind": "deal", "to": "new", "toName": "Новое обращение", "when": made}
    assert found["statuses"] == [{**begun, "record": theirs}, {**begun, "record": deal}]
    world.crm.staff.set("company", firm, client_status="closed")
    world.sync(firm, entity="company")
    changed = Consumer(world, world.key("changed"), "statuses")
    changed.read()
    [left] = [one for one in changed.state.values() if one["kind"] == "company"]
    assert (left["record"], left["from"], left["to"]) == (firm, "active", "closed")
    world.crm.staff.set("deal", deal, terms_iis="no", terms_edo=None)
    world.sync(deal)
    consumer = Consumer(world, world.key("again"), "terms")
    consumer.read()
    assert consumer.state == {}, "not all are answered any more"
