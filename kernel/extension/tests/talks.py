"""A portal with a channel and one toy plugin that listens and speaks: what messages and timers need of the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel

from kernel.conversations import Incoming, Outgoing, timeline
from kernel.conversations.timeline import Thread
from kernel.extension import Connection, Connector, Plugin, Received
from kernel.extension.channel_verbs import sends
from kernel.extension.portal import Portal, Unit
from kernel.extension.tests.small import SET
from kernel.testing import FakeClock, TwinChannel, World

ROOM = "-5"


class Chosen(BaseModel):
    chat: str = "chat"


class Talks(World):
    """`heard`, `undone`, `closed`, `timed`: what the toy was told. `on_message`, `on_timer`, `on_undone` can be replaced."""

    def __init__(self, url: str, repeat: Literal["safe", "lookup", "never"] = "lookup") -> None:
        self.heard: list[tuple[str, list[str]]] = []  #: text, and of each file what is here of it, or why it is not
        self.done: list[str] = []
        self.undone: list[tuple[str, str]] = []
        self.closed: list[str] = []
        self.timed: list[tuple[str, Mapping[str, Any]]] = []
        self.on_message: Any = lambda unit, incoming: None
        self.on_timer: Any = lambda unit, key, body: None
        self.on_undone: Any = lambda unit, text: None
        clock, nothing = FakeClock(), None
        self.bot = TwinChannel(clock, rooms={ROOM: "", "-6": ""})
        connector = Connector("twin", "Twin", channel=lambda _connection: self.bot, verbs=sends(repeat))
        connection = Connection({}, SET, nothing, clock, nothing, name="chat", connector=connector)  # type: ignore[arg-type]
        toy = Plugin(
            "toy", "Toy", settings=Chosen, connects={"chat": "channel"}, on_message=self._heard,
            fetches=lambda _unit, _incoming: 100, on_timer=self._timed,
            done={"toy": lambda _unit, payload, _result: self.done.append(payload["text"])},
            undone={"toy": self._told},
            on_closed=lambda _unit, _thread, reason: self.closed.append(reason),
        )  # fmt: skip
        super().__init__(url, SET, [toy], connections={"chat": connection}, clock=clock)
        self.bot.trouble = self.trouble

    def fresh_portal(self) -> Portal:
        portal = super().fresh_portal()
        files = portal.connections["main"].files
        portal.connections = {**portal.connections, "chat": replace(self._connections["chat"], files=files)}
        return portal

    def _heard(self, unit: Unit, incoming: Incoming) -> None:
        self.on_message(unit, incoming)
        assert unit.heard is not None
        self.heard.append((incoming.text, [one.reason or "here" for one in unit.heard.files]))

    def _timed(self, unit: Unit, key: str, body: Mapping[str, Any]) -> None:
        self.timed.append((key, body))
        self.on_timer(unit, key, body)

    def _told(self, unit: Unit, payload: Mapping[str, Any], state: str, _reason: str) -> None:
        self.on_undone(unit, payload["text"])
        self.undone.append((payload["text"], state))

    @property
    def texts(self) -> list[str]:
        return [text for text, _files in self.heard]

    def thread(self, address: str = ROOM) -> Thread:
        with self.portal.unit() as unit:
            return timeline.open_thread(
                unit.tx, "twin/chat", "bot", address, clock=self.clock, ids=self.ids, room="group"
            )  # fmt: skip

    def write(self, *texts: str, address: str = ROOM) -> None:
        """Written down to be sent; nothing runs yet."""
        thread = self.thread(address)
        for text in texts:
            with self.portal.unit() as unit:
                unit.write_to(thread, Outgoing(thread.address, text), key=text, done="toy")

    def came(self, *more: Incoming) -> None:
        if taken := (*self.bot.take(), *more):
            self.receive(Received(messages=taken), "chat")

    def passes(self, seconds: float) -> None:
        """Time goes by in steps as small as a worker's, and what is due is done."""
        end = self.clock.now().timestamp() + seconds
        self.run()
        while (left := end - self.clock.now().timestamp()) > 0:
            self.advance(seconds=min(left, 1.0 if left < 120 else left / 4))
            self.timers()
        self.run()

    def shown(self, address: str = ROOM) -> list[str]:
        return [one.text for one in self.bot.shown(address) if one.author == "bot"]

    def call_states(self) -> list[str]:
        return [row["state"] for row in self.calls(connection="chat")]
