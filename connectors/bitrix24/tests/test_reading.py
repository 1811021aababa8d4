"""Long lists: every row once, in the least number of requests, whatever happens to them meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from connectors.bitrix24.reading import Query
from connectors.bitrix24.tests.pocket import WEBHOOK, Portal, Refusal, a_client, a_connection, a_vault, cut, ok
from kernel.errors import Rejected, Throttled, Unreachable

DEALS = ("crm.item.list", {"entityTypeId": 2, "select": ["title"]})


@pytest.fixture
def portal():
    return Portal()


@pytest.fixture
def client(portal, tmp_path):
    return a_client(a_connection(portal, a_vault(tmp_path), WEBHOOK))


def ids(rows):
    return [row["id"] for row in rows]


@pytest.mark.parametrize(
    ("count", "requests"),
    [(0, 1), (1, 1), (49, 1), (50, 1), (51, 2), (100, 2), (2550, 2), (2551, 3), (10_000, 5), (10_001, 5)],
)
def test_the_least_number_of_requests(portal, client, count, requests):
    portal.fill(range(1, count + 1))
    assert ids(client.all(*DEALS)) == list(range(1, count + 1))
    assert len(portal.requests) == requests


def test_gaps_cost_no_requests(portal, client):
    numbers = [n * 1000 for n in range(1, 5001)]
    portal.fill(numbers)
    assert ids(client.all(*DEALS)) == numbers
    assert len(portal.requests) == 3


def test_a_short_list_asks_for_no_more_pages_than_it_can_have(portal, client):
    portal.fill(range(1, 121))
    list(client.all(*DEALS))
    assert [len(params["cmd"]) for _name, params in portal.requests] == [2, 2]


@how(max_examples=30, deadline=None)
@given(
    numbers=st.sets(st.integers(1, 400), max_size=300), gone=st.sets(st.integers(1, 400), max_size=60),
    came=st.sets(st.integers(1, 900), max_size=60), at=st.integers(1, 6),
)  # fmt: skip
def test_none_is_missed_or_doubled_while_rows_come_and_go(tmp_path_factory, numbers, gone, came, at):
    portal = Portal()
    portal.fill(numbers)
    client = a_client(a_connection(portal, a_vault(tmp_path_factory.mktemp("vault")), WEBHOOK))
    plain, count = portal.listed, [0]

    def listed(params):
        count[0] += 1
        if count[0] == at:
            portal.fill(came)
            for number in gone - came:
                portal.rows.pop(number, None)
        return plain(params)

    portal.methods["crm.item.list"] = listed
    found = ids(client.all(*DEALS))
    assert found == sorted(set(found))
    assert numbers - gone <= set(found) <= numbers | came


def test_rows_come_as_they_are_read(portal, client):
    portal.fill(range(1, 10_001))
    rows = client.all(*DEALS)
    assert next(rows)["id"] == 1
    assert len(portal.requests) == 1


def test_the_callers_filter_and_fields_stay(portal, client):
    portal.fill(range(1, 120))
    for number in range(1, 120, 2):
        portal.rows[number]["UF_CRM_KIND"] = "odd"
    params = {"entityTypeId": 2, "filter": {"@UF_CRM_KIND": ["odd"]}, "select": ["title"]}
    assert ids(client.all("crm.item.list", params)) == list(range(1, 120, 2))
    assert "select%5B0%5D=id&select%5B1%5D=title" in portal.requests[0][1]["cmd"]["c0"]


def test_a_portal_that_resolves_no_references_is_read_page_by_page(portal, client):
    portal.references = False
    portal.fill(range(1, 301))
    assert ids(client.all(*DEALS)) == list(range(1, 301))


def test_a_filter_that_looks_like_a_reference_is_asked_for_as_it_is(portal, client):
    text = "$result[c0][items][0][title]"
    portal.fill(range(1, 400))
    for number in range(1, 400, 2):
        portal.rows[number]["title"] = text
    queries = [Query("crm.item.list", {"filter": {"@title": [text]}}), Query("crm.item.list", {})]
    found, every = client.many(queries)
    assert ids(found) == list(range(1, 400, 2)) and len(every) == 399


def test_the_old_dialect(portal, client):
    def listed(params):
        after = int((params.get("filter") or {}).get(">ID", 0) or 0)
        rows = [{"ID": str(n)} for n in range(1, 131) if n > after]
        return (rows[::-1] if params["order"]["ID"] == "DESC" else rows)[:50]

    portal.methods["crm.deal.list"] = listed
    found = client.all("crm.deal.list", {}, key="", id_field="ID")
    assert [row["ID"] for row in found] == [str(n) for n in range(1, 131)]


def test_several_lists_share_their_requests(portal, client):
    portal.fill(range(1, 701))
    sizes = {2: 700, 3: 90, 1040: 10, 1044: 0}
    plain = portal.listed

    def listed(params):
        kept = portal.rows
        portal.rows = {n: row for n, row in kept.items() if n <= sizes[int(params["entityTypeId"])]}
        try:
            return plain(params)
        finally:
            portal.rows = kept

    portal.methods["crm.item.list"] = listed
    found = client.many([Query("crm.item.list", {"entityTypeId": number}) for number in sizes])
    assert [len(rows) for rows in found] == list(sizes.values())
    assert all(ids(rows) == list(range(1, len(rows) + 1)) for rows in found)
    assert len(portal.requests) == 2


def test_a_throttle_in_the_middle_only_costs_time(portal, client):
    portal.fill(range(1, 1001))
    plain, count = portal.listed, [0]

    def listed(params):
        count[0] += 1
        if count[0] == 7:
            raise Refusal(503, "QUERY_LIMIT_EXCEEDED")
        return plain(params)

    portal.methods["crm.item.list"] = listed
    assert ids(client.all(*DEALS)) == list(range(1, 1001))


def test_what_cannot_be_read_is_told(portal, client):
    portal.fill(range(1, 1001))
    plain, count = portal.listed, [0]

    def listed(params, after=7):
        count[0] += 1
        if count[0] >= after:
            raise failing
        return plain(params)

    portal.methods["crm.item.list"] = listed
    failing = Refusal(400, "INVALID_ARG_VALUE", "Invalid filter")
    with pytest.raises(Rejected):
        list(client.all(*DEALS))
    count[0], failing = 0, Refusal(429, "OPERATION_TIME_LIMIT")
    with pytest.raises(Throttled):
        list(client.all(*DEALS))


@pytest.mark.parametrize("result", [{"items": {}}, {}, [], {"items": [{"title": "x"}]}])
def test_an_answer_of_another_shape_is_no_empty_list(portal, client, result):
    portal.methods["crm.item.list"] = lambda params: result
    with pytest.raises(Unreachable):
        list(client.all(*DEALS))


def test_a_portal_that_ignores_the_order_is_found_out(portal, client):
    portal.methods["crm.item.list"] = lambda params: {"items": [{"id": n} for n in (5, 3, 9)]}
    with pytest.raises(Unreachable, match="order"):
        list(client.all(*DEALS))


def test_a_portal_that_ignores_the_filter_is_found_out(portal, client):
    portal.fill(range(1, 201))
    plain = portal.listed
    portal.methods["crm.item.list"] = lambda params: plain({**params, "filter": {}})
    with pytest.raises(Unreachable, match="filter"):
        list(client.all(*DEALS))


def test_rows_by_their_ids(portal, client):
    portal.fill(range(1, 6001))
    wanted = [*range(6500, 3000, -1), 3500]
    found = client.chosen("crm.item.list", {"entityTypeId": 2}, wanted)
    assert ids(found) == list(range(6000, 3000, -1))
    assert len(portal.requests) == 2
    assert client.chosen("crm.item.list", {"entityTypeId": 2}, []) == []


def test_a_list_that_only_knows_pages(portal, client, tmp_path):
    people = [{"ID": str(n)} for n in range(1, 131)]

    def before(method, params):
        if method != "user.get":
            return None
        start = params["start"]
        more = {"next": start + 50} if start + 50 < len(people) else {}

        return ok(people[start : start + 50], total=len(people), **more)

    portal.before = before
    portal.methods["user.get"] = lambda params: people[int(params["start"]) :][:50]
    assert client.counted("user.get", {"sort": "ID"}) == people
    assert portal.names() == ["user.get", "batch"]


# --- many records -------------------------------------------------------------------------------------------------------


def items(count):
    return [{"title": str(n), "UF_CRM_ANNEX_KEY": f"key-{n}"} for n in range(count)]


def every_fifth_cut(portal):

    count = [0]

    def after(method, params):
        writes = method == "batch" and "crm.item.add" in str(params)
        count[0] += writes
        if writes and count[0] % 5 == 0:
            cut()

    portal.after = after


def test_each_is_made_once_though_answers_are_lost(portal, client):
    every_fifth_cut(portal)
    caught = client.create_many(2, items(1000), "UF_CRM_ANNEX_KEY")
    assert [one.get() for one in caught] == list(range(1, 1001))
    assert [row["UF_CRM_ANNEX_KEY"] for row in portal.rows.values()] == [f"key-{n}" for n in range(1000)]
    assert len(portal.requests) == 20 + 1  # one reading for the four lost batches


def test_only_the_missing_ones_are_made_again(portal, client):
    """A batch that was cut half-way: some of it was carried out, some not."""
    plain = portal.added

    def added(params):
        if len(portal.rows) == 20 and portal.names() == ["batch"]:
            cut()
        return plain(params)

    portal.methods["crm.item.add"] = added
    caught = client.create_many(2, items(50), "UF_CRM_ANNEX_KEY")
    assert sorted(one.get() for one in caught) == list(range(1, 51))
    assert [portal.rows[one.get()]["UF_CRM_ANNEX_KEY"] for one in caught] == [f"key-{n}" for n in range(50)]


def test_a_repeat_looks_first(portal, client):
    client.create_many(2, items(70), "UF_CRM_ANNEX_KEY")
    caught = client.create_many(2, items(75), "UF_CRM_ANNEX_KEY", maybe_done=True)
    assert [one.get() for one in caught] == list(range(1, 76)) and len(portal.rows) == 75


def test_what_is_in_doubt_stays_in_doubt_when_nobody_can_look(portal, client):

    portal.after = lambda method, params: cut()
    caught = client.create_many(2, items(5), "UF_CRM_ANNEX_KEY")
    assert all(one.fault.maybe_done for one in caught) and len(portal.rows) == 5


def test_a_refused_one_is_told_and_the_others_are_made(portal, client):
    plain = portal.added

    def added(params):
        if params["fields"]["title"] == "3":
            raise Refusal(400, "CRM_FIELD_ERROR_VALUE_NOT_VALID", "Invalid value")
        return plain(params)

    portal.methods["crm.item.add"] = added
    caught = client.create_many(2, items(5), "UF_CRM_ANNEX_KEY")
    assert [n for n, one in enumerate(caught) if one.fault] == [3] and isinstance(caught[3].fault, Rejected)


@pytest.mark.parametrize("in_lists", [True, False])
def test_the_contacts_of_many_deals(portal, client, in_lists):
    for number in range(1, 121):
        portal.rows[number] = {"id": number, **({"contactIds": [number + 800, "7"]} if in_lists else {})}
    portal.methods["crm.item.get"] = lambda params: {
        "item": {"id": int(params["id"]), "contactIds": [int(params["id"]) + 800, 7]}
    }
    found = client.contacts_of(2, range(1, 130))
    assert found == {number: [number + 800, 7] for number in range(1, 121)}
    assert len(portal.requests) == (1 if in_lists else 4)


def test_many_changes(portal, client):
    portal.methods["crm.item.update"] = lambda params: {"item": {"id": int(params["id"]), **params["fields"]}}
    caught = client.update_many(2, [(n, {"title": "new"}) for n in range(1, 151)])
    assert [one.get()["item"]["id"] for one in caught] == list(range(1, 151))
    assert len(portal.requests) == 3
