"""The numbers of Planfix' field types (SPEC, «CustomField») and what staff call them."""

from __future__ import annotations

from collections.abc import Mapping

LINE, NUMBER, TEXT, DATE, TIME, MOMENT, FLAG, LIST, ENTRY = 0, 1, 2, 3, 4, 5, 7, 8, 9
CONTACT, EMPLOYEE, COUNTERPARTY, ANYBODY, USERS, ENTRIES, TASK, TASKS, SET = 10, 11, 12, 13, 14, 15, 16, 17, 20
COMPUTED = frozenset({23, 24, 26, 27, 29})
TITLES: Mapping[int, str] = {
    LINE: "Рядок", NUMBER: "Число", TEXT: "Текст", DATE: "Дата", TIME: "Час", MOMENT: "Дата і час", 6: "Період часу",
    FLAG: "Чекбокс", LIST: "Список", ENTRY: "Запис довідника", CONTACT: "Контакт", EMPLOYEE: "Співробітник",
    COUNTERPARTY: "Контрагент", ANYBODY: "Група, співробітник або контакт", USERS: "Список користувачів",
    ENTRIES: "Набір значень довідника", TASK: "Завдання", TASKS: "Набір завдань", SET: "Набір значень", 21: "Файли",
    22: "Проєкт", 23: "Підсумки аналітик", 24: "Обчислюване поле", 26: "Підсумок підзавдань", 29: "Підсумки",
}  # fmt: skip
