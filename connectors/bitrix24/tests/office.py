"""An office for tests: the emulated portal, set up by hand as staff would, and the connector on top of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from connectors.bitrix24.crm import crm
from connectors.bitrix24.tests.pocket import a_vault
from kernel.clock import SystemClock
from kernel.extension import Connection
from kernel.http import Answer, HttpClient, RequestsTransport
from kernel.mapping import EntityMap, MappingSet, PortalMap
from sandbox.bitrix24.server import Options, Sandbox

TEXT = {"type": "text", "write": True}
KEY = {"label": "Ключ Annex", **TEXT}
SOURCES = {"site": "Веб-сайт", "call": "Звонок"}
KINDS = {"buy": "Покупка", "sell": "Продажа"}


def a_deal() -> EntityMap:
    return EntityMap.model_validate({
        "entity": "deal", "key": "annex_key",
        "pipeline": {"sales": {"label": "Продажи"}, "support": {"label": "Сопровождение"}},
        "stage": {
            "new": {"label": "Новая", "pipeline": "sales", "next": ["terms"]},
            "terms": {"label": "Условия", "also": ["Договор"], "pipeline": "sales"},
            "won": {"label": "Открыт", "pipeline": "sales", "outcome": "won"},
            "lost": {"label": "Отказ", "pipeline": "sales", "outcome": "lost"},
            "care": {"label": "На обслуживании", "pipeline": "support"},
            "left": {"label": "Ушёл", "pipeline": "support", "outcome": "lost"},
        },
        "field": {
            "name": {"system": "title", "title": "Название", "write": True},
            "manager": {"system": "assignedById", "type": "user", "write": True},
            "client": {"system": "contactIds", "type": "contact", "write": True},
            "source": {"system": "sourceId", "type": "choice", "values": SOURCES, "write": True},
            "amount": {"system": "opportunity", "type": "decimal", "write": True},
            "watchers": {"system": "observers", "type": "users", "write": True},
            "note": {"label": "Заметка", **TEXT},
            "rate": {"label": "Курс", "type": "decimal", "write": True},
            "weight": {"label": "Вес", "type": "decimal"},
            "due": {"label": "Срок", "type": "date", "write": True},
            "call_at": {"label": "Позвонить", "type": "datetime", "write": True},
            "vip": {"label": "Важный", "type": "bool", "write": True},
            "kind": {"label": "Вид", "type": "choice", "values": KINDS, "write": True},
            "partner": {"label": "Партнёр", "type": "contact", "write": True},
            "parent": {"label": "Прежняя сделка", "type": "deal", "write": True},
            "team": {"label": "Команда", "type": "users", "write": True},
            "maybe": {"label": "Необязательное", "required": False, "write": True},
            "annex_key": KEY,
        },
        "table": {"operation": {"label": "Операция", "key": "annex_key", "field": {
            "kind": {"label": "Вид операции", "type": "choice", "values": KINDS, "write": True},
            "gives": {"label": "Даёт", **TEXT},
            "amount": {"label": "Сумма", "type": "decimal", "write": True},
            "partner": {"label": "Партнёр", "type": "contact", "write": True},
            "annex_key": KEY,
        }}},
    })  # fmt: skip


def a_contact() -> EntityMap:
    return EntityMap.model_validate({
        "entity": "contact", "key": "annex_key",
        "field": {
            "name": {"system": "name", "write": True},
            "phone": {"system": "phone", "write": True},
            "email": {"system": "email", "write": True},
            "telegram": {"system": "telegram", "write": True},
            "annex_key": KEY,
        },
        "table": {"custody": {"label": "Хранение", "key": "annex_key", "field": {
            "amount": {"label": "Сумма", "type": "decimal", "write": True},
            "until": {"label": "Хранить до", "type": "date", "write": True},
            "annex_key": KEY,
        }}},
    })  # fmt: skip


def a_lead() -> EntityMap:
    return EntityMap.model_validate({
        "entity": "lead", "key": "annex_key",
        "stage": {
            "new": {"label": "Новый лид"},
            "work": {"label": "Обработан", "code": "PROCESSED"},
            "done": {"label": "Качественный", "outcome": "won"},
            "junk": {"label": "Некачественный", "outcome": "lost"},
        },
        "field": {
            "name": {"system": "title", "write": True},
            "phone": {"system": "phone", "write": True},
            "manager": {"system": "assignedById", "type": "user", "write": True},
            "annex_key": KEY,
        },
    })  # fmt: skip


def a_journal() -> EntityMap:
    return EntityMap.model_validate({
        "entity": "journal", "kind": "smart", "object": "Журнал", "key": "annex_key",
        "field": {"name": {"system": "title", "write": True}, "annex_key": KEY},
    })  # fmt: skip


def a_mapping() -> MappingSet:
    entities = {one.entity: one for one in (a_deal(), a_contact(), a_lead(), a_journal())}
    portal = PortalMap(connector="bitrix24", language="ru", time_zone="Europe/Moscow")
    return MappingSet("a-set", portal, entities)


class QuickClock(SystemClock):
    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 50)


@dataclass
class Wire:
    """Really sends, and remembers what; `cut` loses that many answers of calls whose path ends so, `instead` answers them
    itself."""

    sent: list[str] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)
    instead: dict[str, Answer] = field(default_factory=dict)
    real: RequestsTransport = field(default_factory=RequestsTransport)

    def __call__(self, method: str, url: str, **more: Any) -> Answer:
        name = url.rpartition("/")[2]
        self.sent.append(name)
        if name in self.instead:
            return self.instead[name]
        answer = self.real(method, url, **more)
        if self.cut.get(name):
            self.cut[name] -= 1
            raise requests.exceptions.ReadTimeout
        return answer


@dataclass
class Office:
    sandbox: Sandbox
    crm: Any
    wire: Wire
    connection: Connection
    numbers: dict[str, int] = field(default_factory=dict)

    def staff(self, method: str, params: Mapping[str, Any] | None = None, user: str = "") -> Any:
        """What people do in the product's own pages; without `user` the owner."""
        about = self.sandbox.about()
        base = next((one["base"] for one in about["accounts"] if one["id"] == user), about["base"])
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(f"{base}{method}", json=dict(params or {}), timeout=120).json()
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def item(self, entity_type: int, number: Any) -> dict[str, Any]:
        wanted = {"entityTypeId": entity_type, "id": number, "useOriginalUfNames": "Y"}
        return self.staff("crm.item.get", wanted)["item"]

    def fresh(self) -> Any:
        """The connector as another process would have it."""
        return crm(self.connection)


@contextmanager
def open_office(folder: Path, *, faults: tuple[tuple[str, Any], ...] = (), prepare: bool = True) -> Iterator[Office]:
    with Sandbox(Options(port=0, faults=(("plan", "off"), *faults))) as sandbox:
        settings = {"BITRIX24_URL": sandbox.address, "BITRIX24_WEBHOOK": "30/staff-30", "BITRIX24_PLAN": "box"}
        clock, wire = QuickClock(), Wire()

        def http(base_url: str, *, rate_limit: Any = None, headers: Any = dict) -> HttpClient:
            return HttpClient("bitrix24", base_url, clock=clock, transport=wire, headers=headers)

        connection = Connection(settings, a_mapping(), http, clock, a_vault(folder, clock), wire)
        office = Office(sandbox, crm(connection), wire, connection)
        if prepare:
            set_up(office)
        yield office


# --- what the set-up does ---------------------------------------------------------------------------------------------

TYPES = {"text": "string", "decimal": "string", "date": "date", "datetime": "datetime", "bool": "boolean",
         "choice": "enumeration", "contact": "crm", "deal": "crm", "user": "employee", "users": "employee"}  # fmt: skip


def set_up(office: Office) -> None:
    mapping = a_mapping()
    for label, stages in (
        ("Продажи", {"NEW": "Новая", "TERMS": "Условия", "WON": "Открыт", "LOSE": "Отказ"}),
        ("Сопровождение", {"NEW": "На обслуживании", "LOSE": "Ушёл"}),
    ):
        made = office.staff("crm.category.add", {"entityTypeId": 2, "fields": {"name": label, "sort": 100}})["category"]
        office.numbers[label] = made["id"]
        _stages(office, f"DEAL_STAGE_{made['id']}", stages)
    _stages(office, "STATUS", {"NEW": "Новый лид", "PROCESSED": "Обработан"})
    for name in ("deal", "contact", "lead"):
        for word, one in mapping.entities[name].field.items():
            if one.label and word not in ("maybe", "weight"):
                office.staff(f"crm.{name}.userfield.add", {"fields": _classic(word, one)})
    # A field that staff made themselves, as they do: with a code of its own, and a number.
    own = {"FIELD_NAME": "1700000000", "USER_TYPE_ID": "double", "LABEL": "Вес", "SETTINGS": {"PRECISION": 6}}
    office.staff("crm.deal.userfield.add", {"fields": own})
    _smart(office, "Журнал", 0, mapping.entities["journal"].field)
    _smart(office, "Операция", 2, mapping.entities["deal"].table["operation"].field)
    _smart(office, "Хранение", 3, mapping.entities["contact"].table["custody"].field)


def _stages(office: Office, entity: str, wanted: Mapping[str, str]) -> None:
    present = {raw["STATUS_ID"].rpartition(":")[2]: raw["ID"] for raw in
               office.staff("crm.status.list", {"filter": {"ENTITY_ID": entity}})}  # fmt: skip
    for sort, (code, name) in enumerate(wanted.items(), 1):
        if code in present:
            office.staff("crm.status.update", {"id": present[code], "fields": {"NAME": name}})
        else:
            fields = {"ENTITY_ID": entity, "STATUS_ID": code, "NAME": name, "SORT": 10 + sort}
            office.staff("crm.status.add", {"fields": fields})


def _classic(word: str, one: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"FIELD_NAME": word.upper(), "USER_TYPE_ID": TYPES[one.type], "LABEL": one.label}
    if one.type == "users":
        fields["MULTIPLE"] = "Y"
    if one.type == "choice":
        fields["LIST"] = [{"VALUE": label, "XML_ID": ours} for ours, label in one.values.items()]
    if one.type in ("contact", "deal"):
        fields["SETTINGS"] = {
            kind.upper(): "Y" if kind == one.type else "N" for kind in ("lead", "contact", "company", "deal")
        }
    return fields


def _smart(office: Office, title: str, parent: int, wanted: Mapping[str, Any]) -> None:
    links = [{"entityTypeId": parent, "isChildrenListEnabled": "Y"}] if parent else []
    fields = {"title": title, "isStagesEnabled": "N", "relations": {"parent": links, "child": []}}
    made = office.staff("crm.type.add", {"fields": fields})["type"]
    office.numbers[title] = made["entityTypeId"]
    owner = f"CRM_{made['id']}"
    for word, one in wanted.items():
        if not one.label:
            continue
        classic = _classic(word, one)
        config: dict[str, Any] = {
            "entityId": owner, "fieldName": f"UF_{owner}_{word.upper()}", "userTypeId": classic["USER_TYPE_ID"],
            "editFormLabel": {"ru": one.label}, "settings": classic.get("SETTINGS", {}),
        }  # fmt: skip
        if one.type == "choice":
            config["enum"] = [{"value": label, "xmlId": ours} for ours, label in one.values.items()]
        office.staff("userfieldconfig.add", {"moduleId": "crm", "field": config})
