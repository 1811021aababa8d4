"""Each row of PT-04's table, and what stands between the rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.texts import translate
from plugins.partners.rules.codes import code_line, make_code
from plugins.partners.rules.routing import Came, DealState, PartnerDeal, ReplyTo, Route, To, find_number, part_number, route

SECRET = b"a key for tests"
DEALS = (
    PartnerDeal("d/5512", "5512"), PartnerDeal("d/5513", "5513"), PartnerDeal("d/5500", "5500", DealState.CLOSED),
    PartnerDeal("d/5501", "5501", DealState.CANCELLED), PartnerDeal("d/5502", "5502", DealState.MOVED),
    PartnerDeal("d/5503", "5503", DealState.GONE),
)  # fmt: skip
CHATS = ("-100", "-4")


def came(text: str = "добре", reply: ReplyTo | None = None, **how: object) -> Route:
    return route(Came(text, reply, **{"own_chat": True, "deals": DEALS, "chats": CHATS, **how}), SECRET)


def ours(deal: str = "d/5512") -> ReplyTo:
    return ReplyTo(ours=True, known=True, deal=deal)


def coded(number: str, code: str, *, own: bool = True) -> ReplyTo:
    return ReplyTo(ours=own, text=f"Заявка {number}\n{code_line(number, code)} · відповідайте на це повідомлення")


def test_row_1_a_number_at_the_beginning():
    found = came("#5512 курс 41,30")
    assert (found.to, found.row, found.deal, found.also, found.notes) == (To.DEAL, 1, "d/5512", (), ())


def test_row_1_wins_over_the_reply_and_leaves_a_line_there():
    found = came("№5512 курс", ours("d/5513"))
    assert (found.row, found.deal, found.also) == (1, "d/5512", ("d/5513",))
    assert came("№5512 курс", ours("d/5512")).also == ()
    assert came("№5512 курс", ours("d/5502")).also == ()  # no line in a deal that is another partner's by now


@pytest.mark.parametrize(("reply", "row"), [(ours(), 2), (ReplyTo(ours=False, known=True, deal="d/5512"), 4)])
def test_rows_2_and_4_a_reply_to_what_belongs_to_a_deal(reply, row):
    found = came(reply=reply)
    assert (found.to, found.row, found.deal, found.learn) == (To.DEAL, row, "d/5512", False)


@pytest.mark.parametrize("chat", CHATS)
def test_row_3_a_right_code_under_a_message_of_ours_and_the_id_is_learnt(chat):
    found = came(reply=coded("5512", make_code(SECRET, "d/5512", chat)))
    assert (found.to, found.row, found.deal, found.learn) == (To.DEAL, 3, "d/5512", True)


@pytest.mark.parametrize(
    "reply",
    [
        coded("5512", make_code(SECRET, "d/5512", "-7")),  # another chat's
        coded("5513", make_code(SECRET, "d/5512", "-100")),  # another deal's
        coded("9999", make_code(SECRET, "d/9999", "-100")),  # no deal of this partner
        coded("5512", make_code(SECRET, "d/5512", "-100"), own=False),  # a stranger copied our words
        coded("5512", "zzzz"), ReplyTo(ours=True), ReplyTo(ours=False),
        ReplyTo(ours=True, known=True),  # a list of deals
        ReplyTo(ours=True, known=True, deal="d/5512", elsewhere=True), None,
    ],
)  # fmt: skip
def test_row_5_anything_else(reply):
    found = came(reply=reply)
    assert (found.to, found.row, found.deal, found.learn) == (To.CARD, 5, "", False)


def test_rows_6_and_7_in_private_whatever_it_says():
    for reply in (None, ours()):
        known = came("#5512 курс", reply, own_chat=False, private=True, author_known=True)
        assert (known.to, known.row, known.deal, known.say_group, known.say_unknown) == (To.CARD, 6, "", True, False)
        unknown = came("#5512 курс", reply, own_chat=False, private=True)
        assert (unknown.to, unknown.row, unknown.deal, unknown.also) == (To.UNRECOGNISED, 7, "", ())
        assert (unknown.say_group, unknown.say_unknown) == (False, True)


def test_a_group_that_is_nobodys():
    assert came("#5512", ours(), own_chat=False).to is To.UNRECOGNISED


@pytest.mark.parametrize(("number", "state"), [("5500", "closed"), ("5501", "cancelled")])
def test_a_finished_deal_still_gets_it_and_its_manager_is_told(number, state):
    for found in (came(f"#{number} а решта?"), came(reply=ours(f"d/{number}"))):
        assert (found.to, found.deal, found.tell_manager) == (To.DEAL, f"d/{number}", True)
        assert found.notes == (f"partners_note_deal_{state}",)


@pytest.mark.parametrize(("number", "state"), [("5502", "moved"), ("5503", "gone"), ("1", "gone")])
def test_a_deal_that_is_gone_or_anothers_gets_nothing(number, state):
    found = came(reply=ours(f"d/{number}"))
    assert (found.to, found.deal, found.notes) == (To.CARD, "", (f"partners_note_deal_{state}",))


def test_a_number_that_is_no_deal_of_the_partner_is_noted_and_the_reply_counts():
    found = came("#9999 курс", ours())
    assert (found.row, found.deal, found.notes) == (2, "d/5512", ("partners_note_number",))
    assert came("#9999 курс").notes == ("partners_note_number",)


def test_every_note_is_a_text():
    for note in ("number", *(f"deal_{state}" for state in DealState if state is not DealState.OPEN)):
        assert len({translate(language, f"partners_note_{note}") for language in ("uk", "ru", "en")}) == 3


@pytest.mark.parametrize(
    "text",
    [
        "#5512", "№5512", "# 5512 курс", "№\u00a05512: курс", "#５５１２ курс", "＃5512", "  \n#5512.",
        "#5512, добре", "(№5512) курс",
        "«№5512» курс", "\u200b#55\u200b12 курс", "#5512\nкурс", "#5512/1 курс", "#5512!", "#\ufe0f\u20e35512",
        "№5512-й? ні",
    ],
)  # fmt: skip
def test_the_number_in_any_spelling(text):
    assert find_number(text) == "5512"


@pytest.mark.parametrize(
    "text",
    [
        "5512",
        "курс #5512",
        "#5512a",
        "#5512грн",
        "#5512.50",
        "#5512,5",
        "#5512_1",
        "#",
        "№",
        "##5512",
        "No5512",
        "#пʼять",
        "",
    ],
)
def test_no_number(text):
    assert find_number(text) == ""


def test_what_follows_the_number():
    assert part_number("#5512: курс 41,33") == ("5512", "курс 41,33")
    assert part_number("курс 41,33") == ("", "курс 41,33")


replies = st.none() | st.builds(
    ReplyTo, st.booleans(), st.booleans(), st.sampled_from(["", *(deal.subject for deal in DEALS), "d/1"]),
    st.sampled_from(["", "№5512·zzzz", "№5512·" + make_code(SECRET, "d/5512", "-100")]), st.booleans(),
)  # fmt: skip
texts = st.sampled_from([f"{mark}{n} курс" for mark in ("#", "№", "") for n in (5512, 5500, 5502, 9999)]) | st.text(
    max_size=20
)


@given(st.builds(Came, texts, replies, st.booleans(), st.booleans(), st.booleans(), st.just(DEALS), st.just(CHATS)))
def test_only_a_deal_that_still_is_the_partners_gets_anything_and_only_from_their_group(message):
    found = route(message, SECRET)
    reached = {found.deal, *found.also} - {""}
    theirs = {deal.subject for deal in DEALS if deal.state not in (DealState.MOVED, DealState.GONE)}
    assert reached <= theirs
    assert bool(found.deal) == (found.to is To.DEAL)
    if reached:
        assert message.own_chat
        assert not message.private
    if found.learn:
        assert message.reply is not None
        assert message.reply.ours
