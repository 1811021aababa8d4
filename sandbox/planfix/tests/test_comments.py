"""Contract 3.2, checklist 18."""

import pytest


@pytest.fixture
def deal(robot):
    return robot.deal(description="опис")


def listed(robot, deal, **more):
    return robot.post(f"/task/{deal}/comments/list", {"fields": "id,description,owner,type,changeStatus", **more})[
        "comments"
    ]


def test_markup_is_kept_line_ends_and_html_comments_are_not(robot, deal):
    text = "<p><b>a</b>\nb<br>c</p><!-- secret -->**d**"
    comment = robot.post(f"/task/{deal}/comments/", {"description": text}, status=201)["id"]
    assert robot.get(f"/comment/{comment}", fields="description")["comment"]["description"] == "<p><b>a</b> b<br>c</p>**d**"


def test_a_contact_may_be_the_owner_and_nobody_is_told(robot, deal):
    body = {"description": "x", "owner": {"id": "contact:801"}}
    comment = robot.post(f"/task/{deal}/comments/", body, status=201)["id"]
    shown = robot.get(f"/comment/{comment}", fields="owner,recipients,fromType,type")["comment"]
    assert shown["owner"] == {"id": "contact:801", "name": "Партнер Альфа"}
    assert shown["recipients"] == {"users": [], "groups": []}
    assert (shown["fromType"], shown["type"]) == ("None", "Comment")


def test_the_limit_is_64_kb_with_markup(robot, deal):
    robot.post(f"/task/{deal}/comments/", {"description": "x" * 65536}, status=201)
    assert robot.fails(f"/task/{deal}/comments/", {"description": "ї" * 32769}) == (400, 5001)


def test_the_first_comment_cannot_be_deleted(robot, deal):
    first = listed(robot, deal)[0]["id"]
    assert robot.fails(f"/comment/{first}", method="DELETE") == (400, 0)
    other = robot.post(f"/task/{deal}/comments/", {"description": "x"}, status=201)["id"]
    assert robot.call("DELETE", f"/rest/comment/{other}").status_code == 200
    assert [c["id"] for c in listed(robot, deal)] == [first]
    assert [c["id"] for c in listed(robot, deal, typeList="Deleted")] == [other]


def test_status_changes_and_rows_are_comments_under_all(robot, deal):
    robot.post(f"/task/{deal}", {"status": {"id": 202}})
    robot.row(deal, f22=1)
    assert [c["description"] for c in listed(robot, deal)] == ["опис"]
    everything = listed(robot, deal, typeList="All")
    assert everything[1]["changeStatus"] == {"newStatusId": 202, "oldStatusId": 201}
    assert len(everything) == 3


def test_silent_leaves_no_log_entry(robot, deal):
    robot.post(f"/task/{deal}", {"status": {"id": 202}}, silent="true")
    assert len(listed(robot, deal, typeList="All")) == 1


@pytest.mark.parametrize("key", ["field", "filed"])
def test_order_can_be_turned(robot, deal, key):
    robot.post(f"/task/{deal}/comments/", {"description": "x"}, status=201)
    down = listed(robot, deal, resultOrder=[{key: "id", "direction": "Desc"}])
    assert [c["description"] for c in down] == ["x", "опис"]


def test_comments_on_contacts_and_the_flat_list(robot, deal):
    comment = robot.post("/contact/811/comments/", {"description": "x"}, status=201)["id"]
    assert [c["id"] for c in robot.post("/contact/811/comments/list", {})["comments"]] == [comment]
    assert robot.fails("/comment/list", {"fields": "id"}) == (400, 0)
    today = [{"type": 3000, "operator": "equal", "value": {"dateType": "today"}}]
    assert len(robot.post("/comment/list", {"fields": "id", "filters": today})["comments"]) == 2


def test_a_process_may_forbid_comments(robot, deal):
    robot.door("/faults", {"comments_allowed": "off"})
    assert robot.fails(f"/task/{deal}/comments/", {"description": "x"}) == (400, 6)
