"""The partners' pages: «Комунікації», «Партнери», a partner's own page, «+ Партнер». They are there where the bot is on."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flask import abort, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from kernel import texts
from kernel.conversations import timeline
from kernel.extension.portal import Portal
from kernel.storage import Tx
from kernel.texts import translate
from kernel.web import Nav, Pages
from kernel.web.words import day, language, when
from plugins.exchange.api import Money
from plugins.partners import pages_held, pages_list, pages_new, pages_partner, pages_talks
from plugins.partners.cards import switched_on
from plugins.partners.rules.numbers import Sum, amount_text
from plugins.partners.settings import ENTITY, NAME
from plugins.partners.store import NONE, Partner

TELEGRAM_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")
HERE = Path(__file__).parent
NAV = (Nav("talks_page", "pt_talks"), Nav("list_page", "pt_partners"))


def version(tx: Tx) -> str:
    """Changes with every message, with what became of it, with every chat's state and with each new partner."""
    row = tx.one("SELECT COUNT(*) AS n, COALESCE(MAX(state_since), 0) AS s FROM partner")
    refused = tx.value("SELECT COUNT(*) FROM partner WHERE shown LIKE :r", r='%"refused": ["%')
    forms = tx.value("SELECT COUNT(*) FROM partner_form WHERE partner <> ''")
    told = f"{timeline.changes(tx)}-{row['n']}-{row['s']}-{forms}-{refused}" if row else ""
    return hashlib.sha256(told.encode()).hexdigest()[:12]  # how much is said to partners is nobody's to read here


def pages(portal: Portal) -> Pages:
    """The blueprint, for one portal."""
    for folder in ("locale", "locale_pages"):
        texts.add_folder(HERE / folder)
    on = switched_on(portal)
    blueprint = Pages(NAME, __name__, nav=NAV if on else (), version=version)

    @blueprint.before_request
    def only_where_the_bot_is_on() -> Response | None:
        return None if switched_on(portal) else abort(404)

    _words(blueprint, portal)
    for part in (pages_talks, pages_list, pages_new, pages_held, pages_partner):
        part.add(blueprint, portal)
    return blueprint


def _words(pages: Pages, portal: Portal) -> None:
    stages = portal.mapping.entity("deal").stage

    def money(value: Money | None) -> str:
        return "—" if value is None else amount_text(Sum(value.minor, value.currency), language())

    @pages.context_processor
    def values() -> dict[str, Any]:
        return {
            "money": money, "minor": Money,
            "number": lambda value: "—" if value is None else _decimal(value),
            "stage": lambda name: stages[name].label if name in stages else name or "—",
            "local": lambda moment: moment.astimezone(portal.zone) if moment else None,
            "due": _due,
            "telegram_url": lambda name: f"https://t.me/{name}" if TELEGRAM_NAME.fullmatch(name) else "",
            "card_url": lambda one: portal.crm.link(ENTITY, one),
            "deal_url": lambda one: portal.crm.link("deal", one),
            "person_name": lambda one: next((each.name for each in portal.people() if each.id == one), one),
            "chat_words": lambda one: _chat(portal, one),
            "bare": request.headers.get("X-Annex-Part") == "1",
        }  # fmt: skip


def _decimal(value: Any) -> str:
    text = f"{value:,.4f}".replace("-", "\u2212")
    return text if language() == "en" else text.replace(",", "\u00a0").replace(".", ",")


def _due(value: date | datetime | None) -> Markup:
    return when(value, "short") if isinstance(value, datetime) else day(value)


def _chat(portal: Portal, one: Partner) -> str:
    """How the chat stands, in the reader's language."""
    if one.state == NONE:
        return translate(language(), "pt_chat_none")
    since = f"{one.state_since.astimezone(portal.zone):%d.%m.%Y %H:%M}" if one.state_since else "—"
    return translate(language(), f"partners_chat_{one.standing}", reason=one.reason or "—", since=since)
