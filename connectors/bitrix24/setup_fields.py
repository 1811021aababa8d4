"""Custom fields of records and smart processes: types, labels, values of lists, and what the set no longer names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.bitrix24.codes import ENTITY_TYPES, FIELD_CHARACTERS_MAX, field_code
from connectors.bitrix24.marks import folded
from connectors.bitrix24.setup_match import Known, Wanted, free_code, matched
from connectors.bitrix24.setup_model import LANGUAGES, Call, Key, Memory, Option, SmartType, State, Step, UserField
from connectors.bitrix24.setup_owners import Owner, entity_type, fields_of, type_id
from connectors.bitrix24.setup_words import RECORDS, is_shall
from kernel.mapping import FieldMap

# The portal's types that can hold ours: the first is the one to make. Exact digits only live in a line of text.
TYPES: Mapping[str, tuple[str, ...]] = {
    "text": ("string", "url"), "decimal": ("string",), "date": ("date", "datetime"), "datetime": ("datetime",),
    "bool": ("boolean",), "choice": ("enumeration",), "contact": ("crm",), "company": ("crm",), "deal": ("crm",),
    "user": ("employee",), "users": ("employee",),
}  # fmt: skip
READ_ONLY: Mapping[str, tuple[str, ...]] = {
    "decimal": ("double", "integer", "money"),
    "text": ("enumeration", "double", "integer"),
}
LINKS: Mapping[str, str] = {"contact": "CONTACT", "company": "COMPANY", "deal": "DEAL"}
TEXT_ROWS = 4
Fields = Mapping[str, UserField]


def field_steps(every: Sequence[Owner], types: Mapping[str, SmartType], state: State, memory: Memory) -> list[Step]:
    steps: list[Step] = []
    for owner in every:
        wanted = {name: one for name, one in owner.fields.items() if not one.system}
        entity, number = fields_of(owner, types), type_id(owner, types)
        if number is None:
            steps += [Step("create", _what(one.name, owner)) for one in wanted.values()]
        elif entity in state.fields:
            steps += _owner(owner, wanted, number, entity, state, memory)
    return [*steps, *_left(every, types, state, memory)]


def _what(label: str, owner: Owner) -> str:
    return f"поле «{label}» {owner.of}"


def _owner(
    owner: Owner, wanted: Mapping[str, FieldMap], number: int, entity: str, state: State, memory: Memory
) -> list[Step]:
    codes_of = {name: field_code(name, one, owner.kind, number) for name, one in wanted.items()}
    found, doubts = matched(
        "field", {name: Wanted(codes_of[name], (one.label,)) for name, one in wanted.items()},
        [Known(f"{entity}:{one.code}", one.code, one.label, one) for one in state.fields[entity]], memory, f"{owner.key}.",
        # One of another type that was renamed out of the way makes room for a new one.
        lambda name, one: not (_wrong_type(wanted[name], one) and _moved(wanted[name], one)),
    )  # fmt: skip
    taken = {one.code for one in state.fields[entity]}
    steps = []
    for place, (name, one) in enumerate(wanted.items(), 1):
        what = _what(one.label, owner)
        if name in doubts:
            codes = ", ".join(same.code for same in doubts[name])
            steps.append(Step("manual", what, f"так называются несколько полей ({codes}): переименуйте лишние"))
        elif name not in found:
            code = free_code(codes_of[name], taken, FIELD_CHARACTERS_MAX)
            call = Call("userfieldconfig.add", {"moduleId": "crm", "field": _made(entity, code, one, place)})
            steps.append(
                Step("create", what, _type_title(one), (call,), Key("field", f"{owner.key}.{name}"), code=f"{entity}:{code}")
            )
        else:
            steps += _differs(owner, name, one, found[name], memory)
    return steps


def _moved(one: FieldMap, present: UserField) -> bool:
    return bool(present.label) and folded(present.label) != folded(one.label)


def _made(entity: str, code: str, one: FieldMap, place: int) -> dict[str, object]:
    made: dict[str, object] = {
        "entityId": entity, "fieldName": code, "userTypeId": TYPES[one.type][0], "sort": place * 100,
        "multiple": "Y" if one.type == "users" else "N", "mandatory": "N", "showFilter": "Y" if one.label else "N",
        "editFormLabel": _everywhere(one.label),
    }  # fmt: skip
    if one.type in LINKS:
        made["settings"] = {name: "Y" if name == LINKS[one.type] else "N" for name in ("LEAD", "CONTACT", "COMPANY", "DEAL")}
    elif one.type == "bool":
        made["settings"] = {"DEFAULT_VALUE": 0, "DISPLAY": "CHECKBOX"}
    elif one.type == "text" and one.write:
        made["settings"] = {"ROWS": TEXT_ROWS}
    elif one.type == "choice":
        made["enum"] = [_option(label, key, place) for place, (key, label) in enumerate(one.values.items(), 1)]
    return made


def _everywhere(text: str) -> dict[str, str]:
    return dict.fromkeys(LANGUAGES.values(), text)


def _option(label: str, key: str, place: int) -> dict[str, object]:
    return {"value": label, "xmlId": key, "def": "N", "sort": place * 10}


def _type_title(one: FieldMap) -> str:
    values = f": {', '.join(one.values.values())}" if one.values else ""
    return f"тип {TYPES[one.type][0]}{', несколько значений' if one.type == 'users' else ''}{values}"


# --- what is there, but otherwise ------------------------------------------------------------------------------------


def _differs(owner: Owner, name: str, one: FieldMap, present: UserField, memory: Memory) -> list[Step]:
    what = _what(one.label, owner)
    wrong = _wrong_type(one, present)
    if wrong:
        return [Step("manual", what, wrong)]
    steps = []
    if present.label and present.label != one.label:  # some portals do not tell labels in lists
        change = {"editFormLabel": _everywhere(one.label)}
        steps.append(Step("rename", what, is_shall(present.label, one.label), (_update(present, change),)))
    if present.mandatory and one.write:
        words = "заполняется само, поэтому не может быть обязательным для людей: снять обязательность"
        steps.append(Step("change", what, words, (_update(present, {"mandatory": "N"}),)))
    link = LINKS.get(one.type)
    if link and present.settings.get(link) not in ("Y", True, "true", 1):
        change_to = {"settings": {**present.settings, link: "Y"}}
        steps.append(Step("change", what, f"не разрешена привязка {link}: разрешить", (_update(present, change_to),)))
    return [*steps, *_options(owner, name, one, present, memory)]


def _wrong_type(one: FieldMap, present: UserField) -> str:
    fits = TYPES[one.type] + (() if one.write else READ_ONLY.get(one.type, ()))
    again = f"переименуйте это поле ({present.code}) и повторите apply: появится новое"
    if present.type not in fits:
        return f"тип {present.type}, нужен {TYPES[one.type][0]}, а тип поля не меняется: {again}"
    if present.multiple != (one.type == "users"):
        shall = "несколько" if one.type == "users" else "одно"
        return f"поле должно хранить {shall} значение(й), а это не меняется: {again}"
    return ""


def _update(present: UserField, field: Mapping[str, object]) -> Call:
    return Call("userfieldconfig.update", {"moduleId": "crm", "id": present.id, "field": dict(field)})


def _options(owner: Owner, name: str, one: FieldMap, present: UserField, memory: Memory) -> list[Step]:
    if one.type != "choice" or present.type != "enumeration":
        return []
    found = find_options(one, present.options)
    steps = []
    for key, label in one.values.items():
        what = f"значение «{label}» поля «{one.label}» {owner.of}"
        if key not in found:
            steps.append(Step("create", what, calls=(_with_options(one, present, key),)))
        elif found[key].value != label:
            steps.append(Step("rename", what, is_shall(found[key].value, label), (_with_options(one, present, key),)))
        elif found[key].mark != key:
            words = "отметить нашим словом, чтобы узнать и после переименования"
            steps.append(Step("change", what, words, (_with_options(one, present, key),)))
    return [*steps, *_left_options(owner, name, one, present, memory)]


def find_options(one: FieldMap, options: Sequence[Option]) -> dict[str, Option]:
    """By our mark first, so that a renamed value stays the same value; then by label."""
    found = {option.mark: option for option in options if option.mark in one.values}
    taken = {option.id for option in found.values()}
    for key, label in one.values.items():
        same = [option for option in options if option.id not in taken and folded(option.value) == folded(label)]
        if key not in found and same:
            found[key] = same[0]
            taken.add(same[0].id)
    return found


def _with_options(one: FieldMap, present: UserField, key: str, leave_out: str = "") -> Call:
    """All values go along with the one that changes: what is not named might be taken away."""
    found = {option.id: known for known, option in find_options(one, present.options).items()}
    sent: list[dict[str, object]] = []
    for option in present.options:
        line: dict[str, object] = {"id": option.id, "value": option.value, "xmlId": option.mark, "sort": option.sort}
        if option.id == leave_out:
            line["del"] = "Y"
        elif found.get(option.id) == key:
            line |= {"value": one.values[key], "xmlId": key}
        sent.append(line)
    if key and key not in found.values():
        sent.append(_option(one.values[key], key, list(one.values).index(key) + 1))
    return _update(present, {"userTypeId": "enumeration", "enum": sent})


# --- what the set no longer names ------------------------------------------------------------------------------------


def _left_options(owner: Owner, name: str, one: FieldMap, present: UserField, memory: Memory) -> list[Step]:
    """Values that we made and the set has no longer. Those that staff put into the same field stay."""
    prefix, by_id = f"{owner.key}.{name}.", {option.id: option for option in present.options}
    if f"field:{owner.key}.{name}" in memory.made:
        for key, option in find_options(one, present.options).items():
            if option.mark == key:
                memory.adopt("option", prefix + key, option.id)
                memory.made.add(f"option:{prefix}{key}")
    steps = []
    for key in memory.left("option", (prefix + known for known in one.values)):
        if not key.startswith(prefix):
            continue
        gone = by_id.get(str(memory.get("option", key)))
        if gone is None:
            memory.forget("option", key)
            continue
        what = f"значение «{gone.value}» поля «{one.label}» {owner.of}"
        calls = (_with_options(one, present, "", gone.id),)
        count = _filled(owner, present, gone.id, memory)
        steps.append(Step("drop", what, "в наборе его больше нет", calls, Key("option", key), count=count))
    return steps


def _filled(owner: Owner, field: UserField, value: str, memory: Memory) -> Call:
    pair = memory.get("smart", owner.key) or ["0", "0"]
    number = int(pair[0]) if owner.kind == "smart" else ENTITY_TYPES[owner.kind]
    return _count(number, field, value)


def _count(number: int, field: UserField, value: str = "") -> Call:
    if value:
        where: dict[str, object] = {field.code: value}
    elif field.type == "boolean":
        where = {field.code: "1"}
    else:
        where = {f"!{field.code}": ""}
    return Call("crm.item.list", {"entityTypeId": number, "select": ["id"], "filter": where, "useOriginalUfNames": "Y"})


def _left(every: Sequence[Owner], types: Mapping[str, SmartType], state: State, memory: Memory) -> list[Step]:
    wanted = [f"{owner.key}.{name}" for owner in every for name, one in owner.fields.items() if not one.system]
    known = {fields_of(owner, types): (owner.of, entity_type(owner, types)) for owner in every}
    known |= {f"CRM_{kind.upper()}": (RECORDS[kind], number) for kind, number in ENTITY_TYPES.items()}
    steps = []
    for key in memory.left("field", wanted):
        entity, _, code = str(memory.get("field", key) or "").partition(":")
        present = next((one for one in state.fields.get(entity, ()) if one.code == code), None)
        if present is not None:
            steps.append(_drop(key, present, *known[entity]))
        elif entity in state.fields or not code:
            memory.forget("field", key)
    return steps


def _drop(key: str, present: UserField, of: str, number: int) -> Step:
    return Step(
        "drop", f"поле «{present.label or present.code}» {of}", f"{present.code}: в наборе его больше нет",
        (Call("userfieldconfig.delete", {"moduleId": "crm", "id": present.id}),), Key("field", key),
        count=_count(number, present),
    )  # fmt: skip
