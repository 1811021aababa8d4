"""What a CRM's contract is run on: a portal with one small set, and the hands of its people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from kernel.crm import CRM, Ref
from kernel.mapping import EntityMap, ListMap

KINDS = {"buy": "Купівля", "sell": "Продаж"}
PARTS = (
    "people",
    "workdays",
    "history",
    "bin",
    "comments",
    "tasks",
    "activities",
    "lists",
    "files",
    "notices",
    "processes",
    "calls",
)


@dataclass(frozen=True)
class NewTask:
    """A task as somebody gives it to a colleague."""

    subject: str
    entity: str = ""  #: of what it is a task; nothing where that is empty
    record_id: str = ""
    person: str = ""  #: who is responsible; whoever the portal takes where that is empty
    due: date | None = None
    done: bool = False


@dataclass
class UnderTest:
    """A portal set up by `entities`, with nothing in it, and the hands of its people."""

    crm: CRM
    type_rate: Callable[[str, str], None]  #: somebody types that text where a number belongs: deal, text
    person: str  #: a member of staff whose working day is not begun, where the CRM keeps working days
    dismiss: Callable[[str], None]  #: somebody leaves
    delete: Callable[[str, str], None]  #: somebody deletes a record: entity, id
    take_out: Callable[[str], None]  #: somebody takes a deal out of what the set names, as into another pipeline
    comment: Callable[[str, str, str, Mapping[str, bytes]], str]
    """The same `person` comments a record: entity, id, text, files by name; the comment's id."""
    task: Callable[[NewTask], str]
    """Somebody gives a task; its id."""
    parts: tuple[str, ...] = ("people", "history")  #: the optional parts that this CRM has
    noticed: Callable[[str], list[str]] = lambda person: []  #: what somebody was told by notices, oldest first
    design: Callable[[str], str] = lambda name: ""
    """Somebody makes a process template of that name for deals, which asks `person`; its id."""
    plan: Callable[[str, tuple[tuple[str, str], ...], bool], str] = lambda subject, places, done: ""
    """Somebody plans an activity of that subject for these records (entity, id), and has done it or not; its id."""


def id_of(value: Any) -> str:
    assert isinstance(value, Ref), value
    return value.id


def entities(deal: Mapping[str, Any], contact: Mapping[str, Any], system: Mapping[str, str], rate: str) -> list[EntityMap]:
    """The one small set of the story, in the words of a portal: what a CRM under this contract has to be set up with."""

    def field(label: str, kind: str = "text", **more: Any) -> dict[str, Any]:
        return {"label": label, "type": kind, "write": True, **more}

    def own(word: str, kind: str = "text") -> dict[str, Any]:
        return {"system": system[word], "type": kind, "write": True}

    operation = {
        "kind": field("Вид", "choice", values=KINDS), "gives": field("Клієнт дає"), "amount": field("Сума", "decimal"),
        "issue": field("Дата видачі", "date"), "partner": field("Партнер", "contact"), "annex_key": field("Ключ Annex"),
    }  # fmt: skip
    fields = {
        "name": own("name"), "client": own("client", "contact"), "manager": field("Менеджер", "user"),
        "note": field("Аналітика"), "rate": field("Прибуток", rate), "due": field("Наступний контакт", "date"),
        "flag": field("На зберіганні", "bool"), "annex_key": field("Ключ Annex"),
    }  # fmt: skip
    person = {"name": own("person"), "phone": own("phone"), "email": own("email"), "annex_key": field("Ключ Annex")}
    stages = {
        "new": ("Нове звернення", ["paid", "cancelled"], ""), "paid": ("Підтвердження оплати клієнта", ["closed"], ""),
        "closed": ("Закриття угоди", [], "won"), "cancelled": ("Скасовано", [], "lost"),
    }  # fmt: skip
    pipeline = next(iter(deal.get("pipeline", {"": None})))
    return [
        EntityMap.model_validate({
            "entity": "deal", "key": "annex_key", "field": fields, **deal,
            "stage": {word: {"label": label, "next": after, "outcome": end, "pipeline": pipeline}
                      for word, (label, after, end) in stages.items()},
            "table": {"operation": {"label": "Операція", "key": "annex_key", "field": operation}},
        }),
        EntityMap.model_validate({"entity": "contact", "key": "annex_key", "field": person, **contact}),
    ]  # fmt: skip


def lists() -> dict[str, ListMap]:
    """The lists beside them, of a portal that has any."""
    fields = {"what": "text", "amount": "decimal", "since": "date", "at": "datetime"}
    made = {name: {"label": f"Поле {name}", "type": kind, "write": True} for name, kind in fields.items()}
    return {
        "positions": ListMap.model_validate({"name": "positions", "label": "Позиції", "link": ["contact"], "field": made})
    }
