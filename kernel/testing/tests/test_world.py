"""A World is what a plugin's author tests in: what comes in, what follows from it, what people see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from kernel.conversations import Incoming, Outgoing
from kernel.crm import Event
from kernel.errors import BadInput
from kernel.extension import Connection, Connector, Delivery, Plugin, Received, RunsEvery, Seen, Verb, Watch
from kernel.extension.portal import Portal, Unit
from kernel.extension.tests.small import SET
from kernel.jobs.outgoing import Call
from kernel.testing import Crash, FakeClock, MemoryCRM, World, roles
from kernel.web import Pages
from webhooks.door import Door

Closing = Callable[[World], World]


class ToySettings(BaseModel):
    chat: str = "partners"
    loud: bool = False


def watched(unit: Unit, seen: Seen) -> None:
    settings = unit.portal.settings("toy", ToySettings)
    text = str(seen.record.values["asked"])
    unit.send(settings.chat, Outgoing("7", text.upper() if settings.loud else text), key=f"k{seen.record.id}{text}")


def heard(unit: Unit, message: Incoming) -> None:
    unit.update("deal", message.address, {"note": message.text})


def pages(_portal: Portal) -> Pages:
    found = Pages("toy", __name__)
    found.get("/page")(lambda: "a page")
    return found


PLUGIN = Plugin(
    "toy", "Toy", settings=ToySettings, watches=(Watch("deal", watched),), on_message=heard, connects={"chat": "channel"},
    pages=pages,
    every=(RunsEvery("toy.note", timedelta(minutes=1), lambda portal: portal.memory.setdefault("toy", portal.clock.now())),),
)  # fmt: skip
WITH_ROLES = replace(SET, portal=SET.portal.model_copy(update={"role": roles(staff=("toy",)), "plugin": {"toy": {}}}))


@dataclass
class Chat:
    """The other side of a chat."""

    sent: list[str] = field(default_factory=list)

    def send(self, _connection: Connection, call: Call, _maybe_done: bool) -> str:
        self.sent.append(call.payload["text"])
        return f"m{len(self.sent)}"

    def receive(self, delivery: Delivery, _connection: Connection) -> Received:
        if not delivery.body:
            raise BadInput("`text` is missing", field="text")
        record, _, text = delivery.body.decode().partition(" ")
        return Received(messages=(Incoming(vendor_id=text, address=record, text=text, at=datetime(2026, 1, 1, tzinfo=UTC)),))

    def connection(self) -> Connection:
        nothing: Any = None
        connector = Connector(
            "chat", "Chat", receive=self.receive, channel=nothing, verbs={"send": Verb(self.send, "never")}
        )
        return Connection({}, SET, nothing, nothing, nothing, name="partners", connector=connector)


def world_of(url: str, chat: Chat, **more: Any) -> World:
    return World(url, WITH_ROLES, [PLUGIN], connections={"partners": chat.connection()}, door=Door.before, **more)


@pytest.fixture
def chat() -> Chat:
    return Chat()


@pytest.fixture
def world(database_url: str, closing: Closing, chat: Chat) -> World:
    return closing(world_of(database_url, chat))


def test_a_delivery_and_all_that_follows_from_it(world: World, chat: Chat) -> None:
    deal = world.crm.staff.new("deal", asked="привіт")
    world.deliver(deal)
    assert chat.sent == [] and world.messages("partners") == [], "nothing is done before it is told"
    assert world.run() == 2
    assert chat.sent == ["привіт"]
    [message] = world.messages("partners")
    assert (message["address"], message["text"], message["state"]) == ("7", "привіт", "done")
    assert [row["result"] for row in world.calls("done", connection="partners")] == ["m1"] and world.calls("failed") == []


def test_what_comes_to_the_real_door_is_worked_off(world: World) -> None:
    deal = world.crm.staff.new("deal", asked="x")
    assert world.post("chat/partners", data=f"{deal} так").status_code == 200
    assert world.record(deal).values["note"] is None
    world.run()
    assert world.record(deal).values["note"] == "так"
    assert world.post("chat/partners", data="").status_code == 400
    assert world.post("chat/other", data="1 x").status_code == 404


def test_settings_are_the_sets_and_the_tests(fresh_sqlite: Callable[[], str], closing: Closing, chat: Chat) -> None:
    world = closing(world_of(fresh_sqlite(), chat, settings={"toy": {"loud": True}}))
    world.sync(world.crm.staff.new("deal", asked="так"))
    assert chat.sent == ["ТАК"]
    with pytest.raises(ValueError, match="loud"):
        closing(world_of(fresh_sqlite(), chat, settings={"toy": {"loud": "very"}}))


def test_pages_know_who_opens_them(world: World) -> None:
    anna = world.crm.staff.hire("Анна").id
    assert world.client(anna).get("/toy/page").text == world.client(role="staff").get("/toy/page").text == "a page"
    assert world.app.test_client().get("/toy/page").status_code == 401


def test_another_process_knows_nothing_of_what_was_in_memory(world: World) -> None:
    world.work("toy.note")
    assert world.portal.memory == {"toy": world.clock.now()}
    world.restart()
    assert world.portal.memory == {}
    with pytest.raises(AssertionError, match="no regular work"):
        world.work("toy.nothing")


def test_a_process_that_dies_is_followed_by_another(world: World, chat: Chat) -> None:
    deal = world.crm.staff.new("deal", asked="так")
    world.deliver(deal)
    portal = world.portal
    world.trouble.crash_at(1)
    world.run()
    assert chat.sent == ["так"] and world.queue.crashes == 1 and world.portal is not portal
    world.deliver(deal)
    world.trouble.crash_at(1)
    with pytest.raises(Crash):
        world.run_one()


def test_what_a_job_ends_in_is_not_passed_over(world: World) -> None:
    world.crm.fail_next(RuntimeError("broken"), on="get")  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="broken"):
        world.sync(world.crm.staff.new("deal", asked="x"))


def test_the_clock_stands_until_it_is_told(world: World) -> None:
    world.at(datetime(2026, 12, 1, 8, tzinfo=UTC))
    world.advance(hours=1)
    assert world.clock.now() == datetime(2026, 12, 1, 9, tzinfo=UTC)
    with world.tx() as tx:
        assert tx.value("SELECT COUNT(*) FROM inbox") == 0
    world.act(lambda unit: unit.resync("deal", world.crm.staff.new("deal", asked="x")))
    assert [row["state"] for row in world.rows("SELECT state FROM inbox")] == ["done"]


def test_any_connection_may_be_the_crm(fresh_sqlite: Callable[[], str], closing: Closing) -> None:
    nothing: Any = None
    clock = FakeClock()
    connector = Connector("memory", "Memory", crm=lambda connection: MemoryCRM(connection.mapping, clock))
    own = Connection({}, SET, nothing, clock, nothing, connector=connector)
    world = closing(World(fresh_sqlite(), SET, clock=clock, connections={"main": own}))
    assert world.crm is world.portal.crm is own.crm
    world.receive(Received((Event("deal.changed", "deal", world.crm.staff.new("deal", asked="x"), "", "d"),)))
    world.run()
    assert world.crm.called == ["get"]
