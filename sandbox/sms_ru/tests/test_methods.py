"""The methods to the code of contract 2.1 and 2.2: both formats, errors of one number and of all, money that falls."""

import pytest
import requests

from sandbox.sms_ru.codes import TEXTS
from sandbox.sms_ru.methods import segments_of

pytestmark = pytest.mark.row("BR-23")


def test_one_number_fails_inside_a_good_answer(api):
    told = api.send(to="79001112233,74950000000,12")
    assert (told["status"], told["status_code"]) == ("OK", 100)
    assert told["sms"]["74950000000"] == {"status": "ERROR", "status_code": 207, "status_text": TEXTS["207"]}
    assert told["sms"]["12"]["status_code"] == 202
    good = told["sms"]["79001112233"]
    assert (good["status_code"], good["cost"]) == (100, "4.20")
    assert told["balance"] == 995.80
    api.door("/faults", cost_as="number")
    assert api.send(msg="другое")["sms"]["79001112233"]["cost"] == 4.20


def test_several_texts_and_the_format_of_lines(api):
    told = api.ask("sms/send", **{"to[79001112233]": "раз", "to[8 (900) 111-22-34]": "два"})
    assert sorted(told["sms"]) == ["79001112233", "79001112234"]
    lines = api.raw("sms/send", api_id=api.sandbox.account.api_id, to="79001112299,79001110000", msg="три").text.split("\n")
    assert (lines[0], lines[2], lines[3]) == ("100", "209", "balance=987.40")
    assert api.raw("sms/status", api_id=api.sandbox.account.api_id, sms_id=lines[1]).text == "100"
    assert api.raw("sms/send", api_id="wrong", to="79001112233", msg="x").text == "200"


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        (202, {"msg": "x"}), (203, {"to": "79001112233"}), (204, {"to": "79001112233", "msg": "x", "from": "BANK"}),
        (208, {"to": "79001112233", "msg": "x", "time": "soon"}),
        (207, {"to": ",".join(f"7900111{n:04d}" for n in range(101)), "msg": "x"}),
    ],
)  # fmt: skip
def test_refused_as_a_whole_without_sms(api, code, fields):
    told = api.ask("sms/send", **fields)
    assert told == {"status": "ERROR", "status_code": code, "status_text": TEXTS[str(code)]}


@pytest.mark.parametrize("code", [201, 204, 206, 220, 500])
def test_codes_on_demand(api, code):
    api.door("/faults", errors_next=str(code))
    assert api.send()["status_code"] == code
    assert api.send()["status_code"] == 100


@pytest.mark.parametrize("code", [207, 209, 215, 230, 231, 216])
def test_codes_of_a_number_on_demand(api, code):
    api.door("/faults", number_errors_next=str(code))
    assert api.send()["sms"]["79001112233"]["status_code"] == code
    assert api.send()["sms"]["79001112233"]["status_code"] == 100


def test_money_limit_and_the_rules_against_doubles(api):
    assert api.send()["sms"]["79001112233"]["status_code"] == 100
    assert api.send()["sms"]["79001112233"]["status_code"] == 231
    assert api.send(test=1)["sms"]["79001112233"]["status_code"] == 231
    api.door("/account", limit=2)
    assert api.send(msg="второе")["status_code"] == 100
    assert api.send(msg="третье")["status_code"] == 206
    api.door("/account", limit=0, balance="4.19")
    assert api.send(msg="третье")["status_code"] == 201
    state = api.see("/state")
    assert (state["messages"], state["spent"], state["cost"], state["balance"], state["twice"]) == (
        2,
        "8.40",
        "8.40",
        "4.19",
        0,
    )


def test_a_test_costs_nothing_and_is_told_to_nobody(api, receiver):
    api.door("/faults", status_step=0)
    api.ask("callback/add", url=receiver.url)
    told = api.send(test=1)
    assert (told["sms"]["79001112233"]["cost"], told["balance"]) == ("4.20", 1000.0)
    assert api.door("/wait-idle", timeout=60)["idle"]
    assert receiver.bodies == []
    assert api.see("/state")["tested"] == 1


def test_cost_counts_segments_and_long_texts_are_refused(api):
    told = api.ask("sms/cost", to="79001112233,74950000000", msg="ы" * 71)
    assert told["sms"]["79001112233"] == {"status": "OK", "status_code": 100, "cost": "8.40", "sms": 2}
    assert (told["sms"]["74950000000"]["status_code"], told["total_cost"], told["total_sms"]) == (207, 8.4, 2)
    assert api.send(msg="ы" * (67 * 8 + 1))["sms"]["79001112233"]["status_code"] == 205
    assert [segments_of(one) for one in ("a" * 160, "a" * 161, "€" * 80, "€" * 81, "ы" * 70, "😀" * 35, "😀" * 36)] == [
        1, 2, 1, 2, 1, 1, 2,
    ]  # fmt: skip


def test_statuses_walk_and_unknown_ids_are_named(api):
    ident = api.send()["sms"]["79001112233"]["sms_id"]
    seen = []
    for _ in range(3):
        told = api.ask("sms/status", sms_id=f"{ident},202601-1")["sms"]
        seen.append(told[ident]["status_code"])
        assert told["202601-1"]["status_code"] == -1
        api.door("/advance", seconds=2)
    assert seen == [100, 102, 103]
    api.door("/faults", outcomes_next="104")
    other = api.send(msg="ещё")["sms"]["79001112233"]["sms_id"]
    api.door("/advance", seconds=10)
    assert api.ask("sms/status", sms_id=other)["sms"][other]["status_code"] == 104


def test_lists_money_and_who_we_are(api):
    key = api.sandbox.account.api_id
    assert api.ask("my/balance") == {"status": "OK", "status_code": 100, "balance": 1000.0}
    assert api.ask("my/limit") == {"status": "OK", "status_code": 100, "total_limit": 0, "used_today": 0}
    assert api.ask("my/free")["used_today"] is None
    assert api.ask("my/senders")["senders"] == ["BROKER"]
    assert api.ask("auth/check")["status_code"] == 100
    assert api.raw("auth/check", login="annex", password=key, json=1).json()["status_code"] == 100
    assert api.raw("auth/check", login="annex", password="no", json=1).json()["status_code"] == 301
    assert api.ask("my/nothing")["status_code"] == 211
    api.ask("stoplist/add", stoplist_phone="8 900 111-22-33", stoplist_text="отказ")
    assert api.ask("stoplist/get")["stoplist"] == {"79001110000": "попросил не писать", "79001112233": "отказ"}
    assert api.send()["sms"]["79001112233"]["status_code"] == 209
    api.ask("stoplist/del", stoplist_phone="79001112233")
    assert api.send()["sms"]["79001112233"]["status_code"] == 100
    assert api.ask("callback/add", url="ftp://x")["status_code"] == 901
    assert api.ask("callback/add", url="https://annex.example/x")["callback"] == ["https://annex.example/x"]
    assert api.ask("callback/del", url="https://annex.example/y")["status_code"] == 902
    assert api.ask("callback/del", url="https://annex.example/x")["callback"] == api.ask("callback/get")["callback"] == []


def test_a_get_is_as_good_until_it_is_too_long(api):
    query = {"api_id": api.sandbox.account.api_id, "json": 1, "to": "79001112233", "msg": "x"}
    assert requests.get(f"{api.address}/sms/send", params=query, timeout=120).json()["status_code"] == 100
    query["msg"] = "ы" * 500
    assert requests.get(f"{api.address}/sms/send", params=query, timeout=120).json()["status_code"] == 210
    assert api.see("/state")["counters"]["keys_in_addresses"] == 2
    assert api.sandbox.account.api_id not in str(api.see("/log"))


@pytest.mark.parametrize(("word", "told"), [("busy", 220), ("error", 500)])
def test_down_in_its_own_words(api, word, told):
    api.door("/faults", down=word)
    assert api.send()["status_code"] == told


def test_lost_answers_and_cut_requests(api):
    api.door("/faults", lose_answer_next=1)
    with pytest.raises(requests.ConnectionError):
        api.send()
    assert api.see("/state")["messages"] == 1, "it was accepted all the same"
    api.door("/faults", cut_before_next=1)
    with pytest.raises(requests.ConnectionError):
        api.send(msg="другое")
    assert api.see("/state")["messages"] == 1
    api.door("/faults", lose_answer_every=2)
    outcomes = []
    for n in range(4):
        try:
            outcomes.append(api.send(msg=f"н{n}")["status_code"])
        except requests.ConnectionError:
            outcomes.append(0)
    assert (outcomes.count(0), api.see("/state")["messages"]) == (2, 5)
    api.door("/faults", down="http")
    assert api.raw("my/balance").status_code == 502
    api.door("/faults", down="closed")
    with pytest.raises(requests.ConnectionError):
        api.ask("my/balance")


def test_the_page_shows_what_was_sent_escaped(api):
    api.send(msg="<b>жирно</b>")
    shown = api.session.get(f"{api.address}/", timeout=120).text
    assert "&lt;b&gt;жирно" in shown
    assert "995.80" in shown
