"""The channel in memory keeps the contract of channels, and does what it is ordered to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kernel.conversations import EarlierTry, Outgoing
from kernel.errors import Rejected, Throttled, Undecided
from kernel.files import FileStore
from kernel.storage import Database
from kernel.testing import FakeClock, TwinChannel
from kernel.testing.channel import US
from kernel.testing.contracts.channel import BEHAVIOURS, Shown, World

ROOM = "-100500"


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
def test_channel(behaviour: Callable[[World], None], fresh_sqlite: Callable[[], str], tmp_path: Path) -> None:
    twin = TwinChannel(rooms={ROOM: ""})

    def write(text: str, *, reply_to: str = "", file: tuple[str, bytes] | None = None) -> str:
        return twin.write(ROOM, "Oleg", text, reply_to=reply_to, files=[file] if file else [])

    def shown(address: str) -> list[Shown]:
        return [Shown(one.vendor_id, one.author == US, one.text, one.reply_to, one.files) for one in twin.shown(address)]

    def upgrade() -> str:
        twin.upgrade(ROOM, "-100501")
        return "-100501"

    with closing(Database(fresh_sqlite())) as database:
        behaviour(
            World(
                twin, ROOM, write, twin.edit, twin.take, shown, FileStore(database, FakeClock()).keep_bytes, tmp_path,
                twin.lose_answer, twin.lose_request, press=lambda made, label: twin.press(made, "Oleg", label),
                upgrade=upgrade, receipt=twin.receipt,
            )
        )  # fmt: skip


def test_the_twin_obeys_orders() -> None:
    twin = TwinChannel(rooms={ROOM: ""}, decides=False)
    message = Outgoing(ROOM, "hello")
    twin.throttle(7)
    with pytest.raises(Throttled) as put_off:
        twin.send(message, key="1", earlier=None)
    assert put_off.value.wait_seconds == 7
    twin.refuse(ROOM, "the bot was removed")
    with pytest.raises(Rejected, match="removed"):
        twin.send(message, key="1", earlier=None)
    twin.refuse(ROOM, "")
    with pytest.raises(Undecided):
        twin.send(message, key="1", earlier=EarlierTry(0))
    assert twin.shown(ROOM) == [] and twin.send(message, key="1", earlier=None) == f"{ROOM}:1"
