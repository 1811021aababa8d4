"""Business processes of a record: templates that staff made in the designer, what runs of them, and whose task it is.

No filter is believed: a portal may pass one over in silence, and then everything comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.bitrix24.client import Client
from connectors.bitrix24.layout import EntityPlan, Layout
from connectors.bitrix24.values import number_in, number_of
from kernel.crm import Process, Question
from kernel.errors import Misconfigured, Rejected, Unverified

Raw = Mapping[str, Any]
#: our kind of record -> the vendor's class of its document
CLASSES = {
    "deal": "CCrmDocumentDeal", "lead": "CCrmDocumentLead", "contact": "CCrmDocumentContact",
    "company": "CCrmDocumentCompany",
}  # fmt: skip
WAITING = 0  #: USER_STATUS of a task that its person has not answered
ENDED_BY_US = "Annex"
PAGES_MAX = 40


class BitrixProcesses:
    """Needs the right `bizproc` and an administrator."""

    def __init__(self, client: Client, layout: Layout, site: str) -> None:
        self._client, self._layout, self._site = client, layout, site

    def template(self, entity: str, name: str) -> str | None:
        wanted = {"MODULE_ID": "crm", "ENTITY": self._class(entity)}
        select = ["ID", "NAME", "ENTITY"]
        found = [
            number_in(raw.get("ID"))
            for raw in self._all("bizproc.workflow.template.list", {"SELECT": select, "FILTER": wanted})
            if raw.get("ENTITY") == wanted["ENTITY"] and str(raw.get("NAME") or "").strip().casefold() == name.casefold()
        ]
        return str(min(found)) if found else None

    def running(self, entity: str, template: str, record_id: str = "") -> Mapping[str, tuple[Process, ...]]:
        one = {"DOCUMENT_ID": self._document(entity, record_id)[2]} if record_id else {}
        wanted = {"TEMPLATE_ID": number_of(template), **one}
        select = ["ID", "ENTITY", "DOCUMENT_ID", "TEMPLATE_ID", "STARTED"]
        asked = {"SELECT": select, "FILTER": wanted, "ORDER": {"STARTED": "ASC"}}
        instances = [
            raw
            for raw in self._all("bizproc.workflow.instances", asked)
            if str(raw.get("TEMPLATE_ID")) == template and raw.get("ENTITY") == self._class(entity)
        ]
        questions = self._questions(entity, one) if instances else {}
        found: dict[str, list[Process]] = {}
        for raw in sorted(instances, key=lambda raw: (str(raw.get("STARTED")), str(raw.get("ID")))):
            number = str(raw.get("DOCUMENT_ID") or "").rpartition("_")[2]
            if record_id in ("", number):
                found.setdefault(number, []).append(
                    Process(str(raw.get("ID")), tuple(questions.get(str(raw.get("ID")), ())))
                )
        return {number: tuple(processes) for number, processes in found.items()}

    def start(self, entity: str, record_id: str, template: str) -> Process:
        if known := self._one(entity, record_id, template):
            return known
        document = self._document(entity, record_id)
        params = {"TEMPLATE_ID": number_of(template), "DOCUMENT_ID": document}
        made = str(self._client.call("bizproc.workflow.start", params, writes=True) or "")
        if not made:
            raise Unverified("bitrix24: a process was started without its number", maybe_done=True)
        return self._one(entity, record_id, template) or Process(made)

    def hand_over(self, entity: str, record_id: str, template: str, person: str) -> Process:
        known = self._one(entity, record_id, template)
        if known and all(one.person == person for one in known.questions):
            return known
        if known and self._passed_on(known, person):
            passed = self._one(entity, record_id, template)
            if passed and all(one.person == person for one in passed.questions):
                return passed
        self.end(entity, record_id, template)
        return self.start(entity, record_id, template)

    def end(self, entity: str, record_id: str, template: str, *, but: str = "") -> None:
        ending = [one for one in self.running(entity, template, record_id).get(record_id, ()) if one.id != but]
        calls = [("bizproc.workflow.terminate", {"ID": one.id, "STATUS": ENDED_BY_US}) for one in ending]
        for outcome in self._client.batch(calls, writes=True) if calls else []:
            if outcome.fault is not None and not isinstance(outcome.fault, Rejected):
                raise outcome.fault
        ids = {one.id for one in ending}
        still = self.running(entity, template, record_id).get(record_id, ()) if ending else ()
        if any(one.id in ids for one in still):
            raise Unverified(f"bitrix24: a process of {entity} {record_id} did not end", maybe_done=True)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _one(self, entity: str, record_id: str, template: str) -> Process | None:
        return next(iter(self.running(entity, template, record_id).get(record_id, ())), None)

    def _passed_on(self, process: Process, person: str) -> bool:
        """Whether the portal agreed; a portal that does not know how says no."""
        calls = [
            (
                "bizproc.task.delegate",
                {"TASK_IDS": [number_of(one.id)], "FROM_USER_ID": one.person, "TO_USER_ID": number_of(person)},
            )
            for one in process.questions
            if one.person != person
        ]
        for outcome in self._client.batch(calls, writes=True) if calls else []:
            if isinstance(outcome.fault, Rejected):
                return False
            outcome.get()
        return True

    def _questions(self, entity: str, one: Mapping[str, str]) -> dict[str, list[Question]]:
        """By process: the tasks that nobody has answered."""
        select = ["ID", "WORKFLOW_ID", "USER_ID", "USER_STATUS", "ENTITY", "DOCUMENT_ID"]
        wanted = {"USER_STATUS": WAITING, "MODULE_ID": "crm", "ENTITY": self._class(entity), **one}
        found: dict[str, list[Question]] = {}
        asked = {"SELECT": select, "FILTER": wanted, "ORDER": {"ID": "ASC"}}
        for raw in self._all("bizproc.task.list", asked):
            if number_in(raw.get("USER_STATUS")) == WAITING:
                number = number_in(raw.get("ID"))
                task = Question(
                    str(number), str(raw.get("USER_ID") or ""), f"{self._site}company/personal/bizproc/{number}/"
                )
                found.setdefault(str(raw.get("WORKFLOW_ID")), []).append(task)
        return found

    def _class(self, entity: str) -> str:
        return CLASSES[self._kind(entity)]

    def _document(self, entity: str, record_id: str) -> list[str]:
        return ["crm", self._class(entity), f"{self._kind(entity).upper()}_{number_of(record_id)}"]

    def _kind(self, entity: str) -> str:
        plan: EntityPlan = self._layout.plan(entity)
        if plan.kind not in CLASSES:
            raise Misconfigured(f"bitrix24: no process is started for «{entity}»")
        return plan.kind

    def _all(self, method: str, params: Mapping[str, Any]) -> Iterator[Raw]:
        start: int | None = 0
        for _page in range(PAGES_MAX):
            reply = self._client.reply(method, {**params, "start": start})
            yield from (raw for raw in reply.result or () if isinstance(raw, Mapping))
            start = reply.next
            if not start:
                return
        raise Unverified(f"bitrix24: {method} does not come to an end")


__all__ = ["BitrixProcesses"]
