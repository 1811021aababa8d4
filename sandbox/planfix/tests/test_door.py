"""The sandbox's own door, and the portal's definitions that programs read."""

import pytest


def labels(robot, path="/object/4703"):
    return [item["field"]["name"] for item in robot.get(path)["object"]["customFieldData"]]


def test_the_portal_is_as_the_guide_says(robot):
    assert robot.post("/object/list")["objects"] == [{"id": 4703, "name": "Заявка"}, {"id": 4704, "name": "Завдання"}]
    assert labels(robot) == [
        "Ім'я клієнта", "Телефон клієнта", "Email клієнта", "Telegram клієнта", "Менеджер", "Наступний контакт", "Партнер",
        "На зберіганні", "Зберігати до", "Аналітика", "Прибуток", "Прибуток у валюті звіту", "Залишок клієнта",
        "Перевірка", "Табло", "Ключ Annex", "Партнер підтвердив",
    ]  # fmt: skip
    statuses = robot.get("/process/task/301/statuses", fields="id,name,isActive")["statuses"]
    assert [(s["id"], s["isActive"]) for s in statuses] == [
        (201, True), (202, True), (203, True), (204, True), (205, False), (206, False),
    ]  # fmt: skip
    assert robot.get("/object/4703/statuses")["statuses"][5]["name"] == "Скасовано"
    tag = robot.get("/datatag/6", fields="id,name,fields")["dataTag"]
    assert [f["id"] for f in tag["fields"]] == [*range(20, 32), 47, *range(32, 40)]
    assert tag["fields"][0]["enumValues"][-1] == "Зняття зі зберігання"
    assert [t["name"] for t in robot.post("/datatag/list", {"fields": "name"})["dataTags"]] == [
        "Операція",
        "Зберігання",
    ]
    groups = robot.get("/contact/groups", fields="id,name")["groups"]
    assert groups == [{"id": 6532, "name": "Клієнти"}, {"id": 6533, "name": "Партнери"}]
    templates = robot.get("/contact/templates", fields="id,name")["templates"]
    assert templates == [{"id": 1, "name": "Клієнт"}, {"id": 2, "name": "Партнер"}]
    users = robot.post("/user/list", {"fields": "name,lastname,role", "prefixedId": True})["users"]
    assert users[-1] == {"id": "user:9", "name": "Робот", "lastname": "Annex", "role": "Robot"}
    fields = robot.get("/customfield/task", fields="id,name,type")["customfields"]
    assert {"id": 11099, "name": "Стара примітка", "type": 0} in fields


def test_a_field_can_be_made_by_rest_but_not_attached(robot):
    number = robot.post("/customfield/task/", {"name": "Нове", "type": 0}, status=201)["id"]
    deal = robot.deal()
    robot.set(deal, **{f"f{number}": "x"})
    assert robot.value(deal, number) is None


def test_a_portal_can_be_made_to_lack_things(robot):
    robot.door("/portal/remove", {"field": 11041})
    assert "Прибуток" not in labels(robot)
    robot.door("/portal/rename", {"field": 11042, "name": "Інакше"})
    assert "Інакше" in labels(robot)
    robot.door("/portal/detach", {"field": 11043, "object": 4703})
    assert "Залишок клієнта" not in labels(robot)
    assert 11043 in [f["id"] for f in robot.get("/customfield/task", fields="id")["customfields"]]
    robot.door("/portal/remove", {"status": 203})
    assert len(robot.get("/object/4703/statuses")["statuses"]) == 5
    robot.door("/portal/remove", {"tag": 7})
    assert robot.fails("/datatag/7", method="GET") == (404, 6000)
    robot.door("/portal/remove", {"script": "Перерахувати"})
    assert "Перерахувати" not in [s["name"] for s in robot.door("/state")["scripts"]]
    assert robot.call("POST", "/sandbox/portal/remove", json={"field": 1}).status_code == 400


def test_faults_are_listed_set_and_refused_as_a_whole(robot):
    table = robot.door("/faults")
    assert table["limit_answer"]["choices"] == ["403", "429", "200"]
    assert all(row["help"] for row in table.values())
    assert robot.door("/faults", {"latency": "0.5", "down": True}) == {"latency": 0.5, "down": "on"}
    for wrong in ({"nope": 1}, {"limit_answer": "404"}, {"latency": "x"}, {"busy_rate": 2}, {"latency": -1}):
        answer = robot.call("POST", "/sandbox/faults", json={"down": "off", **wrong})
        assert answer.status_code == 400
        assert robot.door("/faults")["down"]["value"] == "on"


def test_the_log_tells_who_asked_what(robot, staff):
    staff.deal()
    robot.get("/ping")
    entries = robot.door("/log?direction=in")["entries"]
    assert [(e["method"], e["path"], e["status"], e["who"]) for e in entries] == [
        ("POST", "/rest/task/", 201, "user:3"), ("GET", "/rest/ping", 200, "user:9"),
    ]  # fmt: skip
    last = robot.door("/log")["last"]
    assert robot.door(f"/log?since={last}&direction=in")["entries"] == []


def test_directories(robot):
    condition = {"type": 6101, "field": 301, "operator": "equal", "value": "USDT"}
    body = {"fields": "directory,key,parentKey,archived,isGroup,name,301", "filters": [condition]}
    (entry,) = robot.post("/directory/51/entry/list", body)["directoryEntries"]
    assert (entry["key"], entry["directory"], entry["isGroup"]) == (13, {"id": 51, "name": "Валюти"}, False)
    assert "name" not in entry
    made = robot.post("/directory/51/entry/", {"customFieldData": [{"field": {"id": 301}, "value": "PLN"}]})
    key = made["key"]
    robot.post(f"/directory/51/entry/{key}", {"archived": True})
    assert robot.get(f"/directory/51/entry/{key}", fields="archived,301")["entry"]["archived"] is True
    assert robot.call("DELETE", f"/rest/directory/51/entry/{key}").status_code == 200
    assert robot.fails("/directory/99", method="GET") == (404, 8000)
    assert robot.fails("/directory/99/entry/", {}) == (400, 8011)


@pytest.mark.parametrize("name", ["empty", "exchange-desk"])
def test_both_portals_start(portal, client, name):
    robot = client(portal(portal=name))
    assert robot.door("/state")["portal"] == name
    robot.post("/task/", {"name": "x"}, status=201)


def test_the_date_can_be_set_to_the_past_without_touching_durations(robot):
    ticks = robot.door("/advance", {"seconds": 0})["ticks"]
    assert robot.door("/date", {"at": "2026-10-29T10:00:00+02:00"})["now"].startswith("2026-10-29T08:00:0")
    task = robot.deal()
    assert robot.get(f"/task/{task}", fields="dateTime")["task"]["dateTime"]["date"] == "29-10-2026"
    assert robot.door("/advance", {"seconds": 0})["ticks"] - ticks < 3600
    with pytest.raises(AssertionError, match="offset"):
        robot.door("/date", {"at": "2026-10-29T10:00:00"})
