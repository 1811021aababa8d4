"""Contract 2.1-2.4: tokens, scopes, limits, and what may break. Checklist 1, 2, 10, 19, 31, 32."""

import pytest
import requests


def test_tokens(robot, desk):
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic sandbox"}):
        answer = requests.get(f"{desk.address}/rest/ping", headers=header, timeout=120)
        assert answer.status_code == 401
        assert answer.json() == {"result": "fail", "code": 1, "error": "Access denied, unknown token"}
    assert requests.get(f"{desk.address}/rest/ping?access_token=sandbox", timeout=120).status_code == 200
    assert requests.post(f"{desk.address}/rest/task/list?access_token=sandbox", timeout=120).status_code == 401
    robot.door("/portal/user", {"user": "user:9", "active": False})
    assert robot.fails("/ping", method="GET") == (401, 1)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/task/1", "task_readonly"),
        ("POST", "/task/list", "task_readonly"),
        ("POST", "/task/", "task_add"),
        ("POST", "/task/1", "task_update"),
        ("POST", "/contact/contact:5", "contact_update"),
        ("POST", "/task/1/comments/", "comment_add"),
        ("POST", "/task/1/comments/list", "comment_readonly"),
        ("POST", "/task/1/comments/2", "comment_update"),
        ("DELETE", "/comment/1", "comment_delete"),
        ("POST", "/task/1/datatags/", "datatag_add"),
        ("POST", "/task/1/datatags/2", "datatag_add"),
        ("POST", "/datatag/entry/1", "datatag_update"),
        ("DELETE", "/datatag/entry/1", "datatag_delete"),
        ("POST", "/datatag/6/entry/list", "datatag_readonly"),
        ("POST", "/file/", "file_add"),
        ("POST", "/user/list", "user_readonly"),
        ("GET", "/customfield/task", "common_metadata"),
    ],
)
def test_each_call_needs_its_scope(robot, method, path, scope):
    robot.door("/faults", {"scopes": "none"})
    assert robot.fails(path, {}, method=method) == (405, 5)
    robot.door("/faults", {"scopes": f"none, {scope}"})
    answer = robot.call(method, "/rest" + path, json={})
    assert answer.status_code < 405 or answer.json()["code"] != 5


def test_ping_needs_no_scope_and_staff_have_all(robot, staff):
    robot.door("/faults", {"scopes": "none"})
    robot.get("/ping")
    staff.deal()


@pytest.mark.parametrize("status", ["403", "429", "200"])
def test_over_the_rate(portal, client, status):
    robot = client(portal(rate_per_second=0.001, limit_answer=status))
    first = robot.call("GET", "/rest/ping")
    assert first.status_code == 200
    assert first.headers["X-RateLimit-Remaining"] == "0"  # per_day is off in tests
    over = robot.call("GET", "/rest/ping")
    assert over.status_code == int(status)
    assert over.json() == {"result": "fail", "code": 22, "error": "Rate limit exceeded", "timeToReset": 1000}
    assert over.headers["X-RateLimit-Remaining"] == "0"
    robot.door("/advance", {"seconds": 1001})
    assert robot.get("/ping") == {"result": "success"}
    counters = robot.door("/state")["counters"]
    assert (counters["requests"], counters["refused"]) == (3, 1)


def test_several_a_second(portal, client):
    robot = client(portal(rate_per_second=5, speedup=0.001))
    assert [robot.call("GET", "/rest/ping").status_code for _ in range(7)] == [200] * 5 + [403] * 2
    assert robot.door("/state")["counters"]["in_second_max"] == 7


def test_the_day_and_its_stale_figure(portal, client):
    robot = client(portal(per_day=3))
    seen = [robot.call("GET", "/rest/ping").headers["X-RateLimit-Remaining"] for _ in range(3)]
    assert seen == ["2", "2", "2"]  # refreshed about every 10 minutes
    answer = robot.call("GET", "/rest/ping")
    assert answer.status_code == 403
    assert 80_000 < answer.json()["timeToReset"] <= 86_400
    robot.door("/faults", {"reset_unit": "ms"})
    assert robot.call("GET", "/rest/ping").json()["timeToReset"] > 80_000_000
    robot.door("/advance", {"seconds": 86_400})
    assert robot.call("GET", "/rest/ping").headers["X-RateLimit-Remaining"] == "2"


def test_staff_are_limited_only_by_a_switch(portal, client):
    sandbox = portal(rate_per_second=0.001)
    staff = client(sandbox, "staff-3")
    assert [staff.call("GET", "/rest/ping").status_code for _ in range(3)] == [200] * 3
    staff.door("/faults", {"limit_staff": "on"})
    assert [staff.call("GET", "/rest/ping").status_code for _ in range(2)] == [200, 403]


def test_failures_may_come_under_200(robot):
    robot.door("/faults", {"answer_200_fail": "on"})
    assert robot.fails("/task/77", method="GET") == (200, 0)


def test_broken_json(robot):
    answer = robot.call("POST", "/rest/task/", data="{broken")
    assert (answer.status_code, answer.json()["code"]) == (400, 30)
    assert answer.json()["error"] == "Cannot deserialize, invalid JSON"


def test_a_cut_write_is_done_but_nobody_hears_of_it(robot):
    robot.door("/faults", {"cut_after_commit_next": 1})
    robot.post("/task/list")  # a read is never cut
    with pytest.raises(requests.ConnectionError):
        robot.deal()
    assert [t["id"] for t in robot.post("/task/list")["tasks"]] == [15001]
    assert robot.deal() == 15002
    assert [e["cut"] for e in robot.door("/log")["entries"] if e["path"] == "/rest/task/"] == [True, False]


def test_a_refused_request_does_nothing(robot):
    robot.door("/faults", {"error_500_next": 1, "html_error_next": 1})
    answer = robot.call("POST", "/rest/task/", json={"name": "x"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert robot.fails("/task/", {"name": "x"}) == (500, 0)
    assert robot.post("/task/list")["tasks"] == []


def test_lists_may_time_out(robot):
    robot.door("/faults", {"list_504": 1})
    assert robot.call("POST", "/rest/task/list", json={}).status_code == 504
    assert robot.call("POST", "/rest/task/list", json={}).status_code == 200


def test_lists_may_be_slow(portal, client):
    robot = client(portal(latency=100, list_latency=200, speedup=1000))
    assert robot.call("GET", "/rest/ping").elapsed.total_seconds() >= 0.1
    assert robot.call("POST", "/rest/task/list", json={}).elapsed.total_seconds() >= 0.3


def test_down(robot):
    robot.door("/faults", {"down": "on"})
    assert robot.call("GET", "/rest/ping").status_code == 503
    robot.door("/faults", {"down": "closed"})
    with pytest.raises(requests.ConnectionError):
        robot.call("GET", "/rest/ping")
    robot.door("/faults", {"down": "off"})
    robot.get("/ping")


def test_own_domain_moves_every_api_address(robot):
    robot.door("/faults", {"own_domain": "on", "own_domain_address": "https://crm.example.org/"})
    for path in ("/rest/ping", "/webhook/get/site-request", "/webchat/api"):
        answer = robot.call("POST" if path == "/webchat/api" else "GET", path)
        assert (answer.status_code, answer.headers["Location"]) == (301, f"https://crm.example.org{path}")


def test_documented_slashes_may_be_missing(robot):
    assert robot.post("/task", {"name": "x"}, status=201)["id"] == 15001


def test_one_connection_serves_many_requests(robot, desk):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", desk._server.port, timeout=120)
    for _ in range(3):
        connection.request("GET", "/rest/ping", headers={"Authorization": "Bearer sandbox"})
        socket_used = connection.sock
        answer = connection.getresponse()
        assert (answer.version, answer.read()) == (11, b'{"result":"success"}')
        assert connection.sock is socket_used
    connection.request(
        "POST", "/rest/task/", iter([b'{"name"', b': "x"}']), {"Authorization": "Bearer sandbox"}, encode_chunked=True
    )
    assert connection.getresponse().status == 201
    connection.close()
