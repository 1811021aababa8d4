"""Texts that people write in the portal and that we send: how it hands them over, and how it hears what became of them.

The portal hands one over once and waits for nothing (contract, section 11): all of it is kept before it is answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from connectors.bitrix24.client import Client
from connectors.bitrix24.setup_app import SENDER_PREFIX
from kernel.conversations import Incoming
from kernel.crm import TextStatus
from kernel.errors import BadInput, NotFound, Rejected

MESSAGE_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z", re.ASCII)
TEXT_CHARACTERS_MAX = 10_000
NUMBER_CHARACTERS_MAX = 40
KINDS = {"LEAD": 1, "DEAL": 2, "CONTACT": 3, "COMPANY": 4}
DOCUMENT = re.compile(r"(LEAD|DEAL|CONTACT|COMPANY)_([1-9][0-9]{0,17})\Z", re.ASCII)
NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)


def request_of(response: Mapping[str, Any], entities: Callable[[int], list[str]]) -> Incoming:
    """What the portal wants sent. `entities`: our words for a kind of record. Raises BadInput naming the field."""
    code = str(response.get("code") or "")
    provider = code.removeprefix(SENDER_PREFIX) if code.startswith(SENDER_PREFIX) else ""
    if not provider:
        raise BadInput("`code` is no provider of ours", field="code")
    message = str(response.get("message_id") or "")
    if not MESSAGE_ID.match(message):
        raise BadInput("`message_id` is missing, or nothing that a portal gives", field="message_id")
    to = str(response.get("message_to") or "").strip()
    if not to or len(to) > NUMBER_CHARACTERS_MAX:
        raise BadInput("`message_to` is missing, or no number", field="message_to")
    text = str(response.get("message_body") or "")
    if not text.strip() or len(text) > TEXT_CHARACTERS_MAX:
        raise BadInput(f"`message_body` is missing, or longer than {TEXT_CHARACTERS_MAX} characters", field="message_body")
    author = str((response.get("auth") or {}).get("user_id") or "")
    process = str(response.get("module_id") or "") == "bizproc"
    return Incoming(
        vendor_id=f"text:{message}", address=to, text=text, author=author if NUMBER.match(author) else "", kind="request",
        details={
            "provider": provider, "message": message, "by": "robot" if process else "person",
            "records": json.dumps(_records(response, entities, process=process)),
        },
    )  # fmt: skip


def _records(response: Mapping[str, Any], entities: Callable[[int], list[str]], *, process: bool) -> list[str]:
    """Whose cards it belongs to, "contact:830"; those of kinds that the set does not name are left out."""
    found = []
    if process:
        document = DOCUMENT.match(str((_items(response.get("document_id")) or [""])[-1]))
        pairs = [(KINDS[document[1]], document[2])] if document else []
    else:
        bound = [one for one in _items(response.get("bindings")) if isinstance(one, Mapping)]
        told = [(str(one.get("OWNER_TYPE_ID") or ""), str(one.get("OWNER_ID") or "")) for one in bound]
        pairs = [(int(kind), record) for kind, record in told if kind.isdecimal() and len(kind) < 6 and NUMBER.match(record)]
    for kind, record in pairs:
        found += [f"{entity}:{record}" for entity in entities(kind) if "/" not in entity]
    return list(dict.fromkeys(found))[:10]


def _items(value: Any) -> list[Any]:
    """`name[0]`, `[1]` of a form, or a list of JSON."""
    return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []


class BitrixTexts:
    """The application's own token speaks, which is an administrator's: anybody else may only report their own messages."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def report(self, provider: str, message_id: str, status: TextStatus) -> None:
        params = {"CODE": f"{SENDER_PREFIX}{provider}", "MESSAGE_ID": message_id, "STATUS": status}
        try:
            self._client.call("messageservice.message.status.update", params, writes=True, app=True)
        except Rejected as exc:
            if exc.vendor_code == "ERROR_MESSAGE_NOT_FOUND":
                raise NotFound(str(exc), vendor_code=exc.vendor_code) from exc
            raise


__all__ = ["BitrixTexts", "request_of"]
