"""Leads become clients, a firm among them. Their deals come to the terms of the contract and wait there: one owner answers
the CRM's task, the others fill our form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from kernel.testing.demo import Client, DemoStory, Desk, Result

CLIENTS: Sequence[Mapping[str, str]] = (
    {"lastName": "Новикова", "name": "Алёна", "secondName": "Игоревна", "phone": "+79161234501", "source": "WEB"},
    {"lastName": "Ким", "name": "Роман", "phone": "+79161234502", "source": "EMAIL"},
    {"title": "ООО «Клён & Ко»", "phone": "+74951112233", "source": "CALL"},
)
WAY = ("Контакт установлен", "Потребность выявлена", "Предложение отправлено", "Условия договора")
TERMS, PUSH = WAY[-1], "Передача в учётную систему"
YES, NO = "да", "нет"
COMPLETED = 3  #: as the portal numbers how a task ended


class TermsDemo(DemoStory):
    after = ("assignment", "stage_lock")
    connectors = frozenset({"bitrix24"})
    agreement = "terms answered = terms in the deals"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._answers: list[dict[str, str]] = []  #: by label, of each client's deal
        self._form: list[tuple[int, int]] = []  #: how it answered to a paper with an empty line, and to a whole one
        self._held: list[str] = []  #: at which stage a deal stood after it was moved on without answers

    def begin(self, days: Sequence[date]) -> None:
        """An administrator makes the business process that asks; what it asks is in the portal's designer."""
        self._fields = {
            label: one for label, one in self.desk.office.fields_of(self.desk.office.DEAL).items()
            if set(one["choices"]) == {YES, NO}
        }  # fmt: skip
        paper = [
            {"Id": f"t{place}", "Type": "select", "Name": label, "Required": True,
             "Options": {one["choices"][word]: word for word in (YES, NO)}}
            for place, (label, one) in enumerate(self._fields.items())
        ]  # fmt: skip
        write = {f"t{place}": one["code"] for place, one in enumerate(self._fields.values())}
        self.desk.office.control("workflow/template", {"name": TERMS, "fields": paper, "write": write})

    def work(self, day: date, number: int) -> None:
        if number != 1 or not self._fields:
            return
        desk, office = self.desk, self.desk.office
        clients = self._clients()
        for stage in WAY:
            for one in clients:
                office.move(one.owner, one.deal, stage)
            desk.quiet()
        desk.announce("  the deals stand at the terms of the contract; their owners try to move them on without")
        for one in clients:
            office.move(one.owner, one.deal, PUSH)
        desk.quiet(lambda: all(office.stage_of(one.deal) == TERMS for one in clients))
        self._held = [office.stage_of(one.deal) for one in clients]
        self._by_task(clients[0])
        for one in clients[1:]:
            self._by_form(one)
        desk.quiet(lambda: not any(self._asked(one) for one in clients))
        desk.announce("  one owner has answered the task, the others have filled our form")
        desk.clients += clients

    def _clients(self) -> list[Client]:
        """Each lead goes to somebody by the rules, and becomes a card and a deal of theirs."""
        desk, office = self.desk, self.desk.office
        names = [one.get("lastName") or one["title"] for one in CLIENTS]
        leads = [
            office.lead_of(one["source"], f"Хочу открыть счёт: {name}", phone=one["phone"], name=name)
            for name, one in zip(names, CLIENTS, strict=True)
        ]
        desk.secrets += [one["phone"].lstrip("+") for one in CLIENTS]
        desk.quiet(lambda: all(office.owner(lead) in desk.ready() for lead in leads))
        found = []
        for lead, name, one in zip(leads, names, CLIENTS, strict=True):
            owner, kind = office.owner(lead), "contact" if "lastName" in one else "company"
            known = {field: text for field, text in one.items() if field not in ("phone", "source")}
            card, deal = office.convert(owner, lead, kind, known, f"Счёт: {name}")
            found.append(Client(card, deal, owner, kind))
        desk.announce(f"{len(found)} leads become clients of {', '.join(office.names[one.owner] for one in found)}")
        desk.quiet()
        return found

    def _by_task(self, one: Client) -> None:
        """The task of the business process, with another answer to each second question."""
        labels = list(self._fields)
        answers = {label: (YES, NO)[place % 2] for place, label in enumerate(labels)}
        [process] = self._processes(one)
        tasks = self.desk.office.control("workflow/tasks")["tasks"]
        [task] = [task for task in tasks if task["workflow"] == process["id"]]
        chosen = {
            f"t{place}": self._fields[label]["choices"][answers[label]] for place, label in enumerate(labels)
        }  # fmt: skip
        body = {"TASK_ID": task["id"], "STATUS": COMPLETED, "FIELDS": chosen}
        self.desk.office.ask(one.owner, "bizproc.task.complete", body)
        self._answers.append(answers)

    def _by_form(self, one: Client) -> None:
        """Our form in the deal's card; a paper with an empty line is not taken."""
        handler = f"{self.desk.address}/frame/bitrix24/main/terms/deal/%7Bdeal%7D"
        browser, page = self.desk.office.browse(one.owner, "CRM_DEAL_DETAIL_TAB", handler=handler, ID=str(one.deal))
        with browser:
            names = re.findall(r'<select name="(\w+)"', page.text)
            form = {"csrf": re.findall(r'name="csrf" value="([^"]+)"', page.text)[-1], "seen": "0"}
            refused = browser.post(page.url, data={**form, names[0]: "yes"}, timeout=60)
            taken = browser.post(page.url, data={**form, **dict.fromkeys(names, "yes")}, timeout=60)
        self._form.append((refused.status_code, taken.status_code))
        self._answers.append(dict.fromkeys(self._fields, YES))

    def _processes(self, one: Client) -> list[dict[str, Any]]:
        every = self.desk.office.control("workflows")["processes"]
        return [process for process in every if process["document"][2] == f"DEAL_{one.deal}"]

    def _asked(self, one: Client) -> bool:
        """Whether the owner has a note that asks."""
        return any(note["tag"] == f"TERMS|{one.deal}" for note in self.desk.office.notices(one.owner))

    def checks(self) -> Iterable[Result]:
        if not self._answers:
            return
        office, clients = self.desk.office, self.desk.clients
        yield (
            f"{len(clients)} deals wait for their terms, whoever moves them on",
            "" if self._held == [TERMS] * len(clients) else str(self._held),
        )
        asked = [len(self._processes(one)) for one in clients]
        left = [one.deal for one in clients if self._asked(one)]
        yield (
            "each owner was asked once, and the notes are gone since all is answered",
            "" if asked == [1] * len(clients) and not left else f"{asked} processes, notes of {left}",
        )
        wrong = [
            f"{one.deal}, {label}: {shown[label]}, answered {answer}"
            for one, answers in zip(clients, self._answers, strict=True)
            for shown in [office.shown(office.DEAL, office.item(office.DEAL, one.deal))]
            for label, answer in answers.items()
            if shown[label] != answer
        ]
        yield (
            f"{len(self._fields)} terms of each deal stand as they were answered, by task and by form",
            "; ".join(wrong[:3]),
        )
        yield (
            "the form takes no paper with an empty line",
            "" if set(self._form) == {(422, 200)} else str(self._form),
        )
