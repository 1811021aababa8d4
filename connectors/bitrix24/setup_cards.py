"""Cards: which fields everybody sees, in which sections and order, by `[card.X]` of the set.

The portal keeps one arrangement for everybody (scope `C`), of deals one for each pipeline. Writing it overwrites what staff
arranged there, so each is asked about. What a person arranged for themselves stays theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.bitrix24.codes import ENTITY_TYPES, Kind, kind_of
from connectors.bitrix24.setup_blocks import field_of_block
from connectors.bitrix24.setup_model import Call, CardSection, CardView, Element, Memory, State, Step
from connectors.bitrix24.setup_stages import find_pipelines
from connectors.bitrix24.setup_words import RECORDS
from connectors.bitrix24.system import SYSTEM_FIELDS
from kernel.errors import Misconfigured
from kernel.mapping import CardMap, EntityMap, MappingSet, SectionMap

GET, SET = "crm.item.details.configuration.get", "crm.item.details.configuration.set"
COMMON = "C"
CLIENT, SUM = "CLIENT", "OPPORTUNITY_WITH_CURRENCY"
# Where a card calls a system field otherwise than by its code in capitals.
NAMES: Mapping[str, str] = {
    "firstName": "NAME", "contactId": CLIENT, "contactIds": CLIENT, "companyId": CLIENT, "opportunity": SUM,
    "currencyId": SUM, "observers": "OBSERVER", "telegram": "IM",
}  # fmt: skip
NAMES_OF: Mapping[Kind, Mapping[str, str]] = {"contact": {"companyId": "COMPANY"}, "company": {"name": "TITLE"}}
TITLES: Mapping[str, str] = {
    CLIENT: "Клиент", SUM: "Сумма и валюта", "COMMENTS": "Комментарий", "CONTACT": "Контакты", "LAST_NAME": "Фамилия",
    "SECOND_NAME": "Отчество", "OBSERVER": "Наблюдатели", "POST": "Должность", "ADDRESS": "Адрес", "STAGE_ID": "Стадия",
}  # fmt: skip
# New leads and those of people who came before.
LEADS: Mapping[str, tuple[str, int]] = {"": ("", 1), "repeated": ("повторных ", 2)}


@dataclass(frozen=True)
class Place:
    """Cards that share one arrangement."""

    key: str  #: "deal.sales", "lead.repeated", "contact"
    entity: EntityMap
    what: str
    sections: Sequence[SectionMap]
    number: int | None  #: of what tells these cards from others of the kind; None: not made yet

    @property
    def kind(self) -> Kind:
        return kind_of(self.entity)

    def asked(self) -> dict[str, Any]:
        extras = {"deal": "dealCategoryId", "lead": "leadCustomerType"}.get(self.kind)
        told = {"extras": {extras: self.number}} if extras else {}
        return {"entityTypeId": ENTITY_TYPES[self.kind], "scope": COMMON, **told}


def places_of(mapping: MappingSet, state: State, memory: Memory) -> list[Place]:
    """Raises Misconfigured for records that have no card of their own."""
    found = list[Place]()
    for name, card in mapping.portal.card.items():
        entity = mapping.entity(name)
        if entity.narrow or kind_of(entity) == "smart":
            raise Misconfigured(
                f"{mapping.place(['card', name])}: only leads, deals, contacts and companies have a card to arrange"
            )
        found += [place for place in _places(entity, card, state, memory) if place.sections]
    return found


def _places(entity: EntityMap, card: CardMap, state: State, memory: Memory) -> Iterator[Place]:
    kind, name = kind_of(entity), entity.entity
    what = f"вид карточки {RECORDS[kind]}"
    if kind == "lead":
        for word, (title, number) in LEADS.items():
            yield Place(f"{name}.{word}".rstrip("."), entity, f"вид карточки {title}{RECORDS[kind]}", card.sections, number)
    elif kind != "deal" or not entity.pipeline:
        yield Place(name, entity, what, card.sections, 0)
    else:
        found = find_pipelines(entity, state, memory)
        for key, one in entity.pipeline.items():
            category = found[key].id if key in found else None
            yield Place(f"{name}.{key}", entity, f"{what}, воронка «{one.label}»", card.of_pipeline(key), category)


def card_steps(mapping: MappingSet, state: State, memory: Memory) -> list[Step]:
    if {"cards", "fields"} & state.refused.keys():
        return []
    steps = []
    for place in places_of(mapping, state, memory):
        wanted = _wanted(place, mapping, state, memory)
        if wanted is None or place.key not in state.cards:
            pages = {name: one.title for name, one in mapping.portal.field_type.items()}
            steps.append(Step("arrange", place.what, _later(place, pages)))
            continue
        present = state.cards[place.key]
        if _same(wanted, present):
            continue
        call = Call(SET, {**place.asked(), "data": _data(wanted, present)})
        steps.append(Step("arrange", place.what, _differs(wanted, present, _titles(place, mapping, state)), (call,)))
    return steps


# --- what shall be there ---------------------------------------------------------------------------------------------------


def _wanted(place: Place, mapping: MappingSet, state: State, memory: Memory) -> CardView | None:
    """None while a field, or the pipeline, is not made yet."""
    if place.number is None:
        return None
    found, taken = [], set[str]()
    for section in place.sections:
        elements = []
        for name in section.fields:
            code = _code(place, name, mapping, state, memory)
            if code is None:
                return None
            if code and code not in taken:  # contact and company of a deal are one field of its card
                taken.add(code)
                always = name in section.always or name in mapping.portal.field_type
                elements.append(Element(code, always))
        found.append(CardSection(section.title, tuple(elements)))
    return tuple(one for one in found if one.elements)


def _code(place: Place, name: str, mapping: MappingSet, state: State, memory: Memory) -> str | None:
    """What the card calls it. None: not made yet; empty: it does not belong there now."""
    field = place.entity.field.get(name)
    if field is None:
        if name in mapping.portal.field_type:
            block = field_of_block(name, place.kind, state)
            return block.code if block else None
        return name if name.isupper() else ""  # a page of a connection that is off
    if field.system:
        return card_name(field.system, place.kind)
    return str(memory.get("field", f"{place.entity.entity}.{name}") or "").partition(":")[2] or None


def card_name(system: str, kind: Kind) -> str:
    """assignedById -> ASSIGNED_BY_ID."""
    own = NAMES_OF.get(kind, {}).get(system) or NAMES.get(system)
    return own or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", system).upper()


# --- comparing -------------------------------------------------------------------------------------------------------------


def _same(wanted: CardView, present: CardView | None) -> bool:
    return present is not None and [(one.title, one.elements) for one in wanted] == [
        (one.title, tuple(Element(e.name, e.always) for e in one.elements)) for one in present
    ]


def _data(wanted: CardView, present: CardView | None) -> list[dict[str, Any]]:
    """What staff set of a field itself (the country of a phone, say) stays."""
    options = {one.name: {"options": one.options} for section in present or () for one in section.elements if one.options}
    return [
        {
            "name": f"annex_{number}", "title": section.title, "type": "section",
            "elements": [
                {"name": one.name, "optionFlags": int(one.always), **options.get(one.name, {})} for one in section.elements
            ],
        }
        for number, section in enumerate(wanted, 1)
    ]  # fmt: skip


# --- in words --------------------------------------------------------------------------------------------------------------


def _titles(place: Place, mapping: MappingSet, state: State) -> dict[str, str]:
    """By what the card calls it: what staff see."""
    found = {one.code: one.label or one.code for one in state.fields.get(f"CRM_{place.kind.upper()}", ())}
    for system, known in SYSTEM_FIELDS[place.kind].items():
        found.setdefault(card_name(system, place.kind), known.title)
    for one in place.entity.field.values():
        if one.system and one.title:
            found[card_name(one.system, place.kind)] = one.title
    return {**TITLES, **found, CLIENT: TITLES[CLIENT], SUM: TITLES[SUM]}


def _later(place: Place, pages: Mapping[str, str]) -> str:
    """In the set's own words: the portal does not have all of it yet."""
    names = {**TITLES, **{name: field.name for name, field in place.entity.field.items()}, **pages}
    shall = (f"«{one.title}» ({', '.join(names.get(name, name) for name in one.fields)})" for one in place.sections)
    return f"будет: {' · '.join(shall)}"


def _differs(wanted: CardView, present: CardView | None, titles: Mapping[str, str]) -> str:
    shall = f"будет: {_view(wanted, titles)}"
    if present is None:
        return f"сейчас как у портала по умолчанию; {shall}"
    named = {one.name for section in wanted for one in section.elements}
    gone = [titles.get(one.name, one.name) for section in present for one in section.elements if one.name not in named]
    lost = f"; больше не будет видно: {', '.join(gone)}" if gone else ""
    return f"сейчас: {_view(present, titles)}; {shall}{lost}"


def _view(view: CardView, titles: Mapping[str, str]) -> str:
    return " · ".join(f"«{one.title}» ({', '.join(titles.get(e.name, e.name) for e in one.elements)})" for one in view)
