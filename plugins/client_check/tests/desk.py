"""The opening's office, whose cards are compared: what a test does to them, and what page and `annex verify` say then."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

from kernel.datasets import FoundClient
from plugins.client_check import plugin
from plugins.client_check.finding import differences
from plugins.client_check.model import Difference
from plugins.dossier import plugin as dossier
from plugins.opening.tests.office import Office

MONDAY_MORNING = datetime(2026, 11, 23, 6, 45, tzinfo=UTC)  #: 09:45 in Moscow


class Desk(Office):
    def __init__(self, url: str, **how: Any) -> None:
        super().__init__(url, also=(dossier, plugin), **how)
        self.found: dict[str, list[FoundClient]] = {}  #: whom the back office names, by ИНН or phone
        self.looked_up: list[str] = []
        self.accounts.find = self._find  # type: ignore[method-assign]
        self.other_head = self.staff.hire("Глеб Чужой", groups=["Отдел сопровождения"], heads=["Отдел сопровождения"])
        self.portal.staff.forget()

    def _find(self, push: str, *, inn: str = "", phone: str = "") -> list[FoundClient]:
        self.looked_up.append(inn or phone)
        return self.found.get(inn or phone, [])

    def card(self, entity: str = "contact", **values: Any) -> str:
        """A card that somebody has filled in, and that was seen."""
        given = {"name": "Иван Новиков", "assigned": self.irina, **values}
        if entity == "contact":
            given = {"client_type": "Физическое лицо", **given}
        made = str(self.staff.new(entity, **given))
        self.sync(made, entity=entity)
        return made

    def change(self, record: str, entity: str = "contact", **values: Any) -> None:
        self.clock.advance(milliseconds=10)
        self.staff.set(entity, record, **values)
        self.sync(record, entity=entity)

    def knows(self, *numbers: str) -> None:
        """The back office has these clients; the others it has not."""
        for number in numbers:
            self.source.put("contracts", number, contracts=[{"number": f"B-{number}", "status": "OPEN"}])

    def asks(self, rounds: int = 1) -> None:
        for _ in range(rounds):
            self.clock.advance(minutes=1)
            self.work("client_check.ask")

    def differs(self) -> list[Difference]:
        with self.portal.read() as unit:
            return differences(unit)

    def kinds(self) -> list[tuple[str, str, str]]:
        return [(one.kind, one.record, one.remedy.action) for one in self.differs()]

    def lines(self) -> list[str]:
        """Of `annex verify`."""
        assert plugin.differences is not None
        with self.portal.read() as unit:
            return list(plugin.differences(unit))

    # --- the page -------------------------------------------------------------------------------------------------------

    def listed(self, who: Any = None) -> str:
        answer = self.client((who or self.head).id).get("/dossier/check")
        assert answer.status_code == 200
        return unescape(re.sub(r"\s+", " ", answer.text))

    def forms(self, who: Any = None) -> list[dict[str, str]]:
        """The buttons of the page, each as what it sends."""
        found = []
        for form in re.findall(r'<form method="post" action="/dossier/check">(.*?)</form>', self.listed(who)):
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
            if option := re.search(r'<option value="([^"]*)"', form):
                fields["keep"] = option[1]
            found.append(fields)
        return found

    def press_it(self, form: dict[str, str], who: Any = None) -> int:
        """That button is pressed; what follows from it is done."""
        self.advance(milliseconds=10)
        browser = self.client((who or self.head).id)
        data = {**form, "csrf": self.served.csrf(browser)}
        status = browser.post("/dossier/check", data=data).status_code
        self.run()
        return status

    def press_the_only_one(self) -> None:
        [form] = self.forms()
        assert self.press_it(form) == 303

    def values(self, record: str, entity: str = "contact") -> tuple[Any, Any]:
        found = self.record(record, entity).values
        return found["client_id"], found["client_status"]

    def told_ever(self, who: Any) -> int:
        """How often that person was told something, also what was taken back."""
        return sum(row["verb"] == "put_notice" and row["target"] == "" and who.id in row["payload"] for row in self.calls())

    def notices(self, who: Any) -> list[str]:
        return list(self.crm.notices.of(who.id))
