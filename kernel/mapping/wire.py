"""How another system is asked: a service with the face of its questions and answers, and the names and codes it uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from kernel.errors import Misconfigured
from kernel.mapping.strict import Strict, line_of
from kernel.xml import ENCODINGS

NAMESPACE = "urn:broker:backoffice:v1"
TAG = r"[A-Za-z_][\w.-]*"
_PATH = re.compile(r"/[A-Za-z0-9._~/-]*")
_ASKED = re.compile(r"\{(\w+)\}")
ASKABLE = ("client_id", "start", "limit", "page_token")
#: What a code may mean beside an error of a field: each has consequences of its own.
MEANINGS = (
    "AUTH", "CLIENT_NOT_FOUND", "PAGE_EXPIRED", "REQUEST_ID_REUSED", "BUSY", "INTERNAL", "MAINTENANCE",
)  # fmt: skip
FAULT_NAMES = ("Code", "Message", "TraceID")
READER_NAMES = (*FAULT_NAMES, "errors", "CODE", "MESSAGE", "TRACE_ID", "cursor", "INDEX", "TOTAL")


def check_path(path: str) -> str:
    """An address below the setting's: it cannot leave the host."""
    if not _PATH.fullmatch(path) or "//" in path or ".." in path.split("/"):
        raise ValueError(
            f"«{path}» is no path below the address in the settings: it begins with /, with no scheme, host, «..» or query"
        )
    return path


def check_words(names: Mapping[str, str], known: Iterable[str]) -> None:
    for ours, theirs in names.items():
        if ours not in known:
            raise ValueError(f"names.{ours}: there is nothing of that name; there are: {', '.join(known)}")
        if theirs and not re.fullmatch(TAG, theirs):
            raise ValueError(f"names.{ours}: «{theirs}» is no name of an element, a parameter or an attribute")


def check_meanings(codes: Mapping[str, str]) -> None:
    for theirs, ours in codes.items():
        if ours not in MEANINGS:
            raise ValueError(f"codes.{theirs}: «{ours}» is none of {', '.join(MEANINGS)}")


def check_encoding(encoding: str) -> str:
    if encoding and encoding not in ENCODINGS:
        raise ValueError(f"«{encoding}» is none of {', '.join(ENCODINGS)}")
    return encoding


def prefix_of(namespace: str) -> str:
    """What stands before a name of that namespace; "" where there is none."""
    return f"{{{namespace}}}" if namespace else ""


class ServiceMap(Strict):
    """Where one question goes, and how its answer is written."""

    face: Literal["soap", "xml"]
    path: str
    operation: str = ""  #: of SOAP
    namespace: str = NAMESPACE  #: of SOAP
    action: str | None = None  #: the header SOAPAction; without it NAMESPACE/OPERATION
    response: str = ""  #: of SOAP: the answer's element; without it OPERATIONResponse
    ask: dict[str, str] = Field(default_factory=dict)  #: name -> text, or {client_id} {start} {limit} {page_token}
    fresh_s: int = Field(default=0, ge=0, le=86_400)  #: an answer so old is as good as a new one
    page_size: int = Field(default=1000, ge=1, le=50_000)  #: rows of a page of plain XML
    client: str | None = None  #: where the answer names its client; "": nowhere. SOAP: Page/ClientID
    as_of: str | None = None  #: where it names its time. SOAP: Page/AsOf
    next_page: str = "Page/NextPageToken"  #: of SOAP: where it names its next page; "": there is one page only
    number: Literal["dot", "comma", "either"] = "dot"
    thousands: Literal["", " "] = ""
    exponent: bool = False
    dates: Literal["iso", "ru"] = "iso"
    encoding: str = ""  #: of an answer that does not say it, or says it wrongly
    max_mb: int = Field(default=32, ge=1, le=1024)  #: what is longer, once unpacked, is no answer
    names: dict[str, str] = Field(default_factory=dict)  #: our name -> theirs, of what an error and a cursor hold
    codes: dict[str, str] = Field(default_factory=dict)  #: their code of a fault -> ours

    @field_validator("path")
    @classmethod
    def _below(cls, path: str) -> str:
        return check_path(path)

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, encoding: str) -> str:
        return check_encoding(encoding)

    @field_validator("names")
    @classmethod
    def _names(cls, names: dict[str, str]) -> dict[str, str]:
        check_words(names, READER_NAMES)
        return names

    @field_validator("codes")
    @classmethod
    def _codes(cls, codes: dict[str, str]) -> dict[str, str]:
        check_meanings(codes)
        return codes

    @model_validator(mode="after")
    def _face(self) -> ServiceMap:
        if (self.face == "soap") != bool(self.operation):
            raise ValueError("the face soap, and only that, has an operation")
        if (self.face == "xml") != self.path.endswith(".xml"):
            raise ValueError("the path of the face xml, and only that, ends in .xml")
        for name, text in self.ask.items():
            if not re.fullmatch(TAG, name):
                raise ValueError(f"ask.{name} is no name of a parameter or an element")
            for word in _ASKED.findall(text):
                if word not in ASKABLE:
                    raise ValueError(f"ask.{name}: there is no {{{word}}}; there are: {', '.join(ASKABLE)}")
        if not any("{client_id}" in text for text in self.ask.values()):
            raise ValueError("ask says nowhere whose rows are wanted: {client_id}")
        if self.response and self.face != "soap":
            raise ValueError("only the face soap has a response")
        for key in ("client", "as_of", "next_page"):
            if (given := getattr(self, key)) and not re.fullmatch(rf"(?:{TAG}/)*@?{TAG}", given):
                raise ValueError(f"{key}: «{given}» is no place in an answer")
        return self

    @property
    def soap_action(self) -> str:
        return f"{self.namespace}/{self.operation}" if self.action is None else self.action

    @property
    def answer_tag(self) -> str:
        """Of SOAP, without its namespace."""
        return self.response or f"{self.operation}Response"

    def word(self, ours: str) -> str:
        """Their name for it."""
        return self.names.get(ours, ours)

    def code(self, theirs: str) -> str:
        """What a fault's code means."""
        return self.codes.get(theirs, theirs)

    @property
    def client_at(self) -> str:
        return ("Page/ClientID" if self.face == "soap" else "") if self.client is None else self.client

    @property
    def as_of_at(self) -> str:
        return ("Page/AsOf" if self.face == "soap" else "") if self.as_of is None else self.as_of


def keep_named(path: Path, found: dict[str, Any], one: Any, prefix: str) -> None:
    line = line_of(path.read_text(encoding="utf-8"), ["name"])
    if path.name != f"{prefix}{one.name}.toml":
        raise Misconfigured(
            f"{path.parent.name}/{path.name}, line {line}: name: «{one.name}» belongs into {prefix}{one.name}.toml"
        )
    found[one.name] = one
