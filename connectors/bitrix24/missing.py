"""What is missing in the portal for the mapping set, each with what to do about it: mostly `annex apply` makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.bitrix24.client import Client
from connectors.bitrix24.codes import kind_of, smart_key
from connectors.bitrix24.layout import CONTACT_TYPES_PLACE, Layout, Owner, worded
from connectors.bitrix24.system import SYSTEM_FIELDS
from connectors.bitrix24.values import PEOPLE, RECORDS, PortalField
from kernel.crm import MissingItem
from kernel.errors import Misconfigured, Rejected
from kernel.mapping import EntityMap, FieldMap

APPLY = "запустите «annex apply»: он сделает это сам"
# Which types of a portal's field can hold what the set declares: the first is the one that is made; the second table adds
# what can only be read.
WRITABLE: Mapping[str, frozenset[str]] = {
    "text": frozenset({"string", "text", "url", "address"}),
    "decimal": frozenset({"string", "double", "integer"}),
    "date": frozenset({"date", "datetime"}),
    "datetime": frozenset({"datetime"}),
    "bool": frozenset({"boolean"}),
    "choice": frozenset({"enumeration", "string"}),
    "contact": frozenset({kind for kind in RECORDS if kind in ("crm", "crm_contact", "crm_entity")}),
    "company": frozenset({"crm", "crm_entity", "crm_company"}),
    "deal": frozenset({"crm", "crm_entity", "crm_deal"}),
    "user": PEOPLE,
    "users": PEOPLE,
}
READABLE: Mapping[str, frozenset[str]] = {
    "text": frozenset({"enumeration", "double", "integer", "money", "crm_status", "char"}),
    "decimal": frozenset({"money"}),
    "choice": frozenset({"crm_status", "integer"}),
}
# Scopes of REST that we cannot do without, and for what.
SCOPES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "crm": (("crm",), "сделки, лиды, контакты, компании и их поля"),
    "user": (("user", "user_basic", "user_brief"), "имена сотрудников"),
    "department": (("department",), "отделы и их руководители"),
    "timeman": (("timeman",), "начат ли рабочий день"),
    "im": (("im",), "уведомления сотрудникам"),
}


def find_missing(layout: Layout, client: Client) -> list[MissingItem]:
    """Raises Unreachable or Throttled where the portal cannot be asked now."""
    search = _Search(layout)
    missing = missing_scopes(client)
    if not any(item.name == "crm" for item in missing):
        for entity in layout.mapping.entities.values():
            search.entity(entity)
    return [*missing, *search.found]


def missing_scopes(client: Client) -> list[MissingItem]:
    try:
        response = client.call("scope")
    except Rejected:
        return []  # a portal that does not tell
    granted = {str(one).lower() for one in response} if isinstance(response, list) else set()
    remedy = "Разработчикам → Другое → вебхук (или приложение) → права: отметьте «{}», чтобы были доступны {}"
    return [
        MissingItem("right", scope, "права REST", remedy.format(scope, what))
        for scope, (any_of, what) in SCOPES.items()
        if granted and not granted & set(any_of)
    ]


@dataclass
class _Search:
    layout: Layout
    found: list[MissingItem] = field(default_factory=list)

    def add(self, kind: str, name: str, where: str, remedy: str) -> None:
        self.found.append(MissingItem(kind, name, where, remedy))

    def entity(self, entity: EntityMap) -> None:
        where = f"смарт-процесс «{entity.object}»" if kind_of(entity) == "smart" else entity.entity
        try:
            entity_type, type_id = self.layout.entity_type(entity)
        except Misconfigured as exc:
            self.add("object", entity.object or entity.entity, "портал", f"{APPLY} ({exc})")
            return
        self._pipelines(entity, entity_type, where)
        self._sort(entity)
        for name, mapped in entity.field.items():
            self._field(name, mapped, Owner(smart_key(entity.entity), kind_of(entity), entity_type, type_id), where)
        for name in entity.table:
            self._table(entity, name)

    def _pipelines(self, entity: EntityMap, entity_type: int, where: str) -> None:
        try:
            numbers = self.layout.pipelines(entity, entity_type)
        except Misconfigured as exc:
            self.add("pipeline", ", ".join(one.label for one in entity.pipeline.values()), where, f"{APPLY} ({exc})")
            return
        for pipeline, number in (numbers or {"": 0}).items():
            for key, code in self.layout.stage_codes(entity, pipeline, entity_type, number).items():
                if not code:
                    label = entity.pipeline[pipeline].label if pipeline else where
                    self.add("stage", entity.stage[key].label, label, APPLY)

    def _sort(self, entity: EntityMap) -> None:
        try:
            self.layout.sort(entity)
        except Misconfigured:
            self.add("object", entity.object, "типы контактов", f"{CONTACT_TYPES_PLACE}: добавьте «{entity.object}»")

    def _table(self, entity: EntityMap, name: str) -> None:
        table = entity.table[name]
        where = f"смарт-процесс «{table.label}»"
        try:
            smart = self.layout.smart(smart_key(entity.entity, name), table.label)
        except Misconfigured as exc:
            self.add("table", table.label, entity.entity, f"{APPLY} ({exc})")
            return
        if f"parentId{self.layout.entity_type(entity)[0]}" not in self.layout.fields(smart.entity_type):
            self.add("table", table.label, where, f"нет связи с «{entity.entity}»: {APPLY}")
        for key, mapped in table.field.items():
            self._field(key, mapped, Owner(smart_key(entity.entity, name), "smart", smart.entity_type, smart.id), where)

    def _field(self, name: str, mapped: FieldMap, owner: Owner, where: str) -> None:
        if mapped.system:
            if mapped.system not in SYSTEM_FIELDS[owner.kind]:
                remedy = f"исправьте набор: системного поля «{mapped.system}» коннектор не знает"
                self.add("field", mapped.system, where, remedy)
            return
        found = self.layout.candidates(name, mapped, owner)
        if len(found) > 1:
            codes = ", ".join(one.code for one in found)
            remedy = f"это название стоит на нескольких полях ({codes}): переименуйте лишние"
            self.add("field", mapped.label, where, remedy)
        elif not found:
            if mapped.required:
                self.add("field", mapped.label, where, APPLY)
        else:
            self._type(mapped, found[0], where)

    def _type(self, mapped: FieldMap, portal: PortalField, where: str) -> None:
        fits = WRITABLE[mapped.type] | (frozenset() if mapped.write else READABLE.get(mapped.type, frozenset()))
        if portal.type not in fits:
            wanted = " или ".join(sorted(WRITABLE[mapped.type]))
            remedy = (
                f"поле {portal.code} имеет тип «{portal.type}», а нужен «{wanted}»: тип не меняется; переименуйте поле, "
                f"потом {APPLY}"
            )
            self.add("field", mapped.label, where, remedy)
        elif mapped.type == "users" and not portal.multiple:
            self.add("field", mapped.label, where, f"поле {portal.code} хранит одного сотрудника, а нужно нескольких")
        elif mapped.type == "choice" and portal.type == "enumeration":
            present = {option.key for option in worded(portal, mapped).options}
            for key, label in mapped.values.items():
                if key not in present:
                    self.add("field", f"{mapped.label}: {label}", where, f"в списке нет такого значения: {APPLY}")
