"""Sets of data of another system, declared: `set.NAME.toml` says where the rows of a client come from and what they are.
Another back office is other files of this kind, and no code.

A set is one question, or one per service; a table is rows of one kind in its answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from kernel.errors import Misconfigured
from kernel.mapping.strict import Strict, load, place
from kernel.mapping.wire import TAG, ServiceMap, keep_named

SET_FILES = "set."
ColumnType = Literal["text", "date", "datetime", "month", "int", "qty", "price", "money", "words"]
NUMBERS = ("int", "qty", "price", "money")
SUMMED = ("int", "money")  #: quantities and prices of different instruments are not added up
SCALES: Mapping[str, int] = {"int": 0, "money": 2, "price": 6, "qty": 8}
#: Which types of a list's field can take a column.
FIELD_TYPES: Mapping[str, tuple[str, ...]] = {
    "text": ("text",), "words": ("text",), "month": ("text",), "date": ("date", "text"),
    "datetime": ("datetime", "date", "text"), **dict.fromkeys(NUMBERS, ("decimal", "text")),
}  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SOURCE = re.compile(rf"(?:\.\./)?(?:(?:{TAG}/)*@?{TAG})")
_ROWS = re.compile(rf"(?P<path>{TAG}(?:/{TAG})*)(?:\[(?P<no>!?)(?P<child>{TAG})\])?")


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


def load_sets(folder: Path, lists: Mapping[str, Mapping[str, str]]) -> dict[str, SetMap]:
    """`lists`: the types of the fields of each list, by name. Raises Misconfigured naming file, key and line."""
    found: dict[str, SetMap] = {}
    for path in sorted(folder.glob(f"{SET_FILES}*.toml")):
        one = load(path, SetMap)
        keep_named(path, found, one, SET_FILES)
        text = path.read_text(encoding="utf-8")
        wrong = [
            f"{place(path, text, keys)}: {what}"
            for name, table in one.table.items()
            for keys, what in _against_lists(["table", name], table, lists)
        ]
        if wrong:
            raise Misconfigured("\n".join(wrong))
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))


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
