"""What is handed over and what is wrong with it: values in, elements and findings out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from kernel.crm import Record, Ref, Unreadable, Value
from kernel.mapping import EntityMap, PushField, PushMap, PushPart
from kernel.mapping.numbers import INN_10, INN_11, INN_12, e164, sum_fits

REQUIRED, FORMAT, TOO_LONG, INN_CHECKSUM, CHECK_DIGITS, NOT_PAST = (
    "REQUIRED", "FORMAT", "TOO_LONG", "INN_CHECKSUM", "CHECK_DIGITS", "NOT_PAST",
)  # fmt: skip
DUPLICATE = "DUPLICATE_PERSON"
YES, NO = frozenset({"yes", "true", "да", "y", "1"}), frozenset({"no", "false", "нет", "n", "0"})
_EMAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"'.]+")
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Origin:
    """Which field of which card an element came from."""

    path: str  #: as an error names it: Terms/Market[2]
    entity: str
    field: str
    label: str
    value: str


@dataclass(frozen=True)
class Finding:
    """Something wrong: found by our own check, or told by the back office. `field` is empty where it is the whole card, or,
    with an empty `entity`, where no card has it."""

    code: str
    path: str = ""
    entity: str = ""
    field: str = ""
    label: str = ""
    value: str = ""
    message: str = ""
    client_id: str = ""  #: of whoever is the same client, where the back office says so

    def data(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Composed:
    """What would be handed over. It may be only where there are no findings."""

    elements: tuple[tuple[str, str], ...]
    origins: tuple[Origin, ...]
    findings: tuple[Finding, ...]

    def content(self) -> list[Any]:
        """What makes another attempt another one."""
        return [list(self.elements), [one.data() for one in self.findings]]


def compose(push: PushMap, records: Mapping[str, Record], plans: Mapping[str, EntityMap], today: date) -> Composed:
    """`records`: by entity, those that parts are made of."""
    elements: list[tuple[str, str]] = []
    origins: list[Origin] = []
    findings: list[Finding] = []
    parts = [part for part in push.part if part.of in records]
    for part in parts:
        if not _wanted(part, records[part.of]):
            continue
        for declared in part.fields:
            made = _Element(part, declared, records[part.of], plans[part.of], today)
            made.run()
            elements += made.elements
            origins += made.origins
            findings += made.findings
    findings += _no_part(parts, records, plans)
    return Composed(tuple(elements), tuple(origins), tuple(findings))


def _wanted(part: PushPart, record: Record) -> bool:
    return all(record.values.get(name) in words for name, words in part.when.items())


def _no_part(
    parts: Sequence[PushPart], records: Mapping[str, Record], plans: Mapping[str, EntityMap]
) -> list[Finding]:  # fmt: skip
    """Nothing says what kind of client that is, so nobody knows what to hand over."""
    found = []
    for entity in dict.fromkeys(part.of for part in parts):
        own = [part for part in parts if part.of == entity]
        if not any(_wanted(part, records[entity]) for part in own):
            names = dict.fromkeys(name for part in own for name in part.when)
            found += [
                Finding(REQUIRED, own[0].at, entity, name, plans[entity].field[name].name)
                for name in names
                if records[entity].values.get(name) is None
            ] or [
                Finding(
                    FORMAT, own[0].at, entity, name, plans[entity].field[name].name,
                    _shown(plans[entity], name, records[entity].values.get(name)),
                )
                for name in names
            ]  # fmt: skip
    return found


def _shown(plan: EntityMap, name: str, value: Value) -> str:
    """A value as staff see it: of a list the words, not our key."""
    text = text_of(value)
    return plan.field[name].values.get(text, text)[:200]


class _Element:
    """One declared field: its elements, or what is wrong with it."""

    def __init__(self, part: PushPart, declared: PushField, record: Record, plan: EntityMap, today: date) -> None:
        self.declared, self.today = declared, today
        self.value, self.entity = record.values.get(declared.source), part.of
        self.path, self.label = part.path(declared), plan.field[declared.source].name
        self.elements: list[tuple[str, str]] = []
        self.origins: list[Origin] = []
        self.findings: list[Finding] = []

    def run(self) -> None:
        if isinstance(self.value, Unreadable):
            self._wrong(FORMAT, self.value.raw)
            return
        texts = self._texts()
        if texts is None:
            self._wrong(FORMAT, text_of(self.value))
            return
        if not texts and self.declared.required:
            self._wrong(REQUIRED, "")
        for number, text in enumerate(texts, 1):
            path = f"{self.path}[{number}]" if self.declared.as_ == "each" else self.path
            if code := self._judged(text):
                self._wrong(code, text_of(self.value), path)
            self.elements.append((self.path, text))
            self.origins.append(Origin(path, self.entity, self.declared.source, self.label, text))

    def _texts(self) -> list[str] | None:
        """None: it cannot be made into what is wanted."""
        text = text_of(self.value)
        match self.declared.as_:
            case "each":
                parts = dict.fromkeys(part.strip() for part in re.split(r"[,;\n]", text))
                found = [self._in_their_words(part) for part in parts if part]
                return None if None in found else [word for words in found if words for word in words]
            case "yes_no" if text:
                folded = text.casefold()
                return self._in_their_words("true" if folded in YES else "false" if folded in NO else "")
            case "ru_date" if text:
                day = self.value.date() if isinstance(self.value, datetime) else self.value
                return [f"{day:%d.%m.%Y}"] if isinstance(day, date) else None
            case "comma" if text:
                return [text.replace(".", ",")] if isinstance(self.value, Decimal | int) else None
            case "e164" if text:
                phone = e164(text)
                return None if phone is None else [phone]
        return self._in_their_words(text) if text else []

    def _in_their_words(self, text: str) -> list[str] | None:
        """As the back office calls it, where the set says how; None: it has no word for it."""
        if self.declared.words:
            text = self.declared.words.get(text, "")
        return [text] if text else None

    def _judged(self, text: str) -> str:
        declared = self.declared
        if declared.max and len(text) > declared.max:
            return TOO_LONG
        if not all(one.isprintable() for one in text):
            return FORMAT
        return check(declared.check, text, self.value, self.today)

    def _wrong(self, code: str, value: str, path: str = "") -> None:
        self.findings.append(Finding(code, path or self.path, self.entity, self.declared.source, self.label, value[:200]))


def text_of(value: Value) -> str:
    """A value as the back office reads it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case datetime() | date():
            return value.isoformat()
        case Ref():
            return value.name
        case tuple():
            return ", ".join(one.name for one in value)
        case Unreadable():
            return value.raw
    return value.strip()


# --- checks -----------------------------------------------------------------------------------------------------------


def check(name: str, text: str, value: Value, today: date) -> str:
    """The code of what is wrong; empty if nothing is."""
    match name:
        case "past":
            day = value.date() if isinstance(value, datetime) else value
            return FORMAT if not isinstance(day, date) else "" if day < today else NOT_PAST
        case "inn10":
            return _digits(text, (10,)) or ("" if sum_fits(text, INN_10) else INN_CHECKSUM)
        case "inn12":
            return _digits(text, (12,)) or ("" if sum_fits(text, INN_11) and sum_fits(text, INN_12) else INN_CHECKSUM)
        case "kpp":
            return "" if re.fullmatch(r"[0-9]{4}[0-9A-Z]{2}[0-9]{3}", text) else FORMAT
        case "ogrn":
            return _digits(text, (13,)) or ("" if int(text[:-1]) % 11 % 10 == int(text[-1]) else CHECK_DIGITS)
        case "ogrnip":
            return _digits(text, (15,)) or ("" if int(text[:-1]) % 13 % 10 == int(text[-1]) else CHECK_DIGITS)
        case "email":
            return "" if _EMAIL.fullmatch(text) else FORMAT
        case "e164":
            return "" if re.fullmatch(r"\+[1-9][0-9]{9,14}", text) else FORMAT
    return ""


def _digits(text: str, lengths: tuple[int, ...]) -> str:
    return "" if text.isascii() and text.isdigit() and len(text) in lengths else FORMAT


# --- errors of the back office ----------------------------------------------------------------------------------------


def located(code: str, path: str, message: str, origins: Sequence[Origin], client_id: str = "") -> Finding:
    """An error with the card's field that it is about, found in the request that was sent: the exact path, then without or
    with its index, then the longest part of the path that is known."""
    told = {"message": message, "path": path, "client_id": client_id}
    by_path = {one.path: one for one in origins}
    bare = {_INDEX.sub("", one.path): one for one in reversed(origins)}
    steps = path.split("/")
    for length in range(len(steps), 0, -1):
        known = "/".join(steps[:length])
        one = by_path.get(known) or bare.get(known) or bare.get(_INDEX.sub("", known))
        if one is not None:
            return Finding(code, entity=one.entity, field=one.field, label=one.label, value=one.value, **told)
        below = next((one for one in origins if one.path.startswith(f"{known}/")), None)
        if below is not None:
            return Finding(code, entity=below.entity, **told)
    return Finding(code, **told)


def corrected(findings: Sequence[Finding], before: Sequence[Origin], now: Sequence[Origin]) -> bool:
    """Whether each field at fault, as far as it is known, holds something else by now."""
    at_fault = {(one.entity, one.field) for one in findings if one.field}
    return all(_values(before, key) != _values(now, key) for key in at_fault)


def _values(origins: Sequence[Origin], key: tuple[str, str]) -> list[str]:
    return [one.value for one in origins if (one.entity, one.field) == key]
