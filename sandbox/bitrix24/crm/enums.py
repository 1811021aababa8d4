"""Small fixed lists: crm.enum.*, crm.currency.*, crm.multifield.fields, crm.settings.mode.get."""

from __future__ import annotations

from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.crm.store import crm
from sandbox.bitrix24.registry import Call, Listed, RestError, method

OWNERS = (
    (1, "Лид", "LEAD", "L"), (2, "Сделка", "DEAL", "D"), (3, "Контакт", "CONTACT", "C"), (4, "Компания", "COMPANY", "CO"),
    (5, "Счёт (старый)", "INVOICE", "I"), (7, "Предложение", "QUOTE", "Q"), (8, "Реквизиты", "REQUISITE", "RQ"),
    (31, "Счёт", "SMART_INVOICE", "SI"), (36, "Документ", "SMART_DOCUMENT", "DO"),
)  # fmt: skip
LISTS: dict[str, tuple[tuple[int, str], ...]] = {
    "activitytype": ((1, "Встреча"), (2, "Звонок"), (3, "Задача"), (4, "Письмо"),
                     (5, "Действие"), (6, "Пользовательское действие")),
    "activitypriority": ((1, "Низкая"), (2, "Нормальная"), (3, "Высокая")),
    "activitydirection": ((1, "Входящее"), (2, "Исходящее")),
    "activitystatus": ((1, "Ожидается"), (2, "Завершено")),
    "activitynotifytype": ((0, ""), (1, "минут"), (2, "часов"), (3, "дней")),
    "contenttype": ((1, "Plain text"), (2, "bbCode"), (3, "HTML")),
    "addresstype": ((1, "Фактический адрес"), (4, "Адрес регистрации"), (6, "Юридический адрес"),
                    (8, "Адрес для корреспонденции"), (9, "Адрес бенефициара"), (11, "Адрес доставки")),
    "settings.mode": ((1, "Классическая CRM"), (2, "Простая CRM")),
}  # fmt: skip
CURRENCIES = (
    ("RUB", "1.0000", "Y", "Российский рубль"),
    ("USD", "80.0000", "N", "Доллар США"),
    ("EUR", "90.0000", "N", "Евро"),
)


def _row(ident: int, name: str, code: str | None = None, short: str | None = None) -> dict[str, Any]:
    return {"ID": ident, "NAME": name, "SYMBOL_CODE": code, "SYMBOL_CODE_SHORT": short}


@method("crm.enum.ownertype", scope="crm")
def owner_types(call: Call) -> list[dict[str, Any]]:
    own = [_row(k.type_id, k.title, k.code, k.short) for k in crm(call.portal).kinds.values() if k.dynamic]
    return [_row(*owner) for owner in OWNERS] + own


def _register() -> None:
    for name, rows in LISTS.items():

        def run(call: Call, shown: tuple[tuple[int, str], ...] = rows) -> list[dict[str, Any]]:
            return [_row(*row) for row in shown]

        method(f"crm.enum.{name}", scope="crm")(run)


_register()


@method("crm.enum.fields", scope="crm")
def enum_fields(call: Call) -> dict[str, Any]:
    return {
        name: {"type": "integer" if name == "ID" else "string", "isRequired": False, "isReadOnly": True,
               "isImmutable": False, "isMultiple": False, "isDynamic": False, "title": name}
        for name in ("ID", "NAME", "SYMBOL_CODE", "SYMBOL_CODE_SHORT")
    }  # fmt: skip


@method("crm.settings.mode.get", scope="crm")
def mode(call: Call) -> int:
    return 1


def _currency(code: str, amount: str, base: str, name: str, number: int) -> dict[str, Any]:
    return {
        "CURRENCY": code, "AMOUNT_CNT": "1", "AMOUNT": amount, "SORT": str(number * 100), "BASE": base, "FULL_NAME": name,
        "LID": "ru", "FORMAT_STRING": f"# {code}", "DEC_POINT": ".", "THOUSANDS_SEP": " ", "DECIMALS": "2",
        "DATE_UPDATE": None,
    }  # fmt: skip


@method("crm.currency.list", scope="crm")
def currencies(call: Call) -> Listed:
    rows = [_currency(*row, number) for number, row in enumerate(CURRENCIES, 1)]
    rows = filters.order(rows, formats.mapping(call.get("order"), "order"))
    return Listed(rows, len(rows))


@method("crm.currency.base.get", scope="crm")
def base(call: Call) -> str:
    return "RUB"


@method("crm.currency.get", scope="crm")
def currency(call: Call) -> dict[str, Any]:
    for number, row in enumerate(CURRENCIES, 1):
        if row[0] == call.get("id"):
            return _currency(*row, number)
    raise RestError(400, "", "Not found")
