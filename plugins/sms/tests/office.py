"""A sales department that writes texts: the CRM's twin, our real connector, and the emulated SMS.RU in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import requests

from app.connections import client_of
from app.simulation.machine import ask
from connectors.sms_ru import connector
from kernel.conversations import Incoming
from kernel.extension import Connection, Received
from kernel.http import Answer, Vault
from kernel.mapping import load_set
from kernel.storage import Database
from kernel.testing import FakeClock, World
from plugins.sms import plugin as sms
from plugins.sms import store
from plugins.sms.store import Account, Sms
from sandbox.common.clock import LedClock
from sandbox.sms_ru import Options, Still
from webhooks.door import Door

SET = load_set(Path(__file__).parents[3] / "mappings" / "broker-bitrix24")
KEY, PUBLIC = "TEST-API-ID-OF-THE-BROKER", "https://annex.example.com"
NUMBER = "+79001112233"


class Office(World):
    def __init__(self, url: str, **settings: Any) -> None:
        clock = FakeClock()
        self.provider = Still(Options(token=KEY), LedClock(clock.now))
        self.account = self.provider.account
        self.requests: list[tuple[str, bytes]] = []
        self.refused = False  #: nobody takes our connection
        self.before_answer: Callable[[], None] = lambda: None
        self.vault_database = Database(url)
        self.link = Connection(
            {"SMS_RU_API_ID": KEY, "SMS_RU_URL": "https://sms.ru", "SMS_RU_FROM": "BROKER", "SMS_RU_PER_SECOND": "100"},
            SET, partial(client_of, "sms_ru", "sms_ru/sms", self.vault_database, clock, self.carry), clock,
            Vault("sms_ru/sms", self.vault_database, clock, b"secret" * 8), public_url=PUBLIC, name="sms",
            connector=connector,
        )  # fmt: skip
        super().__init__(
            url, SET, [sms], clock=clock, connections={"sms": self.link}, settings={"sms": {"quiet": "", **settings}},
            public_url=PUBLIC, door=Door.before,
        )  # fmt: skip
        self.irina = self.crm.staff.hire("Ирина Белова", groups=["Отдел продаж"])
        self.boris = self.crm.staff.hire("Борис Цветков", groups=["Отдел продаж"])
        self.head = self.crm.staff.hire("Вера Главная", groups=["Отдел продаж"], heads=["Отдел продаж"])
        self.client_card = str(self.crm.staff.new("contact", last_name="Новиков", name="Иван Новиков", phone=NUMBER))
        self.portal.people()
        self._written = 0

    def close(self) -> None:
        super().close()
        self.vault_database.close()

    # --- the network ----------------------------------------------------------------------------------------------------

    def carry(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        self.requests.append((url, body or b""))
        if self.refused:
            raise requests.exceptions.ConnectTimeout("nobody takes the connection")
        status, shown, content, cut = ask(self.provider.serve, method, url, headers, body or b"")
        if cut:
            raise requests.exceptions.ReadTimeout("the answer was lost")
        self.before_answer()
        return Answer(status, shown, content)

    def fault(self, **switches: Any) -> None:
        self.account.faults.set_all(switches)

    # --- what people and systems do ---------------------------------------------------------------------------------------

    def writes(
        self, text: str = "Счёт открыт", to: str = NUMBER, *, by: Any = None, robot: bool = False, message: str = "",
        card: str | None = None, run: bool = True,
    ) -> str:  # fmt: skip
        """Somebody writes a text in the card; the CRM's number of it."""
        self._written += not message
        message = message or f"m{self._written}"
        record = self.client_card if card is None else card
        details = {
            "provider": "smsru", "message": message, "by": "robot" if robot else "person",
            "records": json.dumps([f"contact:{record}"] if record else []),
        }  # fmt: skip
        author = (by or self.irina).id
        wanted = Incoming(f"text:{message}", to, text, author=author, kind="request", details=details)
        self.receive(Received(messages=(wanted,)))
        if run:
            self.run()
        return message

    def calls_back(self) -> list[int]:
        """The provider tells what is due, through our door; the answers' statuses."""
        statuses: list[int] = []

        def post(_url: str, body: bytes, kind: str) -> tuple[int, bytes]:
            answer = self.post("sms_ru/sms", data=body, headers={"Content-Type": kind})
            statuses.append(answer.status_code)
            return answer.status_code, answer.data

        self.provider.caller.post = post
        while self.provider.caller.step():
            pass
        self.run()
        return statuses

    def listens(self) -> None:
        """The account knows our address."""
        from connectors.sms_ru.setup import setup

        for change in setup(self.link).plan():
            assert change.make
            change.make()

    def presses(self, who: Any, address: str, **form: str) -> Any:
        browser = self.client(who.id, "head" if who is self.head else "staff")
        answer = browser.post(address, data={"csrf": self.served.csrf(browser), **form})
        self.run()
        return answer

    def page(self, who: Any, address: str = "/sms/") -> str:
        answer = self.client(who.id, "head" if who is self.head else "staff").get(address)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def passes(self, **span: float) -> None:
        """Time goes by, and what is due is done."""
        self.advance(**span)
        self.timers()
        self.work()

    # --- what a test asks -------------------------------------------------------------------------------------------------

    def one(self, message: str) -> Sms:
        [row] = self.rows("SELECT id FROM sms WHERE message = :m", m=message)
        with self.tx() as tx:
            found = store.load(tx, row["id"])
        assert found is not None
        return found

    def state(self, message: str) -> str:
        return self.one(message).state

    @property
    def stands(self) -> Account:
        with self.tx() as tx:
            return store.account(tx, self.portal.name)

    def told(self, message: str) -> list[str]:
        """What the CRM heard of it."""
        return list(self.crm.texts.of(message))

    def comments(self) -> list[str]:
        return [effect.text for effect in self.crm.effects if effect.verb == "comment"]

    def sent(self) -> list[tuple[str, str]]:
        """What left, as forms without the key, oldest first: (method, text)."""
        found = [(url.rpartition("sms.ru/")[2], dict(parse_qsl(body.decode()))) for url, body in self.requests]
        return [(method, form.get("msg", "")) for method, form in found if method == "sms/send"]

    def verified(self) -> list[str]:
        with self.portal.read() as unit:
            assert sms.verify
            return list(sms.verify(unit))


def form_of(lines: list[str], signature: str) -> bytes:
    return urlencode([*(("data[]", line) for line in lines), ("hash", signature)]).encode()
