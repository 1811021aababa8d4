"""«+ Партнер»: every field of EX-15's table, errors in three languages, and other cards of the same person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.partners.rules.card import Card, FieldError, KnownCard, check_card, clean_phone, clean_telegram, duplicates


def check(**form: str) -> tuple[Card | None, tuple[FieldError, ...]]:
    return check_card(form, region="UA", language="uk", responsible="7")


def test_a_name_is_enough():
    assert check(name=" Альфа \n Трейд ") == (Card("Альфа Трейд", responsible="7"), ())


def test_all_fields_and_their_links():
    card, errors = check(
        name="Альфа", phone="(050) 111-22-33", whatsapp="https://wa.me/380671234567", email="Oleg@Example.com",
        telegram="https://t.me/Oleg_FX", language="ru", automatic="0", responsible="12",
    )  # fmt: skip
    assert errors == ()
    assert card == Card("Альфа", "+380501112233", "+380671234567", "oleg@example.com", "Oleg_FX", "ru", False, "12")
    assert card.phone_link == "tel:+380501112233"
    assert card.whatsapp_link == "https://wa.me/380671234567"
    assert card.email_link == "mailto:oleg@example.com"
    assert card.telegram_link == "https://t.me/Oleg_FX"
    empty = Card("Альфа")
    assert (empty.phone_link, empty.whatsapp_link, empty.email_link, empty.telegram_link) == ("", "", "", "")


@pytest.mark.parametrize("name", ["", "   ", "\u200b\u202e", "\x00", "я" * 201])
def test_a_name_that_cannot_be(name):
    card, errors = check(name=name)
    assert card is None
    assert [error.field for error in errors] == ["name"]
    assert "200" in errors[0].message("uk")


def test_a_name_of_two_hundred_characters_can_be():
    assert check(name="я" * 200)[1] == ()
    assert check(name="🙂")[1] == ()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("+380501112233", "+380501112233"), ("0501112233", "+380501112233"), ("050 111 22 33", "+380501112233"),
        ("(050) 111-22-33", "+380501112233"), ("380501112233", "+380501112233"), ("00380501112233", "+380501112233"),
        ("8 050 111 22 33", "+380501112233"), ("050.111.22.33", "+380501112233"), ("０５０１１１２２３３", "+380501112233"),
        ("+48 601 234 567", "+48601234567"), ("\u202a+380501112233\u202c", "+380501112233"), ("", ""), ("  ", ""),
    ],
)  # fmt: skip
def test_phones(typed, kept):
    assert clean_phone(typed, "UA") == kept


def test_a_number_of_a_range_that_is_not_known_is_kept():
    assert clean_phone("+380 20 111 22 33", "UA") == "+380201112233"


def test_a_number_without_country_code_is_of_the_sets_region():
    assert clean_phone("8 926 123 45 67", "RU") == "+79261234567"


@pytest.mark.parametrize(
    "typed", ["123", "ні", "050111223", "05011122334455", "0501112233 дод. 5", "0800-FLOWERS", "+", "@380501112233", "1;2"]
)
def test_no_phones(typed):
    assert clean_phone(typed, "UA") is None


@pytest.mark.parametrize(
    "typed", ["wa.me/380671234567", "https://api.whatsapp.com/send?phone=380671234567&text=x", "067 123 45 67"]
)
def test_whatsapp(typed):
    card, errors = check(name="А", whatsapp=typed)
    assert errors == ()
    assert card is not None
    assert card.whatsapp == "+380671234567"


@pytest.mark.parametrize(
    "email", ["a", "a@b", "a@@b.c", "a@b@c.d", "@b.c", "a@.c", "a@b.", "a b@c.d", "<a@b.c>", "a@b..c", "a@b.c,d@e.f"]
)
def test_no_email(email):
    assert [error.field for error in check(name="А", email=email)[1]] == ["email"]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("@oleg_fx", "oleg_fx"), ("t.me/oleg_fx", "oleg_fx"), ("https://t.me/oleg_fx/", "oleg_fx"),
        ("telegram.me/oleg_fx?start=1", "oleg_fx"),
        ("oleg_fx", "oleg_fx"), ("@" + "a" * 32, "a" * 32), ("050 111 22 33", "+380501112233"),
        ("t.me/+380501112233", "+380501112233"),
        ("", ""),
    ],
)  # fmt: skip
def test_telegram(typed, kept):
    assert clean_telegram(typed, "UA") == kept


@pytest.mark.parametrize(
    "typed",
    ["@oleg", "@" + "a" * 33, "@олег_fx", "t.me/+AbCdEfGhIjK", "t.me/joinchat/AbCdEf", "t.me/joinchat",
    "@oleg-fx", "@oleg fx", "x",
     "https://evil.example/oleg_fx", "@", "t.me/", "javascript:alert(1)", "@1oleg_fx"],
)  # fmt: skip
def test_no_telegram(typed):
    assert clean_telegram(typed, "UA") is None


def test_every_error_at_once_and_in_each_language():
    card, errors = check(name="", phone="x", whatsapp="x", email="x", telegram="x", language="de", automatic="може")
    assert card is None
    assert [error.field for error in errors] == ["name", "phone", "whatsapp", "email", "telegram", "language", "automatic"]
    for error in errors:
        assert len({error.message(language) for language in ("uk", "ru", "en")}) == 3


def test_other_cards_of_the_same_person():
    card = Card("Альфа", phone="+380501112233", email="oleg@example.com", telegram="Oleg_FX")
    by_phone = KnownCard("1", "Бета", phone="(050) 111 22 33")
    by_whatsapp = KnownCard("2", "Гамма", whatsapp="wa.me/380501112233")
    by_rest = KnownCard("3", "Дельта", email="OLEG@example.com ", telegram="https://t.me/oleg_fx")
    other = KnownCard("4", "Альфа", phone="0501112234", email="", telegram="немає")
    found = duplicates(card, [by_phone, by_whatsapp, by_rest, other], region="UA")
    assert [(one.card.id, one.fields) for one in found] == [
        ("1", ("phone",)),
        ("2", ("phone",)),
        ("3", ("email", "telegram")),
    ]
    assert duplicates(Card("Альфа"), [KnownCard("5", "Альфа")], region="UA") == ()


typed = st.text(max_size=30) | st.from_regex(r"[+@]?[0-9a-z_ ().\-]{0,20}", fullmatch=True)


@given(typed, typed, typed, typed, typed)
def test_what_is_kept_stays_as_it_is_when_saved_again(name, phone, whatsapp, email, telegram):
    form = {"name": name, "phone": phone, "whatsapp": whatsapp, "email": email, "telegram": telegram}
    card, errors = check(**form)
    assert (card is None) == bool(errors)
    if card:
        again = {one: getattr(card, one) for one in form}
        assert check(**again) == (card, ())
