"""Limits and the switches about the server itself (contract 1.7)."""

from __future__ import annotations

import pytest
import requests

pytestmark = pytest.mark.row("PL-08")


def flood(api, chat, times):
    return [api.raw("sendMessage", json={"chat_id": chat, "text": "x"}).status_code for _ in range(times)]


def test_limits_are_on_by_default(api):
    assert api.read("/faults")["limits"]["default"] == "on"


def test_one_chat(world):
    api = world(limits="on", speedup=0.001)  # so slow that the test's own speed does not matter
    chat = api.group()
    assert flood(api, chat, 6) == [200] * 5 + [429]
    answer = api.raw("sendMessage", json={"chat_id": chat, "text": "x"})
    seconds = answer.json()["parameters"]["retry_after"]
    assert answer.json()["description"] == f"Too Many Requests: retry after {seconds}"
    assert answer.headers["Retry-After"] == str(seconds)
    api.door("/advance", seconds=seconds)
    assert flood(api, chat, 1) == [200]


def test_one_group_a_minute(world):
    api = world(limits="on", speedup=0.001)
    chat = api.group()
    for _ in range(4):
        assert flood(api, chat, 5) == [200] * 5
        api.door("/advance", seconds=6)
    answer = api.raw("sendMessage", json={"chat_id": chat, "text": "x"}).json()
    assert 30 <= answer["parameters"]["retry_after"] <= 60
    api.door("/faults", limit_group=40)
    assert flood(api, chat, 1) == [200]


def test_the_whole_bot(world):
    api = world(limits="on", speedup=0.001)
    chats = [api.group() for _ in range(11)]
    assert [status for chat in chats for status in flood(api, chat, 3)] == [200] * 30 + [429] * 3
    assert api.call("getMe"), "other methods are not limited"


def test_an_album_counts_each_picture(world):
    api = world(limits="on", speedup=0.001)
    chat = api.group()
    media = [{"type": "document", "media": f"attach://p{n}"} for n in range(5)]
    api.call("sendMediaGroup", files={f"p{n}": ("a", b"1") for n in range(5)}, chat_id=chat, media=media)
    assert flood(api, chat, 1) == [429]


def test_flood_next(api):
    chat = api.group()
    api.door("/faults", flood_next=2, flood_seconds=17)
    answers = [api.raw("sendMessage", json={"chat_id": chat, "text": "x"}) for _ in range(3)]
    assert [one.status_code for one in answers] == [429, 429, 200]
    assert answers[0].json() == {
        "ok": False, "error_code": 429, "description": "Too Many Requests: retry after 17",
        "parameters": {"retry_after": 17},
    }  # fmt: skip


@pytest.mark.parametrize(("switch", "arrived"), [("cut_after_commit_next", True), ("cut_before_commit_next", False)])
def test_cut(api, switch, arrived):
    chat = api.group()
    api.door("/faults", **{switch: 1})
    with pytest.raises(requests.ConnectionError):
        api.raw("sendMessage", json={"chat_id": chat, "text": "x"})
    assert [one["text"] for one in api.seen(chat)] == (["x"] if arrived else [])
    shown = api.read("/requests", method="sendMessage")["requests"][-1]
    assert (shown["cut"], bool(shown["messages"])) == (True, arrived)
    assert flood(api, chat, 1) == [200]


def test_down(api):
    chat = api.group()
    api.door("/faults", down="on")
    assert flood(api, chat, 1) == [502]
    assert api.session.get(f"{api.address}/file/bot{api.token}/x", timeout=120).status_code == 502
    api.door("/faults", down="closed")
    with pytest.raises(requests.ConnectionError):
        api.raw("getMe")
    api.door("/faults", down="off")
    assert api.seen(chat) == []


def test_latency_passes_in_sandbox_time(world):
    api = world(speedup=1000)
    api.door("/faults", latency=50)
    before = api.read("/state")["ticks"]
    api.call("getMe")
    assert api.read("/state")["ticks"] >= before + 50


def test_log_and_state(api):
    chat = api.group()
    api.call("sendMessage", chat_id=chat, text="x")
    entries = api.read("/log", direction="in")["entries"]
    assert entries[-1]["method"] == "sendMessage"
    counters = api.read("/state")["counters"]
    assert (counters["accepted"], counters["method sendMessage"]) == (1, 1)
    api.fails("sendMessage", chat_id=-1, text="x")
    assert api.read("/state")["counters"]["refused 400"] == 1
    api.door("/date", at="2026-10-29T10:00:00+03:00")
    assert api.call("sendMessage", chat_id=chat, text="x")["date"] // 60 == 1793257200 // 60
    assert [one["title"] for one in api.read("/chats")["chats"]] == ["Партнер 118"]
