"""An office with the partners' pages on it, for the tests of pages and of the browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from kernel.crm import Ref
from plugins.partners.tests.chats import Chats
from tests.harness.databases import sqlite_copy


class Office(Chats):
    """Two managers with a partner each, an executor, and somebody with nothing to do with any of it."""

    def __init__(self, url: str, **settings: Any) -> None:
        super().__init__(url, **settings)
        self.other = self.crm.staff.hire("Марія Коваль")
        self.executor = self.crm.staff.hire("Степан Касир")
        self.stranger = self.crm.staff.hire("Хтось Інший")
        self.alpha = self.with_chat("Альфа", "-100", phone="+380501112233", email="alfa@example.com")
        self.beta = self.crm.staff.new("partner", name="Бета", responsible=(Ref(self.other.id, self.other.name),))
        self.sync(self.beta, entity="partner", event="partner.created")
        self.tap(self.beta, "-200")
        self.deal_a = self.deal(self.alpha, "Альфа")
        self.crm.staff.set("deal", self.deal_a, executor=(Ref(self.executor.id, self.executor.name),))
        self.sync(self.deal_a)

    def thread(self, partner: str) -> str:
        return str(self.rows("SELECT thread FROM partner WHERE id = :id", id=partner)[0]["thread"])

    def message(self, text: str) -> str:
        return str(self.rows("SELECT id FROM message WHERE text LIKE :t", t=f"%{text}%")[0]["id"])

    def by(self, person: Any) -> Any:
        return self.client(person.id)

    def press(self, client: Any, address: str, **form: Any) -> Any:
        answer = client.post(address, data={"csrf": self.served.csrf(client), **form})
        self.run()
        return answer

    def page(self, client: Any, address: str) -> str:
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status_code, answer.text[:400])
        return str(answer.text)


def make_office(folder: Path, host: str) -> Office:
    made = Office(sqlite_copy(folder / "annex.db"))
    made.serve(environment={"ANNEX_PUBLIC_URL": host})
    return made


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def talk_of(page: str) -> str:
    """What stands beside the list."""
    return page.partition('<section class="talk"')[2]
