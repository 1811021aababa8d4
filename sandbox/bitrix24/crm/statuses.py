"""Stages and other lists of the CRM: crm.status.*."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.crm.rights import admin_only
from sandbox.bitrix24.crm.store import DEAL, LEAD, crm
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal

PROCESS, SUCCESS, FAILURE = "P", "S", "F"
STAGE = re.compile(r"^(?:DEAL_STAGE(?:_(\d+))?|STATUS|DYNAMIC_(\d+)_STAGE_(\d+))$")
CODE_MAX = {"DEAL_STAGE": 22, "STATUS": 21}
BLUE, GREEN, RED = "#39A8EF", "#7BD500", "#FF5752"


@dataclass(eq=False)
class Status:
    id: int
    entity_id: str
    status_id: str
    name: str
    sort: int
    semantics: str = PROCESS
    system: bool = False
    color: str = ""
    failure: str = "failure"  #: the first failure stage is `failure`, the others `apology`


@dataclass
class Statuses:
    rows: dict[int, Status] = field(default_factory=dict)
    by_entity: dict[str, list[Status]] = field(default_factory=dict)  #: sorted as the portal shows them

    def add(self, row: Status) -> None:
        self.rows[row.id] = row
        self.by_entity.setdefault(row.entity_id, []).append(row)
        self.sort(row.entity_id)

    def sort(self, entity_id: str) -> None:
        self.by_entity[entity_id].sort(key=lambda row: (row.sort, row.id))

    def remove(self, row: Status) -> None:
        del self.rows[row.id]
        self.by_entity[row.entity_id].remove(row)


DEAL_STAGES = (
    ("NEW", "Новая", "P", True, BLUE), ("PREPARATION", "Подготовка документов", "P", False, "#2FC6F6"),
    ("PREPAYMENT_INVOICE", "Cчёт на предоплату", "P", False, "#55D0E0"), ("EXECUTING", "В работе", "P", False, "#47E4C2"),
    ("FINAL_INVOICE", "Финальный счёт", "P", False, "#FFA900"), ("WON", "Сделка успешна", "S", True, GREEN),
    ("LOSE", "Сделка провалена", "F", True, RED), ("APOLOGY", "Анализ причины провала", "F", False, RED),
)  # fmt: skip
LEAD_STAGES = (
    ("NEW", "Не обработан", "P", True, BLUE), ("IN_PROCESS", "В работе", "P", False, "#2FC6F6"),
    ("PROCESSED", "Обработан", "P", False, "#55D0E0"), ("CONVERTED", "Качественный лид", "S", True, GREEN),
    ("JUNK", "Некачественный лид", "F", True, RED),
)  # fmt: skip
DYNAMIC_STAGES = (
    ("NEW", "Начало", "P", True, BLUE), ("PREPARATION", "Подготовка", "P", False, "#2FC6F6"),
    ("CLIENT", "На согласовании", "P", False, "#55D0E0"), ("SUCCESS", "Успех", "S", True, GREEN),
    ("FAIL", "Провал", "F", True, RED),
)  # fmt: skip
LISTS = {
    "SOURCE": "CALL Звонок|EMAIL Электронная почта|WEB Веб-сайт|ADVERTISING Реклама|PARTNER Существующий клиент|"
    "RECOMMENDATION По рекомендации|TRADE_SHOW Выставка|WEBFORM CRM-форма|CALLBACK Обратный звонок|"
    "RC_GENERATOR Генератор продаж|STORE Интернет-магазин|OTHER Другое",
    "DEAL_TYPE": "SALE Продажа|COMPLEX Комплексная продажа|GOODS Продажа товара|SERVICES Услуги|"
    "SERVICE Сервисное обслуживание",
    "CONTACT_TYPE": "CLIENT Клиенты|SUPPLIER Поставщики|PARTNER Партнёры|OTHER Другое",
    "COMPANY_TYPE": "CUSTOMER Клиент|SUPPLIER Поставщик|COMPETITOR Конкурент|PARTNER Партнёр|OTHER Другое",
    "INDUSTRY": "IT Информационные технологии|FINANCE Финансы|OTHER Другое",
    "EMPLOYEES": "EMPLOYEES_1 менее 50|EMPLOYEES_2 50-250|EMPLOYEES_3 250-500|EMPLOYEES_4 более 500",
    "HONORIFIC": "HNR_RU_1 г-н|HNR_RU_2 г-жа",
    "CALL_LIST": "IN_WORK В работе|SUCCESS Успешно|WRONG_NUMBER Неверный номер|STOP_CALLING Больше не звонить",
}


def statuses(portal: Portal) -> Statuses:
    """All stages and lists, with what every new portal has."""
    area = portal.area(Statuses)
    if not area.rows:
        add_stages(portal, "STATUS", LEAD_STAGES)
        add_stages(portal, "DEAL_STAGE", DEAL_STAGES)
        for entity, text in LISTS.items():
            for number, part in enumerate(text.split("|"), 1):
                code, _, name = part.partition(" ")
                area.add(Status(portal.next_id("status"), entity, code, name, number * 10, "", number == 1))
    return area


def add_stages(portal: Portal, entity: str, stages: tuple[tuple[str, str, str, bool, str], ...]) -> None:
    """The stages a new pipeline starts with."""
    area, start = portal.area(Statuses), prefix(entity)
    failed = False
    for number, (code, name, semantics, system, color) in enumerate(stages, 1):
        row = Status(portal.next_id("status"), entity, start + code, name, number * 10, semantics, system, color)
        if semantics == FAILURE:
            row.failure = "apology" if failed else "failure"
            failed = True
        area.add(row)


def entity_of(type_id: int, category: int | None) -> str:
    """`DEAL_STAGE_3`, `STATUS`, `DYNAMIC_1040_STAGE_12`."""
    if type_id == LEAD:
        return "STATUS"
    if type_id == DEAL:
        return f"DEAL_STAGE_{category}" if category else "DEAL_STAGE"
    return f"DYNAMIC_{type_id}_STAGE_{category}"


def prefix(entity: str) -> str:
    """What stands before every code of a pipeline: `C3:`, `DT1040_12:`, nothing."""
    found = STAGE.match(entity)
    if not found:
        return ""
    deal, dynamic, category = found.groups()
    return f"C{deal}:" if deal else f"DT{dynamic}_{category}:" if dynamic else ""


def stages(portal: Portal, type_id: int, category: int | None) -> list[Status]:
    return statuses(portal).by_entity.get(entity_of(type_id, category), [])


def stage(portal: Portal, type_id: int, category: int | None, code: str) -> Status | None:
    return next((row for row in stages(portal, type_id, category) if row.status_id == code), None)


def drop(portal: Portal, entity: str) -> None:
    """A pipeline is gone with its stages."""
    for row in list(statuses(portal).by_entity.get(entity, [])):
        statuses(portal).remove(row)


def _owner(entity: str) -> tuple[int, int] | None:
    """entityTypeId and category of a pipeline's entity; None for other lists."""
    found = STAGE.match(entity)
    if not found:
        return None
    deal, dynamic, category = found.groups()
    if dynamic:
        return int(dynamic), int(category)
    return (LEAD, 0) if entity == "STATUS" else (DEAL, int(deal or 0))


def _shown(row: Status) -> dict[str, Any]:
    owner = _owner(row.entity_id)
    semantics = None if row.semantics in (PROCESS, "") else row.semantics
    record: dict[str, Any] = {
        "ID": str(row.id), "ENTITY_ID": row.entity_id, "STATUS_ID": row.status_id, "NAME": row.name,
        "NAME_INIT": row.name if row.system and not owner else "", "SORT": str(row.sort), "SYSTEM": formats.yn(row.system),
        "CATEGORY_ID": str(owner[1]) if owner and owner[1] else None, "COLOR": row.color or None, "SEMANTICS": semantics,
    }  # fmt: skip
    if owner:
        word = {PROCESS: "process", SUCCESS: "success"}.get(row.semantics, row.failure)
        record["EXTRA"] = {"SEMANTICS": word, "COLOR": row.color}
    return record


def _by_id(call: Call) -> Status:
    number = formats.integer(call.get("id"))
    if number is None or number <= 0:
        raise RestError(400, "Invalid identifier.", "An invalid identifier was passed.")
    row = statuses(call.portal).rows.get(number)
    if row is None:
        raise RestError(400, "Status is not found.", "Status is not found.")
    return row


@method("crm.status.list", scope="crm")
def listing(call: Call) -> Listed:
    area = statuses(call.portal)
    rows = [_shown(row) for rows in area.by_entity.values() for row in rows]
    found = filters.select(rows, formats.mapping(call.get("filter"), "filter"), call.portal.zone)
    found = filters.order(found, formats.mapping(call.get("order"), "order") or {"ID": "ASC"})
    return Listed(found, len(found))


@method("crm.status.get", scope="crm")
def get(call: Call) -> dict[str, Any]:
    return _shown(_by_id(call))


@method("crm.status.entity.items", scope="crm")
def entity_items(call: Call) -> list[dict[str, Any]]:
    rows = statuses(call.portal).by_entity.get(str(call.get("entityId") or ""), [])
    return [
        {"ID": str(r.id), "NAME": r.name, "SORT": r.sort, "STATUS_ID": r.status_id}
        | ({"SEMANTICS": r.semantics} if r.semantics in (SUCCESS, FAILURE) else {})
        for r in rows
    ]


@method("crm.status.entity.types", scope="crm")
def entity_types(call: Call) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for entity, rows in statuses(call.portal).by_entity.items():
        owner = _owner(entity)
        if not owner:
            found.append({"ID": entity, "NAME": entity})
            continue
        info = {
            "START_FIELD": rows[0].status_id if rows else "",
            "FINAL_SUCCESS_FIELD": next((r.status_id for r in rows if r.semantics == SUCCESS), ""),
            "FINAL_UNSUCCESS_FIELD": next((r.status_id for r in rows if r.semantics == FAILURE), ""),
            "FINAL_SORT": next((r.sort for r in rows if r.semantics == SUCCESS), 0),
        }
        row = {"ID": entity, "NAME": entity, "SEMANTIC_INFO": info, "ENTITY_TYPE_ID": owner[0]}
        if prefix(entity):
            row |= {"PREFIX": prefix(entity).rstrip(":"), "CATEGORY_ID": owner[1]}
        found.append(row)
    return found


@method("crm.status.fields", scope="crm")
def fields(call: Call) -> dict[str, Any]:
    table = (
        ("ID", "integer", "r"), ("ENTITY_ID", "string", "qi"), ("STATUS_ID", "string", "qi"), ("SORT", "integer", ""),
        ("NAME", "string", "q"), ("NAME_INIT", "string", "r"), ("SYSTEM", "char", "r"), ("CATEGORY_ID", "integer", "i"),
        ("COLOR", "string", ""), ("SEMANTICS", "char", "i"), ("EXTRA", "crm_status_extra", ""),
    )  # fmt: skip
    return {
        name: {
            "type": kind, "isRequired": "q" in marks, "isReadOnly": "r" in marks, "isImmutable": "i" in marks,
            "isMultiple": False, "isDynamic": False, "title": name,
        }
        for name, kind, marks in table
    }  # fmt: skip


@method("crm.status.add", scope="crm")
def add(call: Call) -> int:
    admin_only(call)
    values = formats.mapping(call.get("fields"), "fields")
    area, entity, code = statuses(call.portal), str(values.get("ENTITY_ID") or ""), str(values.get("STATUS_ID") or "")
    if entity not in area.by_entity:
        raise RestError(400, "", "Specified entity type is not supported.")
    if not code:
        raise RestError(400, "", "The field STATUS_ID is required.")
    if not values.get("NAME"):
        raise RestError(400, "", "The field Title is required.")
    start = prefix(entity)
    code = code if code.startswith(start) else start + code
    if len(code) > CODE_MAX.get(entity.partition("_STAGE")[0] + "_STAGE" if "STAGE" in entity else entity, 50):
        raise RestError(400, "ERROR_CORE", "The specified status ID is too long.")
    rows = area.by_entity[entity]
    if any(row.status_id == code for row in rows):
        raise RestError(400, "ERROR_CORE", "The specified status ID already exists.")
    row = _new(call.portal, entity, code, values)
    area.add(row)
    return row.id


def _tree(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _new(portal: Portal, entity: str, code: str, values: dict[str, Any]) -> Status:
    rows = statuses(portal).by_entity[entity]
    extra = _tree(values.get("EXTRA"))
    word = str(values.get("SEMANTICS") or extra.get("SEMANTICS") or "").lower()
    semantics = {"s": SUCCESS, "success": SUCCESS, "f": FAILURE, "failure": FAILURE, "apology": FAILURE}.get(word, PROCESS)
    owner = _owner(entity)
    sort = formats.integer(values.get("SORT"))
    if owner:
        final = next((row.sort for row in rows if row.semantics == SUCCESS), None)
        if final is not None and (semantics == SUCCESS or (semantics == PROCESS and sort is not None and sort > final)):
            raise RestError(400, "", (
                "Cannot create more stages after the final stage because the final successful stage already exists. "
                "Try using sort order values less than that of the final stage."
            ))  # fmt: skip
        if sort is None:
            last = [row.sort for row in rows if row.semantics == semantics]
            sort = max(last) + (0 if semantics == PROCESS else 10) if last else 10
    color = str(values.get("COLOR") or extra.get("COLOR") or (RED if semantics == FAILURE else BLUE if owner else ""))
    row = Status(portal.next_id("status"), entity, code, str(values["NAME"]), sort or 10, semantics if owner else "")
    row.color, row.failure = color, "apology" if any(r.semantics == FAILURE for r in rows) else "failure"
    return row


@method("crm.status.update", scope="crm")
def update(call: Call) -> bool:
    admin_only(call)
    row, values = _by_id(call), formats.mapping(call.get("fields"), "fields")
    row.name = str(values.get("NAME") or row.name)
    sort = formats.integer(values.get("SORT"))
    row.sort = row.sort if sort is None else sort
    extra = _tree(values.get("EXTRA"))
    row.color = str(values.get("COLOR") or extra.get("COLOR") or row.color)
    statuses(call.portal).sort(row.entity_id)
    return True


@method("crm.status.delete", scope="crm")
def delete(call: Call) -> bool:
    admin_only(call)
    row = _by_id(call)
    forced = formats.flag(formats.mapping(call.get("params"), "params").get("FORCED"))
    if row.system and not forced:
        text = 'CRM System Status can be deleted only if parameter FORCED is specified and equal to "Y".'
        raise RestError(400, text, text)
    owner = _owner(row.entity_id)
    if owner and row.semantics in (SUCCESS, FAILURE) and row.system:
        raise RestError(400, "Error on deleting status.", "Error on deleting status.")
    kind = crm(call.portal).kinds.get(owner[0]) if owner else None
    if kind and call.portal.faults.word("stage_delete") == "refuse" and any(
        record.get(kind.stage) == row.status_id for record in kind.records.values()
    ):  # fmt: skip
        raise RestError(400, "There are active items in this status.", "There are active items in this status.")
    statuses(call.portal).remove(row)
    return True
