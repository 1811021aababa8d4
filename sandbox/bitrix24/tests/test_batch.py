"""Many calls in one (point 21)."""

from urllib.parse import quote, urlencode

import pytest


def test_results_of_earlier_commands_are_used_by_later_ones(admin):
    deal = admin.deal(ASSIGNED_BY_ID=14)
    admin.deal(ASSIGNED_BY_ID=15)
    answer = admin.call("batch", halt=0, cmd={
        "get": f"crm.deal.get?id={deal}",
        "same": "crm.deal.list?filter[ASSIGNED_BY_ID]=$result[get][ASSIGNED_BY_ID]&select[]=ID",
        "first": "crm.deal.get?ID=$result[same][0][ID]",
        "title": "crm.deal.add?fields[TITLE]=After $result[first][ID]!",
        "new": "crm.item.get?entityTypeId=2&id=$result[title]",
    })  # fmt: skip
    assert list(answer["result"]) == ["get", "same", "first", "title", "new"]
    assert answer["result"]["same"] == [{"ID": str(deal)}]
    assert answer["result"]["new"]["item"]["title"] == f"After {deal}!"
    assert (answer["result_error"], answer["result_next"]) == ([], [])
    assert answer["result_total"] == {"same": 1}
    assert set(answer["result_time"]) == set(answer["result"])


def test_a_whole_list_can_be_handed_on(admin):
    contacts = [admin.call("crm.contact.add", fields={"NAME": name}) for name in "abc"]
    deal = admin.deal(CONTACT_IDS=contacts[:2])
    answer = admin.call("batch", cmd={
        "a": f"crm.item.get?entityTypeId=2&id={deal}",
        "b": "crm.contact.list?filter[@ID]=$result[a][item][contactIds]&select[]=ID",
    })  # fmt: skip
    assert [row["ID"] for row in answer["result"]["b"]] == [str(ident) for ident in contacts[:2]]
    none = admin.call("batch", cmd={"a": "crm.contact.list?filter[ID]=$result[nobody][ID]"})
    assert none["result"]["a"] == []


def test_halt_stops_and_errors_stand_beside_results(admin):
    cmd = {"ok": "server.time", "bad": "crm.deal.get?id=1", "after": "server.time"}
    answer = admin.call("batch", halt=0, cmd=cmd)
    assert set(answer["result"]) == {"ok", "after"}
    assert answer["result_error"] == {"bad": {"error": "", "error_description": "Not found"}}
    for halt in (1, True, "1"):
        answer = admin.call("batch", halt=halt, cmd=cmd)
        assert set(answer["result"]) == {"ok"}
    failed = admin.call("batch", halt=1, cmd={"bad": "no.such"})
    assert (failed["result"], failed["result_time"]) == ([], [])


def test_at_most_fifty(admin):
    answer = admin.call("batch", cmd={f"c{n}": "server.time" for n in range(52)})
    assert len(answer["result"]) == 50
    assert answer["result_error"]["c51"]["error"] == "ERROR_BATCH_LENGTH_EXCEEDED"


def test_no_batch_in_a_batch(admin):
    answer = admin.call("batch", cmd={"a": "batch?cmd[a]=server.time"})
    assert answer["result_error"]["a"]["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("how", ["json", "form", "query", "list", "unencoded"])
def test_every_way_to_write_it(admin, how):
    """In a form or query the inner query is encoded a second time."""
    admin.deal(TITLE="A&B=C Ж")
    inner = "crm.deal.list?" + urlencode({"filter[TITLE]": "A&B=C Ж", "select[]": "TITLE"})
    url = admin.base + "batch"
    if how == "form":
        result = admin.session.post(url, data={"halt": 0, "cmd[a]": inner}).json()["result"]["result"]["a"]
    elif how == "query":
        result = admin.session.get(f"{url}?halt=0&cmd[a]={quote(inner)}").json()["result"]["result"]["a"]
    elif how == "list":
        (result,) = admin.call("batch", cmd=[inner])["result"]
    elif how == "unencoded":
        text = f"crm.deal.list?filter[TITLE]={quote('A&B=C Ж')}&select[]=TITLE&__order=1&"
        result = admin.call("batch", cmd={"a": text})["result"]["a"]
    else:
        result = admin.call("batch", cmd={"a": inner})["result"]["a"]
    assert [row["TITLE"] for row in result] == ["A&B=C Ж"]


def test_pages_inside(admin):
    admin.door("/fill", {"deals": 60, "contacts": 1})
    answer = admin.call("batch", cmd={"a": "crm.item.list?entityTypeId=2", "b": "crm.deal.list?start=50"})
    assert (answer["result_total"], answer["result_next"]) == ({"a": 60, "b": 60}, {"a": 50})
    assert len(answer["result"]["b"]) == 10
