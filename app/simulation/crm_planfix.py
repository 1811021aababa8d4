"""An emulated Planfix with its staff."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from app.bootstrap import Annex
from app.simulation.crm import RandomFaults, choose
from app.simulation.machine import Application, ask
from kernel.errors import Unreachable
from kernel.mapping import FieldMap, MappingSet
from kernel.testing import FakeClock
from kernel.testing.stories import Absence, Card, DayChange, DayStatus, Member, StageChange, Typed, absent, begin_or_end
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
MARK = re.compile(r"№\s*[0-9a-f]{12}\b")  #: what Annex leaves in a comment, in whose name ever it is written
ONCE = ("error_500_next", "html_error_next", "list_504", "busy_next", "cut_after_commit_next", "lose_answer_next")
#: What would break a request of anybody, switched off; what becomes of the events stays as the random faults decide.
FELT_BY_STAFF = {
    **dict.fromkeys(("cut_after_commit_rate", "busy_rate"), 0), **dict.fromkeys(ONCE, 0), "down": "off",
}  # fmt: skip


class PlanfixCRM:
    """Keeps app.simulation.crm.SimulatedCRM."""

    tells_of_rows = False

    def __init__(self, seed: int, chance: Any, clock: FakeClock, mapping: MappingSet) -> None:
        faults = choose(chance, UNCONFIRMED)
        options = Options(
            token=TOKEN, hook_secret=HOOK_SECRET, seed=seed, post_to="https://annex.example.com", faults=faults
        )
        self._still = Still(options, LedClock(clock.now))
        self._portal, self._map = self._still.portal, mapping
        self._portal.address = ADDRESS
        self.random_faults = RandomFaults(self._portal.faults, ROUGH, ONCE)
        self.application: Application = self._still.app
        self.settings: Mapping[str, str] = {
            "PLANFIX_URL": f"{ADDRESS}/rest/", "PLANFIX_TOKEN": TOKEN, "PLANFIX_HOOK_SECRET": HOOK_SECRET,
            "PLANFIX_REQUESTS_PER_DAY": "0",
        }  # fmt: skip
        self._portal.faults.set("per_day", 0)
        self._made_by_staff = set(self._portal.contacts)
        self.contacts: Sequence[Card] = [Card(f"contact:{one.id}", one.full_name) for one in self._portal.contacts.values()]
        staff = [user for user in self._portal.users.values() if not user.is_robot]
        groups = self._portal.user_groups
        self.people: Sequence[Member] = [
            Member(user.id, user.full_name, tuple(groups[number].name for number in user.groups)) for user in staff
        ]
        self._tokens = {user.id: user.token for user in staff}
        self._chance = chance
        self.rows_deleted: set[tuple[str, str]] = set()
        self.days: list[DayChange] = []
        self.absences: list[Absence] = []
        self._groups: dict[str, list[int]] = {}  #: of those who were taken out of theirs
        self._clock = clock
        self._tables = {
            (entity, name): next(one.id for one in self._portal.tags.values() if one.name == table.label)
            for entity, plan in mapping.entities.items() for name, table in plan.table.items()
        }  # fmt: skip

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

    def new(self, entity: str, values: Mapping[str, Typed], *, stage: str = "", by: str = "") -> str:
        if entity == "partner":
            return self._new_card(entity, values, by)
        if entity != "deal":
            raise NotImplementedError(f"the emulated Planfix makes no {entity} yet")
        number = next(one.id for one in self._portal.objects.values() if one.name == self._map.entity(entity).object)
        body = {"name": "Обмін", "object": {"id": number}, "template": {"id": number}, **self._task(entity, values)}
        made = str(self._ask("POST", "/rest/task/", body, by)["id"])
        if stage:
            self.move(entity, made, stage, by=by)
        return made

    def _new_card(self, entity: str, values: Mapping[str, Typed], by: str) -> str:
        """«+ Партнер»: a contact from its template."""
        self._portal.faults.set("contact_scripts", "on")  # the portal is set up for partners
        templates = self._ask("GET", "/rest/contact/templates?fields=id,name", None)["templates"]
        template = next(one["id"] for one in templates if one["name"] == self._map.entity(entity).object)
        body = {"name": values["name"], "template": {"id": template}}
        made = int(str(self._ask("POST", "/rest/contact/", body, by)["id"]).removeprefix("contact:"))
        self._made_by_staff.add(made)
        return str(made)

    def set(self, entity: str, record: str, values: Mapping[str, Typed], *, by: str = "") -> None:
        self._ask("POST", f"/rest/task/{record}", self._task(entity, values), by)

    def move(self, entity: str, record: str, stage: str, *, by: str = "") -> None:
        label = self._map.entity(entity).stage[stage].label
        status = next((one.id for one in self._portal.statuses.values() if one.name == label), 0)
        self._ask("POST", f"/rest/task/{record}", {"status": {"id": status}}, by)

    def delete(self, entity: str, record: str, *, by: str = "") -> None:
        self._ask("POST", f"/rest/{self._kind(entity)}/{record}", {"isDeleted": True}, by)

    def restore(self, entity: str, record: str) -> None:
        self._ask("POST", f"/rest/{self._kind(entity)}/{record}", {"isDeleted": False})

    def add_row(self, entity: str, record: str, table: str, values: Mapping[str, Typed]) -> None:
        body = {"dataTag": {"id": self._tables[entity, table]}, "items": [self._row(entity, table, values)]}
        self._ask("POST", f"/rest/task/{record}/datatags/", body)

    def edit_row(self, entity: str, record: str, table: str, key: str, values: Mapping[str, Typed]) -> None:
        self._ask("POST", f"/rest/datatag/entry/{key}", self._row(entity, table, values))

    def delete_row(self, entity: str, record: str, table: str, key: str) -> None:
        self._ask("DELETE", f"/rest/datatag/entry/{key}", None)
        self.rows_deleted.add((entity, record))

    def comment(self, entity: str, record: str, text: str, *, by: str = "") -> str:
        return str(self._ask("POST", f"/rest/{self._kind(entity)}/{record}/comments/", {"description": text}, by)["id"])

    def edit_comment(self, entity: str, comment: str, text: str) -> None:
        one = self._portal.comments[int(comment)]
        place = f"task/{one.task}" if one.task else f"contact/{one.contact}"
        author = one.owner if one.owner not in absent(self.absences, self._clock.now()) else self._admin()
        self._ask("POST", f"/rest/{place}/comments/{comment}", {"description": text}, author)

    def press(self, entity: str, record: str) -> None:
        self._still.scripts.press(int(record), "Перерахувати", self._portal.users["user:1"])

    def arrive(self, entity: str, values: Mapping[str, Typed]) -> str:
        raise NotImplementedError("the emulated Planfix makes no record by itself yet")

    def set_day(self, person: str, status: DayStatus) -> None:
        raise NotImplementedError("Planfix has no working days")

    def set_active(self, person: str, active: bool) -> None:
        self._of_staff(person, {"status": "Active" if active else "Inactive"})
        begin_or_end(self.absences, person, self._clock.now(), dismissed=True, ends=active)

    def set_grouped(self, person: str, grouped: bool) -> None:
        mine = self._groups.setdefault(person, list(self._portal.users[person].groups))
        self._of_staff(person, {"groups": [{"id": number} for number in mine] if grouped else []})
        begin_or_end(self.absences, person, self._clock.now(), dismissed=False, ends=grouped)

    def _of_staff(self, person: str, values: Mapping[str, Any]) -> None:
        """As an administrator does, who is never dismissed."""
        self._ask("POST", f"/rest/user/{person.partition(':')[2]}", values, self._admin())

    def _admin(self) -> str:
        return next(user.id for user in self._portal.users.values() if user.role == "Admin" and not user.is_robot)

    def open_annex(self) -> None:
        """Changes nothing: the robot's token never runs out."""

    # --- what stands there ----------------------------------------------------------------------------------------------

    def value(self, entity: str, record: str, field: str) -> str:
        if self._map.entity(entity).kind != "contact":
            raise NotImplementedError("no story has asked an emulated Planfix for a deal's field yet")
        number = self._number("contact", self._map.entity(entity).field[field].label, 0)
        return str(self._portal.contacts[int(record)].values.get(number) or "")

    def day_of(self, person: str) -> str:
        return "off"

    def stage_of(self, entity: str, record: str) -> str:
        status = self._portal.statuses[self._portal.tasks[int(record)].status].name
        return self._map.entity(entity).stage_of(status) or ""

    def row_keys(self, entity: str, record: str, table: str) -> list[str]:
        return [str(row.key) for row in self._portal.rows_of(task=int(record), tag=self._tables[entity, table])]

    def history(self, entity: str, record: str) -> list[StageChange]:
        raise NotImplementedError("Planfix keeps no history of stages")

    def rows_of_ours(self) -> list[tuple[str, str]]:
        keys: dict[int, int] = {}  # by tag: the column of our key
        for (entity, name), tag in self._tables.items():
            table = self._map.entity(entity).table[name]
            keys[tag] = self._number("datatag", table.field[table.key].label, tag)
        found = [(row, str(row.values.get(keys[row.tag]) or "")) for row in self._portal.rows.values() if row.tag in keys]
        return [(f"contact:{row.contact}" if row.contact else str(row.task), key) for row, key in found if key]

    def comments_of_ours(self) -> int:
        return sum(self._is_ours(one) for one in self._portal.comments.values())

    def notes_of_ours(self, entity: str, record: str) -> list[str]:
        number, of_task = int(record.rpartition(":")[2]), self._kind(entity) == "task"
        return [
            one.description for one in self._portal.comments.values()
            if self._is_ours(one) and number == (one.task if of_task else one.contact)
        ]  # fmt: skip

    def _is_ours(self, comment: Any) -> bool:
        text = comment.description
        return bool(text) and (comment.owner == self._portal.robot().id or bool(MARK.search(text)))

    def records_of_ours(self) -> list[str]:
        robot = self._portal.robot().id
        tasks = [str(one.id) for one in self._portal.tasks.values() if one.assigner == robot]
        return tasks + [f"contact:{number}" for number in self._portal.contacts if number not in self._made_by_staff]

    def refused(self) -> int:
        return self._portal.counters.refused

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _kind(self, entity: str) -> str:
        return "contact" if self._map.entity(entity).kind == "contact" else "task"

    def _anybody(self) -> str:
        away = absent(self.absences, self._clock.now())
        return str(self._chance.choice([one for one in self.people if one.id not in away]).id)

    def _task(self, entity: str, values: Mapping[str, Typed]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        custom = []
        for name, value in values.items():
            plan = self._map.entity(entity).field[name]
            if plan.system == "counterparty":
                body["counterparty"] = {"id": value.id if isinstance(value, Card) else None}
            elif plan.system == "assignees":
                body["assignees"] = {"users": [{"id": value.id}] if isinstance(value, Card) else []}
            else:
                custom.append(self._one("task", plan, value))
        return {**body, "customFieldData": custom} if custom else body

    def _row(self, entity: str, table: str, values: Mapping[str, Typed]) -> dict[str, Any]:
        plans, tag = self._map.entity(entity).table[table].field, self._tables[entity, table]
        return {"customFieldData": [self._one("datatag", plans[name], value, tag) for name, value in values.items()]}

    def _one(self, kind: str, plan: FieldMap, value: Typed, owner: int = 0) -> dict[str, Any]:
        number = self._number(kind, plan.label, owner)
        shape = self._portal.fields[kind][number].type
        wire: Any = value
        if isinstance(value, Card):
            bare = plan.type == "contact" and value.id.isdigit()
            wire = {"id": f"contact:{value.id}" if bare else value.id}
        elif isinstance(value, date):
            wire = {"date": value.strftime("%d-%m-%Y")} if shape == DATE else value.isoformat()
        elif shape == LISTED and isinstance(value, str):
            wire = plan.values.get(value, value)
        elif shape == NUMBER and isinstance(value, str):
            wire = float(value.replace(",", "."))  # Planfix keeps numbers as doubles, whatever is typed
        return {"field": {"id": number}, "value": wire}

    def _number(self, kind: str, label: str, owner: int) -> int:
        fields = self._portal.fields[kind].values()
        return next(one.id for one in fields if one.name == label and one.owner == owner)

    def _ask(self, method: str, path: str, body: Any, by: str = "") -> Any:
        """As a member of staff would, in the portal's own pages: no fault of the network comes between."""
        meanwhile = {name: self._portal.faults.get(name) for name in FELT_BY_STAFF}
        self._portal.faults.set_all(FELT_BY_STAFF)
        headers = {
            "Authorization": f"Bearer {self._tokens[by or self._anybody()]}",
            "Content-Type": "application/json",
        }
        raw = b"" if body is None else json.dumps(body).encode()
        try:
            status, _shown, content, _cut = ask(self.application, method, ADDRESS + path, headers, raw)
        finally:
            self._portal.faults.set_all(meanwhile)
        answer = json.loads(content) if content else {}
        if status >= 300 or answer.get("result") == "fail":
            raise Unreachable(f"{method} {path}: {status} {content[:300]!r} {raw[:300]!r}")
        return answer
