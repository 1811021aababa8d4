"""A request and an answer of the portal, free of any framework: a simple call must cost about a millisecond."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.formparser import parse_form_data

from sandbox.bitrix24 import params
from sandbox.bitrix24.registry import RestError
from sandbox.common import answer

STATUS = {
    200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 410: "Gone", 422: "Unprocessable Entity", 429: "Too Many Requests",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out",
}  # fmt: skip


@dataclass
class Request:
    """What came in, read once."""

    environ: dict[str, Any]
    verb: str
    path: str
    query: dict[str, Any]
    source: str
    secure: bool

    @classmethod
    def of(cls, environ: dict[str, Any]) -> Request:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        return cls(
            environ, environ["REQUEST_METHOD"], path, params.parse(environ["QUERY_STRING"]), environ["REMOTE_ADDR"],
            environ["wsgi.url_scheme"] == "https",
        )  # fmt: skip

    def body(self) -> dict[str, Any]:
        """The tree of the body whatever its form; broken JSON is an empty tree, as PHP takes it."""
        kind = self.environ.get("CONTENT_TYPE", "").lower()
        stream = self.environ["wsgi.input"]
        if "multipart/form-data" in kind:
            _, form, files = parse_form_data(self.environ)
            pairs: list[tuple[str, Any]] = list(form.items(multi=True))
            pairs += [(name, [file.filename, file.read().hex()]) for name, file in files.items(multi=True)]
            return params.nest(pairs)
        raw = stream.read()
        if not raw.strip():
            return {}
        if "json" in kind or raw.lstrip()[:1] in (b"{", b"["):
            return _json(raw)
        return params.parse(raw.decode("utf-8", "replace"))

    def json(self) -> dict[str, Any]:
        """The JSON body of a door or of REST 3.0."""
        raw = self.environ["wsgi.input"].read()
        return _json(raw) if raw.strip() else {}


def _json(raw: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(raw)
    except ValueError:
        return {}
    if isinstance(parsed, list):
        return {str(number): item for number, item in enumerate(parsed)}
    return parsed if isinstance(parsed, dict) else {}


@dataclass
class Answer(answer.Answer):
    """`cut` hangs up instead."""

    phrases = STATUS
    kind: str = "application/json; charset=utf-8"
    cut: bool = False


as_json, as_html = Answer.of_json, Answer.of_html


def as_xml(body: Mapping[str, Any], status: int = 200) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<response>{_xml(body)}</response>'
    return Answer(status, text.encode(), "text/xml; charset=utf-8")


def _xml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(_element(str(key), item) for key, item in value.items())
    if isinstance(value, list):
        return "".join(_element("item", item) for item in value)
    if isinstance(value, bool):
        return "1" if value else ""
    return "" if value is None else html.escape(str(value), quote=False)


def _element(name: str, value: Any) -> str:
    name = f"item{name}" if name.isdigit() else name
    return f"<{name}>{_xml(value)}</{name}>"


def error(failed: RestError, xml: bool = False) -> Answer:
    body = {"error": failed.code, "error_description": failed.description, **failed.extra}
    return as_xml(body, failed.status) if xml else as_json(body, failed.status)
