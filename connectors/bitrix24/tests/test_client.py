"""Calls and batches: what is repeated, what never is, and what each command is told."""

from __future__ import annotations

import json
import threading
from decimal import Decimal

import pytest

from connectors.bitrix24 import limits
from connectors.bitrix24.commands import NotRun, query
from connectors.bitrix24.errors import NotConnected, Overrun
from connectors.bitrix24.tests.pocket import URL, WEBHOOK, Portal, Refusal, a_client, a_connection, a_vault, cut, refused
from kernel.errors import NoRight, NotFound, Rejected, Throttled, Unreachable
from kernel.http import Answer
from kernel.testing import FakeClock, until


@pytest.fixture
def portal():
    return Portal()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def client(portal, clock, tmp_path):
    return a_client(a_connection(portal, a_vault(tmp_path), WEBHOOK, clock))


def in_turn(*answers):
    """A `before` that gives these answers, then none."""
    left = list(answers)

    def before(method, params):
        answer = left.pop(0) if left else None
        return answer() if callable(answer) else answer

    return before


def test_a_call(portal, client):
    portal.methods["profile"] = lambda params: {"ID": "1"}
    assert client.call("profile") == {"ID": "1"}
    assert portal.urls == [f"{URL}rest/1/webhook-code/profile"]


def test_numbers_are_exact(portal, client):
    portal.before = in_turn(Answer(200, {}, b'{"result": {"item": {"opportunity": 0.1234567890123456789}}}'))
    assert client.call("crm.item.get")["item"]["opportunity"] == Decimal("0.1234567890123456789")
    client.batch([("crm.item.update", {"fields": {"opportunity": Decimal("1E+3")}})], writes=True)
    assert portal.requests[-1][1]["fields"]["opportunity"] == 1000


def test_reads_are_repeated_and_writes_are_not(portal, client):
    portal.methods["user.get"] = lambda params: []
    portal.before = in_turn(cut, Answer(502, {}, b"<html>"))
    assert client.call("user.get") == []
    portal.before = in_turn(cut)
    with pytest.raises(Unreachable) as caught:
        client.call("crm.item.add", {"fields": {}}, writes=True)
    assert caught.value.maybe_done
    assert portal.names() == ["user.get"] * 3 + ["crm.item.add"]


def test_a_throttled_write_is_repeated_as_nothing_was_done(portal, client, clock):
    portal.before = in_turn(refused(503, "QUERY_LIMIT_EXCEEDED", "Too many requests"))
    assert client.call("crm.item.add", {"fields": {"title": "x"}}, writes=True)["item"]["id"] == 1
    assert len(portal.rows) == 1


def test_a_throttle_that_does_not_end_is_told(portal, client):
    portal.before = lambda method, params: refused(503, "QUERY_LIMIT_EXCEEDED")
    with pytest.raises(Throttled) as caught:
        client.call("profile")
    assert caught.value.retry and len(portal.requests) == limits.ATTEMPTS_MAX
    portal.before = lambda method, params: refused(503, "OVERLOAD_LIMIT")
    with pytest.raises(Throttled) as caught:
        client.call("profile")
    assert caught.value.wait_seconds == 60 and len(portal.requests) == limits.ATTEMPTS_MAX + 1


def test_a_method_out_of_time_is_left_alone_until_its_reset(portal, client, clock):
    portal.methods["profile"] = lambda params: 1
    reset = int(clock.now().timestamp()) + 90
    portal.before = in_turn(refused(429, "OPERATION_TIME_LIMIT", "", time={"operating_reset_at": reset}))
    for _ in range(2):
        with pytest.raises(Overrun) as caught:
            client.call("crm.item.list", writes=True)
        assert 80 < caught.value.wait_seconds <= 90
    assert len(portal.requests) == 1
    assert client.call("profile", writes=True) == 1  # the others go on
    clock.advance(seconds=91)
    portal.rows.clear()
    assert client.call("crm.item.list", {"order": {"id": "ASC"}}) == {"items": []}


def test_an_html_answer_and_one_without_a_result(portal, client):
    for answer in (Answer(500, {}, b"<html>"), Answer(200, {}, b"{}"), Answer(200, {}, b"[]")):
        portal.before = lambda method, params, answer=answer: answer
        with pytest.raises(Unreachable) as caught:
            client.call("crm.item.add", writes=True)
        assert caught.value.maybe_done
    portal.before = lambda method, params: Answer(403, {}, b"<html>")
    with pytest.raises(Unreachable) as caught:
        client.call("crm.item.add", writes=True)
    assert not caught.value.maybe_done


# --- batches ------------------------------------------------------------------------------------------------------------


def test_a_batch_keeps_its_order_and_holds_fifty(portal, client):
    portal.methods["echo"] = lambda params: params["n"]
    caught = client.batch([("echo", {"n": n}) for n in range(101)])
    assert [one.get() for one in caught] == [str(n) for n in range(100)] + [100]  # one alone is no batch
    assert [len(params["cmd"]) for name, params in portal.requests if name == "batch"] == [50, 50]


def test_a_command_that_fails_fails_alone(portal, client):
    def ask(params):
        if params["n"] == "1":
            raise Refusal(400, "", "Not found")
        return params["n"]

    portal.methods["ask"] = ask
    first, second, third = client.batch([("ask", {"n": n}) for n in range(3)])
    assert (first.get(), third.get()) == ("0", "2")
    with pytest.raises(NotFound):
        second.get()


def test_halt_leaves_the_rest_undone(portal, client):
    def ask(params):
        if params["n"] == "60":
            raise Refusal(400, "", "Access denied.")
        return params["n"]

    portal.methods["ask"] = ask
    caught = client.batch([("ask", {"n": n}) for n in range(120)], writes=True, halt=True)
    assert [one.get() for one in caught[:60]] == [str(n) for n in range(60)]
    assert isinstance(caught[60].fault, NoRight)
    assert all(isinstance(one.fault, NotRun) for one in caught[61:])
    assert len(portal.requests) == 2


@pytest.mark.parametrize("halt", [False, True])
def test_only_what_was_throttled_inside_is_repeated(portal, client, halt):
    done, refusals = [], [1]

    def ask(params):
        if params["n"] == "1" and refusals:
            refusals.pop()
            raise Refusal(503, "QUERY_LIMIT_EXCEEDED")
        done.append(params["n"])
        return params["n"]

    portal.methods["ask"] = ask
    caught = client.batch([("ask", {"n": str(n)}) for n in range(4)], writes=True, halt=halt)
    assert [one.get() for one in caught] == ["0", "1", "2", "3"]
    assert sorted(done) == ["0", "1", "2", "3"]
    assert done == (["0", "1", "2", "3"] if halt else ["0", "2", "3", "1"])


def test_a_long_operating_limit_inside_a_batch_is_told_and_remembered(portal, client, clock):
    def slow(params):
        raise Refusal(429, "OPERATION_TIME_LIMIT", time={"operating_reset_at": int(clock.now().timestamp()) + 300})

    portal.methods |= {"slow": slow, "quick": lambda params: 1}
    one, two, three = client.batch([("slow", {}), ("quick", {}), ("quick", {})])
    assert isinstance(one.fault, Overrun) and two.get() == three.get() == 1
    assert 290 < one.fault.wait_seconds <= 300
    one, two = client.batch([("slow", {}), ("quick", {})])
    assert isinstance(one.fault, Overrun) and two.get() == 1
    assert portal.names() == ["batch", "quick"]


def test_a_lost_batch_of_writes_is_in_doubt_and_the_next_ones_go_on(portal, client):
    portal.after = in_turn(None, cut)
    caught = client.batch([("crm.item.add", {"fields": {"title": n}}) for n in range(120)], writes=True)
    assert [one.fault is None for one in caught] == [True] * 50 + [False] * 50 + [True] * 20
    assert all(one.fault.maybe_done for one in caught[50:100])
    assert len(portal.rows) == 120


def test_a_dead_portal_is_not_asked_a_hundred_times(portal, client):
    portal.before = lambda method, params: cut()
    caught = client.batch([("crm.item.add", {"fields": {}})] * 500, writes=True)
    assert len(portal.requests) == 3
    assert [one.fault.maybe_done for one in caught] == [True] * 150 + [False] * 350


def test_nobody_pulls_the_answer_to_another_command_in(portal, client):
    """A text that somebody typed may look like a reference: it goes alone, where the portal replaces nothing."""
    texts = ["plain", "see $result[c0][item][id]", "end"]
    caught = client.batch([("crm.item.add", {"fields": {"title": text}}) for text in texts], writes=True)
    assert all(one.fault is None for one in caught)
    assert [row["title"] for row in portal.rows.values()] == texts
    assert portal.names() == ["crm.item.add"] * 3
    portal.methods["ask"] = lambda params: params["text"]
    assert client.call("ask", {"text": "$result[c0]"}) == "$result[c0]"


def test_parameters_as_php_reads_them():
    given = {
        "filter": {">id": 5, "@x": ["a b", "я&="]}, "select": ["id"], "none": None, "yes": True, "no": False, "empty": [],
        "sum": Decimal("0.10"),
    }  # fmt: skip
    assert query(given) == (
        "filter%5B%3Eid%5D=5&filter%5B%40x%5D%5B0%5D=a%20b&filter%5B%40x%5D%5B1%5D=%D1%8F%26%3D&select%5B0%5D=id"
        "&none=&yes=1&no=0&empty=&sum=0.10"
    )


# --- reads that go together ---------------------------------------------------------------------------------------------


class SlowGate:
    """Lets nobody through until opened."""

    def __init__(self):
        self.waiting, self.open, self.taken = threading.Event(), threading.Event(), 0

    def acquire(self):
        self.taken += 1
        self.waiting.set()
        assert self.open.wait(120)

    def release(self): ...
    def succeeded(self): ...
    def failed(self, reason): ...
    def back_off(self, seconds): ...


def test_reads_that_wait_at_the_gate_leave_together(portal, clock, tmp_path):
    gate, found = SlowGate(), {}
    client = a_client(a_connection(portal, a_vault(tmp_path), WEBHOOK, clock, gate))

    def ask(params):
        if params["n"] in ("7", 7):
            raise Refusal(400, "NOT_FOUND", "Element not found")
        return str(params["n"])

    def one(n):
        try:
            found[n] = client.call("ask", {"n": n})
        except Rejected as exc:
            found[n] = type(exc).__name__

    portal.methods["ask"] = ask
    threads = [threading.Thread(target=one, args=(n,)) for n in range(60)]
    threads[0].start()
    assert gate.waiting.wait(120)
    for thread in threads[1:]:
        thread.start()
    # The fifty-first opens the second batch.
    until(lambda: len(client._collector._open.calls) >= 10 and gate.taken >= 2, "all sixty ask, in two batches")
    gate.open.set()
    for thread in threads:
        thread.join(120)
    assert found == {n: "NotFound" if n == 7 else str(n) for n in range(60)}
    assert len(portal.requests) == 2 == gate.taken


def test_a_gate_that_refuses_refuses_all_who_wait(portal, clock, tmp_path):
    gate, faults = SlowGate(), []
    client = a_client(a_connection(portal, a_vault(tmp_path), WEBHOOK, clock, gate))

    def acquire():
        gate.waiting.set()
        assert gate.open.wait(120)
        raise Throttled("closed", wait_seconds=99)

    def one():
        try:
            client.call("ask")
        except Throttled as exc:
            faults.append(exc)

    gate.acquire = acquire
    threads = [threading.Thread(target=one) for _ in range(5)]
    threads[0].start()
    assert gate.waiting.wait(120)
    for thread in threads[1:]:
        thread.start()
    until(lambda: len(client._collector._open.calls) >= 5, "all five wait for the gate")
    gate.open.set()
    for thread in threads:
        thread.join(120)
    assert [exc.wait_seconds for exc in faults] == [99] * 5 and len({id(exc) for exc in faults}) == 5


def test_a_method_that_no_batch_may_hold_is_asked_alone(portal, clock, tmp_path):
    gate, found = SlowGate(), []
    client = a_client(a_connection(portal, a_vault(tmp_path), WEBHOOK, clock, gate))

    def before(method, params):
        if method == "batch":
            keys = params["cmd"]
            error = {"error": "ERROR_BATCH_METHOD_NOT_ALLOWED", "error_description": ""}
            inner = {"result": [], "result_error": dict.fromkeys(keys, error)}
            return Answer(200, {}, json.dumps({"result": inner}).encode())
        return None

    portal.before, portal.methods["ask"] = before, lambda params: 5
    threads = [threading.Thread(target=lambda: found.append(client.call("ask"))) for _ in range(3)]
    threads[0].start()
    assert gate.waiting.wait(120)
    for thread in threads[1:]:
        thread.start()
    until(lambda: len(client._collector._open.calls) >= 3, "all three wait for the gate")
    gate.open.set()
    for thread in threads:
        thread.join(120)
    assert found == [5, 5, 5]
    assert portal.names() == ["batch", "ask", "ask", "ask"]


# --- a renamed portal ---------------------------------------------------------------------------------------------------


def moved(location):
    return Answer(302, {"Location": location}, b"<html>")


def renamed(portal, to):
    portal.before = lambda method, params: moved(to + method) if portal.urls[-1].startswith(URL) else None


def test_a_renamed_portal_is_followed_and_remembered(portal, clock, tmp_path):
    renamed(portal, "https://newname.bitrix24.ru/rest/1/webhook-code/")
    vault = a_vault(tmp_path)
    client = a_client(a_connection(portal, vault, WEBHOOK, clock))
    assert client.call("crm.item.add", {"fields": {"title": "x"}}, writes=True)["item"]["title"] == "x"
    assert len(portal.rows) == 1 and portal.urls[1].startswith("https://newname.bitrix24.ru/rest/1/webhook-code/")
    again = a_client(a_connection(portal, vault, WEBHOOK, clock))
    again.call("crm.item.list", {"order": {"id": "ASC"}})
    assert len(portal.requests) == 3  # another process need not be told again
    settled = {**WEBHOOK, "BITRIX24_URL": "https://third.bitrix24.ru/"}
    a_client(a_connection(portal, vault, settled, clock)).call("crm.item.list", {"order": {"id": "ASC"}})
    assert portal.urls[-1].startswith("https://third.bitrix24.ru/")  # a new setting puts the memory out of force


@pytest.mark.parametrize(
    "to",
    [
        "https://broker.bitrix24.com/rest/", "https://evil.example.com/rest/", "http://newname.bitrix24.ru/rest/",
        "https://newname.bitrix24.ru.evil.com/", "https://a@newname.bitrix24.ru/", "/auth/", "", "https://[broken",
        "https://newname.bitrix24.ru:8443/", "http://127.0.0.1/rest/", URL,
    ],
)  # fmt: skip
def test_secrets_do_not_follow_a_redirect_elsewhere(portal, client, to):
    portal.before = lambda method, params: moved(to)
    with pytest.raises(Unreachable, match="BITRIX24_URL") as caught:
        client.call("crm.item.add", writes=True)
    assert caught.value.retry and not caught.value.maybe_done
    assert all(url.startswith(URL) for url in portal.urls)


def test_a_revoked_webhook_says_what_to_do_and_loses_nothing(portal, client):
    portal.before = lambda method, params: refused(401, "INVALID_CREDENTIALS", "Invalid request credentials")
    with pytest.raises(NotConnected, match="BITRIX24_WEBHOOK") as caught:
        client.call("crm.item.add", writes=True)
    assert caught.value.retry and not caught.value.maybe_done and caught.value.wait_seconds == 60
    caught = client.batch([("crm.item.add", {})] * 300, writes=True)
    assert len(portal.requests) == 2 and all(isinstance(one.fault, NotConnected) for one in caught)
