"""The page `/`: who is a client, what they have, what was registered and asked; a position can be changed by hand."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sandbox.backoffice import book
from sandbox.backoffice.faults import SWITCHES
from sandbox.backoffice.request import Answer, Request, as_html
from sandbox.backoffice.state import Client, Office
from sandbox.backoffice.tables import CASH, SECURITIES, TABLES, Table
from sandbox.backoffice.values import Impossible, russian_date
from sandbox.common.page import language_of, templates

FOLDER = Path(__file__).parent
STATIC = {path.name: path for path in (FOLDER / "static").iterdir()}
TEXTS: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "page_texts.toml").read_text(encoding="utf-8"))
LANGUAGES = ("uk", "ru", "en")
ROWS_SHOWN, ENTRIES_SHOWN = 50, 30
#: What the page lets a visitor change.
BY_HAND = {CASH.name: ("balance", "blocked"), SECURITIES.name: ("quantity", "price")}


class Page:
    def __init__(self, office: Office) -> None:
        self._office = office
        self._templates = templates(FOLDER)

    def serve(self, request: Request, languages: str = "") -> Answer | None:
        """The answer to an address of the page; None if it is none."""
        if request.path.startswith("/static/"):
            return Answer.of_file(STATIC.get(request.path.rpartition("/")[2]))
        if request.path not in ("/", "/act"):
            return None
        lang = language(request.query.get("lang", ""), languages)
        with self._office.lock:
            address = _address(request.query, lang)
            if request.path == "/act":
                return self._act(request, address)
            return as_html(self._templates.get_template("page.html").render(self._context(request.query, lang, address)))

    def _context(self, query: dict[str, str], lang: str, address: Callable[..., str]) -> dict[str, Any]:
        office = self._office
        chosen = office.clients.get(query.get("client", ""))
        twice = {one for ids in office.twice().values() for one in ids}
        return {
            "words": TEXTS[lang], "lang": lang, "languages": LANGUAGES, "address": address, "client": chosen,
            "clients": sorted(office.clients.values(), key=lambda one: one.id), "twice": twice,
            "tables": [_shown(chosen, TABLES[name]) for name in TEXTS[lang]["table"]] if chosen else [],
            "openings": list(reversed(office.registrations))[:ENTRIES_SHOWN],
            "asked": list(reversed(office.log))[:ENTRIES_SHOWN],
            "moment": moment, "error": query.get("error", ""), "saved": bool(query.get("saved")),
            "troubles": [(name, office.faults.get(name)) for name, one in SWITCHES.items()
                         if office.faults.get(name) != one.default],
        }  # fmt: skip

    def _act(self, request: Request, address: Callable[..., str]) -> Answer:
        """Change a row of a position, then go back to the page."""
        if request.verb != "POST":
            return Answer(405, b"POST only\n", "text/plain", {"Allow": "POST"})
        fields, error = request.data(), ""
        try:
            table = book.table_named(fields.pop("table", ""))
            if table.name not in BY_HAND:
                raise Impossible(f"{table.name} is not changed here")
            book.change(self._office, self._office.client(request.query.get("client")), table, fields)
        except (Impossible, ValueError) as wrong:
            error = str(wrong)
        return Answer(303, headers={"Location": address("/", error=error, saved="" if error else "1")})


def moment(value: str) -> str:
    """20.11.2026 10:05 for a date-time, 20.11.2026 for a date; anything else as it is."""
    if len(value) == len("2026-11-20T10:05:00+03:00") and value[10] == "T":
        return f"{russian_date(value[:10])} {value[11:16]}"
    return russian_date(value)


def _shown(client: Client, table: Table) -> dict[str, Any]:
    rows, hand = client.tables[table.name], BY_HAND.get(table.name, ())
    return {
        "name": table.name, "columns": [one.name for one in table.columns], "key": table.key, "hand": hand,
        "numbers": {one.name for one in table.columns if one.kind in ("money", "decimal", "count")},
        "rows": rows[:ROWS_SHOWN], "total": len(rows),
    }  # fmt: skip


def _address(query: dict[str, str], lang: str) -> Callable[..., str]:
    """Makes addresses of the page that keep client and language."""

    def address(path: str = "/", **more: str) -> str:
        kept = {"client": query.get("client", ""), "lang": lang} | more
        return f"{path}?{urlencode({name: value for name, value in kept.items() if value})}"

    return address


def language(wanted: str, header: str) -> str:
    """The language asked for, else the browser's first that we have, else Russian: it is a Russian broker."""
    return language_of(TEXTS, wanted, header, "ru")
