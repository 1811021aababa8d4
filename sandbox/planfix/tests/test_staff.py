"""Employees, positions and sets of custom fields, made and changed by REST."""


def user_of(robot, number, fields="name,lastname,role,status,groups,position,phones,isDeleted"):
    return robot.get(f"/user/{number}", fields=fields)["user"]


def test_a_new_employee_can_work_at_once(desk, robot, client):
    number = robot.post(
        "/user/", {"name": "Ганна", "lastname": "Коваль", "role": "User", "groups": [{"id": 2}]}, status=201
    )["id"]
    found = user_of(robot, number)
    assert (found["name"], found["status"], [group["id"] for group in found["groups"]]) == ("Ганна", "Active", [2])
    assert client(desk, f"staff-{number}").get("/ping") == {"result": "success"}
    again = robot.post("/user/", {"name": "Інна"}, status=201)["id"]
    assert again == number + 1


def test_dismissed_and_taken_out_of_a_group(desk, robot, client):
    robot.post("/user/5", {"groups": []})
    assert user_of(robot, 5)["groups"] == []
    robot.post("/user/5", {"status": "Inactive"})
    assert user_of(robot, 5)["status"] == "Inactive"
    assert 5 not in [one["id"] for one in robot.post("/user/list", {"onlyActive": True})["users"]]
    assert client(desk, "staff-5").call("GET", "/rest/ping").status_code == 401
    robot.post("/user/5", {"status": "Active", "isDeleted": True})
    assert 5 not in [one["id"] for one in robot.post("/user/list")["users"]]


def test_positions_by_number_and_by_name(robot):
    cashier = robot.post("/user/positions/", {"name": "Касир"}, status=201)["id"]
    assert robot.get("/user/positions/")["positions"] == [{"id": cashier, "name": "Касир"}]
    robot.post("/user/5", {"position": {"id": cashier}})
    assert user_of(robot, 5)["position"] == {"id": cashier, "name": "Касир"}
    robot.post(f"/user/positions/{cashier}", {"name": "Старший касир"})
    robot.post("/user/3", {"position": {"name": "старший касир"}})
    assert user_of(robot, 3)["position"]["id"] == cashier
    failed = robot.post("/user/5", {"position": {"name": "manager"}})["failures"]
    assert failed == [{"field": "position", "error": "Position not found by name - manager"}]
    assert robot.fails("/user/positions/", {}) == (400, 40)
    assert robot.fails("/user/positions/99", {"name": "x"})[0] == 400


def test_what_is_refused_or_named(robot):
    assert robot.fails("/user/", {"lastname": "x"}) == (400, 40)
    assert robot.fails("/user/99", {"name": "x"}) == (404, 4000)
    failed = robot.post("/user/5", {"role": "King", "groups": [{"id": 999}], "name": "Нове"})["failures"]
    assert {one["field"] for one in failed} == {"role", "groups"}
    assert user_of(robot, 5)["name"] == "Нове"
    robot.door("/faults", {"seats": 1})
    assert robot.fails("/user/", {"name": "Зайва"}) == (400, 24)


def test_the_tariffs_scopes_are_kept(robot):
    robot.door("/faults", {"scopes": "user_readonly,project_readonly"})
    robot.get("/user/5")
    robot.post("/project/list")
    assert robot.fails("/user/5", {"name": "x"}) == (405, 5)
    assert robot.fails("/project/", {"name": "x"}) == (405, 5)


def test_sets_of_fields_are_made_and_fields_put_into_them(robot):
    made = robot.post("/customfield/group/task/", {"name": "Обмін"}, status=201)["id"]
    assert {"id": made, "name": "Обмін"} in robot.get("/customfield/group/task")["customFieldSets"]
    assert made not in [one["id"] for one in robot.get("/customfield/group/contact")["customFieldSets"]]
    field = robot.post(
        "/customfield/task/", {"name": "Курс", "type": 0, "groupId": made, "names": {"En": "Rate"}}, status=201
    )["id"]
    found = next(one for one in robot.get("/customfield/task")["customfields"] if one["id"] == field)
    assert (found["groupId"], found["names"]["En"]) == (made, "Rate")
    assert robot.fails("/customfield/task/", {"name": "x", "type": 0, "groupId": 999}) == (400, 41)
    assert robot.fails("/customfield/group/task/", {"name": " "}) == (400, 40)


def test_a_field_of_the_account_has_one_value(robot):
    field = robot.post("/customfield/main/", {"name": "Курс дня", "type": 1}, status=201)["id"]
    robot.post(f"/customfield/main/{field}", {"mainValue": 41.2})
    found = robot.get("/customfield/main")["customfields"]
    assert [(one["name"], one["mainValue"]) for one in found] == [("Курс дня", 41.2)]
    assert robot.fails("/customfield/main/1", {"mainValue": 1})[0] == 400
