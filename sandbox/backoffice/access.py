"""Is the caller who they should be: basic, a header, or WS-Security's UsernameToken with digest, nonce and created."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime

from lxml import etree

from sandbox.backoffice.errors import Fault, Unproven
from sandbox.backoffice.request import Request
from sandbox.backoffice.state import NONCE_SECONDS, Office

USER = "annex"
HEADER = "X-Api-Key"
WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"


def check(office: Office, request: Request, password: str, head: etree._Element | None, soap: bool) -> None:
    """Raises Unproven or a fault AUTH. Plain XML has no place for a UsernameToken: there `wsse` takes basic."""
    way = office.faults.word("auth")
    if way == "header" and request.headers.get(HEADER.lower()) != password:
        raise Unproven(401)
    if way == "basic" or (way == "wsse" and not soap):
        expected = base64.b64encode(f"{USER}:{password}".encode()).decode()
        if request.headers.get("authorization", "") != f"Basic {expected}":
            raise Unproven(401)
    if way == "wsse" and soap:
        _token(office, password, head)


def _token(office: Office, password: str, head: etree._Element | None) -> None:
    token = head.find(f"{WSSE}Security/{WSSE}UsernameToken") if head is not None else None
    if token is None:
        raise Fault("AUTH", "no UsernameToken")
    given = token.find(f"{WSSE}Password")
    if token.findtext(f"{WSSE}Username") != USER or given is None:
        raise Fault("AUTH")
    if not str(given.get("Type", "")).endswith("#PasswordDigest"):
        if given.text != password:
            raise Fault("AUTH")
        return
    nonce, created = token.findtext(f"{WSSE}Nonce", ""), token.findtext(f"{WSU}Created", "")
    try:
        salt, moment = base64.b64decode(nonce, validate=True), datetime.fromisoformat(created)
        apart = abs((office.clock.now() - moment).total_seconds())
    except (ValueError, TypeError):
        raise Fault("AUTH", "Nonce and Created are needed") from None
    digest = hashlib.sha1(salt + created.encode() + password.encode()).digest()  # noqa: S324 - the standard says SHA-1
    if base64.b64encode(digest).decode() != (given.text or "").strip():
        raise Fault("AUTH")
    if apart > NONCE_SECONDS:
        raise Fault("AUTH", "Created is too far from now")
    if not office.fresh_nonce(nonce):
        raise Fault("AUTH", "this nonce was used before")
