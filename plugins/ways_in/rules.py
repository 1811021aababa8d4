"""What an application says, who it may be, and what becomes of it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from kernel.crm import Record, Ref, Value, Values
from kernel.mapping import EntityMap, FieldMap, FormMap

TITLE_CHARACTERS_MAX = 200
PHONE_DIGITS = 10  #: the last ones: with or without its country a number is the same
NAMES = ("last_name", "first_name", "second_name")


@dataclass(frozen=True)
class Application:
    """What somebody sent, read by its form."""

    form: FormMap
    values: Mapping[str, str]  #: by the names under which they were sent

    @property
    def phones(self) -> list[str]:
        return self.form.known_by(self.values, "phone")

    @property
    def emails(self) -> list[str]:
        return self.form.known_by(self.values, "email")

    @property
    def inns(self) -> list[str]:
        return self.form.known_by(self.values, "inn")

    def of(self, field: str) -> str:
        """What goes to that field of the lead."""
        return next(
            (self.values[one.source] for one in self.form.fields if one.to == field and one.source in self.values), ""
        )

    @property
    def who(self) -> str:
        """The person's name, else how they can be reached."""
        named = " ".join(filter(None, (self.of(name) for name in NAMES)))
        return named or next(iter([*self.phones, *self.emails]), "")

    @property
    def person(self) -> str:
        """A digest of phone and e-mail; empty where there is neither: then nobody can tell who it is."""
        if not (self.phones or self.emails):
            return ""
        return digest("|".join([*map(last_digits, self.phones), "", *self.emails]))

    def text(self) -> str:
        """Everything that was sent, a line each."""
        lines = []
        for one in self.form.fields:
            if text := self.values.get(one.source):
                lines.append(f"{one.label or one.source}: {text}")
        return "\n".join(lines)


def lead_values(application: Application, lead: EntityMap) -> dict[str, Value]:
    """The lead's fields by the form, its name and source."""
    form = application.form
    title = f"{form.title}: {application.who}" if application.who else form.title
    made: dict[str, Value] = {"name": title[:TITLE_CHARACTERS_MAX], "source": form.source}
    lines: dict[str, list[str]] = {}
    for one in form.fields:
        text = application.values.get(one.source)
        if not (one.to and text):
            continue
        field = lead.field[one.to]
        if field.multiline:
            lines.setdefault(one.to, []).append(f"{one.label}: {text}" if one.label else text)
        else:
            made[one.to] = as_value(field, text)
    return made | {name: "\n".join(texts) for name, texts in lines.items()}


def as_value(field: FieldMap, text: str) -> Value:
    """A form's file is held against the lead's fields when it is read, so each of these fits."""
    match field.type:
        case "bool":
            return text == "yes"
        case "date":
            return date.fromisoformat(text)
    return text


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def last_digits(text: str) -> str:
    return "".join(char for char in text if char.isascii() and char.isdigit())[-PHONE_DIGITS:]


def known_by(values: Mapping[str, object]) -> frozenset[str]:
    """By what two leads are seen to be of one person: phone, e-mail, card."""
    phone, email = values.get("phone"), values.get("email")
    found = set()
    if isinstance(phone, str) and len(last_digits(phone)) == PHONE_DIGITS:
        found.add(f"phone {last_digits(phone)}")
    if isinstance(email, str) and "@" in email:
        found.add(f"email {email.strip().casefold()}")
    for name in ("client", "company"):
        if isinstance(card := values.get(name), Ref) and card.id:
            found.add(f"{name} {card.id}")
    return frozenset(map(digest, found))


def choose(found: Sequence[Record], last_name: str) -> Record | None:
    """Of several cards that fit, one of that family name, else the oldest: it has the history."""
    named = [one for one in found if last_name and _family_name(one.values) == last_name.casefold()]
    return min(named or found, key=lambda one: (len(one.id), one.id), default=None)


def _family_name(card: Values) -> str:
    """Not every set has it apart."""
    return str(card.get("last_name") or "").casefold()


def open_deals(deals: Sequence[Record], deal: EntityMap) -> list[Record]:
    """Those at a stage that the set knows and that is no end, the newest first."""
    found = [one for one in deals if one.stage in deal.stage and not deal.stage[one.stage].outcome]
    return sorted(found, key=lambda one: (len(one.id), one.id), reverse=True)
