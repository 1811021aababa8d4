"""Tasks that are bound to a record of the CRM: their field «CRM items» (UF_CRM_TASK) names it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24.client import Client, Outcome
from connectors.bitrix24.layout import EntityPlan, Layout
from connectors.bitrix24.limits import PAGE_ROWS
from connectors.bitrix24.portal import rows
from connectors.bitrix24.values import moment_of, number_in, number_of
from kernel.crm import Ref, Task, TaskList, TaskState
from kernel.crm.tasks import in_order

Raw = Mapping[str, Any]
#: apidocs «Fields of a task»: REAL_STATUS, the status without what follows from the deadline
STATES: Mapping[int, TaskState] = {
    1: "pending", 2: "pending", 3: "in_progress", 4: "to_accept", 5: "done", 6: "deferred", 7: "declined",
}  # fmt: skip
DONE = 5
SHORT = {"lead": "L", "deal": "D", "contact": "C", "company": "CO"}
SELECT = ["ID", "TITLE", "STATUS", "DEADLINE", "RESPONSIBLE_ID", "UF_CRM_TASK"]
OPEN_PAGES_MAX = 6  #: of fifty; further ones are counted


class BitrixTasks:
    """One request for up to fifty open tasks and the newest fifty of those that are done, two for more."""

    def __init__(self, client: Client, layout: Layout, zone: ZoneInfo, site: str) -> None:
        self._client, self._layout, self._zone, self._site = client, layout, zone, site

    def of(self, entity: str, record_id: str) -> TaskList:
        bound = binding(self._layout.plan(entity), number_of(record_id))
        open_, done = {"UF_CRM_TASK": bound, "!REAL_STATUS": DONE}, {"UF_CRM_TASK": bound, "REAL_STATUS": DONE}
        first, ended = self._client.batch([_page(open_, "ASC"), _page(done, "DESC")])
        raws = [*_rows(first), *_rows(ended)]
        starts = range(PAGE_ROWS, min(first.total or 0, OPEN_PAGES_MAX * PAGE_ROWS), PAGE_ROWS) if first.next else range(0)
        for more in self._client.batch([_page(open_, "ASC", start) for start in starts]) if starts else []:
            raws += _rows(more)
        # A filter that the portal does not know may be passed over in silence: then everything comes.
        mine = {number_in(raw.get("id")): raw for raw in raws if bound in _bindings(raw)}
        tasks = in_order((self._task(raw) for number, raw in mine.items() if number), self._zone)
        return TaskList(tasks, max((first.total or 0) + (ended.total or 0) - len(raws), 0) if mine else 0)

    def _task(self, raw: Raw) -> Task:
        number, person = number_in(raw.get("id")), number_in(raw.get("responsibleId"))
        shown = raw.get("responsible")
        name = str(shown.get("name") or "") if isinstance(shown, dict) else ""
        return Task(
            id=str(number),
            subject=str(raw.get("title") or ""),
            state=STATES.get(number_in(raw.get("status")), "open"),
            responsible=(Ref(str(person), name),) if person else (),
            due=moment_of(raw.get("deadline"), self._zone),
            url=f"{self._site}company/personal/user/{person}/tasks/task/view/{number}/",
        )


def binding(plan: EntityPlan, number: int) -> str:
    """`C_12`; of a smart process `Tb1_12`, the type in hexadecimal."""
    return f"{SHORT.get(plan.kind) or f'T{plan.entity_type:x}'}_{number}"


def _page(wanted: Mapping[str, Any], order: str, start: int = 0) -> tuple[str, dict[str, Any]]:
    return "tasks.task.list", {"filter": dict(wanted), "select": SELECT, "order": {"ID": order}, "start": start}


def _rows(outcome: Outcome) -> list[Raw]:
    return list(rows(outcome.get(), "tasks"))


def _bindings(raw: Raw) -> Iterable[str]:
    found = raw.get("ufCrmTask")
    return [str(one) for one in found] if isinstance(found, list) else []


__all__ = ["BitrixTasks"]
