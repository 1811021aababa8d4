"""What leaves: the requests as Telegram sees them, its refusals as our errors, and the token in no word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client import generate_latest

from connectors.telegram import limits
from connectors.telegram.channel import Standing
from connectors.telegram.tests.pocket import GROUP, PERSON, TOKEN, Asked, Pocket, message, refusal
from kernel.conversations import Button, EarlierTry, FileRef, Outgoing, OutgoingFile
from kernel.errors import Fault, Misconfigured, Moved, NoRight, NotFound, Rejected, Throttled, Undecided, Unreachable
from kernel.http import Answer
from kernel.http.gate import Overtaken, fenced
from kernel.jobs.outgoing import Call
from kernel.telemetry import mask
from kernel.telemetry.metrics import REGISTRY

CHAT = str(GROUP)
NOT_MODIFIED = refusal(400, "Bad Request: message is not modified: specified new message content is exactly the same")
NOT_FOUND = refusal(400, "Bad Request: message to edit not found")
NOT_OURS = refusal(400, "Bad Request: message can't be edited")


def send(pocket: Pocket, text: str = "Заявка 5512", *, earlier: EarlierTry | None = None, **more: Any) -> str:
    return pocket.connection.channel.send(Outgoing(more.pop("address", CHAT), text, **more), key="k", earlier=earlier)


def raised(pocket: Pocket, found: Any, **more: Any) -> Exception:
    pocket.answers["sendMessage"] = found
    with pytest.raises((Fault, Misconfigured)) as caught:
        send(pocket, **more)
    return caught.value


def test_a_text_is_plain_without_previews_and_answers_what_it_should(pocket: Pocket) -> None:
    assert send(pocket, "<b>x</b> *y*", reply_to=f"{CHAT}:7", buttons=(Button("Беру", "t:1"),)) == f"{CHAT}:42"
    (asked,) = pocket.called("sendMessage")
    assert asked.values["text"] == "<b>x</b> *y*" and "parse_mode" not in asked.values
    assert asked.json("link_preview_options") == {"is_disabled": True}
    assert asked.json("reply_parameters") == {"message_id": 7, "allow_sending_without_reply": True}
    assert asked.json("reply_markup") == {"inline_keyboard": [[{"text": "Беру", "callback_data": "t:1"}]]}


def test_what_stands_in_another_chat_is_not_answered(pocket: Pocket) -> None:
    send(pocket, reply_to="-4400500600:7")
    assert "reply_parameters" not in pocket.called("sendMessage")[0].values


@pytest.mark.row("PT-06")
def test_a_message_whose_target_was_deleted_is_sent_without_it(pocket: Pocket) -> None:
    def answers(asked: Asked) -> Any:
        if "reply_parameters" in asked.values:
            return refusal(400, "Bad Request: message to be replied not found")
        return message(42)

    pocket.answers["sendMessage"] = answers
    assert send(pocket, reply_to=f"{CHAT}:7") == f"{CHAT}:42" and len(pocket.called("sendMessage")) == 2


# --- refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.row("PT-06")
def test_too_many_requests_quiet_the_whole_bot(pocket: Pocket) -> None:
    found = raised(pocket, refusal(429, "Too Many Requests: retry after 17", retry_after=17))
    assert isinstance(found, Throttled) and found.wait_seconds == 17 and not found.maybe_done
    before = pocket.clock.monotonic()
    pocket.answers["sendMessage"] = pocket.posted
    send(pocket, address=str(PERSON))  # another chat: it waits, too
    assert pocket.clock.monotonic() - before >= 16.9


def test_a_group_that_moved_says_where(pocket: Pocket) -> None:
    upgraded = refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1002200330055)
    found = raised(pocket, upgraded)
    assert isinstance(found, Moved) and found.address == "-1002200330055" and found.retry


@pytest.mark.row("PT-06")
def test_a_refused_token_stops_the_channel(pocket: Pocket) -> None:
    found = raised(pocket, refusal(401, "Unauthorized"))
    assert isinstance(found, Misconfigured) and "TELEGRAM_TOKEN" in str(found)
    pocket.answers["sendMessage"] = pocket.posted
    with pytest.raises(Misconfigured):
        send(pocket)
    assert len(pocket.called("sendMessage")) == 1  # nobody asks again before a minute has gone
    pocket.clock.advance(seconds=limits.REFUSED_SECONDS + 1)
    assert send(pocket)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (refusal(400, "Bad Request: chat not found"), NotFound),
        (refusal(403, "Forbidden: bot was kicked from the supergroup chat"), NoRight),
        (refusal(400, "Bad Request: not enough rights to send text messages to the chat"), Rejected),
        (refusal(413, "Request Entity Too Large"), Rejected),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_refusal_has_the_vendors_words_and_is_not_repeated(pocket: Pocket, found: Answer, kind: type[Fault]) -> None:
    exc = raised(pocket, found)
    assert type(exc) is kind and isinstance(exc, Rejected) and not exc.retry
    assert found.status == 413 or json.loads(found.body)["description"].partition(": ")[2].lower() in str(exc).lower()


@pytest.mark.parametrize(
    ("found", "maybe_done"),
    [
        (Answer(502, {}, b"<html>Bad Gateway</html>"), True), (refusal(500, "Internal Server Error"), True),
        (Answer(200, {}, b"{"), True), (Answer(200, {}, b"[]"), True), (Answer(418, {}, b"?"), True),
        (requests.ReadTimeout("read"), True), (requests.ConnectionError("reset"), True),
        (requests.ConnectTimeout("connect"), False),
        (requests.ConnectionError("NewConnectionError('refused')"), False),
    ],
    ids=str,
)  # fmt: skip
def test_only_what_never_left_is_certainly_not_sent(pocket: Pocket, found: Any, maybe_done: bool) -> None:
    exc = raised(pocket, found)
    assert isinstance(exc, Unreachable) and exc.retry and exc.maybe_done is maybe_done
    assert TOKEN not in str(exc) and TOKEN not in repr(exc)


def test_what_was_overtaken_does_not_leave(pocket: Pocket) -> None:
    channel = pocket.connection.channel
    with fenced(pocket.database, lambda tx: False), pytest.raises(Overtaken):
        channel.send(Outgoing(CHAT, "x"), key="k", earlier=None)
    assert pocket.asked == []


def test_wrong_addresses_and_contents_are_refused_before_anything_leaves(pocket: Pocket) -> None:
    files = tuple(OutgoingFile("c", f"{n}", "text/plain", 1) for n in range(11))
    for more, words in (
        ({"address": "@name"}, "number of a chat"), ({"address": "9" * 40}, "number of a chat"), ({"text": " "}, "nothing"),
        ({"text": "x" * 4097}, "4097"), ({"text": "x" * 1025, "files": files[:1]}, "1025"), ({"files": files}, "11 files"),
        ({"files": files[:2], "buttons": (Button("a", "b"),)}, "buttons"),
        ({"buttons": (Button("a", "b" * 65),)}, "64 bytes"),
        ({"files": (OutgoingFile("c", "big.mov", "video/mp4", 51_000_000),)}, "50 MB"),
        ({"edits": "-4400500600:7"}, "before the group became"),
    ):  # fmt: skip
        with pytest.raises(Rejected, match=words):
            send(pocket, **more)
    assert pocket.asked == []


# --- changes -------------------------------------------------------------------------------------------------------------


def test_a_change_names_the_buttons_again_and_twice_is_no_fault(pocket: Pocket) -> None:
    pocket.answers["editMessageText"] = NOT_MODIFIED
    assert send(pocket, edits=f"{CHAT}:7", buttons=(Button("a", "b"),)) == f"{CHAT}:7"
    (asked,) = pocket.called("editMessageText")
    assert asked.values["message_id"] == "7" and "callback_data" in asked.values["reply_markup"]


def test_of_a_message_with_files_the_caption_is_changed(pocket: Pocket) -> None:
    pocket.answers["editMessageText"] = refusal(400, "Bad Request: there is no text in the message to edit")
    pocket.answers["editMessageCaption"] = message(7)
    assert send(pocket, edits=f"{CHAT}:7 {CHAT}:8") == f"{CHAT}:7 {CHAT}:8"
    assert pocket.called("editMessageCaption")[0].values["caption"] == "Заявка 5512"
    with pytest.raises(Rejected, match="1025"):
        send(pocket, "x" * 1025, edits=f"{CHAT}:7")


# --- files ---------------------------------------------------------------------------------------------------------------


def kept(pocket: Pocket, name: str, media_type: str, body: bytes = b"content") -> OutgoingFile:
    return OutgoingFile(pocket.files.keep_bytes(body), name, media_type, len(body))


@pytest.mark.parametrize(
    ("media_type", "method", "part"),
    [("image/jpeg", "sendPhoto", "photo"), ("audio/ogg", "sendVoice", "voice"), ("text/plain", "sendDocument", "document")],
)
def test_a_file_goes_as_what_it_is(pocket: Pocket, media_type: str, method: str, part: str) -> None:
    pocket.answers[method] = message(42)
    assert send(pocket, files=(kept(pocket, "квитанція.x", media_type),)) == f"{CHAT}:42"
    (asked,) = pocket.called(method)
    assert asked.files[part] == ("квитанція.x", b"content") and asked.values["caption"] == "Заявка 5512"


def test_a_large_picture_goes_as_a_document(pocket: Pocket) -> None:
    pocket.answers["sendDocument"] = message(42)
    large = kept(pocket, "a.png", "image/png", b"x" * (limits.PHOTO_BYTES_MAX + 1))
    assert send(pocket, files=(large,)) and len(pocket.called("sendDocument")[0].files["document"][1]) == large.size_bytes


@pytest.mark.parametrize(("second", "kind"), [("image/png", "photo"), ("text/plain", "document")])
def test_an_album_is_of_one_kind(pocket: Pocket, second: str, kind: str) -> None:
    pocket.answers["sendMediaGroup"] = [message(42), message(43)]
    files = (kept(pocket, "a.jpg", "image/jpeg", b"a"), kept(pocket, "b", second, b"b"))
    assert send(pocket, files=files) == f"{CHAT}:42 {CHAT}:43"
    (asked,) = pocket.called("sendMediaGroup")
    media = asked.json("media")
    assert [one["type"] for one in media] == [kind] * 2 and [one.get("caption") for one in media] == ["Заявка 5512", None]
    assert [asked.files[one["media"].removeprefix("attach://")][1] for one in media] == [b"a", b"b"]


def test_a_file_is_fetched_without_its_address_in_any_word(pocket: Pocket, tmp_path: Path) -> None:
    pocket.answers["getFile"] = {"file_id": "f", "file_unique_id": "u", "file_size": 4, "file_path": "documents/file 1.pdf"}
    pocket.answers["file"] = Answer(200, {}, b"%PDF")
    pocket.connection.channel.fetch(FileRef("f"), tmp_path / "a", bytes_max=10)
    assert (tmp_path / "a").read_bytes() == b"%PDF"
    for found, kind in (
        (Answer(404, {}, b""), NotFound), (Answer(502, {}, b""), Unreachable), (requests.ReadTimeout(TOKEN), Unreachable),
        (Answer(200, {}, b"x" * 11), Rejected),
    ):  # fmt: skip
        pocket.answers["file"] = found
        with pytest.raises(kind) as caught:
            pocket.connection.channel.fetch(FileRef("f"), tmp_path / "b", bytes_max=10)
        assert TOKEN not in str(caught.value) and not (tmp_path / "b").exists()
    pocket.answers["getFile"] = refusal(400, "Bad Request: file is too big")
    with pytest.raises(Rejected, match="20 MB"):
        pocket.connection.channel.fetch(FileRef("f"), tmp_path / "b", bytes_max=10)


def test_the_token_stands_in_no_log_and_no_metric(pocket: Pocket, capsys: pytest.CaptureFixture[str]) -> None:
    pocket.answers["getFile"] = {"file_id": "f", "file_unique_id": "u", "file_size": 4, "file_path": "documents/a.pdf"}
    pocket.answers["file"] = requests.ReadTimeout(f"https://bots.example.com/file/bot{TOKEN}/documents/a.pdf")
    send(pocket)
    raised(pocket, requests.ReadTimeout(f"https://bots.example.com/bot{TOKEN}/sendMessage"))
    with pytest.raises(Unreachable):
        pocket.connection.channel.fetch(FileRef("f"), Path("x"), bytes_max=10)
    said = capsys.readouterr()
    shown = generate_latest(REGISTRY).decode()
    secret = TOKEN.partition(":")[2]
    assert secret not in said.out + said.err + shown and "path=sendMessage" in said.out + said.err
    assert secret not in mask(f"text with {TOKEN}")


# --- lost answers --------------------------------------------------------------------------------------------------------


def looked_for(
    pocket: Pocket, found: Any, *, reads_all: bool = True, after: int = 41, known: frozenset[int] = frozenset()
) -> str:
    pocket.answers["getMe"] = {**pocket.answers["getMe"], "can_read_all_group_messages": reads_all}
    pocket.answers["getChatMember"] = {"user": pocket.answers["getMe"], "status": "member"}
    pocket.answers["editMessageText"] = found
    return send(pocket, earlier=EarlierTry(after, known))


@pytest.mark.parametrize(("reads_all", "count"), [(True, 5), (False, 30)])
def test_what_did_not_arrive_is_sent_after_all_were_asked(pocket: Pocket, reads_all: bool, count: int) -> None:
    known = frozenset({43, 44})
    assert looked_for(pocket, lambda one: NOT_FOUND, reads_all=reads_all, known=known) == f"{CHAT}:42"
    asked = [int(one.values["message_id"]) for one in pocket.called("editMessageText")]
    assert asked == [n for n in range(42, 42 + count) if n not in known] and len(pocket.called("sendMessage")) == 1


def test_what_arrived_is_found_and_nothing_is_sent(pocket: Pocket) -> None:
    there = {"43": NOT_OURS, "44": NOT_MODIFIED}
    assert looked_for(pocket, lambda one: there.get(one.values["message_id"], NOT_FOUND)) == f"{CHAT}:44"
    assert pocket.called("sendMessage") == []
    assert pocket.called("editMessageText")[0].values["text"] == "Заявка 5512"


def test_another_message_that_was_overwritten_is_named_and_nothing_is_sent(pocket: Pocket) -> None:
    with pytest.raises(Undecided, match=rf"{CHAT}:42 of our bot was overwritten") as caught:
        looked_for(pocket, message(42))
    assert pocket.called("sendMessage") == [] and not caught.value.retry and caught.value.maybe_done


def test_a_refusal_that_says_nothing_three_times_is_undecided(pocket: Pocket) -> None:
    with pytest.raises(Undecided, match="omething odd"):
        looked_for(pocket, refusal(400, "Bad Request: something odd"))
    assert len(pocket.called("editMessageText")) == 3 and pocket.called("sendMessage") == []


def test_where_we_may_not_look_it_is_undecided(pocket: Pocket) -> None:
    pocket.answers["getChat"] = refusal(403, "Forbidden: bot was kicked from the supergroup chat")
    with pytest.raises(Undecided, match="kicked"):
        looked_for(pocket, NOT_FOUND)


def test_a_look_that_was_put_off_stays_in_doubt_and_goes_on_where_it_was(pocket: Pocket) -> None:
    busy = refusal(429, "Too Many Requests: retry after 3", retry_after=3)
    with pytest.raises(Throttled) as caught:
        looked_for(pocket, lambda one: busy if one.values["message_id"] == "44" else NOT_FOUND)
    assert caught.value.maybe_done  # else the next try would be taken for the first one
    pocket.asked.clear()
    looked_for(pocket, NOT_FOUND)
    assert [one.values["message_id"] for one in pocket.called("editMessageText")] == ["44", "45", "46"]


# --- beyond messages -----------------------------------------------------------------------------------------------------


def test_what_our_bot_is_in_a_chat(pocket: Pocket) -> None:
    channel: Any = pocket.connection.channel
    for status, reads_all, wanted in (("member", False, False), ("member", True, True), ("left", True, False)):
        pocket.answers["getMe"] = {**pocket.answers["getMe"], "can_read_all_group_messages": reads_all}
        pocket.answers["getChatMember"] = {"user": pocket.answers["getMe"], "status": status}
        assert channel.standing(CHAT) == Standing(status, wanted, "Partner 118", False, "supergroup")  # type: ignore[arg-type]
    assert channel.username() == "partner_desk_bot"


def test_leaving_and_answering_a_press_are_safe_to_repeat(pocket: Pocket) -> None:
    verbs = pocket.connection.connector.verbs
    call = Call("1", "telegram/partners", "l", 1, "leave", "k", "", {"address": CHAT, "press_id": "p", "text": "Прийнято"},
                "sending", 0, "", "", "", 0)  # fmt: skip
    pocket.answers["leaveChat"] = refusal(403, "Forbidden: bot is not a member of the supergroup chat")
    pocket.answers["answerCallbackQuery"] = refusal(400, "Bad Request: query is too old and response timeout expired")
    for name in ("leave", "answer_press"):
        assert verbs[name].repeat == "safe" and verbs[name].run(pocket.connection, call, True) == ""
    assert pocket.called("answerCallbackQuery")[0].values["text"] == "Прийнято"
    assert verbs["send"].repeat == "lookup"
