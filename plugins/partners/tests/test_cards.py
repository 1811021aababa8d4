"""What staff do on a partner's card: ticks, and actions where the CRM has no buttons."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.partners.tests.chats import Chats


@pytest.fixture
def chats(make_chats: Callable[..., Chats]) -> Chats:
    return make_chats(of="exchange-desk-bitrix24", confirm_unknown=True)


def choose(chats: Chats, card: str, action: str) -> str:
    """Somebody chooses that in «Дія з чатом» and saves; what «Чат» says then."""
    chats.crm.staff.set("partner", card, chat_action=action)
    chats.sync(card, entity="partner", event="partner.changed")
    shown = chats.card(card).values
    assert not shown.get("chat_action"), "done, so the field is empty again"
    return str(shown.get("chat") or "")


def test_a_chosen_action_is_done_once_and_the_field_emptied(chats: Chats) -> None:
    card = chats.partner("Дельта")
    chats.tap(card, "-100")
    assert choose(chats, card, "confirm_chat") == "працює"
    assert choose(chats, card, "pause").startswith("пауза")
    chats.sync(card, entity="partner")
    assert str(chats.card(card).values["chat"]).startswith("пауза")
    assert choose(chats, card, "resume") == "працює"
    assert choose(chats, card, "pause").startswith("пауза"), "the same once more, for it was emptied in between"
    assert choose(chats, card, "detach").startswith("від'єднано") and chats.bot.left == ["-100"]


def test_new_chat_by_the_field_makes_one_link_while_the_field_is_not_emptied_yet(chats: Chats) -> None:
    card = chats.partner("Дельта")
    first = chats.link(card)
    chats.crm.staff.set("partner", card, chat_action="new_chat")
    for _ in range(2):  # the second delivery comes before our write has emptied the field
        chats.deliver(card, entity="partner", event="partner.changed")
    chats.run()
    second = chats.link(card)
    assert second and second != first
    with chats.database.read() as tx:
        assert tx.value("SELECT COUNT(*) FROM partner_link") == 2


def test_an_untouched_tick_counts_as_set_and_one_taken_away_stays_away(chats: Chats) -> None:
    card = chats.partner("Дельта", automatic=False)  # how Bitrix24 shows a tick that nobody has touched
    assert chats.card(card).values["automatic"] is True
    chats.tap(card, "-100")
    choose(chats, card, "confirm_chat")
    chats.deal(card, "Дельта")
    assert len(chats.shown("-100")) == 1
    chats.crm.staff.set("partner", card, automatic=False)
    chats.sync(card, entity="partner")
    chats.deal(card, "Дельта")
    assert len(chats.shown("-100")) == 1 and chats.card(card).values["automatic"] is False


def test_a_tick_that_our_own_form_left_out_is_left_as_it_is(chats: Chats) -> None:
    card = chats.partner("Дельта", automatic=False, annex_key="made-by-annex")
    assert chats.card(card).values["automatic"] is False


def test_a_deleted_card_is_known_by_either_form_of_its_number(chats: Chats) -> None:
    card = chats.partner("Дельта")
    chats.tap(card, "-100")
    choose(chats, card, "confirm_chat")
    [keeps] = [keeps for plugin in chats.plugins for keeps in plugin.keeps if keeps.entity == "partner"]
    with chats.portal.unit() as unit:
        keeps.gone(unit, f"contact:{card}")
    chats.sync(card, entity="partner")
    assert str(chats.card(card).values["chat"]).startswith("пауза")
