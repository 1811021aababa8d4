"""What is behind switches: buttons, words that are held back, a partner's own figures; and what staff are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kernel.crm import Ref
from kernel.errors import Misconfigured
from plugins.partners.tests.chats import Chats, Standing
from plugins.partners.tests.office import Office


@pytest.mark.row("PT-09")
def test_buttons_are_taken_while_the_terms_hold(make_chats: Callable[..., Chats]) -> None:
    chats = make_chats(buttons=True)
    card = chats.with_chat("Альфа", "-100")
    deal = chats.deal(card, "Альфа")
    told = chats.bot.shown("-100")[0]
    assert [one.label for one in told.buttons] == ["Беру", "Оплачено", "Питання"]
    assert all(len(one.data.encode()) <= 64 for one in told.buttons)
    chats.bot.press(told.vendor_id, "oleg", "Беру")
    chats.arrive()
    assert chats.comments("deal", deal) == ["Альфа (oleg): «Беру»"] and chats.bot.presses[-1][1] == "Прийнято"
    chats.bot.press(told.vendor_id, "oleg", "Беру")
    chats.arrive()
    assert len(chats.comments("deal", deal)) == 1
    old = told.buttons[1].data
    row = chats.record(deal).rows["operation"][0]
    chats.crm.staff.edit_row("deal", deal, "operation", row.key, partner_rate=41)
    chats.sync(deal)
    chats.advance(seconds=31)
    chats.timers()
    chats.update("-100", "press", "oleg", "", reply_to=told.vendor_id, data=old, press_id="late")
    assert chats.bot.presses[-1] == ("late", "Умови змінились: дивіться останнє повідомлення")
    chats.update("-100", "press", "oleg", "", data="t|999|deadbeef|forged", press_id="forged")
    assert chats.bot.presses[-1] == ("forged", "Ця кнопка не для вас") and len(chats.comments("deal", deal)) == 1


@pytest.mark.row("PT-10")
def test_what_the_partner_must_not_know_is_held_until_it_is_meant(make_chats: Callable[..., Chats]) -> None:
    chats = make_chats(leak_check=True)
    card = chats.with_chat("Альфа", "-100")
    chats.partner("Суперник")
    deal = chats.deal(card, "Альфа")
    before = len(chats.shown("-100"))
    for text in ("Клієнт Секретенко чекає", "курс клієнта 41,2077", "дзвоніть 050 999 88 77", "а Суперник дав краще"):
        chats.comment("deal", deal, f"#партнеру {text}")
    assert len(chats.shown("-100")) == before
    asked = chats.comments("deal", deal)
    assert len(asked) == 4 and "Секретенко" in asked[0] and "41,2077" in asked[1]
    chats.comment("deal", deal, "#партнеру! Клієнт Секретенко чекає")
    chats.comment("deal", deal, "#партнеру ваші 10 000 готові")
    assert chats.shown("-100")[before:] == ["Ігор: Клієнт Секретенко чекає", "Ігор: ваші 10 000 готові"]
    assert [row["forced"] for row in chats.rows("SELECT forced FROM partner_held ORDER BY at")] == [0, 0, 0, 0, 1]


def test_a_partner_asks_for_their_own_figures_six_times_an_hour(make_chats: Callable[..., Chats]) -> None:
    chats = make_chats(balance_command=True)
    card = chats.with_chat("Альфа", "-100")
    deal = chats.deal(card, "Альфа")
    for _ in range(8):
        chats.says("-100", "/stan")
    answers = chats.shown("-100")[1:]
    assert answers == [f"Розрахунки закриті\nВідкриті заявки: №{deal}"] * 6
    assert not [text for text in chats.comments("partner", card) if "/stan" in text]


@pytest.mark.row("PT-09")
def test_a_rate_named_in_an_answer_is_offered_and_never_taken(make_chats: Callable[..., Chats]) -> None:
    chats = make_chats(buttons=True)
    card = chats.with_chat("Альфа", "-100")
    deal = chats.deal(card, "Альфа", rate="")
    chats.says("-100", "41,33", reply_to=chats.bot.shown("-100")[0].vendor_id)
    assert chats.comments("deal", deal) == ["oleg: 41,33", "41,33: поставити?"]
    assert not chats.record(deal).rows["operation"][0].values.get("partner_rate")


def test_a_second_card_of_the_same_person_is_told(chats: Chats) -> None:
    chats.partner("Альфа", phone="+380501234567")
    second = chats.partner("Альфа 2", phone="050 123-45-67")
    [text] = chats.comments("partner", second)
    assert "«Альфа»" in text
    assert not chats.comments("partner", chats.partner("Бета", phone="+380671112233"))


@pytest.mark.row("PT-06")
def test_the_card_says_since_when_telegram_does_not_answer(chats: Chats) -> None:
    card = chats.with_chat("Альфа", "-100")
    chats.bot.throttle(1000)
    chats.comment("partner", card, "#партнеру чекаємо")
    chats.advance(minutes=6)
    chats.work("partners.waiting")
    assert str(chats.card(card).values["chat"]).startswith("Telegram не відповідає з ")
    chats.advance(minutes=20)
    chats.timers()
    chats.work("partners.waiting")
    assert chats.card(card).values["chat"] == "працює" and chats.shown("-100") == ["Ігор: чекаємо"]


def test_a_deal_for_a_partner_without_a_chat_says_so_once(chats: Chats) -> None:
    card = chats.partner("Альфа")
    deal = chats.deal(card, "Альфа")
    chats.sync(deal)
    assert [text for text in chats.comments("deal", deal) if "немає чату" in text] == [
        "У партнера «Альфа» ще немає чату: нічого не надіслано. Відкрийте його картку і створіть чат"
    ]


@pytest.mark.row("PT-01")
def test_unknown_people_bring_a_group_only_with_staff_s_consent(make_chats: Callable[..., Chats]) -> None:
    chats = make_chats(confirm_unknown=True)
    card = chats.partner("Альфа")
    chats.tap(card, "-100", by="mallory")
    assert str(chats.card(card).values["chat"]).startswith("чекає підтвердження")
    chats.deal(card, "Альфа")
    assert chats.shown("-100") == []
    chats.sync(card, entity="partner", event="partner.confirm_chat")
    assert chats.card(card).values["chat"] == "працює"


@pytest.mark.row("PT-01")
def test_another_partner_s_group_is_never_taken(chats: Chats) -> None:
    chats.with_chat("Альфа", "-100")
    second = chats.partner("Бета")
    chats.update("-100", "message", "770", f"/start {chats.link(second)}")
    assert str(chats.card(second).values["chat"]).startswith("чекає на групу")
    assert "вже має інший партнер" in chats.comments("partner", second)[-1]


def test_a_deal_that_goes_to_another_partner_is_withdrawn_from_the_first(chats: Chats) -> None:
    first, second = chats.with_chat("Альфа", "-100"), chats.with_chat("Бета", "-200")
    deal = chats.deal(first, "Альфа")
    row = chats.record(deal).rows["operation"][0]
    chats.crm.staff.edit_row("deal", deal, "operation", row.key, partner=Ref(second, "Бета"))
    chats.sync(deal)
    assert chats.shown("-100")[-1].startswith("Заявку знято\n№") and chats.shown("-200")[0].startswith(f"Заявка {deal} ")
    chats.crm.staff.edit_row("deal", deal, "operation", row.key, partner=Ref(first, "Альфа"))
    chats.sync(deal)
    assert chats.shown("-100")[-1].startswith(f"Заявка {deal} ") and chats.shown("-200")[-1].startswith("Заявку знято")


@pytest.mark.row("PT-01")
def test_a_link_that_expires_leaves_the_card_and_says_what_to_press(chats: Chats) -> None:
    card = chats.partner("Альфа")
    old = chats.link(card)
    chats.advance(days=7, seconds=1)
    chats.timers()
    values = chats.card(card).values
    assert values["chat"] == "посилання на чат прострочене: натисніть «Новий чат»" and not values["chat_link"]
    chats.update("-100", "message", "770", f"/start {old}", room_title="Пізно")
    assert chats.rows("SELECT thread FROM partner") == [{"thread": ""}]
    chats.sync(card, entity="partner", event="partner.new_chat")
    assert str(chats.card(card).values["chat"]).startswith("чекає на групу") and chats.link(card) not in ("", old)


@pytest.mark.row("PT-01")
def test_what_the_hourly_look_finds(chats: Chats) -> None:
    """Rights that became smaller, a group that was opened to everybody, a token that is refused."""
    card = chats.with_chat("Альфа", "-100")
    chats.bot.standings["-100"] = Standing("member", False)
    chats.work("partners.rooms")
    assert str(chats.card(card).values["chat"]).startswith("чує лише відповіді")
    chats.bot.standings["-100"] = Standing("admin", True, public=True)
    chats.work("partners.rooms")
    chats.work("partners.rooms")
    assert chats.card(card).values["chat"] == "працює"
    assert ["відкрита, її може читати" in text for text in chats.comments("partner", card)] == [True]

    def refused(_address: str) -> Standing:
        raise Misconfigured("Telegram does not know this token (401)")

    asked = chats.bot.standing
    chats.bot.standing = refused  # type: ignore[method-assign]
    for _ in range(2):
        chats.work("partners.rooms")
    assert str(chats.card(card).values["chat"]).startswith("не працює: Telegram does not know this token (401), з ")
    starts = [text.partition(":")[0] for text in chats.comments("partner", card)[1:]]
    assert starts == ["Чат партнера «Альфа» не працює", "Бот партнерів не працює"], "who leads them, and the owners"
    chats.bot.standing = asked  # type: ignore[method-assign]
    chats.work("partners.rooms")
    assert chats.card(card).values["chat"] == "працює"


@pytest.mark.row("PT-06")
def test_a_card_that_was_deleted_pauses_its_chat_and_is_told_where_it_can_be(chats: Chats) -> None:
    card = chats.with_chat("Альфа", "-100")
    deal = chats.deal(card, "Альфа")
    chats.crm.staff.delete("partner", card)
    chats.sync(card, entity="partner")
    assert chats.rows("SELECT state FROM partner WHERE id = :id", id=card) == [{"state": "paused"}]
    assert [text for text in chats.comments("deal", deal) if "Картку партнера «Альфа» видалено" in text]


@pytest.mark.row("PT-02", "PT-06")
def test_files_that_the_crm_does_not_take_are_left_out_and_named(chats: Chats) -> None:
    card = chats.with_chat("Альфа", "-100")
    chats.crm.comments.file_bytes_max = 3
    chats.says("-100", "чек", files=[("чек.pdf", b"%PDF-1.4")])
    [text] = chats.comments("partner", card)
    assert text.startswith("oleg: чек\nCRM не прийняла файли (") and "чек.pdf. Відкрийте в Telegram: " in text


@pytest.mark.row("PT-09")
def test_paid_moves_the_stage_only_where_the_set_says_so(make_chats: Callable[..., Chats]) -> None:
    for moves in (False, True):
        chats = make_chats(buttons=True, partner_moves=moves)
        card = chats.with_chat("Альфа", "-100")
        deal = chats.deal(card, "Альфа")
        chats.bot.press(chats.bot.shown("-100")[0].vendor_id, "oleg", "Оплачено")
        chats.arrive()
        assert chats.record(deal).stage == "new", "the client has not paid yet"
        chats.crm.staff.move(deal, "client_paid")
        chats.sync(deal)
        chats.bot.press(chats.bot.shown("-100")[0].vendor_id, "marta", "Оплачено")
        chats.arrive()
        assert chats.record(deal).stage == ("partner_paid" if moves else "client_paid")


@pytest.mark.row("PT-06")
def test_a_refused_token_is_told_to_the_owners_once_for_all_chats(chats: Chats) -> None:
    owner = chats.crm.staff.hire("Олена Власниця", "owner")
    chats.crm.persons[-1] = replace(chats.crm.persons[-1], admin=True)
    chats.portal.staff.forget()
    cards = [chats.with_chat("Альфа", "-100"), chats.with_chat("Бета", "-200")]

    def refused(_address: str) -> Standing:
        raise Misconfigured("Telegram does not know this token (401)")

    def told() -> list[Any]:
        return [one for one in chats.crm.effects if one.text.startswith("Бот партнерів не працює: ")]

    asked = chats.bot.standing
    chats.bot.standing = refused  # type: ignore[method-assign]
    before = chats.client().get("/live/version").json["version"]
    for _ in range(3):
        chats.work("partners.rooms")
        chats.advance(hours=1)
    assert chats.client().get("/live/version").json["version"] != before, "open pages show it"
    [first] = told()
    assert first.record_id in cards and owner.id in first.to and "(401)" in first.text
    chats.bot.standing = asked  # type: ignore[method-assign]
    chats.work("partners.rooms")
    chats.bot.standing = refused  # type: ignore[method-assign]
    chats.work("partners.rooms")
    assert len(told()) == 2, "refused once more, told once more"


@pytest.mark.row("PT-06")
def test_every_page_of_an_owner_says_that_the_bot_does_not_work_and_nobody_else_s(office: Office) -> None:
    reason = "TELEGRAM_PARTNERS_TOKEN: Telegram does not know this token (401)"
    pages = ("/partners/talks", "/partners/", f"/partners/{office.alpha}", "/exchange/board")
    owner, manager = office.client(), office.by(office.manager)
    assert not any("(401)" in office.page(owner, page) for page in pages)
    with office.database.write() as tx:
        tx.run(
            "INSERT INTO http_gate (name, next_at, day, used, quiet_until, failures, last_failure) "
            "VALUES ('telegram/partners', 0, '', 0, 0, 99, :r)",
            r=reason,
        )  # fmt: skip
    for page in pages:
        shown = office.page(owner, page)
        assert f'class="bad" role="alert"><a href="/connections"><bdi>Telegram</bdi></a>: {reason}' in shown, page
        assert "(401)" not in manager.get(page).text
    assert office.page(owner, "/connections").count(reason) == 1, "there it stands already"
