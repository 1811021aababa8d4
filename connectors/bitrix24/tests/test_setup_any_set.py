"""Any set on any portal: applied twice it changes nothing, killed anywhere it ends the same, and staff's things stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.bitrix24.tests.straight import Place, a_set
from kernel.extension import Plugin, Watch
from kernel.mapping import MappingSet
from kernel.testing.trouble import Crash

WORDS = ("alpha", "beta", "gamma", "delta", "omega")
LABELS = ("Первый", "Второй", "Третий", "Четвёртый", "Пятый", "Шестой")
TYPES = ("text", "decimal", "date", "datetime", "bool", "choice", "contact", "company", "deal", "user", "users")
LINKS: tuple[list[str], ...] = ([], ["contact"], ["contact", "company"])
VALUES = ("один", "два", "три")
PLUGINS = (Plugin("one", "One", watches=(Watch("deal", lambda _unit, _seen: None, tables=("alpha", "beta")),)),)


@st.composite
def fields(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(WORDS), unique=True, max_size=4))
    labels = draw(st.permutations(LABELS))
    found = {}
    for name, label in zip(names, labels, strict=False):
        kind = draw(st.sampled_from(TYPES))
        found[name] = {"label": label, "type": kind, "write": draw(st.booleans())}
        if kind == "choice":
            values = draw(st.lists(st.sampled_from(VALUES), unique=True, min_size=1))
            found[name]["values"] = {f"v{VALUES.index(text)}": text for text in values}
    return found


@st.composite
def stages(draw: st.DrawFn, prefix: str, pipeline: str) -> dict[str, Any]:
    """In any order; at most one of them won."""
    names = draw(st.lists(st.sampled_from(WORDS), unique=True, max_size=5))
    labels = draw(st.permutations(LABELS))
    won, found = draw(st.sampled_from((*names, ""))), {}
    for name, label in zip(names, labels, strict=False):
        outcome = "won" if name == won else draw(st.sampled_from(("", "", "lost")))
        found[f"{prefix}{name}"] = {
            "label": label,
            "outcome": outcome,
            "pipeline": pipeline,
            "color": draw(st.sampled_from(("", "#ABCDEF"))),
        }
    return found


@st.composite
def sets(draw: st.DrawFn) -> MappingSet:
    pipelines = draw(st.lists(st.sampled_from(WORDS[:3]), unique=True, max_size=2))
    made: dict[str, Any] = {}
    for word in pipelines:
        made |= draw(stages(f"{word}_", word))
    if not pipelines:
        made = draw(stages("", ""))
    tables = {
        name: {"label": f"Таблица {name}", "key": "k", "field": draw(fields())}
        for name in sorted(draw(st.sets(st.sampled_from(WORDS[:2]))))
    }
    entities: dict[str, Any] = {
        "deal": {
            "pipeline": {word: {"label": f"Воронка {word}"} for word in pipelines}, "stage": made,
            "field": draw(fields()), "table": tables,
        },
        "contact": {"field": draw(fields())},
    }  # fmt: skip
    if draw(st.booleans()):
        entities["lead"] = {"stage": draw(stages("", "")), "field": draw(fields())}
    lists = {
        name: {"label": f"Список {name}", "link": draw(st.sampled_from(LINKS)), "field": draw(fields())}
        for name in sorted(draw(st.sets(st.sampled_from(WORDS[:2]))))
    }
    pages = sorted(draw(st.sets(st.sampled_from(("/a/", "/b/")))))
    placed = {f"p{n}": {"place": "LEFT_MENU", "title": f"T{n}", "page": page} for n, page in enumerate(pages)}
    robots = {"check": {"label": "Проверить", "event": "deal.recalculate"}} if draw(st.booleans()) else {}
    return a_set(entities, lists=lists, placement=placed, robot=robots)


@st.composite
def meddling(draw: st.DrawFn) -> list[tuple[str, int]]:
    """What staff do: each is a deed and which of the things it falls on."""
    deeds = st.sampled_from(
        ("rename stage", "move stage", "delete stage", "rename field", "delete field", "rename pipeline", "own")
    )
    return draw(st.lists(st.tuples(deeds, st.integers(0, 30)), max_size=5))


def meddle(place: Place, deeds: list[tuple[str, int]]) -> None:
    for number, (deed, which) in enumerate(deeds):
        verb, _, thing = deed.partition(" ")
        if deed == "own":
            own(place, number)
        elif thing == "stage":
            found = [
                one
                for one in place.client.call("crm.status.list", {})
                if one["ENTITY_ID"].startswith(("DEAL_STAGE_", "STATUS"))
            ]
            if found:
                spoil_stage(place, verb, found[which % len(found)], number)
        elif thing == "field":
            asked = {"moduleId": "crm", "select": {"0": "*", "language": "ru"}, "filter": {"entityId": "CRM_DEAL"}}
            every = [
                one for one in place.client.call("userfieldconfig.list", asked)["fields"] if "_OWN" not in one["fieldName"]
            ]
            if every:
                spoil_field(place, verb, every[which % len(every)], number)
        else:
            pipelines = [
                one for one in place.client.call("crm.category.list", {"entityTypeId": 2})["categories"] if one["id"]
            ]
            if pipelines:
                chosen = pipelines[which % len(pipelines)]["id"]
                fields = {"name": f"Переименована {number}"}
                place.client.call("crm.category.update", {"entityTypeId": 2, "id": chosen, "fields": fields})


def spoil_stage(place: Place, verb: str, stage: Mapping[str, Any], number: int) -> None:
    if verb == "rename":
        place.client.call("crm.status.update", {"id": stage["ID"], "fields": {"NAME": f"Чужое {number}"}})
    elif verb == "move" and not stage["SEMANTICS"]:
        place.client.call("crm.status.update", {"id": stage["ID"], "fields": {"SORT": 1}})
    elif verb == "delete" and stage["SYSTEM"] == "N":
        place.client.call("crm.status.delete", {"id": stage["ID"]})


def spoil_field(place: Place, verb: str, field: Mapping[str, Any], number: int) -> None:
    params: dict[str, Any] = {"moduleId": "crm", "id": field["id"]}
    if verb == "rename":
        text = f"Чужое {number}"
        place.client.call(
            "userfieldconfig.update", {**params, "field": {"editFormLabel": {"ru": text, "en": text, "ua": text}}}
        )
    else:
        place.client.call("userfieldconfig.delete", params)


def own(place: Place, number: int) -> None:
    """Things that no set names."""
    label = f"Своё {number}"
    field = {
        "entityId": "CRM_DEAL",
        "fieldName": f"UF_CRM_OWN{number}",
        "userTypeId": "string",
        "editFormLabel": {"ru": label},
    }
    place.client.call("userfieldconfig.add", {"moduleId": "crm", "field": field})
    place.client.call("crm.category.add", {"entityTypeId": 2, "fields": {"name": label}})
    place.client.call("lists.add", {"IBLOCK_TYPE_ID": "lists", "IBLOCK_CODE": f"own{number}", "FIELDS": {"NAME": label}})
    place.client.call("crm.type.add", {"fields": {"title": label}})


def owned(snapshot: Mapping[str, Any]) -> tuple[Any, ...]:
    """What stands there of things that no set names."""
    mine = [label for label, *_rest in snapshot["fields"]["deal"] if label.startswith("Своё")]
    lists = [name for name in snapshot["lists"] if name.startswith("Своё")]
    return (
        mine,
        lists,
        [n for n in snapshot["pipelines"] if n.startswith("Своё")],
        [n for n in snapshot["types"] if n.startswith("Своё")],
    )


def lived(first: MappingSet, deeds: list[tuple[str, int]]) -> Place:
    place = Place()
    assert_only_for_people(place, first)
    meddle(place, deeds)
    return place


def assert_only_for_people(place: Place, mapping: MappingSet) -> None:
    """Applied with all drops agreed to, and looked at once more."""
    left = place.apply(mapping, PLUGINS, drops=True)
    assert {one.kind for one in left} <= {"manual"}, left
    writes, snapshot = len(place.client.writes), place.snapshot()
    assert place.plan(mapping, PLUGINS) == left
    place.apply(mapping, PLUGINS, drops=True)
    assert len(place.client.writes) == writes and place.snapshot() == snapshot


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(first=sets(), second=sets(), deeds=meddling())
def test_any_set_ends_and_a_second_apply_changes_nothing(
    first: MappingSet, second: MappingSet, deeds: list[tuple[str, int]]
) -> None:
    place = lived(first, deeds)
    before = owned(place.snapshot())
    assert_only_for_people(place, first)
    assert_only_for_people(place, second)
    assert owned(place.snapshot()) == before, "what the staff made is not ours to touch"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(first=sets(), second=sets(), deeds=meddling(), data=st.data())
def test_killed_anywhere_it_ends_in_the_same_state(
    first: MappingSet, second: MappingSet, deeds: list[tuple[str, int]], data: st.DataObject
) -> None:
    whole, broken = lived(first, deeds), lived(first, deeds)
    began = len(whole.client.writes)
    assert_only_for_people(whole, second)
    calls = len(whole.client.writes) - began
    for _death in range(2 if calls else 0):
        broken.client.die_at = (data.draw(st.integers(1, calls)), data.draw(st.sampled_from(("before", "after"))))
        try:
            broken.apply(second, PLUGINS, drops=True)
        except Crash:
            continue
        broken.client.die_at = None
    broken.client.die_at = None
    assert_only_for_people(broken, second)
    assert broken.snapshot() == whole.snapshot()
