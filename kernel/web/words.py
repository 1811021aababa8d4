"""Language of a page, and how values are written in templates."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import g, has_request_context, request
from markupsafe import Markup, escape

from kernel.texts import add_folder, translate
from kernel.web.site import site

add_folder(Path(__file__).parent / "locale")
LANGUAGES = {"uk": "Українська", "ru": "Русский", "en": "English"}  #: what a reader may choose
COOKIE = "annex_language"
# Control characters and the marks that turn the direction of text: what a stranger typed must not rearrange our page.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def language() -> str:
    """The reader's choice, else the portal's language."""
    if has_request_context():
        chosen = g.get("language") or request.cookies.get(COOKIE, "")
        if chosen in LANGUAGES:
            return str(chosen)
    default = site().default_language
    return default if default in LANGUAGES else "en"


def t(code: str, /, **values: Any) -> str:
    return translate(language(), code, **values)


def clean(value: Any) -> Any:
    """For Jinja's finalize: free text without characters that could deceive the eye. Markup is ours and stays."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNSAFE.sub("\ufffd", value)
    return value


def when(moment: datetime | None, form: str = "full") -> Markup:
    """A <time>: `full` with date and seconds, `short` with date and minutes, `clock` the time alone, `day` the date."""
    if moment is None:
        return Markup("—")
    shown = {"full": "%d.%m.%Y %H:%M:%S", "short": "%d.%m.%Y %H:%M", "clock": "%H:%M:%S", "day": "%d.%m.%Y"}[form]
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(), moment.strftime(shown))


def day(value: date | None) -> Markup:
    if value is None:
        return Markup("—")
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), value.strftime("%d.%m.%Y"))


def lines(text: str) -> Markup:
    """Text with its line ends kept."""
    return Markup("<br>").join(escape(clean(line)) for line in text.splitlines())


def with_args(args: Any, **changes: Any) -> str:
    """A query string with some arguments replaced; None takes one away."""
    kept = {**{name: args.get(name) for name in args}, **changes}
    return urlencode({name: value for name, value in kept.items() if value is not None})
