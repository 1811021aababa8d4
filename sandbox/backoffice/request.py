"""A request and an answer, free of any framework."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl

from sandbox.common import answer

STATUS = {
    200: "OK", 202: "Accepted", 301: "Moved Permanently", 302: "Found", 303: "See Other", 307: "Temporary Redirect",
    308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 415: "Unsupported Media Type", 429: "Too Many Requests", 500: "Internal Server Error",
    502: "Bad Gateway", 503: "Service Unavailable",
}  # fmt: skip
XML = "text/xml; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """What came in, read once."""

    verb: str
    path: str
    query: dict[str, str]
    kind: str
    raw: bytes
    headers: dict[str, str]  # names in lower case

    @classmethod
    def of(cls, environ: dict[str, Any]) -> Request:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        if not query and environ["QUERY_STRING"]:
            query = {environ["QUERY_STRING"]: ""}  # `?wsdl`
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }  # fmt: skip
        kind = environ.get("CONTENT_TYPE", "")
        return cls(environ["REQUEST_METHOD"], path, query, kind, environ["wsgi.input"].read(), headers)

    def data(self) -> dict[str, Any]:
        """A door's or a form's fields."""
        if self.verb == "GET":
            return dict(self.query)
        if "json" not in self.kind.lower():
            return dict(parse_qsl(self.raw.decode("utf-8", "replace"), keep_blank_values=True))
        made = json.loads(self.raw or b"{}")
        if not isinstance(made, dict):
            raise ValueError("a JSON object is needed")
        return made


@dataclass
class Answer(answer.Answer):
    """`stream` goes out piece by piece in place of `body`.

    `end` says how: as it should, cut in the middle of the body, or hung up without a word.
    """

    phrases = STATUS
    stream: Iterable[bytes] | None = None
    end: Literal["whole", "half", "nothing"] = "whole"
    outcome: str = "ok"  # for the log: ok, a fault's code, rejected, a trouble's name


as_json, as_html = Answer.of_json, Answer.of_html


HUNG_UP = Answer(end="nothing")
