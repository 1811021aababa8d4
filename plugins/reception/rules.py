"""Whose card a request belongs to, who gets it, when to call back. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from kernel.crm import Person, Record, Ref

WEEKEND = (5, 6)
PHONE_DIGITS_MIN = 7


@dataclass(frozen=True)
class Asked:
    """How the client may be found, as typed into the request."""

    name: str = ""
    phone: str = ""
    email: str = ""
    telegram: str = ""

    def __bool__(self) -> bool:
        return bool(self.phone or self.email or self.telegram or self.name)


def asked(values: Mapping[str, object]) -> Asked:
    """From a deal's fields; each in the form in which contacts keep it."""

    def text(name: str) -> str:
        value = values.get(f"client_{name}")
        return value.strip() if isinstance(value, str) else ""

    return Asked(text("name"), clean_phone(text("phone")), clean_email(text("email")), clean_telegram(text("telegram")))


def client_keys(values: Mapping[str, object]) -> list[str]:
    """By what two requests are seen to be of one client: digests, for nobody has to read them."""
    who, card = asked(values), values.get("client")
    found = [f"phone {who.phone}" if who.phone else "", f"email {who.email}" if who.email else ""]
    found += [f"telegram {who.telegram}" if who.telegram else "", f"card {card.id}" if isinstance(card, Ref) else ""]
    return [hashlib.sha256(one.encode("utf-8", "replace")).hexdigest()[:32] for one in found if one]


def clean_phone(text: str) -> str:
    """`+380501112233`; empty if it is no phone number. A Ukrainian number without its country code gets it."""
    digits = re.sub(r"\D", "", text)
    if len(digits) == 10 and digits.startswith("0"):
        digits = "38" + digits
    return f"+{digits}" if PHONE_DIGITS_MIN <= len(digits) <= 15 else ""


def clean_email(text: str) -> str:
    return text.lower() if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text) else ""


def clean_telegram(text: str) -> str:
    """The user name without @ and link, in lower case."""
    name = re.sub(r"^(https?://)?(t\.me|telegram\.me)/", "", text.strip()).lstrip("@").lower()
    return name if re.fullmatch(r"[a-z0-9_]{4,32}", name) else ""


def choose(found: Sequence[Record]) -> Record | None:
    """Of several cards that fit, the oldest: it has the history."""
    return min(found, key=lambda record: (len(record.id), record.id), default=None)


def next_workday(today: date, days: int) -> date:
    """`days` working days on; from a weekend it counts from Monday."""
    day = today
    while days > 0 or day.weekday() in WEEKEND:
        day += timedelta(days=1)
        if day.weekday() not in WEEKEND:
            days -= 1
    return day


def manager_for(card: Record | None, managers: Sequence[Person], turn: int) -> Person | None:
    """A known client's own manager if that one is among them, else the next in turn."""
    if not managers:
        return None
    own = card.values.get("supervisors") if card else None
    if isinstance(own, tuple):
        for ref in own:
            for person in managers:
                if person.id == ref.id:
                    return person
    return managers[turn % len(managers)]


def by_names(people: Sequence[Person], names: Sequence[str]) -> list[Person]:
    """The people of those names, in that order; unknown names are left out (doctor says so)."""
    found = {person.name.casefold(): person for person in people if person.active}
    return [found[name.casefold()] for name in names if name.casefold() in found]


def as_ref(person: Person) -> Ref:
    return Ref(person.id, person.name)
