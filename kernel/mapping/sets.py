"""Sets of data of another system, declared: `set.NAME.toml` says where the rows of a client come from and what they are,
`push.NAME.toml` what is handed over. Another back office is other files of this kind, and no code.

A set is one question, or one per service; a table is rows of one kind in its answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from kernel.errors import Misconfigured
from kernel.mapping.strict import Strict, line_of, load, place

SET_FILES, PUSH_FILES = "set.", "push."
NAMESPACE = "urn:broker:backoffice:v1"
ColumnType = Literal["text", "date", "datetime", "month", "int", "qty", "price", "money", "words"]
NUMBERS = ("int", "qty", "price", "money")
SUMMED = ("int", "money")  #: quantities and prices of different instruments are not added up
SCALES: Mapping[str, int] = {"int": 0, "money": 2, "price": 6, "qty": 8}
#: Which types of a list's field can take a column.
FIELD_TYPES: Mapping[str, tuple[str, ...]] = {
    "text": ("text",), "words": ("text",), "month": ("text",), "date": ("date", "text"),
    "datetime": ("datetime", "date", "text"), **dict.fromkeys(NUMBERS, ("decimal", "text")),
}  # fmt: skip
ENCODINGS = ("utf-8", "windows-1251", "us-ascii", "iso-8859-1", "iso-8859-5", "koi8-r", "cp866")
"""Those that read ASCII as ASCII: what stands before the root can be looked at before anything is parsed."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TAG = r"[A-Za-z_][\w.-]*"
_SOURCE = re.compile(rf"(?:\.\./)?(?:(?:{_TAG}/)*@?{_TAG})")
_ROWS = re.compile(rf"(?P<path>{_TAG}(?:/{_TAG})*)(?:\[(?P<no>!?)(?P<child>{_TAG})\])?")
_PATH = re.compile(r"/[A-Za-z0-9._~/-]*")
_ASKED = re.compile(r"\{(\w+)\}")
ASKABLE = ("client_id", "start", "limit", "page_token")
#: What a code may mean beside an error of a field: each has consequences of its own.
MEANINGS = (
    "AUTH", "CLIENT_NOT_FOUND", "PAGE_EXPIRED", "REQUEST_ID_REUSED", "BUSY", "INTERNAL", "MAINTENANCE",
)  # fmt: skip
FAULT_NAMES = ("Code", "Message", "TraceID")
READER_NAMES = (*FAULT_NAMES, "errors", "CODE", "MESSAGE", "TRACE_ID", "cursor", "INDEX", "TOTAL")
ACCEPTED_NAMES = ("ClientID", "ContractNumber", "AccountOpenDate")
STATES = ("UNKNOWN", "IN_WORK", "ACCEPTED", "REJECTED")
WRITER_NAMES = (
    *READER_NAMES, *ACCEPTED_NAMES, *STATES, "OpenAccount", "RequestID", "OpenAccountResponse", "Accepted", "Rejected",
    "Error", "Field", "GetRequestResponse", "State", "FindClientResponse", "Client", "Name", "OpenDate", "INN", "Phone",
    "request_id", "inn", "phone",
)  # fmt: skip


def _path(path: str) -> str:
    """An address below the setting's: it cannot leave the host."""
    if not _PATH.fullmatch(path) or "//" in path or ".." in path.split("/"):
        raise ValueError(
            f"«{path}» is no path below the address in the settings: it begins with /, with no scheme, host, «..» or query"
        )
    return path


def _words(names: Mapping[str, str], known: Iterable[str]) -> None:
    for ours, theirs in names.items():
        if ours not in known:
            raise ValueError(f"names.{ours}: there is nothing of that name; there are: {', '.join(known)}")
        if theirs and not re.fullmatch(_TAG, theirs):
            raise ValueError(f"names.{ours}: «{theirs}» is no name of an element, a parameter or an attribute")


def _meanings(codes: Mapping[str, str]) -> None:
    for theirs, ours in codes.items():
        if ours not in MEANINGS:
            raise ValueError(f"codes.{theirs}: «{ours}» is none of {', '.join(MEANINGS)}")


def _encoding(encoding: str) -> str:
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
        return _path(path)

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, encoding: str) -> str:
        return _encoding(encoding)

    @field_validator("names")
    @classmethod
    def _names(cls, names: dict[str, str]) -> dict[str, str]:
        _words(names, READER_NAMES)
        return names

    @field_validator("codes")
    @classmethod
    def _codes(cls, codes: dict[str, str]) -> dict[str, str]:
        _meanings(codes)
        return codes

    @model_validator(mode="after")
    def _face(self) -> ServiceMap:
        if (self.face == "soap") != bool(self.operation):
            raise ValueError("the face soap, and only that, has an operation")
        if (self.face == "xml") != self.path.endswith(".xml"):
            raise ValueError("the path of the face xml, and only that, ends in .xml")
        for name, text in self.ask.items():
            if not re.fullmatch(_TAG, name):
                raise ValueError(f"ask.{name} is no name of a parameter or an element")
            for word in _ASKED.findall(text):
                if word not in ASKABLE:
                    raise ValueError(f"ask.{name}: there is no {{{word}}}; there are: {', '.join(ASKABLE)}")
        if not any("{client_id}" in text for text in self.ask.values()):
            raise ValueError("ask says nowhere whose rows are wanted: {client_id}")
        if self.response and self.face != "soap":
            raise ValueError("only the face soap has a response")
        for key in ("client", "as_of", "next_page"):
            if (given := getattr(self, key)) and not re.fullmatch(rf"(?:{_TAG}/)*@?{_TAG}", given):
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


class SetColumn(Strict):
    """One column of a table."""

    name: str
    title: str
    source: str = Field(alias="from")  #: A/B, @X, ../@X, and A | B for the first that is present
    type: ColumnType = "text"
    as_: Literal["month"] | None = Field(default=None, alias="as")  #: short for type = "month"
    join: str | None = None  #: between the texts of several elements of that name
    words: dict[str, str] = Field(default_factory=dict)  #: code -> what people read
    required: bool = False  #: missing in all rows: the answer is no good one
    subtotal: Literal["", "sum", "count"] = ""  #: count: how many rows of each word
    field: str = ""  #: of the list, where it is not the name
    listed: bool = True  #: it has a place in the list
    hidden: bool = False  #: read, but not shown

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: object) -> object:
        """`as = "month"` and `words = {…}` say the type."""
        if isinstance(given, dict) and "type" not in given:
            if given.get("as") == "month":
                return given | {"type": "month"}
            if given.get("words"):
                return given | {"type": "words"}
        return given

    @model_validator(mode="after")
    def _sound(self) -> SetColumn:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"«{self.name}» is no name: small Latin letters, digits and _")
        for one in self.sources:
            if not _SOURCE.fullmatch(one):
                raise ValueError(f"from: «{one}» is none of A/B, @X, ../@X")
        if self.subtotal == "sum" and self.type not in SUMMED:
            raise ValueError(f"a subtotal of {self.type} is no figure: only {' and '.join(SUMMED)} are added up")
        if self.subtotal == "count" and self.type not in ("words", "text"):
            raise ValueError("only rows of a word are counted")
        if bool(self.words) != (self.type == "words"):
            raise ValueError("a column of type words, and only such a one, has words")
        if self.as_ and self.type != "month":
            raise ValueError(f"as = «month» is another type than «{self.type}»")
        if self.join is not None and self.type not in ("text", "words"):
            raise ValueError("only texts are joined")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(one.strip() for one in self.source.split("|"))

    @property
    def list_field(self) -> str:
        """The list's field that takes it; "" where none does."""
        return (self.field or self.name) if self.listed else ""


@dataclass(frozen=True)
class RowPath:
    """Which elements are rows: the path to them, and a child that they must have, or must not have."""

    steps: tuple[str, ...]
    child: str = ""
    absent: bool = False


class SetTable(Strict):
    """Rows of one kind, and the list that they go to."""

    title: str
    rows: str  #: SOAP: A/B, A[Child] or A[!Child]; plain XML: the id of the data block
    columns: list[SetColumn] = Field(min_length=1)
    list_name: str = Field(default="", alias="list")
    service: ServiceMap | None = None  #: its own, where it is not the set's
    where: dict[str, str | list[str]] = Field(default_factory=dict)  #: only rows with these attributes
    key: list[str] = Field(default_factory=list)
    group: list[str] = Field(default_factory=list)  #: a subtotal after each of these
    per: list[str] = Field(default_factory=list)  #: never added up across these
    keep: str = ""  #: which rows go into the list where there are too many: a column, with - the largest first
    sort: str = ""  #: the order they are shown in, likewise
    fold: bool = False  #: rows of one key are added up
    history: bool = False  #: what the back office has no more stays in the list

    @model_validator(mode="after")
    def _known_columns(self) -> SetTable:
        names = [one.name for one in self.columns]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two columns are called «{name}»")
        for key in ("key", "group", "per"):
            for name in getattr(self, key):
                if name not in names:
                    raise ValueError(f"{key} names «{name}», which is no column here")
        for key in ("keep", "sort"):
            if (name := getattr(self, key).removeprefix("-")) and name not in names:
                raise ValueError(f"{key} names «{name}», which is no column here")
        if self.fold and not self.key:
            raise ValueError("what is folded needs a key")
        if self.list_name and not self.key:
            raise ValueError("what goes into a list needs a key")
        if not _ROWS.fullmatch(self.rows):
            raise ValueError(f"rows: «{self.rows}» is none of A/B, A[Child], A[!Child]")
        return self

    @cached_property
    def row_path(self) -> RowPath:
        found = _ROWS.fullmatch(self.rows)
        assert found is not None
        return RowPath(tuple(found["path"].split("/")), found["child"] or "", bool(found["no"]))

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where a column's cell stands in a row."""
        return {one.name: place for place, one in enumerate(self.columns)}


class SetMap(Strict):
    """One set: a sub-tab of its own."""

    name: str
    title: str
    order: int = 0
    of: list[str] = Field(min_length=1)  #: entities whose `client_id` says whose rows these are
    service: ServiceMap | None = None
    table: dict[str, SetTable] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> SetMap:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"«{self.name}» is no name: small Latin letters, digits and _")
        for name, table in self.table.items():
            service = table.service or self.service
            if service is None:
                raise ValueError(f"table.{name} has no service, and neither has the set")
            if service.face == "xml" and ("/" in table.rows or table.row_path.child):
                raise ValueError(f"table.{name}.rows: of plain XML it is the id of a data block")
            if service.face == "soap" and table.where:
                raise ValueError(f"table.{name}.where is about attributes of plain XML; of SOAP say rows = «A[Child]»")
            for column in table.columns:
                if service.face == "xml" and any("/" in one for one in column.sources):
                    raise ValueError(f"table.{name}: «{column.name}» is an attribute of a row of plain XML: from = «NAME»")
        return self

    def service_of(self, table: str) -> ServiceMap:
        found = self.table[table].service or self.service
        assert found is not None
        return found

    def services(self, tables: tuple[str, ...] = ()) -> list[tuple[ServiceMap, tuple[str, ...]]]:
        """Each service that has to be asked for these tables (all), and what comes with it."""
        found: list[tuple[ServiceMap, tuple[str, ...]]] = []
        for name in self.table:
            if tables and name not in tables:
                continue
            service = self.service_of(name)
            for number, (other, names) in enumerate(found):
                if other == service:
                    found[number] = other, (*names, name)
                    break
            else:
                found.append((service, (name,)))
        return found


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
        return _encoding(encoding)

    @model_validator(mode="after")
    def _face(self) -> OpeningService:
        _path(self.path)
        _words(self.names, WRITER_NAMES)
        if (self.face == "soap") != bool(self.operation):
            raise ValueError("the face soap, and only that, has an operation")
        if self.face == "xml":
            for one in filter(None, (self.status, self.find)):
                _path(one)
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


Declared = TypeVar("Declared", SetMap, PushMap)


def load_sets(folder: Path, lists: Mapping[str, Mapping[str, str]]) -> dict[str, SetMap]:
    """`lists`: the types of the fields of each list, by name. Raises Misconfigured naming file, key and line."""
    found: dict[str, SetMap] = {}
    for path in sorted(folder.glob(f"{SET_FILES}*.toml")):
        one = load(path, SetMap)
        _named(path, found, one, SET_FILES)
        text = path.read_text(encoding="utf-8")
        wrong = [
            f"{place(path, text, keys)}: {what}"
            for name, table in one.table.items()
            for keys, what in _against_lists(["table", name], table, lists)
        ]
        if wrong:
            raise Misconfigured("\n".join(wrong))
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))


def load_pushes(folder: Path, entities: Mapping[str, Iterable[str]]) -> dict[str, PushMap]:
    """`entities`: the fields of each. Raises Misconfigured naming file, key and line."""
    found: dict[str, PushMap] = {}
    for path in sorted(folder.glob(f"{PUSH_FILES}*.toml")):
        one = load(path, PushMap)
        _named(path, found, one, PUSH_FILES)
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


def _named(path: Path, found: dict[str, Declared], one: Declared, prefix: str) -> None:
    line = line_of(path.read_text(encoding="utf-8"), ["name"])
    if path.name != f"{prefix}{one.name}.toml":
        raise Misconfigured(
            f"{path.parent.name}/{path.name}, line {line}: name: «{one.name}» belongs into {prefix}{one.name}.toml"
        )
    found[one.name] = one


def _against_lists(keys: list[str], table: SetTable, lists: Mapping[str, Mapping[str, str]]) -> list[tuple[list[str], str]]:
    """What of a table its list cannot take."""
    if not table.list_name:
        return []
    fields = lists.get(table.list_name)
    if fields is None:
        return [([*keys, "list"], f"there is no list.{table.list_name}.toml")]
    wrong, taken = [], dict[str, str]()
    for number, column in enumerate(table.columns):
        name = column.list_field
        if not name or column.hidden:
            continue
        at = [*keys, "columns", str(number)]
        if name not in fields:
            wrong.append((at, f"list «{table.list_name}» has no field «{name}» for the column «{column.name}»"))
        elif fields[name] not in FIELD_TYPES[column.type]:
            wrong.append((at, f"the list's field «{name}» is {fields[name]}, the column «{column.name}» {column.type}"))
        elif name in taken:
            wrong.append((at, f"columns «{taken[name]}» and «{column.name}» go into one field «{name}»"))
        taken[name] = column.name
    return wrong
