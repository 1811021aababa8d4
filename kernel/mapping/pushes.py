"""What is handed over to another system, declared: `push.NAME.toml`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from kernel.errors import Misconfigured
from kernel.mapping.strict import Strict, load, place
from kernel.mapping.wire import NAMESPACE, READER_NAMES, check_encoding, check_path, check_words, keep_named

PUSH_FILES = "push."
ACCEPTED_NAMES = ("ClientID", "ContractNumber", "AccountOpenDate")
STATES = ("UNKNOWN", "IN_WORK", "ACCEPTED", "REJECTED")
WRITER_NAMES = (
    *READER_NAMES, *ACCEPTED_NAMES, *STATES, "OpenAccount", "RequestID", "OpenAccountResponse", "Accepted", "Rejected",
    "Error", "Field", "GetRequestResponse", "State", "FindClientResponse", "Client", "Name", "OpenDate", "INN", "Phone",
    "request_id", "inn", "phone",
)  # fmt: skip


Check = Literal["", "past", "inn10", "inn12", "kpp", "ogrn", "ogrnip", "email", "e164"]


class PushField(Strict):
    """One element of what is handed over."""

    to: str  #: below the part: TariffCode, Option[@code='margin']
    source: str = Field(alias="from")  #: a field of the part's record
    required: bool = False
    max: int = Field(default=0, ge=0)  #: characters; 0: as many as there are
    check: Check = ""
    as_: Literal["", "e164", "yes_no", "each", "ru_date", "comma"] = Field(default="", alias="as")
    words: dict[str, str] = Field(default_factory=dict)  #: our value, or true and false of yes_no -> theirs


class PushPart(Strict):
    """Elements that come from one record."""

    at: str
    of: str
    when: dict[str, list[str]] = Field(default_factory=dict)
    fields: list[PushField] = Field(min_length=1)

    def path(self, field: PushField) -> str:
        """Where that element stands in the request. `at` may be empty: below the root."""
        return f"{self.at}/{field.to}" if self.at else field.to


class OpeningService(Strict):
    """Where accounts are opened. Plain XML: `path` of the writer; `status` and `find` are paths, too."""

    face: Literal["soap", "xml"]
    path: str
    operation: str = ""
    status: str = ""  #: the look-up by RequestID: an operation, or a path
    find: str = ""  #: the look-up by ИНН and phone
    namespace: str = NAMESPACE
    action: str | None = None  #: of SOAP: the header SOAPAction of all three; without it NAMESPACE/OPERATION
    dates: Literal["iso", "ru"] = "iso"  #: in its answers
    encoding: str = ""  #: what requests are written in, and answers that do not say it, or say it wrongly; "": utf-8
    names: dict[str, str] = Field(default_factory=dict)  #: our name -> theirs; RequestID = "": there is no such element
    codes: dict[str, str] = Field(default_factory=dict)  #: their code of a fault, or of a field's error -> ours

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, encoding: str) -> str:
        return check_encoding(encoding)

    @model_validator(mode="after")
    def _face(self) -> OpeningService:
        check_path(self.path)
        check_words(self.names, WRITER_NAMES)
        if (self.face == "soap") != bool(self.operation):
            raise ValueError("the face soap, and only that, has an operation")
        if self.face == "xml":
            for one in filter(None, (self.status, self.find)):
                check_path(one)
        if not self.word("RequestID") and self.status:
            raise ValueError("names.RequestID is empty, so a request cannot be looked up by it: take out status")
        for name in WRITER_NAMES:
            if name != "RequestID" and not self.word(name):
                raise ValueError(f"names.{name} is empty")
        return self

    def word(self, ours: str) -> str:
        """Their name for it."""
        return self.names.get(ours, ours)

    def code(self, theirs: str) -> str:
        """What a code means."""
        return self.codes.get(theirs, theirs)


class PushMap(Strict):
    """What is handed over to the other system, and what it promises about repeats."""

    name: str
    service: OpeningService
    once: Literal["request_id", "lookup", "none"]
    entity: str = "deal"
    stage: str = ""
    settle_s: int = Field(default=120, ge=0, le=86_400)
    """With `once = "lookup"`: a request that is unknown now and so much later still never arrived."""
    answer: dict[str, str] = Field(default_factory=dict)  #: element of the answer, by their name -> "client.field"
    advice: dict[str, str] = Field(default_factory=dict)  #: code -> what to do
    part: list[PushPart] = Field(default_factory=list)

    @model_validator(mode="after")
    def _promise(self) -> PushMap:
        if self.once == "lookup" and not (self.service.status or self.service.find):
            raise ValueError("once = «lookup» needs service.status or service.find: by what is it looked up?")
        if self.once == "request_id" and not self.service.word("RequestID"):
            raise ValueError("once = «request_id», and service.names.RequestID is empty: what would be done once?")
        told = {self.service.word(name) for name in ACCEPTED_NAMES}
        for element, where in self.answer.items():
            if element not in told:
                raise ValueError(f"answer.{element}: an answer tells {', '.join(sorted(told))}")
            if not re.fullmatch(r"client\.[a-z][a-z0-9_]*", where):
                raise ValueError(f"answer.{element}: «{where}» is no field of the client's card: client.FIELD")
        return self

    def card_fields(self) -> dict[str, str]:
        """Which field of the client's card takes what an answer tells, by our name for it."""
        theirs = {self.service.word(name): name for name in ACCEPTED_NAMES}
        return {theirs[element]: where.partition(".")[2] for element, where in self.answer.items()}


def load_pushes(folder: Path, entities: Mapping[str, Iterable[str]]) -> dict[str, PushMap]:
    """`entities`: the fields of each. Raises Misconfigured naming file, key and line."""
    found: dict[str, PushMap] = {}
    for path in sorted(folder.glob(f"{PUSH_FILES}*.toml")):
        one = load(path, PushMap)
        keep_named(path, found, one, PUSH_FILES)
        text = path.read_text(encoding="utf-8")
        for part in one.part:
            if part.of not in entities:
                raise Misconfigured(f"{place(path, text, ['part', 'of'])}: «{part.of}» is no entity of this set")
            for field in (*(field.source for field in part.fields), *part.when):
                if field not in entities[part.of]:
                    raise Misconfigured(f"{place(path, text, ['part', 'fields'])}: {part.of} has no field «{field}»")
        clients = {part.of for part in one.part} - {one.entity}
        for element, where in one.answer.items():
            field = where.partition(".")[2]
            if clients and not any(field in entities[client] for client in clients):
                raise Misconfigured(
                    f"{place(path, text, ['answer', element])}: {' and '.join(sorted(clients))} have no field «{field}»"
                )
    return found
