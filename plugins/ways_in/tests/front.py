"""A broker's sales department as app puts it together, its CRM in memory, and those who post to its doors: the site's server
and the adapter of the state portal. They sign by code of their own."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from kernel.crm import Record, Ref
from kernel.extension.portal import Portal
from kernel.extension.staff import StaffList
from tests.harness.assembled import Assembled

SITE_KEY, STATE_KEY = "site-key-of-these-tests-5511", "state-key-of-these-tests-5512"
ENVIRONMENT = {
    "ANNEX_SET": "broker-bitrix24", "SITE_FORMS_KEY": SITE_KEY, "STATE_EPGU_KEY": STATE_KEY,
    "ANNEX_PUBLIC_URL": "https://annex.example.com",
}  # fmt: skip
SALES = "Отдел продаж"
FORM = "/hooks/site/main/consultation"
STATE = "/hooks/state/main"
IN_ORDER = ("LastName", "FirstName", "MiddleName", "BirthDate", "INN", "SNILS", "Phone", "Email")
PERSON = {"LastName": "Орлова", "FirstName": "Анна", "Phone": "8 (900) 111-22-33"}


def signed(body: bytes, key: str, at: int) -> dict[str, str]:
    digest = hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Annex-Time": str(at), "X-Annex-Signature": f"sha256={digest}"}


def application(number: str = "m-1", *, head: str = "", comment: str = "", **person: str) -> bytes:
    given = {**PERSON, **person}
    told = "".join(f"<{name}>{escape(given[name])}</{name}>" for name in IN_ORDER if given.get(name))
    end = f"<Comment>{escape(comment)}</Comment>" if comment else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<Application xmlns="urn:annex:application:v1"><MessageID>{number}'
        "</MessageID><Channel>EPGU</Channel><SentAt>2026-11-21T12:00:00+03:00</SentAt><ServiceCode>10000025</ServiceCode>"
        f'<Person confirmed="true">{told}</Person>{end}</Application>'
    ).encode()


class Front(Assembled):
    entity = "lead"

    def __init__(self, url: str, *, also: Mapping[str, str] | None = None, **settings: Any) -> None:
        """`also`: further settings of the service, the set among them."""
        super().__init__({**ENVIRONMENT, **(also or {})}, url, settings={"ways_in": settings})
        self.staff = self.crm.staff
        self.default = self.staff.hire("Техническая Запись", "robot")
        self.head = self.staff.hire("Вера Главная", groups=[SALES], heads=[SALES])
        self.anna = self.staff.hire("Анна Белова", groups=[SALES])
        self.boris = self.staff.hire("Борис Седов", groups=[SALES])
        for one in (self.anna, self.boris):
            self.crm.days[one.id] = "open"

    def fresh_portal(self) -> Portal:
        """The people are read in no thread of their own, so that a process dies at the same points each time."""
        portal = super().fresh_portal()
        portal.staff = StaffList(lambda: self.crm.people.all(), self.clock, start=lambda work: work())
        return portal

    # --- who posts ------------------------------------------------------------------------------------------------------

    @property
    def moment(self) -> int:
        return int(self.clock.now().timestamp())

    def ask(self, address: str, body: bytes, headers: Mapping[str, str], kind: str) -> Any:
        self.clock.advance(milliseconds=1)
        return self.app.test_client().post(address, data=body, headers=dict(headers), content_type=kind)

    def site(
        self, values: Mapping[str, Any] | bytes, *, key: str = SITE_KEY, address: str = FORM,
        kind: str = "application/json", off_seconds: int = 0,
    ) -> Any:  # fmt: skip
        """The site's server hands over what somebody filled in."""
        body = (
            values if isinstance(values, bytes) else json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogatepass")
        )
        return self.ask(address, body, signed(body, key, self.moment + off_seconds), kind)

    def state(self, body: bytes, *, key: str = STATE_KEY, address: str = STATE) -> Any:
        """The adapter hands over an application."""
        return self.ask(address, body, signed(body, key, self.moment), "application/xml")

    # --- what staff see -------------------------------------------------------------------------------------------------

    def client_card(self, **values: Any) -> Ref:
        filled = {"name": "Олег Новиков", "phone": "+7 900 555-66-77", "assigned": self.anna, **values}
        return Ref(self.staff.new("contact", **filled), "")

    def leads(self) -> list[Record]:
        found: list[Record] = self.crm.records("lead")
        return found

    def lead(self) -> Record:
        [one] = self.leads()
        return one

    def told(self, entity: str, record: str) -> list[str]:
        return [one.text for one in self.crm.effects if (one.verb, one.entity, one.record_id) == ("comment", entity, record)]

    def texts(self) -> str:
        """Everything that the database keeps, for looking for what must not be there."""
        with self.tx() as tx:
            tables = [row["name"] for row in tx.all("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return "\n".join(str(dict(row)) for table in tables for row in tx.all(f'SELECT * FROM "{table}"'))
