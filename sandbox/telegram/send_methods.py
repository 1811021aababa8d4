"""Methods that send one message."""

from __future__ import annotations

from typing import Any

from sandbox.telegram import access, limits, media, outbox
from sandbox.telegram.errors import bad
from sandbox.telegram.params import Call
from sandbox.telegram.registry import method


@method("sendMessage", sends=True)
def send_message(call: Call) -> Any:
    access.target(call)
    return outbox.send(call, outbox.text(call))


def _send_file(kind: str) -> None:
    @method("send" + "".join(word.title() for word in kind.split("_")), sends=True)
    def send(call: Call) -> Any:
        access.target(call)
        words = outbox.caption(call) if kind not in ("sticker", "video_note") else {}
        stored = media.given(call, kind)
        return outbox.send(call, media.content(kind, stored, call.number("duration")) | words)


for _kind in media.KINDS:
    _send_file(_kind)


@method("sendLocation", sends=True)
def send_location(call: Call) -> Any:
    return outbox.send(
        call, {"location": {"latitude": _degrees(call, "latitude"), "longitude": _degrees(call, "longitude")}}
    )


def _degrees(call: Call, name: str) -> float:
    try:
        return float(call.text(name))
    except ValueError:
        raise bad("wrong location coordinates specified") from None


@method("sendContact", sends=True)
def send_contact(call: Call) -> Any:
    if not call.has("phone_number"):
        raise bad("phone number is empty")
    if not call.has("first_name"):
        raise bad("first name must be non-empty")
    names = ("phone_number", "first_name", "last_name", "vcard")
    return outbox.send(call, {"contact": {name: call.text(name) for name in names if call.has(name)}})


@method("sendPoll", sends=True)
def send_poll(call: Call) -> Any:
    options = [one.get("text") if isinstance(one, dict) else one for one in call.array("options")]
    if not call.has("question"):
        raise bad("poll question must be non-empty")
    if not 2 <= len(options) <= 12:
        raise bad(f"poll must have at {'least 2 option' if len(options) < 2 else 'most 12 options'}")
    return outbox.send(call, poll(call.world.next_id("poll"), call.text("question"), [str(one) for one in options]))


def poll(number: int, question: str, options: list[str]) -> dict[str, Any]:
    rows = [
        {"text": text, "voter_count": 0, "persistent_id": str(place)} for place, text in enumerate(options)
    ]  # fmt: skip
    return {"poll": {
        "id": str(5_000_000_000_000_000_000 + number), "question": question, "options": rows, "total_voter_count": 0,
        "is_closed": False, "is_anonymous": True, "type": "regular", "allows_multiple_answers": False,
        "allows_revoting": True, "members_only": False,
    }}  # fmt: skip


@method("sendDice", sends=True)
def send_dice(call: Call) -> Any:
    value = call.world.faults.number_below(6) + 1
    return outbox.send(call, {"dice": {"emoji": call.text("emoji", "🎲"), "value": value}})


@method("sendChatAction")
def send_chat_action(call: Call) -> Any:
    access.target(call)
    if not call.has("action"):
        raise bad("wrong parameter action in request")
    return True


@method("sendMediaGroup", sends=True)
def send_media_group(call: Call) -> Any:
    chat = access.target(call)
    items = [item for item in call.array("media") if isinstance(item, dict)]
    if not items:
        raise bad("there are no messages to send")
    if len(items) > 10:
        raise bad("too many messages to send as an album")
    kinds = {str(item.get("type")) for item in items}
    if not kinds <= {"photo", "video", "document", "audio"} or (len(kinds) > 1 and kinds - {"photo", "video"}):
        raise bad("document can't be mixed with other media types" if "document" in kinds else "wrong media types")
    parts = [
        media.content(str(item["type"]), media.given(call, str(item["type"]), item.get("media")))
        | outbox.caption(call, item)
        for item in items
    ]
    extra = outbox.envelope(call, chat)
    limits.check(call.world, call.bot, chat, len(parts))
    album = str(13_000_000_000_000_000 + call.world.next_id("album"))
    return [outbox.put(call, chat, part, album=album, **extra) for part in parts]
