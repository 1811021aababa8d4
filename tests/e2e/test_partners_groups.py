"""Whose group is whose, who presses what, what a partner must not learn: more partners beside that of `test_partners.py`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.e2e.partner_chat import STAFF, Partners

OWN_TELEGRAM = 700000003  #: of STAFF, as their card in the emulated Planfix says


def another(partners: Partners, name: str) -> Partners:
    """Another partner's card with its link; no group yet."""
    made = replace(partners, card=partners.desk.office.new_contact(STAFF, "Партнер", {"name": name}, {}), chat=0)
    made.wait(made.link, f"a link for {name}")
    return made


def says(partners: Partners, part: str) -> list[str]:
    return partners.comments("contact", partners.card, part)


@pytest.mark.row("PT-01")
def test_a_group_is_confirmed_warned_of_and_kept_to_its_partner(partners: Partners) -> None:
    """Each state of «Чат» but those of `test_what_breaks_is_told_and_mends` and time."""
    office, door = partners.desk.office, partners.telegram
    one = another(partners, "Омега")
    old = one.link()
    office.press_on_card(STAFF, one.card, "Новий чат")
    one.wait(lambda: one.link() not in ("", old), "a new link")
    made = door("group", {"title": "Омега & Co", "kind": "supergroup", "members": ["adam_waw"], "username": "omega_open"})
    one.chat, one.person = int(made["chat"]), "adam_waw"
    door("tap", {"person": "adam_waw", "link": old, "chat": one.chat})
    one.wait(lambda: one.ours("вже використане або прострочене"), "the old link is worth nothing")
    assert one.state().startswith("чекає на групу")
    code = one.link().partition("startgroup=")[2]
    door("write", {"person": "adam_waw", "chat": one.chat, "text": f"/bind@{one.bot} {code}"})
    one.wait(lambda: "ведуть: Adam Nowak" in one.state(), "who is in the group")
    assert one.state().startswith(
        "чекає підтвердження: «Омега & Co», учасників 2, ведуть: Adam Nowak, бота додав Adam Nowak"
    )
    assert says(one, "може читати будь-хто"), "everybody may read this group"
    waiting = one.tells("contact", one.card, "чи є хто?")
    one.wait(lambda: says(one, "ще немає чату"), "the author is told that there is no chat yet")
    assert not one.ours(waiting) and not one.link()
    office.press_on_card(STAFF, one.card, "Підтвердити чат")
    one.wait(lambda: one.state().startswith("чує лише відповіді"), "the bot hears answers only")
    door("promote", {"chat": one.chat, "user": one.bot})
    one.wait(lambda: one.state() == "працює", "as an administrator it hears all")
    known = partners.says("добридень")
    one.wait(lambda: says(partners, known), "a person whom Дельта's chat knows")
    door("add", {"chat": one.chat, "user": partners.person, "by": "adam_waw"})
    one.wait(lambda: says(one, "людину партнера «Дельта Обмін»"), "a person of another partner's")
    assert len(says(one, "Oleg (@oleg_fx): тепер у групі")) == 1
    other = another(partners, "Каппа")
    taken = other.link().partition("startgroup=")[2]
    door("write", {"person": "adam_waw", "chat": one.chat, "text": f"/bind {taken}"})
    other.wait(lambda: says(other, "вже має інший партнер"), "a group is never taken from its partner")
    assert other.state().startswith("чекає на групу") and one.state() == "працює"
    office.press_on_card(STAFF, one.card, "Пауза")
    one.wait(lambda: one.state().startswith("пауза"), "pausing")
    paused = one.tells("contact", one.card, "після паузи")
    one.wait(lambda: partners.desk.waiting() == 1, "it waits")
    assert not one.ours(paused)
    office.press_on_card(STAFF, one.card, "Продовжити")
    one.wait(lambda: one.ours(paused), "what waited")
    _several_partners(partners, one)
    office.press_on_card(STAFF, one.card, "Новий чат")
    one.wait(one.link, "a link while the old chat still works")
    office.press_on_card(STAFF, one.card, "Від'єднати")
    one.wait(lambda: one.state().startswith("від'єднано") and one.ours("більше не використовується"), "a neutral word")
    inside = next(chat for chat in door("chats")["chats"] if chat["chat"] == one.chat)["members"]
    one.wait(lambda: "left" in [m["status"] for m in _members(one) if m["bot"]], f"the bot leaves {inside}")


def _members(one: Partners) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = next(c for c in one.telegram("chats")["chats"] if c["chat"] == one.chat)["members"]
    return found


def _several_partners(partners: Partners, other: Partners) -> None:
    """A deal with two partners: whom a comment means must be clear, or nothing leaves."""
    office = partners.desk.office
    task, _row = partners.deal_with_row()
    row = {
        "Вид": "Продаж", "Пара": "EUR/UAH", "Сума": Decimal(1000), "Валюта суми": "EUR", "Курс клієнта": Decimal(46),
        "Курс партнера": Decimal("45.5"), "Партнер": {"id": f"contact:{other.card}"},
    }  # fmt: skip
    office.add_row(STAFF, task, row)
    other.wait(lambda: other.ours(f"Заявка {task} "), "the second partner is told, too")
    assert "41,35" not in other.ours(f"Заявка {task} ")[0] and "45,5" not in partners.ours(f"Заявка {task} ")[0]
    unclear = partners.tells("task", task, "коли оплата?")
    partners.wait(lambda: partners.comments("task", task, "незрозуміло, кому саме"), "the author is asked")
    named = partners.tells("task", task, "Омега: коли оплата?")
    other.wait(lambda: other.ours(named), "the one that was named hears it")
    assert not partners.ours(unclear) and not other.ours(unclear) and not partners.ours(named)


@pytest.mark.row("PT-09")
def test_buttons_numbers_and_who_may_press(partners: Partners, deal: int) -> None:
    door, planfix = partners.telegram, partners.desk.stage.connector == "planfix"
    task, row = partners.deal_with_row()
    pressed = {"person": partners.person, "message": partners.key_of(task)}
    made = door("requests?since=0&method=sendMessage")["requests"]
    sent = next(one for one in made if f"№{task}·" in str(one["fields"].get("text")))
    old = json.loads(sent["fields"]["reply_markup"])["inline_keyboard"]
    assert all(len(line[0]["callback_data"].encode()) <= 64 for line in old)
    if planfix:  # there people have a Telegram account in their card
        door("person", {"name": "Ігор", "id": OWN_TELEGRAM})
        door("add", {"chat": partners.chat, "user": OWN_TELEGRAM, "by": partners.person})
        found = door("press", {**pressed, "person": OWN_TELEGRAM, "button": "Беру", "timeout": 30})
        assert "не для вас" in found["answer"]["text"]
    for button in ("Оплачено", "Питання", "Беру"):
        found = door("press", {**pressed, "button": button, "timeout": 30})
        assert found["answer"]["text"] == "Прийнято"
        partners.wait(
            lambda b=button: partners.comments("task", task, f"(Oleg): «{b}»" if b != "Питання" else "має питання"), button
        )  # type: ignore[misc]
    partners.wait(
        lambda: str(partners.desk.office.read_field(task, "Партнер підтвердив")).startswith("Дельта Обмін, "), "the field"
    )
    assert [len(partners.comments("task", task, one)) for one in ("«Беру»", "«Оплачено»")] == [1, 1]
    partners.desk.office.edit_row(STAFF, row, {"Курс партнера": Decimal("41.31")})
    if planfix:
        partners.desk.office.press(STAFF, task, "Перерахувати")
    partners.wait(lambda: partners.ours("курс 41,35 → 41,31"), "other terms")
    late = next(one for one in partners.messages() if str(one["message"]) == partners.key_of(task))
    body = {
        "id": "77", "from": {"id": 510000102, "is_bot": False, "first_name": "Oleg"}, "chat_instance": "1",
        "data": old[0][0]["callback_data"],
        "message": {
            "message_id": late["message_id"], "date": 1, "chat": {"id": partners.chat, "type": "supergroup", "title": "x"},
        },
    }  # fmt: skip
    door("update", {"update": {"callback_query": body}, "chat": partners.chat})
    partners.wait(lambda: any("Умови змінились" in str(one["fields"]) for one in
                  door("requests?since=0&method=answerCallbackQuery")["requests"]), "a button of before")  # fmt: skip
    assert len(partners.comments("task", task, "«Беру»")) == 1
    _number_without_a_rate(partners)


def _number_without_a_rate(partners: Partners) -> None:
    office = partners.desk.office
    task = office.new_deal(STAFF, "Обмін", {"Ім'я клієнта": "Пантелеймон Таємниченко", "Телефон клієнта": "0509187263"})
    row = {
        "Вид": "Купівля", "Пара": "USD/UAH", "Сума": Decimal(700), "Валюта суми": "USD", "Курс клієнта": Decimal("41.2719"),
        "Партнер": {"id": f"contact:{partners.card}"},
    }  # fmt: skip
    office.add_row(STAFF, task, row)
    partners.wait(lambda: partners.ours(f"Заявка {task} "), "a deal without a rate")
    assert "напишіть ваш курс відповіддю" in partners.ours(f"Заявка {task} ")[0]
    answer = {"person": partners.person, "chat": partners.chat, "text": "41,33", "reply_to": partners.key_of(int(task))}
    partners.telegram("write", answer)
    partners.wait(lambda: partners.comments("task", task, "41,33: поставити?"), "the rate is offered")
    partners.desk.quiet()
    assert not partners.ours("курс 41,33"), "it is never taken by itself"


@pytest.mark.row("PT-10")
def test_what_a_partner_must_not_learn_is_held_and_owners_see_what_was_sent(
    partners: Partners, deal: int, session: requests.Session
) -> None:
    office = partners.desk.office
    held = [
        ("дзвоніть 050 918-72-63", "050 918-72-63", {}), ("Таємниченка чекаємо", "Таємниченка", {}),
        ("а Омега дає краще", "Омега", {}), ("у файлі", "Таємниченко", {"чек Таємниченко.pdf": b"%PDF-1.4"}),
    ]  # fmt: skip
    words = []
    for said, leak, files in held:
        word = partners.word()
        words.append(word)
        office.comment(STAFF, "task", deal, f"#партнеру {said} {word}", files)
        partners.wait(lambda w=leak: partners.comments("task", deal, f"не має знати: «{w}»"), f"«{leak}» is held")  # type: ignore[misc]
    clean = partners.tells("task", deal, "ваш курс 41,35, 10 000 USD готові")
    forced = partners.tells("task", deal, "Таємниченко їде до вас", mark="#партнеру!")
    partners.wait(lambda: partners.ours(forced) and partners.ours(clean), "what may leave, and what is meant to")
    assert [word for word in words if partners.ours(word)] == []
    page = session.get(f"{partners.desk.address}/partners/held").text
    assert page.count("надіслано попри це") >= 1 and page.count("не надіслано") >= len(held) and "050 918-72-63" in page
    names = [one["file"]["name"] for one in partners.messages() if one["bot"] and "file" in one]
    assert not [name for name in names if "Таємниченко" in name]


@pytest.mark.row("PT-06")
def test_the_chat_of_a_merged_card_goes_on_in_the_survivor_s_after_a_click(
    partners: Partners, session: requests.Session
) -> None:
    office, door = partners.desk.office, partners.telegram
    one, survivor = another(partners, "Сигма"), another(partners, "Сигма Плюс")
    made = door("tap", {"person": "iryna_desk", "link": one.link(), "title": "Сигма · обмін"})
    one.chat, one.person = int(made["chat"]), "adam_waw"
    door("add", {"chat": one.chat, "user": one.person, "by": "iryna_desk"})
    door("promote", {"chat": one.chat, "user": one.bot})
    one.wait(lambda: one.state().startswith("чекає підтвердження"), "the group waits for staff")
    office.press_on_card(STAFF, one.card, "Підтвердити чат")
    one.wait(lambda: one.state() == "працює", "the chat works")
    task, key = one.deal_with_row()
    survivor.chat, survivor.person = one.chat, one.person
    office.merge_contacts(STAFF, survivor.card, one.card)
    early = one.says("я ще тут")  # writing it down, Annex hears that there is no such card
    page = f"{partners.desk.address}/partners/{one.card}"
    shown = ""

    def offered() -> bool:
        nonlocal shown
        shown = session.get(page, timeout=60).text
        return "Чат переходить до картки «Сигма Плюс»" in shown

    one.wait(offered, "the page offers the card that the deal names now")
    assert not one.ours("Заявку знято"), "nothing is taken back in the chat"
    form = {"survivor": survivor.card, "csrf": re.findall(r'name="csrf" value="([^"]*)"', shown)[0]}
    for _twice in range(2):
        answer = session.post(f"{page}/follow", data=form, timeout=60, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/partners/{survivor.card}")
    survivor.wait(lambda: survivor.state() == "працює" and not survivor.link(), "the survivor's card has the chat")
    survivor.wait(lambda: says(survivor, early), "what was said meanwhile")
    assert len(says(survivor, "перейшов сюди від картки «Сигма»")) == 1
    office.edit_row(STAFF, key, {"Курс партнера": Decimal("41.20")})
    office.press(STAFF, task, "Перерахувати")
    survivor.wait(lambda: survivor.ours("Змінено: курс 41,35 → 41,20"), "a change of the deal")
    assert len(survivor.ours(f"Заявка {task} ")) == 1, "the message that stood there is changed, none is new"
    back, there = survivor.says("беру", reply=task), survivor.says("дякую")
    survivor.wait(lambda: survivor.comments("task", task, back), "an answer in its deal")
    survivor.wait(lambda: says(survivor, there), "a word in the survivor's card")
    marked = survivor.tells("contact", survivor.card, "Вітаємо")
    survivor.wait(lambda: survivor.ours(marked), "a word from the survivor's card")
    assert not survivor.ours("Заявку знято")
