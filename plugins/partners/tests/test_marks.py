"""What leaves, to whom; what stays; what is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.partners.rules.folding import shown, visible
from plugins.partners.rules.marks import MARKS, Ask, Comment, Leaves, Named, Stays, addressed, with_author

ALPHA, BETA, PLUS = Named("1", "Альфа"), Named("2", "Бета Трейд"), Named("3", "Альфа Плюс")


def one(text: str, **how: object) -> Stays | Ask | Leaves:
    return addressed(Comment(text), [ALPHA], **how)


@pytest.mark.parametrize(
    "text",
    [
        "#партнеру курс 41,30", "#партнёру курс 41,30", "#partner курс 41,30", "#ПАРТНЕРУ курс 41,30", 
"  \n#партнеру\nкурс 41,30",        "\u200b\ufeff#пар\u200bтнеру\u00a0курс 41,30", "#партнеру: курс 41,30",
"＃партнеру курс 41,30",
    ],
)  # fmt: skip
def test_a_marked_comment_leaves_without_its_mark(text):
    assert one(text) == Leaves(ALPHA, "курс 41,30")


@pytest.mark.parametrize(
    "text",
    [
        "курс 41,30", "Ігорю: #партнеру курс", "партнеру курс", "#партнерунам курс", "#partners курс", 
"# партнеру курс", "#", "",
        "#паpтнеру курс",  # with a Latin p: what is not the mark stays
    ],
)  # fmt: skip
def test_what_is_not_marked_stays(text):
    assert one(text) == Stays()


def test_what_annex_wrote_or_a_chat_brought_never_goes_back():
    for comment in (Comment("#партнеру х", by_annex=True), Comment("#партнеру х", from_chat=True)):
        assert addressed(comment, [ALPHA]) == Stays()


def test_an_exclamation_mark_at_the_mark_forces():
    assert one("#партнеру! курс 41,30") == Leaves(ALPHA, "курс 41,30", forced=True)
    assert one("#партнеру увага! курс") == Leaves(ALPHA, "увага! курс")


def test_the_setting_says_the_marks_and_an_empty_one_marks_nothing():
    assert one("@чат привіт", marks=("@чат",)) == Leaves(ALPHA, "привіт")
    assert one("#партнеру привіт", marks=("@чат",)) == Stays()
    assert one("привіт", marks=("", " ", "#")) == Stays()


def test_nothing_to_say_is_asked_unless_there_are_files():
    assert one("#партнеру") == Ask("partners_ask_empty")
    assert one("#партнеру \u200b ") == Ask("partners_ask_empty")
    assert addressed(Comment("#партнеру", files=1), [ALPHA]) == Leaves(ALPHA, "")


def test_without_a_partner_in_the_deal_the_author_is_asked():
    assert addressed(Comment("#партнеру курс"), []) == Ask("partners_ask_none")


@pytest.mark.parametrize(
    ("text", "partner", "left"),
    [
        ("#партнеру Альфа: курс 41,30", ALPHA, "курс 41,30"),
        ("#партнеру альфа курс 41,30", ALPHA, "курс 41,30"),
        ("#партнеру «Бета Трейд» курс", BETA, "курс"),
        ("#партнеру Бета, курс", BETA, "курс"),
        ("#партнеру ТОВ Бета Трейд — курс", BETA, "курс"),
        ("#партнеру! Бета\nкурс", BETA, "курс"),
    ],
)
def test_of_several_partners_the_named_one(text, partner, left):
    found = addressed(Comment(text), [ALPHA, BETA])
    assert isinstance(found, Leaves)
    assert (found.partner, found.text) == (partner, left)


@pytest.mark.parametrize("text", ["#партнеру курс 41,30", "#партнеру Гамма: курс", "#партнеру , курс"])
def test_of_several_partners_nobody_named_is_asked(text):
    found = addressed(Comment(text), [ALPHA, BETA])
    assert isinstance(found, Ask)
    for language in ("uk", "ru", "en"):
        assert "«Альфа», «Бета Трейд»" in found.message(language)


def test_a_name_that_begins_another_is_settled_by_a_colon_or_asked():
    both = [ALPHA, PLUS]
    assert addressed(Comment("#партнеру Альфа: плюс 500"), both) == Leaves(ALPHA, "плюс 500")
    assert addressed(Comment("#партнеру Альфа Плюс: курс"), both) == Leaves(PLUS, "курс")
    assert isinstance(addressed(Comment("#партнеру Альфа плюс 500 доларів"), both), Ask)
    assert isinstance(addressed(Comment("#партнеру Іван курс"), [Named("1", "Іван Бондар"), Named("2", "Іван Сич")]), Ask)


def test_a_comment_that_names_a_partner_of_no_part_in_the_deal_reaches_nobody():
    found = addressed(Comment("#партнеру Бета Трейд: курс 41,20"), [ALPHA], others=[BETA])
    assert found == Ask("partners_ask_foreign", {"partner": "Бета Трейд"})
    assert addressed(Comment("#партнеру бета-версія готова"), [ALPHA], others=[BETA]) == Leaves(ALPHA, "бета-версія готова")


def test_the_only_partner_keeps_a_sentence_that_begins_with_the_name():
    assert one("#партнеру Альфа дасть курс завтра") == Leaves(ALPHA, "Альфа дасть курс завтра")
    assert one("#партнеру Альфа: курс") == Leaves(ALPHA, "курс")


def test_the_author_stands_in_front_by_first_name_or_as_the_desk():
    assert with_author("Ігор Бондар", "курс 41,30", "Обмін") == "Ігор: курс 41,30"
    assert with_author(" \u202e", "курс", "Обмін") == "Обмін: курс"
    assert with_author("", "курс", "") == "курс"


pieces = st.lists(
    st.sampled_from(
        [*MARKS, "#", "партнеру", "партнер", "у", "!", " ", "\n", "\u200b", "\u00ad", "Альфа", "курс", "＃", "p"]
    )
    | st.characters(),
    max_size=8,
).map("".join)


@given(pieces, st.sampled_from([(), (ALPHA,), (ALPHA, BETA)]))
def test_no_text_without_the_mark_ever_leaves(text, partners):
    """The oracle knows only that what can be seen of the text begins with a mark."""
    found = addressed(Comment(text), partners)
    if not visible(text).strip().casefold().startswith(MARKS):
        assert found == Stays()


@given(st.sampled_from(MARKS), pieces, st.booleans())
def test_what_leaves_is_the_end_of_the_comment_and_goes_to_a_partner_of_the_deal(mark, text, two):
    partners = [ALPHA, BETA] if two else [ALPHA]
    found = addressed(Comment(f"{mark} {text}"), partners, others=[PLUS])
    assert not isinstance(found, Stays)
    if isinstance(found, Leaves):
        assert found.partner in partners
        assert shown(text).endswith(found.text)
