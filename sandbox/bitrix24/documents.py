"""CRM records as other areas know them: a document of a process, the owner of a call, whoever has this phone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.bitrix24.crm import changes, fields, multifields
from sandbox.bitrix24.crm.store import Kind, Record, crm
from sandbox.bitrix24.formats import items
from sandbox.bitrix24.state import Portal

#: kind -> the class processes know it by
CLASSES = {
    "LEAD": "CCrmDocumentLead", "DEAL": "CCrmDocumentDeal", "CONTACT": "CCrmDocumentContact",
    "COMPANY": "CCrmDocumentCompany",
}  # fmt: skip
DYNAMIC = r"Bitrix\Crm\Integration\BizProc\Document\Dynamic"
#: A lead only answers for a number where no client has it.
PHONE_ORDER = ("CONTACT", "COMPANY", "LEAD")


@dataclass(frozen=True)
class Document:
    """`DEAL_5121`; kind is DEAL, or DYNAMIC_147 for a smart process."""

    kind: str
    number: str

    @classmethod
    def of(cls, kind: str, number: Any) -> Document:
        return cls(kind.upper(), str(number))

    @property
    def id(self) -> str:
        return f"{self.kind}_{self.number}"

    @property
    def path(self) -> list[str]:
        return ["crm", CLASSES.get(self.kind, DYNAMIC), self.id]

    @property
    def type(self) -> list[str]:
        return ["crm", CLASSES.get(self.kind, DYNAMIC), self.kind]


def parts(value: Any) -> list[str]:
    """`["crm", "CCrmDocumentDeal", "DEAL_5121"]` however it was sent."""
    return [str(part) for part in items(value)]


def is_crm(path: list[str]) -> bool:
    return path[0] == "crm" and path[1] in (*CLASSES.values(), DYNAMIC)


def parsed(value: Any) -> Document | None:
    """The document of a path, None if it is no CRM record."""
    path = parts(value)
    if len(path) != 3 or not is_crm(path):
        return None
    kind, _, number = path[2].rpartition("_")
    return Document(kind, number) if CLASSES.get(kind, DYNAMIC) == path[1] and number.isdigit() else None


def asked(wanted: Mapping[str, Any]) -> Document | None:
    """The record a door speaks of: `{"deal": 5}`, `{"dynamic_147": 1}`."""
    for word, number in wanted.items():
        if number and (word.upper() in CLASSES or re.fullmatch(r"dynamic_\d+", word)):
            return Document.of(word, number)
    return None


def _record(portal: Portal, document: Document) -> tuple[Kind, Record] | None:
    kind = crm(portal).by_code(document.kind)
    record = kind.get(document.number) if kind else None
    return (kind, record) if kind and record is not None else None


def type_id(portal: Portal, document: Document) -> int:
    kind = crm(portal).by_code(document.kind)
    return kind.type_id if kind else 0


def fields_of(portal: Portal, document: Document) -> dict[str, Any] | None:
    """All fields of the record as texts, None if it is not there."""
    found = _record(portal, document)
    if found is None:
        return None
    kind, record = found
    return {name: fields.classic(field, record.get(name)) for name, field in kind.fields.items()}


def write_as_robot(portal: Portal, document: Document, values: Mapping[str, Any]) -> None:
    """A process writes into its record: nobody acted, so events carry no tokens."""
    found = _record(portal, document)
    if found:
        kind, record = found
        known = {name: kind.fields[name] for name in values if name in kind.fields}
        read = {name: fields.read(field, values[name], portal.zone) for name, field in known.items()}
        changes.update(portal, kind, record, read, changes.Actor(None))


def filled(portal: Portal, document: Document, properties: Mapping[str, Any]) -> dict[str, Any]:
    """A robot's properties with `{=Document:TITLE}` replaced by the record's own values."""
    known = fields_of(portal, document) or {}

    def value(found: re.Match[str]) -> str:
        item = known.get(found.group(1))
        return "" if item is None else str(item)

    return {
        name: re.sub(r"\{=Document:(\w+)\}", value, item) if isinstance(item, str) else item
        for name, item in properties.items()
    }


def by_phone(portal: Portal, phone: str) -> list[Document]:
    """Everyone who has this number, clients first."""
    found = []
    for code in PHONE_ORDER:
        kind = crm(portal).by_code(code)
        for number, record in (kind.records if kind else {}).items():
            phones = (item["value"] for item in record["FM"] if item["typeId"] == "PHONE")
            if any(multifields.same_number(phone, other) for other in phones):
                found.append(Document.of(code, number))
    return found


def name_of(kind: str, known: Mapping[str, Any]) -> str:
    """What a call card shows: a person's name or a title."""
    words = " ".join(str(known.get(name) or "") for name in ("NAME", "LAST_NAME")).strip()
    return words if kind == "CONTACT" else str(known.get("TITLE") or words)


def lead_of_call(portal: Portal, phone: str, title: str, source: str, user: str) -> Document:
    """A lead made for a number nobody knows."""
    kind = crm(portal).by_code("LEAD")
    assert kind
    item = {"id": portal.next_id("multifield"), "typeId": "PHONE", "valueType": "WORK", "value": phone}
    values = {"TITLE": title, "FM": [item], "SOURCE_ID": source, "ASSIGNED_BY_ID": int(user)}
    return Document.of("LEAD", changes.create(portal, kind, values, changes.Actor(user))["ID"])
