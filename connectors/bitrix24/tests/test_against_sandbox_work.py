"""Comments, sweeps, stage history, working days, overdue activities, people, missing items: against the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests

from connectors.bitrix24.tests.office import open_office
from kernel.crm import Ref
from kernel.errors import NotFound, Rejected


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as opened:
        yield opened


def ago(**of):
    return datetime.now(UTC) - timedelta(**of)


# --- comments ---------------------------------------------------------------------------------------------------------


def test_a_comment_is_plain_text_with_our_mark(office):
    deal = office.crm.create("deal", {}, key="d-1")
    comment = office.crm.comment("deal", deal, "Переход [B]запрещён[/B]\n\nПочему: a < b", key="m-1")
    [shown] = office.staff("crm.timeline.comment.list", {"filter": {"ENTITY_ID": deal, "ENTITY_TYPE": "deal"}})
    first, *_, last = shown["COMMENT"].split("\n")
    assert shown["ID"] == comment and "[B]" not in first and first.replace("\u200b", "") == "Переход [B]запрещён[/B]"
    assert last.startswith("№ ") and "a < b" in shown["COMMENT"]
    assert office.crm.comment("deal", deal, "другое", key="m-1", maybe_done=True) == comment
    assert office.crm.comment("deal", deal, "другое", key="m-2", maybe_done=True) != comment


def test_people_are_told_once_however_often_the_comment_is_repeated(office):
    deal = office.crm.create("deal", {}, key="d-1")
    office.crm.comment("deal", deal, "Смотри", to=("user:11", "12"), key="m-1")
    office.crm.comment("deal", deal, "Смотри", to=("user:11", "12"), key="m-1", maybe_done=True)
    notes = [note for note in notices(office) if "Смотри" in note["text"]]
    assert sorted(note["to"] for note in notes) == ["11", "12"]
    assert all(office.crm.link("deal", deal) in note["text"] for note in notes)


def notices(office):
    with requests.Session() as session:
        session.trust_env = False
        caught = session.get(f"{office.sandbox.address}/sandbox/notifications", timeout=120).json()
    return [{"to": note["user"], "text": note["text"]} for note in caught["notifications"]]


def test_somebody_who_cannot_be_told_is_no_reason_to_fail(office):
    deal = office.crm.create("deal", {}, key="d-1")
    assert office.crm.comment("deal", deal, "Смотри", to=("999",), key="m-1")


# --- sweeps -----------------------------------------------------------------------------------------------------------


def test_a_sweep_over_everything_is_one_request(office):
    deal = office.crm.create("deal", {}, key="d-1")
    client = office.crm.create("contact", {"name": "Ирина"}, key="c-1")
    row = office.crm.add_row("deal", deal, "operation", {"gives": "1"}, key="r-1")
    office.crm.create("lead", {}, key="l-1")
    office.crm.people.all()
    before = len(office.wire.sent)
    seen = office.crm.changed({"deal": ago(minutes=5), "contact": ago(minutes=5)})
    assert len(office.wire.sent) == before + 1
    assert {(one.entity, one.id) for one in seen} == {("deal", deal), ("contact", client), ("deal/operation", row)}
    assert all(abs(one.at - datetime.now(UTC)) < timedelta(minutes=1) for one in seen)
    found = {one.entity: one for one in seen}
    assert found["deal"].record == office.crm.get("deal", deal) and found["deal"].rows_apart
    assert found["deal/operation"].owner == deal == office.crm.owner_of("deal/operation", row)
    assert office.crm.changed({"deal": datetime.now(UTC) + timedelta(minutes=5)}) == []
    with pytest.raises(NotFound):
        office.crm.owner_of("deal/operation", "777777")


def test_a_sweep_misses_nothing_of_the_same_second(office):
    deal = office.crm.create("deal", {}, key="d-1")
    [seen] = office.crm.changed({"deal": ago(minutes=5)})
    office.crm.update("deal", deal, {"note": "x"})
    assert [one.id for one in office.crm.changed({"deal": seen.at})] == [deal]


def test_a_row_changed_alone_is_seen(office):
    deal = office.crm.create("deal", {}, key="d-1")
    row = office.crm.add_row("deal", deal, "operation", {"gives": "1"}, key="r-1")
    later = datetime.now(UTC) + timedelta(seconds=2)
    office.sandbox.portal.clock.advance(5)
    office.crm.update_row("deal", deal, "operation", row, {"gives": "2"})
    assert [(one.entity, one.id) for one in office.crm.changed({"deal": later})] == [("deal/operation", row)]


# --- stage history ----------------------------------------------------------------------------------------------------


def test_moves_are_told_oldest_first_over_pipelines(office):
    deal = office.crm.create("deal", {}, key="d-1")
    for stage in ("terms", "won", "care"):
        office.crm.update("deal", deal, {}, stage=stage)
    moves = office.crm.history.moves("deal", deal)
    assert [move.stage for move in moves][:3] == ["new", "terms", "won"] and moves[-1].stage == "care"
    assert [move.created for move in moves] == [True] + [False] * (len(moves) - 1)
    assert moves[0].label == "Новая" and moves[0].at.tzinfo and int(moves[0].id) < int(moves[-1].id)
    client = office.crm.create("contact", {"name": "Ирина"}, key="c-1")
    assert office.crm.history.moves("contact", client) is None


def test_a_history_longer_than_a_page(office):
    deal = office.crm.create("deal", {}, key="d-1")
    for _ in range(30):
        office.crm.update("deal", deal, {}, stage="terms")
        office.crm.update("deal", deal, {}, stage="new")
    assert len(office.crm.history.moves("deal", deal)) == 61


# --- working days -----------------------------------------------------------------------------------------------------


def test_working_days(office):
    for user, method in (("11", "timeman.open"), ("12", "timeman.open"), ("12", "timeman.pause"), ("13", "timeman.open"),
                         ("13", "timeman.close")):  # fmt: skip
        office.staff(method, user=user)
    before = len(office.wire.sent)
    days = office.crm.workdays.statuses(["11", "12", "13", "14", "21", "999"])
    assert len(office.wire.sent) == before + 1
    assert days == {"11": "open", "12": "paused", "13": "closed", "14": "closed", "21": "off", "999": "unknown"}
    office.sandbox.portal.clock.advance(24 * 3600)
    assert office.crm.workdays.statuses(["11"]) == {"11": "expired"}
    assert office.crm.workdays.statuses([]) == {}


def test_a_day_is_begun_for_somebody(office):
    office.crm.workdays.start("14")
    assert office.crm.workdays.statuses(["14"]) == {"14": "open"}
    with pytest.raises(Rejected, match="no working day"):
        office.crm.workdays.start("21")


# --- overdue activities -----------------------------------------------------------------------------------------------


def test_overdue_counts_open_records_of_the_person_not_activities(office):
    def deal(number, manager, *, stage=None):
        made = office.crm.create("deal", {"manager": Ref(manager)}, key=f"d-{number}")
        if stage:
            office.crm.update("deal", made, {}, stage=stage)
        return made

    def todo(owner, responsible, hours, kind=2):
        when = (office.sandbox.portal.now() + timedelta(hours=hours)).isoformat(timespec="seconds")
        office.staff("crm.activity.todo.add", {
            "ownerTypeId": kind, "ownerId": owner, "deadline": when, "title": "Позвонить", "responsibleId": responsible,
        })  # fmt: skip

    twice, lost, other, fine = deal(1, "11"), deal(2, "11", stage="lost"), deal(3, "12"), deal(4, "11")
    lead = office.crm.create("lead", {"manager": Ref("11")}, key="l-1")
    for owner in (twice, twice, lost, other):
        todo(owner, "11", -5)
    todo(fine, "11", 5)
    todo(lead, "11", -5, kind=1)
    assert office.crm.people.overdue(["11", "12", "13"]) == {"11": 2, "12": 0, "13": 0}
    assert office.crm.people.overdue([]) == {}


# --- people and missing items -----------------------------------------------------------------------------------------


def test_people_with_their_departments(office):
    people = {person.id: person for person in office.crm.people.all()}
    assert people["11"].name == "Ирина Белова" and people["11"].groups == ("Отдел продаж",) and people["11"].active
    assert people["2"].heads == ("Отдел продаж",) and people["11"].heads == ()
    assert people["30"].role == "robot" and people["1"].role == "staff"
    assert not people["22"].active


def test_nothing_is_lacking_in_a_portal_that_was_set_up(office):
    assert office.crm.missing() == []


def test_what_an_empty_portal_lacks(tmp_path):
    with open_office(tmp_path, prepare=False) as office:
        missing = {(item.kind, item.name) for item in office.crm.missing()}
        assert {("object", "Журнал"), ("table", "Операция"), ("field", "Ключ Annex"), ("field", "Курс")} <= missing
        assert ("pipeline", "Продажи, Сопровождение") in missing and ("field", "Необязательное") not in missing
        assert all("annex apply" in item.remedy for item in office.crm.missing())
