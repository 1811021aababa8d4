"""The typed dialect: crm.item.* for leads, deals, contacts, companies and smart processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.crm import changes, fields, multifields, rights
from sandbox.bitrix24.crm.store import Kind, Record, kind_of
from sandbox.bitrix24.paging import PAGE, page, start
from sandbox.bitrix24.registry import Call, Listed, RestError, method


def actor(call: Call) -> changes.Actor:
    return changes.Actor(call.client.user_id, str(call.get("auth_connector") or ""))


def _needed(call: Call, *names: str) -> None:
    for name in names:
        if call.get(name) is None:
            raise RestError(400, "100", f"Could not find value for parameter {{{name}}}")


def _kind(call: Call) -> Kind:
    _needed(call, "entityTypeId")
    return kind_of(call.portal, call.get("entityTypeId"))


def _record(call: Call, kind: Kind) -> Record:
    _needed(call, "id")
    record = kind.get(call.get("id"))
    if record is None:
        raise RestError(400, "NOT_FOUND", "Element not found")
    return rights.sight_only(call, kind, record, "ACCESS_DENIED")


def original_names(call: Call) -> bool:
    return formats.flag(call.get("useOriginalUfNames", "N"))


def names(kind: Kind, original: bool) -> dict[str, fields.Field]:
    """The fields of the typed dialect under the names this call uses."""
    return {
        wanted.upper if original and wanted.custom else wanted.camel: wanted
        for wanted in kind.fields.values()
        if wanted.typed
    }


def _written(call: Call, kind: Kind, record: Record) -> dict[str, Any]:
    """`fields` as values by UPPER name. Unknown and read-only ones are ignored."""
    _needed(call, "fields")
    sent = formats.mapping(call.get("fields"), "fields")
    known = names(kind, original_names(call))
    values = {}
    for name, value in sent.items():
        wanted = known.get(name)
        if wanted and not wanted.read_only and wanted.filled:
            values[wanted.upper] = fields.read(wanted, value, call.portal.zone)
    if kind.multi and "fm" in sent:
        values["FM"] = multifields.from_typed(call.portal, record, sent["fm"])
    return values


def shown(
    kind: Kind, record: Record, known: Mapping[str, fields.Field], select: list[str] | None = None, fm: bool = True
) -> dict[str, Any]:
    """A record as the typed dialect shows it: all of it, or the selected fields and the id."""
    if select is not None:
        return {
            name: fields.typed(known[name], record.get(known[name].upper))
            for name in dict.fromkeys(["id", *select])
            if name in known
        }
    found = {name: fields.typed(wanted, record.get(wanted.upper)) for name, wanted in known.items()}
    if kind.multi and fm:
        found |= multifields.aliases(record) | {"fm": multifields.typed(record)}
    return found | {"entityTypeId": kind.type_id}


@method("crm.item.add", scope="crm")
def add(call: Call) -> dict[str, Any]:
    kind = _kind(call)
    record = changes.create(call.portal, kind, _written(call, kind, {"FM": []}), actor(call))
    return {"item": shown(kind, record, names(kind, original_names(call)))}


@method("crm.item.get", scope="crm")
def get(call: Call) -> dict[str, Any]:
    kind = _kind(call)
    return {"item": shown(kind, _record(call, kind), names(kind, original_names(call)))}


@method("crm.item.update", scope="crm")
def update(call: Call) -> dict[str, Any]:
    kind = _kind(call)
    record = _record(call, kind)
    changes.update(call.portal, kind, record, _written(call, kind, record), actor(call), check=True)
    return {"item": shown(kind, record, names(kind, original_names(call)))}


@method("crm.item.delete", scope="crm")
def delete(call: Call) -> list[Any]:
    kind = _kind(call)
    changes.delete(call.portal, kind, _record(call, kind), actor(call))
    return []


@method("crm.item.list", scope="crm")
def listing(call: Call) -> Listed:
    kind = _kind(call)
    known = names(kind, original_names(call))
    # Clients in wide use sort by ID in capitals: names in capitals are understood here, though not documented.
    sought = {TYPED_UPPER.get(w.upper, w.upper): w for w in known.values() if not w.custom} | known
    tree = _filter(formats.mapping(call.get("filter"), "filter"), sought)
    order = _order(formats.mapping(call.get("order"), "order"), sought)
    counting = start(call) >= 0
    first = 0 if counting or kind.hidden else PAGE
    found = [
        one for one in kind.find(tree, order, call.portal.zone, groups=True, first=first) if rights.sees(call, kind, one)
    ]
    select, fm = _select(call, known)

    def show(record: Record) -> dict[str, Any]:
        return shown(kind, record, known, select, fm)

    return page(call, found, show, lambda items: {"items": items})


def _select(call: Call, known: Mapping[str, fields.Field]) -> tuple[list[str] | None, bool]:
    """The wanted names (None = all of them), and whether phones come too: only with an asterisk (35)."""
    asked = [str(name) for name in formats.items(call.get("select"))]
    if not asked or "*" in asked:
        return None, "*" in asked
    custom = [name for name, wanted in known.items() if wanted.custom]
    found: list[str] = []
    for name in asked:
        found += custom if name.lower() in ("uf_*", "uf*", "ufcrm*", "ufcrm_*") else [name]
    return found, False


def _filter(tree: Mapping[str, Any], known: Mapping[str, fields.Field]) -> dict[str, Any]:
    """The same conditions under UPPER names; an unknown field is refused (34)."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if key.isdigit() and isinstance(value, Mapping | list):
            found[key] = _filter(formats.mapping(value, "filter"), known)
        elif key.lower() == "logic":
            found["logic"] = value
        else:
            sign, name = filters.split(key)
            if name not in known:
                raise RestError(400, "INVALID_ARG_VALUE", f"Invalid filter: field '{name}' is not allowed in filter")
            found[("" if sign == "=" else sign) + known[name].upper] = value
    return found


def _order(order: Mapping[str, Any], known: Mapping[str, fields.Field]) -> dict[str, Any]:
    for name, direction in order.items():
        if name not in known:
            raise RestError(400, "INVALID_ARG_VALUE", f"Invalid order: field '{name}' is not allowed in order")
        if str(direction).upper() not in ("ASC", "DESC"):
            text = f"Invalid order: allowed sort directions are `ASC, DESC`. But got '{direction}' for field '{name}'"
            raise RestError(400, "INVALID_ARG_VALUE", text)
    return {known[name].upper: direction for name, direction in order.items()}


@method("crm.item.fields", scope="crm")
def item_fields(call: Call) -> dict[str, Any]:
    kind = _kind(call)
    return {"fields": {name: described(kind, wanted, True) for name, wanted in names(kind, original_names(call)).items()}}


TYPED_KINDS = {"char": "boolean"}
STATUS_TYPES = {
    "SOURCE_ID": "SOURCE", "TYPE_ID": "DEAL_TYPE", "COMPANY_TYPE": "COMPANY_TYPE", "HONORIFIC": "HONORIFIC",
    "INDUSTRY": "INDUSTRY", "EMPLOYEES": "EMPLOYEES", "STATUS_ID": "STATUS",
}  # fmt: skip
TYPED_UPPER = {
    "DATE_CREATE": "CREATED_TIME", "DATE_MODIFY": "UPDATED_TIME", "CREATED_BY_ID": "CREATED_BY",
    "MODIFY_BY_ID": "UPDATED_BY", "MOVED_BY_ID": "MOVED_BY",
}  # fmt: skip


def described(kind: Kind, wanted: fields.Field, typed: bool) -> dict[str, Any]:
    """A field as `fields` methods describe it, in either dialect."""
    row: dict[str, Any] = {
        "type": TYPED_KINDS.get(wanted.kind, wanted.kind) if typed else "string" if wanted.kind == "text" else wanted.kind,
        "isRequired": wanted.mandatory, "isReadOnly": wanted.read_only, "isImmutable": wanted.immutable and not typed,
        "isMultiple": wanted.multiple, "isDynamic": wanted.custom, "title": wanted.title or wanted.upper,
    }  # fmt: skip
    if wanted.kind == "crm_status":
        status = "DEAL_STAGE" if wanted.upper == "STAGE_ID" else STATUS_TYPES.get(wanted.upper, "")
        row["statusType"] = "CONTACT_TYPE" if kind.code == "CONTACT" and wanted.upper == "TYPE_ID" else status
    if wanted.options:
        row["items"] = [{"ID": str(option.id), "VALUE": option.value} for option in wanted.options]
    if wanted.custom:
        row |= {"listLabel": wanted.title, "formLabel": wanted.title, "filterLabel": wanted.title}
        row["settings"] = wanted.settings or []
        if not typed:
            row["title"] = wanted.upper
    if typed:
        row["upperName"] = TYPED_UPPER.get(wanted.upper, wanted.upper)
    return row
