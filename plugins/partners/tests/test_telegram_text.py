"""Nothing is lost at a cut, every part fits, and cuts are at line ends where there are any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.partners.rules.telegram_text import CAPTION_UNITS_MAX, TEXT_UNITS_MAX, caption_and_rest, split, units


def test_units_are_counted_as_telegram_counts():
    assert [units(text) for text in ("", "a", "ї", "😀", "👍🏽")] == [0, 1, 1, 2, 4]


def test_what_fits_stays_whole():
    assert split("а" * TEXT_UNITS_MAX) == ("а" * TEXT_UNITS_MAX,)
    assert split("😀" * 2048) == ("😀" * 2048,)
    assert len(split("😀" * 2049)) == 2
    assert split("") == split(" \n\t") == split("\x00") == ()


def test_the_cut_is_at_the_last_line_end_that_fits():
    text = "\n".join(f"рядок {number:04}" for number in range(1000))
    parts = split(text)
    assert "\n".join(parts) == text
    assert all(part.startswith("рядок ") and len(part.split("\n")[-1]) == 10 for part in parts)
    assert split("aaa\nbbb\nccc", 7) == ("aaa\nbbb", "ccc")
    assert split("aaa\n\nbbb", 4) == ("aaa", "bbb")


def test_a_long_line_is_cut_at_a_blank_a_word_between_characters():
    assert split("aaa bbb ccc", 8) == ("aaa bbb", "ccc")
    assert split("aaaaabbbbb", 5) == ("aaaaa", "bbbbb")
    assert split("aaaa👍🏽", 6) == ("aaaa", "👍🏽")
    assert split(" " * 5000 + "x" + " " * 5000 + "y") == ("x", "y")
    assert split("x\n" + " " * 5000 + "y") == ("x", "y")


def test_a_lone_half_of_a_character_can_be_sent():
    assert split("a\ud800b") == ("a\ufffdb",)


def test_captions():
    assert caption_and_rest("а" * CAPTION_UNITS_MAX) == ("а" * CAPTION_UNITS_MAX, ())
    text = "\n".join(["рядок"] * 2000)
    caption, rest = caption_and_rest(text)
    assert units(caption) <= CAPTION_UNITS_MAX
    assert "\n".join((caption, *rest)) == text
    assert caption_and_rest("") == ("", ())


def test_a_part_that_could_hold_nothing_is_a_mistake():
    with pytest.raises(ValueError, match="two units"):
        split("😀", 1)


texts = st.text(alphabet=st.sampled_from("aї😀 \n\u0301\u200d🏽\t\r"), max_size=200) | st.text(max_size=200)


@given(texts, st.integers(2, 40))
def test_every_part_fits_is_not_blank_and_nothing_that_can_be_seen_is_lost(text, units_max):
    parts = split(text, units_max)
    assert all(units(part) <= units_max and part.strip() for part in parts)
    sent = "".join("".join(parts).split())
    assert sent == "".join(text.replace("\x00", "").split())
