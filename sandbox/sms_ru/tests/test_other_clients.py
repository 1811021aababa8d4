"""Somebody else's unmodified client against this server: it knows the product, and we did not write it.

smsru-api 1.4.1 (Apache-2.0, kept up by its author). aiosmsru 0.2.1 wants httpx 0.23 and pydantic 1, which no longer go
together with the rest: what it sends is a GET with json=1, as test_methods has it.
"""

import pytest
from smsru_api import SmsRu

pytestmark = pytest.mark.row("BR-23")


@pytest.fixture
def client(api, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with SmsRu(api.sandbox.account.api_id) as made:
        made._base_url = api.address  # it has no setting for it
        yield made


def test_a_public_client_works_as_it_does_with_the_real_one(api, client):
    sent = client.send("+7 (900) 111-22-33", message="Счёт открыт", from_name="BROKER")
    [ident] = [one["sms_id"] for one in sent["sms"].values()]
    assert (sent["status_code"], sent["balance"]) == (100, 995.8)
    assert client.status(ident)["sms"][ident]["status_code"] == 100
    assert client.send(multi={"89001112234": "раз", "89001112235": "два"}, test=True)["status_code"] == 100
    assert client.cost("89001112233", message="ы" * 71)["total_sms"] == 2
    assert client.balance()["balance"] == 995.8
    assert client.limit()["used_today"] == 1
    assert client.free()["status_code"] == 100
    assert client.senders()["senders"] == ["BROKER"]
    client.add_stop_list("89001112299", "отказ")
    assert client.stop_list()["stoplist"]["79001112299"] == "отказ"
    assert [one["status_code"] for one in client.send("89001112299", message="х")["sms"].values()] == [209]
    client.del_stop_list("89001112299")
    assert client.add_callback("https://annex.example/x")["callback"] == client.callbacks()["callback"]
    assert client.del_callback("https://annex.example/x")["callback"] == []
    assert client.send("89001112233", message="x", from_name="BANK")["status_code"] == 204
    assert api.see("/state")["counters"].get("keys_in_addresses", 0) == 0
