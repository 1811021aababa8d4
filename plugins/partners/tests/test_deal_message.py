"""The message of a deal to the letter, what changed in it, its code, its key; and that nothing else can stand in it."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.values import Currency, Pair
from plugins.partners.rules.codes import ALPHABET, code_fits, find_code_line, make_code
from plugins.partners.rules.deal_message import (
    Notice,
    PartnerOperation,
    PartnerView,
    change_text,
    content_hash,
    message_key,
    message_text,
    notice_text,
)
from plugins.partners.rules.numbers import Sum, amount_text, rate_text

USD, UAH, EUR, BTC = Currency("USD", 2), Currency("UAH", 2), Currency("EUR", 2), Currency("BTC", 8)
PAIR = Pair(USD, UAH)
SECRET = b"a key for tests"


def bought(rate: str | None = "41.35", gives: int | None = 41350000) -> PartnerOperation:
    return PartnerOperation(PAIR, Sum(1000000, USD), Sum(gives, UAH) if gives else None, Decimal(rate) if rate else None)


VIEW = PartnerView("5512", (bought(),))


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_the_message_as_the_specification_has_it():
    text = message_text(VIEW, "k7f3", "uk")
    assert plain(text) == (
        "Заявка 5512 · USD/UAH\n"
        "Ви отримуєте: 10 000,00 USD\n"
        "Ви даєте: 413 500,00 UAH · курс 41,35\n"
        "№5512·k7f3 · відповідайте на це повідомлення"
    )
    assert "10\u00a0000,00\u00a0USD" in text


def test_the_same_in_the_partners_language():
    assert plain(message_text(VIEW, "k7f3", "ru")).split("\n") == [
        "Заявка 5512 · USD/UAH", "Вы получаете: 10 000,00 USD", "Вы даёте: 413 500,00 UAH · курс 41,35",
        "№5512·k7f3 · отвечайте на это сообщение",
    ]  # fmt: skip
    assert plain(message_text(VIEW, "k7f3", "en")).split("\n") == [
        "Request 5512 · USD/UAH", "You receive: 10,000.00 USD", "You give: 413,500.00 UAH · rate 41.35",
        "№5512·k7f3 · reply to this message",
    ]  # fmt: skip


def test_a_missing_rate_is_asked_for():
    view = PartnerView("7", (bought(None, None),))
    assert plain(message_text(view, "k7f3", "uk")).split("\n")[1:3] == [
        "Ви отримуєте: 10 000,00 USD", "курс: напишіть ваш курс відповіддю",
    ]  # fmt: skip
    assert view.without_rate
    assert not VIEW.without_rate


def test_a_block_for_each_operation_place_comment_and_move():
    second = PartnerOperation(None, None, Sum(150000, EUR), place="Каса\nПоділ", comment="до 15:00\nготівкою")
    text = plain(message_text(PartnerView("7", (bought(), second)), "k7f3", "uk"))
    assert text == (
        "Заявка 7 · USD/UAH\nВи отримуєте: 10 000,00 USD\nВи даєте: 413 500,00 UAH · курс 41,35\n\n"
        "Заявка 7 · переміщення\nВи даєте: 1 500,00 EUR\nМісце: Каса Поділ\nКоментар: до 15:00\nготівкою\n"
        "№7·k7f3 · відповідайте на це повідомлення"
    )


def test_the_view_has_room_for_nothing_else():
    """A field added here is something more that a partner may learn: think twice."""
    assert [one.name for one in fields(PartnerView)] == ["number", "operations"]
    assert [one.name for one in fields(PartnerOperation)] == ["pair", "receives", "gives", "rate", "place", "comment"]
    for value in (VIEW, VIEW.operations[0]):
        with pytest.raises((AttributeError, TypeError)):
            value.client = "Петренко"


def test_a_change_as_the_specification_has_it():
    text = change_text(VIEW, PartnerView("5512", (bought("41.30", 41300000),)), "k7f3", "uk")
    assert plain(text) == "Змінено: курс 41,35 → 41,30; ви даєте 413 500,00 → 413 000,00 UAH\n№5512·k7f3"


def test_a_rate_that_came_an_operation_that_went_and_one_that_came():
    asked = PartnerView("5512", (bought(None, None),))
    assert (
        plain(change_text(asked, VIEW, "k7f3", "uk")).split("\n")[0]
        == "Змінено: курс — → 41,35; ви даєте — → 413 500,00 UAH"
    )
    move = PartnerOperation(None, Sum(100, EUR))
    text = plain(change_text(VIEW, PartnerView("5512", (move,)), "k7f3", "uk")).split("\n")[0]
    assert text == (
        "Змінено: знято: USD/UAH, ви отримуєте 10 000,00 USD, ви даєте 413 500,00 UAH, курс 41,35; "
        "додано: переміщення, ви отримуєте 1,00 EUR"
    )
    several = PartnerView("5512", (bought(), move))
    text = plain(change_text(several, replace(several, operations=(bought("41.3", 41300000), move)), "k7f3", "uk"))
    assert text.startswith("Змінено: USD/UAH: курс 41,35 → 41,30; ви даєте")


def test_place_comment_and_order_are_seen_too():
    place = replace(VIEW, operations=(replace(bought(), place="Каса"),))
    assert change_text(VIEW, place, "k7f3", "uk") == "Змінено: місце — → Каса\n№5512·k7f3"
    comment = replace(VIEW, operations=(replace(bought(), comment="до 15:00"),))
    assert change_text(comment, VIEW, "k7f3", "uk") == "Змінено: коментар: до 15:00 → —\n№5512·k7f3"
    two = (bought(), PartnerOperation(None, Sum(100, EUR)))
    back = replace(VIEW, operations=two[::-1])
    assert change_text(replace(VIEW, operations=two), back, "k7f3", "en") == "Changed: order of the operations\n№5512·k7f3"
    assert len({content_hash(view) for view in (VIEW, place, comment, back, replace(back, operations=two))}) == 5


def test_nothing_changed_says_nothing_and_two_deals_are_a_mistake():
    assert change_text(VIEW, PartnerView("5512", (bought("41.350"),)), "k7f3", "uk") == ""
    with pytest.raises(ValueError, match="two deals"):
        change_text(VIEW, PartnerView("5513", ()), "k7f3", "uk")


def test_notices():
    assert notice_text(Notice.WITHDRAWN, "5512", "k7f3", "uk") == "Заявку знято\n№5512·k7f3"
    assert notice_text(Notice.CLOSED, "5512", "k7f3", "en") == "Request closed\n№5512·k7f3"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (amount_text(Sum(-123456789, UAH), "uk"), "\u22121\u00a0234\u00a0567,89\u00a0UAH"),
        (amount_text(Sum(-123456789, UAH), "en"), "\u22121,234,567.89\u00a0UAH"),
        (amount_text(Sum(1, BTC), "ru"), "0,00000001\u00a0BTC"),
        (amount_text(Sum(10**17, UAH), "uk"), "1\u00a0000\u00a0000\u00a0000\u00a0000\u00a0000,00\u00a0UAH"),
        (rate_text(Decimal("41.3"), "uk"), "41,30"),
        (rate_text(Decimal("95000"), "en"), "95,000.00"),
        (rate_text(Decimal("1E+3"), "uk"), "1\u00a0000,00"),
        (rate_text(Decimal("0.024215"), "uk"), "0,024215"),
        (rate_text(Decimal("41.3500"), "uk"), "41,35"),
    ],
)
def test_numbers_by_language(text, expected):
    assert text == expected


def test_the_code_belongs_to_deal_and_chat_and_key():
    code = make_code(SECRET, "planfix/main/5512", "-1001")
    assert len(code) == 4
    assert set(code) <= set(ALPHABET)
    assert not set(ALPHABET) & set("01ilo")
    assert code_fits(SECRET, "planfix/main/5512", ["-1001"], code)
    assert code_fits(SECRET, "planfix/main/5512", ["-2", "-1001"], code.upper())
    for secret, deal, chats in (
        (SECRET, "planfix/main/5513", ["-1001"]), (SECRET, "planfix/main/5512", ["-1002"]),
(b"another", "planfix/main/5512", ["-1001"]),
        (SECRET, "planfix/main/5512", []),
    ):  # fmt: skip
        assert not code_fits(secret, deal, chats, code)
    for wrong in ("", "k7f", "ж7f3", "\ud800", code + "2"):
        assert not code_fits(SECRET, "planfix/main/5512", ["-1001"], wrong)
    assert make_code(SECRET, "ab", "c") != make_code(SECRET, "a", "bc")
    with pytest.raises(ValueError, match="secret"):
        make_code(b"", "a", "b")


def test_the_code_line_is_found_below_a_comment_that_looks_alike():
    view = PartnerView("5512", (replace(bought(), comment="дивіться\n№5513·zzzz · тут"),))
    line = find_code_line(message_text(view, "k7f3", "uk"))
    assert line is not None
    assert (line.number, line.code) == ("5512", "k7f3")
    assert find_code_line("без коду №5512") is None
    assert find_code_line("слово №5512·k7f3") is None


def test_the_key_of_a_message():
    key = message_key("planfix/main/5512", "7", VIEW)
    assert key == f"deal:planfix/main/5512:7:{content_hash(VIEW)}"
    assert message_key("planfix/main/5512", "7", VIEW, turn=2) == key + ":2"
    assert content_hash(VIEW) == content_hash(PartnerView("5512", (bought("41.350"),)))


sums = st.none() | st.builds(Sum, st.integers(0, 10**12), st.sampled_from([USD, UAH, EUR]))
operations = st.builds(
    PartnerOperation, st.none() | st.sampled_from([PAIR, Pair(EUR, USD)]), sums, sums,
    st.none() | st.decimals("0.0001", "100000", places=4), st.sampled_from(["", "Каса", "Банк"]), st.text(max_size=12),
)  # fmt: skip
views = st.builds(PartnerView, st.just("5512"), st.lists(operations, max_size=4).map(tuple))


@given(views, views, st.sampled_from(["uk", "ru", "en"]))
def test_a_change_is_said_exactly_when_the_hash_differs(old, new, language):
    assert bool(change_text(old, new, "k7f3", language)) == (content_hash(old) != content_hash(new))


@given(views, st.sampled_from(["uk", "ru", "en"]))
def test_every_message_ends_with_its_code_line(view, language):
    line = find_code_line(message_text(view, "k7f3", language))
    assert line is not None
    assert (line.number, line.code) == ("5512", "k7f3")
