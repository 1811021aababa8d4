"""Reading and finding: typed values, exact matches, paging, rows of many records in few requests."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from connectors.planfix.tests.portal import SETTINGS, Portal, fail, ok
from kernel.crm import Elsewhere, Ref, Unreadable
from kernel.errors import BadInput, Misconfigured, NotFound, Unreachable
from kernel.http import Answer

POINT = {
    "date": "01-12-2026",
    "time": "00:00",
    "datetime": "2026-12-01T00:00Z",
    "dateTimeUtcSeconds": "2026-12-01T00:00:00+0000",
}


def calls_to(portal: Portal, path: str) -> int:
    return sum(1 for _method, asked, _body in portal.calls if asked == path)


def test_a_record_is_typed(portal, crm):
    custom = {
        "Менеджер": {"id": "user:3", "name": "Ігор"},
        "Наступний контакт": POINT,
        "На зберіганні": True,
        "Партнер": {"id": 940},
        "Аналітика": "<p>10000 USD →<br>9214,55&nbsp;EUR</p>",
        "Прибуток": "<b>215</b>",
        "Зберігати до": {"date": "завтра"},
    }
    task = portal.task(
        custom=custom, counterparty={"id": "contact:812", "name": "Олена К."},
        assignees={"users": [{"id": "user:5", "name": "Ігор"}], "groups": [{"id": 2, "name": "Каса"}]},
    )  # fmt: skip
    seen = crm.get("deal", f"{task}")
    assert seen.values["manager"] == Ref("user:3", "Ігор") and seen.values["partner"] == Ref("contact:940")
    assert seen.values["next_contact"] == date(2026, 12, 1) and seen.values["custody"] is True
    assert seen.values["analytics"] == "10000 USD →\n9214,55 EUR" and seen.values["profit"] == "<b>215</b>"
    assert isinstance(seen.values["custody_until"], Unreadable) and seen.values["check"] is None
    assert seen.values["client"] == Ref("contact:812", "Олена К.")
    assert seen.values["executor"] == (Ref("user:5", "Ігор"), Ref("group:2", "Каса"))
    assert (seen.stage, seen.stage_label) == ("new", "Нове звернення")
    assert seen.created_at == datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    assert seen.url == f"https://desk.example.com/task/{task}" == crm.link("deal", str(task))
    assert crm.link("contact", "contact:812") == "https://desk.example.com/contact/812"


def test_a_stage_the_set_does_not_know_keeps_its_label(portal, crm):
    task = portal.task(status={"id": 9, "name": "Думаємо"})
    seen = crm.get("deal", str(task))
    assert (seen.stage, seen.stage_label) == (None, "Думаємо")
    task = portal.task(status={"id": 9, "name": "Closed", "texts": [{"lang": "Uk", "name": "Завершено"}]})
    assert crm.get("deal", str(task)).stage == "closed"


def test_missing_deleted_and_foreign_records(portal, crm):
    with pytest.raises(NotFound):
        crm.get("deal", "777")  # answered 400 with code 0: the list decides
    with pytest.raises(NotFound):
        crm.get("contact", "777")
    with pytest.raises(NotFound, match="deleted"):
        crm.get("deal", str(portal.task(isDeleted=True)))
    for under in ({"object": {"id": 4704}}, {"object": {"id": 0}}, {"object": {"id": 4704}, "template": {"id": 4704}}):
        with pytest.raises(Elsewhere, match="not one of «Заявка»") as caught:
            crm.get("deal", str(portal.task(**under)))
        assert caught.value.record.elsewhere and caught.value.record.stage is None
    assert crm.get("deal", str(portal.task(object={"id": 4704}, template={"id": 4703}))).stage == "new"
    assert crm.get("deal", str(portal.task(object=None))).stage == "new", "an answer that names no object is believed"
    with pytest.raises(BadInput):
        crm.get("deal", "1/../../contact/5?x=")


def test_code_zero_on_a_task_that_is_there_is_not_a_missing_task(portal, crm):
    task = portal.task()
    portal.before = lambda m, p, b: fail(400, 0, "Rest API error") if (m, p) == ("GET", f"task/{task}") else None
    with pytest.raises(Exception, match="code 0") as caught:
        crm.get("deal", str(task))
    assert not isinstance(caught.value, NotFound)


def test_pages_are_read_to_the_end(portal, crm):
    tasks = [portal.task(custom={"Прибуток": "1"}) for _ in range(250)]
    found = crm.find("deal")
    assert [record.id for record in found] == [str(number) for number in tasks]
    assert calls_to(portal, "task/list") == 3
    assert [record.id for record in crm.find("deal", ids=[str(n) for n in tasks[:150]] + ["1"])] == [
        str(n) for n in tasks[:150]
    ]
    assert crm.find("deal", ids=[]) == []


def test_a_portal_that_ignores_offset_does_not_hang_us(portal, crm):
    page = ok({"tasks": [{"id": n, "object": {"id": 4703}} for n in range(1, 101)]})
    portal.before = lambda m, p, b: page if p == "task/list" else None
    assert len(crm.find("deal")) == 100


def test_rows_of_one_record_come_whole_and_in_order(portal, crm):
    task, other = portal.task(), portal.task()
    portal.row(6, "task", other, {"Сума": 1})
    keys = [portal.row(6, "task", task, {"Сума": 0.1 + n, "Вид": "Продаж", "Комісія, %": "0,5"}) for n in range(250)]
    rows = crm.get("deal", str(task), tables=("operation",)).rows["operation"]
    assert [row.key for row in rows] == [str(key) for key in keys]
    assert rows[1].values["amount"] == Decimal("1.1") and rows[0].values["kind"] == "sell"
    assert rows[0].values["commission_percent"] == Decimal("0.5")
    assert calls_to(portal, "datatag/6/entry/list") == 3


def test_rows_of_many_records_come_in_few_requests(portal, crm):
    tasks = [portal.task() for _ in range(40)]
    for n in range(250):
        portal.row(6, "task", tasks[n % 40], {"Сума": n})
    found = crm.find("deal", tables=("operation",))
    assert sum(len(record.rows["operation"]) for record in found) == 250
    assert [row.values["amount"] for row in found[3].rows["operation"]] == [3, 43, 83, 123, 163, 203, 243]
    assert calls_to(portal, "datatag/6/entry/list") == 3
    conditions = portal.calls[-1][2]["filters"]
    assert {"type": 51, "operator": "equal", "value": 4703} in conditions
    assert {"type": 12, "operator": "gt", "value": {"dateType": "otherDate", "dateValue": "19-11-2026"}} in conditions


def test_rows_are_asked_one_by_one_where_the_whole_table_is_long(portal, crm):
    crowd, wanted = portal.task(), [portal.task(custom={"Прибуток": "x"}) for _ in range(4)]
    for n in range(900):
        portal.row(6, "task", crowd, {"Сума": n})
    last = portal.row(6, "task", wanted[-1], {"Сума": 5})
    found = crm.find("deal", ids=[str(number) for number in wanted], tables=("operation",))
    assert [row.key for row in found[-1].rows["operation"]] == [str(last)]
    assert calls_to(portal, "datatag/6/entry/list") == 4 + 4


def test_find_compares_again_what_planfix_only_resembles(portal, crm):
    mine = portal.contact(phones=[{"number": "380440000000"}, {"number": "380501112233"}], email="Olena@example.com",
                          telegram="olena_k", lastname="Коваленко")  # fmt: skip
    portal.contact(phones=[{"number": "3805011122334"}], email="not-olena@example.com", telegram="olena_k2", lastname="Ко")
    for ignored in (set(), {4003, 4026, 4226, 4001}):
        portal.ignored_filters = ignored
        for where in (
            {"phone": "+38 (050) 111-22-33"}, {"email": "olena@EXAMPLE.com "}, {"telegram": "https://t.me/Olena_K"},
            {"name": "Олена Коваленко"}, {"phone": "380501112233", "email": "olena@example.com"},
        ):  # fmt: skip
            assert [record.id for record in crm.find("contact", where=where)] == [f"contact:{mine}"], where
    assert crm.find("contact", where={"phone": "0501112233"}) == []


def test_a_portal_without_exact_email_search_is_asked_the_other_way(portal, crm):
    mine = portal.contact(email="olena@example.com")
    portal.unknown_filters = {4026}
    for _ in range(2):
        assert [record.id for record in crm.find("contact", where={"email": "olena@example.com"})] == [f"contact:{mine}"]
    types = [[one["type"] for one in body["filters"]] for _m, path, body in portal.calls if path == "contact/list"]
    assert types == [[4026]] * 3 + [[4005]] * 2


def test_find_by_counterparty_name_and_key(portal, crm):
    mine = portal.task(name="Книги", counterparty={"id": "contact:5"}, custom={"Ключ Annex": "Ab"})
    portal.task(name="Книги 2", counterparty={"id": "contact:55"}, custom={"Ключ Annex": "AB"})
    for where in ({"client": Ref("5")}, {"name": "Книги"}, {"annex_key": "Ab"}):
        assert [record.id for record in crm.find("deal", where=where)] == [str(mine)], where
    with pytest.raises(BadInput, match="no field «colour»"):
        crm.find("deal", where={"colour": "red"})


def test_changed_since_is_asked_in_the_robots_zone_a_minute_early(portal, crm):
    crm.find("deal", changed_since=datetime(2026, 11, 21, 8, 0, 30, tzinfo=UTC))
    crm.find("contact", changed_since=datetime(2026, 11, 21, 8, 0, 30, tzinfo=UTC))
    asked = [body["filters"] for _m, path, body in portal.calls if path in ("task/list", "contact/list")]
    value = {"dateType": "otherDate_withTime", "dateValue": "21-11-2026 09:59"}
    assert asked[0] == [{"type": 51, "operator": "equal", "value": [4703]}, {"type": 79, "operator": "gt", "value": value}]
    assert asked[1] == [{"type": 38, "operator": "gt", "value": value}]


def test_people(portal, crm):
    portal.users += [{"id": 1, "name": "Олег", "role": "Admin"}, {"id": "user:9", "name": "Робот", "role": "Robot"}]
    portal.users += [{"id": "user:8", "name": "Колишній", "status": "Inactive"}]
    assert [(one.id, one.name, one.role, one.active) for one in crm.people.all()] == [
        ("user:3", "Ігор Бондар", "staff", True), ("user:1", "Олег", "owner", True), ("user:9", "Робот", "robot", True),
        ("user:8", "Колишній", "staff", False),
    ]  # fmt: skip


def test_labels_are_asked_once_and_again_after_an_hour(portal, crm):
    task = str(portal.task())
    crm.get("deal", task)
    first = len(portal.calls)
    crm.get("deal", task)
    assert len(portal.calls) == first + 1
    portal.clock.sleep(3601)
    crm.get("deal", task)
    assert len(portal.calls) == 2 * first + 1


def test_one_label_on_two_fields(portal, crm):
    portal.fields["task"].append({"id": 12345, "name": " прибуток", "type": 0})
    task = str(portal.task())
    crm.update("deal", task, {"profit": "1"})  # only one of the two is attached
    assert 12345 not in portal.records["task"][int(task)]["custom"]
    portal.attached.add(12345)
    with pytest.raises(Misconfigured, match=r"«Прибуток».*12345"):
        portal.crm().get("deal", task)


def test_apostrophes_of_labels_may_differ(portal, crm):
    portal.fields["task"][0]["name"] = "Ім’я клієнта"
    assert crm.get("deal", str(portal.task())).values["client_name"] is None


def test_a_missing_required_field_is_no_silent_nothing(portal, crm):
    portal.fields["task"] = [field for field in portal.fields["task"] if field["name"] != "На зберіганні"]
    with pytest.raises(Misconfigured, match="На зберіганні"):
        crm.get("deal", str(portal.task()))


def test_reads_are_repeated_three_times_and_no_more(portal, crm):
    task = str(portal.task())
    crm.get("deal", task)
    left = [2]

    def before(method, path, body):
        left[0] -= 1
        return Answer(504, {}, b"<html>Gateway Time-out</html>") if left[0] >= 0 else None

    portal.before = before
    assert crm.get("deal", task).id == task
    left[0] = 3
    with pytest.raises(Unreachable) as caught:
        crm.get("deal", task)
    assert not caught.value.maybe_done and left[0] == 0


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"result":"success"}', b'{"result":"success","tasks":5}', b"\xff\xfe", b"[" * 90_000]
)
def test_an_answer_without_its_content_is_no_answer(portal, crm, body):
    crm.find("deal")
    portal.before = lambda *_: Answer(200, {}, body)
    with pytest.raises(Unreachable):
        crm.find("deal")


def test_a_set_may_name_only_system_fields_that_exist(portal):
    connection = portal.connection()
    journal = connection.mapping.entities["journal"]
    odd = journal.model_copy(update={"field": {"name": journal.field["name"].model_copy(update={"system": "colour"})}})
    connection.mapping.entities["journal"] = odd
    from connectors.planfix import connector

    with pytest.raises(Misconfigured, match="colour"):
        connector.crm(connection).get("journal", "1")
    assert set(SETTINGS) < {line.name for line in connector.settings}


def test_a_record_is_there_as_it_was_asked_for(crm, monkeypatch):
    """A contact goes by «contact:118» and by «118»: whoever asks for one spelling must not be told that it is gone."""
    monkeypatch.setattr(crm._finder, "existing", lambda plan, ids: frozenset({118, 119}))
    assert crm.existing("partner", ["118", "contact:119", "120"]) == {"118", "contact:119"}
