"""Who owns custom fields: the kinds of records of the portal, and the smart processes that stand for our tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.bitrix24.codes import ENTITY_TYPES, Kind, fields_entity, kind_of, smart_key
from connectors.bitrix24.marks import folded
from connectors.bitrix24.setup_match import Known, Wanted, matched
from connectors.bitrix24.setup_model import Call, Key, Memory, SmartType, State, Step
from connectors.bitrix24.setup_words import is_shall, of_records
from kernel.errors import Misconfigured
from kernel.mapping import EntityMap, FieldMap, MappingSet

# A table's items are lines, not work: no stages, no automation, no pipelines.
PLAIN: Mapping[str, str] = {
    "isAutomationEnabled": "N", "isBeginCloseDatesEnabled": "N", "isBizProcEnabled": "N", "isCategoriesEnabled": "N",
    "isClientEnabled": "N", "isDocumentsEnabled": "N", "isLinkWithProductsEnabled": "N", "isMycompanyEnabled": "N",
    "isObserversEnabled": "N", "isSetOpenPermissions": "Y", "isSourceEnabled": "N", "isStagesEnabled": "N",
    "isUseInUserfieldEnabled": "N",
}  # fmt: skip


@dataclass(frozen=True)
class Owner:
    key: str  #: "deal", "journal", "deal/operation"
    kind: Kind
    label: str  #: title of the smart process
    fields: Mapping[str, FieldMap]
    parent: str = ""  #: the entity whose table this is

    @property
    def of(self) -> str:
        return of_records(self.kind, self.label)


def owners(mapping: MappingSet) -> list[Owner]:
    found = []
    for name, entity in mapping.entities.items():
        kind = kind_of(entity)
        if kind == "smart" and not entity.object:
            raise Misconfigured(f"mapping set «{mapping.name}»: entity «{name}» needs `object`: its smart process' title")
        found.append(Owner(name, kind, entity.object, _own_fields(entity, mapping)))
        for table, one in entity.table.items():
            found.append(Owner(smart_key(name, table), "smart", one.label, one.field, parent=name))
    return found


def _own_fields(entity: EntityMap, mapping: MappingSet) -> Mapping[str, FieldMap]:
    """Contacts of one type have the fields of all contacts: one that the set names for both is made, and kept, once."""
    whole = mapping.entities.get(kind_of(entity)) if entity.narrow else None
    if whole is None:
        return entity.field
    there = {folded(one.label) for one in whole.field.values() if one.label}
    return {name: one for name, one in entity.field.items() if folded(one.label) not in there}


def find_types(every: Sequence[Owner], state: State, memory: Memory) -> dict[str, SmartType]:
    """The smart process of each owner that has one. Remembered as [entityTypeId, its own number]."""
    smart = [owner for owner in every if owner.kind == "smart"]
    things = [Known(str(one.entity_type), "", one.title, one) for one in state.types]
    remembered = Memory()
    remembered.ids["smart"] = {key: pair[0] for key, pair in memory.ids["smart"].items() if pair}
    found, _doubts = matched("smart", {one.key: Wanted("", (one.label,)) for one in smart}, things, remembered)
    for key, one in found.items():
        pair = [str(one.entity_type), str(one.id)]
        if memory.get("smart", key) != pair:
            memory.adopt("smart", key, pair)
    return found


def type_id(owner: Owner, types: Mapping[str, SmartType]) -> int | None:
    """The number in its fields' codes; None while the smart process is not made yet."""
    if owner.kind != "smart":
        return 0
    return types[owner.key].id if owner.key in types else None


def fields_of(owner: Owner, types: Mapping[str, SmartType]) -> str:
    number = type_id(owner, types)
    return "" if number is None else fields_entity(owner.kind, number)


def entity_type(owner: Owner, types: Mapping[str, SmartType]) -> int:
    """0 while it is not made yet."""
    if owner.kind == "smart":
        return types[owner.key].entity_type if owner.key in types else 0
    return ENTITY_TYPES[owner.kind]


def type_steps(every: Sequence[Owner], types: Mapping[str, SmartType], state: State, memory: Memory) -> list[Step]:
    steps, by_key = list[Step](), {owner.key: owner for owner in every}
    for owner in every:
        if owner.kind == "smart":
            parent = entity_type(by_key[owner.parent], types) if owner.parent else 0
            steps += _one(owner, types.get(owner.key), parent, state)
    return [*steps, *_left(every, state, memory)]


def _one(owner: Owner, found: SmartType | None, parent: int, state: State) -> list[Step]:
    what = f"смарт-процесс «{owner.label}»"
    if found is None:
        same = [one for one in state.types if one.title == owner.label]
        if len(same) > 1:
            return [Step("manual", what, f"так называются {len(same)} смарт-процесса: переименуйте лишние")]
        if owner.parent and not parent:
            return [Step("create", what)]
        fields = {"title": owner.label, **PLAIN, "relations": {"parent": _parents({}, parent), "child": []}}
        key = Key("smart", owner.key)
        return [Step("create", what, calls=(Call("crm.type.add", {"fields": fields}),), key=key, learn=_pair)]
    steps = []
    if found.title != owner.label:
        call = Call("crm.type.update", {"id": found.id, "fields": {"title": owner.label}})
        steps.append(Step("rename", what, is_shall(found.title, owner.label), (call,)))
    if parent and parent not in found.parents:
        relations = {"parent": _parents(found.relations, parent), "child": _kept(found.relations.get("child") or ())}
        call = Call("crm.type.update", {"id": found.id, "fields": {"relations": relations}})
        steps.append(Step("change", what, "нет связи с карточкой, к которой относятся строки", (call,)))
    return steps


def _pair(made: Mapping[str, Mapping[str, object]]) -> list[str]:
    return [str(made["type"]["entityTypeId"]), str(made["type"]["id"])]


def _parents(relations: Mapping[str, object], parent: int) -> list[dict[str, object]]:
    present = relations.get("parent") or ()
    kept = _kept(present if isinstance(present, Sequence) else ())
    return [*kept, {"entityTypeId": parent, "isChildrenListEnabled": "true"}] if parent else kept


def _kept(relations: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Relations are overwritten as a whole, and here Y and N are not understood."""
    return [
        {
            "entityTypeId": one["entityTypeId"],
            "isChildrenListEnabled": "true" if one.get("isChildrenListEnabled") in ("Y", True, "true") else "false",
        }
        for one in relations
        if one.get("isPredefined") not in ("Y", True)
    ]


def _left(every: Sequence[Owner], state: State, memory: Memory) -> list[Step]:
    steps = []
    for key in memory.left("smart", (owner.key for owner in every)):
        pair = memory.get("smart", key)
        found = next((one for one in state.types if pair and str(one.entity_type) == pair[0]), None)
        if found is None:
            memory.forget("smart", key)
            continue
        steps.append(
            Step(
                "drop", f"смарт-процесс «{found.title}»", "в наборе его больше нет; вместе с ним исчезнут его элементы",
                (Call("crm.type.delete", {"id": found.id}),), Key("smart", key),
                count=Call("crm.item.list", {"entityTypeId": found.entity_type, "select": ["id"]}),
                empty_first=found.entity_type,
            )
        )  # fmt: skip
    return steps
