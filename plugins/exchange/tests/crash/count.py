"""What the books must say of one deal, worked out from the portal's records by the oracle, which shares no code with us."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import patch

from plugins.exchange.story.plans import CANCELLED, CLOSED, NEW, PAID, PARTNER
from plugins.exchange.tests import oracle

SCALES = oracle.SCALES | {"GBP": 2, "CZK": 2, "CHF": 2}
STAGES = {NEW: "new", PAID: "client_paid", PARTNER: "partner_paid", CLOSED: "closed", CANCELLED: "new"}
KINDS = {
    "Купівля": "buy", "Продаж": "sell", "Внесення": "deposit", "Виведення": "withdraw", "Переміщення": "move",
    "Передача партнеру": "withdraw", "Отримання від партнера": "deposit",
}  # fmt: skip
TAKEN = "Зняття зі зберігання"
Sums = dict[tuple[str, str, str], int]  #: account, currency, place (of `place` only): minor units


def wanted(task: int, stage: str, kept: bool, cells: Sequence[Mapping[str, Any]]) -> Sums:
    """By account: `place` is what is held, `client` and `custody` what is owed and kept, `profit` what was earned."""
    rows = [_row(task, n, STAGES[stage], kept, one) for n, one in enumerate(cells, 1) if one["Вид"] in KINDS]
    with patch.dict(oracle.SCALES, SCALES):  # the desk of the demo trades in three more
        found = oracle.expected(rows)
    sums: Sums = defaultdict(int)
    for (currency, place), amount in found.held.items():
        sums["place", currency, place] += amount
    for account, claims in (("client", found.owed), ("custody", found.custody)):
        for (currency, _), amount in claims.items():
            sums[account, currency, ""] += amount
    for currency, amount in found.profit.items():
        sums["profit", currency, ""] += amount
    if STAGES[stage] == "partner_paid":  # what a closed deal has left is paid out whole, whoever took parts of it before
        for one in cells:
            if one["Вид"] == TAKEN:
                with patch.dict(oracle.SCALES, SCALES):
                    amount = oracle.whole(_plain(one["Сума"]), one["Пара"])
                sums["custody", one["Пара"], ""] -= amount
                sums["place", one["Пара"], one.get("Місце") or "Каса"] -= amount
    return {key: amount for key, amount in sums.items() if amount}


def booked(legs: Sequence[Mapping[str, Any]]) -> Sums:
    """The same of the books: what the desk owes stands there with a minus."""
    sums: Sums = defaultdict(int)
    for leg in legs:
        account = leg["account"]
        if account == "place":
            sums[account, leg["currency"], leg["place"]] += leg["amount"]
        elif account in ("client", "custody", "profit"):
            sums[account, leg["currency"], ""] -= leg["amount"]
    return {key: amount for key, amount in sums.items() if amount}


def _row(task: int, number: int, stage: str, kept: bool, cells: Mapping[str, Any]) -> oracle.Row:
    values = {
        "deal": str(task), "op": str(number), "client": "he", "stage": stage, "kind": KINDS[cells["Вид"]],
        "pair": cells["Пара"], "amount": _plain(cells["Сума"]), "amount_in": cells.get("Валюта суми") or "",
        "client_rate": _plain(cells.get("Курс клієнта")), "partner_rate": _plain(cells.get("Курс партнера")),
        "place": cells.get("Місце") or "", "to_place": cells.get("Куди") or "", "custody_until": "kept" if kept else "",
    }  # fmt: skip
    return dict.fromkeys(oracle.HEADER, "") | values


def _plain(cell: Any) -> str:
    return "" if cell is None else str(cell).replace(",", ".").replace(" ", "")
