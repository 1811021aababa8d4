"""Client, tokens, deliveries and visitors against the emulated portal, which shares no code with us, over real HTTP."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from pytest_httpserver import HTTPServer
from werkzeug import Response

from connectors.bitrix24.auth import APP as VAULT_NAME
from connectors.bitrix24.doctor import doctor
from connectors.bitrix24.errors import NotConnected, Overrun
from connectors.bitrix24.reading import Query
from connectors.bitrix24.receive import events_of
from connectors.bitrix24.sign_in import sign_in
from connectors.bitrix24.tests.pocket import a_client, a_connection, a_set, a_vault
from kernel.clock import SystemClock
from kernel.crm import Event
from kernel.errors import NoRight, NotFound, Rejected, Unreachable
from kernel.extension import Connection, Delivery, FrameRequest, NotProven
from kernel.http import HttpClient, RateLimit, SharedGate
from sandbox.bitrix24.server import Options, Sandbox

DEAL = 2
KEY = "UF_CRM_ANNEX_KEY"


class QuickClock(SystemClock):
    def sleep(self, seconds):
        super().sleep(seconds / 100)


class Office:
    """The portal, our door in front of it, and a client."""

    def __init__(self, sandbox, door, folder):
        self.sandbox, self.door, self.folder = sandbox, door, folder
        self.about = sandbox.about()
        self.vault = a_vault(folder, SystemClock())

    def act(self, path, **data):
        answer = requests.post(f"{self.about['address']}/sandbox/{path}", json=data, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def settings(self, **more):
        app = self.about["app"]
        return {
            "BITRIX24_URL": self.about["address"], "BITRIX24_CLIENT_ID": app["client_id"],
            "BITRIX24_CLIENT_SECRET": app["client_secret"], "BITRIX24_OAUTH_SERVER": app["oauth"], **more,
        }  # fmt: skip

    def connection(self, *, webhook=False, **more):
        if webhook:
            more["BITRIX24_WEBHOOK"] = self.about["base"]
        return a_connection(None, self.vault, self.settings(**more), QuickClock())

    def client(self, *, webhook=False, **more):
        return a_client(self.connection(webhook=webhook, **more))

    def delivered(self, wanted=1):
        """What the portal posted to our door, as deliveries."""
        assert self.act("wait-idle", timeout=120)["idle"]
        found = [Delivery(dict(request.headers), request.get_data()) for request, _answer in self.door.log]
        assert len(found) >= wanted
        return found

    def install(self):
        self.door.clear_log()
        self.act("app/install", handler=self.door.url_for("/hooks"))
        [caught] = self.delivered()
        assert events_of(caught, self.connection()) == []
        self.door.clear_log()

    def count(self):
        return self.sandbox.portal.counters.requests


@pytest.fixture(scope="module")
def listening():
    with HTTPServer(port=0) as door:
        yield door


@pytest.fixture
def office(listening, tmp_path):
    listening.clear()
    listening.expect_request("/hooks", method="POST").respond_with_handler(lambda request: Response("{}"))
    with Sandbox(Options(port=0, speedup=100)) as sandbox:
        office = Office(sandbox, listening, tmp_path)
        field = {"FIELD_NAME": "ANNEX_KEY", "USER_TYPE_ID": "string"}
        office.client(webhook=True).call("crm.deal.userfield.add", {"fields": field}, writes=True)
        yield office


def items(count, start=0):
    return [{"title": f"deal {n}", KEY: f"key-{n}"} for n in range(start, start + count)]


@contextmanager
def fault(office, **values):
    office.act("faults", **values)
    yield
    office.act("faults", **dict.fromkeys(values, 0))


def test_lists_and_batches(office):
    client = office.client(webhook=True)
    made = [one.get() for one in client.create_many(DEAL, items(320), KEY)]
    before = office.count()
    rows = list(client.all("crm.item.list", {"entityTypeId": DEAL, "select": ["id", KEY], "useOriginalUfNames": "Y"}))
    assert [(row["id"], row[KEY]) for row in rows] == [(number, f"key-{n}") for n, number in enumerate(made)]
    assert office.count() - before == 2
    classic = client.all("crm.deal.list", {"select": ["ID"]}, key="", id_field="ID")
    assert [int(row["ID"]) for row in classic] == made
    deals, contacts = client.many([Query("crm.item.list", {"entityTypeId": number}) for number in (DEAL, 3)])
    assert len(deals) == 320 and contacts == []
    assert [row["id"] for row in client.chosen("crm.item.list", {"entityTypeId": DEAL}, made[::-1])] == made[::-1]
    assert len(client.counted("user.get")) == len(office.sandbox.portal.people)
    caught = client.update_many(DEAL, [(number, {"title": "new"}) for number in made])
    assert {one.get()["item"]["title"] for one in caught} == {"new"}
    with pytest.raises(NotFound):
        client.call("crm.item.get", {"entityTypeId": DEAL, "id": 99})
    with pytest.raises(Rejected):
        client.call("crm.item.list", {"entityTypeId": DEAL, "filter": {"foo": 1}})


def test_contacts_of_deals(office):
    client = office.client(webhook=True)
    people = [one.get() for one in client.create_many(3, [{"name": n, "originId": f"k{n}"} for n in "abc"], "originId")]
    deals = [one.get() for one in client.create_many(DEAL, [{**one, "contactIds": people} for one in items(60)], KEY)]
    assert client.contacts_of(DEAL, deals) == dict.fromkeys(deals, people)


def test_each_is_made_once_though_every_fifth_answer_is_cut(office):
    client = office.client(webhook=True)
    with fault(office, cut_every=5):
        caught = client.create_many(DEAL, items(400), KEY)
    assert len({one.get() for one in caught}) == 400
    rows = list(client.all("crm.item.list", {"entityTypeId": DEAL, "select": ["id", KEY], "useOriginalUfNames": "Y"}))
    assert sorted(row[KEY] for row in rows) == sorted(f"key-{n}" for n in range(400))


def test_a_text_that_looks_like_a_reference_stays_what_it_is(office):
    client, text = office.client(webhook=True), "$result[c0][item][id] и $result[c0]"
    caught = client.batch(
        [("crm.item.add", {"entityTypeId": DEAL, "fields": {"title": word}}) for word in ("a", text)], writes=True
    )
    assert caught[1].get()["item"]["title"] == text


def test_limits(office):
    client = office.client(webhook=True)
    office.act("faults", error_500_next=2)
    assert client.call("profile")["ID"] == "1"
    office.act("faults", html_error_next=1, html_error_status="502")
    assert client.call("profile")["ID"] == "1"
    office.act("faults", operating_limit=10, operating_seconds=30, operating_method="crm.item.list")
    client.call("crm.item.list", {"entityTypeId": DEAL})
    with pytest.raises(Overrun) as caught:
        client.call("crm.item.list", {"entityTypeId": DEAL})
    assert 0 < caught.value.wait_seconds <= 600
    assert client.call("profile")["ID"] == "1"


def test_no_refusal_by_the_bucket_from_several_threads(office):
    office.act("faults", plan="standard")
    database, clock = office.vault._database, office.sandbox.portal.clock

    class PortalClock(SystemClock):
        """The portal's own time, which runs a hundred times as fast."""

        def now(self):
            return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=clock.ticks())

        def sleep(self, seconds):
            super().sleep(seconds / clock.speedup)

    own = PortalClock()

    def http(base_url, *, rate_limit=None, headers=dict):
        gate = (
            SharedGate("bitrix24/main", RateLimit(rate_limit.per_second, 0, 0.1, rate_limit.burst), database, own)
            if rate_limit
            else None
        )
        return HttpClient("bitrix24", base_url, clock=own, gate=gate, headers=headers)

    given = office.settings(BITRIX24_WEBHOOK=office.about["base"])

    def one():
        client = a_client(Connection(given, a_set(), http, own, office.vault))
        for _ in range(40):
            client.call("profile", writes=True)  # as a write, so that nothing is gathered

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert office.sandbox.portal.counters.refused == 0


def test_a_renamed_portal(office):
    with Sandbox(Options(port=0)) as new:
        office.act("rename-portal", to=new.about()["address"])
        client = office.client(webhook=True)
        client.call("crm.item.add", {"entityTypeId": DEAL, "fields": {"title": "x"}}, writes=True)
        assert len(list(a_client(office.connection(webhook=True)).all("crm.item.list", {"entityTypeId": DEAL}))) == 1
        assert [line for line in doctor(office.connection(webhook=True)) if "переименован" in line]


# --- the application ----------------------------------------------------------------------------------------------------


def test_installation_renewal_and_removal(office):
    with pytest.raises(NotConnected, match="not installed yet"):
        office.client().call("profile")
    office.install()
    held = office.vault.get(VAULT_NAME)
    assert held["member_id"] == office.about["app"]["member_id"] and held["refresh_token"]
    assert office.client().call("profile")["ID"] == "1"
    assert office.client().call("app.info", app=True)["INSTALLED"] is True
    office.act("advance", seconds=4000)
    clients, caught = [office.client() for _ in range(4)], []
    threads = [threading.Thread(target=lambda c=c: caught.append(c.call("profile")["ID"])) for c in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert caught == ["1"] * 4
    log = requests.get(f"{office.about['address']}/sandbox/log", timeout=120).json()["entries"]
    assert [entry.get("method") for entry in log].count("oauth") == 1
    office.act("app/revoke")
    with pytest.raises(NotConnected):
        office.client().call("crm.item.add", {"entityTypeId": DEAL, "fields": {}}, writes=True)
    office.install()
    assert office.client().call("profile")["ID"] == "1"
    office.act("app/uninstall")
    [gone] = office.delivered()
    assert events_of(gone, office.connection()) == [] and office.vault.get(VAULT_NAME) is None


def test_an_oauth_server_in_trouble(office):
    office.install()
    office.act("advance", seconds=4000)
    office.act("faults", refresh_fails_next=1)
    with pytest.raises(Unreachable) as caught:
        office.client().call("crm.item.add", {"entityTypeId": DEAL, "fields": {}}, writes=True)
    assert not caught.value.maybe_done
    assert office.client().call("profile")["ID"] == "1"


def test_events_robots_and_strangers(office):
    office.install()
    client = office.client()
    for name in ("ONCRMDEALADD", "ONCRMDEALUPDATE"):
        client.call("event.bind", {"event": name, "handler": office.door.url_for("/hooks")}, writes=True, app=True)
    made = office.act("as-user", user="11", method="crm.item.add", params={"entityTypeId": DEAL, "fields": {"title": "x"}})
    number = str(made["result"]["item"]["id"])
    caught = office.delivered()
    assert events_of(caught[0], office.connection()) == [Event("deal.added", "deal", number, author="11")]
    office.door.clear_log()
    office.act("faults", foreign_token_next=1)
    office.act(
        "as-user", user="11", method="crm.item.update", params={"entityTypeId": DEAL, "id": number, "fields": {"title": "y"}}
    )
    with pytest.raises(NotProven):
        events_of(office.delivered()[0], office.connection())
    office.door.clear_log()
    robot = {"CODE": "annex_recalculate", "HANDLER": office.door.url_for("/hooks"), "USE_SUBSCRIPTION": "N", "NAME": "Annex"}
    client.call("bizproc.robot.add", robot, writes=True, app=True)
    office.act("robot/run", code="annex_recalculate", deal=number)
    [ran] = office.delivered()
    [event] = events_of(ran, office.connection())
    assert (event.name, event.record_id) == ("deal.recalculate", number) and event.delivery


def test_an_outgoing_webhook(office):
    hook = office.act("outgoing-webhook", handler=office.door.url_for("/hooks"), events=["ONCRMDEALADD"])
    connection = office.connection(webhook=True, BITRIX24_HOOK_TOKEN=hook["token"])
    made = office.client(webhook=True).call("crm.item.add", {"entityTypeId": DEAL, "fields": {}}, writes=True)
    [caught] = office.delivered()
    assert events_of(caught, connection) == [Event("deal.added", "deal", str(made["item"]["id"]))]
    with pytest.raises(NotProven):
        events_of(caught, office.connection(webhook=True))


def test_a_page_inside_the_portal(office):
    office.install()
    place = {"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "HANDLER": office.door.url_for("/hooks"), "TITLE": "Annex"}
    office.client().call("placement.bind", place, writes=True, app=True)
    for user, admin in (("11", {}), ("1", {"admin": "yes"})):
        opened = office.act("open", placement="CRM_DEAL_DETAIL_TAB", user=user, options={"ID": "5121"})
        query = dict(parse_qsl(urlsplit(opened["url"]).query))
        found = sign_in(FrameRequest(query, opened["fields"]), office.connection())
        assert found.person_id == user
        assert found.context == {"placement": "CRM_DEAL_DETAIL_TAB", "deal": "5121", **admin}


def test_the_doctor(office):
    assert any("не установлено" in line for line in doctor(office.connection(webhook=True)))
    office.install()
    lines = list(doctor(office.connection(webhook=True)))
    assert len(lines) == 1 and "annex apply" in lines[0], lines
    office.act("faults", scopes="crm,user")
    assert any("timeman" in line for line in doctor(office.connection(webhook=True)))
    with pytest.raises(NoRight):
        office.client(webhook=True).call("department.get")
