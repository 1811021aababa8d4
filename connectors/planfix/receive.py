"""Is it really a script of the portal, and which record does it name. Pure: headers, body and secrets in, events out.

Planfix signs nothing by itself, so its script sends a signature that a formula computes, or the shared key. Everything
but the record's number is read back through REST: nothing else in a delivery is believed. The one exception is who pressed
a button that gives out a link (`….link`): REST does not tell that, so there the signature has to cover the author.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from connectors.planfix.settings import hook_secrets
from connectors.planfix.texts import clean
from kernel.crm import AUTHOR_ID, PROOF, SHORT, WHOLE, Event
from kernel.errors import BadInput
from kernel.extension import Connection, Delivery, NotProven, Received

KEY_HEADER = "x-annex-key"
KEY = "key"  #: a proof that says nothing of the author
WORDS = ("task", "contact", "event", "delivery", "author_id", "sig", "key")
EVENT = re.compile(r"(?:(deal|contact|partner)\.[a-z][a-z0-9_.-]{0,40}|board\.link)\Z")
LINK = ".link"  #: how events end that are answered with a link
NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)
DELIVERY_CHARACTERS_MAX = 100
AUTHOR_CHARACTERS_MAX = 200
FORM_FIELDS_MAX = 200


def receive(delivery: Delivery, connection: Connection) -> Received:
    """Raises NotProven, or BadInput naming the field."""
    return Received(tuple(events_of(delivery, connection)))


def events_of(delivery: Delivery, connection: Connection) -> list[Event]:
    """Raises NotProven, or BadInput naming the field."""
    response = read_body(delivery)
    proof = prove(delivery, response, hook_secrets(connection.settings))
    name = event_name(delivery.rest, response.get("event", ""))
    number = response.get("task") or response.get("contact") or ""
    if not NUMBER.match(number):
        raise BadInput("`task` must be the number of the record, digits only", field="task")
    of_contact = name.startswith(("contact.", "partner.")) or (name.endswith(LINK) and not response.get("task"))
    entity = ("partner" if name.startswith("partner.") else "contact") if of_contact else "deal"
    return [
        Event(
            name, entity, f"contact:{number}" if entity != "deal" else number,
            author=" ".join(clean(response.get("author", "")).split())[:AUTHOR_CHARACTERS_MAX],
            delivery=clean(response.get("delivery", ""))[:DELIVERY_CHARACTERS_MAX],
            details={**({PROOF: proof} if proof != KEY or name.endswith(LINK) else {}), **_author(response, name)},
        )
    ]  # fmt: skip


def prove(delivery: Delivery, response: Mapping[str, str], secrets: tuple[str, ...]) -> str:
    """A signature, or the key in the header or the body. What is given must be right; one right proof is enough. Says
    which: WHOLE, SHORT or KEY."""
    name = response.get("event") or delivery.rest
    given = False
    if sig := response.get("sig", ""):
        given = True
        for proof in (WHOLE, SHORT):
            if _any_equal(sig.strip().lower(), _signatures(response, name, secrets, with_author=proof == WHOLE)):
                return proof
    for key in (delivery.headers.get(KEY_HEADER, ""), response.get("key", "")):
        if key:
            given = True
            if _any_equal(key.strip(), secrets):
                return KEY
    if given:
        raise NotProven("the signature or key is wrong", status=403)
    raise NotProven("there is no signature and no key", status=401)


def _signatures(response: Mapping[str, str], name: str, secrets: tuple[str, ...], *, with_author: bool) -> list[str]:
    """What a script's formula computes over the record, the event and the delivery; the wide one over who did it, too."""
    number = response.get("task") or response.get("contact") or ""
    parts = [number, name, response.get("delivery", "")]
    if with_author:
        parts += [response.get("author", ""), response.get("author_id", "")]
    signed = "|".join(parts).encode("utf-8", "replace")
    return [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]


def _author(response: Mapping[str, str], name: str) -> dict[str, str]:
    """The author's number, where the script sends one. What is no number is nobody's, and where that matters must not be
    taken for having sent none."""
    sent = response.get("author_id", "").strip()
    if NUMBER.match(number := sent.removeprefix("user:")):
        return {AUTHOR_ID: f"user:{number}"}
    return {AUTHOR_ID: clean(sent)[:AUTHOR_CHARACTERS_MAX]} if sent and name.endswith(LINK) else {}


def event_name(from_address: str, from_body: str) -> str:
    if from_address and from_body and from_address != from_body:
        raise BadInput("`event` in the body is not the one in the address", field="event")
    name = from_body or from_address
    if not EVENT.match(name):
        raise BadInput("`event` is not known: deal.…, contact.…, partner.… or board.link", field="event")
    return name


def read_body(delivery: Delivery) -> dict[str, str]:
    """The flat fields of a form or of JSON; empty where neither can be read: the missing proof says it all."""
    text = delivery.body.decode("utf-8", "replace").removeprefix("\ufeff").strip()
    if text.startswith(("{", "[")):  # Planfix may send one under the content type of the other
        return _json(text)
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        return {}
    response: dict[str, str] = {}
    for name, value in pairs:
        response.setdefault(name, value)
    return response


def _json(text: str) -> dict[str, str]:
    try:
        found = json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        return _salvaged(text)
    return found if isinstance(found, dict) else {}


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, str]:
    """Flat values as text. A word that stands twice is dropped: a text could have brought the second one with it."""
    counted = Counter(name for name, _value in pairs)
    return {
        name: str(value)
        for name, value in pairs
        if counted[name] == 1 and isinstance(value, str | int) and not isinstance(value, bool)
    }


def _salvaged(text: str) -> dict[str, str]:
    """Planfix escapes nothing inside JSON, so a quote in somebody's text breaks it. Only our own plain words are taken
    out, and only where the word stands exactly once: a text could hold a forged second one."""
    response: dict[str, str] = {}
    for word in WORDS:
        found = re.findall(rf'[{{,]\s*"{word}"\s*:\s*(?:"([A-Za-z0-9._:+/=-]{{0,200}})"|([0-9]{{1,18}}))\s*(?=[,}}])', text)
        if found and len(re.findall(rf'"{word}"\s*:', text)) == 1:
            response[word] = found[0][0] or found[0][1]
    return response


def _any_equal(given: str, expected: tuple[str, ...] | list[str]) -> bool:
    """Compared in constant time."""
    as_bytes = given.encode("utf-8", "replace")
    return any(hmac.compare_digest(as_bytes, one.encode("utf-8", "replace")) for one in expected)
