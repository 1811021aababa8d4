"""Which fields a card shows, in which sections and order: crm.item.details.configuration.*, one's own or everybody's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import formats
from sandbox.bitrix24.crm import categories
from sandbox.bitrix24.crm.rights import admin_only
from sandbox.bitrix24.crm.store import DEAL, LEAD, Kind, crm
from sandbox.bitrix24.doors import BadRequest, door
from sandbox.bitrix24.registry import Call, RestError, method
from sandbox.bitrix24.state import Portal

COMMON = ""  #: in the place of a person: everybody's
Place = tuple[int, int, str]  #: entityTypeId, pipeline (of leads: new or repeated), person
Sections = list[dict[str, Any]]


@dataclass
class CardViews:
    kept: dict[Place, Sections] = field(default_factory=dict)


def _variant(portal: Portal, kind: Kind, extras: Mapping[str, Any]) -> int:
    """Pipelines have views of their own, and so have leads of those who came before."""
    if kind.type_id == LEAD:
        return formats.integer(extras.get("leadCustomerType")) or 1
    if kind.type_id == DEAL:
        return formats.integer(extras.get("dealCategoryId")) or 0
    if kind.dynamic:
        return formats.integer(extras.get("categoryId")) or categories.default(portal, kind.type_id)
    return 0


def _place(call: Call, *, writes: bool) -> Place:
    number = formats.integer(call.get("entityTypeId"))
    if number is None:
        raise RestError(400, "", "Parameter 'entityTypeId' is not defined")
    kind = crm(call.portal).kinds.get(number)
    if kind is None:
        raise RestError(400, "", f"The entity type '{number}' is not supported in current context.")
    variant = _variant(call.portal, kind, formats.mapping(call.get("extras"), "extras"))
    if str(call.get("scope") or "P").upper() == "C":
        if writes:
            admin_only(call)
        return number, variant, COMMON
    person = str(formats.integer(call.get("userId")) or call.client.user_id)
    if person != call.client.user_id:
        admin_only(call)
    return number, variant, person


@method("crm.item.details.configuration.get", scope="crm")
def get(call: Call) -> Sections | None:
    return call.portal.area(CardViews).kept.get(_place(call, writes=False))


@method("crm.item.details.configuration.set", scope="crm")
def put(call: Call) -> bool:
    place, data = _place(call, writes=True), call.get("data")
    if isinstance(data, dict):
        if sorted(data) != [str(number) for number in range(len(data))]:
            raise RestError(400, "", "The data must be an indexed array.")
        data = list(data.values())  # a form has no lists
    if not isinstance(data, list):
        raise RestError(400, "", "Parameter 'data' must be an array.")
    if not data:
        raise RestError(400, "", "There are no data to write.")
    call.portal.area(CardViews).kept[place] = [_section(number, one) for number, one in enumerate(data)]
    return True


def _section(number: int, given: Any) -> dict[str, Any]:
    one = given if isinstance(given, dict) else {}
    if one.get("type") != "section":
        text = f"Section at index {number} has type {one.get('type')}. The expected type is 'section'."
        raise RestError(400, "", text)
    for key in ("name", "title"):
        if not one.get(key):
            raise RestError(400, "", f"Section at index {number} does not have {key}.")
    elements = [_element(place, number, item) for place, item in enumerate(formats.items(one.get("elements") or []))]
    return {"name": str(one["name"]), "title": str(one["title"]), "type": "section", "elements": elements}


def _element(place: int, section: int, given: Any) -> dict[str, Any]:
    one = given if isinstance(given, dict) else {}
    if not one.get("name"):
        raise RestError(400, "", f"Element at index {place} in section at index {section} does not have name.")
    shown: dict[str, Any] = {"name": str(one["name"]), "optionFlags": str(formats.integer(one.get("optionFlags")) or 0)}
    options = formats.mapping(one.get("options"), "options")
    return {**shown, "options": options} if options else shown


@method("crm.item.details.configuration.reset", scope="crm")
def reset(call: Call) -> bool:
    call.portal.area(CardViews).kept.pop(_place(call, writes=True), None)
    return True


@method("crm.item.details.configuration.forceCommonScopeForAll", scope="crm")
def force(call: Call) -> bool:
    """Nobody's own view is left."""
    admin_only(call)
    number, variant, _person = _place(call, writes=True)
    kept = call.portal.area(CardViews).kept
    for place in [place for place in kept if place[:2] == (number, variant) and place[2] != COMMON]:
        del kept[place]
    return True


@door("GET", "/sandbox/card-view")
def card_view(sandbox: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a person sees of the cards of one kind: their own view, else everybody's, else the portal's own."""
    portal: Portal = sandbox.portal
    number, user = formats.integer(asked.get("entityTypeId")), str(asked.get("user") or "1")
    with portal.lock:
        if number not in crm(portal).kinds or user not in portal.people:
            raise BadRequest("card-view takes entityTypeId, and perhaps user and category")
        kept, variant = portal.area(CardViews).kept, formats.integer(asked.get("category")) or int(number == LEAD)
        for of, person in (("own", user), ("common", COMMON)):
            if (found := kept.get((number, variant, person))) is not None:
                return {"of": of, "sections": found}
    return {"of": "portal", "sections": []}
