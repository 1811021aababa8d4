"""What comes in from outside and becomes a lead, declared: `form.NAME.toml` says what is sent and where it goes.

A form of a site, or the application of a state portal: whoever sends it proves themselves to the connection that the file
names, and the connector of that reads what was sent by this declaration. What the file does not name is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field, model_validator

from kernel.errors import BadInput, Misconfigured
from kernel.mapping.numbers import e164, is_inn
from kernel.mapping.strict import Strict, line_of, load, place

FORM_FILES = "form."
LEAD = "lead"
FORM_KEY = "form_key"  #: in which a browser names the form's public key
ONCE = "submission_id"  #: how a site names one submission, so that a repeat is known as one
NAMED = ("name", "source", "assigned")  #: fields of a lead that are filled without a line of a form
CHARACTERS_MAX = 10_000
ONCE_CHARACTERS_MAX = 200
YES, NO = ("true", "yes", "y", "1", "on"), ("false", "no", "n", "0", "off", "")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_EMAIL = re.compile(r"[^@\s<>\"',;]{1,64}@(?:[^@\s<>\"',;.]+\.)+[^@\s<>\"',;.]{2,}")
# Controls but tab and line ends, halves of characters, and what Unicode calls no character: nobody types these.
_UNTYPED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
Kind = Literal["text", "lines", "phone", "email", "inn", "date", "flag"]
#: Which types of a lead's field a value of that kind may go to.
GOES_TO: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "choice"), "lines": ("text",), "phone": ("text",), "email": ("text",), "inn": ("text",),
    "date": ("date", "text"), "flag": ("bool", "text"),
}  # fmt: skip


class _Field(Protocol):
    @property
    def type(self) -> str: ...
    @property
    def values(self) -> Mapping[str, str]: ...
    @property
    def multiline(self) -> bool: ...


Fields = Mapping[str, _Field]  #: of an entity, by our names


class FormField(Strict):
    """One value that is sent."""

    source: str = Field(alias="from")  #: its name there
    to: str = ""  #: a field of the lead; without one it only serves to find out who it is
    kind: Kind = "text"  #: phone, email and inn are also that by which a client is known
    required: bool = False
    max: int = Field(default=255, ge=1, le=CHARACTERS_MAX)  #: characters
    label: str = ""  #: stands before the value where it goes to a field of several lines
    words: dict[str, str] = Field(default_factory=dict)  #: what is sent -> what we write; anything else is refused

    def read(self, sent: str) -> str:
        """The value as we keep it: days as ISO, phones with + and country. Raises BadInput naming the field."""
        if _UNTYPED.search(sent):
            raise BadInput.of("form_characters", field=self.source, name=self.source)
        text = _lines(sent) if self.kind == "lines" else " ".join(sent.split())
        if not text:
            if self.required:
                raise BadInput.of("form_required", field=self.source, name=self.source)
            return ""
        if len(text) > self.max:
            raise BadInput.of("form_too_long", field=self.source, name=self.source, most=self.max)
        if self.words:
            if text not in self.words:
                raise BadInput.of("form_word", field=self.source, name=self.source)
            return self.words[text]
        found = _AS[self.kind](text)
        if found is None:
            raise BadInput.of(_WRONG[self.kind], field=self.source, name=self.source)
        return found


def _lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")).strip()


def _day(text: str) -> str | None:
    """`1990-01-31` or `31.01.1990`."""
    if found := re.fullmatch(r"(\d{2})\.(\d{2})\.(\d{4})", text):
        text = f"{found[3]}-{found[2]}-{found[1]}"
    try:
        return date.fromisoformat(text).isoformat() if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else None
    except ValueError:
        return None


def _flag(text: str) -> str | None:
    word = text.casefold()
    return "yes" if word in YES else "no" if word in NO else None


_AS: Mapping[str, Callable[[str], str | None]] = {
    "text": lambda text: text, "lines": lambda text: text, "phone": e164, "date": _day, "flag": _flag,
    "email": lambda text: text.lower() if len(text) <= 254 and _EMAIL.fullmatch(text) else None,
    "inn": lambda text: text if is_inn(text) else None,
}  # fmt: skip


_WRONG = {
    "phone": "form_phone", "date": "form_date", "flag": "form_flag", "email": "form_email", "inn": "form_inn",
}  # fmt: skip


class PublicForm(Strict):
    """A form that browsers may post themselves, too."""

    key: str  #: stands in the page, so no secret: it tells this form's page from a guess
    origins: list[str] = Field(min_length=1)  #: whose pages may post it: https://www.broker.example
    trap: str = ""  #: a field that no person sees: who fills it is a program

    @model_validator(mode="after")
    def _sound(self) -> PublicForm:
        if not re.fullmatch(r"[A-Za-z0-9_-]{16,64}", self.key):
            raise ValueError("key: 16 to 64 of A-Z a-z 0-9 _ -")
        for one in self.origins:
            if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", one):
                raise ValueError(f"origins: «{one}» is no origin like https://www.broker.example")
        return self


class FormMap(Strict):
    """One form."""

    name: str
    title: str  #: what staff read: the lead's name begins with it
    connection: str  #: who sends it proves themselves to that connection
    source: str  #: of the choices of the lead's field `source`
    fields: list[FormField] = Field(min_length=1)
    public: PublicForm | None = None  #: without it only whoever has the connection's key may post

    @model_validator(mode="after")
    def _sound(self) -> FormMap:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"«{self.name}» is no name: small Latin letters, digits, - and _")
        names = [one.source for one in self.fields]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"two fields are called «{twice}»")
        own = (ONCE, FORM_KEY, *([self.public.trap] if self.public and self.public.trap else ()))
        if taken := next((name for name in names if name in own), ""):
            raise ValueError(f"«{taken}» is no field: it names the submission, the form's key or the trap")
        return self

    def read(self, sent: Mapping[str, str]) -> dict[str, str]:
        """What was sent, by its names there; what is empty is absent, and what is not declared is left out. Raises BadInput
        naming the first field at fault."""
        found = {one.source: one.read(sent.get(one.source, "")) for one in self.fields}
        return {name: text for name, text in found.items() if text}

    def known_by(self, values: Mapping[str, str], kind: Kind) -> list[str]:
        """Of values that were read: those of that kind, in the order of the file."""
        return [values[one.source] for one in self.fields if one.kind == kind and one.source in values]


def load_forms(folder: Path, lead: Fields | None, connections: Iterable[str]) -> dict[str, FormMap]:
    """`lead`: the fields of a lead. Raises Misconfigured naming file, key and line."""
    found: dict[str, FormMap] = {}
    known = list(connections)
    for path in sorted(folder.glob(f"{FORM_FILES}*.toml")):
        one, text = load(path, FormMap), path.read_text(encoding="utf-8")
        if path.name != f"{FORM_FILES}{one.name}.toml":
            raise Misconfigured(
                f"{folder.name}/{path.name}, line {line_of(text, ['name'])}: name: «{one.name}» belongs into "
                f"{FORM_FILES}{one.name}.toml"
            )
        wrong = [f"{place(path, text, keys)}: {what}" for keys, what in _against_set(one, lead, known)]
        if wrong:
            raise Misconfigured("\n".join(wrong))
        found[one.name] = one
    return found


def _against_set(form: FormMap, lead: Fields | None, connections: list[str]) -> Iterable[tuple[list[str], str]]:
    """What this set cannot do of a form."""
    if form.connection not in connections:
        yield (
            ["connection"],
            f"there is no connection «{form.connection}» here; there are: {', '.join(connections) or 'none'}",
        )
    if lead is None:
        yield ["name"], "this set has no leads: a form makes one"
        return
    if missing := [name for name in NAMED if name not in lead]:
        yield ["name"], f"{LEAD} has no field «{missing[0]}», which each form fills"
        return
    if form.source not in lead["source"].values:
        yield (
            ["source"],
            f"«{form.source}» is no value of the lead's «source»; there are: {', '.join(lead['source'].values)}",
        )
    filled: set[str] = set()
    for number, one in enumerate(form.fields):
        for what in _against_lead(one, lead, filled):
            yield ["fields", str(number)], what


def _against_lead(one: FormField, lead: Fields, filled: set[str]) -> Iterable[str]:
    if not one.to:
        return
    if one.to in NAMED:
        yield f"to: «{one.to}» is filled without it"
        return
    if (field := lead.get(one.to)) is None:
        yield f"to: {LEAD} has no field «{one.to}»"
        return
    if field.type not in GOES_TO[one.kind]:
        yield f"kind: «{one.to}» is {field.type}, and {one.kind} cannot go there"
    if field.type == "choice" and (foreign := [word for word in one.words.values() if word not in field.values]):
        yield f"words: «{foreign[0]}» is no value of «{one.to}»"
    if field.type == "choice" and not one.words:
        yield f"words: «{one.to}» is a choice: say which word means which"
    if one.to in filled and not field.multiline:
        yield f"to: «{one.to}» is filled by another field already; only one of several lines takes more"
    filled.add(one.to)


__all__ = ["FORM_FILES", "LEAD", "ONCE", "ONCE_CHARACTERS_MAX", "FormField", "FormMap", "load_forms"]
