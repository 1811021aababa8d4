"""Files that hang on comments: made of base64, described by disk.attachedObject.get, fetched from an address with a key."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote

from sandbox.bitrix24 import formats
from sandbox.bitrix24.registry import Call, RestError, method
from sandbox.bitrix24.request import Answer, Request, as_html
from sandbox.bitrix24.state import Portal

FIRST_OBJECT = 900  #: the object of the drive has another number than its place at the comment


@dataclass(eq=False)
class Attached:
    id: int
    name: str
    content: bytes
    author: int
    at: datetime
    owner: int  #: the comment
    key: str = field(default_factory=lambda: secrets.token_hex(8))

    def shown(self, portal: Portal) -> dict[str, Any]:
        """As FILES of a comment shows it; these addresses are for a browser that is signed in."""
        site = f"{portal.address}/disk"
        name = quote(self.name)
        person = portal.people.get(str(self.author))
        return {
            "id": self.id, "date": self.at.isoformat(), "type": "file", "name": self.name, "size": len(self.content),
            "authorId": self.author, "authorName": person.full_name if person else "",
            "urlPreview": "", "urlShow": f"{site}/showFile/{FIRST_OBJECT + self.id}/?filename={name}",
            "urlDownload": f"{site}/downloadFile/{FIRST_OBJECT + self.id}/?filename={name}",
        }  # fmt: skip


@dataclass
class Files:
    rows: dict[int, Attached] = field(default_factory=dict)


def taken(portal: Portal, sent: Any, author: int) -> Iterator[Attached]:
    """`[["name", "base64"], …]`, as forms and JSON bring it; what is no file is left out."""
    for item in formats.items(sent):
        pair = [str(part) for part in formats.items(item)]
        if len(pair) != 2:
            continue
        try:
            content = base64.b64decode(pair[1], validate=True)
        except (binascii.Error, ValueError):
            continue
        made = Attached(portal.next_id("attached"), pair[0], content, author, portal.now(), 0)
        portal.area(Files).rows[made.id] = made
        yield made


def drop(portal: Portal, file: Attached) -> None:
    portal.area(Files).rows.pop(file.id, None)


@method("disk.attachedObject.get", scope="disk")
def attached_get(call: Call) -> dict[str, Any]:
    found = call.portal.area(Files).rows.get(formats.integer(call.get("id")) or 0)
    if found is None:
        raise RestError(400, "ERROR_NOT_FOUND", f"Could not find entity with id {call.get('id')!r}.")
    return {
        "ID": str(found.id), "OBJECT_ID": str(FIRST_OBJECT + found.id), "MODULE_ID": "crm", "ENTITY_TYPE": "crm_timeline",
        "ENTITY_ID": str(found.owner), "CREATE_TIME": found.at.isoformat(), "CREATED_BY": str(found.author),
        "DOWNLOAD_URL": f"{call.portal.address}/disk/attached/{found.id}/?key={found.key}",
        "NAME": found.name, "SIZE": str(len(found.content)),
    }  # fmt: skip


def serve(portal: Portal, request: Request) -> Answer:
    """The bytes; without the key of its address, a page to sign in."""
    parts = request.path.strip("/").split("/")
    number = int(parts[2]) if len(parts) == 3 and parts[1] == "attached" and parts[2].isdigit() else 0
    with portal.lock:
        found = portal.area(Files).rows.get(number)
    given = parse_qs(request.environ.get("QUERY_STRING", "")).get("key", [""])[0]
    if found is None or not secrets.compare_digest(given, found.key):
        return as_html("<html><body><h1>Authorization</h1></body></html>", 403)
    return Answer(200, found.content, "application/octet-stream")
