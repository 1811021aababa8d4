"""Contract 3.3, checklist 16: rows, their comments, totals in doubles."""


def test_rows_make_a_comment_and_keys_in_order(robot):
    deal = robot.deal()
    items = [{"customFieldData": [{"field": {"id": 22}, "value": n}]} for n in (1, 2)]
    made = robot.post(f"/task/{deal}/datatags/", {"dataTag": {"id": 6}, "items": items}, status=201)
    assert made["keys"] == [9101, 9102]
    entry = robot.get("/datatag/entry/9102", fields="key,task,commentId,dataTag,22")["entry"]
    assert entry["commentId"] == made["commentId"]
    assert entry["task"] == {"id": deal}
    assert entry["dataTag"] == {"id": 6, "name": "Операція"}
    (item,) = entry["customFieldData"]
    assert (item["value"], item["stringValue"], item["field"]["typeName"]) == (2, "2", "Number")
    tags = robot.task(deal, "dataTags")["dataTags"]
    assert tags == [{"dataTag": {"id": 6, "name": "Операція"}, "key": key} for key in (9101, 9102)]


def test_appending_to_a_comment_returns_keys_only(robot):
    deal = robot.deal()
    comment = robot.post(f"/task/{deal}/comments/", {"description": "текст"}, status=201)["id"]
    body = {"dataTag": {"id": 6}, "items": [{"customFieldData": []}]}
    assert robot.post(f"/task/{deal}/datatags/{comment}", body, status=201) == {"result": "success", "keys": [9101]}
    listed = robot.post(f"/task/{deal}/comments/list", {"fields": "id,dataTags,description"})["comments"]
    assert listed[-1]["dataTags"][0]["key"] == 9101


def test_the_total_on_a_contact_moves_at_once_and_is_a_double(robot):
    for amount in (0.1, 0.2):
        robot.row(811, tag=7, to="contact", f41=amount)
    (total,) = robot.get("/contact/811", fields="10044")["contact"]["customFieldData"]
    assert total["value"] == 0.1 + 0.2
    assert total["value"] != 0.3
    assert total["stringValue"] == "0,30000000000000004"
    robot.call("DELETE", "/rest/datatag/entry/9101")
    assert robot.get("/contact/811", fields="10044")["contact"]["customFieldData"][0]["value"] == 0.2
    robot.door("/faults", {"totals_shape": "wrapped"})
    assert robot.get("/contact/811", fields="10044")["contact"]["customFieldData"][0]["value"] == {"id": 0.2}


def test_rows_are_listed_across_tasks_oldest_first(robot):
    first, second = robot.deal(), robot.deal()
    robot.row(second, f39="b")
    robot.row(first, f39="a")
    listed = robot.post("/datatag/6/entry/list", {"fields": "key,task,39"})["dataTagEntries"]
    assert [(e["key"], e["task"]["id"]) for e in listed] == [(9101, second), (9102, first)]
    (only,) = robot.post("/datatag/6/entry/list", {"fields": "key", "taskId": first})["dataTagEntries"]
    assert only == {"key": 9102}
    key = [{"type": 3108, "field": 39, "operator": "equal", "value": "b"}]
    (found,) = robot.post("/datatag/6/entry/list", {"fields": "key", "filters": key})["dataTagEntries"]
    assert found == {"key": 9101}


def test_an_update_keeps_other_columns_and_a_missing_row_is_6000(robot):
    key = robot.row(robot.deal(), f22=5, f39="k")["keys"][0]
    robot.post(f"/datatag/entry/{key}", {"customFieldData": [{"field": {"id": 22}, "value": 6}]})
    values = robot.get(f"/datatag/entry/{key}", fields="22,39")["entry"]["customFieldData"]
    assert [item["value"] for item in values] == [6, "k"]
    assert robot.fails("/datatag/entry/77", method="GET") == (400, 6000)
    assert robot.fails("/task/15001/datatags/", {"dataTag": {"id": 99}, "items": [{}]}) == (400, 6001)


def test_the_shape_of_a_single_row_is_a_switch(robot):
    key = robot.row(robot.deal())["keys"][0]
    robot.door("/faults", {"entry_wrapper": "off"})
    assert robot.get(f"/datatag/entry/{key}", fields="key") == {"result": "success", "key": key}


def test_columns_of_another_table_are_not_stored(robot):
    key = robot.row(robot.deal(), f41=5, f22=1)["keys"][0]
    values = robot.get(f"/datatag/entry/{key}", fields="22,41")["entry"]["customFieldData"]
    assert [item["field"]["id"] for item in values] == [22]
