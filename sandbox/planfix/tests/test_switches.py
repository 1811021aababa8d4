"""The smaller switches, each for a line of the contract that nobody has confirmed; and nonsense in every place."""

import random
import string

import pytest


def test_written_times_may_be_read_as_utc(robot):
    robot.door("/faults", {"write_zone": "utc"})
    deal = robot.deal(startDateTime={"date": "21-11-2026", "time": "10:30"})
    assert robot.task(deal, "startDateTime")["startDateTime"]["time"] == "12:30"
    robot.door("/faults", {"datetime_key": "local"})
    assert robot.task(deal, "startDateTime")["startDateTime"]["datetime"] == "2026-11-21T12:30Z"


def test_queued_changes_may_be_applied_newest_first(robot):
    deal = robot.deal()
    robot.door("/faults", {"busy_next": 1, "busy_ms": 60_000, "busy_order": "newest"})
    for name in ("first", "second"):
        assert robot.call("POST", f"/rest/task/{deal}", json={"name": name}).status_code == 202
    robot.door("/advance", {"seconds": 60})
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    assert robot.task(deal, "name")["name"] == "first"


def test_a_deleted_task_is_hidden_or_not(robot):
    robot.deal(isDeleted=True)
    assert robot.post("/task/list")["tasks"] == []
    robot.door("/faults", {"deleted_tasks": "shown"})
    assert len(robot.post("/task/list")["tasks"]) == 1


def test_codes_and_keys(robot):
    robot.door("/faults", {"row_missing_code": "6010", "directory_list_key": "directory"})
    assert robot.fails("/datatag/entry/1", method="GET") == (400, 6010)
    assert robot.post("/directory/list")["directory"] == [{"id": 51}]


@pytest.mark.parametrize(("mode", "body"), [("key", {"key": 21}), ("entry", {"entry": {"key": 21}}), ("empty", None)])
def test_bodies_of_a_new_entry(robot, mode, body):
    robot.door("/faults", {"directory_add_body": mode})
    assert robot.post("/directory/51/entry/") == (body and {"result": "success", **body})


def test_a_download_may_be_the_bytes(robot):
    number = robot.call("POST", "/rest/file/", files={"file": ("a", b"abc")}).json()["id"]
    robot.door("/faults", {"download": "bytes"})
    assert robot.call("GET", f"/rest/file/{number}/download").content == b"abc"


def test_the_days_quota_may_answer_otherwise(portal, client):
    robot = client(portal(per_day=1, day_answer="429"))
    assert [robot.call("GET", "/rest/ping").status_code for _ in range(2)] == [200, 429]


def test_a_failed_request_may_hold_the_others_back(robot, staff, receiver, until):
    robot.door("/faults", {"retry_blocks": "on"})
    receiver.answers = [(500, {})]
    staff.deal()
    staff.deal()
    until(lambda: robot.door("/state")["stopped_until"])
    robot.door("/advance", {"seconds": 300})
    robot.door("/wait-idle", {"timeout": 0.05})
    assert len(receiver.got) == 1
    robot.door("/advance", {"seconds": 1000})
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    assert [item["form"]["task"] for item in receiver.got] == ["15001", "15001", "15002"]


@pytest.mark.parametrize("mode", ["on", "off"])
def test_headers_of_a_script(robot, staff, desk, receiver, mode):
    robot.door("/faults", {"header_formulas": mode})
    step = {"do": "http", "url": receiver.address, "headers": {"X-Task": "{{Task}}%%%GUID()%%%"}}
    script = {"name": "h", "event": "h", "object": 4703, "trigger": "comment-added", "steps": [step]}
    robot.door("/portal/script", {"add": script})
    staff.post(f"/task/{robot.deal()}/comments/", {"description": "x"}, status=201)
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    (got,) = receiver.got
    assert (got["headers"]["X-Task"] == "{{Task}}%%%GUID()%%%") == (mode == "off")


KEYS = """name description status object template counterparty assigner assignees participants startDateTime endDateTime
customFieldData files parent project priority offset pageSize fields filters typeList resultOrder recipients owner dateTime
dataTag items phones group companies birthDate taskId contactId parentKey isGroup prefixedId contacts runAsUserId secretToken
type enumValues supervisors url roles optionImportUniqueField optionImportDuplicate hasStartDate isDeleted"""
PATHS = """/task/ /task/list /task/{d} /task/{d}/comments/ /task/{d}/comments/list /task/{d}/datatags/ /contact/ /contact/811
/contact/list /contact/import /datatag/6/entry/list /datatag/entry/9101 /directory/51/entry/ /user/list
/directory/51/entry/list /comment/list /task/{d}/checklist /customfield/task/ /integration/telegram/bots/1/webhook"""
POOL = [
    None, True, -1, 0, 1.5, 10**30, "", "x", "user:3", "contact:0", "group:x", [], {}, [[]], [{}], [1], {"id": {}},
    {"id": "x"}, {"id": [1]}, {"users": [1, None, {"id": {}}]}, {"users": 5}, {"date": 5}, {"date": "99-99-2026"},
    {"from": 1},
    {"time": "x"}, {"from": {"time": "25:00"}, "to": {}}, {"dateType": "last", "dateValue": "x"}, {"roles": 5},
    {"dateType": "last", "dateValue": "9" * 12}, {"datetime": "2026-13-41T99:99Z"},
    {"date": "01-01-0001", "time": "00:00"},
]  # fmt: skip
NUMBERS = [11001, 11010, 11011, 11020, 11030, 22, 26, 30, 43, 10010, 301, "x", None]
TYPES = [1, 7, 8, 10, 12, 51, 57, 93, 101, 103, 110, 152, 3000, 3101, 3108, 4003, 4006, 4226, 6006, 6101, 9001, "x", None]


def test_no_nonsense_ends_in_an_error_of_ours(robot, caplog):
    rng = random.Random(1)
    deal = robot.deal()
    robot.row(deal)
    keys = KEYS.split()
    paths = [path.format(d=deal) for path in PATHS.split()]
    for _ in range(600):
        body = {key: rng.choice(POOL) for key in rng.sample(keys, 6)}
        if rng.random() < 0.5:
            body["customFieldData"] = [{"field": {"id": rng.choice(NUMBERS)}, "value": rng.choice(POOL)}]
        if rng.random() < 0.5:
            body["filters"] = [{"type": rng.choice(TYPES), "operator": "equal", "value": rng.choice(POOL), "field": 11011}]
        if rng.random() < 0.3:
            body |= {"dataTag": {"id": 6}, "items": [{"customFieldData": body.get("customFieldData")}]}
        path = rng.choice(paths)
        robot.call("POST", "/rest" + path, json=body)
        assert [record.getMessage() + str(record.exc_info) for record in caplog.records] == [], (path, body)
    for _ in range(50):
        text = "".join(rng.choices(string.printable + '{}[]":,', k=20))
        assert robot.call("POST", "/rest/task/list", data=text.encode()).status_code in (200, 500)
    assert caplog.records == []
