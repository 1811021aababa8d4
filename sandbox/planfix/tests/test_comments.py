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


def test_a_hidden_comment_is_seen_by_whom_it_names_and_administrators(robot, client, desk, deal):
    body = {"description": "таємне", "isHidden": True, "recipients": {"users": [{"id": "user:3"}]}}
    comment = robot.post(f"/task/{deal}/comments/", body, status=201)["id"]
    for token, sees in (("staff-3", True), ("staff-5", False), ("staff-1", True), ("sandbox", True)):
        api = client(desk, token)
        assert (comment in [c["id"] for c in listed(api, deal)]) is sees, token
        if not sees:
            assert api.fails(f"/comment/{comment}", method="GET") == (400, 5000)
    group = {"description": "касі", "isHidden": True, "recipients": {"groups": [{"id": 2}]}}
    for_group = robot.post(f"/task/{deal}/comments/", group, status=201)["id"]
    assert [c["id"] for c in listed(client(desk, "staff-7"), deal)][-1] == for_group
    robot.door("/faults", {"hidden_comments": "off"})
    openly = robot.post(f"/task/{deal}/comments/", body, status=201)["id"]
    assert openly in [c["id"] for c in listed(client(desk, "staff-5"), deal)]


def test_files_hang_on_comments_of_tasks_and_contacts(robot, deal):
    answer = robot.call("POST", "/rest/file/", files={"file": ("рахунок.pdf", b"x" * 1500)})
    number = answer.json()["id"]
    for path in (f"/task/{deal}", "/contact/811"):
        comment = robot.post(f"{path}/comments/", {"description": "ось", "files": [{"id": number}]}, status=201)["id"]
        shown = robot.get(f"/comment/{comment}", fields="files")["comment"]["files"]
        assert [(one["id"], one["name"], one["size"]) for one in shown] == [(number, "рахунок.pdf", 2)]


@pytest.mark.parametrize(("does", "left"), [("replace", [1]), ("add", [0, 1]), ("ignore", [0])])
def test_what_files_in_an_update_of_a_comment_do(robot, deal, does, left):
    robot.door("/faults", {"comment_files": does})
    files = [robot.call("POST", "/rest/file/", files={"file": (name, b"x")}).json()["id"] for name in ("a", "b")]
    body = {"description": "ось", "files": [{"id": files[0]}]}
    comment = robot.post(f"/task/{deal}/comments/", body, status=201)["id"]
    robot.post(f"/task/{deal}/comments/{comment}", {"description": "інше"})
    assert [one["id"] for one in robot.get(f"/comment/{comment}", fields="files")["comment"]["files"]] == files[:1]
    robot.post(f"/task/{deal}/comments/{comment}", {"description": "інше", "files": [{"id": files[1]}]})
    shown = robot.get(f"/comment/{comment}", fields="files")["comment"]["files"]
    assert [one["id"] for one in shown] == [files[n] for n in left]
