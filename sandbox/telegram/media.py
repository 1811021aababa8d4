"""Files in messages: from an upload, from a file_id, or from a person's hand; and how each kind looks in JSON."""

from __future__ import annotations

import mimetypes
from typing import Any

from sandbox.telegram.errors import Refusal, bad
from sandbox.telegram.model import StoredFile
from sandbox.telegram.params import Call
from sandbox.telegram.request import Upload
from sandbox.telegram.state import World

KINDS = ("photo", "document", "video", "audio", "voice", "animation", "video_note", "sticker")
MIME = {"photo": "image/jpeg", "video": "video/mp4", "audio": "audio/mpeg", "voice": "audio/ogg", "animation": "video/mp4",
        "video_note": "video/mp4", "sticker": "image/webp"}  # fmt: skip
ENDING = {"photo": ".jpg", "video": ".mp4", "audio": ".mp3", "voice": ".oga", "animation": ".mp4", "video_note": ".mp4",
          "sticker": ".webp"}  # fmt: skip
FOLDER = {"photo": "photos", "video": "videos", "audio": "music", "voice": "voice", "animation": "animations",
          "video_note": "video_notes", "sticker": "stickers"}  # fmt: skip


def given(call: Call, kind: str, value: Any = None) -> StoredFile:
    """The file a call gives under its parameter, as upload, `attach://part`, or file_id."""
    value = call.fields.get(kind) if value is None else value
    upload = call.files.get(kind) if value is None else None
    if isinstance(value, str) and value.startswith("attach://"):
        upload = call.files.get(value[9:])
        if upload is None:
            raise bad("wrong file identifier/HTTP URL specified")
    if upload is not None:
        return _uploaded(call.world, kind, upload)
    if not value:
        raise bad(f"there is no {kind.replace('_', ' ')} in the request")
    stored = call.world.file_by_id(call.bot.id, str(value))
    if stored is None:
        if str(value).startswith(("http://", "https://")):
            raise bad("failed to get HTTP URL content")
        raise bad("wrong file identifier/HTTP URL specified")
    return stored


def _uploaded(world: World, kind: str, upload: Upload) -> StoredFile:
    size = len(upload.content)
    if size == 0:
        raise bad("file must be non-empty")
    if size > world.faults.number("upload_max"):
        raise Refusal(413, "Request Entity Too Large")
    most = int(world.faults.number("photo_max"))
    if kind == "photo" and size > most:
        raise bad(f"file of size {size} bytes is too big for a photo; the maximum size is {most} bytes")
    if kind == "photo" and not _is_picture(upload.content):
        raise bad("IMAGE_PROCESS_FAILED")
    return world.store(upload.name, kind, upload.mime, upload.content)


def _is_picture(content: bytes) -> bool:
    return content.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")) or content[8:12] == b"WEBP"


def of_person(world: World, kind: str, data: dict[str, Any]) -> StoredFile:
    """A file that a person sends: `{"name", "text" or "base64" or "size", "mime"}`."""
    content = data.get("content")
    name = str(data.get("name") or f"{kind}{ENDING.get(kind, '.bin')}")
    mime = str(data.get("mime") or MIME.get(kind) or mimetypes.guess_type(name)[0] or "application/octet-stream")
    return world.store(name, kind, mime, content, int(data.get("size", 0)))


def content(kind: str, stored: StoredFile, seconds: int = 0) -> dict[str, Any]:
    """The part of a message that is the file."""
    one: dict[str, Any] = {"_file": stored.id}
    if kind == "photo":
        return {"photo": [one | {"width": 90, "height": 60}, one | {"width": 1280, "height": 853}]}
    if kind == "sticker":
        return {"sticker": one | {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False,
                                  "emoji": "👍", "set_name": "sandbox"}}  # fmt: skip
    if kind in ("video", "animation"):
        one |= {"width": 1280, "height": 720, "duration": seconds or 5}
    if kind in ("audio", "voice"):
        one |= {"duration": seconds or 17}
    if kind == "video_note":
        return {"video_note": one | {"length": 240, "duration": seconds or 5}}
    if kind != "voice":
        one["file_name"] = stored.name
    one["mime_type"] = stored.mime
    made = {kind: one}
    return made | {"document": dict(one)} if kind == "animation" else made


def path(stored: StoredFile) -> str:
    """Where getFile says it lies."""
    ending = "." + stored.name.rpartition(".")[2] if "." in stored.name else ENDING.get(stored.kind, "")
    return f"{FOLDER.get(stored.kind, 'documents')}/file_{stored.id}{ending}"
