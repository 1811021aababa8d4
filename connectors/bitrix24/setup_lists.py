"""Universal lists: the list itself with who may read it, its fields, and the link that shows it in a card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.bitrix24.marks import folded
from connectors.bitrix24.setup_match import Known, Wanted, free_code, matched
from connectors.bitrix24.setup_model import Call, Key, ListField, Memory, State, Step, UniversalList
from connectors.bitrix24.setup_readers import drifts, missing_departments, reader_steps
from connectors.bitrix24.setup_words import CARDS, is_shall
from kernel.mapping import FieldMap, ListMap, MappingSet

BLOCK = "lists"
CODE_CHARACTERS_MAX = 50
CARD = "CARD"  #: code of the field that ties a line to a card
# Exact digits only live in a line of text; a list's own numbers are rounded.
TYPES: Mapping[str, str] = {
    "text": "S", "decimal": "S", "date": "S:Date", "datetime": "S:DateTime", "bool": "L", "choice": "L",
    "contact": "S:ECrm", "company": "S:ECrm", "deal": "S:ECrm", "user": "S:employee", "users": "S:employee",
}  # fmt: skip
READ_TOO: Mapping[str, tuple[str, ...]] = {"text": ("S:HTML",), "decimal": ("N", "S:Money")}
FLAG = {"yes": "Да", "no": "Нет"}
LINKS: Mapping[str, str] = {"lead": "LEAD", "deal": "DEAL", "contact": "CONTACT", "company": "COMPANY"}
FULL = "X"


def list_steps(mapping: MappingSet, state: State, memory: Memory) -> list[Step]:
    if "lists" in state.refused:
        return []
    found = find_lists(mapping, state.lists, memory)
    steps: list[Step] = []
    for name, one in mapping.lists.items():
        steps += _one(one, found.get(name), mapping.portal.language, state, memory)
    return [*steps, *reader_steps(drifts(mapping, found, state, memory)), *_left(mapping, found, state, memory)]


def list_code(one: ListMap) -> str:
    return one.code or f"annex_{one.name}"


def find_lists(mapping: MappingSet, lists: Sequence[UniversalList], memory: Memory) -> dict[str, UniversalList]:
    wanted = {name: Wanted(list_code(one), (one.label,)) for name, one in mapping.lists.items()}
    return matched("list", wanted, [Known(one.id, one.code, one.name, one) for one in lists], memory)[0]


def _one(one: ListMap, present: UniversalList | None, language: str, state: State, memory: Memory) -> list[Step]:
    what, wanted = f"список «{one.label}»", list_fields(one, language)
    words = "нет отдела «{}», которому набор даёт читать список: создайте его или исправьте readers"
    missing = [Step("manual", what, words.format(name)) for name in missing_departments(one, state)]
    if present is None:
        if missing:
            return missing
        key = Key("list", one.name)
        rest = [Step("create", f"поле «{field.label}» списка «{one.label}»") for field in wanted.values()]
        return [Step("create", what, "", (_made(one, state),), key, learn=str, code=""), *rest]
    steps = missing
    if present.name != one.label:
        fields = {"NAME": one.label}
        call = Call("lists.update", {"IBLOCK_TYPE_ID": BLOCK, "IBLOCK_ID": present.id, "FIELDS": fields})
        steps.append(Step("rename", what, is_shall(present.name, one.label), (call,)))
    return [*steps, *_field_steps(one, present, wanted, state, memory)]


def _made(one: ListMap, state: State) -> Call:
    """For its maker alone at first: readers are let in once it is there."""
    rights = {f"U{state.user_id}": FULL} if state.user_id else {}
    params: dict[str, object] = {
        "IBLOCK_TYPE_ID": BLOCK, "IBLOCK_CODE": list_code(one),
        "FIELDS": {"NAME": one.label, "SORT": 500, "BIZPROC": "N"},
    }  # fmt: skip
    return Call("lists.add", {**params, "RIGHTS": rights} if rights else params)


# --- fields --------------------------------------------------------------------------------------------------------------


def list_fields(one: ListMap, language: str) -> dict[str, FieldMap]:
    """Those that the set names, and first the one that ties an element to a card."""
    card = {CARD.lower(): FieldMap(label=CARDS.get(language, CARDS["en"]), type="contact")} if one.link else {}
    return {**card, **one.field}


def _code(name: str, field: FieldMap) -> str:
    return field.code or name.upper()


def _links(one: ListMap, name: str, field: FieldMap) -> dict[str, str]:
    """Only one kind of record may be linked where only one is wanted: then its bare number is the value."""
    kinds = one.link if name == CARD.lower() else [field.type]
    return {"VISIBLE": "Y" if name == CARD.lower() else "N", **{code: "Y" if kind in kinds else "N"
            for kind, code in LINKS.items()}}  # fmt: skip


def _field_steps(
    one: ListMap, present: UniversalList, wanted: Mapping[str, FieldMap], state: State, memory: Memory
) -> list[Step]:
    here = state.list_fields.get(present.id)
    if here is None:
        return []
    found = find_list_fields(one, wanted, here, memory)
    taken = {item.code for item in here}
    steps: list[Step] = []
    for place, (name, field) in enumerate(wanted.items(), 1):
        what = f"поле «{field.label}» списка «{one.label}»"
        if name not in found:
            params = _field_params(one, present, name, field, place)
            params["FIELDS"]["CODE"] = free_code(_code(name, field), taken, CODE_CHARACTERS_MAX)
            call = Call("lists.field.add", params)
            steps.append(Step("create", what, f"тип {TYPES[field.type]}", (call,), Key("list_field", f"{one.name}.{name}"),
                              learn=str))  # fmt: skip
        else:
            steps += _differs(one, present, name, field, place, found[name])
    return [*steps, *_left_fields(one, present, wanted, here, memory)]


def find_list_fields(
    one: ListMap, wanted: Mapping[str, FieldMap], here: Sequence[ListField], memory: Memory
) -> dict[str, ListField]:
    return matched(
        "list_field", {name: Wanted(_code(name, field), (field.label,)) for name, field in wanted.items()},
        [Known(item.id, item.code, item.name, item) for item in here], memory, f"{one.name}.",
        # One of another type that was renamed out of the way makes room for a new one.
        lambda name, item: _fits(wanted[name], item) or folded(item.name) == folded(wanted[name].label),
    )[0]  # fmt: skip


def _field_params(
    one: ListMap, present: UniversalList, name: str, field: FieldMap, place: int, options: Mapping[str, str] | None = None
) -> dict[str, Any]:
    fields: dict[str, object] = {
        "NAME": field.label, "TYPE": TYPES[field.type], "CODE": _code(name, field), "IS_REQUIRED": "N",
        "MULTIPLE": "Y" if field.type == "users" else "N", "SORT": place * 10,
    }  # fmt: skip
    if TYPES[field.type] == "S:ECrm":
        fields["USER_TYPE_SETTINGS"] = _links(one, name, field)
    if TYPES[field.type] == "L":
        fields["LIST"] = _values(field, options or {})
    return {"IBLOCK_TYPE_ID": BLOCK, "IBLOCK_ID": present.id, "FIELDS": fields}


def _texts(field: FieldMap) -> list[str]:
    return list((field.values or FLAG).values())


def _values(field: FieldMap, present: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """All values with their numbers: what is left out would go."""
    values: dict[str, dict[str, object]] = {
        number: {"VALUE": text, "SORT": place * 10} for place, (number, text) in enumerate(present.items(), 1)
    }
    known = {folded(text) for text in present.values()}
    for text in _texts(field):
        if folded(text) not in known:
            values[f"n{len(values)}"] = {"VALUE": text, "SORT": (len(values) + 1) * 10}
    return values


def _differs(one: ListMap, present: UniversalList, name: str, field: FieldMap, place: int, here: ListField) -> list[Step]:
    what = f"поле «{field.label}» списка «{one.label}»"
    params = _field_params(one, present, name, field, place, here.options) | {"FIELD_ID": here.id}
    params["FIELDS"] |= {"TYPE": here.type, "CODE": here.code}
    call = (Call("lists.field.update", params),)
    if not _fits(field, here):
        words = f"тип {here.type}, нужен {TYPES[field.type]}, а тип не меняется: переименуйте поле и повторите apply"
        return [Step("manual", what, words)]
    steps = []
    if here.name != field.label:
        steps.append(Step("rename", what, is_shall(here.name, field.label), call))
    elif here.type == "S:ECrm" and _wrong_links(_links(one, name, field), here.settings):
        steps.append(Step("change", what, "привязка не к тем карточкам", call))
    elif missing := _missing_values(field, here):
        steps.append(Step("change", what, f"добавить значения: {', '.join(missing)}", call))
    return steps


def _fits(field: FieldMap, here: ListField) -> bool:
    also = () if field.write else READ_TOO.get(field.type, ())
    return here.type in (TYPES[field.type], *also)


def _wrong_links(shall: Mapping[str, str], settings: Mapping[str, object]) -> bool:
    return any((settings.get(code) == "Y") != (value == "Y") for code, value in shall.items())


def _missing_values(field: FieldMap, here: ListField) -> list[str]:
    known = {folded(text) for text in here.options.values()}
    return [text for text in _texts(field) if folded(text) not in known] if here.type == "L" else []


# --- what the set no longer names --------------------------------------------------------------------------------------


def _left_fields(
    one: ListMap, present: UniversalList, wanted: Mapping[str, FieldMap], here: Sequence[ListField], memory: Memory
) -> list[Step]:
    steps, by_id = list[Step](), {item.id: item for item in here}
    names = [key for key in memory.left("list_field", ()) if key.startswith(f"{one.name}.")]
    for key in names:
        if key.partition(".")[2] in wanted:
            continue
        item = by_id.get(str(memory.get("list_field", key)))
        if item is None:
            memory.forget("list_field", key)
            continue
        where = {"IBLOCK_TYPE_ID": BLOCK, "IBLOCK_ID": present.id}
        steps.append(
            Step(
                "drop", f"поле «{item.name}» списка «{one.label}»", "в наборе его больше нет",
                (Call("lists.field.delete", {**where, "FIELD_ID": item.id}),), Key("list_field", key),
                count=Call("lists.element.get", {**where, "FILTER": {f"!{item.id}": False}}),
            )
        )  # fmt: skip
    return steps


def _left(mapping: MappingSet, found: Mapping[str, UniversalList], state: State, memory: Memory) -> list[Step]:
    steps, by_id = list[Step](), {one.id: one for one in state.lists}
    for key in memory.left("list", mapping.lists):
        present = by_id.get(str(memory.get("list", key)))
        if present is None:
            memory.forget("list", key)
            continue
        where = {"IBLOCK_TYPE_ID": BLOCK, "IBLOCK_ID": present.id}
        steps.append(
            Step(
                "drop", f"список «{present.name}»", "в наборе его больше нет; вместе с ним исчезнут его строки",
                (Call("lists.delete", where),), Key("list", key), count=Call("lists.element.get", where),
            )
        )  # fmt: skip
    for key in memory.left("list_field", ()):
        if key.partition(".")[0] not in mapping.lists and f"list:{key.partition('.')[0]}" not in memory.made:
            memory.forget("list_field", key)
    return steps
