"""Each text leaves once, in its order; what the provider says of it comes back."""

from __future__ import annotations

import re

import pytest

from kernel.conversations import Incoming
from kernel.conversations import store as messages
from plugins.sms import rules, sending, statuses
from plugins.sms.tests.office import KEY, NUMBER

pytestmark = pytest.mark.row("BR-10")


def test_a_text_leaves_once_and_its_delivery_comes_back(both):
    both.listens()
    message = both.writes("Счёт открыт")
    assert (both.state(message), both.told(message)) == ("queued", ["queued"])
    for _ in range(2):
        both.advance(seconds=2)
        assert both.calls_back() == [200]
    one = both.one(message)
    assert (one.state, one.cost, one.code) == ("delivered", 42_000, "103")
    assert both.told(message) == ["queued", "sent", "delivered"]
    assert [(each.to, each.text, each.sender) for each in both.account.messages.values()] == [
        (NUMBER[1:], "Счёт открыт", "BROKER")
    ]
    assert both.comments() == []
    assert both.stands.balance == rules.to_scaled(both.account.balance)
    assert both.verified() == []


def test_the_same_message_again_even_a_day_later_is_nothing(office):
    message = office.writes()
    office.writes(message=message)
    office.advance(days=1)
    office.writes("другой текст", message=message)
    assert (len(office.account.messages), office.told(message)) == (1, ["queued"])


def test_not_delivered_is_told_in_the_card_and_to_the_author(office):
    office.listens()
    office.fault(outcomes_next="104")
    message = office.writes()
    office.advance(seconds=10)
    office.calls_back()
    assert office.told(message) == ["queued", "sent", "undelivered"]
    [comment] = office.comments()
    assert "SMS на +79001112233 не доставлено: 104 — не доставлено: истекло время жизни" in comment
    assert "не доставлено" in office.crm.notices.of(office.irina.id)[-1]
    assert office.crm.notices.of(office.boris.id) == []


@pytest.mark.parametrize(
    ("code", "words"), [("207", "207 — на этот номер нельзя отправить"), ("230", "больше 60 сообщений"), ("216", "слово")]
)
def test_a_refused_number_fails_and_the_next_goes_on(office, code, words):
    office.fault(number_errors_next=code)
    first, second = office.writes("раз"), office.writes("два")
    assert (office.state(first), office.state(second)) == ("failed", "queued")
    assert office.told(first) == ["failed"]
    assert words in office.comments()[0]


def test_a_lost_answer_is_uncertain_until_a_person_decides(office):
    office.fault(lose_answer_next=1)
    message = office.writes("важное")
    assert (office.state(message), office.told(message)) == ("uncertain", ["queued"])
    assert "неизвестно, ушло ли" in office.comments()[0]
    office.passes(hours=30)
    assert len(office.sent()) == 1, "never by itself"
    assert "Считать отправленным" in office.page(office.irina, f"/sms/{office.one(message).id}")
    other = office.presses(office.boris, f"/sms/{office.one(message).id}/arrived")
    assert other.status_code == 403, "it is not theirs"
    assert office.presses(office.irina, f"/sms/{office.one(message).id}/arrived").status_code == 303
    assert (office.state(message), office.told(message)) == ("sent", ["queued", "sent"])
    assert office.presses(office.irina, f"/sms/{office.one(message).id}/again").status_code == 409
    assert len(office.sent()) == 1


def test_sent_again_is_sent_once_more_and_no_oftener(office):
    office.fault(lose_answer_next=1, outcome="102")
    message = office.writes("важное")
    address = f"/sms/{office.one(message).id}/again"
    assert office.presses(office.head, address).status_code == 303
    office.advance(minutes=2)  # the provider itself refuses the same text within a minute
    assert office.state(message) in ("queued", "failed")
    assert office.presses(office.head, address).status_code == 409
    assert len(office.sent()) == 2
    assert office.verified() == []


def test_a_worker_that_dies_while_it_sends_leaves_it_uncertain(office):
    from kernel.testing import Crash

    message = office.writes(run=False)

    def dies() -> None:
        office.before_answer = lambda: None
        raise Crash("in the answer")

    office.before_answer = dies
    for _ in range(20):
        try:
            office.run()
            break
        except Crash:
            office.restart()
    assert office.state(message) == "uncertain"
    assert len(office.account.messages) == 1
    assert office.verified() == []


def test_a_status_may_come_before_the_answer_that_names_it(office):
    def early() -> None:
        """The provider has it delivered while its answer is still under way to us."""
        office.before_answer = lambda: None
        [ident] = office.account.messages
        told = Incoming(f"{ident}:103:1", ident, kind="status", details={"code": "103", "state": "delivered"})
        with office.portal.unit() as unit:
            statuses.heard(unit, told)

    office.before_answer = early
    message = office.writes()
    assert (office.state(message), office.told(message)) == ("delivered", ["queued", "delivered"])
    assert office.rows("SELECT * FROM sms_early") == []


def test_whoever_pumps_one_text_is_in_flight_and_no_more(both):
    both.writes("раз", run=False)
    both.writes("два", run=False)
    for _ in range(40):
        with both.portal.unit() as unit:
            sending.pump(unit)
        assert len([row for row in both.calls("waiting", "sending") if row["verb"] == "send_text"]) <= 1
        if both.run_one() is None:
            break
    assert sorted(text for _, text in both.sent()) == ["два", "раз"]


def test_statuses_in_disorder_and_repeated_never_lead_back(office):
    office.listens()
    office.fault(
        callback_batch=1, callback_reorder_rate=0.5, callback_duplicate_rate=1, callback_strangers="on", outcomes_next="110"
    )
    messages = [office.writes(f"н{number}", to=f"+7900200{number:04d}") for number in range(8)]
    for _ in range(12):
        office.advance(seconds=2)
        assert set(office.calls_back()) <= {200}
    for message in messages:
        told = office.told(message)
        assert told[-1] == "delivered"
        assert told in (["queued", "sent", "delivered"], ["queued", "delivered"])


def test_who_is_not_told_asks(office):
    """No callbacks at all: after 5, 15, 60 minutes, a hundred ids a request."""
    messages = [office.writes(f"н{number}", to=f"+7900200{number:04d}") for number in range(105)]
    office.requests.clear()
    office.passes(minutes=4)
    assert not [one for one in office.requests if "sms/status" in one[0]]
    office.passes(minutes=1, seconds=1)
    asked = [one for one in office.requests if one[0].endswith("sms/status")]
    assert len(asked) == 2
    assert {office.state(message) for message in messages} == {"delivered"}
    office.requests.clear()
    office.passes(hours=2)
    assert not [one for one in office.requests if "sms/status" in one[0]], "what is final is asked no more"


def test_it_is_asked_for_a_day_and_no_longer(office):
    office.fault(outcome="102")
    message = office.writes()
    before, times = 0, 0
    for minute in (4, 6, 16, 59, 61, 121, 24 * 60 + 1, 26 * 60):
        office.requests.clear()
        office.advance(minutes=minute - before)
        office.work("sms.catch_up")
        before, times = minute, times + len(office.requests)
    assert times == 5, "after 5, 15, 60, 120 minutes and a day"
    assert office.one(message).check_at is None
    assert office.told(message) == ["queued", "sent"]


def test_the_key_stands_in_the_body_and_nowhere_else(office, caplog):
    office.listens()
    office.fault(lose_answer_next=1, number_errors_next="")
    office.writes("раз")
    office.fault(errors_next="200")
    office.writes("два")
    office.work()
    assert all(KEY not in url for url, _ in office.requests)
    assert all(KEY.encode() in body for _, body in office.requests)
    shown = office.page(office.head) + office.page(office.head, "/sms/opt-outs") + caplog.text
    kept = "".join(
        str(dict(row)) for table in ("sms", "sms_account", "outgoing") for row in office.rows(f"SELECT * FROM {table}")
    )
    assert KEY not in shown + kept + "".join(office.comments())


def test_texts_of_strangers_and_cards_are_shown_as_text(office):
    office.writes("<script>alert(1)</script>")
    assert "<script>alert" not in office.page(office.head)
    assert re.search(r"&lt;script&gt;alert", office.page(office.head))


def test_a_request_that_nobody_takes_is_kept_for_a_person(office):
    """The provider was switched off while the portal still offers us."""
    plugins, office.plugins = office.plugins, []
    office.writes("важное")
    [kept] = office.rows("SELECT id, state, reason FROM incoming_message")
    assert kept["state"] == "failed" and "no plugin of this set sends any" in kept["reason"]
    office.plugins = plugins
    with office.database.write() as tx:
        assert messages.again(tx, kept["id"], queue=office.queue, mark="again", clock=office.clock)
    office.run()
    assert [text for _, text in office.sent()] == ["важное"]
