"""Status changes: from, to, who, when; each once, none missing where the CRM keeps a history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from kernel.testing import MemoryCRM
from kernel.testing.trouble import Crash
from plugins.feeds.tests.feeds import Consumer, Feeds

pytestmark = pytest.mark.row("BR-12")


def moves_of(rows: Mapping[str, Mapping[str, Any]], record: str) -> list[tuple[Any, Any, Any]]:
    return [(one.get("from"), one["to"], one.get("who")) for one in rows.values() if one["record"] == record]


def test_each_move_of_a_hurry_with_who_and_when(world: Feeds) -> None:
    anna = world.crm.staff.hire("Анна Белова")
    deal = world.crm.staff.new("deal", name="Счёт", author=anna.id)
    world.sync(deal)
    consumer = Consumer(world, world.key(), "statuses")
    consumer.read()
    assert [one["to"] for one in consumer.state.values()] == ["new"]
    for stage in ("talk", "won", "talk", "Чужая"):
        world.advance(minutes=5)
        world.crm.staff.move(deal, stage, author=anna.id)
    world.sync(deal)
    consumer.read()
    moves = [one for one in consumer.state.values() if one["record"] == deal]
    assert [one["to"] if "to" in one else one["toName"] for one in moves] == ["new", "talk", "won", "talk", "Чужая"]
    assert [one.get("from") for one in moves] == [None, "new", "talk", "won", "talk"]
    assert [one.get("who") for one in moves] == ["Анна Белова", None, None, None, "Анна Белова"], "the CRM tells of the last"
    assert [one["when"][11:16] for one in moves] == ["13:00", "13:05", "13:10", "13:15", "13:20"]
    before = dict(consumer.state)
    world.sync(deal)
    world.sync(deal)
    consumer.read()
    assert consumer.state == before and len(consumer.seen) == 5


def test_a_clients_status_is_a_change_from_the_second_time_on(world: Feeds) -> None:
    one = world.person("candidate", name="Анна")
    world.crm.staff.set("contact", one, status="active")
    world.sync(one, entity="contact", author="Ирина")
    world.change("contact", one, name="Анна А.")
    world.change("contact", one, status=None)
    consumer = Consumer(world, world.key(), "statuses")
    consumer.read()
    found = [one for one in consumer.state.values() if one["kind"] == "contact"]
    assert [(one.get("from"), one.get("to"), one.get("toName"), one.get("who")) for one in found] == [
        ("candidate", "active", "Действующий", "Ирина"), ("active", None, None, None),
    ]  # fmt: skip


def test_without_a_history_what_was_seen_is_compared(world_of: Callable[..., Feeds]) -> None:
    world = world_of(crm=lambda *given, **how: MemoryCRM(*given, keeps_history=False, **how))
    deal = world.crm.staff.new("deal")
    world.sync(deal)
    world.crm.staff.move(deal, "talk")
    world.sync(deal, author="Борис")
    consumer = Consumer(world, world.key(), "statuses")
    consumer.read()
    assert moves_of(consumer.state, deal) == [("new", "talk", "Борис")]


def test_whenever_a_process_dies_each_change_is_there_once(fresh_sqlite: Callable[[], str]) -> None:
    """At each commit and each call of a sync, before and after it."""
    wanted = [(None, "new", None), ("new", "talk", None), ("talk", "won", None)]
    died = 0
    for point in range(1, 40):
        world = Feeds(fresh_sqlite())
        try:
            client, deal = world.crm.staff.new("contact", status="active"), world.crm.staff.new("deal")
            world.trouble.crash_at(point)
            for stage in ("", "talk", "won"):
                if stage:
                    world.crm.staff.move(deal, stage)
                try:
                    world.deliver(deal)
                    world.deliver(client, entity="contact")
                except Crash:  # at the door: the CRM sends it again
                    died += 1
                    world.restart()
                    world.deliver(deal)
                    world.deliver(client, entity="contact")
                world.run()
            died += world.queue.crashes
            over = world.trouble._crash_in is not None
            world.trouble.calm()
            consumer = Consumer(world, world.key(), "statuses")
            consumer.read()
            assert moves_of(consumer.state, deal) == wanted, point
            clients = Consumer(world, world.key("c"))
            clients.read()
            assert list(clients.state) == [client]
        finally:
            world.close()
        if over:
            break
    assert died > 8
