"""Texts of scripts: variables `{{…}}` and formulas `%%%…%%%` (contract 5)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sandbox.planfix import dates, showing
from sandbox.planfix.model import Contact, Row, Task
from sandbox.planfix.state import Portal

VARIABLE = re.compile(r"\{\{(.+?)\}\}")
FORMULA = re.compile(r"%%%(.*?)%%%", re.DOTALL)
PART = re.compile(r'"([^"]*)"|([^.]+)')


@dataclass
class Scope:
    """What variables of one run can see: the task NOW, who caused it, own variables, parsed answers."""

    portal: Portal
    task: int
    author: str
    comment: int = 0
    row: int = 0
    contact: int = 0
    variables: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, Any] = field(default_factory=dict)


def render(text: str, scope: Scope, url: bool = False) -> str:
    """Fill in a text. In a URL variables are encoded, unless they stand inside `%%%…%%%` (contract 5)."""

    def variable(found: re.Match[str]) -> str:
        value = format_value(lookup(found.group(1), scope))
        return quote(value, safe="") if url else value

    parts = []
    position = 0
    for found in FORMULA.finditer(text):
        parts.append(VARIABLE.sub(variable, text[position : found.start()]))
        parts.append(format_value(Formula(found.group(1), scope).value()))
        position = found.end()
    parts.append(VARIABLE.sub(variable, text[position:]))
    return "".join(parts)


def format_value(value: Any) -> str:
    """A value as text; a list becomes `["A", "B"]` with nothing escaped around it (checklist 25)."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return str(value)


def lookup(path: str, scope: Scope) -> Any:
    """The value of a variable; one that does not exist, or no longer, is silently empty."""
    path = path.partition("::")[0].strip()
    head, *rest = [quoted or plain.strip() for quoted, plain in PART.findall(path)] or [""]
    portal = scope.portal
    task = portal.tasks.get(scope.task)
    if path.strip() == "Автор изменения":
        return portal.person_name(scope.author)
    if head == "Автор изменения":
        return scope.author.partition(":")[2] if portal.faults.on("author_id") else None
    if head == "Переменная":
        return scope.variables.get(".".join(rest))
    if head == "Инфоблок":
        return scope.blocks.get(".".join(rest))
    if head == "Системные":
        return _system(portal, rest)
    if head == "Задача" and task and rest:
        return _of_task(portal, task, rest)
    if head == "Контакт" and scope.contact in portal.contacts and rest:
        return _of_contact(portal, portal.contacts[scope.contact], rest)
    if head == "Комментарий" and scope.comment in portal.comments:
        comment = portal.comments[scope.comment]
        text = re.sub(r"<br\s*/?>|</p>", "\n", comment.description)
        plain = re.sub(r"<[^>]+>", "", text).strip()
        values = {"Текст": plain, "Номер": comment.id, "Автор": portal.person_name(comment.owner)}
        values["JSON"] = json.dumps({"id": comment.id, "text": plain, "author": comment.owner}, ensure_ascii=False)
        return values.get(rest[0]) if rest else None
    if head == "Аналитика" and len(rest) == 2:
        return _of_rows(portal, scope, rest[0], rest[1])
    return None


def _system(portal: Portal, rest: list[str]) -> Any:
    now = portal.clock.now().astimezone(dates.zone(portal.robot().zone))
    return {"Сегодня": now.strftime("%d-%m-%Y"), "Сейчас": now.strftime("%d-%m-%Y %H:%M")}.get(rest[0] if rest else "")


def _of_task(portal: Portal, task: Task, rest: list[str]) -> Any:
    name, more = rest[0], rest[1:]
    status = portal.statuses.get(task.status)
    if name == "Контрагент":
        number = int(task.counterparty[8:]) if task.counterparty.startswith("contact:") else 0
        contact = portal.contacts.get(number)
        return _of_contact(portal, contact, more) if contact else None
    if name == "Статус":
        return task.status if more else status.name if status else None
    if name in ("Шаблон", "Объект"):
        return task.object if more else portal.objects[task.object].name
    plain: dict[str, Callable[[], Any]] = {
        "Номер": lambda: task.id,
        "Идентификатор": lambda: task.id + 1_000_000,  # the inner id of the old XML API, never the one of REST
        "Название": lambda: task.name,
        "Описание": lambda: task.description,
        "Постановщик": lambda: portal.person_name(task.assigner),
        "Исполнители": lambda: [portal.person_name(ident) for ident in task.assignees.users],
    }
    if name in plain:
        return plain[name]()
    return _custom(portal, "task", task.object, task.values, name, showing.totals(portal, "task", task.object, task=task.id))


def _of_contact(portal: Portal, contact: Contact, rest: list[str]) -> Any:
    if not rest:
        return contact.full_name
    plain = {
        "Номер": contact.id, "Имя": contact.name, "Фамилия": contact.lastname, "Email": contact.plain.get("email"),
        "Телефоны списком": [phone["number"] for phone in contact.phones],
    }  # fmt: skip
    if rest[0] in plain:
        return plain[rest[0]]
    sums = showing.totals(portal, "contact", contact.template, contact=contact.id)
    return _custom(portal, "contact", contact.template, contact.values, rest[0], sums)


def _of_rows(portal: Portal, scope: Scope, tag_name: str, label: str) -> Any:
    """The row that fired, or all values of the column when no single row did."""
    tag = next((t.id for t in portal.tags.values() if t.name == tag_name), 0)
    rows: list[Row] = (
        [portal.rows[scope.row]] if scope.row in portal.rows else list(portal.rows_of(task=scope.task, tag=tag))
    )
    values = [_custom(portal, "datatag", tag, row.values, label, {}) for row in rows if row.tag == tag]
    return values[0] if len(values) == 1 else [value for value in values if value is not None]


def _custom(portal: Portal, kind: str, owner: int, values: dict[int, Any], label: str, sums: dict[int, float]) -> Any:
    number = portal.field_by_label(kind, owner, label)
    if not number:
        return None
    definition = portal.fields[kind][number]
    stored = sums.get(number) if definition.type == 23 else values.get(number)
    if stored is None:
        return None
    return stored if isinstance(stored, list) else showing.emit(portal, definition, stored, portal.robot())[1]


# -- formulas


def _hmac(digest: str) -> Callable[[str, str], str]:
    return lambda value, key: hmac.new(key.encode(), value.encode(), digest).hexdigest()


FUNCTIONS: dict[str, Callable[..., str]] = {
    "HMACSHA256": _hmac("sha256"),
    "HMACMD5": _hmac("md5"),
    "SHA256": lambda value: hashlib.sha256(value.encode()).hexdigest(),
    "MD5": lambda value: hashlib.md5(value.encode(), usedforsecurity=False).hexdigest(),
    "GUID": lambda: str(uuid.uuid4()),
    "BASE64ENCODE": lambda value: base64.b64encode(value.encode()).decode(),
    "ENCODEURL": lambda value: quote(value, safe=""),
}
TOKEN = re.compile(r'\s*(?:"((?:[^"]|"")*)"|(\{\{.+?\}\})|([A-Za-z_][A-Za-z0-9_]*)|([+;()])|([0-9.]+))')


class Formula:
    """`F(a; b)`, `"text"`, `{{variable}}`, joined by `+`; what cannot be read gives an empty text."""

    def __init__(self, text: str, scope: Scope) -> None:
        self._scope = scope
        self._tokens = list(TOKEN.finditer(text))
        self._at = 0

    def value(self) -> Any:
        try:
            return self._sum()
        except (ValueError, TypeError, KeyError):
            return ""

    def _peek(self) -> str:
        return (self._tokens[self._at].group(4) or "") if self._at < len(self._tokens) else ""

    def _sum(self) -> Any:
        value = self._term()
        while self._peek() == "+":
            self._at += 1
            value = format_value(value) + format_value(self._term())
        return value

    def _term(self) -> Any:
        if self._at >= len(self._tokens):
            raise ValueError("formula ends early")
        quoted, variable, name, _, number = self._tokens[self._at].groups()
        self._at += 1
        if quoted is not None:
            return quoted.replace('""', '"')
        if variable:
            return lookup(variable[2:-2], self._scope)
        if number:
            return number
        if name and self._peek() == "(":
            return self._call(name.upper())
        raise ValueError("not a term")

    def _call(self, name: str) -> Any:
        self._at += 1
        arguments = []
        while self._peek() != ")":
            arguments.append(self._sum())
            if self._peek() == ";":
                self._at += 1
            elif self._peek() != ")":
                raise ValueError("expected ; or )")
        self._at += 1
        if name == "JSONARRAY":
            value = arguments[0]
            return json.dumps(value if isinstance(value, list) else [format_value(value)], ensure_ascii=False)
        return FUNCTIONS[name](*(format_value(argument) for argument in arguments))
