"""A pocket portal for tests: a Transport over dictionaries, with the switches that the tests turn."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.planfix import connector
from kernel.errors import BadInput
from kernel.extension import Connection
from kernel.http import Answer, HttpClient, Vault
from kernel.mapping import load_set
from kernel.storage import Database

SET = Path(__file__).parents[3] / "mappings" / "exchange-desk-planfix"
SETTINGS = {
    "PLANFIX_URL": "https://desk.example.com/rest/",
    "PLANFIX_TOKEN": "token-of-the-robot",
    "PLANFIX_HOOK_SECRET": "a-secret-of-thirty-characters-",
}
STATUSES = ["Нове звернення", "Підтвердження оплати клієнта", "Підтвердження оплати партнера", "Закриття угоди", "Завершено",
            "Скасовано"]  # fmt: skip
TASK_FIELDS = {
    "Ім'я клієнта": 0, "Телефон клієнта": 0, "Email клієнта": 0, "Telegram клієнта": 0, "Менеджер": 11,
    "Наступний контакт": 3, "Партнер": 12, "На зберіганні": 7, "Зберігати до": 3, "Аналітика": 2, "Прибуток": 0,
    "Прибуток у валюті звіту": 0, "Залишок клієнта": 0, "Перевірка": 2, "Табло": 0, "Ключ Annex": 0,
}  # fmt: skip
CONTACT_FIELDS = {"Операції за місяць": 2, "Стан розрахунків": 2, "Ключ Annex": 0}
ROW_FIELDS = {
    6: {"Вид": 8, "Пара": 0, "Сума": 1, "Валюта суми": 0, "Курс клієнта": 0, "Курс партнера": 0, "Партнер": 12,
        "Комісія, %": 0, "Комісія, сума": 1, "Комісія мережі": 1, "Дата видачі": 3, "Коментар": 0, "Місце": 0, "Куди": 0,
        "Клієнт дає": 0, "Клієнт отримує": 0, "Партнер бере": 0, "Партнер дає": 0, "Прибуток": 0, "Ключ Annex": 0},
    7: {"Валюта": 0, "Сума": 1, "Зберігати до": 3, "Угода": 16, "Статус": 0, "Ключ Annex": 0},
}  # fmt: skip


class StillClock:
    """Time that only sleeping moves."""

    def __init__(self) -> None:
        self.at, self.slept = datetime(2026, 11, 21, 9, 0, tzinfo=UTC), []

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return self.at.timestamp()


class Portal:
    """Answers as the contract's samples do. `before` and `after` look at a request and may answer or raise."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.calls: list[tuple[str, str, Any]] = []
        self.queries: list[tuple[str, str]] = []
        self.fields: dict[str, list[dict[str, Any]]] = {
            "task": self._fields(11000, TASK_FIELDS),
            "contact": self._fields(10000, CONTACT_FIELDS),
            **{f"datatag/{tag}": self._fields(tag * 100, fields) for tag, fields in ROW_FIELDS.items()},
        }
        self.field_sets: dict[str, list[dict[str, Any]]] = {"task": [], "contact": []}
        self.objects = {4703: "Заявка", 4704: "Завдання"}
        self.statuses = [{"id": 201 + n, "name": name, "texts": []} for n, name in enumerate(STATUSES)]
        self.attached = {field["id"] for field in self.fields["task"]}
        self.detached: set[int] = set()  # written to, but dropped with success
        self.templates = {1: "Клієнт", 2: "Партнер"}
        self.tags = {6: "Операція", 7: "Зберігання"}
        self.users = [{"id": "user:3", "name": "Ігор", "lastname": "Бондар", "role": "User", "status": "Active"}]
        self.records: dict[str, dict[int, dict[str, Any]]] = {"task": {}, "contact": {}}
        self.rows: dict[int, dict[str, Any]] = {}
        self.comments: dict[int, dict[str, Any]] = {}
        self.queue: list[Callable[[], None]] = []  # changes a 202 has put off
        self.queued_for_reads = 0
        self.update_body: bytes = b'{"result":"success"}'
        self.entry_wrapper = True
        self.ignored_filters: set[int] = set()
        self.unknown_filters: set[int] = set()
        self.before: Callable[[str, str, Any], Answer | None] = lambda method, path, body: None
        self.after: Callable[[str, str, Any], None] = lambda method, path, body: None
        self._last = 15000

    @staticmethod
    def _fields(start: int, named: Mapping[str, int]) -> list[dict[str, Any]]:
        return [{"id": start + n, "name": name, "type": kind} for n, (name, kind) in enumerate(named.items(), 1)]

    def field(self, of: str, label: str) -> int:
        return next(field["id"] for field in self.fields[of] if field["name"] == label)

    # --- the doors of the tests -------------------------------------------------------------------------------------

    def connection(self, **settings: str) -> Connection:
        def http(base_url: str, *, rate_limit: Any = None, headers: Any = dict) -> HttpClient:
            return HttpClient("planfix", base_url, clock=self.clock, transport=self, headers=headers)

        vault = Vault("planfix/main", Database("sqlite://"), self.clock, b"secret")
        return Connection({**SETTINGS, **settings}, load_set(SET), http, self.clock, vault)

    def crm(self, **settings: str) -> Any:
        return connector.crm(self.connection(**settings))

    def task(self, *, custom: Mapping[str, Any] | None = None, **system: Any) -> int:
        self._last += 1
        self.records["task"][self._last] = {
            "id": self._last, "name": "Обмін", "status": self.statuses[0], "object": {"id": 4703},
            "dateTime": {"date": "20-11-2026", "time": "10:30", "dateTimeUtcSeconds": "2026-11-20T08:30:00+0000"},
            "custom": {self.field("task", label): value for label, value in (custom or {}).items()}, **system,
        }  # fmt: skip
        return self._last

    def contact(self, **system: Any) -> int:
        self._last += 1
        self.records["contact"][self._last] = {"id": self._last, "name": "Олена", "custom": {}, **system}
        return self._last

    def row(self, tag: int, kind: str, of: int, values: Mapping[str, Any]) -> int:
        self._last += 1
        custom = {self.field(f"datatag/{tag}", label): value for label, value in values.items()}
        self.rows[self._last] = {"key": self._last, "tag": tag, kind: {"id": of}, "custom": custom}
        return self._last

    def written(self) -> list[tuple[str, Any]]:
        """Paths and bodies of the writing calls."""
        return [(path, body) for method, path, body in self.calls if method == "POST" and not path.endswith("list")]

    # --- the portal -------------------------------------------------------------------------------------------------

    def __call__(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        assert headers["Authorization"] == "Bearer token-of-the-robot"
        path, _, query = url.removeprefix("https://desk.example.com/rest/").partition("?")
        sent = json.loads(body) if body else None
        self.calls.append((method, path, sent))
        self.queries.append((path, query))
        early = self.before(method, path, sent)
        if early is not None:
            return early
        wanted = (sent or {}).get("fields") or dict(p.split("=", 1) for p in query.split("&") if p).get("fields", "")
        answer = self._route(method, path, sent, wanted.replace("%2C", ",").split(","))
        self.after(method, path, sent)
        return answer

    def _route(self, method: str, path: str, sent: Any, wanted: list[str]) -> Answer:
        if method == "GET" or path.endswith("/list"):
            if self.queue and self.queued_for_reads <= 0:
                self.queue.pop(0)()
            self.queued_for_reads -= 1
        if path == "ping":
            return ok({}, headers={"X-RateLimit-Remaining": "19000"})
        if path == "object/list":
            return ok({"objects": paged(named(self.objects), sent)})
        if found := re.fullmatch(r"object/(\d+)", path):
            data = [{"field": f, "value": None} for f in self.fields["task"] if f["id"] in self.attached]
            return ok({"object": {"id": int(found[1]), "customFieldData": data}})
        if re.fullmatch(r"object/\d+/statuses", path):
            return ok({"statuses": self.statuses})
        if path in ("task/templates", "contact/templates"):
            return ok({"templates": named(self.objects if path[0] == "t" else self.templates)})
        if found := re.fullmatch(r"customfield/group/(task|contact)/?", path):
            if method == "POST":
                self._last += 1
                self.field_sets[found[1]].append({"id": self._last, "name": sent["name"]})
                return ok({"id": self._last}, 201)
            return ok({"customFieldSets": self.field_sets[found[1]]})
        if method == "POST" and (found := re.fullmatch(r"customfield/(task|contact)/", path)):
            self._last += 1
            self.fields[found[1]].append({"id": self._last, **sent})
            return ok({"id": self._last}, 201)
        if path.startswith("customfield/"):
            return ok({"customfields": self.fields[path.removeprefix("customfield/")]})
        if path == "datatag/list":
            return ok({"dataTags": paged(named(self.tags), sent)})
        if path == "user/list":
            return ok({"users": paged(self.users, sent)})
        if found := re.fullmatch(r"(task|contact)/list", path):
            return self._list(found[1], sent, wanted)
        if found := re.fullmatch(r"(task|contact)/", path):
            number = self.task(name="") if found[1] == "task" else self.contact(name="")
            self._write(self.records[found[1]][number], sent)
            return ok({"id": number}, 201)
        if found := re.fullmatch(r"(task|contact)/(\d+)", path):
            return self._record(found[1], int(found[2]), method, sent, wanted)
        if found := re.fullmatch(r"(task|contact)/(\d+)/datatags/", path):
            key = self.row(sent["dataTag"]["id"], found[1], int(found[2]), {})
            self._write(self.rows[key], sent["items"][0])
            return ok({"keys": [key], "commentId": 1}, 201)
        if found := re.fullmatch(r"datatag/(\d+)/entry/list", path):
            rows = [r for r in self.rows.values() if r["tag"] == int(found[1])]
            for kind in ("task", "contact"):
                if of := sent.get(f"{kind}Id"):
                    rows = [r for r in rows if r.get(kind, {}).get("id") == int(of)]
            rows = [r for r in rows if all(self._fits(r, c) for c in sent.get("filters", []) if c["type"] == 3108)]
            return ok({"dataTagEntries": [self._visible(r, wanted) for r in paged(rows, sent)]})
        if found := re.fullmatch(r"datatag/entry/(\d+)", path):
            row = self.rows.get(int(found[1]))
            if row is None:
                return fail(400, 6000, "Entry not found")
            if method == "POST":
                self._write(row, sent)
                return Answer(200, {}, b"")
            return ok({"entry": self._visible(row, wanted)} if self.entry_wrapper else self._visible(row, wanted))
        if found := re.fullmatch(r"(task|contact)/(\d+)/comments/", path):
            if int(found[2]) not in self.records[found[1]]:
                return fail(400, 5001, "Comment not added")
            self._last += 1
            text = re.sub(r"<!--.*?-->", "", sent["description"], flags=re.S).replace("\n", " ")
            self.comments[self._last] = {
                "id": self._last,
                "of": (found[1], int(found[2])),
                "description": text,
                "sent": sent,
            }
            return ok({"id": self._last}, 201)
        if found := re.fullmatch(r"(task|contact)/(\d+)/comments/list", path):
            if int(found[2]) not in self.records[found[1]]:
                return fail(500, 1000, "Task not found")
            mine = [c for c in self.comments.values() if c["of"] == (found[1], int(found[2]))]
            return ok({"comments": paged(mine[::-1], sent)})
        if found := re.fullmatch(r"comment/(\d+)", path):
            return ok({"comment": self.comments[int(found[1])]})
        return fail(404, 0, f"no such path {path}")

    def _record(self, kind: str, number: int, method: str, sent: Any, wanted: list[str]) -> Answer:
        record = self.records[kind].get(number)
        if method == "GET":
            if record is None:
                return fail(400, 0, "Task not found") if kind == "task" else fail(404, 2000, "Contact not found")
            return ok({kind: self._visible(record, wanted)})
        if record is None:
            return fail(404, 1000 if kind == "task" else 2000, "not found")
        if self.queued_for_reads > 0:
            self.queue.append(lambda: self._write(record, sent))
            return Answer(202, {}, b"")
        self._write(record, sent)
        return Answer(200, {}, self.update_body)

    def _write(self, record: dict[str, Any], sent: Any) -> None:
        for name, value in sent.items():
            if name == "customFieldData":
                for item in value:
                    if item["field"]["id"] not in self.detached:
                        record["custom"][item["field"]["id"]] = item["value"]
            elif name == "status":
                record["status"] = next(s for s in self.statuses if s["id"] == value["id"])
            elif name == "counterparty":
                record[name] = {**value, "name": "Хтось"} if value["id"] else None
            elif name == "phones":
                record[name] = [{**phone, "number": phone["number"].lstrip("+")} for phone in value]
            else:
                record[name] = value.lstrip("@") if name == "telegram" else value

    def _visible(self, record: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
        shown = {name: record[name] for name in wanted if record.get(name) is not None}
        types = {field["id"]: field for fields in self.fields.values() for field in fields}
        numbers = [int(word) for word in wanted if word.isdigit() and record["custom"].get(int(word)) not in (None, "")]
        data = [{"field": types[n], "value": record["custom"][n], "stringValue": "?"} for n in numbers if n in types]
        return {**shown, "customFieldData": data} if data else shown

    def _list(self, kind: str, sent: Any, wanted: list[str]) -> Answer:
        for one in sent.get("filters", []):
            if one["type"] in self.unknown_filters:
                return fail(500, 0, "Rest API error")
        found = [r for r in self.records[kind].values() if all(self._fits(r, one) for one in sent.get("filters", []))]
        return ok({f"{kind}s": [self._visible(r, wanted) for r in paged(found, sent)]})

    def _fits(self, record: dict[str, Any], one: dict[str, Any]) -> bool:
        number, value = one["type"], one["value"]
        if number in self.ignored_filters or number in (79, 38, 12):
            return True
        if number in (101, 4101, 3108):
            return str(record["custom"].get(one["field"], "")).casefold() == value.casefold()
        if number == 51:
            return record["object"]["id"] in (value if isinstance(value, list) else [value])
        if number in (57, 4231):
            return record["id"] in value
        if number in (8, 4001):
            return value.casefold() in f"{record.get('name', '')} {record.get('lastname', '')}".casefold()
        if number == 7:
            return (record.get("counterparty") or {}).get("id") == value
        if number == 4003:
            return any(value in phone["number"] for phone in record.get("phones", []))
        if number in (4026, 4005):
            return value.casefold() in record.get("email", "").casefold()
        if number == 4016:
            return (record.get("template") or {}).get("id") == value
        if number == 4226:
            return record.get("telegram", "").lower() == value
        raise BadInput(f"filter {number} is not imitated")


def ok(body: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, headers or {}, json.dumps({"result": "success", **body}).encode())


def fail(status: int, code: int, text: str, **more: Any) -> Answer:
    return Answer(status, {}, json.dumps({"result": "fail", "code": code, "error": text, **more}).encode())


def named(things: Mapping[int, str]) -> list[dict[str, Any]]:
    return [{"id": number, "name": name} for number, name in things.items()]


def paged(items: list[Any], sent: Any) -> list[Any]:
    start = sent.get("offset", 0)
    return items[start : start + min(sent.get("pageSize", 100), 100)]
