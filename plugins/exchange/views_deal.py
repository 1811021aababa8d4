"""A deal's page: who changed which input, when, from what to what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from kernel.extension.portal import Portal
from kernel.ledger import Entry
from kernel.values import Currency, from_micros
from plugins.exchange.formats import UNKNOWN
from plugins.exchange.model import Money
from plugins.exchange.views_text import money, number, stage_text


def fact_changes(entries: Sequence[Entry], portal: Portal, language: str) -> list[dict[str, Any]]:
    """Who changed which input, when, from what to what; an operation added or taken away is one line."""
    found = []
    before: Mapping[str, Any] = {}
    for entry in entries:
        if entry.kind != "deal":
            continue
        facts = entry.body["facts"]
        items: list[dict[str, str]] = []
        for change in entry.body["changes"]:
            old_op, new_op = (_operation(source, change["op"]) for source in (before, facts))
            if change["op"] and (old_op is None or new_op is None):
                what = {"op": change["op"], "field": "", "what": "added" if old_op is None else "removed"}
                if what not in items:
                    items.append(what)
                continue
            items.append({
                "op": change["op"], "field": change["field"], "what": "changed",
                "old": changed_text(change["field"], change["old"], old_op, portal, language),
                "new": changed_text(change["field"], change["new"], new_op, portal, language),
            })  # fmt: skip
        if items:
            at = from_micros(entry.recorded_at, portal.zone)
            found.append({"at": at, "author": entry.author, "trace": entry.trace, "items": items})
        before = facts
    return found


def _operation(facts: Mapping[str, Any], op_number: str) -> Mapping[str, Any] | None:
    return next((op for op in facts.get("operations", ()) if op["number"] == op_number), None)


def changed_text(field: str, value: Any, op: Mapping[str, Any] | None, portal: Portal, language: str) -> str:
    """One side of a change as a person reads it."""
    if value is None or value == "":
        return UNKNOWN
    if field == "stage":
        return stage_text(portal, value)
    if field in ("client", "partner"):
        return str(value[1] or value[0])
    if field == "amount_in":
        return str(value[0])
    if field == "amount" and op:
        return money(Money(value, Currency(*op["amount_in"])), language)
    if field in ("commission_fixed", "network_fee") and op and op["pair"]:
        side = 1 if op["kind"] == "buy" else 0
        return money(Money(value, Currency(op["pair"].split("/")[side], op["scales"][side])), language)
    if field in ("client_rate", "partner_rate", "commission_percent"):
        return number(value, language)
    if field == "at":
        return from_micros(value, portal.zone).strftime("%d.%m.%Y %H:%M:%S")
    if field in ("issue_date", "custody_until"):
        return date.fromisoformat(value).strftime("%d.%m.%Y")
    if isinstance(value, bool):
        return "✓" if value else "✗"
    return str(value)
