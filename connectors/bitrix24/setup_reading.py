"""Reading the portal for the set-up: two or three requests, and what it refuses is noted instead of stopping all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.bitrix24.client import Client
from connectors.bitrix24.codes import ENTITY_TYPES, fields_entity, kind_of
from connectors.bitrix24.commands import Outcome
from connectors.bitrix24.errors import NotConnected
from connectors.bitrix24.marks import folded
from connectors.bitrix24.people import read_people
from connectors.bitrix24.portal import pages, rows
from connectors.bitrix24.setup_cards import GET as CARD
from connectors.bitrix24.setup_cards import places_of
from connectors.bitrix24.setup_lists import BLOCK, find_lists
from connectors.bitrix24.setup_model import (
    LANGUAGES,
    Application,
    CardSection,
    CardView,
    Category,
    Element,
    ListField,
    Memory,
    Option,
    Placed,
    SmartType,
    State,
    Status,
    UniversalList,
    UserField,
)
from connectors.bitrix24.setup_owners import Owner, find_types, owners
from connectors.bitrix24.setup_readers import has_given
from kernel.errors import Rejected
from kernel.mapping import MappingSet

Raw = Mapping[str, Any]
Asked = tuple[str, str, Mapping[str, Any]]  #: area, method, parameters
# What a refusal of each part means for the plan.
AREAS: Mapping[str, str] = {
    "crm": "право на CRM (crm)", "fields": "право на настройку полей (userfieldconfig)", "lists": "право на списки (lists)",
    "departments": "право на отделы (department)", "people": "право на сотрудников (user)",
    "placement": "право приложения на встройки (placement)",
    "cards": "вид карточек (crm.item.details.configuration)", "bizproc": "право приложения на роботов (bizproc)",
    "messageservice": "право приложения на SMS (messageservice)",
    "events": "события приложения", "app": "приложение",
}  # fmt: skip
# Some portals tell the end a stage means in words only.
ENDS: Mapping[str, str] = {"success": "S", "failure": "F", "apology": "F"}
INSTALLED_METHODS = ("app.info", "event.get", "events")


class SetupReader:
    """Raises what concerns all: no answer, too many requests, not let in."""

    def __init__(
        self, client: Client, mapping: MappingSet, language: str, admins: Callable[[], frozenset[str]] = frozenset
    ) -> None:
        self._client, self._mapping, self._admins = client, mapping, admins
        self._language = LANGUAGES.get(language, "ru")

    def read(self, memory: Memory, app: Mapping[str, Any] | None) -> State:
        state, every = State(), owners(self._mapping)
        self._take(state, self._first(every, memory))
        self._people(state, memory)
        types = find_types(every, state, memory)
        second: list[Asked] = [
            ("fields", *self._fields(fields_entity("smart", one.id)))
            for one in types.values()
            if fields_entity("smart", one.id) not in state.fields
        ]
        second += [("relations", "crm.type.get", {"id": one.id}) for one in types.values()]
        second += [
            ("lists", "lists.field.get", {"IBLOCK_TYPE_ID": BLOCK, "IBLOCK_ID": one.id})
            for one in find_lists(self._mapping, state.lists, memory).values()
        ]
        self._take(state, second)
        self._cards(state, memory)
        self._options(state)
        if app is not None:
            try:
                state.app = self._app(state, app, memory)
            except NotConnected as exc:  # the webhook may reach all the rest
                state.refused["app"] = exc
        return state

    # --- what to ask ----------------------------------------------------------------------------------------------------

    def _first(self, every: Sequence[Owner], memory: Memory) -> list[Asked]:
        asked: list[Asked] = [("crm", "crm.status.list", {"order": {"SORT": "ASC"}})]
        named = {owner.kind for owner in every}
        kinds = [
            k
            for k in ENTITY_TYPES
            if k in named or any(str(one).startswith(f"CRM_{k.upper()}:") for one in memory.ids["field"].values())
        ]
        if any(kind_of(entity) == "deal" for entity in self._mapping.entities.values()) or memory.ids["pipeline"]:
            asked.append(("crm", "crm.category.list", {"entityTypeId": ENTITY_TYPES["deal"]}))
        if any(owner.kind == "smart" for owner in every) or memory.ids["smart"]:
            asked.append(("crm", "crm.type.list", {"order": {"id": "ASC"}}))
        asked += [("fields", *self._fields(fields_entity(kind, 0))) for kind in kinds]
        if self._mapping.lists or memory.ids["list"]:
            asked += self._lists(memory)
        return asked

    def _lists(self, memory: Memory) -> list[Asked]:
        asked: list[Asked] = [("lists", "lists.get", {"IBLOCK_TYPE_ID": BLOCK}), ("profile", "profile", {})]
        if any(one.readers for one in self._mapping.lists.values()) or has_given(memory, "DR"):
            asked.append(("departments", "department.get", {}))
        return asked

    def _people(self, state: State, memory: Memory) -> None:
        if any(one.reader_roles for one in self._mapping.lists.values()) or has_given(memory, "U"):
            try:
                state.people = read_people(self._client, self._admins)
            except Rejected as exc:
                state.refused.setdefault("people", exc)

    def readers(self, memory: Memory) -> State:
        """What says who is to read the lists, and no more."""
        state = State()
        self._take(state, self._lists(memory))
        self._people(state, memory)
        return state

    def _fields(self, entity: str) -> tuple[str, Raw]:
        select = {"0": "*", "language": self._language}
        return "userfieldconfig.list", {"moduleId": "crm", "select": select, "filter": {"entityId": entity}}

    def _take(self, state: State, asked: Sequence[Asked]) -> None:
        calls = [(method, params) for _area, method, params in asked]
        answers = pages(self._client, calls) if calls else []
        for (area, method, params), outcome in zip(asked, answers, strict=True):
            if _usable(state, area, outcome):
                _put(state, method, params, outcome.value)

    def _options(self, state: State) -> None:
        """The list gives no values; each field does. Only those that the set may mean are asked."""
        labels = {folded(one.label) for owner in owners(self._mapping) for one in owner.fields.values() if one.values}
        asked = [
            (entity, number, one)
            for entity, fields in state.fields.items()
            for number, one in enumerate(fields)
            if one.type == "enumeration" and not one.options and (folded(one.label) in labels or self._coded(one.code))
        ]
        calls = [("userfieldconfig.get", {"moduleId": "crm", "id": one.id}) for _entity, _number, one in asked]
        answers = self._client.batch(calls) if calls else []
        for (entity, number, _one), outcome in zip(asked, answers, strict=True):
            if _usable(state, "fields", outcome) and isinstance(outcome.value, dict):
                state.fields[entity][number] = _user_field(outcome.value.get("field") or {}, self._language)

    def _cards(self, state: State, memory: Memory) -> None:
        """How cards are arranged for everybody, where the set says so."""
        places = [place for place in places_of(self._mapping, state, memory) if place.number is not None]
        answers = self._client.batch([(CARD, place.asked()) for place in places]) if places else []
        for place, outcome in zip(places, answers, strict=True):
            if _usable(state, "cards", outcome):
                state.cards[place.key] = _card_view(outcome.value)

    def _coded(self, code: str) -> bool:
        """A renamed field of ours is known by its code only."""
        names = {name.upper() for owner in owners(self._mapping) for name, one in owner.fields.items() if one.values}
        own = {one.code for owner in owners(self._mapping) for one in owner.fields.values() if one.values and one.code}
        return code in own or any(code.endswith(f"_{name}") for name in names)

    # --- the application ------------------------------------------------------------------------------------------------

    def _app(self, state: State, token: Mapping[str, Any], memory: Memory) -> Application:
        portal = self._mapping.portal
        asked: list[Asked] = [("events", method, {}) for method in INSTALLED_METHODS]
        # These demand a right of their own; where the set has no use for them, it is no fault if the right is not given.
        asked += [("placement" if portal.placement else "", method, {}) for method in ("placement.get", "placement.list")]
        asked.append(("placement" if portal.field_type else "", "userfieldtype.list", {}))
        asked.append(("bizproc" if portal.robot else "", "bizproc.robot.list", {}))
        if portal.sender or memory.ids["sender"]:
            asked.append(("messageservice" if portal.sender else "", "messageservice.sender.list", {}))
        answers = self._client.batch([(method, params) for _area, method, params in asked], app=True)
        response = {
            method: outcome.value
            for (area, method, _params), outcome in zip(asked, answers, strict=True)
            if _usable(state, area, outcome)
        }
        info = response.get("app.info")
        return Application(
            id=str(info.get("ID") or "") if isinstance(info, dict) else "",
            user_id=str(token.get("user_id") or ""),
            installed=not isinstance(info, dict) or info.get("INSTALLED") is not False,
            events=tuple(
                (str(one.get("event") or "").upper(), str(one.get("handler") or ""))
                for one in rows(response.get("event.get"))
            ),
            known_events=frozenset(str(name).upper() for name in _texts(response.get("events"))),
            placed=tuple(
                Placed(str(one.get("placement") or ""), str(one.get("handler") or ""), str(one.get("title") or ""))
                for one in rows(response.get("placement.get"))
            ),
            places=frozenset(_texts(response.get("placement.list"))),
            senders=frozenset(_texts(response.get("messageservice.sender.list"))),
            robots=frozenset(_texts(response.get("bizproc.robot.list"))),
            types={
                str(one.get("USER_TYPE_ID") or ""): str(one.get("HANDLER") or "")
                for one in rows(response.get("userfieldtype.list"))
            },
        )


def _usable(state: State, area: str, outcome: Outcome) -> bool:
    fault = outcome.fault
    if fault is None:
        return True
    if not isinstance(fault, Rejected):
        raise fault
    if area in AREAS:
        state.refused.setdefault(area, fault)
    return False


def _texts(value: Any) -> list[str]:
    found = list(value.values()) if isinstance(value, dict) else value
    return [str(one) for one in found] if isinstance(found, list) else []


# --- the wire's shapes ---------------------------------------------------------------------------------------------------


def _put(state: State, method: str, params: Raw, value: Any) -> None:
    if method == "crm.status.list":
        state.statuses = [_status(raw) for raw in rows(value)]
    elif method == "crm.category.list":
        state.categories = [_category(raw) for raw in rows(value, "categories")]
    elif method == "crm.type.list":
        state.types = [_smart(raw) for raw in rows(value, "types")]
    elif method == "crm.type.get":
        _relate(state, value)
    elif method == "userfieldconfig.list":
        language = str(params["select"]["language"])
        state.fields[str(params["filter"]["entityId"])] = [_user_field(raw, language) for raw in rows(value, "fields")]
    elif method == "lists.get":
        state.lists = lists_in(value)
    elif method == "lists.field.get":
        state.list_fields[str(params["IBLOCK_ID"])] = list_fields_in(value)
    elif method == "profile":
        state.user_id = str(value.get("ID") or "") if isinstance(value, dict) else ""
    elif method == "department.get":
        state.departments = {folded(str(raw.get("NAME") or "")): str(raw.get("ID")) for raw in rows(value)}


def _status(raw: Raw) -> Status:
    extra = raw.get("EXTRA")
    color = raw.get("COLOR") or (extra.get("COLOR") if isinstance(extra, dict) else "")
    return Status(
        id=str(raw.get("ID")),
        entity=str(raw.get("ENTITY_ID")),
        code=str(raw.get("STATUS_ID")),
        name=str(raw.get("NAME") or ""),
        sort=_number(raw.get("SORT")),
        color=str(color or ""),
        semantics=str(raw.get("SEMANTICS") or ENDS.get(str(extra.get("SEMANTICS")) if isinstance(extra, dict) else "", "")),
        system=raw.get("SYSTEM") == "Y",
    )


def _category(raw: Raw) -> Category:
    return Category(_number(raw.get("id")), str(raw.get("name") or ""), str(raw.get("originId") or ""))


def _smart(raw: Raw) -> SmartType:
    relations = raw.get("relations")
    return SmartType(
        _number(raw.get("id")),
        _number(raw.get("entityTypeId")),
        str(raw.get("title") or ""),
        relations if isinstance(relations, dict) else {},
    )


def _relate(state: State, value: Any) -> None:
    raw = value.get("type") if isinstance(value, dict) else None
    if isinstance(raw, dict):
        full = _smart(raw)
        state.types = [full if one.id == full.id else one for one in state.types]


def _user_field(raw: Raw, language: str) -> UserField:
    settings, options = raw.get("settings"), rows(raw.get("enum"))
    return UserField(
        id=str(raw.get("id")),
        code=str(raw.get("fieldName") or ""),
        type=str(raw.get("userTypeId") or ""),
        label=_label(raw, language),
        multiple=raw.get("multiple") == "Y",
        mandatory=raw.get("mandatory") == "Y",
        settings=settings if isinstance(settings, dict) else {},
        options=tuple(
            Option(str(one.get("id")), str(one.get("value") or ""), str(one.get("xmlId") or ""), _number(one.get("sort")))
            for one in options
        ),
    )


def _card_view(value: Any) -> CardView | None:
    """None where nobody has arranged these cards."""
    sections = [raw for raw in rows(value) if raw.get("title")]
    if not sections:
        return None
    return tuple(
        CardSection(str(raw["title"]), tuple(_element(one) for one in rows(raw.get("elements")))) for raw in sections
    )


def _element(raw: Raw) -> Element:
    options = raw.get("options")
    return Element(
        str(raw.get("name") or ""), str(raw.get("optionFlags")) == "1", options if isinstance(options, dict) else {}
    )


def _label(raw: Raw, language: str) -> str:
    """Labels are a text, or a map by language in which the asked one may be missing."""
    for name in ("editFormLabel", "listColumnLabel", "listFilterLabel"):
        response = raw.get(name)
        if isinstance(response, dict):
            response = response.get(language) or next((text for text in response.values() if text), "")
        if response:
            return str(response)
    return ""


def lists_in(value: Any) -> list[UniversalList]:
    """The answer of lists.get."""
    return [_list(raw) for raw in rows(value)]


def list_fields_in(value: Any) -> list[ListField]:
    """The answer of lists.field.get, without what every list has."""
    return [one for raw in rows(value) if (one := _list_field(raw)).id.startswith("PROPERTY_")]


def _list(raw: Raw) -> UniversalList:
    return UniversalList(str(raw.get("ID")), str(raw.get("CODE") or ""), str(raw.get("NAME") or ""))


def _list_field(raw: Raw) -> ListField:
    settings, options = raw.get("USER_TYPE_SETTINGS"), raw.get("DISPLAY_VALUES_FORM")
    return ListField(
        id=str(raw.get("FIELD_ID") or ""),
        code=str(raw.get("CODE") or ""),
        name=str(raw.get("NAME") or ""),
        type=str(raw.get("TYPE") or ""),
        multiple=raw.get("MULTIPLE") == "Y",
        settings=settings if isinstance(settings, dict) else {},
        options={str(number): str(text) for number, text in options.items()} if isinstance(options, dict) else {},
    )


def _number(value: Any) -> int:
    text = str(value or "0")
    return int(text) if text.lstrip("-").isdigit() else 0
