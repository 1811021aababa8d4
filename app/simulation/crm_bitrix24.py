"""An emulated Bitrix24 with its staff, set up by our own set-up as code."""

from __future__ import annotations

import json
import tomllib
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
from sandbox.bitrix24.crm.changes import restore
from sandbox.bitrix24.crm.history import Moves
from sandbox.bitrix24.crm.store import Record, crm
from sandbox.bitrix24.params import flatten
from sandbox.bitrix24.seed import PORTALS, portal_names
from sandbox.bitrix24.server import Options, Still
from sandbox.common.clock import LedClock

ADDRESS, DOOR = "https://desk.bitrix24.ru", "https://annex.example.com/hooks/bitrix24/main"
LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4
KINDS = {"lead": LEAD, "deal": DEAL, "contact": CONTACT, "company": COMPANY}
PARENT = {"deal": "parentId2", "contact": "parentId3", "company": "parentId4"}
CALLED = {"deal": "Обмін", "lead": "Заявка"}  #: a title, where staff give none
DAYS: Mapping[DayStatus, str] = {"open": "OPENED", "paused": "PAUSED", "closed": "CLOSED"}
UNCONFIRMED = {
    "old_refresh": ("dies", "lives"), "expires_in_events": ("on", "off"), "robot_moves": ("technical", "last"),
    "no_match": ("list", "object"), "no_deadline": ("far", "null"), "timeline_events": ("on", "off"),
    "tag_replaces": ("user", "all"), "tag_without_client": ("ignore", "refuse"),
}  # fmt: skip
ROUGH = {"cut_after_commit_rate": 0.05, "drop_rate": 0.15, "duplicate_rate": 0.15, "reorder_rate": 0.15}
ONCE = ("error_500_next", "html_error_next", "cut_next", "cut_after_commit_next", "refresh_fails_next", "notify_false_next")
CALLED_THERE = {"firstName": "name"}  #: a part of a system field that the CRM has under another name
ROUNDS_MAX = 8
COMMENTS_A_PAGE = 50


class Bitrix24CRM:
    """Keeps app.simulation.crm.SimulatedCRM."""

    tells_of_rows = True

    def __init__(self, seed: int, chance: Any, clock: FakeClock, mapping: MappingSet) -> None:
        faults = choose(chance, UNCONFIRMED)
        options = Options(
            seed=seed,
            post_to="https://annex.example.com",
            portal=_portal_of(mapping),
            faults=(("plan", "standard"), *faults),
        )
        self._still = Still(options, LedClock(clock.now))
        self._portal, self._map, self._chance, self._clock = self._still.portal, mapping, chance, clock
        self._portal.address = ADDRESS
        self.random_faults = RandomFaults(self._portal.faults, ROUGH, ONCE)
        self.application: Application = self._still.serve
        app = self._portal.app()
        self.settings: Mapping[str, str] = {
            "BITRIX24_URL": f"{ADDRESS}/", "BITRIX24_CLIENT_ID": app.client_id, "BITRIX24_CLIENT_SECRET": app.client_secret,
        }  # fmt: skip
        technical = self._portal.technical().id
        departments = self._portal.departments.values()
        self.people: Sequence[Member] = [
            Member(
                one.id, one.full_name, tuple(each.name for each in departments if each.id in one.departments),
                tuple(each.name for each in departments if each.head == one.id),
            )
            for one in self._portal.people.values() if one.id != technical and one.active
        ]  # fmt: skip
        self.contacts: Sequence[Card] = ()
        self.rows_deleted: set[tuple[str, str]] = set()
        self.days: list[DayChange] = []
        self.absences: list[Absence] = []
        self._departments: dict[str, list[int]] = {}  #: of those who were put into another one
        self._bin: dict[tuple[str, str], Record] = {}
        self._comments_deleted = 0  #: of ours
        self._staff_wrote: dict[str, str] = {}  #: comment -> who
        self._made_by_staff: set[tuple[int, str]] = set()  #: or by the portal itself
        self._movers: dict[int, str] = {}  #: line of the history of stages -> who moved the record

    def set_up(self, annex: Annex) -> None:
        """Install the application, and let our own set-up make the portal what the set says."""
        self._door("app/install", {"handler": DOOR, "kind": "script", "user": "1"})
        while self.step():
            pass
        setup = annex.runtime.connector.setup
        assert setup is not None
        for _round in range(ROUNDS_MAX):
            makes = [one.make for one in setup(annex.runtime.connection).plan() if one.make and one.kind != "drop"]
            for make in makes:
                make()
            if not makes:
                break
        else:
            raise AssertionError("the portal never becomes what the set says")
        self._learn()
        while self.step():
            pass

    def deliver_to(self, door: Callable[[str, str, Mapping[str, str], bytes], tuple[int, str]]) -> None:
        def post(url: str, form: Mapping[str, Any]) -> tuple[int, str]:
            body = urlencode(flatten(form)).encode()
            return door("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, body)

        self._still.delivery.post, self._answered = post, post

    def step(self) -> bool:
        return self._still.delivery.step()

    def due_in(self) -> float | None:
        due = self._still.delivery.due()
        return None if due is None else due - self._portal.clock.ticks()

    # --- what staff do --------------------------------------------------------------------------------------------------

    def new(self, entity: str, values: Mapping[str, Typed], *, stage: str = "", by: str = "") -> str:
        fields = self._values(entity, values)
        if entity in CALLED:
            fields["title"] = CALLED[entity]
        if self._map.entity(entity).narrow:
            fields["typeId"] = self._map.entity(entity).object
        if stage:
            fields |= self._at(entity, stage)
        elif self._map.entity(entity).pipeline:
            fields |= {"categoryId": self._at(entity, next(iter(self._map.entity(entity).stage)))["categoryId"]}
        number, who = self._number(entity), by or self._anybody()
        made = str(self._as(who, "crm.item.add", {**_wire(number), "fields": fields})["item"]["id"])
        self._remember(number, made, 0, who)
        self._made_by_staff.add((number, made))
        return made

    def set(self, entity: str, record: str, values: Mapping[str, Typed], *, by: str = "") -> None:
        self._write("crm.item.update", self._number(entity), by, id=record, fields=self._values(entity, values))

    def move(self, entity: str, record: str, stage: str, *, by: str = "") -> None:
        number, who = self._number(entity), by or self._anybody()
        before = len(self._lines(number, record))
        self._write("crm.item.update", number, who, id=record, fields=self._at(entity, stage))
        self._remember(number, record, before, who)

    def delete(self, entity: str, record: str, *, by: str = "") -> None:
        number = self._number(entity)
        self._comments_deleted += self._comments_on(number, record)
        self._bin[entity, record] = dict(crm(self._portal).kinds[number].records[int(record)])
        self._write("crm.item.delete", number, by, id=record)

    def restore(self, entity: str, record: str) -> None:
        restore(self._portal, crm(self._portal).kinds[self._number(entity)], self._bin.pop((entity, record)))

    def add_row(self, entity: str, record: str, table: str, values: Mapping[str, Typed]) -> None:
        fields = {PARENT[entity]: record, **self._row(entity, table, values)}
        self._write("crm.item.add", self._table(entity, table), fields=fields)

    def edit_row(self, entity: str, record: str, table: str, key: str, values: Mapping[str, Typed]) -> None:
        self._write("crm.item.update", self._table(entity, table), id=key, fields=self._row(entity, table, values))

    def delete_row(self, entity: str, record: str, table: str, key: str) -> None:
        self._write("crm.item.delete", self._table(entity, table), id=key)
        self.rows_deleted.add((entity, record))

    def comment(self, entity: str, record: str, text: str, *, by: str = "") -> str:
        who = by or self._anybody()
        fields = {"ENTITY_ID": record, "ENTITY_TYPE": self._timeline(self._number(entity)), "COMMENT": text}
        made = str(self._as(who, "crm.timeline.comment.add", {"fields": fields}))
        self._staff_wrote[made] = who
        return made

    def edit_comment(self, entity: str, comment: str, text: str) -> None:
        author, away = self._staff_wrote[comment], absent(self.absences, self._clock.now())
        body = {"id": comment, "fields": {"COMMENT": text}}
        self._as("1" if author in away else author, "crm.timeline.comment.update", body)

    def press(self, entity: str, record: str) -> None:
        label = next(one.label for one in self._map.portal.robot.values() if one.entity == entity)
        found = next(one for one in self._door("robots", None)["offered"] if label in one["name"].values())
        self._door("robot/run", {"code": found["code"], entity: int(record)})

    def arrive(self, entity: str, values: Mapping[str, Typed]) -> str:
        typed = {name: str(value) for name, value in values.items()}
        made = str(self._door(entity, {"title": CALLED[entity], **typed})["id"])
        self._made_by_staff.add((self._number(entity), made))
        return made

    def set_day(self, person: str, status: DayStatus) -> None:
        self._door("workday", {"user": person, "status": DAYS[status]})
        self.days.append(DayChange(self._clock.now(), person, status))

    def set_active(self, person: str, active: bool) -> None:
        self._as("1", "user.update", {"ID": person, "ACTIVE": active})
        begin_or_end(self.absences, person, self._clock.now(), dismissed=True, ends=active)

    def set_grouped(self, person: str, grouped: bool) -> None:
        """In Bitrix24 everybody is in some department: whoever leaves theirs is put into another, if there is one."""
        mine = self._departments.setdefault(person, list(self._portal.people[person].departments))
        elsewhere = [one for one in sorted(self._portal.departments) if one not in mine][-1:]
        self._as("1", "user.update", {"ID": person, "UF_DEPARTMENT": mine if grouped else elsewhere})
        begin_or_end(self.absences, person, self._clock.now(), dismissed=False, ends=grouped)

    def open_annex(self) -> None:
        """The page's own proof brings tokens: this is how a connection comes back whose renewal was cut short."""
        asked = self._door("open", {"placement": "LEFT_MENU", "user": "1", "options": {}})
        self._answered(asked["url"], asked["fields"])

    # --- what stands there ----------------------------------------------------------------------------------------------

    def value(self, entity: str, record: str, field: str) -> str:
        number, plan = self._number(entity), self._map.entity(entity).field[field]
        found = self._item(number, record)[plan.system or self._known[number][plan.label]["code"]]
        return "" if found is None else str(found)

    def day_of(self, person: str) -> str:
        words: dict[str, str] = {shown: word for word, shown in DAYS.items()}
        shown = self._door(f"workday?user={person}", None)[person]
        return words.get(shown, shown.lower()) if self._portal.people[person].timeman else "off"

    def stage_of(self, entity: str, record: str) -> str:
        return self._words.get((entity, str(self._item(self._number(entity), record)["stageId"])), "")

    def row_keys(self, entity: str, record: str, table: str) -> list[str]:
        return [str(one["id"]) for one in self._items(self._table(entity, table), {PARENT[entity]: record})]

    def history(self, entity: str, record: str) -> list[StageChange]:
        return [
            StageChange(
                self._words.get((entity, str(row.get("STAGE_ID") or row.get("STATUS_ID"))), ""),
                self._movers.get(row["ID"], ""), row["TYPE_ID"] == 1,
            )
            for row in self._lines(self._number(entity), record)
        ]  # fmt: skip

    def rows_of_ours(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for entity, plan in self._map.entities.items():
            for name, table in plan.table.items():
                number = self._table(entity, name)
                key = self._known[number][table.field[table.key].label]["code"]
                rows = [(str(one[PARENT[entity]]), str(one.get(key) or "")) for one in self._items(number, {})]
                found += [row for row in rows if row[1]]
        return found

    def comments_of_ours(self) -> int:
        """Whatever staff did not write. Those of a deleted record are gone with it."""
        found = self._comments_deleted
        for number in self._all_kinds():
            found += sum(self._comments_on(number, item["id"]) for item in self._items(number, {}))
        return found

    def notes_of_ours(self, entity: str, record: str) -> list[str]:
        return [str(one["COMMENT"]) for one in self._notes(self._number(entity), record)]

    def _comments_on(self, number: int, record: Any) -> int:
        return len(self._notes(number, record))

    def _notes(self, number: int, record: Any) -> list[dict[str, Any]]:
        """Comments of ours, page by page."""
        body = {
            "filter": {"ENTITY_ID": record, "ENTITY_TYPE": self._timeline(number)}, "order": {"ID": "ASC"},
            "select": ["ID", "COMMENT"],
        }  # fmt: skip
        found: list[dict[str, Any]] = []
        while True:
            page = self._as("1", "crm.timeline.comment.list", {**body, "start": len(found)})
            found += page
            if len(page) < COMMENTS_A_PAGE:
                return [one for one in found if str(one["ID"]) not in self._staff_wrote]

    @staticmethod
    def _timeline(number: int) -> str:
        """What the timeline calls a kind of records."""
        return next((word for word, each in KINDS.items() if each == number), f"dynamic_{number}")

    def records_of_ours(self) -> list[str]:
        tables = {self._table(entity, name) for entity, plan in self._map.entities.items() for name in plan.table}
        return [
            str(one["id"])
            for number in self._all_kinds() if number not in tables
            for one in self._items(number, {}) if (number, str(one["id"])) not in self._made_by_staff
        ]  # fmt: skip

    def refused(self) -> int:
        return self._portal.counters.refused

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _learn(self) -> None:
        """Numbers and codes by label, as somebody who looks at the portal sees them."""
        pipelines = {
            one["name"]: one["id"] for one in self._as("1", "crm.category.list", {"entityTypeId": DEAL})["categories"]
        }
        self._types = {one["title"]: int(one["entityTypeId"]) for one in self._as("1", "crm.type.list", {})["types"]}
        self._known = {number: self._fields(number) for number in self._all_kinds()}
        self._codes: dict[tuple[str, str], dict[str, Any]] = {}  #: (entity, our word) -> what to write
        self._words: dict[tuple[str, str], str] = {}  #: (entity, code) -> our word
        for entity, plan in self._map.entities.items():
            for word, stage in plan.stage.items():
                pipeline = pipelines[plan.pipeline[stage.pipeline].label] if stage.pipeline else None
                kind = "STATUS" if pipeline is None else f"DEAL_STAGE_{pipeline}"
                known = {one["NAME"]: one["STATUS_ID"] for one in self._statuses(kind)}
                self._words[entity, known[stage.label]] = word
                place = {} if pipeline is None else {"categoryId": pipeline}
                self._codes[entity, word] = {"stageId": known[stage.label], **place}

    def _statuses(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._as("1", "crm.status.list", {"filter": {"ENTITY_ID": kind}})
        return found

    def _all_kinds(self) -> list[int]:
        kinds = [KINDS[kind] for entity in self._map.entities if (kind := self._kind(entity)) in KINDS]
        return [*dict.fromkeys(kinds), *self._types.values()]  # partners are contacts, too

    def _number(self, entity: str) -> int:
        return KINDS.get(self._kind(entity)) or self._types[self._map.entity(entity).object]

    def _kind(self, entity: str) -> str:
        return self._map.entity(entity).kind or entity

    def _table(self, entity: str, table: str) -> int:
        return self._types[self._map.entity(entity).table[table].label]

    def _at(self, entity: str, stage: str) -> dict[str, Any]:
        return self._codes[entity, stage]

    def _anybody(self) -> str:
        away = absent(self.absences, self._clock.now())
        return str(self._chance.choice([one for one in self.people if one.id not in away]).id)

    def _lines(self, number: int, record: str) -> list[dict[str, Any]]:
        return self._portal.area(Moves).by_owner.get((number, int(record)), [])

    def _remember(self, number: int, record: str, before: int, who: str) -> None:
        """Who is the author of the newest line of its history, if there is a new one."""
        self._movers.update({line["ID"]: who for line in self._lines(number, record)[before:]})

    def _fields(self, number: int) -> dict[str, dict[str, Any]]:
        body = {"entityTypeId": number, "useOriginalUfNames": "Y"}
        return {
            str(one["title"]): {**one, "code": code}
            for code, one in self._as("1", "crm.item.fields", body)["fields"].items()
        }

    def _values(self, entity: str, values: Mapping[str, Typed]) -> dict[str, Any]:
        plans, number = self._map.entity(entity).field, self._number(entity)
        return dict(self._one(number, plans[name], value) for name, value in values.items())

    def _row(self, entity: str, table: str, values: Mapping[str, Typed]) -> dict[str, Any]:
        plans, number = self._map.entity(entity).table[table].field, self._table(entity, table)
        return dict(self._one(number, plans[name], value) for name, value in values.items())

    def _one(self, number: int, plan: FieldMap, value: Typed) -> tuple[str, Any]:
        if plan.system:
            if plan.type == "choice" and isinstance(value, str):
                return plan.system, value.upper()  # the CRM's own codes of a source are our words in capitals
            if plan.system == "phone":  # one more; a card that has none gets its first
                return "fm", {"n0": {"typeId": "PHONE", "valueType": "WORK", "value": value}}
            if isinstance(value, date):
                return plan.system, value.isoformat()
            name = CALLED_THERE.get(plan.system, plan.system)
            return name, value.id if isinstance(value, Card) else value or ""
        field = self._known[number][plan.label]
        wire: Any = value
        if value is None:
            wire = ""
        elif isinstance(value, bool):
            wire = "Y" if value else "N"
        elif isinstance(value, Card):
            wire = value.id
        elif isinstance(value, date):
            wire = value.isoformat()
        elif plan.type == "choice":
            label = plan.values.get(value, value)
            wire = next((str(item["ID"]) for item in field.get("items") or [] if item["VALUE"] == label), label)
        return str(field["code"]), wire

    def _write(self, method: str, number: int, by: str = "", **more: Any) -> Any:
        return self._as(by or self._anybody(), method, {**_wire(number), **more})

    def _item(self, number: int, record: str) -> dict[str, Any]:
        found: dict[str, Any] = self._as("1", "crm.item.get", {**_wire(number), "id": record})["item"]
        return found

    def _items(self, number: int, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            last = found[-1]["id"] if found else 0
            body = {
                "entityTypeId": number, "filter": {**filters, ">id": last}, "order": {"id": "ASC"}, "start": -1,
                "useOriginalUfNames": "Y", "select": ["*", "UF_*"],
            }  # fmt: skip
            page = self._as("1", "crm.item.list", body)["items"]
            found += page
            if len(page) < 50:
                return found

    def _as(self, who: str, method: str, params: Mapping[str, Any]) -> Any:
        answer = self._door("as-user", {"user": who, "method": method, "params": dict(params)})
        if "error" in answer:
            raise Unreachable(f"{method} {params}: {answer}")
        return answer["result"]

    def _door(self, name: str, body: Mapping[str, Any] | None) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        verb = "GET" if body is None else "POST"
        status, _shown, content, _cut = ask(
            self.application, verb, f"{ADDRESS}/sandbox/{name}", {"Content-Type": "application/json"}, raw
        )
        if status >= 400:
            raise Unreachable(f"sandbox door {name}: {status} {content[:300]!r}")
        return json.loads(content)


def _wire(number: int) -> dict[str, Any]:
    return {"entityTypeId": number, "useOriginalUfNames": "Y"}


def _portal_of(mapping: MappingSet) -> str:
    """The seeded portal that has the people the set speaks of: the first whose file names one of them."""
    reported = str(mapping.portal.plugin)
    for name in portal_names():
        data = tomllib.loads((PORTALS / f"{name.replace('-', '_')}.toml").read_text(encoding="utf-8"))
        names = {one["name"] for one in data["department"]} | {
            f"{one['name']} {one.get('last_name', '')}".strip() for one in data["user"]
        }
        if any(f"'{one}'" in reported for one in names):
            return name
    return portal_names()[0]
