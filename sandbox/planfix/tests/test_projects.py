"""Projects: made, read, changed, found; what points to nothing is named."""

import pytest


@pytest.fixture
def project(robot):
    return robot.post("/project/", {"name": "Філія", "owner": {"id": "user:5"}}, status=201)["id"]


def shown(robot, number, fields):
    return robot.get(f"/project/{number}", fields=fields)["project"]


def test_only_what_is_asked_for_comes(robot, project):
    assert shown(robot, project, "") == {"id": project}
    found = shown(robot, project, "id,name,status,owner,hasEndDate,parent")
    assert found["owner"]["id"] == "user:5"
    assert (found["name"], found["status"]["id"], found["hasEndDate"]) == ("Філія", 1, False)
    assert "parent" not in found


def test_changed_with_what_could_not_be_changed_named(robot, project):
    child = robot.post("/project/", {"name": "Каса", "parent": {"id": project}}, status=201)["id"]
    answer = robot.post(f"/project/{child}", {"name": "Каса 2", "group": {"id": 99}, "owner": {"id": "user:999"}})
    assert {one["field"] for one in answer["failures"]} == {"group", "owner"}
    found = shown(robot, child, "name,parent,owner")
    assert (found["name"], found["parent"]["id"]) == ("Каса 2", project)
    assert [one["field"] for one in robot.post(f"/project/{child}", {"parent": {"id": child}})["failures"]] == ["parent"]


def test_end_date_and_overdue(robot, project):
    robot.post(f"/project/{project}", {"endDate": {"date": "01-02-2020"}})
    found = shown(robot, project, "endDate,hasEndDate,overdue")
    assert (found["endDate"]["date"], found["hasEndDate"], found["overdue"]) == ("01-02-2020", True, True)
    robot.post(f"/project/{project}", {"hasEndDate": False})
    assert shown(robot, project, "hasEndDate,overdue") == {"id": project, "hasEndDate": False, "overdue": False}


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [(5001, "філі", True), (5004, "user:5", True), (5004, "user:3", False), (5006, 1, True), (5006, 2, False)],
)
def test_filters(robot, project, kind, value, found):
    conditions = [{"type": kind, "operator": "equal", "value": value}]
    listed = robot.post("/project/list", {"filters": conditions})["projects"]
    assert listed == ([{"id": project}] if found else [])


def test_by_number_and_by_a_field_of_ones_own(robot, project):
    field = robot.post("/customfield/project/", {"name": "Код", "type": 0}, status=201)["id"]
    robot.post(f"/project/{project}", {"customFieldData": [{"field": {"id": field}, "value": "K-7"}]})
    other = robot.post("/project/", {"name": "Інша"}, status=201)["id"]
    by_field = [{"type": 5101, "operator": "equal", "value": "K-7", "field": field}]
    assert robot.post("/project/list", {"filters": by_field})["projects"] == [{"id": project}]
    by_number = [{"type": 5007, "operator": "equal", "value": [project, other]}]
    assert len(robot.post("/project/list", {"filters": by_number, "pageSize": 1})["projects"]) == 1
    assert robot.post("/project/list", {"filters": by_number, "offset": 1})["projects"] == [{"id": other}]


def test_a_deleted_one_is_in_no_list_and_a_task_points_to_one(robot, project):
    deal = robot.deal(project={"id": project})
    assert robot.task(deal, "project")["project"]["id"] == project
    robot.post(f"/project/{project}", {"isDeleted": True})
    assert robot.post("/project/list")["projects"] == []
    assert shown(robot, project, "isDeleted")["isDeleted"] is True


def test_files_of_a_project(robot, project):
    number = robot.call("POST", "/rest/file/", files={"file": ("a", b"abc")}).json()["id"]
    robot.post(f"/file/{number}/attach/project", None, id=project)
    assert [one["id"] for one in robot.get(f"/project/{project}/files", fields="id,name")["files"]] == [number]


def test_refusals(robot):
    assert robot.fails("/project/", {"name": " "}) == (400, 3001)
    assert robot.fails("/project/77", method="GET") == (400, 3000)
    assert robot.fails("/project/77", {"name": "x"}) == (404, 3000)
    assert robot.fails("/project/list", {"filters": [{"type": 5999, "operator": "equal", "value": 1}]})[0] in (400, 500)
