"""Phones, e-mails and the like: several to a contact, each with an id of its own (35)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.bitrix24 import formats
from sandbox.bitrix24.crm.store import MULTI, Record
from sandbox.bitrix24.state import Portal

Item = dict[str, Any]  # id, typeId, valueType, value


def from_classic(portal: Portal, record: Record, values: Mapping[str, Any]) -> list[Item] | None:
    """The items after `PHONE: [{ID, VALUE, VALUE_TYPE, DELETE}]`; None if nothing of the kind was sent."""
    sent = [name for name in MULTI if name in values]
    if not sent:
        return None
    items = [dict(item) for item in record.get("FM", [])]
    for name in sent:
        for entry in _entries(values[name]):
            items = _one(portal, items, name, entry.get("ID"), entry.get("VALUE"), entry.get("VALUE_TYPE"),
                         formats.flag(entry.get("DELETE")))  # fmt: skip
    return items


def _entries(value: Any) -> list[Mapping[str, Any]]:
    """`[{VALUE: …}]`, `{"0": {…}}`, or the value alone."""
    return [item if isinstance(item, Mapping) else {"VALUE": item} for item in formats.items(value)]


def from_typed(portal: Portal, record: Record, fm: Any) -> list[Item]:
    """The items after `fm`: a list of new ones, or an object keyed by id and `n0`, `n1`…"""
    items = [dict(item) for item in record.get("FM", [])]
    pairs = fm.items() if isinstance(fm, Mapping) else [(f"n{n}", entry) for n, entry in enumerate(formats.items(fm))]
    for key, entry in pairs:
        if isinstance(entry, Mapping):
            number = entry.get("id", key)
            gone = formats.flag(entry.get("delete") or entry.get("DELETE"))
            items = _one(
                portal, items, str(entry.get("typeId") or ""), number, entry.get("value"), entry.get("valueType"), gone
            )
    return items


def _one(portal: Portal, items: list[Item], name: str, ident: Any, value: Any, value_type: Any, gone: bool) -> list[Item]:
    number = formats.integer(ident)
    known = next((item for item in items if item["id"] == number), None) if number else None
    if known is not None:
        if gone or value == "":
            return [item for item in items if item is not known]
        known["value"] = known["value"] if value is None else str(value)
        known["valueType"] = str(value_type or known["valueType"])
        return items
    name = name.upper()
    if gone or value in (None, "") or name not in MULTI:
        return items
    kind = str(value_type or "WORK").upper()
    return [*items, {"id": portal.next_id("multifield"), "typeId": name, "valueType": kind, "value": str(value)}]


def classic(record: Record, name: str) -> list[dict[str, str]]:
    return [
        {"ID": str(item["id"]), "VALUE_TYPE": item["valueType"], "VALUE": item["value"], "TYPE_ID": item["typeId"]}
        for item in record["FM"]
        if item["typeId"] == name
    ]


def typed(record: Record) -> list[dict[str, Any]]:
    return [
        {"id": item["id"], "valueType": item["valueType"], "value": item["value"], "typeId": item["typeId"]}
        for item in record["FM"]
    ]


def aliases(record: Record) -> dict[str, str]:
    """`phone`, `phoneWork`, `emailHome` … beside `fm` in the typed dialect."""

    def first(name: str, kind: str = "") -> str:
        found = (i["value"] for i in record["FM"] if i["typeId"] == name and kind in ("", i["valueType"]))
        return next(found, "")

    return {
        "phoneMobile": first("PHONE", "MOBILE"), "phoneWork": first("PHONE", "WORK"),
        "phoneMailing": first("PHONE", "MAILING"),
        "emailHome": first("EMAIL", "HOME"), "emailWork": first("EMAIL", "WORK"), "emailMailing": first("EMAIL", "MAILING"),
        "email": first("EMAIL"), "phone": first("PHONE"),
    }  # fmt: skip


def flags(items: list[Item]) -> dict[str, str]:
    kinds = {item["typeId"] for item in items}
    return {"HAS_PHONE": formats.yn("PHONE" in kinds), "HAS_EMAIL": formats.yn("EMAIL" in kinds)}


def same_number(one: str, other: str) -> bool:
    """Phones compare by their digits; a Russian 8 in front is a 7."""
    return digits(one) == digits(other) != ""


def digits(text: str) -> str:
    found = re.sub(r"\D", "", text)
    return "7" + found[1:] if len(found) == 11 and found.startswith("8") else found
