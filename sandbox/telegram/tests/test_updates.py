"""Updates: polling, webhooks with repeats, order, what is kept and what is dropped (contract 1.5, 1.8)."""

from __future__ import annotations

import json
import threading

import pytest

from sandbox.telegram.webhook import Sender

pytestmark = pytest.mark.row("PL-08")


def write(api, chat, *texts, **more):
    return [api.door("/write", person="oleg", chat=chat, text=text, **more) for text in texts]


# -- polling


def test_offsets_confirm(api):
    chat = api.group(admin=True)
    write(api, chat, "a", "b", "c")
    first, second, third = api.call("getUpdates")
    assert second["update_id"] == first["update_id"] + 1
    assert [one["message"]["text"] for one in api.call("getUpdates", limit=1)] == ["a"]
    assert [one["message"]["text"] for one in api.call("getUpdates", offset=second["update_id"])] == ["b", "c"]
    assert [one["message"]["text"] for one in api.call("getUpdates", offset=-1)] == ["c"]
    assert api.call("getUpdates", offset=third["update_id"] + 1) == []


def test_an_update_wakes_a_waiting_poller(api, until):
    chat = api.group(admin=True)
    got = []
    waiting = threading.Thread(target=lambda: got.extend(api.call("getUpdates", timeout=50)))
    waiting.start()
    until(lambda: api.sandbox.world.bots[7000000001].poller)
    with api.sandbox.world.lock:
        pass
    other = api.as_bot(api.token)
    other.door("/write", person="oleg", chat=chat, text="прокинься")
    waiting.join(120)
    assert [one["message"]["text"] for one in got] == ["прокинься"]


def test_two_pollers(api, until):
    refused = []
    first = threading.Thread(target=lambda: refused.append(api.fails("getUpdates", timeout=50)))
    first.start()
    until(lambda: api.sandbox.world.bots[7000000001].poller)
    second = api.as_bot(api.token)
    assert second.call("getUpdates") == []
    first.join(120)
    assert refused == [
        (409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
    ]


def test_a_webhook_forbids_polling(api, receiver):
    api.call("setWebhook", url=receiver.address)
    assert api.fails("getUpdates") == (
        409,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    )
    assert api.raw("deleteWebhook").json() == {"ok": True, "result": True, "description": "Webhook was deleted"}
    assert api.raw("deleteWebhook").json()["description"] == "Webhook is already deleted"
    assert api.call("getUpdates") == []


def test_which_kinds_come(api):
    chat = api.group(admin=True)
    api.call("getUpdates", allowed_updates=["edited_message"])
    (said,) = write(api, chat, "a")
    api.door("/edit", message=said["message"], text="b")
    assert api.kinds() == ["edited_message"]
    api.call("getUpdates", allowed_updates=[])
    write(api, chat, "c")
    assert api.kinds() == ["message"]


def test_updates_are_kept_for_a_day(api):
    chat = api.group(admin=True)
    write(api, chat, "a")
    api.door("/advance", seconds=24 * 3600 + 1)
    assert api.call("getUpdates") == []
    write(api, chat, "b")
    before = api.updates()[0]["update_id"]
    write(api, chat, "c")
    assert api.updates()[0]["update_id"] == before + 1


# -- webhooks


def hook(api, receiver, **more):
    api.call("setWebhook", url=receiver.address, secret_token="s3cret", **more)
    return receiver


def test_updates_are_posted_with_the_secret(api, receiver):
    chat = api.group(admin=True)
    hook(api, receiver)
    write(api, chat, "a", "b", "c")
    assert api.door("/wait-idle", timeout=120)["idle"]
    assert [item["update"]["message"]["text"] for item in receiver.got] == ["a", "b", "c"]
    assert {item["headers"]["X-Telegram-Bot-Api-Secret-Token"] for item in receiver.got} == {"s3cret"}
    assert receiver.got[0]["headers"]["Content-Type"] == "application/json"
    info = api.call("getWebhookInfo")
    assert (info["url"], info["pending_update_count"], info["max_connections"]) == (receiver.address, 0, 40)
    assert "last_error_message" not in info


def test_what_waited_comes_when_the_webhook_is_set(api, receiver):
    chat = api.group(admin=True)
    write(api, chat, "a")
    hook(api, receiver)
    assert api.door("/wait-idle", timeout=120)["idle"]
    assert len(receiver.got) == 1
    api.call("deleteWebhook")
    write(api, chat, "b")
    hook(api, receiver, drop_pending_updates=True)
    assert api.door("/wait-idle", timeout=120)["idle"]
    assert len(receiver.got) == 1


def test_a_refused_update_comes_again(api, receiver, until):
    """At once, then after one, two, four seconds; the same update_id; the ones after it in the chat wait."""
    chat = api.group(admin=True)
    receiver.answers = [(500, b"", {})] * 4
    hook(api, receiver)
    api.door("/pause")
    write(api, chat, "a", "b")
    api.door("/resume")
    until(lambda: len(receiver.got) == 2)
    until(lambda: api.call("getWebhookInfo").get("last_error_message"))
    info = api.call("getWebhookInfo")
    assert info["last_error_message"] == "Wrong response from the webhook: 500 Internal Server Error"
    assert info["pending_update_count"] == 2
    for seconds, expected in ((1, 3), (2, 4), (4, 6)):
        api.door("/advance", seconds=seconds)
        until(lambda expected=expected: len(receiver.got) >= expected)
    assert api.door("/wait-idle", timeout=120)["idle"]
    ids = receiver.ids()
    assert ids[:5] == [ids[0]] * 5
    assert ids[5:] == [ids[0] + 1]


def test_the_pauses_grow(api, receiver):
    """With a sandbox clock moved by hand: when each try is due."""
    chat = api.group(admin=True)
    api.door("/pause")
    hook(api, receiver)
    world = api.sandbox.world
    sender = Sender(world)
    sender.post = lambda url, body, headers: (503, "", {"reason": "Service Unavailable"})
    write(api, chat, "a")
    pauses = []
    for _ in range(10):
        assert sender.step()
        due = sender.due()
        pauses.append(round(due - world.clock.ticks()))
        world.clock.advance(max(due - world.clock.ticks(), 0) + 0.001)
    assert pauses[:7] == [0, 1, 2, 4, 8, 16, 32]
    assert all(60 <= pause <= 120 for pause in pauses[7:])
    sender.post = lambda url, body, headers: (429, "", {"Retry-After": "600", "reason": ""})
    assert sender.step()
    assert 599 <= sender.due() - world.clock.ticks() <= 600
    world.clock.advance(24 * 3600)
    assert api.call("getWebhookInfo")["pending_update_count"] == 0, "a day is over"
    sender._session.close()


def test_one_poisonous_update_blocks_only_its_chat(api, receiver, until):
    bad, good = api.group(admin=True), api.group(admin=True)
    receiver.refuse = lambda update: 500 if update["message"]["chat"]["id"] == bad else 200
    hook(api, receiver)
    write(api, bad, "отрута", "чекає")
    write(api, good, "a", "b")
    until(lambda: [i["update"]["message"]["text"] for i in receiver.got if i["update"]["message"]["chat"]["id"] == good]
          == ["a", "b"])  # fmt: skip
    until(lambda: api.call("getWebhookInfo")["pending_update_count"] == 2)
    assert {i["update"]["message"]["text"] for i in receiver.got} == {"a", "b", "отрута"}
    receiver.refuse = lambda update: 200
    api.door("/advance", seconds=200)
    until(lambda: api.call("getWebhookInfo")["pending_update_count"] == 0)


def test_410_for_23_hours_takes_the_webhook_away(api, receiver):
    chat = api.group(admin=True)
    api.door("/pause")
    hook(api, receiver)
    world = api.sandbox.world
    sender = Sender(world)
    sender.post = lambda url, body, headers: (410, "", {"reason": "Gone"})
    write(api, chat, "a")
    for hours in (0, 22):
        world.clock.advance(hours * 3600)
        assert sender.step()
        assert api.call("getWebhookInfo")["url"] == receiver.address
    world.clock.advance(3600 + 1)
    assert sender.step()
    assert api.call("getWebhookInfo")["url"] == ""
    sender._session.close()


def test_nobody_answers(api, until):
    chat = api.group(admin=True)
    api.call("setWebhook", url="http://127.0.0.1:1/hook")
    write(api, chat, "a")
    until(lambda: api.call("getWebhookInfo").get("last_error_message") == "Connection refused")


def test_the_answer_may_hold_a_method(api, receiver, until):
    chat = api.group(admin=True)
    receiver.answers = [(200, json.dumps({"method": "sendMessage", "chat_id": chat, "text": "відразу"}).encode(), {})]
    hook(api, receiver)
    write(api, chat, "a")
    until(lambda: [one["text"] for one in api.seen(chat)] == ["a", "відразу"])


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"url": "http://example.org/x"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        ({"url": "https://example.org:444/x"}, "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"),
        ({"url": "https://example.org/x", "secret_token": "пароль"}, "secret token contains unallowed characters"),
        ({"url": "https://example.org/x", "secret_token": "x" * 257}, "secret token is too long"),
    ],
)
def test_wrong_webhooks(api, params, why):
    assert api.fails("setWebhook", **params) == (400, f"Bad Request: {why}")


def test_without_the_switch_a_local_webhook_is_refused(api, receiver):
    api.door("/faults", local_webhooks="off")
    assert api.fails("setWebhook", url=receiver.address)[0] == 400


# -- switches


def test_doubles_have_the_same_number(world, receiver):
    api = world(duplicate_rate=1.0)
    chat = api.group(admin=True)
    hook(api, receiver)
    write(api, chat, "a", "b")
    assert api.door("/wait-idle", timeout=120)["idle"]
    ids = receiver.ids()
    assert ids == [ids[0], ids[0], ids[0] + 1, ids[0] + 1]


def test_one_overtakes_another(api, receiver):
    chat = api.group(admin=True)
    hook(api, receiver)
    api.door("/pause")
    api.door("/faults", reorder_rate=1.0)
    write(api, chat, "a")
    api.door("/faults", reorder_rate=0.0)
    write(api, chat, "b", "c")
    api.door("/resume")
    assert api.door("/wait-idle", timeout=120)["idle"]
    assert [item["update"]["message"]["text"] for item in receiver.got] == ["b", "a", "c"]


def test_some_get_lost(world):
    api = world(drop_rate=1.0)
    write(api, api.group(admin=True), "a")
    assert api.call("getUpdates") == []


def test_somebody_steals_the_webhook(api, receiver, until):
    chat = api.group(admin=True)
    hook(api, receiver)
    api.door("/faults", webhook_steal="once")
    assert api.call("getWebhookInfo")["url"] == "https://somebody-else.example.org/hook"
    write(api, chat, "a")
    until(lambda: api.call("getWebhookInfo")["pending_update_count"] == 0)
    assert receiver.got == []
    hook(api, receiver)
    assert api.call("getWebhookInfo")["url"] == receiver.address
    api.door("/faults", webhook_steal="gone")
    assert api.call("getWebhookInfo")["url"] == ""
    api.door("/faults", webhook_steal="always")
    for _ in range(2):
        hook(api, receiver)
        assert api.call("getWebhookInfo")["url"] != receiver.address


def test_nonsense_as_an_update(api, receiver):
    hook(api, receiver)
    made = api.door("/update", update={"message": {"text": 5}})
    assert api.door("/wait-idle", timeout=120)["idle"]
    assert receiver.got[0]["update"] == {"update_id": made["update_id"], "message": {"text": 5}}
    assert api.read("/updates")["updates"] == []
