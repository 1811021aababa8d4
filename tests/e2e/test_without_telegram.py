"""A desk whose bot has no token notices nothing of partners' chats: no request, no page, no finding, and deals as ever."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests

from app.cli.demo.stages import Planfix
from tests.e2e.conftest import SPEEDUP, Desk, opened
from tests.e2e.partner_chat import SCRIPTS
from tests.e2e.test_desk import CLOSED, PAID, PARTNER, example_one, held


@dataclass
class Listener:
    """Stands where Telegram's address is said to be, and counts who comes."""

    came: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._count)
        self._thread.start()

    def _count(self) -> None:
        while True:
            connection, peer = self._socket.accept()
            with connection:
                line = connection.recv(200).partition(b"\r\n")[0].decode("latin-1")
            if line == "stop":
                return
            self.came.append(f"{peer}: {line}")

    def close(self) -> None:
        with socket.create_connection(self._socket.getsockname()) as last:
            last.sendall(b"stop")
        self._thread.join()
        self._socket.close()


@pytest.fixture(scope="module")
def telegram() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(scope="module", params=["webhook", "polling"])
def desk(request: pytest.FixtureRequest, telegram: Listener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    more = {"TELEGRAM_PARTNERS_URL": telegram.address, "TELEGRAM_PARTNERS_MODE": request.param}
    home = tmp_path_factory.mktemp("silent")
    for one in opened(request, home, "sqlite", Planfix(SPEEDUP), "exchange-desk-planfix", "exchange", **more):
        one.office.control("faults", dict.fromkeys(SCRIPTS, "on"))
        yield one


def test_a_desk_without_a_token_notices_nothing(desk: Desk, telegram: Listener, session: requests.Session) -> None:
    card = desk.office.new_contact("user:3", "Партнер", {"name": "Дельта Обмін"}, {})
    task, _ = example_one(desk)
    desk.office.comment("user:3", "task", task, "#партнеру Коли буде оплата?")
    for stage in (PAID, PARTNER, CLOSED):
        desk.office.move("user:3", task, stage)
        desk.quiet()
    desk.reconciled()
    assert telegram.came == []
    assert str(held(desk, "UAH")) == "1500.00" and desk.annex("verify")[0] == 0
    assert desk.count("SELECT COUNT(*) FROM outgoing WHERE state IN ('failed', 'uncertain')") == 0
    assert desk.count("SELECT COUNT(*) FROM inbox WHERE state = 'failed'") == 0
    assert not desk.office.contact_field(card, "Чат") and not desk.office.contact_field(card, "Посилання на чат")
    assert [one for one in desk.office.comments("task", task) if "партнер" in str(one["description"]).lower()
            and "#партнеру" not in str(one["description"])] == []  # fmt: skip
    _code, report = desk.annex("doctor")
    assert [line for line in report["wrong"] if "ANNEX_OPEN_PAGES" not in line] == []
    page = session.get(f"{desk.address}/exchange/board")
    assert page.status_code == 200 and "/partners" not in page.text
    assert telegram.came == []
