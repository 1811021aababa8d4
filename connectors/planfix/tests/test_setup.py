"""`annex apply` on Planfix: fields are made, each once; what only a person can do is named."""

from __future__ import annotations

import pytest

from connectors.planfix import connector
from connectors.planfix.tests.portal import fail
from kernel.errors import NoRight, Unreachable
from kernel.http import Answer

LACKING = ("Прибуток", "Перевірка", "Менеджер")


@pytest.fixture
def lacking(portal):
    portal.fields["task"] = [one for one in portal.fields["task"] if one["name"] not in LACKING]
    return portal


def plan(portal, setup=None):
    changes = (setup or connector.setup(portal.connection())).plan()
    return {kind: [one for one in changes if one.kind == kind] for kind in ("create", "manual", "note")}


def make(portal, setup):
    for change in plan(portal, setup)["create"]:
        change.make()


def field(portal, label, of="task"):
    [found] = [one for one in portal.fields[of] if one["name"] == label]
    return found


def test_nothing_to_do_in_a_portal_as_the_guide_asks(portal):
    planned = plan(portal)
    assert planned["create"] == planned["manual"] == []
    assert any("«Стан розрахунків»" in note.what and "шаблон" in note.what for note in planned["note"])
    assert any("HTML" in note.what for note in planned["note"])


def test_fields_are_made_and_then_only_adding_them_is_left(lacking):
    setup = connector.setup(lacking.connection())
    assert len(plan(lacking, setup)["create"]) == 3
    make(lacking, setup)
    assert [field(lacking, label)["type"] for label in LACKING] == [0, 2, 11]
    [of_ours] = lacking.field_sets["task"]
    assert {field(lacking, label)["groupId"] for label in LACKING} == {of_ours["id"]}
    left = plan(lacking, setup)
    assert left["create"] == []
    assert all("не додане до об'єкта" in one.detail for one in left["manual"])
    lacking.attached |= {field(lacking, label)["id"] for label in LACKING}
    assert plan(lacking, setup)["manual"] == []


def test_the_set_of_fields_that_is_there_is_used(lacking):
    lacking.field_sets["task"].append({"id": 77, "name": "annex"})
    make(lacking, connector.setup(lacking.connection()))
    assert len(lacking.field_sets["task"]) == 1
    assert field(lacking, "Прибуток")["groupId"] == 77


def test_one_field_serves_two_objects(portal):
    """The deal and the journal of the books both want our key."""
    portal.fields["task"] = [one for one in portal.fields["task"] if one["name"] != "Ключ Annex"]
    make(portal, connector.setup(portal.connection()))
    assert field(portal, "Ключ Annex")["type"] == 0


def test_contact_fields_are_made_rows_are_named_for_a_person(portal):
    portal.fields["contact"] = []
    portal.fields["datatag/6"] = [one for one in portal.fields["datatag/6"] if one["name"] != "Пара"]
    setup = connector.setup(portal.connection())
    make(portal, setup)
    assert field(portal, "Операції за місяць", "contact")["type"] == 2
    assert [one.what for one in plan(portal, setup)["manual"]] == ["аналітика «Операція»: field «Пара»"]


def test_an_answer_that_was_lost_makes_no_second_field(lacking):
    def lose(method, path, body):
        if path == "customfield/task/":
            lacking.after = lambda *_: None
            raise Unreachable("lost", maybe_done=True)

    lacking.after = lose
    with pytest.raises(Unreachable):
        make(lacking, connector.setup(lacking.connection()))
    for _again in range(2):
        make(lacking, connector.setup(lacking.connection()))
    assert sorted(one["name"] for one in lacking.fields["task"] if one["name"] in LACKING) == sorted(LACKING)


def test_made_twice_it_changes_nothing_more(lacking):
    [first, *_] = plan(lacking)["create"]
    first.make()
    first.make()
    assert len([one for one in lacking.fields["task"] if one["name"] in LACKING]) == 1


def test_a_portal_that_hides_what_was_made_gets_no_second_one(lacking):
    lacking.before = lambda method, path, body: (
        Answer(201, {}, b'{"result":"success","id":5}') if path == "customfield/task/" else None
    )
    setup = connector.setup(lacking.connection())
    make(lacking, setup)
    left = plan(lacking, setup)
    assert left["create"] == []
    assert all("не показує" in one.detail for one in left["manual"])
    assert len(left["manual"]) == 3


def test_a_token_without_the_right_says_which(lacking):
    lacking.before = lambda method, path, body: fail(405, 5, "Scope denied") if path == "customfield/task/" else None
    with pytest.raises(NoRight, match="common_metadata"):
        make(lacking, connector.setup(lacking.connection()))
