"""Who reads a list: let in by `annex apply` as departments and roles say; whoever is to read it no more is named."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.bitrix24.doctor import _readers
from connectors.bitrix24.tests.straight import Place, a_set
from connectors.bitrix24.tests.whole_set import in_list, only
from kernel.errors import Misconfigured
from kernel.mapping import Change, MappingSet, load_set
from kernel.testing.trouble import Crash
from kernel.texts import translate
from sandbox.bitrix24.lists import area

ROLES = {"owner": {"label": "владелец", "administrators": True}, "head": {"label": "руководитель", "heads": ["*"]}}
CASH = {"label": "Деньги", "field": {"amount": {"label": "Сумма"}}}
SELLERS, SUPPORT = 5, 7
ANNA, PAVEL, IRINA = "2", "3", "11"


def lists(**cash: Any) -> MappingSet:
    return a_set({}, lists={"cash": {**CASH, **cash}}, role=ROLES)


HEADS = lists(reader_roles=["owner", "head"])


def rights(place: Place) -> dict[str, str]:
    [cash] = area(place.client.portal).lists.values()
    return cash.rights


def head(place: Place, department: int, person: str) -> None:
    place.client.call("department.update", {"ID": department, "UF_HEAD": person})


def confirm(change: Change) -> None:
    assert change.kind == "manual" and change.make
    change.make()


def told(place: Place, mapping: MappingSet) -> list[str]:
    """What the doctor says of it."""
    connection: Any = SimpleNamespace(mapping=mapping, vault=place.vault)
    read: Any = SimpleNamespace(client_id="")
    client: Any = place.client
    return list(_readers(client, connection, read, lambda code, **values: translate("ru", code, **values)))


@pytest.fixture
def place() -> Place:
    made = Place()
    assert made.apply(HEADS) == []
    return made


def test_people_of_the_roles_read_a_new_list_and_an_administrator_reads_it_anyway(place: Place) -> None:
    assert rights(place) == {"U1": "X", f"U{ANNA}": "R", f"U{PAVEL}": "R"}
    before = len(place.client.writes)
    assert place.plan(HEADS) == [] and place.apply(HEADS) == [] and len(place.client.writes) == before
    assert told(place, HEADS) == []


def test_a_head_who_came_is_let_in_and_one_who_left_is_named_until_a_person_has_done_it(place: Place) -> None:
    head(place, SELLERS, IRINA)
    give, take = place.plan(HEADS)
    assert (give.kind, give.detail) == ("change", "дать чтение: Ирина Белова")
    assert take.kind == "manual" and "Анна Громова" in take.detail and "«Деньги»" in take.what
    came, left = told(place, HEADS)
    assert "Ирина Белова" in came and "annex apply" in came and "«Деньги»" in came and "Анна Громова" in left
    assert only(place.apply(HEADS)).kind == "manual" and rights(place)[f"U{IRINA}"] == "R"
    assert "Анна Громова" in only(place.plan(HEADS)).detail, "nobody can see whether it is done"
    confirm(only(place.plan(HEADS)))
    assert place.plan(HEADS) == [] and told(place, HEADS) == []
    head(place, SELLERS, ANNA)
    assert only(place.setup(HEADS).plan()[:1]).detail == "дать чтение: Анна Громова", "they are back"


def test_who_has_left_the_firm_reads_nothing_and_is_not_asked_about(place: Place) -> None:
    head(place, SELLERS, IRINA)
    place.client.call("user.update", {"ID": ANNA, "ACTIVE": "N"})
    assert place.apply(HEADS) == []


def test_a_list_that_departments_read_passes_to_roles_and_back() -> None:
    there, sellers = Place(), lists(readers=["Отдел продаж"])
    assert there.apply(sellers) == [] and rights(there) == {"U1": "X", f"DR{SELLERS}": "R"}
    take = only(there.apply(HEADS))
    assert "отдел продаж" in take.detail and rights(there)[f"U{ANNA}"] == "R"
    confirm(take)
    assert there.plan(HEADS) == []
    nobody = lists()
    assert sorted(only(there.plan(nobody)).detail.partition(": ")[2].partition(". ")[0].split(", ")) == [
        "Анна Громова", "Павел Зимин"
    ]  # fmt: skip
    everybody = lists(readers=["*"])
    left = there.apply(everybody)
    assert rights(there)["*"] == "R" and only(left).kind == "manual"


def test_of_a_list_made_by_an_earlier_release_a_person_looks_who_reads_it(place: Place) -> None:
    ids = place.vault.get("ids") or {}
    place.vault.put("ids", {**ids, "list_reader": {}})  # it wrote nothing down
    look = only(place.apply(HEADS))
    assert look.kind == "manual" and "отделы" in look.detail
    confirm(look)
    assert place.plan(HEADS) == []


def test_several_lists_are_one_thing_to_do_by_hand() -> None:
    there = Place()
    both = a_set({}, role=ROLES, lists={
        name: {"label": name, "reader_roles": ["head"], "field": CASH["field"]} for name in ("one", "two")
    })  # fmt: skip
    assert there.apply(both) == []
    head(there, SELLERS, PAVEL)
    assert only(there.plan(both)).what == "права списков «one», «two»"


def test_a_list_made_anew_lets_its_readers_in_again(place: Place) -> None:
    place.client.call("lists.delete", in_list(place, "Деньги"))
    assert place.apply(HEADS) == []
    assert rights(place) == {"U1": "X", f"U{ANNA}": "R", f"U{PAVEL}": "R"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_wherever_apply_dies_the_next_one_lets_the_same_people_in(when: str) -> None:
    whole = Place()
    whole.apply(HEADS)
    for nth in range(1, len(whole.client.writes) + 1):
        there = Place()
        there.client.die_at = (nth, when)
        with pytest.raises(Crash):
            there.apply(HEADS)
        assert there.apply(HEADS) == [] and rights(there) == rights(whole)


def test_without_the_right_to_see_people_that_is_said_and_nobody_is_taken_for_gone(place: Place) -> None:
    place.client._hook = place.client._hook.__class__(
        "webhook", "sandbox", "1", frozenset({"crm", "lists", "userfieldconfig", "department"}), admin=True
    )
    change = only(place.plan(HEADS))
    assert change.kind == "manual" and "user" in change.detail and "сотрудников" in change.what


def test_a_role_that_is_not_there_is_named_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "portal.toml").write_text('connector = "bitrix24"\n[role.head]\nlabel = "h"\n', encoding="utf-8")
    text = 'name = "cash"\nlabel = "Деньги"\nreader_roles = ["head", "boss"]\n'
    (tmp_path / "list.cash.toml").write_text(text, encoding="utf-8")
    with pytest.raises(
        Misconfigured, match=r"list\.cash\.toml, line 3: reader_roles: «boss» is no role of this set; known: head"
    ):
        load_set(tmp_path)
