"""Envelope, errors, and what may break in between (points 4, 5, 10-14, 19)."""

import pytest
import requests


def test_time_and_operating(admin):
    first = admin.envelope("server.time")["time"]
    assert set(first) == {
        "start", "finish", "duration", "processing", "date_start", "date_finish", "operating_reset_at", "operating",
    }  # fmt: skip
    assert isinstance(first["start"], float)
    assert first["date_start"].endswith("+03:00")
    second = admin.envelope("server.time")["time"]
    assert second["operating"] > first["operating"]


def test_pages_of_50_total_and_next(admin):
    admin.door("/fill", {"deals": 120, "contacts": 3})
    first = admin.envelope("crm.deal.list", order={"ID": "ASC"})
    assert (len(first["result"]), first["total"], first["next"]) == (50, 120, 50)
    last = admin.envelope("crm.deal.list", start=100)
    assert (len(last["result"]), last["total"], "next" in last) == (20, 120, False)
    odd = admin.envelope("crm.deal.list", start=7)
    assert odd["next"] == 57
    silent = admin.envelope("crm.item.list", entityTypeId=2, start=-1, order={"id": "ASC"})
    assert len(silent["result"]["items"]) == 50
    assert not {"total", "next"} & set(silent)
    ids = [item["id"] for item in silent["result"]["items"]]
    rest = admin.call("crm.item.list", entityTypeId=2, start="-1", filter={">id": ids[-1]}, order={"id": "ASC"})["items"]
    assert rest[0]["id"] == ids[-1] + 1


def test_who_calls(admin, manager, client, broker):
    assert admin.session.get(f"{admin.address}/rest/1/wrong/server.time").status_code == 401
    admin.switch(bad_webhook_status="403")
    refused = admin.session.get(f"{admin.address}/rest/1/wrong/server.time")
    assert (refused.status_code, refused.json()["error"]) == (403, "INVALID_CREDENTIALS")
    assert admin.session.get(f"{admin.address}/rest/22/staff-22/server.time").status_code == 403  # dismissed
    assert admin.session.get(f"{admin.address}/rest/server.time").json()["error"] == "NO_AUTH_FOUND"
    assert client(broker, token="nonsense").fails("server.time")[:2] == (401, "invalid_token")
    assert admin.fails("no.such.method") == (404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
    admin.switch(scopes="im,user")
    assert admin.fails("crm.deal.list")[:2] == (403, "insufficient_scope")
    assert "webhook token" in admin.fails("crm.deal.list")[2]


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("event.bind", (403, "WRONG_AUTH_TYPE")),
        ("app.info", (400, "ACCESS_DENIED")),
        ("crm.automation.trigger.list", (403, "ACCESS_DENIED")),
    ],
)
def test_each_family_refuses_a_webhook_in_its_own_way(admin, name, refusal):
    assert admin.fails(name)[:2] == refusal
    assert "Application context required" in admin.fails(name)[2]


def test_only_administrators_change_the_portal(manager):
    assert manager.fails("crm.category.add", entityTypeId=2, fields={"name": "x"})[:2] == (400, "ACCESS_DENIED")
    assert (
        manager.fails("crm.status.add", fields={"ENTITY_ID": "SOURCE", "STATUS_ID": "X", "NAME": "x"})[2] == "Access denied."
    )
    assert manager.fails("crm.deal.userfield.add", fields={})[2] == "Access denied."


def test_https_required_and_a_renamed_portal(admin):
    admin.switch(https_required="on")
    assert admin.fails("server.time") == (400, "INVALID_REQUEST", "Https required")
    admin.switch(https_required="off")
    admin.door("/rename-portal", {"to": "https://new.example.com/"})
    moved = admin.raw("crm.deal.list.json?select[]=ID")
    assert moved.status_code == 302
    assert moved.headers["Location"] == "https://new.example.com/rest/1/sandbox/crm.deal.list.json?select%5B%5D=ID"
    admin.door("/rename-portal", {"to": ""})
    admin.call("server.time")


def test_pages_and_errors_of_no_rest(admin):
    admin.switch(html_error_next=1, html_error_status="403")
    answer = admin.raw("server.time")
    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (403, "text/html")
    admin.switch(error_500_next=1)
    assert admin.fails("server.time")[:2] == (500, "INTERNAL_SERVER_ERROR")
    admin.switch(down="on")
    assert admin.raw("server.time").status_code == 503
    admin.switch(down="off", deleted="410")
    assert admin.fails("server.time")[:2] == (410, "PORTAL_DELETED")
    admin.switch(deleted="off", overload="on")
    assert admin.fails("server.time")[:2] == (503, "OVERLOAD_LIMIT")


def test_connections_are_cut_before_and_after_the_work(admin):
    admin.switch(down="closed")
    with pytest.raises(requests.ConnectionError):
        admin.raw("server.time")
    admin.switch(down="off", cut_next=1)
    with pytest.raises(requests.ConnectionError):
        admin.raw("crm.deal.add", {"fields": {"TITLE": "lost"}})
    assert admin.call("crm.deal.list") == []
    admin.switch(cut_after_commit_next=1)
    assert admin.call("crm.deal.list") == []  # reading is not cut
    with pytest.raises(requests.ConnectionError):
        admin.raw("crm.deal.add", {"fields": {"TITLE": "done"}})
    assert [row["TITLE"] for row in admin.call("crm.deal.list", select=["TITLE"])] == ["done"]
    admin.switch(cut_after_commit_next=1)
    with pytest.raises(requests.ConnectionError):
        admin.raw("batch", {"cmd": {"a": "crm.deal.add?fields[TITLE]=in a batch"}})
    assert len(admin.call("crm.deal.list")) == 2


def test_every_third_answer_of_chosen_methods_is_cut(admin):
    admin.switch(cut_every=3, cut_methods="crm.deal.add, server.time")
    lost = 0
    for _ in range(6):
        try:
            admin.raw("crm.deal.add", {"fields": {}})
        except requests.ConnectionError:
            lost += 1
    admin.call("crm.contact.add", fields={"NAME": "x"})
    assert (lost, len(admin.call("crm.deal.list"))) == (2, 6)
    assert admin.door("/state")["counters"]["cut"] == 2


def test_latency(admin):
    admin.switch(latency=0.05)
    assert admin.raw("server.time").elapsed.total_seconds() >= 0.05


def test_the_interface_knows_neither_limits_nor_faults(admin):
    admin.switch(down="on", plan="standard", error_500_next=5)
    done = admin.door("/as-user", {"user": "14", "method": "crm.deal.add", "params": {"fields": {"TITLE": "x"}}})
    assert done["result"] > 0
    failed = admin.door("/as-user", {"user": "14", "method": "crm.category.add", "params": {"entityTypeId": 2}})
    assert failed["error"] == "ACCESS_DENIED"
    admin.switch(down="off", error_500_next=0)
    assert admin.item(done["result"])["createdBy"] == 14
