"""Notifications and chat messages: im.*, and the door that shows what people got (contract, section 11)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.bitrix24.doors import door
from sandbox.bitrix24.formats import integer
from sandbox.bitrix24.registry import Call, RestError, method
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox

ATTACH_CHARACTERS_MAX = 60_000


@dataclass
class Note:
    """A notification in somebody's bell."""

    id: int
    user: str
    kind: str  #: system or personal
    author: str  #: who sent it; empty for system notes
    text: str
    text_out: str = ""
    tag: str = ""
    sub_tag: str = ""
    client: str = ""
    attach: Any = None
    at: str = ""


@dataclass
class Message:
    id: int
    dialog: str
    author: str
    text: str
    system: bool = False
    at: str = ""


@dataclass
class Talk:
    notes: list[Note] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    #: how many older notes a tag has replaced
    replaced: int = 0


def _text(call: Call) -> str:
    text = str(call.get("MESSAGE") or "").strip()
    if not text:
        raise RestError(400, "MESSAGE_EMPTY", "Message can't be empty")
    return text


def _attach(call: Call) -> Any:
    attach = call.get("ATTACH")
    if attach in (None, "", [], {}):
        return None
    if isinstance(attach, str):
        try:
            attach = json.loads(attach)
        except ValueError:
            raise RestError(400, "ATTACH_ERROR", "Incorrect attach params") from None
    if not isinstance(attach, dict | list):
        raise RestError(400, "ATTACH_ERROR", "Incorrect attach params")
    if len(json.dumps(attach, ensure_ascii=False)) > ATTACH_CHARACTERS_MAX:
        raise RestError(400, "ATTACH_OVERSIZE", "You have exceeded the maximum allowable size of attach")
    return attach


def _notify(call: Call, kind: str) -> int | bool:
    portal = call.portal
    user = integer(call.get("USER_ID")) or 0
    if user <= 0:
        raise RestError(400, "USER_ID_EMPTY", "User ID can't be empty")
    text, attach = _text(call), _attach(call)
    client, tag = _tag(call)
    person = portal.people.get(str(user))
    if person is None or not person.active or portal.faults.take("notify_false_next"):
        return False
    talk = portal.area(Talk)
    if tag:
        _replace(portal, talk, str(user), client, tag)
    author = call.client.user_id if kind == "personal" else ""
    note = Note(portal.next_id("im"), str(user), kind, author, text, tag=tag, client=client, attach=attach)
    note.text_out, note.at = str(call.get("MESSAGE_OUT") or ""), portal.now().isoformat()
    note.sub_tag = str(call.get("SUB_TAG") or "") if client else ""
    talk.notes.append(note)
    return note.id


def _tag(call: Call) -> tuple[str, str]:
    """Tags are an application's own; a webhook must say in CLIENT_ID whose they are."""
    tag = str(call.get("TAG") or "")
    client = call.client.id if call.client.kind == "app" else str(call.get("CLIENT_ID") or "")
    if tag and not client and call.portal.faults.word("tag_without_client") == "refuse":
        raise RestError(400, "CLIENT_ID_EMPTY", "Client ID can't be empty")
    return client, tag if client else ""


def _replace(portal: Portal, talk: Talk, user: str, client: str, tag: str) -> None:
    everybody = portal.faults.word("tag_replaces") == "all"
    older = [n for n in talk.notes if (n.client, n.tag) == (client, tag) and (everybody or n.user == user)]
    talk.replaced += len(older)
    for note in older:
        talk.notes.remove(note)


@method("im.notify.system.add", scope="im")
def notify_system(call: Call) -> int | bool:
    return _notify(call, "system")


@method("im.notify.personal.add", scope="im")
def notify_personal(call: Call) -> int | bool:
    return _notify(call, "personal")


@method("im.notify.delete", scope="im")
def notify_delete(call: Call) -> bool:
    """By ID, TAG or SUB_TAG, of the caller's own."""
    talk = call.portal.area(Talk)
    client, tag = _tag(call)
    number, sub_tag = integer(call.get("ID")), str(call.get("SUB_TAG") or "")
    own = [note for note in talk.notes if client and note.client == client]
    gone = [note for note in own if (tag and note.tag == tag) or (sub_tag and note.sub_tag == sub_tag)]
    gone += [note for note in talk.notes if note.id == number and note not in gone]
    for note in gone:
        talk.notes.remove(note)
    return bool(gone)


@method("im.message.add", scope="im")
def message_add(call: Call) -> int:
    dialog, portal = str(call.get("DIALOG_ID") or call.get("USER_ID") or ""), call.portal
    text = _text(call)
    if dialog.isdigit():
        if dialog not in portal.people:
            raise RestError(400, "USER_NOT_FOUND", "User not found")
    elif not dialog.startswith(("chat", "sg")):
        raise RestError(400, "DIALOG_ID_EMPTY", "Dialog ID can't be empty")
    made = Message(portal.next_id("im"), dialog, call.client.user_id, text, str(call.get("SYSTEM") or "N").upper() == "Y")
    made.at = portal.now().isoformat()
    portal.area(Talk).messages.append(made)
    return made.id


# -- doors


@door("GET", "/sandbox/notifications")
def notifications(sandbox: Sandbox, asked: Mapping[str, Any]) -> dict[str, Any]:
    """`?user=7`: that person's notes, newest first; without it everybody's."""
    with sandbox.portal.lock:
        talk = sandbox.portal.area(Talk)
        notes = [asdict(note) for note in reversed(talk.notes) if asked.get("user") in (None, "", note.user)]
        return {"notifications": notes, "replaced": talk.replaced}


@door("GET", "/sandbox/messages")
def chat(sandbox: Sandbox, asked: Mapping[str, Any]) -> dict[str, Any]:
    """`?dialog=chat5`: the messages of a chat, newest first."""
    with sandbox.portal.lock:
        kept = reversed(sandbox.portal.area(Talk).messages)
        return {"messages": [asdict(item) for item in kept if asked.get("dialog") in (None, "", item.dialog)]}
