"""The application's coming and going: its tokens go into the vault only after the portal itself has confirmed them."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.bitrix24 import settings
from connectors.bitrix24.auth import APP, KEPT, Tokens
from connectors.bitrix24.errors import NotConnected
from connectors.bitrix24.settings import Settings
from connectors.bitrix24.wire import Request, Wire
from kernel.errors import Fault, NoRight, Rejected
from kernel.extension import Connection, NotProven
from kernel.telemetry import log, tell_secret

LOCAL_APP = "local."  #: the code of a local application is its client_id


def accept(connection: Connection, auth: Mapping[str, Any], *, update: bool = False) -> None:
    """Keep what an installation or a new version brings. Raises NotProven."""
    read = settings.read(connection.settings, connection.mapping.portal.time_zone)
    access, ours = str(auth.get("access_token") or ""), str(auth.get("application_token") or "")
    tell_secret(access, ours, str(auth.get("refresh_token") or ""))
    if not read.client_id:
        raise NotProven("BITRIX24_CLIENT_ID is not set: no application is expected")
    if not (access and ours and auth.get("member_id")):
        raise NotProven("an installation must bring member_id, access_token and application_token", status=401)
    try:
        if not confirmed(connection, read, access):
            raise NotProven("whoever installs the application must be an administrator of the portal")
    except Fault as exc:
        raise NotProven("the portal could not be asked about the installation", status=503) from exc
    keep(connection, read, auth, update=update)


def confirmed(connection: Connection, read: Settings, access: str) -> bool:
    """Whether the portal of BITRIX24_URL knows this token as ours, and its owner as an administrator."""
    wire = Wire(connection, read, Tokens(connection, read))
    try:
        profile = wire.send(lambda: Request("profile", {}), token=access).result
        about = wire.send(lambda: Request("app.info", {}), token=access).result
    except (NotConnected, NoRight, Rejected):
        return False
    code = str(about.get("CODE") or "") if isinstance(about, dict) else ""
    if code.startswith(LOCAL_APP) and read.client_id.startswith(LOCAL_APP) and code != read.client_id:
        return False
    return isinstance(profile, dict) and profile.get("ADMIN") is True


def keep(connection: Connection, read: Settings, auth: Mapping[str, Any], *, update: bool = False) -> None:
    """Into the vault, in nobody else's turn. A new version without a refresh token leaves the old pair as it is."""
    vault = connection.vault
    with vault.turn(APP):
        before = vault.get(APP) or {}
        same = str(before.get("member_id") or "") == str(auth["member_id"])
        held: dict[str, Any] = {key: str(auth[key]) for key in KEPT if auth.get(key)}
        held["application_token"] = str(auth["application_token"])
        held["domain"] = urlsplit(read.url).netloc
        if auth.get("refresh_token"):
            held |= {"access_token": str(auth["access_token"]), "refresh_token": str(auth["refresh_token"]), "refused_at": 0}
            held["expires_at"] = _expires_at(connection, auth)
        elif not (update and same and before.get("refresh_token")):
            raise NotProven("an installation must bring a refresh_token", status=401)
        vault.put(APP, {**(before if same else {}), **held})
    log.info("bitrix24.installed", update=update, remedy="annex apply: the portal forgets handlers and pages meanwhile")


def forget(connection: Connection, auth: Mapping[str, Any]) -> None:
    """The application was removed: what it held is worth nothing any more."""
    held = connection.vault.get(APP) or {}
    given, known = str(auth.get("application_token") or ""), str(held.get("application_token") or "")
    if known and hmac.compare_digest(given.encode("utf-8", "replace"), known.encode()):
        connection.vault.drop(APP)
        log.warning("bitrix24.uninstalled", remedy="install the application again, or set BITRIX24_WEBHOOK")


def _expires_at(connection: Connection, auth: Mapping[str, Any]) -> int:
    now = int(connection.clock.now().timestamp())
    try:
        return int(auth.get("expires") or now + int(auth.get("expires_in") or 3600))
    except (TypeError, ValueError):
        return now + 3600
