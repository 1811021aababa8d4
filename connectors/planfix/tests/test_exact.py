"""To the digit, the minute and the day: what is written, what counts as written, and what is read of many records."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.planfix import field_types as types
from connectors.planfix.tests.portal import Portal, ok
from connectors.planfix.values import from_wire, same, to_wire
from kernel.crm import Elsewhere, Ref
from kernel.errors import Unverified

KYIV = ZoneInfo("Europe/Kyiv")
LINE_AT = {"date": "21-11-2026", "time": "10:30", "dateTimeUtcSeconds": "2026-11-21T08:30:00+0000"}
#: Half an hour after midnight in Kyiv, the evening before in Greenwich.
NIGHT = datetime(2026, 12, 4, 22, 30, tzinfo=UTC)


# --- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", ["0.1", "9007199254740993", "123456789012345.67", "0.000000001", "-5"])
def test_a_number_goes_out_with_all_its_digits(digits):
    sent = to_wire(types.NUMBER, Decimal(digits), KYIV, "Сума")
    assert type(sent) is Decimal and sent == Decimal(digits)


def test_a_moment_is_written_as_the_robots_day_and_minute():
    assert to_wire(types.DATE, NIGHT, KYIV, "Дата") == {"date": "05-12-2026"}
    assert to_wire(types.MOMENT, NIGHT, KYIV, "Час") == {"date": "05-12-2026", "time": "00:30"}
    assert to_wire(types.DATE, date(2026, 12, 4), KYIV, "Дата") == {"date": "04-12-2026"}


def test_a_day_is_read_day_first():
    for day in (date(2026, 11, 5), date(2026, 5, 11), date(2026, 2, 28)):
        assert from_wire(types.DATE, {"date": f"{day:%d-%m-%Y}"}, KYIV) == day
        assert from_wire(types.DATE, f"{day:%d-%m-%Y}", KYIV) == day


@pytest.mark.parametrize("amount", ["100", "0.01", "1234567.89"])
@pytest.mark.parametrize("off", ["0.01", "-0.01", "0.5", "-1"])
def test_an_amount_that_came_out_otherwise_is_another_one(amount, off):
    sent = Decimal(amount)
    assert same(sent, sent) and same(sent, Decimal(str(float(sent)))) and same(sent, f"{sent}")
    assert not same(sent, sent + Decimal(off)) and not same(sent, str(sent + Decimal(off)))


def test_the_wire_has_minutes_and_no_more_is_forgiven():
    assert same(NIGHT + timedelta(seconds=59), NIGHT)
    for other in (timedelta(minutes=1), timedelta(minutes=-1), timedelta(hours=1), timedelta(days=1)):
        assert not same(NIGHT, NIGHT + other)
    assert not same(date(2026, 12, 4), date(2026, 12, 5)) and same(date(2026, 12, 4), date(2026, 12, 4))


def test_nothing_is_not_the_same_as_something():
    for value in (Decimal(0), "0", date(2026, 1, 1), Ref("user:1"), (Ref("user:1"),), True):
        assert not same(value, None) and not same(None, value)
    assert not same(Ref("contact:5"), Ref("user:5")) and not same((Ref("user:5"),), (Ref("user:5"), Ref("user:6")))


@pytest.mark.row("PL-03")
@pytest.mark.parametrize(("label", "name", "there"), [("Прибуток", "profit", "215 USD"), ("Перевірка", "check", "лихо")])
def test_a_field_that_should_be_empty_and_is_not_is_told(portal: Portal, crm: Any, label: str, name: str, there: str):
    task = portal.task(custom={label: there})
    portal.detached = {portal.field("task", label)}
    with pytest.raises(Unverified, match=label):
        crm.update("deal", str(task), {name: None})
    portal.detached = set()
    crm.update("deal", str(task), {name: None})
    assert crm.get("deal", str(task)).values[name] is None


# --- many records -----------------------------------------------------------------------------------------------------


def test_deleted_records_are_not_found(portal: Portal, crm: Any):
    portal.contact(email="o@example.com", isDeleted=True)
    there = portal.contact(email="o@example.com")
    assert [one.id for one in crm.find("contact", where={"email": "o@example.com"})] == [f"contact:{there}"]
    gone = portal.task(isDeleted=True)
    assert gone not in [int(one.id) for one in crm.find("deal")]


@pytest.mark.parametrize("count", [1, 100, 101, 250])
def test_records_named_by_their_numbers_come_whatever_their_count(portal: Portal, crm: Any, count: int):
    numbers = [str(portal.task()) for _ in range(count)]
    portal.task()
    assert [one.id for one in crm.find("deal", ids=reversed(numbers))] == numbers
    assert crm.find("deal", ids=[]) == []


def test_rows_come_in_the_order_of_their_keys_whatever_the_portals_order(portal: Portal, crm: Any):
    tasks = [portal.task() for _ in range(5)]
    keys = {task: [str(portal.row(6, "task", task, {"Сума": n})) for n in range(12)] for task in tasks}
    portal.rows = dict(reversed(portal.rows.items()))
    assert [row.key for row in crm.get("deal", str(tasks[0]), tables=("operation",)).rows["operation"]] == keys[tasks[0]]
    for found in crm.find("deal", tables=("operation",)):
        assert [row.key for row in found.rows["operation"]] == keys[int(found.id)]


# --- what a sweep, the stage lock and the assignment ask ----------------------------------------------------------------


@pytest.mark.row("PL-15")
def test_a_change_may_have_been_at_any_second_of_its_minute(portal: Portal, crm: Any):
    changed = {"date": "21-11-2026", "time": "10:30", "dateTimeUtcSeconds": "2026-11-21T08:30:00+0000"}
    portal.task(dateOfLastUpdate=changed)
    [one] = crm.changed({"deal": datetime(2026, 11, 21, 8, 0, tzinfo=UTC)})
    assert one.at > datetime(2026, 11, 21, 8, 30, 59, tzinfo=UTC) and one.at <= datetime(2026, 11, 21, 8, 31, tzinfo=UTC)


def test_a_deal_is_overdue_from_the_day_after_its_next_contact(portal: Portal, crm: Any):
    portal.ignored_filters = {103}  # the portal gives more than was asked for: the comparison decides
    today = portal.clock.now().astimezone(KYIV).date()
    for days in (-40, -1, 0, 1):
        due = {"date": f"{today + timedelta(days=days):%d-%m-%Y}"}
        portal.task(custom={"Наступний контакт": due, "Менеджер": {"id": "user:3"}})
    ended = next(status for status in portal.statuses if status["name"] == "Завершено")
    past = {"date": f"{today - timedelta(days=1):%d-%m-%Y}"}
    portal.task(custom={"Наступний контакт": past, "Менеджер": {"id": "user:3"}}, status=ended)
    assert crm.people.overdue(["user:3", "user:4"]) == {"user:3": 2, "user:4": 0}


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_history_is_told_from_its_beginning_whatever_the_portals_order(portal: Portal, crm: Any, newest_first: bool):
    task = portal.task()
    lines = [
        {
            "id": number, "type": "StatusChange", "owner": {"id": "user:3"},
            "dateTime": {"date": "21-11-2026", "time": "10:30", "dateTimeUtcSeconds": "2026-11-21T08:30:00+0000"},
            "changeStatus": {"oldStatusId": 200 + step, "newStatusId": 201 + step},
        }
        for step, number in enumerate((9, 10, 11), 1)
    ]  # fmt: skip
    lines.append({"id": 12, "type": "Comment", "owner": {"id": "user:3"}, "dateTime": {"date": "21-11-2026"}})
    caught = lines[::-1] if newest_first else lines
    portal.before = lambda method, path, body: ok({"comments": caught}) if path == f"task/{task}/comments/list" else None
    moves = crm.history.moves("deal", str(task))
    assert [(one.id, one.stage, one.by) for one in moves] == [
        ("9", "client_paid", "user:3"), ("10", "partner_paid", "user:3"), ("11", "closed", "user:3"),
    ]  # fmt: skip


# --- tasks under another object -------------------------------------------------------------------------------------------


def test_what_changed_under_another_object_is_named_apart(portal: Portal, crm: Any, monkeypatch: pytest.MonkeyPatch):
    ours, other = str(portal.task()), str(portal.task(object={"id": 4704}))
    portal.task(isDeleted=True)

    def named() -> dict[str, bool]:
        return {one.id: one.elsewhere for one in crm.changed({"deal": datetime(2026, 11, 1, tzinfo=UTC)})}

    assert named() == {ours: False, other: True}
    assert [path for _method, path, _body in portal.calls if path == "task/list"] == ["task/list"], "in one request"
    shown = portal._visible
    monkeypatch.setattr(portal, "_visible", lambda *of: {k: v for k, v in shown(*of).items() if k != "object"})
    assert named() == {ours: False}, "where the list does not tell the object, Planfix is asked for ours alone"


def test_a_status_of_another_object_is_no_stage(portal: Portal, crm: Any):
    task = portal.task(object={"id": 4704}, status={"id": 3, "name": "Завершено"})
    portal.comments = {
        n: {"id": n, "of": ("task", task), "changeStatus": {"newStatusId": to}, "dateTime": LINE_AT}
        for n, to in ((1, 202), (2, 3), (3, 4))
    }

    def lines() -> list[tuple[str | None, str, bool]]:
        return [(one.stage, one.label, one.elsewhere) for one in crm.history.moves("deal", str(task)) or ()]

    paid = ("client_paid", "Підтвердження оплати клієнта", False)
    assert lines() == [paid, (None, "", True), (None, "", True)]
    with pytest.raises(Elsewhere) as caught:
        crm.get("deal", str(task))
    assert (caught.value.record.stage, caught.value.record.stage_label) == (None, "Завершено"), "a name that ours has, too"
    asked = sum(path.endswith("statuses") for _method, path, _body in portal.calls)
    assert lines() == [paid, (None, "Завершено", True), (None, "", True)]
    assert sum(path.endswith("statuses") for _method, path, _body in portal.calls) == asked, "looked for once"
    portal.statuses.append({"id": 5, "name": "Скасовано", "texts": []})
    portal.comments[4] = {**portal.comments[3], "id": 4, "changeStatus": {"newStatusId": 5}}
    assert lines()[-1] == ("cancelled", "Скасовано", False), "a status that was made meanwhile"


def test_a_stage_puts_a_task_under_its_object_again(portal: Portal, crm: Any):
    task = portal.task(object={"id": 4704}, template={"id": 4704})
    crm.update("deal", str(task), {"profit": "1"})
    assert portal.written()[-1][1].keys() == {"customFieldData"}, "figures do not"
    crm.update("deal", str(task), {}, stage="client_paid")
    assert portal.written()[-1][1] == {"status": {"id": 202}, "object": {"id": 4703}, "template": {"id": 4703}}
    crm.update("deal", str(task), {}, stage="partner_paid")
    assert portal.written()[-1][1] == {"status": {"id": 203}}, "nor does it write what stands"


def test_a_portal_that_does_not_put_it_back_is_told_of(portal: Portal, crm: Any):
    task = portal.task(object={"id": 4704})
    keeps = portal._write
    portal._write = lambda record, sent: keeps(record, {k: v for k, v in sent.items() if k not in ("object", "template")})
    with pytest.raises(Unverified, match="it is not «Заявка»"):
        crm.update("deal", str(task), {}, stage="client_paid")
