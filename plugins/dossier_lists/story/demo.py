"""What the dossier showed lies in the lists of the CRM: in the end row for row as the back office's book has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from kernel.testing.demo import DemoStory, Desk, Result

BACK_OFFICE = "broker"  #: the connection's name in the set
EVERY_SECONDS = 61  #: a list of one client is brought up to date once a minute
#: label of the list -> rows of the book, and the columns that both have
LISTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "Позиция: деньги": (
        "position_cash",
        {"Договор": "contract", "Рынок": "market", "Валюта": "currency", "Сумма": "balance", "Заблокировано": "blocked",
         "Доступно": "available"},
    ),
    "Позиция: ценные бумаги": (
        "position_securities",
        {"Договор": "contract", "ISIN": "isin", "Количество": "quantity", "Цена": "price", "Стоимость": "value",
         "Валюта": "currency"},
    ),
    "Платные услуги": (
        "services", {"Услуга": "name", "Стоимость": "fee", "Валюта": "currency"},
    ),
    "Заявки на вывод: деньги": (
        "withdrawals",
        {"Номер заявки": "number", "Сумма": "amount", "Валюта": "currency", "Счёт": "account", "Причина": "reason"},
    ),
}  # fmt: skip
CASH_ALONE = ("Заявки на вывод: деньги",)
SETS = ("position", "services", "withdrawals")  #: as the back office counts what it is asked
TOTAL = "Итого"


class DossierListsDemo(DemoStory):
    after = ("dossier",)
    connectors = frozenset({"bitrix24"})
    agreement = "lists in the cards = the back office's book"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._fields: dict[str, dict[str, str]] = {}  #: of each list: field -> label

    def evening(self, day: date, number: int) -> None:
        """What changed within the minute goes into the lists when it is over."""
        if number == 1 and BACK_OFFICE in self.desk.systems:
            self.desk.pass_time(EVERY_SECONDS)
            self.desk.quiet(lambda: not self._wrong())

    def checks(self) -> Iterable[Result]:
        if BACK_OFFICE not in self.desk.systems:
            return
        clients = self._clients()
        yield f"the lists in the cards of {len(clients)} clients hold the back office's rows", "; ".join(self._wrong()[:3])

    def _wrong(self) -> list[str]:
        wrong = []
        for number, card in self._clients().items():
            book = self._control(f"client?id={number}")["tables"]
            lists = {one["name"]: one for one in self.desk.office.control(f"card-lists?contact={card}")}
            for label, (table, columns) in LISTS.items():
                rows = [row for row in book[table] if not (label in CASH_ALONE and row["isin"])]
                wanted = Counter(tuple(_plain(row.get(name)) for name in columns.values()) for row in rows)
                shown = self._rows(lists[label], list(columns)) if label in lists else Counter[tuple[str, ...]]()
                if shown != wanted:
                    wrong.append(f"«{label}» of {number}: {sorted(shown)}, by the book {sorted(wanted)}")
        return wrong

    def _clients(self) -> dict[str, str]:
        """The cards of those of whom the back office was asked, by ClientID."""
        office, asked = self.desk.office, self._control("state")["asked"]
        numbers = {number for table in SETS for number in asked.get(table, ())}
        found = {}
        for item in office.items(office.CONTACT, {}):
            number = str(office.shown(office.CONTACT, item)["ClientID"])
            if number in numbers:
                found[number] = str(item["id"])
        return found

    def _control(self, door: str) -> Any:
        return self.desk.systems[BACK_OFFICE].control(door)

    def _rows(self, found: Mapping[str, Any], labels: Sequence[str]) -> Counter[tuple[str, ...]]:
        """Its elements but the one that adds up."""
        names = {label: name for name, label in self._fields_of(str(found["list"])).items()}
        return Counter(
            tuple(_plain(_value(element.get(names[label]))) for label in labels)
            for element in found["elements"]
            if not str(element["NAME"]).startswith(TOTAL)
        )

    def _fields_of(self, number: str) -> dict[str, str]:
        if number not in self._fields:
            body = {"IBLOCK_TYPE_ID": "lists", "IBLOCK_ID": number}
            fields = self.desk.office.ask("1", "lists.field.get", body)
            self._fields[number] = {str(name): str(one["NAME"]) for name, one in fields.items()}
        return self._fields[number]


def _value(value: Any) -> str:
    """A property comes with the number of each of its values."""
    return str(next(iter(value.values()), "")) if isinstance(value, Mapping) else str(value or "")


def _plain(value: Any) -> str:
    """Figures without the zeros that change nothing."""
    text = str(value or "").strip()
    try:
        return format(Decimal(text).normalize(), "f")
    except InvalidOperation:
        return text
