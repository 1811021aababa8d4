"""«+ Партнер»: checks of the form, its values in the shape in which cards keep them, links, and doubles."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import phonenumbers

from kernel.texts import translate
from plugins.partners.rules.folding import shown

NAME_LENGTH_MAX = 200
EMAIL_LENGTH_MAX = 254
LANGUAGES = ("uk", "ru", "en")
_NO_USERS = frozenset(("joinchat", "addstickers", "addlist", "share", "proxy", "socks", "invoice"))  #: other links of t.me
_YES, _NO = ("1", "on", "true", "yes", "так", "да"), ("", "0", "off", "false", "no", "ні", "нет")


@dataclass(frozen=True, slots=True)
class Card:
    """A partner as the form gives it, checked. Phones are E.164; `telegram` is a user name without @, or a phone."""

    name: str
    phone: str = ""
    whatsapp: str = ""
    email: str = ""
    telegram: str = ""
    language: str = "uk"
    automatic: bool = True
    responsible: str = ""

    @property
    def phone_link(self) -> str:
        return f"tel:{self.phone}" if self.phone else ""

    @property
    def whatsapp_link(self) -> str:
        return f"https://wa.me/{self.whatsapp.lstrip('+')}" if self.whatsapp else ""

    @property
    def email_link(self) -> str:
        return f"mailto:{self.email}" if self.email else ""

    @property
    def telegram_link(self) -> str:
        return f"https://t.me/{self.telegram}" if self.telegram else ""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, in any language."""

    field: str
    code: str
    values: dict[str, Any] = dataclasses.field(default_factory=dict)

    def message(self, language: str) -> str:
        return translate(language, self.code, **self.values)


@dataclass(frozen=True, slots=True)
class KnownCard:
    """A partner's card that is there, as the CRM gives it."""

    id: str
    name: str
    phone: str = ""
    whatsapp: str = ""
    email: str = ""
    telegram: str = ""


@dataclass(frozen=True, slots=True)
class Duplicate:
    card: KnownCard
    fields: tuple[str, ...]  #: of the new card, in the form's order


def check_card(
    form: Mapping[str, str], *, region: str, language: str, responsible: str
) -> tuple[Card | None, tuple[FieldError, ...]]:
    """The card, or every error at once in the form's order. `region`, `language` and `responsible` (who pressed the button)
    are what counts where the form says nothing."""
    errors: list[FieldError] = []

    def take(name: str, normal: str | None, code: str, **values: Any) -> str:
        if normal is None:
            errors.append(FieldError(name, code, values))
        return normal or ""

    def given(name: str) -> str:
        return str(form.get(name) or "")

    name = take("name", clean_name(given("name")), "partners_card_name", most=NAME_LENGTH_MAX)
    phone = take("phone", clean_phone(given("phone"), region), "partners_card_phone")
    whatsapp = take("whatsapp", clean_whatsapp(given("whatsapp"), region), "partners_card_whatsapp")
    email = take("email", clean_email(given("email")), "partners_card_email")
    telegram = take("telegram", clean_telegram(given("telegram"), region), "partners_card_telegram")
    chosen = given("language").strip() or language
    chosen = take("language", chosen if chosen in LANGUAGES else None, "partners_card_language")
    automatic = take("automatic", _yes_or_no(form.get("automatic")), "partners_card_automatic")
    if errors:
        return None, tuple(errors)
    person = given("responsible").strip() or responsible
    return Card(name, phone, whatsapp, email, telegram, chosen, automatic == "yes", person), ()


def clean_name(text: str) -> str | None:
    """On one line, without characters that cannot be seen; None if nothing is left, or too much."""
    name = unicodedata.normalize("NFC", " ".join(shown(text).split()))
    seen = any(unicodedata.category(char)[0] in "LNPS" for char in name)
    return name if seen and len(name) <= NAME_LENGTH_MAX else None


def clean_phone(text: str, region: str) -> str | None:
    """E.164 of any spelling, "" of nothing, None of what is no phone number. Without a country code it is of that region."""
    typed = unicodedata.normalize("NFKC", shown(text)).strip()
    if not typed:
        return ""
    if not re.fullmatch(r"[+\d\s().\-–—/·]+", typed):
        return None  # letters and extensions: what E.164 would drop without a word
    typed = re.sub(r"[–—·]", "-", typed)
    tries = [typed]
    digits = re.sub(r"\D", "", typed)
    if region == "UA" and len(digits) == 11 and digits.startswith("80"):
        tries.append("+3" + digits)  # «8 050 …», as it was written for decades
    return next((found for one in tries if (found := _e164(one, region))), None)


def _e164(text: str, region: str) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    # A number of a range that the library does not know yet is taken; one with its trunk zero left over misses a digit.
    fits = phonenumbers.is_valid_number(number) or (possible and not number.italian_leading_zero)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if fits else ""


def clean_whatsapp(text: str, region: str) -> str | None:
    """A phone, or a link that WhatsApp gives for one."""
    link = re.fullmatch(
        r"(?:https?://)?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?phone=)\+?(\d{7,15})(?:[/?&].*)?",
        text.strip(),
        re.IGNORECASE,
    )
    return clean_phone(f"+{link[1]}" if link else text, region)


def clean_email(text: str) -> str | None:
    """In lower case: one @ and a point after it. "" of nothing, None of what is none."""
    email = shown(text).lower()
    if not email:
        return ""
    fits = re.fullmatch(r"[^@\s<>\"(),:;\\\[\]]+@[^@\s<>\"(),:;\\\[\]]+", email)
    domain = email.rpartition("@")[2].split(".")
    return email if fits and len(email) <= EMAIL_LENGTH_MAX and len(domain) > 1 and all(domain) else None


def clean_telegram(text: str, region: str) -> str | None:
    """The user name without @ and link, or a phone as E.164. An invitation to a group is nobody's address."""
    typed = shown(text)
    if not typed:
        return ""
    typed = re.sub(r"^(?:https?://)?(?:www\.)?(?:t\.me|telegram\.me)/(?:s/)?|^@", "", typed, flags=re.IGNORECASE)
    name = re.sub(r"(?:/|\?[^/]*)$", "", typed)
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{4,31}", name) and name.lower() not in _NO_USERS:
        return name
    linked = typed != shown(text) and not re.fullmatch(r"\+?\d{7,15}", name)
    return None if linked else clean_phone(name, region) or None


def duplicates(card: Card, known: Iterable[KnownCard], *, region: str) -> tuple[Duplicate, ...]:
    """Other cards with the phone, e-mail or Telegram of this one; a WhatsApp number is a phone, too."""
    found = []
    mine = {"phone": {card.phone}, "whatsapp": {card.whatsapp}, "email": {card.email}, "telegram": {card.telegram.lower()}}
    for other in known:
        phones = {clean_phone(other.phone, region) or "", clean_whatsapp(other.whatsapp, region) or ""}
        theirs = {
            "phone": phones,
            "whatsapp": phones,
            "email": {clean_email(other.email) or ""},
            "telegram": {(clean_telegram(other.telegram, region) or "").lower()},
        }
        same = tuple(name for name in mine if (mine[name] & theirs[name]) - {""})
        if same:
            found.append(Duplicate(other, same))
    return tuple(found)


def _yes_or_no(text: str | None) -> str | None:
    """«Автоматичні повідомлення» is on where the form does not have it."""
    if text is None or text.strip().lower() in _YES:
        return "yes"
    return "no" if text.strip().lower() in _NO else None
