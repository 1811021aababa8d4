"""SMS through the real doors: the portal's provider hook in, SMS.RU out, its callbacks back, the portal told."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

import pytest

from plugins.sms import rules
from sandbox.bitrix24.sms import Texting
from tests.sms.broker import KEY, Broker

pytestmark = pytest.mark.row("BR-10")
TEXTS = 200


@pytest.fixture
def broker(fresh_sqlite, closing, tmp_path):
    return closing(Broker(fresh_sqlite(), tmp_path))


def test_a_day_of_texts(broker: Broker, caplog):
    # `annex apply` made us a provider of the portal, and told SMS.RU our address.
    [sender] = broker.bitrix._portal.area(Texting).senders
    assert (sender.code, sender.handler) == ("annex_smsru", "https://annex.example.com/hooks/bitrix24/main/sms")
    assert broker.account.callbacks == ["https://annex.example.com/hooks/sms_ru/sms"]
    assert setup_is_done(broker)

    # One text from a contact's card: delivered, and the portal's own form shows it.
    contact = broker.bitrix.new("contact", {"last_name": "Новиков", "name": "Иван"})
    message = broker.writes("8 (900) 111-22-33", "Счёт открыт", contact=contact)
    broker.settles()
    assert broker.portal_sms()[message].answered == 200
    assert broker.portal_sms()[message].status == "queued"
    broker.advance(seconds=2)
    broker.settles()
    broker.advance(seconds=2)
    broker.settles()
    assert broker.portal_sms()[message].status == "delivered"

    # One that cannot be delivered: the reason stands in the card.
    message = broker.writes("74950000000", "Здравствуйте", contact=contact)
    broker.settles()
    assert broker.portal_sms()[message].status == "failed"
    assert any("207 — на этот номер нельзя отправить" in one for one in broker.timeline("contact", contact))

    # The card says no.
    broker.bitrix.set("contact", contact, {"no_sms": True})
    message = broker.writes("89001112233", "Ещё", contact=contact)
    broker.settles()
    assert broker.portal_sms()[message].status == "failed"
    assert len(broker.account.messages) == 1

    # Forged callbacks and a strange portal come to nothing; the key is nowhere but in bodies.
    forged = {"data[]": "sms_status\n1-1\n103\n1795290500", "hash": "0" * 64}
    assert broker.post("sms_ru/sms", data=forged).status_code == 403
    assert broker.post("bitrix24/main/sms", data={"code": "annex_smsru", "message_id": "x"}).status_code == 401
    kept = "".join(str(dict(row)) for row in broker.rows("SELECT * FROM sms")) + caplog.text
    assert KEY not in kept and not any(KEY in one for one in broker.addresses)


def setup_is_done(broker: Broker) -> bool:
    from app.cli.plan import setup_of

    return not [one for one in setup_of(broker.annex).plan() if one.kind not in ("note", "manual", "arrange", "drop")]


def test_two_hundred_texts_with_lost_answers_doubled_posts_and_callbacks_in_disorder(broker: Broker):
    """The worked case of the specification, a fifth of its size: it is the same code however many there are."""
    broker.account.balance = Decimal("100000.00")
    broker.account.faults.set_all({
        "lose_answer_every": 5, "callback_batch": 7, "callback_reorder_rate": 0.4, "callback_duplicate_rate": 0.4,
        "callback_strangers": "on", "callback_body": "multipart_crlf",
    })  # fmt: skip
    chance = random.Random(7)
    ids = []
    for number in range(TEXTS):
        ids.append(broker.writes(f"+7900{number:07d}", f"Сообщение {number}" if number % 3 else "ы" * 71))
    posts = capture(broker)
    for url, form in posts:
        for _ in range(chance.choice((1, 1, 2, 3))):
            assert broker.door("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, form)[0] == 200
    broker.settles()
    for _ in range(14):
        broker.advance(seconds=2)
        broker.settles()

    real = list(broker.account.messages.values())
    assert len(real) == TEXTS, "the provider counts none twice"
    assert max(Counter((one.to, one.text) for one in real).values()) == 1
    lost = broker.account.counters["answers_lost"]
    states = Counter(row["state"] for row in broker.rows("SELECT state FROM sms"))
    assert lost == TEXTS // 5
    assert states == {"uncertain": lost, "delivered": TEXTS - lost}
    assert Counter(one.status for one in broker.portal_sms().values()) == {"queued": lost, "delivered": TEXTS - lost}

    # Money: what we counted and what nobody knows of make up what the account lost, to the cent.
    known = rules.from_scaled(sum(row["cost"] or 0 for row in broker.rows("SELECT cost FROM sms")))
    unknown_numbers = {row["number"] for row in broker.rows("SELECT number FROM sms WHERE state = 'uncertain'")}
    unknown = sum((one.cost for one in real if f"+{one.to}" in unknown_numbers), Decimal(0))
    assert known + unknown == broker.account.spent == Decimal("100000.00") - broker.account.balance
    [account] = broker.rows("SELECT balance FROM sms_account")
    broker.advance(minutes=11)
    broker.work("sms.funds")
    [account] = broker.rows("SELECT balance FROM sms_account")
    assert rules.from_scaled(account["balance"]) == broker.account.balance

    # By themselves the lost ones never leave again.
    broker.advance(days=2)
    broker.timers()
    broker.work("sms.catch_up")
    assert len(broker.account.messages) == TEXTS


def capture(broker: Broker) -> list[tuple[str, bytes]]:
    """The posts that the portal has to make, taken out of its hands."""
    from urllib.parse import urlencode

    from sandbox.bitrix24.params import flatten

    posts: list[tuple[str, bytes]] = []
    delivery = broker.bitrix._still.delivery
    real = delivery.post

    def keep(url, form):
        posts.append((url, urlencode(flatten(form)).encode()))
        return 200, "ok"

    delivery.post = keep
    while broker.bitrix.step():
        pass
    delivery.post = real
    return [one for one in posts if one[0].endswith("/sms")]
