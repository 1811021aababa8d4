"""Partners and their Telegram groups end to end, in Planfix and in Bitrix24: card, link, group, deal, answers both ways."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
import requests

from tests.e2e.partner_chat import SECRETS, STAFF, WITHIN_SECONDS, Partners, text


@pytest.mark.row("EX-15", "PT-01", "PT-03")
def test_a_card_becomes_a_chat_and_a_deal_is_told_there_once(partners: Partners, deal: int) -> None:
    assert partners.state() == "працює" and not partners.link()
    [told] = partners.ours(f"Заявка {deal} ")
    assert told.startswith(
        f"Заявка {deal} · USD/UAH\nВи отримуєте: 10\u00a0000,00\u00a0USD\nВи даєте: 413\u00a0500,00\u00a0UAH"
    )
    assert partners.telegram("leaks", {"words": list(SECRETS)})["leaks"] == []
    partners.desk.reconciled()
    assert len(partners.ours(f"Заявка {deal} ")) == 1
    known = "SELECT COUNT(*) FROM partner WHERE name LIKE :name"
    assert partners.desk.count(known, name="Дельта%") == 1
    assert partners.desk.count(known, name="%Таємниченко%") == 0, "a client's card never becomes a partner's"


@pytest.mark.row("PT-03")
def test_a_change_edits_the_message_and_is_told_and_a_deal_called_off_is_withdrawn(partners: Partners) -> None:
    task, row = partners.deal_with_row()
    partners.desk.quiet()
    partners.desk.office.edit_row(STAFF, row, {"Курс партнера": Decimal("41.30")})
    if partners.desk.stage.connector == "planfix":  # no event tells of a row that was edited
        partners.desk.office.press(STAFF, task, "Перерахувати")
    partners.wait(lambda: partners.ours("Змінено: курс 41,35 → 41,30"), "the change is told")
    assert "413\u00a0000,00" in partners.ours(f"Заявка {task} ")[0] and len(partners.ours(f"Заявка {task} ")) == 1
    partners.desk.office.move(STAFF, task, "Скасовано")
    partners.wait(lambda: partners.ours("Заявку знято"), "the deal is withdrawn")


@pytest.mark.row("PT-02", "PT-04")
def test_every_word_lands_where_it_belongs(partners: Partners, deal: int) -> None:
    other = partners.deal()
    heard = [
        (partners.says("беру", reply=deal), "task", deal), (partners.says(f"#{other} теж"), "task", other),
        (partners.says("добрий день"), "contact", partners.card),
    ]  # fmt: skip
    for word, kind, number in heard:
        partners.wait(lambda w=word, k=kind, n=number: partners.comments(k, n, w), f"«{word}» in {kind} {number}")  # type: ignore[misc]
    places = [("task", deal), ("task", other), ("contact", partners.card)]
    for word, kind, number in heard:
        found = {place: len(partners.comments(*place, word)) for place in places}
        assert found == {place: int(place == (kind, number)) for place in places}
    assert partners.comments("task", deal, heard[0][0])[0].lstrip().startswith("Oleg (@oleg_fx): беру")
    word = partners.word()
    file = {"name": f"{word}.pdf", "mime": "application/pdf", "size": 4000}
    partners.telegram(
        "write", {"person": partners.person, "chat": partners.chat, "document": file, "caption": f"чек {word}"}
    )
    partners.wait(lambda: partners.comments("contact", partners.card, word), "a file in the card")
    written = [one for one in partners.desk.office.comments("contact", partners.card) if word in str(one["description"])]
    assert [len(one["files"]) for one in written] == [1]
    stranger = partners.word()
    partners.telegram("write", {"person": "adam_waw", "bot": partners.bot, "text": f"хто тут {stranger}?"})
    silent = partners.tells("task", deal, "клієнт нервує", mark="")
    told = partners.tells("task", deal, "Коли буде оплата?")
    to_card = partners.tells("contact", partners.card, "Гарного дня")
    partners.wait(lambda: partners.ours(told) and partners.ours(to_card), "staff's words in the chat")
    assert partners.ours(silent) == []
    assert re.fullmatch(rf".+: Коли буде оплата\? {told}", partners.ours(told)[0])
    partners.desk.quiet()
    assert not [place for place in places if partners.comments(*place, stranger)], "a stranger's words reach no record"
    assert [len(partners.comments(kind, number, one)) for one, kind, number in
            ((told, "task", deal), (to_card, "contact", partners.card))] == [1, 1], "it does not come back"  # fmt: skip


@pytest.mark.row("PT-07")
def test_the_partner_s_page_shows_the_crm_s_tasks_and_no_deals(
    partners: Partners, deal: int, session: requests.Session
) -> None:
    office, page = partners.desk.office, f"{partners.desk.address}/partners/{partners.card}"
    stranger = office.new_contact(STAFF, "Партнер", {"name": "Інший Партнер"}, {})
    late, day = partners.word(), date(2024, 3, 5)
    number = office.task_with(STAFF, partners.card, f"звірити рахунок {late}", day)
    foreign = partners.word()
    office.task_with(STAFF, stranger, f"чужа {foreign}", day)
    frame = session.get(f"{page}?tab=tasks", timeout=WITHIN_SECONDS).text
    assert 'data-load="' in frame and late not in frame
    tasks = session.get(f"{page}/tasks", headers={"X-Annex-Part": "1"}, timeout=WITHIN_SECONDS).text
    [row] = re.findall(r"<tr>\s*<th scope=.row.>.*?</tr>", tasks, re.DOTALL)
    assert late in row and foreign not in tasks and f"№{deal}" not in tasks
    assert "05.03.2024" in row and "прострочено" in row
    assert re.search(rf'href="http[^"]+/task/(view/)?{number}/?"', row)
    assert late in session.get(f"{page}?tab=tasks", timeout=WITHIN_SECONDS).text, "it is known for a minute"


@pytest.mark.row("PT-06")
def test_what_breaks_is_told_and_mends(partners: Partners, deal: int) -> None:
    partners.telegram("faults", {"cut_after_commit_next": 1})
    lost = partners.tells("task", deal, "Ви тут?")
    partners.wait(lambda: partners.ours(lost), "what arrived though its answer was lost")
    partners.desk.quiet()
    assert len(partners.ours(lost)) == 1, "found again, and not said twice"
    partners.telegram("faults", {"duplicate_rate": 1.0})
    twice = partners.says("так", reply=deal)
    partners.wait(lambda: partners.comments("task", deal, twice), "an update that comes twice")
    partners.desk.quiet()
    partners.telegram("faults", {"duplicate_rate": 0})
    assert len(partners.comments("task", deal, twice)) == 1
    partners.telegram("kick", {"chat": partners.chat, "user": partners.bot, "by": partners.person})
    partners.wait(lambda: partners.state().startswith("не працює"), "the card says that the bot was thrown out")
    code, report = partners.desk.annex("doctor")
    assert code == 1 and [line for line in report["wrong"] if "«Дельта Обмін»" in line and "не працює" in line]
    waiting = partners.tells_in_order("раз", "два", "три")
    assert not any(partners.ours(one) for one in waiting)
    partners.telegram("add", {"chat": partners.chat, "user": partners.bot, "by": partners.person, "admin": True})
    partners.wait(lambda: all(partners.ours(one) for one in waiting), "what waited")
    assert partners.state() == "працює"
    partners.chat = int(partners.telegram("upgrade", {"chat": partners.chat})["chat"])
    moved = partners.tells("contact", partners.card, "Ви вже в новій групі")
    partners.wait(lambda: partners.ours(moved), "a message into the group that became another")
    after = partners.says(f"#{deal} тепер тут")
    partners.wait(lambda: partners.comments("task", deal, after), "an answer from there")
    assert [one for m in partners.messages() for one in waiting if one in text(m)] == waiting, "in the order it was written"


@pytest.mark.row("PT-09", "PT-10", "PT-11")
def test_buttons_leaks_and_balance_where_they_are_switched_on(partners: Partners, deal: int) -> None:
    pressed = {"person": partners.person, "message": partners.key_of(deal), "button": "Беру", "timeout": 0}
    partners.telegram("press", pressed)
    partners.wait(lambda: partners.comments("task", deal, "«Беру»"), "the button in the deal")
    held = partners.tells("task", deal, "нам він продав по 41,2719")
    partners.wait(lambda: partners.comments("task", deal, "не має знати: «41,2719»"), "the author is told the word")
    assert partners.ours(held) == []
    forced = partners.tells("task", deal, "Пантелеймон чекає", mark="#партнеру!")
    partners.wait(lambda: partners.ours(forced), "what is sent all the same")
    before = len(partners.ours("Відкриті заявки"))
    partners.telegram("write", {"person": partners.person, "chat": partners.chat, "text": "/stan"})
    partners.wait(lambda: len(partners.ours("Відкриті заявки")) > before, "the partner's own figures")
    assert f"№{deal}" in partners.ours("Відкриті заявки")[-1]
