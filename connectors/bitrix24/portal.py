"""What the portal consists of, read at once: fields, stages, pipelines and smart processes, before the set looks at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.bitrix24.client import Client, Outcome
from connectors.bitrix24.codes import ENTITY_TYPES, Kind, fields_entity
from connectors.bitrix24.values import Option, PortalField, number_in
from kernel.errors import NoRight, NotFound, Rejected

Raw = Mapping[str, Any]
LANGUAGE = "ru"  #: of labels in lists of custom fields; a portal without it shows its own


@dataclass(frozen=True)
class Status:
    """A stage, or another word of the CRM's directories."""

    code: str
    name: str
    semantics: str = ""  #: "S" won, "F" lost


@dataclass(frozen=True)
class SmartType:
    id: int  #: its own number, which stands in the codes of its fields
    entity_type: int
    title: str


@dataclass
class PortalState:
    """`types` None: our access does not reach the list of smart processes."""

    types: list[SmartType] | None = None
    categories: dict[int, list[tuple[int, str]]] = field(default_factory=dict)  #: by entityTypeId: number and name
    statuses: dict[str, list[Status]] = field(default_factory=dict)  #: by ENTITY_ID, in the portal's order
    fields: dict[int, dict[str, PortalField]] = field(default_factory=dict)  #: by entityTypeId, by code


@dataclass(frozen=True)
class Wanted:
    """What the set is interested in; the less, the smaller the answer."""

    kinds: frozenset[Kind] = frozenset()
    lists: frozenset[Kind] = frozenset()  #: whose custom lists' values are needed with the words they were made from
    smart: Mapping[str, tuple[int, int]] = field(default_factory=dict)  #: kept numbers by key: entityTypeId, own id
    titles: Mapping[str, str] = field(default_factory=dict)  #: titles by key


Calls = list[tuple[str, dict[str, Any]]]


class Reader:
    """Two requests where nothing is known of the smart processes yet, one where there are none."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read(self, wanted: Wanted) -> PortalState:
        state = PortalState()
        first: Calls = [("crm.status.list", {"order": {"SORT": "ASC"}})]
        if wanted.titles:
            first.append(("crm.type.list", {"order": {"id": "ASC"}}))
        if "deal" in wanted.kinds:
            first.append(("crm.category.list", {"entityTypeId": ENTITY_TYPES["deal"]}))
        for kind in sorted(wanted.kinds):
            first.append(("crm.item.fields", _of(ENTITY_TYPES[kind])))
        for kind in sorted(wanted.lists):
            first.append((f"crm.{kind}.userfield.list", {"filter": {"LANG": LANGUAGE, "USER_TYPE_ID": "enumeration"}}))
        self._take(state, first)
        if wanted.titles:
            self._smart(state, wanted)
        return state

    def _smart(self, state: PortalState, wanted: Wanted) -> None:
        types = state.types
        if types is None:  # only an administrator may list them; what the set-up kept is all we know
            types = [SmartType(own, number, wanted.titles.get(key, "")) for key, (number, own) in wanted.smart.items()]
            state.types = None
        kept = {number for number, _own in wanted.smart.values()}
        titles = {title.casefold().strip() for title in wanted.titles.values()}
        mine = [one for one in types if one.entity_type in kept or one.title.casefold().strip() in titles]
        second: Calls = []
        for one in mine:
            second.append(("crm.item.fields", _of(one.entity_type)))
            second.append(("crm.category.list", {"entityTypeId": one.entity_type}))
            second.append(("userfieldconfig.list", _lists_of(one.id)))
        if second:
            self._take(state, second)
        if state.types is None:
            state.types = [one for one in mine if one.entity_type in state.fields] if mine else None

    def _take(self, state: PortalState, calls: Calls) -> None:
        enums: list[tuple[int, Raw]] = []
        for (method, params), outcome in zip(calls, pages(self._client, calls), strict=True):
            if outcome.fault is not None:
                if not may_be_missing(method, outcome):
                    raise outcome.fault
                continue
            value = outcome.value
            if method == "crm.type.list":
                state.types = [SmartType(number_in(r.get("id")), number_in(r.get("entityTypeId")), str(r.get("title") or ""))
                               for r in rows(value, "types")]  # fmt: skip
            elif method == "crm.category.list":
                state.categories[params["entityTypeId"]] = [
                    (number_in(raw.get("id")), str(raw.get("name") or "")) for raw in rows(value, "categories")
                ]
            elif method == "crm.status.list":
                for raw in rows(value):
                    status = Status(str(raw.get("STATUS_ID")), str(raw.get("NAME") or ""), str(raw.get("SEMANTICS") or ""))
                    state.statuses.setdefault(str(raw.get("ENTITY_ID")), []).append(status)
            elif method == "crm.item.fields":
                state.fields[params["entityTypeId"]] = described(value)
            elif method == "userfieldconfig.list":
                enums += [(self._entity_type(state, raw), raw) for raw in rows(value, "fields")]
            else:
                number = ENTITY_TYPES[method.split(".")[1]]  # type: ignore[index]
                for raw in rows(value):
                    _word(state, number, str(raw.get("FIELD_NAME")), options(raw.get("LIST")))
        self._enums(state, enums)

    def _enums(self, state: PortalState, found: list[tuple[int, Raw]]) -> None:
        """The values of smart processes' lists: some portals give them only one field at a time."""
        alone = [(number, raw) for number, raw in found if not raw.get("enum") and number]
        calls: Calls = [("userfieldconfig.get", {"moduleId": "crm", "id": number_in(raw.get("id"))}) for _n, raw in alone]
        answers = self._client.batch(calls) if calls else []
        for (number, raw), outcome in zip(alone, answers, strict=True):
            if outcome.fault is not None and outcome.fault.retry:
                raise outcome.fault
            response = outcome.value.get("field") if isinstance(outcome.value, dict) else None
            if isinstance(response, dict):
                _word(state, number, str(raw.get("fieldName")), options(response.get("enum")))
        for number, raw in found:
            if raw.get("enum") and number:
                _word(state, number, str(raw.get("fieldName")), options(raw.get("enum")))

    @staticmethod
    def _entity_type(state: PortalState, raw: Raw) -> int:
        owner = str(raw.get("entityId") or "")
        return next((one.entity_type for one in state.types or () if fields_entity("smart", one.id) == owner), 0)


def may_be_missing(method: str, outcome: Outcome) -> bool:
    """What we can do without: lists whose right only an administrator has, and a smart process that was deleted."""
    if method in ("crm.type.list", "userfieldconfig.list") or method.endswith(".userfield.list"):
        return isinstance(outcome.fault, Rejected)
    return method in ("crm.item.fields", "crm.category.list") and isinstance(outcome.fault, NotFound | NoRight)


def pages(client: Client, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Outcome]:
    """Answers of small lists with all their pages: the further ones of all lists go together."""
    found = list(client.batch(calls))
    while True:
        more = [number for number, outcome in enumerate(found) if outcome.fault is None and outcome.next]
        if not more:
            return found
        further = client.batch([(calls[number][0], {**calls[number][1], "start": found[number].next}) for number in more])
        for number, outcome in zip(more, further, strict=True):
            joined = _joined(found[number].value, outcome.value) if outcome.fault is None else None
            found[number] = Outcome(joined, outcome.fault, outcome.total, outcome.next)


def _joined(first: Any, more: Any) -> Any:
    if isinstance(first, dict) and isinstance(more, dict):
        return {**first, **{key: [*first.get(key, []), *value] for key, value in more.items() if isinstance(value, list)}}
    return [*first, *more] if isinstance(first, list) and isinstance(more, list) else first


def rows(value: Any, key: str = "") -> list[Raw]:
    """The objects of a list, whatever it is wrapped into."""
    found = value.get(key) if key and isinstance(value, dict) else value
    if isinstance(found, dict):
        found = list(found.values())
    return [raw for raw in found if isinstance(raw, dict)] if isinstance(found, list) else []


def described(value: Any) -> dict[str, PortalField]:
    """The answer of crm.item.fields."""
    every = value.get("fields") if isinstance(value, dict) else None
    return {code: _field(code, raw) for code, raw in (every or {}).items() if isinstance(raw, dict)}


def _field(code: str, raw: Raw) -> PortalField:
    settings = raw.get("settings")
    return PortalField(
        code=code,
        type=str(raw.get("type") or "string"),
        title=str(raw.get("title") or code),
        multiple=raw.get("isMultiple") is True,
        required=raw.get("isRequired") is True,
        read_only=raw.get("isReadOnly") is True,
        options=options(raw.get("items")),
        settings=settings if isinstance(settings, dict) else {},
    )


def options(raw: Any) -> tuple[Option, ...]:
    """Values of a list field in the spelling of any of the three methods that give them."""
    return tuple(_options(raw))


def _options(raw: Any) -> Iterator[Option]:
    for one in rows(raw):
        lowered = {str(key).lower().replace("_", ""): value for key, value in one.items()}
        yield Option(str(lowered.get("id") or ""), str(lowered.get("value") or ""), str(lowered.get("xmlid") or ""))


def _word(state: PortalState, number: int, code: str, found: Iterable[Option]) -> None:
    """Put the words of the values to a field already described."""
    held = state.fields.get(number, {})
    values = tuple(found)
    if code in held and values:
        known = held[code]
        held[code] = PortalField(
            known.code, known.type, known.title, known.multiple, known.required, known.read_only, values, known.settings
        )


def _of(entity_type: int) -> dict[str, Any]:
    return {"entityTypeId": entity_type, "useOriginalUfNames": "Y"}


def _lists_of(type_id: int) -> dict[str, Any]:
    wanted = {"entityId": fields_entity("smart", type_id), "userTypeId": "enumeration"}
    return {"moduleId": "crm", "select": {"0": "*", "language": LANGUAGE}, "filter": wanted}
