"""Feeds that other systems fetch, declared: `feed.NAME.toml` says which records are in it and what of each.

A feed holds the newest state of each record, or, with `changes`, each change of one field of a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field, model_validator

from kernel.errors import Misconfigured
from kernel.mapping.strict import Strict, line_of, load, place

FEED_FILES = "feed."
FEED_ENTITIES = ("contact", "company", "deal")
FeedType = Literal["text", "decimal", "date", "datetime", "boolean"]
NAMED = ".name"  #: after a field: what staff see in place of our word or the CRM's id
STAGE = "@stage"
OF_RECORD = ("@id", "@entity", "@name", STAGE, f"{STAGE}{NAMED}", "@url", "@created", "@changed")
OF_CHANGE = ("@id", "@entity", "@from", f"@from{NAMED}", "@to", f"@to{NAMED}", "@who", "@when")
MOMENTS = ("@created", "@changed", "@when")
RESERVED = ("feed", "deleted", "next", "error")  #: elements of our own
YES_NO = ("yes", "no")
#: Which types of a CRM's field an element of that type can be made of; a text, of all.
MADE_OF: Mapping[str, tuple[str, ...]] = {
    "decimal": ("decimal",), "date": ("date", "datetime"), "datetime": ("datetime",), "boolean": ("bool", "choice"),
}  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ELEMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


class _Field(Protocol):
    @property
    def type(self) -> str: ...
    @property
    def values(self) -> Mapping[str, str]: ...


Fields = Mapping[str, _Field]  #: of an entity, by our names


class FeedElement(Strict):
    """One element of a record."""

    element: str
    source: str = Field(alias="from")  #: a field, FIELD.name, or a word with @
    type: FeedType = "text"
    personal: bool = False  #: only for consumers whose key says so
    words: dict[str, str] = Field(default_factory=dict)  #: our word -> what the consumer reads

    @model_validator(mode="after")
    def _sound(self) -> FeedElement:
        if not _ELEMENT.fullmatch(self.element) or self.element.lower().startswith("xml"):
            raise ValueError(f"«{self.element}» is no name of an element")
        if self.words and self.type != "text":
            raise ValueError("only a text has words")
        if (self.source in MOMENTS) != (self.type == "datetime") and self.source.startswith("@"):
            raise ValueError(f"«{self.source}» is {'a datetime' if self.source in MOMENTS else 'a text'}")
        return self

    @property
    def field(self) -> str:
        """The field of the record that it is made of; "" where it is none."""
        return "" if self.source.startswith("@") else self.source.removesuffix(NAMED)


class FeedMap(Strict):
    """One feed."""

    name: str
    row: str  #: the element of one record
    of: list[str] = Field(min_length=1)
    elements: list[FeedElement] = Field(min_length=1)
    when: dict[str, list[str]] = Field(default_factory=dict)  #: only records whose choice is one of these words
    filled: list[str] = Field(default_factory=list)  #: only records in which all of these are filled
    changes: dict[str, str] = Field(default_factory=dict)  #: entity -> @stage or the choice whose changes these are

    @model_validator(mode="after")
    def _sound(self) -> FeedMap:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"«{self.name}» is no name: small Latin letters, digits and _")
        if not _ELEMENT.fullmatch(self.row) or self.row in RESERVED or self.row.lower().startswith("xml"):
            raise ValueError(f"row: «{self.row}» is no name of an element, or one of ours: {', '.join(RESERVED)}")
        names = [one.element for one in self.elements]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"two elements are called «{twice}»")
        if foreign := next((one for one in self.of if one not in FEED_ENTITIES), ""):
            raise ValueError(f"of: «{foreign}» is none of {', '.join(FEED_ENTITIES)}")
        if len(set(self.of)) != len(self.of):
            raise ValueError("of names an entity twice")
        if self.changes and set(self.changes) != set(self.of):
            raise ValueError("changes says for each entity of the feed what changes, and for no other")
        if self.changes and (self.when or self.filled):
            raise ValueError("a feed of changes holds all of them: neither when nor filled")
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """The words with @ that stand for something here."""
        return OF_CHANGE if self.changes else OF_RECORD


def load_feeds(folder: Path, entities: Mapping[str, Fields]) -> dict[str, FeedMap]:
    """`entities`: the fields of each. Raises Misconfigured naming file, key and line."""
    found: dict[str, FeedMap] = {}
    for path in sorted(folder.glob(f"{FEED_FILES}*.toml")):
        one, text = load(path, FeedMap), path.read_text(encoding="utf-8")
        if path.name != f"{FEED_FILES}{one.name}.toml":
            raise Misconfigured(
                f"{folder.name}/{path.name}, line {line_of(text, ['name'])}: name: «{one.name}» belongs into "
                f"{FEED_FILES}{one.name}.toml"
            )
        wrong = [f"{place(path, text, keys)}: {what}" for keys, what in _against_set(one, entities)]
        if wrong:
            raise Misconfigured("\n".join(wrong))
        found[one.name] = one
    return found


def _against_set(feed: FeedMap, entities: Mapping[str, Fields]) -> Iterable[tuple[list[str], str]]:
    """What of a feed this set cannot give."""
    for entity in feed.of:
        if entity not in entities:
            yield ["of"], f"«{entity}» is no entity of this set"
    having = {name: entities[name] for name in feed.of if name in entities}
    for number, element in enumerate(feed.elements):
        for what in _against_fields(element, feed, having):
            yield ["elements", str(number)], what
    for key in feed.filled:
        if not any(key in fields for fields in having.values()):
            yield ["filled"], f"{' and '.join(having)}: there is no field «{key}»"
    for key, words in feed.when.items():
        for what in {_not_choice(key, fields, words) for fields in having.values() if key in fields} or {
            f"{' and '.join(having)}: there is no field «{key}»"
        }:
            if what:
                yield ["when", key], what
    for entity, source in feed.changes.items():
        if source != STAGE and entity in having and (what := _not_choice(source, having[entity], ())):
            yield ["changes", entity], what


def _not_choice(name: str, fields: Fields, words: Iterable[str]) -> str:
    field = fields.get(name)
    if field is None or field.type != "choice":
        return f"«{name}» is no field of type choice"
    return next((f"«{word}» is no value of «{name}»" for word in words if word not in field.values), "")


def _against_fields(element: FeedElement, feed: FeedMap, having: Mapping[str, Fields]) -> Iterable[str]:
    if not element.field:
        if element.source not in feed.words:
            yield f"from: there is no «{element.source}» here; there are: {', '.join(feed.words)}"
        return
    if feed.changes:
        yield f"from: a change has no field «{element.source}»; there are: {', '.join(feed.words)}"
        return
    found = [fields[element.field] for fields in having.values() if element.field in fields]
    if not found:
        yield f"from: {' and '.join(having)}: there is no field «{element.field}»"
    for field in found:
        if element.source.endswith(NAMED):
            if field.type not in ("choice", "contact", "company", "user", "users", "deal"):
                yield f"from: «{element.field}» is {field.type} and has no name beside it"
            elif element.type != "text":
                yield f"from: «{element.source}» is a text, not a {element.type}"
        elif element.type != "text" and field.type not in MADE_OF[element.type]:
            yield f"type: «{element.field}» is {field.type}, the element «{element.element}» {element.type}"
        elif element.type == "boolean" and field.type == "choice" and set(field.values) != set(YES_NO):
            yield f"type: the values of «{element.field}» are not {' and '.join(YES_NO)}"
