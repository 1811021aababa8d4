"""What SMS.RU answers, as outcomes: taken over, refused with its code, away, or nobody knows."""

from __future__ import annotations

from decimal import Decimal

import pytest
import requests

from connectors.sms_ru import codes
from connectors.sms_ru.tests.conftest import KEY, fixture
from kernel.errors import BadAnswer, Fault, Misconfigured, Rejected, Unreachable
from kernel.extension.text_verbs import SEND_TEXT, TEXT_VERBS
from kernel.jobs.outgoing import Call
from kernel.texting import Cost, Funds, Refusal, Sent, Text, unpack_outcome

pytestmark = pytest.mark.row("BR-10")
TEXT = Text("+79001112233", "Счёт открыт")


def good(**more):
    return {"status": "OK", "status_code": 100, **more}


def of_number(**one):
    return good(sms={"79001112233": one}, balance=4122.56)


def call(text=TEXT):
    payload = {"to": text.to, "text": text.text, "test": text.test}
    return Call("c1", "sms_ru/sms", "lane", 1, SEND_TEXT, "k1", "", payload, "sending", 0, "", "", "t", 0)


def test_a_text_is_sent_by_a_form_with_the_key_in_its_body(connection, line):
    outcome = connection.texting.send(TEXT)
    [(url, form)] = line.asked
    assert url == "https://sms.ru/sms/send"
    assert form == {
        "api_id": KEY, "json": "1", "to": "79001112233", "msg": "Счёт открыт", "ip": "-1", "from": "BROKER",
    }  # fmt: skip
    assert isinstance(outcome, Sent)
    assert (outcome.cost, outcome.balance) == (Decimal("4.20"), Decimal("995.8"))
    connection.texting.send(Text(TEXT.to, "тест", test=True))
    assert line.asked[-1][1]["test"] == "1"


def test_a_good_answer_may_refuse_the_number(connection, line):
    told = fixture("send__one_number_refused")
    told["sms"].pop("79001112233")
    line.answers = [told]
    assert connection.texting.send(TEXT) == Refusal("message", "207", "На этот номер нет маршрута", Decimal("4122.56"))


@pytest.mark.parametrize(
    ("code", "kind"),
    [(200, "stopped"), (300, "stopped"), (301, "stopped"), (302, "stopped"), (204, "stopped"), (201, "paused"), (206, "day"),
     (220, "later"), (500, "later"), (209, "opted_out"), (215, "opted_out"), (202, "message"), (205, "message"),
     (207, "message"), (208, "message"), (230, "message"), (231, "message"), (232, "message"), (550, "message"),
     (217, "message"), (999, "message")],
)  # fmt: skip
def test_every_code_has_a_class_as_a_whole_and_of_a_number(connection, line, code, kind):
    refused = {"status": "ERROR", "status_code": code, "status_text": "так"}
    line.answers = [refused, of_number(**refused)]
    assert [connection.texting.send(TEXT).kind for _ in range(2)] == [kind, kind]


@pytest.mark.parametrize(
    "answer",
    [
        requests.exceptions.ReadTimeout("lost"), requests.exceptions.ConnectionError("reset"), (502, b"<html>"), (500, b""),
        (200, b"100\n202647-1\nbalance=1"), (200, b"{"), {"status": "OK"}, good(), good(sms={}), good(sms={"1": 2}),
        good(sms={"1": {}, "2": {}}), of_number(status_code=100), of_number(status_code=100, sms_id="<b>"),
        of_number(status_code="many"), [1], (200, b"[" * 100_000),
    ],
)  # fmt: skip
def test_what_says_nothing_may_have_been_sent(connection, line, answer):
    line.answers = [answer]
    with pytest.raises(Fault) as raised:
        connection.texting.send(TEXT)
    assert raised.value.maybe_done
    assert KEY not in str(raised.value)


def test_a_connection_that_nobody_took_sent_nothing(connection, line):
    line.answers = [requests.exceptions.ConnectTimeout("no")]
    with pytest.raises(Unreachable) as raised:
        connection.texting.send(TEXT)
    assert not raised.value.maybe_done
    line.answers = [requests.exceptions.ConnectTimeout("no")]
    outcome = unpack_outcome(TEXT_VERBS[SEND_TEXT].run(connection, call(), False))
    assert isinstance(outcome, Refusal) and outcome.kind == "later"


def test_a_call_is_never_repeated_and_its_outcome_is_an_answer(connection, line):
    assert TEXT_VERBS[SEND_TEXT].repeat == "never"
    sent = unpack_outcome(TEXT_VERBS[SEND_TEXT].run(connection, call(), False))
    assert isinstance(sent, Sent) and sent.cost == Decimal("4.20")
    line.answers = [fixture("send__refused")]
    stopped = unpack_outcome(TEXT_VERBS[SEND_TEXT].run(connection, call(), False))
    assert stopped == Refusal("stopped", "200", "Неправильный api_id")
    line.answers = [(404, b"")]
    told = unpack_outcome(TEXT_VERBS[SEND_TEXT].run(connection, call(), False))
    assert isinstance(told, Refusal) and told.kind == "stopped" and "SMS_RU_SMS_URL" in told.message
    line.answers = [requests.exceptions.ReadTimeout("lost")]
    with pytest.raises(Unreachable):
        TEXT_VERBS[SEND_TEXT].run(connection, call(), False)


@pytest.mark.parametrize("number", ["", "79001112233", "+7", "+7900111223\n", "+79001112233,+79001112234", "+٧٩٠٠١١١٢٢٣٣"])
def test_what_is_no_number_is_not_even_sent(connection, line, number):
    outcome = connection.texting.send(Text(number, "x"))
    assert isinstance(outcome, Refusal) and outcome.code == "202"
    assert line.asked == []


def test_a_hundred_ids_a_request_and_unknown_ones_are_said(connection, line):
    ids = [connection.texting.send(Text("+79001112233", f"н{n}")).vendor_id for n in range(3)]
    line.asked.clear()
    asked = [*ids, *(f"202601-{n}" for n in range(148))]
    found = connection.texting.reports(asked)
    assert [len(form["sms_id"].split(",")) for _, form in line.asked] == [100, 51]
    assert [one.vendor_id for one in found] == asked
    assert [one.state for one in found[:4]] == ["queued", "queued", "queued", None]
    assert (found[0].cost, found[0].code) == (Decimal("4.20"), "100")


def test_cost_funds_and_the_stop_list(connection, line):
    assert connection.texting.cost(Text("+79001112233", "ы" * 71)) == Cost(2, Decimal("8.40"))
    refused = connection.texting.cost(Text("+74950000000", "x"))
    assert isinstance(refused, Refusal) and refused.code == "207"
    assert connection.texting.funds() == Funds(Decimal("1000.0"), None, None)
    line.still.account.limit = 5
    assert connection.texting.funds() == Funds(Decimal("1000.0"), 5, 0)
    assert connection.texting.opted_out() == {"+79001110000": "попросил не писать"}
    line.answers = [good(stoplist=[])]
    assert connection.texting.opted_out() == {}


@pytest.mark.parametrize(("code", "error"), [(200, Misconfigured), (220, Unreachable), (500, Unreachable), (213, Rejected)])
def test_questions_that_are_refused(connection, line, code, error):
    line.answers = [{"status": "ERROR", "status_code": code, "status_text": "нет"}]
    with pytest.raises(error):
        connection.texting.funds()


def test_answers_that_make_no_sense_are_said(connection, line):
    line.answers = [good(), good(sms=[]), good(sms={"1": {"status_code": "x"}}), good(balance="много")]
    for ask in (
        lambda: connection.texting.reports(["1-1"]), lambda: connection.texting.reports(["1-1"]),
        lambda: connection.texting.cost(TEXT), connection.texting.funds,
    ):  # fmt: skip
        with pytest.raises(BadAnswer):
            ask()


def test_codes_in_words():
    assert codes.words("207", "ru") == "на этот номер нельзя отправить"
    assert codes.words("-1", "en") == "SMS.RU does not know the message"
    assert (codes.words("217", "ru"), codes.words("", "ru"), codes.words("x", "ru")) == ("", "", "")
    assert all(codes.words(str(code), language) for code in codes.KNOWN for language in ("ru", "uk", "en"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"SMS_RU_API_ID": ""}, "SMS_RU_API_ID"), ({"SMS_RU_URL": "http://sms.ru"}, "SMS_RU_URL"),
        ({"SMS_RU_URL": "https://user:secret@sms.ru"}, "SMS_RU_URL"), ({"SMS_RU_PER_SECOND": "0"}, "SMS_RU_PER_SECOND"),
        ({"SMS_RU_PER_SECOND": "fast"}, "SMS_RU_PER_SECOND"), ({"SMS_RU_URL": "https://sms.ru?x=1"}, "SMS_RU_URL"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(connect, settings, words):
    with pytest.raises(Misconfigured, match=words.replace("SMS_RU_", "SMS_RU_SMS_")):
        _ = connect(**settings).texting
