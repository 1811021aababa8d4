"""What Telegram brings: what we make of each kind, who is let in, and that nothing whatever raises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.telegram import reading
from connectors.telegram.client import BOT as KEPT
from connectors.telegram.tests.pocket import BOT, GROUP, PERSON, SECRET, Pocket
from kernel.conversations import Incoming
from kernel.conversations.model import pack_incoming, unpack_incoming
from kernel.extension import NotProven

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.json"))
CHAT, BASIC = str(GROUP), "-4400500600"


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def one(pocket: Pocket, name: str) -> Incoming:
    (found,) = pocket.deliver(fixture(name)).messages
    return found


def test_only_telegram_is_let_in(pocket: Pocket) -> None:
    for secret, status in (
        (None, 401),
        ("", 401),
        ("something else", 403),
        (SECRET + "x", 403),
        ("ключ", 403),
        ("\udcff", 403),
    ):
        with pytest.raises(NotProven) as caught:
            pocket.deliver(fixture("message__reply"), secret)
        assert caught.value.status == status, secret
    received = pocket.deliver(fixture("message__reply"))
    assert (received.reply.status, received.reply.body) == (200, b"") and len(received.messages) == 1
    assert pocket.asked == []  # nobody is asked while Telegram waits


def test_an_answer_to_a_message_of_ours(pocket: Pocket) -> None:
    found = one(pocket, "message__reply")
    assert (found.kind, found.vendor_id, found.address, found.number) == ("message", f"{CHAT}:43", CHAT, 43)
    assert (found.account, found.author, found.author_name) == (str(BOT), str(PERSON), "Oleg")
    assert (found.text, found.reply_to, found.reply_ours) == ("Rate is fine, go on", f"{CHAT}:42", True)
    assert (
        found.reply_text.startswith("Deal 5512")
        and found.at is not None
        and found.at.isoformat() == "2026-11-21T19:41:40+00:00"
    )
    assert dict(found.details) == {
        "room": "supergroup", "room_title": "Partner 118", "sort": "text", "username": "oleg_fx", "language": "ru",
        "link": "https://t.me/c/2200330044/43",
    }  # fmt: skip


def test_a_private_message_has_no_room_of_others(pocket: Pocket) -> None:
    found = one(pocket, "message__private")
    assert (found.address, found.vendor_id, found.details["room"]) == (str(PERSON), f"{PERSON}:7", "private")
    assert "link" not in found.details and not found.reply_ours


def test_the_code_of_a_link_comes_as_a_start_command(pocket: Pocket) -> None:
    assert one(pocket, "message__start").text == "/start Qm9YkZ3v_-8x"
    pocket.connection.vault.put(KEPT, {"username": "another_bot", "reads_all": False})
    assert one(pocket, "message__start").text == "/start@partner_desk_bot Qm9YkZ3v_-8x"  # not meant for us


def test_files_and_albums(pocket: Pocket) -> None:
    photo = one(pocket, "message__album_photo")
    assert (photo.group, photo.text, photo.details["sort"]) == ("13900000000000001", "Slips", "photo")
    (file,) = photo.files
    assert (file.vendor_id, file.kind, file.size_bytes, file.media_type) == (
        "AgACAgIAAx-a-1280",
        "photo",
        180000,
        "image/jpeg",
    )
    (voice,) = one(pocket, "message__voice").files
    assert (voice.kind, voice.seconds, voice.media_type) == ("voice", 17, "audio/ogg")
    (animation,) = one(pocket, "message__animation").files
    assert (animation.kind, animation.name, animation.seconds) == ("animation", "ok.mp4", 2)
    document = one(pocket, "message__document")
    assert document.text == "Statement" and document.files[0].name == "statement.xlsx"
    assert document.files[0].size_bytes == 25 * 1024 * 1024  # too large to fetch, and known to be


def test_what_has_no_text_of_its_own(pocket: Pocket) -> None:
    told = {name: one(pocket, f"message__{name}").details for name in ("location", "contact", "sticker")}
    assert {name: (about["sort"], about["data"]) for name, about in told.items()} == {
        "location": ("location", "50.45, 30.523"),
        "contact": ("contact", "Taras +380501112233"), "sticker": ("sticker", "👍"),
    }  # fmt: skip


def test_forwards_quotes_and_addresses_behind_words(pocket: Pocket) -> None:
    found = one(pocket, "message__forward_quote")
    assert (found.details["forwarded_from"], found.details["quote"]) == ("Somebody", "two")
    assert found.text == "Look here: our page (https://example.com/rates), 🙂 and there (https://example.com/there)"
    assert (found.reply_to, found.reply_ours) == (f"{CHAT}:40", False)


def test_a_message_in_a_topic_answers_nothing(pocket: Pocket) -> None:
    found = one(pocket, "message__topic")
    assert (found.text, found.reply_to, found.reply_text) == ("In a topic", "", "")


def test_an_edit_is_a_message_of_its_own_and_each_version_another(pocket: Pocket) -> None:
    found = one(pocket, "edited_message__text")
    assert found.edits == f"{CHAT}:43" and found.vendor_id.startswith(f"{CHAT}:43:e1795290160:") and found.number == 43
    assert found.details["edited_at"] == "2026-11-21T19:42:40+00:00"
    other = fixture("edited_message__text")
    assert pocket.deliver(other).messages[0].vendor_id == found.vendor_id
    other["edited_message"]["text"] += "!"
    assert pocket.deliver(other).messages[0].vendor_id != found.vendor_id


@pytest.mark.parametrize(
    ("name", "what", "text"),
    [("joined", "joined", "Irina"), ("left", "left", "Irina"), ("renamed", "renamed", "Partner 118 (UAH)"),
     ("pinned", "pinned", "Rate is fine, go on")],
)  # fmt: skip
def test_what_a_room_says_of_itself(pocket: Pocket, name: str, what: str, text: str) -> None:
    found = one(pocket, f"message__{name}")
    assert (found.kind, found.details["what"], found.details["text"]) == ("note", what, text)
    assert found.number is not None and found.vendor_id == f"{CHAT}:{found.number}"


def test_a_group_that_becomes_a_supergroup_says_so_in_both(pocket: Pocket) -> None:
    old, new = one(pocket, "message__migrate_to"), one(pocket, "message__migrate_from")
    said = {(each.kind, each.details["from"], each.details["to"]) for each in (old, new)}
    assert said == {("moved", BASIC, "-1002200330055")} and (old.address, new.address) == (BASIC, "-1002200330055")
    assert (old.vendor_id, new.vendor_id) == (f"{BASIC}:9", "-1002200330055:1")


def test_what_we_may_do_changes(pocket: Pocket) -> None:
    added = one(pocket, "my_chat_member__added")
    assert (added.kind, added.address, added.vendor_id) == ("membership", BASIC, "u880002:1795290200")
    assert dict(added.details) == {
        "room": "group", "room_title": "Partner 119", "state": "member", "hears_all": "no", "public": "no",
    }  # fmt: skip
    pocket.connection.channel.username()  # getMe says that privacy mode is on
    assert one(pocket, "my_chat_member__added").details["hears_all"] == "no"
    pocket.answers["getMe"] = {**pocket.answers["getMe"], "can_read_all_group_messages": True}
    pocket.connection.channel.username()
    assert one(pocket, "my_chat_member__added").details["hears_all"] == "yes"
    admin = one(pocket, "my_chat_member__admin").details
    assert (admin["state"], admin["hears_all"], admin["public"]) == ("admin", "yes", "yes")
    kicked = one(pocket, "my_chat_member__kicked").details
    assert (kicked["state"], kicked["hears_all"]) == ("kicked", "no")


def test_others_come_and_go(pocket: Pocket) -> None:
    found = one(pocket, "chat_member__joined")
    assert (found.kind, found.details["what"], found.details["text"]) == ("note", "joined", "Oleg")


def test_buttons_and_reactions(pocket: Pocket) -> None:
    press = one(pocket, "callback_query__pressed")
    assert (press.kind, press.reply_to, press.author) == ("press", f"{CHAT}:42", str(PERSON))
    assert (press.details["data"], press.details["press_id"]) == ("d5512:take:3:k7f3", "2190433000000000001")
    reaction = one(pocket, "message_reaction__added")
    assert (reaction.kind, reaction.reply_to, reaction.details["reaction"]) == ("reaction", f"{CHAT}:42", "👍")
    back = fixture("message_reaction__added")
    back["message_reaction"]["new_reaction"] = []
    assert pocket.deliver(back).messages[0].details["reaction"] == ""


def test_channels_are_not_read(pocket: Pocket) -> None:
    assert pocket.deliver(fixture("channel_post__text")).messages == ()


@pytest.mark.parametrize("name", NAMES)
def test_all_that_came_can_be_stored(pocket: Pocket, name: str) -> None:
    for found in pocket.deliver(fixture(name)).messages:
        assert unpack_incoming(pack_incoming(found)) == found
        assert all(type(value) is str for value in found.details.values())


def kept(pocket: Pocket, body: Any) -> Incoming:
    received = pocket.deliver(body)
    (found,) = received.messages
    assert received.reply.status == 200 and (found.kind, found.details["what"]) == ("note", "other")
    assert unpack_incoming(pack_incoming(found)) == found
    return found


def test_what_nobody_understands_is_kept_whole(pocket: Pocket) -> None:
    unknown = kept(pocket, fixture("unknown__of_tomorrow"))
    assert unknown.address == CHAT and json.loads(unknown.details["text"]) == fixture("unknown__of_tomorrow")
    for body in (
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\x00{",
        b'{"update_id": 1}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ):
        found = kept(pocket, body)
        assert found.details["text"].encode("utf-8", "surrogateescape") == body
        assert kept(pocket, body).vendor_id == found.vendor_id  # brought twice, it is one


@pytest.mark.parametrize(
    "change",
    [
        {"date": "yesterday"}, {"date": 10**30}, {"message_id": "43"}, {"message_id": 10**40}, {"message_id": 1.5},
        {"chat": None}, {"chat": {"id": "x", "type": "group"}}, {"chat": {"id": True, "type": "group"}}, {"text": 5},
        {"from": "Oleg"}, {"from": {"id": "5", "is_bot": False, "first_name": "O"}}, {"photo": 7}, {"photo": [7]},
        {"entities": [{"type": "text_link", "offset": "x", "length": 1, "url": "https://example.com"}]},
        {"reply_to_message": {"message_id": 1}}, {"quote": {"text": 5}},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_types_are_kept_aside(pocket: Pocket, change: dict[str, Any]) -> None:
    update = fixture("message__reply")
    update["message"] |= change
    kept(pocket, update)


def test_strange_characters_go_through(pocket: Pocket) -> None:
    update = fixture("message__reply")
    update["message"]["text"] = "a\x00b \ud83d c \u202e d"
    update["message"]["entities"] = [{"type": "text_link", "offset": 4, "length": 1, "url": "https://example.com/\ud800"}]
    (found,) = pocket.deliver(update).messages
    assert found.kind == "message" and "\x00" in found.text and "https://example.com/\ud800" in found.text
    assert unpack_incoming(pack_incoming(found)) == found


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**25) | st.just("\ud800\x00"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "type", "date"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def spoilt(value: Any, path: list[int], new: Any) -> Any:
    """The same with one place inside replaced."""
    if not path or not isinstance(value, dict | list) or not value:
        return new
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[path[0] % len(keys)]
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = spoilt(value[key], path[1:], new)
    return copy


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=st.sampled_from(NAMES), path=st.lists(st.integers(0, 20), min_size=1, max_size=5), new=VALUES)
def test_nothing_whatever_raises(pocket: Pocket, name: str, path: list[int], new: Any) -> None:
    body = json.dumps(spoilt(fixture(name), path, new)).encode()
    for found in pocket.deliver(body).messages:
        assert unpack_incoming(pack_incoming(found)) == found
        assert found.vendor_id and found.address and abs(found.number or 0) < reading.NUMBER_MAX
