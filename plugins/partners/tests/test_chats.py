"""From a card to a chat, from a deal to its message, from an answer to its deal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from plugins.partners.tests.chats import Chats


def test_a_new_card_gets_a_link_and_the_group_that_it_made(chats: Chats) -> None:
    card = chats.partner("Альфа")
    assert chats.card(card).values["chat"].startswith("чекає на групу")  # type: ignore[union-attr]
    assert str(chats.card(card).values["chat_link"]).startswith("https://t.me/desk_bot?startgroup=")
    chats.tap(card, "-100")
    assert chats.card(card).values["chat"] == "працює" and not chats.card(card).values.get("chat_link")
    chats.member("-100", "member")
    assert str(chats.card(card).values["chat"]).startswith("чує лише відповіді")


def test_a_deal_announces_itself_with_the_partner_s_figures_alone(chats: Chats) -> None:
    card = chats.with_chat("Альфа", "-100")
    deal = chats.deal(card, "Альфа")
    [text] = chats.shown("-100")
    assert text.startswith(f"Заявка {deal} · USD/UAH\nВи отримуєте: 10\u00a0000,00\u00a0USD\nВи даєте: 413\u00a0500,00")
    for secret in ("Секретенко", "9998877", "41.2077", "41,2077", "1423", "412077"):
        assert secret not in text.replace("\u00a0", "")
    chats.sync(deal)
    assert len(chats.shown("-100")) == 1


def test_answers_land_in_the_deal_they_answer(chats: Chats) -> None:
    card = chats.with_chat("Альфа", "-100")
    first, second = chats.deal(card, "Альфа"), chats.deal(card, "Альфа", amount="500")
    told = [one for one in chats.bot.shown("-100") if one.author == "bot"]
    chats.says("-100", "добре", reply_to=told[0].vendor_id)
    chats.says("-100", f"#{second} теж беру")
    chats.says("-100", "доброго ранку")
    assert chats.comments("deal", first) == ["oleg: добре"]
    assert chats.comments("deal", second) == [f"oleg: #{second} теж беру"]
    assert chats.comments("partner", card)[-1] == "oleg: доброго ранку"


def test_a_change_edits_the_message_and_is_told(chats: Chats) -> None:
    card = chats.with_chat("Альфа", "-100")
    deal = chats.deal(card, "Альфа")
    row = chats.record(deal).rows["operation"][0]
    chats.crm.staff.edit_row("deal", deal, "operation", row.key, partner_rate=Decimal("41.30"))
    chats.sync(deal)
    assert len(chats.shown("-100")) == 1
    chats.advance(seconds=31)
    chats.timers()
    message, told = chats.shown("-100")
    assert "413\u00a0000,00" in message and told.startswith("Змінено: курс 41,35 → 41,30")


def test_a_marked_comment_leaves_and_nothing_else(chats: Chats) -> None:
    card = chats.with_chat("Альфа", "-100")
    deal = chats.deal(card, "Альфа")
    chats.comment("deal", deal, "клієнт нервує")
    chats.comment("deal", deal, "#партнеру Коли буде оплата?")
    assert chats.shown("-100")[1:] == ["Ігор: Коли буде оплата?"]
    chats.comment("partner", card, "#partner good morning")
    assert chats.shown("-100")[-1] == "Ігор: good morning"


def test_what_waits_while_the_bot_is_out_leaves_in_order_when_it_is_back(chats: Chats) -> None:
    card = chats.with_chat("Альфа", "-100")
    chats.member("-100", "kicked")
    assert str(chats.card(card).values["chat"]).startswith("не працює")
    for text in ("раз", "два", "три"):
        chats.comment("partner", card, f"#партнеру {text}")
    assert chats.shown("-100") == []
    chats.member("-100", "admin")
    assert chats.shown("-100") == ["Ігор: раз", "Ігор: два", "Ігор: три"]
    assert sum("не працює" in one for one in chats.comments("partner", card)) == 1


def test_a_lost_answer_is_found_and_nothing_is_said_twice(chats: Chats) -> None:
    card = chats.with_chat("Альфа", "-100")
    chats.bot.lose_answer()
    deal = chats.deal(card, "Альфа")
    chats.advance(minutes=2)
    chats.timers()
    chats.run()
    [told] = [one for one in chats.bot.shown("-100") if one.author == "bot"]
    chats.says("-100", "так", reply_to=told.vendor_id)
    assert chats.comments("deal", deal) == ["oleg: так"]


def test_a_group_that_becomes_a_supergroup_goes_on(chats: Chats) -> None:
    card = chats.with_chat("Альфа", "-4")
    deal = chats.deal(card, "Альфа")
    old = chats.bot.shown("-4")[0]
    chats.bot.upgrade("-4", "-1009")
    chats.comment("partner", card, "#партнеру по дорозі")  # found out by sending
    chats.arrive()
    assert chats.shown("-1009") == ["Ігор: по дорозі"]
    chats.says("-1009", f"№{deal} так")
    assert chats.comments("deal", deal) == [f"oleg: №{deal} так"]
    assert old.address == "-4"


@pytest.mark.row("PT-02")
def test_an_edit_after_the_fact_stays_provable(chats: Chats) -> None:
    card = chats.with_chat("Альфа", "-100")
    deal = chats.deal(card, "Альфа", rate="")
    [told] = [one for one in chats.bot.shown("-100") if one.author == "bot"]
    made = chats.says("-100", "41,33", reply_to=told.vendor_id)
    chats.advance(minutes=1)
    chats.bot.edit(made, "41,43")
    chats.arrive()
    [text] = chats.comments("deal", deal)
    assert text.startswith("oleg: 41,43\nбуло ") and text.endswith("41,33")


def test_a_stranger_hears_the_same_words_and_gets_nothing(chats: Chats) -> None:
    chats.with_chat("Альфа", "-100")
    chats.bot.rooms["555"] = ""
    for number in range(7):
        chats.update("555", "message", "mallory", f"хто тут {number}?", room="private")
    assert chats.shown("555") == ["Вітаємо! Цей бот відповідає лише в групах"] * 5


@pytest.mark.row("PT-01")
def test_a_group_without_a_link_is_left_after_ten_minutes(chats: Chats) -> None:
    chats.bot.rooms["-77"] = ""
    chats.member("-77", "member", by="mallory")
    chats.advance(minutes=11)
    chats.timers()
    assert chats.bot.left == ["-77"] and chats.shown("-77") == []


@pytest.mark.row("PT-01")
def test_a_link_works_once(chats: Chats) -> None:
    first = chats.partner("Альфа")
    code = chats.link(first)
    chats.tap(first, "-100")
    chats.bot.rooms["-200"] = ""
    chats.member("-200", "member")
    chats.update("-200", "message", "770", f"/start {code}")
    assert chats.card(first).values["chat"] == "працює"
    assert chats.shown("-200") == ["Посилання вже використане або прострочене. Попросіть нове"]


def test_a_sweep_that_comes_by_a_client_makes_no_partner_of_them(chats: Chats) -> None:
    chats.sync(chats.client_card, entity="partner", event="annex.sweep")
    assert chats.rows("SELECT id FROM partner") == []
