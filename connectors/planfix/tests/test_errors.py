"""Every family of answers, over real HTTP."""

from __future__ import annotations

import json

import pytest

from connectors.planfix.client import Client
from kernel.clock import SystemClock
from kernel.errors import Misconfigured, NoRight, NotFound, Rejected, Throttled, Unreachable
from kernel.http import HttpClient, OpenGate


class WatchedGate(OpenGate):
    def __init__(self):
        self.quiet_for, self.failures = [], 0

    def back_off(self, seconds):
        self.quiet_for.append(seconds)

    def failed(self, reason):
        self.failures += 1


class QuickClock(SystemClock):
    def sleep(self, seconds):
        pass


@pytest.fixture
def gate():
    return WatchedGate()


@pytest.fixture
def client(httpserver, gate):
    http = HttpClient("planfix", httpserver.url_for("/rest/"), clock=QuickClock(), gate=gate, headers=lambda: {})
    return Client(http, QuickClock())


def answer(httpserver, status, body, headers=None):
    text = body if isinstance(body, str) else json.dumps(body)
    httpserver.expect_request("/rest/task/15021").respond_with_data(text, status=status, headers=headers or {})


FAILURES = [
    (401, 1, NoRight), (403, 2, NoRight), (405, 5, NoRight), (400, 6, NoRight), (403, 6, NoRight), (402, 20, NoRight),
    (400, 23, Rejected), (400, 30, Rejected), (500, 30, Rejected), (400, 40, Rejected), (404, 41, Rejected),
    (404, 1000, NotFound), (500, 1000, NotFound), (400, 1002, Rejected), (404, 2000, NotFound), (400, 2006, Rejected),
    (400, 5000, NotFound), (400, 6000, NotFound), (400, 6002, Rejected), (400, 6010, NotFound), (400, 77777, Rejected),
    (200, 41, Rejected), (200, 1000, NotFound), (200, 0, Rejected), (404, 0, NotFound), (405, 405, Rejected),
    (500, 0, Unreachable), (503, 0, Unreachable),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "kind"), FAILURES)
def test_codes_decide_then_statuses_never_texts(httpserver, client, status, code, kind):
    answer(httpserver, status, {"result": "fail", "code": code, "error": "Task not found, scope denied, rate limit"})
    with pytest.raises(kind) as caught:
        client.update("task", 15021, {"name": "x"}, silent=False)
    assert type(caught.value) is kind and caught.value.vendor_code == str(code)
    assert caught.value.maybe_done == (kind is Unreachable)
    assert len(httpserver.log) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 400])
def test_a_failure_without_a_code_is_a_failure(httpserver, client, status):
    answer(httpserver, status, {"result": "fail"})
    with pytest.raises(Rejected) as caught:
        client.update("task", 15021, {"name": "x"}, silent=False)
    assert caught.value.vendor_code == ""


LIMITS = [
    (403, {"result": "fail", "code": 22, "error": "x", "timeToReset": 41500}, {}, 41.5),
    (403, {"result": "fail", "code": 22, "timeToReset": 40}, {}, 40),
    (403, {"result": "fail", "code": "22"}, {"X-RateLimit-Reset": "7"}, 7),
    (429, "", {"Retry-After": "3"}, 3),
    (429, "<html>slow down</html>", {}, 5),
    (429, {"result": "fail", "code": 0}, {}, 5),
    (200, {"result": "fail", "code": 22, "timeToReset": 0}, {}, 1),
    (201, {"code": 22, "timeToReset": "nonsense"}, {}, 5),
]


@pytest.mark.parametrize(("status", "body", "headers", "seconds"), LIMITS)
def test_every_form_of_the_limit(httpserver, client, gate, status, body, headers, seconds):
    answer(httpserver, status, body, headers)
    with pytest.raises(Throttled) as caught:
        client.update("task", 15021, {"name": "x"}, silent=False)
    assert caught.value.wait_seconds == seconds and gate.quiet_for == [seconds]
    assert not caught.value.maybe_done and len(httpserver.log) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_refused_and_says_where_to_put_the_address(httpserver, client, status):
    answer(httpserver, status, "", {"Location": "https://crm.company.com/rest/task/15021?token=1"})
    with pytest.raises(Misconfigured, match="PLANFIX_URL"):
        client.update("task", 15021, {"name": "x"}, silent=False)


@pytest.mark.parametrize(("status", "body"), [(200, "<html>"), (404, "<html>"), (502, "<html>"), (500, ""), (200, '{"a":')])
def test_what_is_not_from_the_rest_api(httpserver, client, gate, status, body):
    answer(httpserver, status, body)
    with pytest.raises(Unreachable) as caught:
        client.update("task", 15021, {"name": "x"}, silent=False)
    assert caught.value.maybe_done and gate.failures == 1
    with pytest.raises(Unreachable) as caught:
        client.record("task", 15021, ["id"])
    assert not caught.value.maybe_done and gate.failures == 4


def test_nobody_there():
    http = HttpClient("planfix", "http://127.0.0.1:9/rest/", clock=QuickClock(), headers=lambda: {})
    with pytest.raises(Unreachable) as caught:
        Client(http, QuickClock()).create("task", {})
    assert not caught.value.maybe_done


def test_a_vendors_text_stays_one_short_line(httpserver, client):
    answer(httpserver, 400, {"result": "fail", "code": 41, "error": "a\n{'level': 'info'}" + "x" * 9000})
    with pytest.raises(Rejected) as caught:
        client.update("task", 15021, {}, silent=False)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_paging_over_the_wire(httpserver, client):
    from werkzeug import Response

    def page(request):
        asked = request.get_json()
        rows = list(range(1, 251))[asked["offset"] : asked["offset"] + asked["pageSize"]]
        return Response(json.dumps({"result": "success", "tasks": [{"id": n} for n in rows]}))

    httpserver.expect_request("/rest/task/list", method="POST").respond_with_handler(page)
    assert [raw["id"] for raw in client.records("task", [], ["id"])] == list(range(1, 251))
    assert [request.get_json()["offset"] for request, _answer in httpserver.log] == [0, 100, 200]
