"""Contract 2.8, checklist 12 and 13."""

import pytest


def found(robot, *filters, what="task", **more):
    body = {"fields": "id", "filters": [{"operator": "equal", **f} for f in filters], **more}
    return [item["id"] for item in robot.post(f"/{what}/list", body)[f"{what}s"]]


@pytest.fixture
def deals(robot):
    """Three deals and a plain task: numbers 15001-15004."""
    robot.deal(name="Обмін USD", counterparty={"id": 811}, assigner={"id": "user:3"})
    robot.deal(name="обмін EUR", status={"id": 202}, counterparty={"id": 812}, assignees={"users": [{"id": "user:5"}]})
    robot.deal(name="інше", description="Обмін", parent={"id": 15001}, assignees={"groups": [{"id": 2}]})
    robot.post("/task/", {"name": "проста", "object": {"id": 4704}, "parent": {"id": 15003}}, status=201)
    robot.set(15001, f11046="key-1", f11030=True, f11031={"date": "30-11-2026"}, f11020={"id": 801})
    robot.row(15002, f22=100.5, f23="USDT", f30={"date": "21-11-2026"})
    return robot


@pytest.mark.parametrize(
    ("condition", "numbers"),
    [
        ({"type": 8, "value": "обмін"}, [15001, 15002]),
        ({"type": 10, "value": [201, 202]}, [15001, 15002, 15003]),
        ({"type": 10, "value": 201, "operator": "notequal"}, [15002, 15004]),
        ({"type": 51, "value": 4704}, [15004]),
        ({"type": 24, "value": 301}, [15001, 15002, 15003]),
        ({"type": 57, "value": [15003, 15001]}, [15001, 15003]),
        ({"type": 7, "value": "contact:811"}, [15001]),
        ({"type": 7, "value": 812}, [15002]),
        ({"type": 1, "value": "user:3"}, [15001]),
        ({"type": 2, "value": "user:7"}, [15003]),
        ({"type": 97, "value": "user:5"}, [15002]),
        ({"type": 73, "value": 15001}, [15003]),
        ({"type": 307, "value": 15001}, [15003, 15004]),
        ({"type": 11, "value": 6}, [15002]),
        ({"type": 18, "value": 6}, [15001, 15003, 15004]),
        ({"type": 101, "field": 11046, "value": "key-1"}, [15001]),
        ({"type": 105, "field": 11030, "value": True}, [15001]),
        ({"type": 110, "field": 11020, "value": "contact:801"}, [15001]),
        ({"type": 103, "field": 11031, "value": {"dateType": "otherDate", "dateValue": "30-11-2026"}}, [15001]),
        ({"type": 103, "field": 11031, "value": {"dateType": "otherDate", "dateFrom": "30-11-2026"}}, [15001]),
        (
            {
                "type": 103,
                "field": 11031,
                "value": {"dateType": "otherRange", "dateFrom": "29-11-2026", "dateTo": "30-11-2026"},
            },
            [15001],
        ),
        ({"type": 152, "value": 11046}, [15001]),
        ({"type": 153, "value": 11046}, [15002, 15003, 15004]),
        ({"type": 12, "value": {"dateType": "today"}}, [15001, 15002, 15003, 15004]),
        ({"type": 38, "operator": "gt", "value": {"dateType": "tomorrow"}}, []),
        ({"type": 79, "operator": "gt", "value": {"dateType": "yesterday"}}, [15001, 15002, 15003, 15004]),
        # A value of the wrong kind is ignored and the whole list comes back.
        ({"type": 10, "value": {"x": 1}}, [15001, 15002, 15003, 15004]),
        ({"type": 12, "value": "21-11-2026"}, [15001, 15002, 15003, 15004]),
    ],
)
def test_task_filters(deals, condition, numbers):
    assert found(deals, condition) == numbers


def test_conditions_are_joined_with_and(deals):
    assert found(deals, {"type": 8, "value": "обмін"}, {"type": 10, "value": 202}) == [15002]


@pytest.mark.parametrize(
    ("inner", "value", "numbers"),
    [
        ({"type": 3108, "field": 23}, "USDT", [15002]),
        ({"type": 3109, "field": 22}, 100.5, [15002]),
        ({"type": 3108, "field": 23}, "UAH", []),
    ],
)
@pytest.mark.parametrize("operator", ["equal", "equals"])
def test_tasks_by_a_value_in_a_row(deals, inner, value, numbers, operator):
    condition = {"type": 93, "operator": operator, "value": value, "subfilter": {"dataTagId": 6, "filter": inner}}
    assert found(deals, condition) == numbers


def test_nonsense_that_is_an_error(deals):
    for condition in ({"type": 4711, "value": 1}, {"type": 93, "value": 1}, {"type": 101, "value": "x"}):
        assert deals.fails("/task/list", {"filters": [condition]}) == (500, 0)
    answer = deals.call("POST", "/rest/task/list", data="{broken")
    assert (answer.status_code, answer.json()["code"]) == (500, 30)


def test_row_filters_with_dates_and_those_of_tasks(deals):
    inside = {"dateType": "otherRange", "dateFrom": "21-11-2026", "dateTo": "21-11-2026"}
    conditions = [{"type": 3101, "field": 30, "operator": "equal", "value": inside}]
    conditions.append({"type": 51, "operator": "equal", "value": 4703})
    body = {"fields": "key", "filters": conditions}
    assert deals.post("/datatag/6/entry/list", body)["dataTagEntries"] == [{"key": 9101}]
    assert deals.fails("/datatag/6/entry/list", {"filters": [{"type": 3107, "value": "x"}]}) == (500, 0)


@pytest.mark.parametrize(
    ("condition", "numbers"),
    [
        ({"type": 4226, "value": "olena_k"}, [811]),
        ({"type": 4003, "value": "380501112233"}, [811]),
        ({"type": 4003, "value": "+380671234567"}, [812]),
        ({"type": 4001, "value": "коваленко"}, [811]),
        ({"type": 4026, "value": "olena@example.com"}, [811]),
        ({"type": 4005, "value": "example"}, [811]),
        ({"type": 4006, "value": True}, [813]),
        ({"type": 4008, "value": 6533}, [801, 802, 803]),
        ({"type": 4016, "value": 1}, [811, 812, 813]),
        ({"type": 4231, "value": [801, 812]}, [801, 812]),
    ],
)
def test_contact_filters(robot, condition, numbers):
    assert found(robot, condition, what="contact") == numbers


def test_pages_have_no_total_are_ascending_and_cut_at_100(robot):
    for _ in range(103):
        robot.deal()
    page = robot.post("/task/list", {"pageSize": 500, "sort": "desc"})
    assert set(page) == {"result", "tasks"}
    assert [t["id"] for t in page["tasks"]] == list(range(15001, 15101))
    assert found(robot, offset=100, pageSize=100) == [15101, 15102, 15103]
    robot.door("/faults", {"page_over_100": "refuse"})
    assert robot.fails("/task/list", {"pageSize": 101}) == (400, 41)
