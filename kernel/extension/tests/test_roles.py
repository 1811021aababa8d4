"""Who has which role, what several allow together, and what is wrong with a set's roles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kernel.crm import Person
from kernel.errors import Misconfigured
from kernel.extension import Plugin
from kernel.extension.roles import check_rights, check_role, find_person, problems, rights_of, roles_of
from kernel.mapping import MappingSet, load_set

SET = """\
connector = "toy"
[role.owner]
label = "owner"
administrators = true
rights = ["*"]
[role.till]
label  = { uk = "каса", en = "till" }
groups = ["Каса"]
rights = ["desk"]
[role.head]
label  = "head"
heads  = ["Продажи"]
rights = [
  "desk",
  "desk.team",
]
[role.clerk]
label     = "clerk"
positions = ["Бухгалтер"]
people    = ["user:9", "Олена Коваль"]
rights    = ["books"]
"""
PLUGINS = [
    Plugin("desk", "Desk", pages=lambda portal: None, rights={"desk.team": "team"}),  # type: ignore[arg-type,return-value]
    Plugin("books", "Books", rights={"books": "books"}),
]


def a_set(folder: Path, text: str = SET) -> MappingSet:
    (folder / "portal.toml").write_text(text, encoding="utf-8")
    return load_set(folder)


def person(name: str = "Хтось", number: str = "user:1", **more: object) -> Person:
    return replace(Person(number, name, "staff"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "roles"),
    [
        (person(), set()),
        (person(admin=True), {"owner"}),
        (person(groups=("каса ",)), {"till"}),
        (person(heads=("Продажи",)), {"head"}),
        (person(groups=("Продажи",)), set()),
        (person(positions=("бухгалтер",)), {"clerk"}),
        (person(number="user:9"), {"clerk"}),
        (person("олена  коваль"), {"clerk"}),
        (person(groups=("Каса",), heads=("Продажи",), admin=True), {"owner", "till", "head"}),
        (person(groups=("Каса",), admin=True, active=False), set()),
    ],
)
def test_who_has_which_role(tmp_path: Path, one: Person, roles: set[str]) -> None:
    assert roles_of(a_set(tmp_path).portal, one) == roles


@pytest.mark.row("PL-09")
def test_rights_add_up(tmp_path: Path) -> None:
    portal = a_set(tmp_path).portal
    both = roles_of(portal, person(groups=("Каса",), positions=("Бухгалтер",)))
    assert both == {"till", "clerk"} and rights_of(portal, both) == {"desk", "books"}
    assert rights_of(portal, ()) == frozenset()


def test_a_role_is_called_by_the_readers_language(tmp_path: Path) -> None:
    role = a_set(tmp_path).portal.role["till"]
    assert [role.label_in(one) for one in ("uk", "ru", "en")] == ["каса", "каса", "till"]


def test_only_one_active_person_of_a_name_is_meant() -> None:
    people = [person("Олена", "1"), person("Ігор", "2"), person("Ігор", "3"), person("Марія", "4", active=False)]
    assert [getattr(find_person(people, who), "id", None) for who in ("олена", "Ігор", "3", "Марія", "4", "", " ")] == [
        "1", None, "3", None, None, None, None,
    ]  # fmt: skip


@pytest.mark.row("PL-09")
@pytest.mark.parametrize(
    ("old", "new", "notice"),
    [
        ('  "desk.team",', '  "desk.taem",',
         "line 15: role.head.rights: «desk.taem» is no right of this set; did you mean «desk.team»"),
        ('rights    = ["books"]', 'rights    = ["zzz"]',
         "line 21: role.clerk.rights: «zzz» is no right of this set; known: annex"),
        ('groups = ["Каса"]', 'group = ["Каса"]', "line 8: role.till.group: unknown key"),
        ('groups = ["Каса"]', 'groups = ["Каса"]\nsees = { dael = "own" }',
         "line 9: role.till.sees.dael: «dael» is no kind of record of this set"),
        ('groups = ["Каса"]', 'groups = ["Каса"]\nsees = { deal = "some" }', "role.till.sees.deal"),
        ('[role.till]', '[role.operator]', "not «operator»"),
        ('[role.till]', '[role.Till]', "small Latin letters"),
        ('label = "owner"\n', '', "role.owner.label"),
    ],
)  # fmt: skip
def test_mistakes_name_file_key_and_line(tmp_path: Path, old: str, new: str, notice: str) -> None:
    assert old in SET
    with pytest.raises(Misconfigured) as caught:
        check_rights(a_set(tmp_path, SET.replace(old, new, 1)), PLUGINS)
    assert f"{tmp_path.name}/portal.toml" in str(caught.value) and notice in str(caught.value), str(caught.value)


def test_a_role_named_elsewhere_must_exist(tmp_path: Path) -> None:
    made = a_set(tmp_path, SET + '[plugin.desk]\nseen_by = ["haed"]\n')
    check_role(made, "head", ("plugin", "desk", "seen_by"))
    with pytest.raises(
        Misconfigured, match=r"line 23: plugin.desk.seen_by: «haed» is no role of this set; did you mean «head»"
    ):
        check_role(made, "haed", ("plugin", "desk", "seen_by"))


@pytest.mark.row("PL-13")
def test_the_doctor_names_what_nobody_has_and_the_near_miss(tmp_path: Path) -> None:
    people = [
        person("Олег", "user:1", admin=True), person("Анна", "user:2", groups=("Касса",)), person("Олена Коваль", "user:3"),
        person("Олена Коваль", "user:4"), person("Бух", "user:9", positions=("Бухгалтер",)),
        person("Був", "user:7", heads=("Продажи",), active=False),
    ]  # fmt: skip
    found = [
        (one.code, one.values.get("name") or one.values.get("role"), one.values.get("near"))
        for one in problems(a_set(tmp_path), people)
    ]
    assert found == [
        ("doctor_role_near", "Каса", "Касса"), ("doctor_role_empty", "till", None), ("doctor_role_unknown", "Продажи", None),
        ("doctor_role_empty", "head", None), ("doctor_role_two", "Олена Коваль", None),
    ]  # fmt: skip
    [where] = {one.values["where"] for one in problems(a_set(tmp_path), people) if one.code == "doctor_role_near"}
    assert where.endswith("portal.toml, line 8: role.till.groups")
    assert [one.code for one in problems(a_set(tmp_path, 'connector = "toy"\n'), people)] == ["doctor_no_roles"]
