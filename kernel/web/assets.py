"""Static files under addresses that change with their content, so that browsers may keep them for a year."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, abort, url_for

YEAR_SECONDS = 365 * 86_400
_folders: dict[str, Path] = {"web": Path(__file__).parent / "static"}


def add_folder(room: str, folder: Path) -> None:
    """Serve a plugin's static folder under its name."""
    if folder.is_dir():
        _folders[room] = folder


@cache
def _content(path: Path, _stamp: int) -> tuple[bytes, str]:
    content = path.read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


def _load(room: str, name: str) -> tuple[bytes, str] | None:
    folder = _folders.get(room)
    if folder is None or "/" in name or name.startswith("."):
        return None
    path = folder / name
    return _content(path, path.stat().st_mtime_ns) if path.is_file() else None


def asset(room: str, name: str) -> str:
    """The address of a static file."""
    found = _load(room, name)
    assert found is not None, f"no asset {room}/{name}"
    return url_for("assets.serve", room=room, digest=found[1], name=name)


def blueprint() -> Blueprint:
    pages = Blueprint("assets", __name__)

    @pages.get("/assets/<room>/<digest>/<name>")
    def serve(room: str, digest: str, name: str) -> Response:
        found = _load(room, name)
        if found is None:
            abort(404)
        content, current = found
        response = Response(content, mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream")
        fresh = digest == current  # a page from before an upgrade gets the new file, but must not keep it
        response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable" if fresh else "no-cache"
        return response

    return pages
