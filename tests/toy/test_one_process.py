"""The toy beside either CRM in one process: door, messages, calls that cannot be repeated, decisions, pages, figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from app.cli.doctor import wrong
from app.cli.jobs import act, failed
from kernel.errors import BadInput, Misconfigured, Refused, Unreachable
from kernel.extension.decisions import decide, doubt_what_waits
from kernel.jobs import outgoing
from kernel.telemetry import metrics
from kernel.testing import at_once
from kernel.testing.signing import operator_session
from tests.toy.desk import Desk
from tests.toy.peer import Peer


def calls(desk: Desk, *, connection: str = "toychat/room") -> list[Any]:
    return desk.rows("SELECT * FROM outgoing WHERE connection = :c ORDER BY number", c=connection)


def states(desk: Desk) -> list[str]:
    return [row["state"] for row in calls(desk)]


@pytest.mark.row("PL-01", "PL-05")
def test_both_doors_of_one_process_each_in_its_vendors_words(desk: Desk, other_side: Peer) -> None:
    deal = desk.crm.staff.new("deal")
    crm, toy = desk.crm_told(deal, "d1"), desk.toy_told(id="v1", **{"from": "anna"}, text="привіт")
    assert (crm.status_code, crm.json["ok"]) == (200, True)
    assert (toy.status_code, toy.data, toy.mimetype) == (200, b"100", "text/plain")
    challenge = desk.client.get("/hooks/toychat/room?challenge=abc&secret=the+secret+of+the+toy")
    assert (challenge.status_code, challenge.data) == (200, b"abc")
    assert other_side.sent == {}, "nothing is done inside the vendor's request"
    desk.run()
    assert other_side.texts == [{"to": "anna", "text": "echo: привіт", "key": "echo:v1"}]
    assert desk.rows("SELECT state FROM inbox WHERE entity = 'deal'")[0]["state"] == "done"
    assert desk.rows("SELECT * FROM toyecho_sent") == [{"of_message": "v1", "result": "m1"}]


def test_what_the_toys_door_refuses_leaves_nothing(desk: Desk) -> None:
    post = desk.client.post
    assert post("/hooks/toychat/room", data={"id": "v1"}).status_code == 401
    assert desk.toy_told(text="no id").status_code == 400
    assert desk.toy_told(id="v1", text="x" * 5000).status_code == 413, "this connector's own limit"
    assert desk.client.put("/hooks/toychat/room").status_code == 405
    assert desk.client.put("/hooks/toychat/room").headers["Allow"] == "GET, POST"
    assert post("/hooks/toychat/main", data={}).status_code == post("/hooks/toychat", data={}).status_code == 404
    assert desk.rows("SELECT * FROM incoming_message") == [] and desk.queue.waiting == []


@pytest.mark.row("PL-02")
def test_a_message_is_kept_whole_and_once_whoever_brings_it(make_desk: Callable[..., Desk], other_side: Peer) -> None:
    desk = make_desk()
    text = "з\u0000 нулем \ud83d і половиною, 'лапки\"".encode("utf-8", "replace").decode() * 20
    for _ in range(3):
        assert desk.toy_told(id="v1", **{"from": "ann\u0000a"}, text=text).data == b"100"
    desk.toy_told(id="v1", account="second line", **{"from": "anna"}, text="another account's v1")
    desk.run()
    desk.toy_told(id="v1", **{"from": "anna"}, text="again, much later")
    desk.run()
    kept = desk.rows("SELECT * FROM incoming_message ORDER BY account")
    assert [json.loads(row["body"])["text"] for row in kept] == [text, "another account's v1"]
    assert {row["state"] for row in kept} == {"done"}


def test_many_at_once_are_kept_once_each(make_desk: Callable[..., Desk]) -> None:
    desk, answers = make_desk(), []

    def tell(number: int) -> None:
        client = desk.site.test_client()
        for one in (number % 4, 10 + number):
            data = {"secret": "the secret of the toy", "id": f"v{one}", "from": f"p{one % 3}", "text": "x"}
            answers.append(client.post("/hooks/toychat/room", data=data).data)

    at_once(*(partial(tell, number) for number in range(8)))
    assert answers == [b"100"] * 16
    kept = [row["vendor_id"] for row in desk.rows("SELECT vendor_id FROM incoming_message")]
    assert sorted(kept) == sorted({f"v{n}" for n in (0, 1, 2, 3, *range(10, 18))})
    assert len(desk.queue.waiting) == len(kept)


def test_what_a_plugin_cannot_read_waits_for_a_person(make_desk: Callable[..., Desk], other_side: Peer) -> None:
    desk = make_desk()
    desk.toy_told(id="v1", **{"from": "anna"}, text="unreadable")
    desk.toy_told(id="v2", **{"from": "anna"}, text="fine")
    desk.run()
    assert other_side.texts == [{"to": "anna", "text": "echo: fine", "key": "echo:v2"}]
    [row] = failed_of(desk)
    assert (row["kind"], row["what"], row["reason"]) == ("message", "anna", "nobody can read this")
    act(desk.annex, row["id"], "retry", who="Olena")
    desk.run()
    assert failed_of(desk)[0]["id"] == row["id"], "it was tried again, and still cannot be read"
    act(desk.annex, row["id"], "drop", who="Olena")
    assert failed_of(desk) == []
    with pytest.raises(BadInput):
        act(desk.annex, row["id"], "drop", who="Olena")


def failed_of(desk: Desk) -> list[dict[str, Any]]:
    with desk.annex.database.read() as tx:
        return failed(tx)


# --- calls that cannot be repeated --------------------------------------------------------------------------------------


def uncertain(desk: Desk, other_side: Peer, vendor_id: str = "v1") -> str:
    """A send whose answer gets lost; the call's id."""
    other_side.lose = 1
    desk.toy_told(id=vendor_id, **{"from": "anna"}, text="x")
    desk.run()
    assert states(desk)[-1] == "uncertain" and other_side.sent[f"echo:{vendor_id}"] == 1
    return str(calls(desk)[-1]["id"])


@pytest.mark.row("PL-05")
def test_a_lost_answer_leaves_the_call_uncertain_and_nothing_sends_it_again(desk: Desk, other_side: Peer) -> None:
    uncertain(desk, other_side)
    desk.clock.advance(days=3)
    desk.annex.revive()
    desk.annex.tidy()
    desk.run()
    assert states(desk) == ["uncertain"] and other_side.sent == {"echo:v1": 1}
    assert desk.rows("SELECT * FROM toyecho_sent") == []
    desk.toy_told(id="v2", **{"from": "anna"}, text="y")
    desk.run()
    assert states(desk) == ["uncertain", "done"], "the lane goes on"
    count = {"connection": "toychat/room", "state": "uncertain"}
    assert desk.client.get("/metrics").status_code == 200
    assert metrics.REGISTRY.get_sample_value("annex_calls", count) == 1
    assert desk.client.get("/readyz").json["connections"]["toychat/room"]["uncertain"] == 1


@pytest.mark.row("PL-05")
@pytest.mark.parametrize(("decision", "sent", "reported"), [("arrived", 1, "42"), ("again", 2, "m2"), ("drop", 1, None)])
def test_a_person_decides_and_who_did_is_kept(
    make_desk: Callable[..., Desk], other_side: Peer, decision: str, sent: int, reported: str | None
) -> None:
    desk = make_desk()
    call = uncertain(desk, other_side)
    act(desk.annex, call, decision, who="Олена Коваль", result="42" if decision == "arrived" else "")
    desk.run()
    assert states(desk) == ["dropped" if decision == "drop" else "done"] and other_side.sent["echo:v1"] == sent
    found = desk.rows("SELECT * FROM toyecho_sent")
    assert [row["result"] for row in found] == ([reported] if reported else [])
    with desk.annex.database.read() as tx:
        [made] = outgoing.decisions(tx, call)
    assert (made["who"], made["decision"]) == ("Олена Коваль", decision) and "did not answer" in made["reason"]
    with pytest.raises((BadInput, Refused)):
        act(desk.annex, call, decision, who="somebody slower")


def test_two_people_decide_at_once_and_one_counts(make_desk: Callable[..., Desk], other_side: Peer) -> None:
    desk, outcomes = make_desk(), []
    call = uncertain(desk, other_side)
    runtime = desk.annex.runtime

    def press(who: str) -> None:
        try:
            decide(runtime.portal, runtime.plugins, call, "again", who=who)
            outcomes.append(who)
        except Refused:
            outcomes.append("late")

    at_once(partial(press, "one"), partial(press, "two"))
    desk.run()
    assert "late" in outcomes and len(outcomes) == 2 and other_side.sent == {"echo:v1": 2}


@pytest.mark.row("PL-05")
@pytest.mark.parametrize(("arrived", "state"), [("yes", "done"), ("no", "failed")])
def test_a_receipt_decides(make_desk: Callable[..., Desk], other_side: Peer, arrived: str, state: str) -> None:
    desk = make_desk()
    call = uncertain(desk, other_side)
    for _ in range(2):
        reported = {"secret": "the secret of the toy", "key": "echo:v1", "arrived": arrived, "id": "m1"}
        assert desk.client.post("/hooks/toychat/room/receipt", data=reported).data == b"100"
    desk.run()
    assert states(desk) == [state] and other_side.sent == {"echo:v1": 1}
    with desk.annex.database.read() as tx:
        assert [made["who"] for made in outgoing.decisions(tx, call)] == ["receipt"]
    assert len(desk.rows("SELECT * FROM toyecho_sent")) == (1 if arrived == "yes" else 0)


def test_a_refusal_before_it_left_is_tried_again_and_one_by_the_vendor_is_not(
    make_desk: Callable[..., Desk], other_side: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    answers = iter([(429, b""), (200, b"m1"), (403, b"")])
    monkeypatch.setattr(other_side, "take", lambda reported: next(answers))
    for vendor_id in ("v1", "v2"):
        desk.toy_told(id=vendor_id, **{"from": "anna"}, text="x")
        desk.run()
    assert states(desk) == ["done", "failed"]


def test_a_call_to_a_connection_that_is_gone_or_cannot_do_it_waits_for_a_person(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    with desk.annex.runtime.portal.unit() as unit:
        unit.call("room", "dance", {}, lane="x")
    desk.run()
    assert states(desk) == ["failed"] and "cannot «dance»" in calls(desk)[0]["reason"]
    with desk.annex.runtime.portal.unit() as unit, pytest.raises(Misconfigured, match="no connection «nobody»"):
        unit.call("nobody", "send", {}, lane="x")


# --- setting up ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[plugin.toyecho]\nchat = 'elsewhere'\n", r"line \d+: plugin.toyecho.chat: there is no connection «elsewhere»"),
        (
            "[plugin.toyecho]\nchat = 'main'\n",
            r"line \d+: plugin.toyecho.chat: connection «main» \(Planfix\) is no channel: .*such a one is partners",
        ),
        (
            "[connection.room]\nconnector = 'telegraph'\n",
            r"line \d+: connection.room.connector: .*«telegraph» is not",
        ),
        ("[connection.room]\nconnector = 'bitrix24'\n", r"line \d+: connection.room.connector: «bitrix24» is a CRM"),
        ("[connection.room]\nconnector = 'toychat'\ntoken = 'x'\n", r"line \d+: connection.room.token: unknown key"),
        ("[connection.main]\nconnector = 'toychat'\n", "the CRM's own connection has that name"),
        ("[connection.Partners]\nconnector = 'toychat'\n", "begins with a letter"),
        (
            "[connection.a]\nconnector = 'toychat'\n[connection.a_url]\nconnector = 'toychat'\n",
            None,
        ),
    ],
)
def test_what_is_wrong_in_the_set_is_said_with_file_line_and_key(
    make_desk: Callable[..., Desk], text: str, complaint: str | None
) -> None:
    if complaint is None:
        assert sorted(make_desk(text=text).annex.runtime.portal.connections) == ["a", "a_url", "main", "partners"]
        return
    with pytest.raises(Misconfigured, match=complaint):
        make_desk(text=text)


def test_settings_are_named_for_their_connection_also_in_words(make_desk: Callable[..., Desk], other_side: Peer) -> None:
    desk = make_desk()
    connection = desk.annex.runtime.portal.connections["room"]
    assert connection.settings["TOYCHAT_URL"] == other_side.environment["TOYCHAT_ROOM_URL"]
    assert "PLANFIX_TOKEN" in desk.annex.settings and "TOYCHAT_URL" not in desk.annex.settings
    other_side.api.shutdown()
    other_side.api.server_close()
    found = [line for line in wrong(desk.annex) if "toychat/room" in line]
    assert found and "TOYCHAT_ROOM_URL does not answer" in found[0]


def test_the_doctor_counts_what_is_uncertain(make_desk: Callable[..., Desk], other_side: Peer) -> None:
    desk = make_desk()
    assert not [line for line in wrong(desk.annex) if "toychat" in line]
    uncertain(desk, other_side)
    assert any("toychat/room" in line and "annex jobs" in line for line in wrong(desk.annex))


def test_pages_show_connections_and_let_the_owner_decide(make_desk: Callable[..., Desk], other_side: Peer) -> None:
    desk = make_desk()
    call = uncertain(desk, other_side)
    client = desk.site.test_client()
    client.set_cookie("annex_session", operator_session(desk.site.extensions["annex"], "Ольга"))
    assert client.get("/portals").headers["Location"].endswith("/connections")
    page = client.get("/connections").text
    assert "planfix/main" in page and "toychat/room" in page
    page = client.get("/jobs").text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    assert f"/jobs/outgoing/{call}/arrived" in page and f"/jobs/outgoing/{call}/again" in page
    for _ in range(2):  # pressed twice
        assert client.post(f"/jobs/outgoing/{call}/arrived", data={"csrf": csrf}).status_code == 303
    assert states(desk) == ["done"]
    trace = calls(desk)[0]["trace"]
    assert "Ольга" in client.get(f"/trace/{trace}").text
    assert client.post(f"/jobs/outgoing/{call}/dance", data={"csrf": csrf}).status_code == 404


def test_an_answer_that_the_database_could_not_take_is_not_lost(make_desk: Callable[..., Desk], other_side: Peer) -> None:
    """The answer came, then the database was away for a moment: the same process still knows."""
    desk, portal = make_desk(), None
    portal = desk.annex.runtime.portal
    desk.toy_told(id="v1", **{"from": "anna"}, text="x")
    desk.queue.run_one(desk.annex.handlers())
    real, broken = portal.unit, [True]

    def unit(**more: Any) -> Any:
        if broken and other_side.sent:
            broken.clear()
            raise Unreachable("the database is away")
        return real(**more)

    portal.unit = unit  # type: ignore[method-assign]
    call = calls(desk)[0]["id"]
    with pytest.raises(Unreachable):
        desk.annex.handlers()["call"]({"id": call})
    assert states(desk) == ["sending"]
    desk.annex.handlers()["call"]({"id": call})
    assert states(desk) == ["done"] and other_side.sent == {"echo:v1": 1}


def test_a_copy_that_is_restored_sends_nothing_that_may_have_been_sent_since(
    make_desk: Callable[..., Desk], other_side: Peer
) -> None:
    desk = make_desk()
    desk.toy_told(id="v1", **{"from": "anna"}, text="x")
    desk.queue.run_one(desk.annex.handlers())
    assert states(desk) == ["waiting"]
    assert doubt_what_waits(desk.annex.runtime.portal, "restored") == 1
    desk.run()
    assert states(desk) == ["uncertain"] and other_side.sent == {}
