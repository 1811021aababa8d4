"""user.*, profile, department.*."""

from __future__ import annotations

from typing import Any

import pytest


def test_shapes(desk: Any, agrees: Any) -> None:
    agrees("user.get", desk.admin.answer("user.get", FILTER={"ID": 11}))
    agrees("user.current", desk.admin.answer("user.current"))
    agrees("profile", desk.admin.answer("profile"))
    agrees("department.get", desk.admin.answer("department.get", PARENT="1"))


def test_active_is_a_boolean_whatever_asks_for_it(desk: Any) -> None:
    desk.admin.call("user.update", ID=12, ACTIVE="N")
    for word in (True, "true", "Y", 1):
        found = desk.admin.call("user.get", FILTER={"ACTIVE": word})
        assert "12" not in [user["ID"] for user in found]
        assert all(user["ACTIVE"] is True for user in found)
    gone = desk.admin.call("user.get", FILTER={"ACTIVE": False})
    assert "12" in [user["ID"] for user in gone]
    assert all(user["ACTIVE"] is False for user in gone)


def test_filters_by_department_and_names(desk: Any) -> None:
    of_sales = desk.admin.call("user.get", FILTER={"UF_DEPARTMENT": [5]})
    assert {"2", "11", "12"} <= {user["ID"] for user in of_sales}
    assert all(5 in user["UF_DEPARTMENT"] for user in of_sales)
    assert [user["NAME"] for user in desk.admin.call("user.get", FILTER={"=%LAST_NAME": "Бел%"})] == ["Ирина"]
    assert [user["ID"] for user in desk.admin.call("user.get", ID=11)] == ["11"]


def test_order_select_and_counting(desk: Any) -> None:
    answer = desk.admin.answer("user.get", sort="ID", order="DESC", select=["ID", "NAME"], start=0)
    numbers = [int(user["ID"]) for user in answer["result"]]
    assert numbers == sorted(numbers, reverse=True)
    assert set(answer["result"][0]) == {"ID", "NAME"}
    assert "total" not in desk.admin.answer("user.get", start=-1)


def test_search_by_words(desk: Any) -> None:
    assert [user["ID"] for user in desk.admin.call("user.search", FILTER={"FIND": "ирина белова"})] == ["11"]
    assert [user["ID"] for user in desk.admin.call("user.search", FILTER={"LAST_NAME": "Бел"})] == ["11"]
    found = desk.admin.call("user.search", FILTER={"UF_DEPARTMENT_NAME": "Отдел продаж"})
    assert {5} == {number for user in found for number in user["UF_DEPARTMENT"]}


def test_scopes_hide_fields(desk: Any) -> None:
    desk.door("/faults", {"scopes": "user_brief"})
    assert "EMAIL" not in desk.admin.call("user.current")
    desk.door("/faults", {"scopes": "user_basic"})
    assert "EMAIL" in desk.admin.call("user.current")
    desk.door("/faults", {"scopes": "crm"})
    assert desk.admin.refusal("user.get")[1] == "insufficient_scope"
    assert desk.admin.call("profile")["ID"] == "1"


def test_only_an_administrator_writes_people(desk: Any) -> None:
    assert desk.user("11").refusal("user.update", ID=12, NAME="X")[:2] == (403, "ACCESS_DENIED")
    desk.admin.call("user.update", ID=12, UF_DEPARTMENT=[7], UF_PHONE_INNER="512", WORK_PHONE="+74955550100")
    user = desk.admin.call("user.get", ID=12)[0]
    assert (user["UF_DEPARTMENT"], user["UF_PHONE_INNER"], user["WORK_PHONE"]) == ([7], "512", "+74955550100")
    assert desk.admin.refusal("user.update", ID=12, UF_DEPARTMENT=[999])[0] == 400


def test_profile_tells_an_administrator(desk: Any) -> None:
    assert desk.admin.call("profile")["ADMIN"] is True
    assert desk.user("11").call("profile")["ADMIN"] is False


def test_departments_are_made_changed_and_removed(desk: Any) -> None:
    number = desk.admin.call("department.add", NAME="Новый", PARENT=5, UF_HEAD=11)
    assert isinstance(number, int)
    desk.admin.call("department.update", ID=number, NAME="Новее")
    row = desk.admin.call("department.get", ID=number)[0]
    assert (row["NAME"], row["PARENT"], row["UF_HEAD"], row["SORT"]) == ("Новее", "5", "11", 500)
    desk.admin.call("user.update", ID=12, UF_DEPARTMENT=[number])
    assert desk.admin.call("department.delete", ID=number) is True
    assert desk.admin.call("user.get", ID=12)[0]["UF_DEPARTMENT"] == [5]
    assert set(desk.admin.call("department.fields")) == {"ID", "NAME", "SORT", "PARENT", "UF_HEAD"}


@pytest.mark.parametrize(
    ("name", "given", "text"),
    [
        ("department.add", {"PARENT": 1}, "Department name not provided.<br>"),
        ("department.add", {"NAME": "x"}, "There can only be one top-level department in the company structure"),
        ("department.update", {"ID": 999}, "Department not found"),
        ("department.delete", {"ID": 999}, "Department not found"),
    ],
)
def test_departments_refuse(desk: Any, name: str, given: dict[str, Any], text: str) -> None:
    assert desk.admin.refusal(name, **given) == (400, "ERROR_CORE", text)
    assert desk.user("11").refusal(name, **given) == (400, "ERROR_CORE", "Access denied")
