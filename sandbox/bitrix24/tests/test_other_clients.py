"""Other people's unmodified clients against this portal: they know the product, and we did not write them."""

from __future__ import annotations

import pytest
import trustme
from b24pysdk import BitrixApp, BitrixToken, BitrixWebhook, Client
from b24pysdk.api.requesters.bitrix_oauth_requester import BitrixOAuthRequester
from b24pysdk.credentials import OAuthEventData
from b24pysdk.errors import BitrixAPIError, BitrixRequestError, BitrixResponse500JSONDecodeError
from fast_bitrix24 import Bitrix
from fast_bitrix24.server_response import ErrorInServerResponseException

from sandbox.bitrix24 import params


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for this machine, its key, and the authority behind it."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1", "localhost")
    cert, key, bundle = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
    cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    made.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(bundle)
    return str(cert), str(key), str(bundle)


@pytest.fixture
def secure(portal, certificate, monkeypatch):
    """A portal over https that this process trusts."""
    cert, key, bundle = certificate
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    monkeypatch.setenv("NO_PROXY", "*")
    return lambda **settings: portal(tls=(cert, key), **settings)


@pytest.fixture
def here(client, certificate):
    """Our own caller, for doors and for looking at what the others did."""

    def make(sandbox, **more):
        api = client(sandbox, **more)
        api.session.verify = certificate[2]
        return api

    return make


@pytest.fixture
def official(secure):
    sandbox = secure()
    return Client(BitrixWebhook(domain=sandbox.portal.domain, webhook_token="1/sandbox")), sandbox


# -- the vendor's own


def test_official_lists_and_pages(official, here):
    sdk, sandbox = official
    here(sandbox).door("/fill", {"deals": 130, "contacts": 5})
    request = sdk.crm.deal.list(select=["ID", "TITLE"], order={"ID": "ASC"})
    first = request.response
    assert (len(first.result), first.total, first.next) == (50, 130, 50)
    assert len(list(request.as_list().result)) == 130
    assert len(list(sdk.crm.deal.list(select=["ID"]).as_list_fast().result)) == 130
    items = sdk.crm.item.list(entity_type_id=2, select=["id", "stageId"], filter={">id": 0})
    assert len(items.result["items"]) == 50


def test_official_reads_and_writes(official):
    sdk, _ = official
    deal = sdk.crm.deal.add({"TITLE": "От другого клиента", "OPPORTUNITY": 12.5}).result
    assert sdk.crm.deal.get(deal).result["OPPORTUNITY"] == "12.50"
    assert sdk.crm.deal.update(deal, {"STAGE_ID": "PREPARATION"}).result is True
    item = sdk.crm.item.get(bitrix_id=deal, entity_type_id=2).result["item"]
    assert item["stageId"] == "PREPARATION"
    contact = sdk.crm.contact.add({"NAME": "Ирина", "PHONE": [{"VALUE": "+79165550134", "VALUE_TYPE": "MOBILE"}]}).result
    assert sdk.crm.contact.get(contact).result["PHONE"][0]["VALUE"] == "+79165550134"
    assert sdk.crm.deal.fields().result["ID"]["type"] == "integer"
    assert sdk.crm.deal.delete(deal).result is True


def test_official_batches(official):
    sdk, _ = official
    answers = sdk.call_batch({f"k{n}": sdk.crm.deal.add({"TITLE": f"Сделка {n}", "COMMENTS": "a&b=c"}) for n in range(3)})
    ids = list(answers.result.result.values())
    assert len(set(ids)) == 3
    many = sdk.call_batches([sdk.crm.deal.get(ids[0]) for _ in range(120)])
    rows = many.result.result
    rows = list(rows.values()) if isinstance(rows, dict) else rows
    assert [row["COMMENTS"] for row in rows] == ["a&b=c"] * 120


def test_official_errors(official, here):
    sdk, sandbox = official
    with pytest.raises(BitrixAPIError) as refused:
        _ = sdk.crm.deal.get(1).result
    assert refused.value.error_description == "Not found"
    with pytest.raises(BitrixAPIError):
        _ = sdk.crm.item.list(entity_type_id=2, filter={"foo": 1}).result
    here(sandbox).switch(html_error_next=1)
    with pytest.raises(BitrixResponse500JSONDecodeError):
        _ = sdk.crm.deal.list().result


def test_official_waits_when_the_bucket_is_full(secure, here):
    sandbox = secure(plan="standard")
    api = here(sandbox)
    sdk = Client(BitrixWebhook(domain=sandbox.portal.domain, webhook_token="1/sandbox"))
    while api.raw("server.time").status_code == 200:
        pass
    assert sdk.crm.deal.list().result == []
    assert api.door("/state")["counters"]["refused"] >= 2


def test_official_application_refreshes_its_token(secure, here, receiver, monkeypatch):
    sandbox = secure()
    api = here(sandbox)
    said = api.door("/app/install", {"handler": f"{receiver.address}/hooks"})
    monkeypatch.setattr(BitrixOAuthRequester, "_OAUTH_TOKEN_URL", f"{sandbox.address}/oauth/token/")
    monkeypatch.setattr(BitrixOAuthRequester, "_APP_INFO_URL", f"{sandbox.address}/oauth/rest/app.info/")
    own = BitrixApp(client_id=said["client_id"], client_secret=said["client_secret"])
    token = BitrixToken(
        domain=sandbox.portal.domain, auth_token=said["access_token"], refresh_token=said["refresh_token"], bitrix_app=own
    )
    sdk = Client(token)
    assert sdk.profile().result["ID"] == "1"
    assert token.get_app_info().result.install.member_id == said["member_id"]
    token.refresh_and_set_oauth_token()
    assert token.auth_token != said["access_token"]
    assert sdk.profile().result["ID"] == "1"
    api.door("/advance", {"seconds": 3601})
    assert sdk.profile().result["ID"] == "1"  # expired_token: it refreshes by itself
    api.door("/wait-idle", {})


def test_official_reads_what_we_post(admin, app, receiver):
    """Events of people, of robots, of the application's life."""
    for name in ("ONCRMDEALADD", "ONCRMDEALUPDATE", "ONCRMDEALMOVETOCATEGORY", "ONCRMDYNAMICITEMADD"):
        app.call("event.bind", event=name, handler=f"{receiver.address}/hooks")
    admin.door("/robot", {"stage": "NEW", "action": "set_field", "field": "COMMENTS", "value": "x"})
    category = admin.call("crm.category.add", entityTypeId=2, fields={"name": "y"})["category"]["id"]
    kind = admin.call("crm.type.add", fields={"title": "z"})["type"]["entityTypeId"]
    deal = admin.deal()
    admin.move(deal, categoryId=category)
    admin.call("crm.item.add", entityTypeId=kind, fields={"title": "a"})
    admin.door("/app/update", {})
    admin.door("/app/uninstall", {})
    admin.door("/wait-idle", {})
    read = {}
    for item in receiver.got:
        flat = dict(pair.split("=", 1) for pair in item["raw"].replace("%5B", "[").replace("%5D", "]").split("&"))
        for payload in (params.parse(item["raw"]), {key: params.parse(f"x={value}")["x"] for key, value in flat.items()}):
            event = OAuthEventData.from_dict(payload)
            read.setdefault(event.event, []).append(event)
    assert set(read) == {
        "ONAPPINSTALL", "ONCRMDEALADD", "ONCRMDEALUPDATE", "ONCRMDEALMOVETOCATEGORY", "ONCRMDYNAMICITEMADD",
        "ONAPPUPDATE", "ONAPPUNINSTALL",
    }  # fmt: skip
    assert read["ONCRMDEALADD"][0].data == {"FIELDS": {"ID": str(deal)}}


# -- an independent one, which sends brackets unencoded and always a batch


@pytest.fixture
def fast(broker, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    return Bitrix(f"{broker.address}/rest/1/sandbox/", verbose=False, requests_per_second=1000.0)


def test_fast_gets_all(fast, admin):
    admin.door("/fill", {"deals": 230, "contacts": 60})
    deals = fast.get_all("crm.deal.list", {"select": ["ID", "TITLE"], "filter": {">ID": 0}})
    assert len({deal["ID"] for deal in deals}) == 230
    items = fast.get_all("crm.item.list", {"entityTypeId": 2, "select": ["id"]})
    assert len(items) == 230
    contacts = fast.get_by_ID("crm.contact.get", [801, 802, 803])
    assert contacts["802"]["ID"] == "802"


def test_fast_writes(fast, admin):
    ids = fast.call("crm.deal.add", [{"fields": {"TITLE": f"Сделка & {n}"}} for n in range(60)])
    assert len(set(ids)) == 60
    fast.call("crm.deal.update", [{"ID": ident, "fields": {"STAGE_ID": "WON"}} for ident in ids])
    assert admin.envelope("crm.deal.list", filter={"STAGE_ID": "WON", "%TITLE": "&"})["total"] == 60
    (got,) = fast.call("crm.deal.get", {"ID": ids[0]}).values()
    assert got["STAGE_ID"] == "WON"
    assert fast.call("crm.deal.get", {"ID": ids[0]}, raw=True)["result"]["ID"] == str(ids[0])
    answer = fast.call_batch({"halt": 0, "cmd": {"a": "crm.deal.add?fields[TITLE]=x", "b": "crm.deal.get?ID=$result[a]"}})
    assert answer["b"]["TITLE"] == "x"


def test_fast_errors(fast, admin):
    with pytest.raises(ErrorInServerResponseException, match="Not found"):
        fast.call("crm.deal.get", {"ID": 1})


def test_fast_tries_again(fast, admin):
    admin.switch(html_error_next=1, html_error_status="502")
    assert fast.get_all("crm.deal.list") == []
    admin.switch(cut_next=1)
    assert fast.get_all("crm.deal.list") == []


def test_official_notices_a_renamed_portal(secure, here):
    """It reads the new host out of our redirect. The port it drops, so it cannot come any further here."""
    sandbox = secure()
    token = BitrixWebhook(domain=sandbox.portal.domain, webhook_token="1/sandbox")
    here(sandbox).door("/rename-portal", {"to": "https://127.0.0.1:1"})
    with pytest.raises(BitrixRequestError, match="Connection refused"):
        _ = Client(token).crm.deal.add({"TITLE": "x"}).result
    assert token.domain == "127.0.0.1"
