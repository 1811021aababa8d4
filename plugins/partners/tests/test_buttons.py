"""Button data holds, cannot be forged or carried to another chat, and fits; numbers that are offered as a rate."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.partners.rules.buttons import (
    DATA_BYTES_MAX,
    Action,
    Pressed,
    label,
    make_data,
    offer_text,
    offered_rate,
    read_data,
)

SECRET = b"a key for tests"
HASH = "0123456789abcdef0123456789abcdef"


def made(action: Action = Action.TAKE, chat: str = "-1001") -> str:
    return make_data(SECRET, "15021", action, HASH, chat)


@pytest.mark.parametrize("action", list(Action))
def test_what_was_made_is_read(action):
    pressed = read_data(SECRET, made(action), "-1001")
    assert pressed == Pressed("15021", action, HASH[:8])
    assert pressed.current(HASH)
    assert not pressed.current("f" + HASH[1:])
    assert not pressed.current("")


def test_what_was_not_made_for_that_chat_with_that_key_is_refused():
    data = made()
    assert read_data(SECRET, data, "-1002") is None
    assert read_data(b"another", data, "-1001") is None
    changed = (data[:-1], data + "A", data + "|", data.replace("t|", "p|", 1), data.replace("15021", "15022"),
               "z" + data[1:], data.replace("|0", "|1", 1))  # fmt: skip
    for forged in (*changed, "", "x", "|||", "t|15021|01234567|", "t|15021|01234567|ї"):
        assert read_data(SECRET, forged, "-1001") is None, forged


def test_it_fits_or_is_a_mistake():
    longest = make_data(SECRET, "9" * 36, Action.QUESTION, HASH, "-1001234567890")
    assert len(longest.encode()) <= DATA_BYTES_MAX
    for deal in ("9" * 40, "", "1|2", "ї" * 20):
        with pytest.raises(ValueError, match="deal"):
            make_data(SECRET, deal, Action.TAKE, HASH, "-1001")
    with pytest.raises(ValueError, match="version"):
        make_data(SECRET, "1", Action.TAKE, "", "-1001")


def test_labels_in_each_language():
    assert [label(action, "uk") for action in Action] == ["Беру", "Оплачено", "Питання"]
    assert [label(action, "en") for action in Action] == ["I take it", "Paid", "Question"]


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("41,33", "41.33"), ("41.33", "41.33"), (" 41,33 ", "41.33"), ("курс 41,33", "41.33"),
        ("Курс: 41,33!", "41.33"), ("по 41,33 ок?", "41.33"),
        ("#5512 41,33", "41.33"), ("№5512: курс 41,33", "41.33"), ("４１，３３", "41.33"), ("41\u200b,33", "41.33"),
        ("95 000", "95000"),
        ("95,000.50", "95000.5"), ("41", "41"), ("rate is 1.0881", "1.0881"), ("41,33.", "41.33"),
    ],
)  # fmt: skip
def test_a_number_that_may_be_the_rate(text, rate):
    assert offered_rate(text) == Decimal(rate)


@pytest.mark.parametrize(
    "text",
    [
        "", "добре", "41,33 або 41,40", "10 000 по 41,33", "-41,33", "−41,33", "+380501112233", "380501112233",
        "41,33%", "о 15", "14:05", "0", "0,00",
        "41 33", "41,3,3", "1e5", "41,33 USD", "#5512", "№5512", "41/33", "1" * 40, "не 41,33", "41,33€",
        "41,1234567890123",
    ],
)  # fmt: skip
def test_a_number_that_is_no_rate(text):
    assert offered_rate(text) is None


def test_the_offer():
    assert offer_text(Decimal("41.33"), "uk") == "41,33: поставити?"
    assert offer_text(Decimal("41.3"), "en") == "41.30: set it?"


@given(st.text(max_size=30))
def test_hostile_text_never_breaks_it(text):
    rate = offered_rate(text)
    assert rate is None or 0 < rate < 10**9


@given(st.text(max_size=70), st.text(max_size=10))
def test_forged_data_is_never_read(data, chat):
    assert read_data(SECRET, data, chat) is None


@given(st.text(alphabet="0123456789", min_size=1, max_size=30), st.sampled_from(Action), st.text(max_size=10))
def test_any_deal_any_chat(deal, action, chat):
    data = make_data(SECRET, deal, action, HASH, chat)
    assert len(data.encode()) <= DATA_BYTES_MAX
    assert read_data(SECRET, data, chat) == Pressed(deal, action, HASH[:8])
