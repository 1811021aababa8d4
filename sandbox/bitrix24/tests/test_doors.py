"""The sandbox's own doors, the portals, and the speed tests rely on."""

import time

import pytest


@pytest.mark.parametrize(("name", "people"), [("empty", 14), ("empty-exchange", 5)])
def test_the_portals(portal, client, name, people):
    admin = client(portal(portal=name))
    state = admin.door("/state")
    assert state["portal"] == name
    assert state["records"]["deal"] == 0
    assert len(admin.sandbox.portal.people) == people
    assert admin.sandbox.portal.technical().technical
    admin.deal()


def test_faults_are_listed_set_and_refused_as_a_whole(admin):
    table = admin.door("/faults")
    assert table["plan"]["choices"] == ["off", "standard", "enterprise"]
    assert all(row["help"] for row in table.values())
    assert admin.door("/faults", {"latency": "0.5", "down": True}) == {"latency": 0.5, "down": "on"}
    for wrong in ({"nope": 1}, {"plan": "free"}, {"latency": "x"}, {"drop_rate": 2}, {"latency": -1}):
        answer = admin.session.post(f"{admin.address}/sandbox/faults", json={"down": "off", **wrong})
        assert answer.status_code == 400
        assert admin.door("/faults")["down"]["value"] == "on"


def test_the_log_tells_who_asked_what(admin, manager):
    manager.deal()
    admin.call("server.time")
    entries = admin.door("/log?direction=in")["entries"]
    assert [(e["method"], e["status"], e["who"]) for e in entries] == [
        ("crm.deal.add", 200, "14"),
        ("server.time", 200, "1"),
    ]
    last = admin.door("/log")["last"]
    assert admin.door(f"/log?since={last}")["entries"] == []


def test_the_date_can_be_set_without_touching_durations(admin):
    ticks = admin.door("/advance", {"seconds": 0})["ticks"]
    assert admin.door("/date", {"at": "2026-10-29T10:00:00+03:00"})["now"].startswith("2026-10-29T07:00:0")
    assert admin.item(admin.deal())["createdTime"].startswith("2026-10-29T10:00:0")
    assert admin.door("/advance", {"seconds": 60})["ticks"] - ticks < 3600
    wrong = admin.session.post(f"{admin.address}/sandbox/date", json={"at": "2026-10-29T10:00:00"})
    assert "offset" in wrong.json()["error"]


def test_filling_is_repeatable_and_raises_nothing(portal, client):
    shown = []
    for _ in range(2):
        admin = client(portal())
        admin.door("/fill", {"deals": 60, "contacts": 10, "seed": 3})
        assert admin.door("/state")["counters"]["raised"] == 0
        shown.append(admin.call("crm.deal.list", select=["ID", "TITLE", "OPPORTUNITY", "STAGE_ID", "CONTACT_ID"]))
    assert shown[0] == shown[1]


def test_wrong_uses_say_why(admin):
    for path, body in (
        ("/lead", {"source": "MOON"}), ("/as-user", {"user": "99"}), ("/robot", {"action": "fly"}),
        ("/required-field", {"field": "NOPE"}), ("/outgoing-webhook", {"handler": "x"}), ("/app/tokens", {"user": "99"}),
        ("/app/revoke", {"client_id": "nobody"}),
    ):  # fmt: skip
        answer = admin.session.post(f"{admin.address}/sandbox{path}", json=body)
        assert (answer.status_code, bool(answer.json()["error"])) == (400, True), path


def cost(api, last):
    """The least processor time, of five tries, that a page after `last` and a change of each of its records take."""
    spent = []
    for _ in range(5):
        began = time.process_time()
        tree = {"entityTypeId": 2, "start": -1, "order": {"id": "ASC"}, "filter": {">id": last}, "select": ["id"]}
        ids = [item["id"] for item in api.call("crm.item.list", **tree)["items"]]
        cmd = {f"c{n}": f"crm.item.update?entityTypeId=2&id={n}&fields[title]=new {n}" for n in ids}
        assert len(ids) == 50 and api.call("batch", cmd=cmd)["result_error"] == []
        spent.append(time.process_time() - began)
    return min(spent)


def test_thousands_of_deals_cost_hardly_more_than_a_few(portal, client):
    """A search through all records for each call would take fifty times as long."""
    few, many = (client(portal()) for _ in range(2))
    for api, deals in ((few, 200), (many, 10_000)):
        api.door("/fill", {"deals": deals, "contacts": 1000})
    before = many.door("/state")["counters"]["raised"]
    first = many.call("crm.item.list", entityTypeId=2, order={"id": "ASC"}, select=["id"])["items"][0]["id"]
    assert cost(many, first + 9000) < 10 * cost(few, first + 100)
    assert many.door("/state")["counters"]["raised"] - before == 50
