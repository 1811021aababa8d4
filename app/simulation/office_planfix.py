"""An emulated Planfix with its staff."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from app.bootstrap import Annex
from app.simulation.machine import Application, ask
from app.simulation.office import Card, Typed, Weather, choose
from kernel.errors import Unreachable
from kernel.mapping import FieldMap, MappingSet
from kernel.testing import FakeClock
from sandbox.common.clock import LedClock
from sandbox.planfix.server import Options, Still

ADDRESS = "https://desk.example.com"
TOKEN, HOOK_SECRET = "token-of-the-robot", "a-secret-of-thirty-characters-"
NUMBER, DATE, LISTED = 1, 3, 8  #: Planfix's types of fields
UNCONFIRMED = {
    "update_answer": ("result", "empty", "list", "object"), "guid_on_retry": ("same", "new"),
    "limit_answer": ("403", "429", "200"),
    "status_fires_changed": ("off", "on"), "entry_wrapper": ("on", "off"), "row_write_body": ("result", "empty"),
    "totals_shape": ("number", "wrapped"), "answer_200_fail": ("off", "on"), "silent_fires": ("on", "off"),
    "retry_schedule": ("ru", "en", "off"), "row_edit_fires": ("on", "off"), "datetime_key": ("utc", "local"),
    "comment_script": ("off", "on"), "duplicate_source_id": ("allow", "refuse"), "deleted_tasks": ("hidden", "shown"),
}  # fmt: skip
ROUGH = {
    "cut_after_commit_rate": 0.05, "drop_rate": 0.15, "duplicate_rate": 0.15, "reorder_rate": 0.15, "busy_rate": 0.08,
}  # fmt: skip
ONCE = ("error_500_next", "html_error_next", "list_504", "busy_next", "cut_after_commit_next", "lose_answer_next")
#: What would break a request of anybody, switched off; what becomes of the events stays as the weather is.
FELT_BY_STAFF = {
    **dict.fromkeys(("cut_after_commit_rate", "busy_rate"), 0), **dict.fromkeys(ONCE, 0), "down": "off",
}  # fmt: skip


class PlanfixOffice:
    """Keeps app.simulation.office.Office."""

    set_name = "exchange-desk-planfix"
    tells_of_rows = False

    def __init__(self, seed: int, dice: Any, clock: FakeClock, mapping: MappingSet) -> None:
        faults = choose(dice, UNCONFIRMED)
        options = Options(
            token=TOKEN, hook_secret=HOOK_SECRET, seed=seed, post_to="https://annex.example.com", faults=faults
        )
        self._still = Still(options, LedClock(clock.now))
        self._portal, self._map = self._still.portal, mapping
        self._portal.address = ADDRESS
        self.weather = Weather(self._portal.faults, ROUGH, ONCE)
        self.application: Application = self._still.app
        self.settings: Mapping[str, str] = {
            "PLANFIX_URL": f"{ADDRESS}/rest/", "PLANFIX_TOKEN": TOKEN, "PLANFIX_HOOK_SECRET": HOOK_SECRET,
            "PLANFIX_REQUESTS_PER_DAY": "0",
        }  # fmt: skip
        self._portal.faults.set("per_day", 0)
        self._first_contacts = set(self._portal.contacts)
        contacts = [Card(f"contact:{one.id}", one.full_name) for one in self._portal.contacts.values()]
        self.partners, self.clients = contacts[:3], contacts[3:]
        staff = [user for user in self._portal.users.values() if not user.is_robot]
        self.people = [Card(user.id, user.full_name) for user in staff]
        self._tokens = [user.token for user in staff]
        self._dice = dice
        self._object = next(one.id for one in self._portal.objects.values() if one.name == mapping.entity("deal").object)
        self._tag = next(one.id for one in self._portal.tags.values() if one.name == "Операція")

    def set_up(self, annex: Annex) -> None:
        """Nothing: the portal is seeded as docs/setup-planfix.md has it made by hand."""

    def deliver_to(self, door: Callable[[str, str, Mapping[str, str], bytes], tuple[int, str]]) -> None:
        def post(call: dict[str, Any]) -> tuple[int, str]:
            body, headers = call.get("data", b""), dict(call["headers"])
            if isinstance(body, dict):
                body, headers["Content-Type"] = urlencode(body).encode(), "application/x-www-form-urlencoded"
            return door(call["method"], call["url"], headers, body)

        self._still.delivery.post = post

    def step(self) -> bool:
        return self._still.busy.step() or self._still.delivery.step()

    def due_in(self) -> float | None:
        return self._still.due_in()

    # --- what staff do --------------------------------------------------------------------------------------------------

    def new_deal(self, values: Mapping[str, Typed]) -> str:
        body = {"name": "Обмін", "object": {"id": self._object}, "template": {"id": self._object}}
        return str(self._ask("POST", "/rest/task/", {**body, **self._task(values)})["id"])

    def set(self, deal: str, values: Mapping[str, Typed]) -> None:
        self._ask("POST", f"/rest/task/{deal}", self._task(values))

    def move(self, deal: str, stage_label: str) -> None:
        status = next((one.id for one in self._portal.statuses.values() if one.name == stage_label), 0)
        self._ask("POST", f"/rest/task/{deal}", {"status": {"id": status}})

    def add_row(self, deal: str, values: Mapping[str, Typed]) -> None:
        body = {"dataTag": {"id": self._tag}, "items": [{"customFieldData": self._row(values)}]}
        self._ask("POST", f"/rest/task/{deal}/datatags/", body)

    def edit_row(self, deal: str, key: str, values: Mapping[str, Typed]) -> None:
        self._ask("POST", f"/rest/datatag/entry/{key}", {"customFieldData": self._row(values)})

    def delete_row(self, deal: str, key: str) -> None:
        self._ask("DELETE", f"/rest/datatag/entry/{key}", None)

    def recalculate(self, deal: str) -> None:
        self._still.scripts.press(int(deal), "Перерахувати", self._portal.users["user:1"])

    def open_annex(self) -> None:
        """Changes nothing: the robot's token never runs out."""

    # --- what stands there ----------------------------------------------------------------------------------------------

    def row_keys(self, deal: str) -> list[str]:
        return [str(row.key) for row in self._portal.rows_of(task=int(deal), tag=self._tag)]

    def stage_of(self, deal: str) -> str:
        return self._portal.statuses[self._portal.tasks[int(deal)].status].name

    def comments_of_ours(self) -> int:
        robot = self._portal.robot().id
        return sum(one.owner == robot and bool(one.description) for one in self._portal.comments.values())

    def records_of_ours(self) -> list[str]:
        robot = self._portal.robot().id
        tasks = [str(one.id) for one in self._portal.tasks.values() if one.assigner == robot]
        return tasks + [f"contact:{number}" for number in self._portal.contacts if number not in self._first_contacts]

    def custody_rows(self) -> list[tuple[str, str]]:
        tag = next(one.id for one in self._portal.tags.values() if one.name == "Зберігання")
        columns = {one.name: one.id for one in self._portal.fields["datatag"].values() if one.owner == tag}
        return [
            (f"contact:{row.contact}", str(row.values.get(columns["Ключ Annex"]) or ""))
            for row in self._portal.rows.values()
            if row.tag == tag
        ]

    def refused(self) -> int:
        return self._portal.counters.refused

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _task(self, values: Mapping[str, Typed]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        custom = []
        for name, value in values.items():
            plan = self._map.entity("deal").field[name]
            if plan.system == "counterparty":
                body["counterparty"] = {"id": value.id if isinstance(value, Card) else None}
            elif plan.system == "assignees":
                body["assignees"] = {"users": [{"id": value.id}] if isinstance(value, Card) else []}
            else:
                custom.append(self._one("task", plan, value))
        return {**body, "customFieldData": custom} if custom else body

    def _row(self, values: Mapping[str, Typed]) -> list[dict[str, Any]]:
        plans = self._map.entity("deal").table["operation"].field
        return [self._one("datatag", plans[name], value) for name, value in values.items()]

    def _one(self, kind: str, plan: FieldMap, value: Typed) -> dict[str, Any]:
        number = self._number(kind, plan.label)
        shape = self._portal.fields[kind][number].type
        wire: Any = value
        if isinstance(value, Card):
            wire = {"id": value.id}
        elif isinstance(value, date):
            wire = {"date": value.strftime("%d-%m-%Y")} if shape == DATE else value.isoformat()
        elif shape == LISTED and isinstance(value, str):
            wire = plan.values.get(value, value)
        elif shape == NUMBER and isinstance(value, str):
            wire = float(value.replace(",", "."))  # Planfix keeps numbers as doubles, whatever is typed
        return {"field": {"id": number}, "value": wire}

    def _number(self, kind: str, label: str) -> int:
        owner = {"task": 0, "contact": 0, "datatag": self._tag}[kind]
        fields = self._portal.fields[kind].values()
        return next(one.id for one in fields if one.name == label and one.owner == owner)

    def _ask(self, method: str, path: str, body: Any) -> Any:
        """As a member of staff would, in the portal's own pages: no fault of the network comes between."""
        meanwhile = {name: self._portal.faults.get(name) for name in FELT_BY_STAFF}
        self._portal.faults.set_all(FELT_BY_STAFF)
        headers = {"Authorization": f"Bearer {self._dice.choice(self._tokens)}", "Content-Type": "application/json"}
        raw = b"" if body is None else json.dumps(body).encode()
        try:
            status, _shown, content, _cut = ask(self.application, method, ADDRESS + path, headers, raw)
        finally:
            self._portal.faults.set_all(meanwhile)
        answer = json.loads(content) if content else {}
        if status >= 300 or answer.get("result") == "fail":
            raise Unreachable(f"{method} {path}: {status} {content[:300]!r} {raw[:300]!r}")
        return answer
