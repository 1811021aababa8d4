"""The connector against the emulated Telegram, which shares no code with it, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.telegram.tests.vendor import Group, Vendor, vendor
from kernel.storage import Database
from kernel.testing.contracts.channel import BEHAVIOURS, World


@pytest.fixture(scope="module")
def telegram() -> Iterator[Vendor]:
    with vendor("limits=off") as running:
        yield running


@pytest.fixture
def room(telegram: Vendor, fresh_sqlite: Callable[[], str]) -> Iterator[Group]:
    telegram.door("faults", cut_after_commit_next=0, cut_before_commit_next=0)
    with closing(Database(fresh_sqlite())) as database:
        made = Group(telegram, telegram.connection(database), telegram.room("supergroup"))
        made.came()
        yield made


def world(room: Group, folder: Path) -> World:
    return World(
        room.connection.channel, str(room.chat), room.write, room.edit, room.came, room.shown,
        room.connection.files.keep_bytes, folder, room.fault(cut_after_commit_next=1),
        room.fault(cut_before_commit_next=1), press=room.press,
    )  # fmt: skip


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
def test_channel(behaviour: Callable[[World], None], room: Group, tmp_path: Path) -> None:
    made = world(room, tmp_path)
    if "became_another" in behaviour.__name__:
        room.chat = room.vendor.room("group")
        made.address, made.upgrade = str(room.chat), room.upgrade
        room.came()
    behaviour(made)
