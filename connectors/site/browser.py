"""A form that a visitor's browser posts itself: no secret, so it is held back by its origin, a trap and the pace of each
address. Whoever writes a program can pass all three; what they can do by it is fill in a form."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any

from connectors.site.reading import as_json, ask, body_fields, text_of
from connectors.site.settings import Settings
from kernel.errors import BadInput, Throttled
from kernel.extension import Connection, Delivery, NotProven, Received, Reply, TooOften
from kernel.extension.arrivals import Turns
from kernel.extension.callers import caller
from kernel.http import WindowLimit
from kernel.mapping import FormMap
from kernel.mapping.forms import FORM_KEY, PublicForm
from kernel.telemetry import log

PER_MINUTE = 5  #: from one address
PREFLIGHT_SECONDS = "600"
Headers = tuple[tuple[str, str], ...]


def receive(delivery: Delivery, connection: Connection, form: FormMap, public: PublicForm, read: Settings) -> Received:
    origin = delivery.headers.get("origin", "")
    if origin not in public.origins:
        raise NotProven("the page is none of this form's", status=403 if origin else 401)
    headers: Headers = (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))
    if delivery.method == "OPTIONS":
        may = (
            ("Access-Control-Allow-Methods", "POST"), ("Access-Control-Allow-Headers", "Content-Type"),
            ("Access-Control-Max-Age", PREFLIGHT_SECONDS),
        )  # fmt: skip
        return Received(reply=Reply(b"", 204, headers=(*headers, *may)))
    try:
        _take_turn(delivery, connection, read)
        return _taken(delivery, connection, form, public, headers)
    except TooOften as exc:
        return Received(reply=as_json(429, {"error": "too often"}, *headers, ("Retry-After", str(exc.wait_seconds))))
    except BadInput as exc:
        text = exc.message(connection.mapping.portal.language)
        return Received(reply=as_json(400, {"error": text, "field": exc.field}, *headers))


def _take_turn(delivery: Delivery, connection: Connection, read: Settings) -> None:
    """Raises TooOften. Counted here first, so that who comes too often costs no database."""
    address = caller(delivery.caller, delivery.headers.get("x-forwarded-for", ""), read.proxies)
    connection.memory.setdefault("turns", Turns()).take(f"from {address}", PER_MINUTE, connection.clock.now())
    try:
        with connection.window(f"from {address}"[:60], [WindowLimit(PER_MINUTE, 60)]).turn():
            pass
    except Throttled as exc:
        raise TooOften(max(1, round(exc.wait_seconds))) from exc


def _taken(delivery: Delivery, connection: Connection, form: FormMap, public: PublicForm, headers: Headers) -> Received:
    sent = body_fields(delivery)
    if text_of(FORM_KEY, sent.get(FORM_KEY)) != public.key:
        raise BadInput.of("site_form_key", field=FORM_KEY, name=FORM_KEY)
    if public.trap and _filled(sent, public.trap):  # no person sees that field; who fills it hears what a person hears
        log.info("site.trapped", connection=connection.full_name, form=form.name)
        return Received(reply=_accepted(headers, secrets.token_hex(16)))
    at = connection.clock.now().isoformat()
    return Received(messages=(ask(form, sent, at, delivery.body),), told=partial(_accepted, headers))


def _filled(sent: Mapping[str, Any], trap: str) -> bool:
    value = sent.get(trap)
    return bool(value.strip() if isinstance(value, str) else value)


def _accepted(headers: Headers, number: str) -> Reply:
    return as_json(200, {"ok": True, "id": number}, *headers)
