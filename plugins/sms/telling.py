"""What people are told: in the client's card and as a notice of the CRM, each thing once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kernel.crm import Person
from kernel.errors import Fault
from kernel.extension.portal import Portal, Unit
from kernel.texts import translate
from plugins.sms import store
from plugins.sms.rules import RANK
from plugins.sms.store import Sms

TEXT_SHOWN_MAX = 60


def in_words(portal: Portal, code: str, **values: Any) -> str:
    return translate(portal.mapping.portal.language, code, **values)


def tell(unit: Unit, one: Sms, code: str, **values: Any) -> Sms:
    """A comment in the card, and a notice to whoever wrote it. Returns the text with the next number of a notice; the caller
    keeps it."""
    portal, number = unit.portal, one.notices + 1
    text = in_words(portal, code, to=one.number, text=short(one.text), page=address(portal, one), **values)
    if one.test:
        text = in_words(portal, "sms_test_mark", text=text)
    key = f"sms:{one.id}:note:{number}"
    has_notices = portal.crm.notices is not None
    people = _alive(portal, one.author)
    if one.record:
        entity, _, record = one.record.partition(":")
        unit.comment(entity, record, text, to=() if has_notices else people, key=key)
    if has_notices and people:
        unit.notify(f"SMS|{one.id}", people, text, key=f"{key}:notice")
    return replace(one, notices=number)


def tell_heads(unit: Unit, code: str, **values: Any) -> None:
    """Whoever leads a department; where nobody does, the administrators."""
    people = _people(unit.portal)
    heads = [one.id for one in people if one.active and one.heads] or [one.id for one in people if one.active and one.admin]
    if heads and unit.portal.crm.notices is not None:
        text = in_words(unit.portal, code, page=f"{unit.portal.public_url}/sms/", **values)
        unit.notify("SMS|account", heads, text, key=f"sms:account:{store.account(unit.tx, unit.portal.name).changes}")


def report(unit: Unit, one: Sms, status: str) -> Sms:
    """The CRM hears how it stands, if it is to hear anything new. The caller keeps what is returned."""
    if not one.provider or unit.portal.crm.texts is None or RANK[status] <= RANK.get(one.told, 0):
        return one
    unit.report_text(one.provider, one.message, status, key=f"sms:{one.id}:{status}")  # type: ignore[arg-type]
    return replace(one, told=status)


def address(portal: Portal, one: Sms) -> str:
    return f"{portal.public_url}/sms/{one.id}"


def short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TEXT_SHOWN_MAX else f"{line[: TEXT_SHOWN_MAX - 1]}…"


def _alive(portal: Portal, person: str) -> tuple[str, ...]:
    known = next((one for one in _people(portal) if one.id == person), None)
    return (person,) if known is not None and known.active and known.role != "robot" else ()


def _people(portal: Portal) -> Sequence[Person]:
    try:
        return portal.staff.known()
    except Fault:
        return ()
