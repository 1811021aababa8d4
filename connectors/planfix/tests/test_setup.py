"""`annex apply` on Planfix: fields are made, each once; what only a person can do is named."""

from __future__ import annotations

import pytest

from connectors.planfix import connector
from connectors.planfix.tests.portal import fail
from kernel.errors import NoRight, Unreachable
from kernel.http import Answer

MISSING_FIELDS = ("Прибуток", "Перевірка", "Менеджер")


@pytest.fixture
def missing(portal):
    portal.fields["task"] = [one for one in portal.fields["task"] if one["name"] not in MISSING_FIELDS]
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


def test_fields_are_made_and_then_only_adding_them_is_left(missing):
    setup = connector.setup(missing.connection())
    assert len(plan(missing, setup)["create"]) == 3
    make(missing, setup)
    assert [field(missing, label)["type"] for label in MISSING_FIELDS] == [0, 2, 11]
    [of_ours] = missing.field_sets["task"]
    assert {field(missing, label)["groupId"] for label in MISSING_FIELDS} == {of_ours["id"]}
    left = plan(missing, setup)
    assert left["create"] == []
    assert all("не додане до об'єкта" in one.detail for one in left["manual"])
    missing.attached |= {field(missing, label)["id"] for label in MISSING_FIELDS}
    assert plan(missing, setup)["manual"] == []


def test_the_set_of_fields_that_is_there_is_used(missing):
    missing.field_sets["task"].append({"id": 77, "name": "annex"})
    make(missing, connector.setup(missing.connection()))
    assert len(missing.field_sets["task"]) == 1
    assert field(missing, "Прибуток")["groupId"] == 77


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


def test_an_answer_that_was_lost_makes_no_second_field(missing):
    def lose(method, path, body):
        if path == "customfield/task/":
            missing.after = lambda *_: None
            raise Unreachable("lost", maybe_done=True)

    missing.after = lose
    with pytest.raises(Unreachable):
        make(missing, connector.setup(missing.connection()))
    for _again in range(2):
        make(missing, connector.setup(missing.connection()))
    assert sorted(one["name"] for one in missing.fields["task"] if one["name"] in MISSING_FIELDS) == sorted(MISSING_FIELDS)


def test_made_twice_it_changes_nothing_more(missing):
    [first, *_] = plan(missing)["create"]
    first.make()
    first.make()
    assert len([one for one in missing.fields["task"] if one["name"] in MISSING_FIELDS]) == 1


def test_a_portal_that_hides_what_was_made_gets_no_second_one(missing):
    missing.before = lambda method, path, body: (
        Answer(201, {}, b'{"result":"success","id":5}') if path == "customfield/task/" else None
    )
    setup = connector.setup(missing.connection())
    make(missing, setup)
    left = plan(missing, setup)
    assert left["create"] == []
    assert all("не показує" in one.detail for one in left["manual"])
    assert len(left["manual"]) == 3


def test_a_token_without_the_right_says_which(missing):
    missing.before = lambda method, path, body: fail(405, 5, "Scope denied") if path == "customfield/task/" else None
    with pytest.raises(NoRight, match="common_metadata"):
        make(missing, connector.setup(missing.connection()))
