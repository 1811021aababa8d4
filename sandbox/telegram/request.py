"""A request and an answer, free of any framework; parameters of all four forms (contract 1.4)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from sandbox.common import answer

STATUS = {
    200: "OK", 302: "Found", 303: "See Other", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 409: "Conflict", 413: "Request Entity Too Large", 429: "Too Many Requests",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


@dataclass
class Upload:
    name: str
    mime: str
    content: bytes


@dataclass
class Request:
    """What came in, read once."""

    verb: str
    path: str
    query: str
    kind: str
    raw: bytes
    fields: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)
    broken: bool = False

    @classmethod
    def of(cls, environ: dict[str, Any]) -> Request:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        kind = environ.get("CONTENT_TYPE", "")
        raw = environ["wsgi.input"].read()
        request = cls(environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], kind, raw)
        request.fields.update(parse_qsl(request.query, keep_blank_values=True))
        if "multipart/form-data" in kind.lower():
            request._multipart()
        elif "json" in kind.lower():
            request._json()
        elif raw:
            request.fields.update(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
        return request

    def _multipart(self) -> None:
        """Fields and files of a multipart body; names of files as leniently as the real server reads them."""
        for head, content in _parts(self.raw, self.kind):
            name, filename = _option(head, "name"), _option(head, "filename")
            if filename or "filename" in head.lower():
                kind = re.search(r"(?im)^content-type:\s*([^\s;]+)", head)
                self.files[name] = Upload(filename or name, kind[1] if kind else "application/octet-stream", content)
            elif name:
                self.fields[name] = content.decode("utf-8", "replace")
        self.raw = b""  # fields and files say it all

    def _json(self) -> None:
        try:
            parsed = json.loads(self.raw or b"{}")
        except ValueError:
            parsed = None
        if isinstance(parsed, dict):
            self.fields.update(parsed)
        else:
            self.broken = True


def _parts(raw: bytes, kind: str) -> Iterator[tuple[str, bytes]]:
    """Head and content of each part."""
    border = re.search(r"boundary=\"?([^\";,]+)", kind)
    if border is None:
        return
    for piece in (b"\r\n" + raw).split(b"\r\n--" + border[1].encode())[1:]:
        head, blank, content = piece.partition(b"\r\n\r\n")
        if blank:
            yield head.decode("utf-8", "replace").strip(), content


def _option(head: str, name: str) -> str:
    """`name="x"`, `name=x` with letters of any language, or the encoded form `name*=utf-8''x`."""
    encoded = re.search(rf"(?i)[;\s]{name}\*=utf-8'[^']*'([^;\s]+)", head)
    if encoded:
        return unquote(encoded[1])
    plain = re.search(rf"(?i)[;\s]{name}=(?:\"((?:\\.|[^\"\\])*)\"|([^;\r\n]+))", head)
    if plain is None:
        return ""
    return re.sub(r"\\(.)", r"\1", plain[1]) if plain[1] is not None else plain[2].strip()


@dataclass
class Answer(answer.Answer):
    """`cut` hangs up instead."""

    phrases = STATUS
    cut: bool = False


as_json, as_html = Answer.of_json, Answer.of_html
