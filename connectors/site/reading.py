"""What stands in the body of a filled form, and the message it becomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from kernel.conversations import Incoming
from kernel.errors import BadInput
from kernel.extension import Delivery, Reply
from kernel.extension.arrivals import submission
from kernel.mapping import FormMap
from kernel.mapping.forms import ONCE, ONCE_CHARACTERS_MAX

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
FIELDS_MAX = 200


def ask(form: FormMap, sent: Mapping[str, Any], at: str, body: bytes) -> Incoming:
    """`at`: a moment, by which two requests of one body are told apart where they name no submission. Raises BadInput."""
    once = text_of(ONCE, sent.get(ONCE)).strip()
    if len(once) > ONCE_CHARACTERS_MAX or not once.isprintable():
        raise BadInput.of("site_once", field=ONCE, name=ONCE, most=ONCE_CHARACTERS_MAX)
    values = form.read({one.source: text_of(one.source, sent.get(one.source)) for one in form.fields})
    # Without a name of its own, a request that is sent once more as it was signed is the same one.
    signed = f"{at} {hashlib.sha256(body).hexdigest()}"
    return submission(form, values, once=once or signed, named=bool(once))


def as_json(status: int, answer: Mapping[str, Any], *headers: tuple[str, str]) -> Reply:
    return Reply(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"), status, JSON, headers)


def text_of(name: str, value: Any) -> str:
    """Raises BadInput for what is no plain value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str):
        raise BadInput.of("site_not_plain", field=name, name=name)
    return value


def body_fields(delivery: Delivery) -> Mapping[str, Any]:
    """What was sent, by its names. Raises BadInput."""
    kind = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        text = delivery.body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadInput.of("site_not_utf8", field="body") from exc
    if kind == FORM:
        return _of_form(text)
    if kind == JSON:
        return _of_json(text)
    raise BadInput.of("site_type", field="Content-Type")


def _of_form(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError as exc:  # too many, or no UTF-8
        raise BadInput.of("site_not_form", field="body", most=FIELDS_MAX) from exc
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise BadInput.of("site_twice", field=name[:40], name=name[:40])
        found[name] = value
    return found


def _of_json(text: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = next(name for name, _ in pairs if [one for one, _ in pairs].count(name) > 1)
            raise BadInput.of("site_twice", field=twice[:40], name=twice[:40])
        return found

    try:
        sent = json.loads(text, object_pairs_hook=once, parse_float=str, parse_int=str, parse_constant=list)
    except (ValueError, RecursionError) as exc:
        raise BadInput.of("site_not_json", field="body") from exc
    if not isinstance(sent, dict) or len(sent) > FIELDS_MAX:
        raise BadInput.of("site_not_json", field="body")
    return sent
