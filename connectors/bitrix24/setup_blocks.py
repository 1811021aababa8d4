"""Pages of ours in the place of a field of the card: a field type of the application, and a field of it in each card."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.bitrix24.codes import FIELD_CHARACTERS_MAX, Kind
from connectors.bitrix24.setup_app import Addresses
from connectors.bitrix24.setup_match import free_code
from connectors.bitrix24.setup_model import LANGUAGES, Application, Call, Key, Memory, State, Step, UserField, digest
from connectors.bitrix24.setup_words import RECORDS, is_shall
from kernel.mapping import FieldTypeMap, MappingSet

PREFIX = "annex"


def type_code(name: str) -> str:
    return PREFIX + name


def field_of_block(name: str, kind: Kind, state: State) -> UserField | None:
    """The field in the cards of that kind in whose place the page stands."""
    if state.app is None:
        return None
    wanted = state.app.type_of(type_code(name))
    return next((one for one in state.fields.get(f"CRM_{kind.upper()}", ()) if one.type == wanted), None)


def block_steps(mapping: MappingSet, addresses: Addresses, state: State, memory: Memory) -> list[Step]:
    """First the types, then their fields. What the set no longer names goes in the other order; no data is lost with it."""
    app = state.app
    if app is None or not app.installed or not addresses.usable or {"app", "placement"} & state.refused.keys():
        return []  # that, too, is told already
    steps = []
    for name, one in mapping.portal.field_type.items():
        steps += _type(name, one, app, addresses, memory)
        if "fields" not in state.refused:
            steps += _fields(name, one, app, state)
    return [*steps, *_left(mapping, app, state)]


def _type(name: str, one: FieldTypeMap, app: Application, addresses: Addresses, memory: Memory) -> list[Step]:
    code, handler, what, key = type_code(name), addresses.frame(one.page), f"тип поля «{one.title}»", Key("field_type", name)
    told = {"HANDLER": handler, "TITLE": one.title, "DESCRIPTION": "", "OPTIONS": {"height": one.height}}
    mark = digest(told)
    if code not in app.types:
        call = Call("userfieldtype.add", {"USER_TYPE_ID": code, **told}, app=True)
        return [Step("create", what, handler, (call,), key, remember=mark)]
    call = Call("userfieldtype.update", {"USER_TYPE_ID": code, **told}, app=True)
    if app.types[code] != handler:
        return [Step("change", what, is_shall(app.types[code], handler), (call,), key, remember=mark)]
    if memory.get("field_type", name) != mark:  # the portal does not tell the height
        return [Step("change", what, "название или высота изменились", (call,), key, remember=mark)]
    return []


def _fields(name: str, one: FieldTypeMap, app: Application, state: State) -> list[Step]:
    steps = []
    for kind in one.of:
        entity, what = f"CRM_{kind.upper()}", f"поле «{one.title}» {RECORDS[kind]}"
        present = field_of_block(name, kind, state)
        if present is None:
            steps.append(Step("create", what, calls=_made(name, one, entity, app, state)))
        elif present.label and present.label != one.title:
            call = Call(
                "userfieldconfig.update", {"moduleId": "crm", "id": present.id, "field": _labels(one.title)}, app=True
            )
            steps.append(Step("rename", what, is_shall(present.label, one.title), (call,)))
    return steps


def _made(name: str, one: FieldTypeMap, entity: str, app: Application, state: State) -> tuple[Call, ...]:
    """Nothing to call while the type is not there."""
    code = type_code(name)
    if code not in app.types or entity not in state.fields:
        return ()
    taken = {known.code for known in state.fields[entity]}
    field = {
        "entityId": entity, "fieldName": free_code(f"UF_CRM_ANNEX_{name.upper()}", taken, FIELD_CHARACTERS_MAX),
        "userTypeId": app.type_of(code), "multiple": "N", "mandatory": "N", "showFilter": "N", "sort": 1,
        **_labels(one.title),
    }  # fmt: skip
    return (Call("userfieldconfig.add", {"moduleId": "crm", "field": field}, app=True),)


def _labels(title: str) -> dict[str, object]:
    return {"editFormLabel": dict.fromkeys(LANGUAGES.values(), title)}


def _left(mapping: MappingSet, app: Application, state: State) -> list[Step]:
    """Of types of ours: fields where none is wanted, and then the type itself."""
    wanted: Mapping[str, frozenset[str]] = {
        app.type_of(type_code(name)): frozenset(one.of) for name, one in mapping.portal.field_type.items()
    }
    steps, held = list[Step](), set[str]()
    for kind, of in RECORDS.items():
        for one in state.fields.get(f"CRM_{kind.upper()}", ()):
            if one.type.startswith(app.type_of(PREFIX)) and kind not in wanted.get(one.type, ()):
                held.add(one.type)
                call = Call("userfieldconfig.delete", {"moduleId": "crm", "id": one.id}, app=True)
                what = f"поле «{one.label or one.code}» {of}"
                steps.append(Step("change", what, "страницы в карточке больше нет: снять; данных в нём нет", (call,)))
    for code in sorted(app.types):
        if code.startswith(PREFIX) and app.type_of(code) not in {*wanted, *held}:
            call = Call("userfieldtype.delete", {"USER_TYPE_ID": code}, app=True)
            steps.append(Step("change", f"тип поля «{code}»", "в наборе его больше нет: снять", (call,)))
    return steps
