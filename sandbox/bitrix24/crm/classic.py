"""The classic dialect: crm.deal.*, crm.lead.*, crm.contact.*, crm.company.*; everything is a string."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.crm import changes, fields, multifields, rights
from sandbox.bitrix24.crm.items import actor, described
from sandbox.bitrix24.crm.store import COMPANY, CONTACT, DEAL, LEAD, MULTI, Kind, Record, crm
from sandbox.bitrix24.paging import PAGE, page, start
from sandbox.bitrix24.registry import Call, Listed, RestError, method

#: Written, but neither read nor listed in this dialect.
WRITE_ONLY = {"CONTACT_IDS", "COMPANY_IDS"}
FamilyFunction = Callable[[Call, Kind], Any]


def family(verb: str) -> Callable[[FamilyFunction], FamilyFunction]:
    """Register a function as crm.deal.VERB, crm.lead.VERB and so on."""

    def put(run: FamilyFunction) -> FamilyFunction:
        for type_id, name in ((LEAD, "lead"), (DEAL, "deal"), (CONTACT, "contact"), (COMPANY, "company")):

            def bound(call: Call, number: int = type_id) -> Any:
                return run(call, crm(call.portal).kinds[number])

            method(f"crm.{name}.{verb}", scope="crm")(bound)
        return run

    return put


def record_of(call: Call, kind: Kind) -> Record:
    number = formats.integer(call.get("id"))
    if number is None or number <= 0:
        raise RestError(400, "", "ID is not defined or invalid.")
    record = kind.records.get(number)
    if record is None:
        raise RestError(400, "", "Not found")
    return rights.sight_only(call, kind, record)


def _written(call: Call, kind: Kind, record: Record, *, new: bool) -> dict[str, Any]:
    sent = call.get("fields")
    if not isinstance(sent, dict) and sent != []:
        raise RestError(400, "", "Parameter 'fields' must be array.")
    upper = {str(key).upper(): value for key, value in formats.mapping(sent, "fields").items()}
    values: dict[str, Any] = {}
    for name, value in upper.items():
        wanted = kind.fields.get(name)
        if wanted is None or wanted.read_only or (wanted.immutable and not new):
            continue
        if not wanted.classic and name not in WRITE_ONLY:
            continue
        try:
            values[name] = fields.read(wanted, value, call.portal.zone)
        except RestError as error:
            if not wanted.custom and wanted.kind in ("crm_status", "crm_category"):
                raise RestError(400, "", error.description) from None
            # A value that fits no type is dropped in this dialect.
    if kind.multi:
        items = multifields.from_classic(call.portal, record, upper)
        if items is not None:
            values["FM"] = items
    return values


def _classic_error(error: RestError) -> RestError:
    return RestError(error.status, "", error.description)


@family("add")
def add(call: Call, kind: Kind) -> int:
    values = _written(call, kind, {"FM": []}, new=True)
    try:
        return int(changes.create(call.portal, kind, values, actor(call))["ID"])
    except RestError as error:
        raise _classic_error(error) from None


@family("update")
def update(call: Call, kind: Kind) -> bool:
    record = record_of(call, kind)
    values = _written(call, kind, record, new=False)
    try:
        changes.update(call.portal, kind, record, values, actor(call))
    except RestError as error:
        raise _classic_error(error) from None
    return True


@family("delete")
def delete(call: Call, kind: Kind) -> bool:
    changes.delete(call.portal, kind, record_of(call, kind), actor(call))
    return True


def _show(kind: Kind, record: Record, names: list[str], multi: list[str]) -> dict[str, Any]:
    shown = {name: _one(kind, record, kind.fields[name]) for name in names}
    for name in multi:
        items = multifields.classic(record, name)
        if items:
            shown[name] = items
    return shown


def _one(kind: Kind, record: Record, wanted: fields.Field) -> Any:
    value = record.get(wanted.upper)
    if value is None and kind.type_id == LEAD and wanted.upper in ("BIRTHDATE", "DATE_CLOSED"):
        return ""  # leads show these empty dates so, while others are null
    return fields.classic(wanted, value)


def _standard(kind: Kind) -> list[str]:
    return [f.upper for f in kind.fields.values() if f.classic and not f.custom and f.upper not in WRITE_ONLY]


def _custom(kind: Kind) -> list[str]:
    return [f.upper for f in kind.fields.values() if f.custom]


@family("get")
def get(call: Call, kind: Kind) -> dict[str, Any]:
    record = record_of(call, kind)
    return _show(kind, record, _standard(kind) + _custom(kind), list(MULTI) if kind.multi else [])


@family("list")
def listing(call: Call, kind: Kind) -> Listed:
    for name in ("order", "filter"):
        if isinstance(call.get(name), str | int) and call.get(name) != "":
            raise RestError(400, "", f"Parameter '{name}' must be array")
    tree = _filter(kind, formats.mapping(call.get("filter"), "filter"))
    order = {
        key.upper(): value
        for key, value in formats.mapping(call.get("order"), "order").items()
        if key.upper() in kind.fields
    }
    counting = start(call) >= 0
    first = 0 if counting or kind.hidden else PAGE
    found = [
        one for one in kind.find(tree, order, call.portal.zone, groups=False, first=first) if rights.sees(call, kind, one)
    ]
    names, multi = _select(kind, [str(name).upper() for name in formats.items(call.get("select"))])
    return page(call, found, lambda record: _show(kind, record, names, multi))


def _select(kind: Kind, asked: list[str]) -> tuple[list[str], list[str]]:
    """Fields and multi-fields: the latter only when named."""
    if not asked:
        return _standard(kind) + _custom(kind), []
    names = ["ID"]
    for name in asked:
        if name == "*":
            names += _standard(kind)
        elif name == "UF_*":
            names += _custom(kind)
        elif name in kind.fields and kind.fields[name].classic and name not in WRITE_ONLY:
            names.append(name)
    return list(dict.fromkeys(names)), [name for name in asked if name in MULTI and kind.multi]


def _filter(kind: Kind, tree: dict[str, Any]) -> dict[str, Any]:
    """Unknown fields are ignored; so is LIKE on stage and type of deals, which does not work there."""
    found = {}
    for key, value in tree.items():
        sign, name = filters.split(key)
        name = name.upper()
        known = name in kind.fields and name not in WRITE_ONLY
        deaf = kind.type_id == DEAL and "%" in sign and name in ("STAGE_ID", "TYPE_ID")
        if (known or (kind.multi and name in MULTI)) and not deaf:
            found[("" if sign == "=" else sign) + name] = value
    return found


@family("fields")
def all_fields(call: Call, kind: Kind) -> dict[str, Any]:
    shown = {
        wanted.upper: described(kind, wanted, False)
        for wanted in kind.fields.values()
        if wanted.classic or wanted.upper in WRITE_ONLY
    }
    for name in MULTI if kind.multi else ():
        shown[name] = described(kind, fields.Field(name, name.lower(), "crm_multifield", multiple=True), False)
    return shown
