"""What is not to leave, or not now: opt-outs, quiet hours, robots that repeat, an account that is stopped."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from kernel.errors import Unreachable
from plugins.sms import plugin as sms
from plugins.sms import rules
from plugins.sms.handlers import card_does_not_come
from plugins.sms.tests.office import NUMBER

pytestmark = pytest.mark.row("BR-10")
MOSCOW = ZoneInfo("Europe/Moscow")


def night(office, clock="22:30"):
    office.at(datetime.fromisoformat(f"2026-12-01T{clock}:00").replace(tzinfo=MOSCOW))


# --- opt-outs ---------------------------------------------------------------------------------------------------------


def test_the_card_says_no_at_this_very_moment(office):
    office.crm.staff.set("contact", office.client_card, no_sms=True)
    message = office.writes()
    assert (office.state(message), office.told(message), office.sent()) == ("failed", ["failed"], [])
    assert "в карточке отмечено «Не отправлять SMS»" in office.comments()[0]
    office.crm.staff.set("contact", office.client_card, no_sms=False)
    assert office.state(office.writes()) == "queued"


def test_a_card_that_is_gone_holds_nothing_up(office):
    assert office.state(office.writes(card="contact:999")) == "queued"


def test_a_card_that_is_not_shown_holds_nothing_up_for_ever(office):
    real, office.crm.get = office.crm.get, _away
    message = office.writes(run=False)
    for _ in range(3):
        office.run_one()
    assert office.state(message) == "checking"
    office.advance(minutes=11)
    card_does_not_come(office.portal)
    assert office.state(message) == "sending"
    office.crm.get = real
    office.run()
    assert (office.state(message), len(office.sent())) == ("queued", 1)


def _away(*_args, **_more):
    raise Unreachable("the CRM is away")


def test_our_list_with_who_and_why(office):
    answer = office.presses(office.head, "/sms/opt-outs", number="8 900 111-22-33", why="просил по телефону", action="add")
    assert answer.status_code == 303
    shown = office.page(office.head, "/sms/opt-outs")
    assert all(words in shown for words in (NUMBER, "просил по телефону", "Вера Главная"))
    message = office.writes()
    day = office.clock.now().astimezone(MOSCOW)
    assert (office.state(message), office.one(message).reason) == ("failed", f"клиент отказался {day:%d.%m.%Y}")
    office.advance(minutes=1)
    office.presses(office.head, "/sms/opt-outs", number=NUMBER, why="передумал", action="remove")
    assert NUMBER not in office.page(office.head, "/sms/opt-outs").partition("<form")[0]
    assert office.state(office.writes()) == "queued"
    assert office.presses(office.head, "/sms/opt-outs", number="12", why="x").status_code == 400
    assert office.presses(office.head, "/sms/opt-outs", number=NUMBER, why=" ").status_code == 400
    assert office.presses(office.irina, "/sms/opt-outs", number=NUMBER, why="x").status_code == 403


@pytest.mark.parametrize("code", ["209", "215"])
def test_the_providers_codes_and_its_list(office, code):
    office.fault(number_errors_next=code)
    assert office.state(office.writes()) == "failed"
    assert office.state(office.writes("ещё")) == "failed"
    assert len(office.sent()) == 1, "the second time nobody is asked"
    office.account.stoplist["79005550000"] = "жалоба"
    office.work("sms.stoplist")
    assert office.state(office.writes(to="89005550000")) == "failed"
    assert "жалоба" in office.page(office.head, "/sms/opt-outs")


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "text", "words"),
    [("12", "x", "не номер телефона"), ("380501112233", "x", "международный с плюсом"),
     (NUMBER, "ы" * 67 * 71, "частей 71, можно 8")],
)  # fmt: skip
def test_what_cannot_be_sent_is_told_and_leaves_nowhere(office, to, text, words):
    message = office.writes(text, to=to)
    assert (office.state(message), office.told(message), office.sent()) == ("failed", ["failed"], [])
    assert words in office.comments()[0]


# --- robots and quiet hours ---------------------------------------------------------------------------------------------


def test_a_robot_that_fires_twice_is_held_and_told(office):
    first, second = office.writes("код 1", robot=True), office.writes("код 1", robot=True)
    assert (office.state(first), office.state(second)) == ("queued", "held")
    assert "робот отправляет тот же текст второй раз за 60 с" in office.comments()[0]
    assert office.state(office.writes("код 2", robot=True)) == "queued"
    office.advance(seconds=61)
    assert office.state(office.writes("код 1", robot=True)) == "queued"
    assert office.presses(office.irina, f"/sms/{office.one(second).id}/cancel").status_code == 303
    assert (office.state(second), office.told(second)) == ("cancelled", ["failed"])
    office.passes(days=2)
    assert len(office.sent()) == 3


def test_in_quiet_hours_robots_wait_and_people_do_not(office_of):
    office = office_of(quiet="21:00-09:00")
    night(office)
    robot, person = office.writes("ночное", robot=True), office.writes("срочное")
    assert (office.state(robot), office.state(person)) == ("held", "queued")
    assert "тихие часы, уйдёт 02.12.2026 09:00" in office.page(office.head)
    office.passes(hours=10)
    assert office.state(robot) == "held"
    office.passes(minutes=31)
    assert office.state(robot) in ("queued", "delivered")
    assert len(office.sent()) == 2
    night(office, "23:00")
    held = office.writes("другое ночное", robot=True)
    assert office.presses(office.irina, f"/sms/{office.one(held).id}/send").status_code == 303
    assert office.state(held) == "queued"
    office.passes(hours=12)
    assert len(office.sent()) == 3, "what was sent by hand does not leave again in the morning"


def test_quiet_hours_for_people_too(office_of):
    office = office_of(quiet="21:00-09:00", quiet_for=["robot", "person"])
    night(office)
    assert office.state(office.writes()) == "held"


# --- the account --------------------------------------------------------------------------------------------------------


def test_a_wrong_key_stops_all_and_is_told_once(office):
    office.fault(errors_next="200")
    messages = [office.writes(f"н{number}") for number in range(3)]
    assert [office.state(one) for one in messages] == ["waiting"] * 3
    assert len(office.sent()) == 1
    told = office.crm.notices.of(office.head.id)
    assert len(told) == 1 and "SMS не уходят, пока счёт не исправят: 200 — неверный api_id" in told[0]
    assert "200 — неверный api_id" in office.page(office.head)
    assert office.presses(office.irina, "/sms/account/go-on").status_code == 403
    office.fault(errors_next="200")
    assert office.presses(office.head, "/sms/account/go-on").status_code == 303
    assert office.crm.called.count("put_notice") == 1, "it was wrong still, and that is no news"
    assert office.presses(office.head, "/sms/account/go-on").status_code == 303
    assert [text for _, text in office.sent()] == ["н0", "н0", "н0", "н1", "н2"], "in their order"
    assert [office.state(one) for one in messages] == ["queued"] * 3
    assert office.stands.state == "open"


def test_without_money_they_wait_and_go_on_by_themselves(office):
    office.account.balance = Decimal("5.00")
    messages = [office.writes(f"н{number}") for number in range(3)]
    assert [office.state(one) for one in messages] == ["queued", "waiting", "waiting"]
    assert (office.stands.state, office.stands.reason) == ("paused", "201 — на счёте SMS.RU нет денег")
    office.passes(minutes=11)
    assert len(office.sent()) == 2, "nobody has paid in"
    office.account.balance = Decimal("100.00")
    office.passes(minutes=11)
    assert [office.state(one) for one in messages[1:]] == ["queued", "queued"]
    assert len(office.crm.notices.of(office.head.id)) == 1


def test_the_days_limit_waits_for_the_accounts_midnight(office):
    night(office, "22:00")
    office.account.limit = 1
    office.writes("раз")
    message = office.writes("два")
    assert (office.state(message), office.stands.state) == ("waiting", "day")
    office.passes(hours=1, minutes=59)
    assert len(office.sent()) == 2
    office.account.used = 0
    office.passes(minutes=2)
    assert office.state(message) == "queued"


@pytest.mark.parametrize("away", ["busy", "error", "nobody"])
def test_a_provider_that_is_away_is_tried_after_1_5_15_minutes(office, away):
    office.refused = away == "nobody"
    office.fault(down=away if away != "nobody" else "off")
    message = office.writes()
    tries = [len(office.sent())]
    for minutes in (1, 4, 1, 15, 15):
        office.advance(minutes=minutes, seconds=1)
        office.timers()
        tries.append(len(office.sent()))
    assert tries == [1, 2, 2, 3, 4, 5]
    assert office.state(message) == "waiting"
    assert office.told(message) == []
    office.refused = False
    office.fault(down="off")
    office.passes(minutes=16)
    assert (office.state(message), len(office.account.messages)) == ("queued", 1)


def test_after_a_day_it_is_old_news(office):
    office.fault(down="busy")
    message = office.writes()
    for _ in range(5):
        office.advance(hours=5)
        office.timers()
    assert (office.state(message), office.told(message)) == ("failed", ["failed"])
    assert "сутки не удавалось отправить" in office.comments()[0]


def test_test_mode_costs_nothing_and_says_so(office_of):
    office = office_of(test=True)
    message = office.writes()
    assert (office.state(message), office.one(message).cost, office.account.balance) == ("queued", 0, Decimal("1000.00"))
    assert "Тестовый режим" in office.page(office.head)
    office.fault(number_errors_next="207")
    office.writes("ещё")
    assert office.comments()[0].startswith("(тест) ")


# --- the page -----------------------------------------------------------------------------------------------------------


def test_staff_see_their_own_heads_all_with_money(office):
    office.writes("от Ирины")
    office.writes("от Бориса", by=office.boris)
    whole, own = office.page(office.head), office.page(office.irina)
    assert "от Ирины" in whole and "от Бориса" in whole and "991,60" in whole
    assert "от Ирины" in own and "от Бориса" not in own and "991,60" not in own
    assert office.client(office.irina.id, "staff").get(f"/sms/{office.one('m2').id}").status_code == 403
    costs = whole.partition("Стоимость по дням")[2]
    assert costs.count("4,20") == 2
    office.account.balance = Decimal("3.00")
    office.passes(minutes=11)
    assert "мало денег" in office.page(office.head)


def test_our_own_form_shows_the_cost_and_sends_once(office):
    form = {"to": "8 900 111-22-33", "text": "ы" * 71, "once": "abcdef1234567890"}
    shown = office.presses(office.irina, "/sms/new", action="cost", **form).text
    assert "Цена 8,40 ₽, частей: 2." in shown
    assert office.sent() == []
    for _ in range(2):
        assert office.presses(office.irina, "/sms/new", action="send", **form).status_code == 303
    assert (len(office.account.messages), len(office.sent())) == (1, 1)
    assert office.presses(office.irina, "/sms/new", action="send", **{**form, "to": "12"}).status_code == 400
    assert office.presses(office.irina, "/sms/new", action="send", **{**form, "once": "<b>"}).status_code == 400
    office.fault(down="busy")
    assert "Цена неизвестна" in office.presses(office.irina, "/sms/new", action="cost", **form).text


def test_after_a_restored_copy_what_had_not_left_is_for_a_person(office):
    office.fault(errors_next="200")
    waiting = office.writes()
    with office.portal.unit() as unit:
        sms.restored(unit)
    office.run()
    assert (office.state(waiting), len(office.sent())) == ("uncertain", 1)
    office.passes(hours=1)
    assert len(office.sent()) == 1
    office.presses(office.head, f"/sms/{office.one(waiting).id}/again")
    office.presses(office.head, "/sms/account/go-on")
    assert (office.state(waiting), len(office.sent())) == ("queued", 2)
    assert office.verified() == []


def test_verify_names_what_stands_still(office):
    message = office.writes()
    with office.database.write() as tx:
        tx.run("UPDATE sms SET state = 'sending' WHERE message = :m", m=message)
    assert any("is in flight" in one for one in office.verified())


def test_money_on_the_page_is_that_of_the_account(office):
    for number in range(7):
        office.writes(f"н{number}", to=f"+7900200{number:04d}")
    [row] = office.rows("SELECT SUM(cost) AS total FROM sms")
    assert rules.from_scaled(row["total"]) == office.account.spent
    assert office.stands.balance == rules.to_scaled(office.account.balance)
