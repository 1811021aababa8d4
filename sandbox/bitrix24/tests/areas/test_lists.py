"""lists.*: lists, fields, elements, rights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

LIST = {"IBLOCK_TYPE_ID": "lists", "IBLOCK_CODE": "positions"}


@pytest.fixture
def made(desk: Any) -> Callable[..., str]:
    """A list with a field for a client; further fields are made by calling it."""
    desk.admin.call("lists.add", **LIST, FIELDS={"NAME": "Позиции"}, RIGHTS={"U11": "R", "D5": "E", "U12": "W"})

    def add(kind: str, code: str, **more: Any) -> str:
        fields = {"NAME": code.title(), "TYPE": kind, "CODE": code, **more}
        return str(desk.admin.call("lists.field.add", **LIST, FIELDS=fields))

    return add


def element(desk: Any, code: str, **fields: Any) -> int:
    return int(desk.admin.call("lists.element.add", **LIST, ELEMENT_CODE=code, FIELDS={"NAME": code, **fields}))


def read(desk: Any, **more: Any) -> list[dict[str, Any]]:
    return list(desk.admin.call("lists.element.get", **LIST, **more))


def only(values: dict[str, str]) -> str:
    (value,) = values.values()
    return value


def test_shapes(desk: Any, agrees: Any) -> None:
    same = {"IBLOCK_TYPE_ID": "lists", "IBLOCK_CODE": "sample"}
    agrees("lists.add", desk.admin.answer("lists.add", **same, FIELDS={"NAME": "Positions"}))
    agrees("lists.get", desk.admin.answer("lists.get", **same), trimmed=True)
    field = {"NAME": "Amount", "TYPE": "N", "CODE": "AMOUNT", "SORT": 20}
    answer = desk.admin.answer("lists.field.add", **same, FIELDS=field)
    agrees("lists.field.add", answer)
    name = answer["result"]
    agrees("lists.field.get", desk.admin.answer("lists.field.get", **same, FIELD_ID=name))
    given = {"ELEMENT_CODE": "a", "FIELDS": {"NAME": "a", name: "150000.25"}}
    agrees("lists.element.add", desk.admin.answer("lists.element.add", **same, **given))
    row = desk.admin.answer("lists.element.get", **same)
    assert set(row["result"][0]) == {"ID", "NAME", "IBLOCK_SECTION_ID", "CREATED_BY", "CODE", name}
    assert only(row["result"][0][name]) == "150000.25"
    assert row["total"] == 1
    agrees("lists.element.update", desk.admin.answer("lists.element.update", **same, **given))
    agrees("lists.element.delete", desk.admin.answer("lists.element.delete", **same, ELEMENT_CODE="a"))


def test_values_come_back_under_their_own_ids(desk: Any, made: Any) -> None:
    amount, many = made("N", "AMOUNT"), made("S", "TAGS", MULTIPLE="Y")
    element(desk, "a", **{amount: "10.50", many: ["x", "y"]})
    row = read(desk)[0]
    assert only(row[amount]) == "10.50"
    assert list(row[many].values()) == ["x", "y"]
    assert all(number.isdigit() for number in row[many])
    # What was read may be sent back as it is, and values keep their ids.
    again = {"NAME": "a", amount: row[amount], many: row[many]}
    desk.admin.call("lists.element.update", **LIST, ELEMENT_CODE="a", FIELDS=again)
    assert read(desk)[0] == row


def test_an_update_clears_what_is_not_sent(desk: Any, made: Any) -> None:
    amount, note = made("N", "AMOUNT"), made("S", "NOTE")
    element(desk, "a", **{amount: "1", note: "kept?"})
    desk.admin.call("lists.element.update", **LIST, ELEMENT_CODE="a", FIELDS={"NAME": "a", amount: "2"})
    row = read(desk)[0]
    assert only(row[amount]) == "2"
    assert note not in row


def test_dates_are_shown_the_portals_way(desk: Any, made: Any) -> None:
    day, moment = made("S:Date", "DAY"), made("S:DateTime", "MOMENT")
    element(desk, "a", **{day: "2026-10-29", moment: "2026-10-29T10:20:01+02:00"})
    element(desk, "b", **{day: "30.10.2026", moment: "30.10.2026 11:20:01"})
    first, second = read(desk)
    assert (only(first[day]), only(first[moment])) == ("29.10.2026", "29.10.2026 11:20:01")
    assert only(second[moment]) == "30.10.2026 11:20:01"
    assert [row["CODE"] for row in read(desk, FILTER={f">={day}": "2026-10-30"})] == ["b"]
    assert [row["CODE"] for row in read(desk, ELEMENT_ORDER={moment: "desc"})] == ["b", "a"]
    with pytest.raises(Exception, match="must be a date"):
        element(desk, "c", **{day: "someday"})


def test_element_codes_are_unique(desk: Any, made: Any) -> None:
    element(desk, "a")
    refused = desk.admin.refusal("lists.element.add", **LIST, ELEMENT_CODE="a", FIELDS={"NAME": "x"})
    assert refused == (400, "ERROR_ELEMENT_ALREADY_EXISTS", "Element already exists")
    missing = "Required parameter `ELEMENT_CODE` is missing"
    refused = desk.admin.refusal("lists.element.add", **LIST, FIELDS={"NAME": "x"})
    assert refused == (400, "ERROR_REQUIRED_PARAMETERS_MISSING", missing)


def test_crm_links_are_bare_with_one_kind_and_prefixed_with_several(desk: Any, made: Any) -> None:
    one = made("S:ECrm", "CLIENT", USER_TYPE_SETTINGS={"VISIBLE": "Y", "CONTACT": "Y", "DEAL": "N"})
    two = made("S:ECrm", "ANY", USER_TYPE_SETTINGS={"VISIBLE": "Y", "CONTACT": "Y", "DEAL": "Y"})
    element(desk, "a", **{one: "C_830", two: "D_5"})
    element(desk, "b", **{one: "830", two: "C_830"})
    first, second = read(desk)
    assert (only(first[one]), only(first[two])) == ("830", "D_5")
    assert only(second[one]) == "830"
    assert [row["CODE"] for row in read(desk, FILTER={f"={one}": "830"})] == ["a", "b"]
    card = desk.door("/card-lists?contact=830")
    assert [item["CODE"] for item in card[0]["elements"]] == ["a", "b"]
    assert [item["CODE"] for item in desk.door("/card-lists?deal=5")[0]["elements"]] == ["a"]
    assert desk.door("/card-lists?company=5") == []


def test_fields_by_id_come_under_the_letter_of_their_type(desk: Any, made: Any) -> None:
    options = {"n0": {"VALUE": "One", "SORT": 10}, "n1": {"VALUE": "Two", "SORT": 20}}
    choice = made("L", "CHOICE", LIST=options)
    found = desk.admin.call("lists.field.get", **LIST, FIELD_ID=choice)
    assert list(found) == ["L"]
    shown = found["L"]["DISPLAY_VALUES_FORM"]
    assert sorted(shown.values()) == ["One", "Two"]
    number = next(key for key, text in shown.items() if text == "Two")
    element(desk, "a", **{choice: number})
    assert only(read(desk)[0][choice]) == number
    assert set(desk.admin.call("lists.field.get", **LIST)) == {"NAME", choice}
    assert desk.admin.call("lists.field.get", **LIST, FIELD_ID="PROPERTY_1") == []


def test_a_type_never_changes_and_a_deleted_field_takes_its_values(desk: Any, made: Any) -> None:
    amount = made("N", "AMOUNT")
    element(desk, "a", **{amount: "1"})
    desk.admin.call("lists.field.update", **LIST, FIELD_ID=amount, FIELDS={"NAME": "Sum", "TYPE": "S"})
    found = desk.admin.call("lists.field.get", **LIST, FIELD_ID=amount)
    assert found["N"]["NAME"] == "Sum"
    assert desk.admin.call("lists.field.delete", **LIST, FIELD_ID=amount) is True
    assert amount not in read(desk)[0]


def test_fields_refuse(desk: Any, made: Any) -> None:
    made("N", "AMOUNT")
    again = desk.admin.refusal("lists.field.add", **LIST, FIELDS={"NAME": "x", "TYPE": "N", "CODE": "AMOUNT"})
    assert again == (400, "ERROR_SAVE_FIELD", "Property already exists")
    bare = desk.admin.refusal("lists.field.add", **LIST, FIELDS={"NAME": "x", "TYPE": "N"})
    assert bare == (400, "ERROR_SAVE_FIELD", "Please fill the code fields")
    types = desk.admin.call("lists.field.type.get", **LIST)
    assert types["S:ECrm"] and "NAME" not in types
    assert desk.admin.call("lists.field.add", **LIST, FIELDS={"NAME": "Sort", "TYPE": "SORT"}) == "SORT"


def test_required_fields_and_wrong_values(desk: Any, made: Any) -> None:
    amount = made("N", "AMOUNT", IS_REQUIRED="Y")
    for fields in ({"NAME": "x"}, {"NAME": "x", amount: "much"}):
        assert desk.admin.refusal("lists.element.add", **LIST, ELEMENT_CODE="x", FIELDS=fields)[1] == "ERROR_ADD_ELEMENT"
    file = made("F", "FILE")
    fields = {"NAME": "x", amount: "1", file: "77"}
    text = "Writing file values by ID is not supported"
    refused = desk.admin.refusal("lists.element.add", **LIST, ELEMENT_CODE="x", FIELDS=fields)
    assert refused == (400, "ERROR_ELEMENT_FIELD_VALUE", text)
    assert read(desk) == []


def test_rights_of_a_list(desk: Any, made: Any) -> None:
    denied = (400, "ACCESS_DENIED", "Access denied")
    element(desk, "a")
    reader, colleague, editor, stranger = (desk.user(number) for number in ("3", "13", "12", "3"))
    assert stranger.refusal("lists.element.get", **LIST) == denied
    assert colleague.call("lists.element.get", **LIST)  # the department may add, and so read
    assert colleague.call("lists.element.add", **LIST, ELEMENT_CODE="b", FIELDS={"NAME": "b"})
    assert colleague.refusal("lists.element.update", **LIST, ELEMENT_CODE="b", FIELDS={"NAME": "c"}) == denied
    assert editor.call("lists.element.update", **LIST, ELEMENT_CODE="b", FIELDS={"NAME": "c"}) is True
    assert editor.refusal("lists.update", **LIST, FIELDS={"NAME": "c"}) == denied
    # Rights once given cannot be changed; new ones can be added.
    desk.admin.call("lists.update", **LIST, FIELDS={"NAME": "Позиции"}, RIGHTS={"D5": "D", "U3": "R"})
    assert reader.call("lists.element.get", **LIST)
    assert colleague.call("lists.element.get", **LIST)


def test_without_rights_only_the_maker_sees_a_list(desk: Any) -> None:
    other = {"IBLOCK_TYPE_ID": "lists", "IBLOCK_CODE": "other"}
    desk.admin.call("lists.add", **other, FIELDS={"NAME": "x"})
    assert desk.user("11").refusal("lists.get", **other)[1] == "ACCESS_DENIED"
    assert desk.user("11").answer("lists.get", IBLOCK_TYPE_ID="lists")["total"] == 0
    assert desk.user("11").refusal("lists.add", **{**other, "IBLOCK_CODE": "y"}, FIELDS={"NAME": "y"})[1] == "ACCESS_DENIED"


def test_lists_refuse(desk: Any, made: Any) -> None:
    missing = "Required parameter `IBLOCK_TYPE_ID` is missing"
    assert desk.admin.refusal("lists.get") == (400, "ERROR_REQUIRED_PARAMETERS_MISSING", missing)
    twice = desk.admin.refusal("lists.add", **LIST, FIELDS={"NAME": "x"})
    assert twice == (400, "ERROR_IBLOCK_ALREADY_EXISTS", "Iblock already exists")
    gone = desk.admin.refusal("lists.element.get", IBLOCK_TYPE_ID="lists", IBLOCK_ID=1)
    assert gone == (400, "ERROR_IBLOCK_NOT_FOUND", "Iblock not found")
    assert desk.admin.answer("lists.get", IBLOCK_TYPE_ID="bitrix_processes")["total"] == 0
    assert desk.admin.call("lists.delete", **LIST) is True
    assert desk.admin.call("lists.get", **LIST) == []


def test_pages_of_fifty_without_sorting_by_links(desk: Any, made: Any) -> None:
    client = made("S:ECrm", "CLIENT", USER_TYPE_SETTINGS={"CONTACT": "Y"})
    for number in range(52):
        element(desk, f"e{number}", **{client: str(100 - number)})
    answer = desk.admin.answer("lists.element.get", **LIST, ELEMENT_ORDER={client: "asc"})
    assert (len(answer["result"]), answer["total"], answer["next"]) == (50, 52, 50)
    assert answer["result"][0]["CODE"] == "e0"
    assert len(desk.admin.call("lists.element.get", **LIST, start=50)) == 2


def test_forms_say_the_same_as_json(desk: Any, made: Any) -> None:
    many = made("S", "TAGS", MULTIPLE="Y")
    base = f"{desk.sandbox.address}/rest/1/{desk.portal.people['1'].webhook}"
    form = {"IBLOCK_TYPE_ID": "lists", "IBLOCK_CODE": "positions", "ELEMENT_CODE": "a", "FIELDS[NAME]": "a"}
    form |= {f"FIELDS[{many}][0]": "x", f"FIELDS[{many}][n1][VALUE]": "y"}
    assert "result" in desk.session.post(f"{base}/lists.element.add", data=form).json()
    asked = {"iblock_type_id": "lists", "iblock_code": "positions", "filter[NAME]": "a", "select[]": many}
    (row,) = desk.session.get(f"{base}/lists.element.get", params=asked).json()["result"]
    assert list(row[many].values()) == ["x", "y"]
