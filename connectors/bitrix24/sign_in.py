"""Who opened a page of ours inside the portal.

Nothing in the portal's request names the person and nothing in it is signed. The proof is the token it carries: we ask the
portal of BITRIX24_URL whose it is. The address in the request is never called: whoever forged it would choose it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.bitrix24 import install, settings
from connectors.bitrix24.admins import Admins
from connectors.bitrix24.auth import APP, Tokens
from connectors.bitrix24.codes import ENTITY_TYPES, kind_of
from connectors.bitrix24.commands import outcomes, payload
from connectors.bitrix24.errors import NotConnected
from connectors.bitrix24.receive import NUMBER, entities_of, equal
from connectors.bitrix24.settings import Settings
from connectors.bitrix24.wire import Request, Wire
from kernel.errors import Rejected
from kernel.extension import Connection, FrameRequest, NotProven, Visitor

PLACE = re.compile(r"CRM_(DEAL|LEAD|CONTACT|COMPANY|DYNAMIC_([0-9]{1,9}))_")
OPTIONS_CHARACTERS_MAX = 20_000
AUTH_WORDS = {
    "access_token": "AUTH_ID", "refresh_token": "REFRESH_ID", "expires_in": "AUTH_EXPIRES", "member_id": "member_id",
    "server_endpoint": "SERVER_ENDPOINT", "application_token": "APPLICATION_TOKEN", "scope": "APPLICATION_SCOPE",
    "status": "status",
}  # fmt: skip


def sign_in(opening: FrameRequest, connection: Connection) -> Visitor:
    """Raises NotProven, or a Fault if the portal cannot be asked."""
    read = settings.read(connection.settings, connection.mapping.portal.time_zone)
    form = opening.form
    access, held = form.get("AUTH_ID", ""), connection.vault.get(APP) or {}
    if not access:
        raise NotProven("the request carries no AUTH_ID: open the page inside Bitrix24", status=401)
    if held:
        _ours(form, held)
    else:
        _installed(connection, form)
    person = _asked(connection, read, access)
    admin = person.get("ADMIN") is True
    if admin:
        Admins(connection, read).remember(str(person["ID"]), _auth(form))
    if admin and held.get("refused_at") and form.get("REFRESH_ID"):
        # Our own token was taken back, and an administrator is here with a good one.
        install.keep(connection, read, _auth(form))
    found = dict(_context(form, connection))
    sight = VisitorsSight(connection, read, access)
    return Visitor(str(person["ID"]), {**found, "admin": "yes"} if admin else found, sight)


def prove(opening: FrameRequest, connection: Connection) -> Visitor:
    """A page that is open already brings a fresh token (`BX24.refreshAuth`), which comes without the application's own."""
    read = settings.read(connection.settings, connection.mapping.portal.time_zone)
    if not (access := opening.form.get("AUTH_ID", "")):
        raise NotProven("the request carries no AUTH_ID: open the page again", status=401)
    return Visitor(str(_asked(connection, read, access)["ID"]), {}, VisitorsSight(connection, read, access))


class VisitorsSight:
    """Keeps kernel.crm.Sight: the portal is asked for the records with the visitor's own token, all in one request."""

    def __init__(self, connection: Connection, read: Settings, access: str) -> None:
        self._connection, self._read, self._access = connection, read, access

    def sees(self, records: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        kinds = {entity: kind_of(self._connection.mapping.entity(entity)) for entity, _ in records}
        asked = [one for one in records if NUMBER.match(one[1]) and kinds[one[0]] in ENTITY_TYPES]
        if not asked:
            return frozenset()
        calls = [
            ("crm.item.get", {"entityTypeId": ENTITY_TYPES[kinds[entity]], "id": int(number)}) for entity, number in asked
        ]
        wire = Wire(self._connection, self._read, Tokens(self._connection, self._read))
        try:
            reply = wire.send(lambda: Request("batch", payload(calls)), token=self._access)
        except NotConnected as exc:
            raise NotProven("the visitor's token is past its time: open the page again") from exc
        seen = set()
        for one, outcome in zip(asked, outcomes(reply.result, len(calls), halt=False, writes=False), strict=True):
            if outcome.fault is not None and not isinstance(outcome.fault, Rejected):
                raise outcome.fault
            if outcome.fault is None and _names(outcome.value, one[1]):
                seen.add(one)
        return frozenset(seen)


def _names(value: Any, number: str) -> bool:
    """Whether the answer is that very record: anything else is no permission."""
    item = value.get("item") if isinstance(value, dict) else None
    return isinstance(item, dict) and str(item.get("id") or "") == number


def _ours(form: Mapping[str, str], held: Mapping[str, Any]) -> None:
    same = [equal(form.get("member_id", ""), str(held.get("member_id") or ""))]
    same.append(equal(form.get("APPLICATION_TOKEN", ""), str(held.get("application_token") or "")))
    if not all(same):
        raise NotProven("the request comes from another portal or another installation")


def _installed(connection: Connection, form: Mapping[str, str]) -> None:
    """The first opening of an application that has a page of its own is its installation."""
    install.accept(connection, _auth(form))


def _auth(form: Mapping[str, str]) -> dict[str, str]:
    return {ours: form[theirs] for ours, theirs in AUTH_WORDS.items() if form.get(theirs)}


def _asked(connection: Connection, read: Settings, access: str) -> Mapping[str, Any]:
    wire = Wire(connection, read, Tokens(connection, read))
    try:
        person = wire.send(lambda: Request("profile", {}), token=access).result
    except (NotConnected, Rejected) as exc:
        raise NotProven("the portal does not know this visitor: open the page again") from exc
    if not isinstance(person, dict) or not NUMBER.match(str(person.get("ID") or "")):
        raise NotProven("the portal does not say who this visitor is")
    return person


def _context(form: Mapping[str, str], connection: Connection) -> Iterator[tuple[str, str]]:
    """What the page was opened on, in our words."""
    options, place = _options(form.get("PLACEMENT_OPTIONS", "")), form.get("PLACEMENT", "")
    if place:
        yield "placement", place[:100]
    if isinstance(options.get("page"), str):  # what our own BX24.openApplication asked for
        yield "page", options["page"][:200]
    if found := PLACE.match(place):
        number = int(found[2]) if found[2] else ENTITY_TYPES[found[1].lower()]  # type: ignore[index]
        yield from _named(connection, number, options.get("ID"))
    for kind, record_id in _bound(options):
        if kind in ENTITY_TYPES:
            yield from _named(connection, ENTITY_TYPES[kind], record_id)  # type: ignore[index]
    data = options.get("ENTITY_DATA")
    if isinstance(data, dict) and NUMBER.match(str(data.get("entityTypeId") or "")):
        yield from _field_of(connection, int(data["entityTypeId"]), data.get("entityId"))


def _field_of(connection: Connection, entity_type_id: int, record_id: Any) -> Iterator[tuple[str, str]]:
    """The record whose card has the field. Its page is one for the cards of several kinds, so it is told the kind, too."""
    entities, found = connection.mapping.entities, dict(_named(connection, entity_type_id, record_id))
    yield from found.items()
    for name in [name for name in found if name in entities and not entities[name].narrow][:1]:
        yield from (("entity", name), ("record", found[name]))


def _bound(options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The records of a call card."""
    yield str(options.get("CRM_ENTITY_TYPE") or "").lower(), options.get("CRM_ENTITY_ID")
    bindings = options.get("CRM_BINDINGS")
    for one in bindings if isinstance(bindings, list) else []:
        if isinstance(one, dict):
            yield str(one.get("ENTITY_TYPE") or "").lower(), one.get("ENTITY_ID")


def _named(connection: Connection, entity_type_id: int, record_id: Any) -> Iterator[tuple[str, str]]:
    number = str(record_id or "")
    if NUMBER.match(number):
        for entity in entities_of(connection, entity_type_id):
            yield entity, number


def _options(text: str) -> Mapping[str, Any]:
    if len(text) > OPTIONS_CHARACTERS_MAX:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
