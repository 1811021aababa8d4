"""What is wrong with settings, tokens, rights and reachability: one line each, in the words of who can fix it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import requests

from connectors.bitrix24 import settings
from connectors.bitrix24.admins import Admins
from connectors.bitrix24.auth import APP
from connectors.bitrix24.client import Client, connect
from connectors.bitrix24.errors import NotConnected
from connectors.bitrix24.settings import Settings
from connectors.bitrix24.setup_lists import find_lists
from connectors.bitrix24.setup_model import Memory
from connectors.bitrix24.setup_readers import by_people, drifts, titles
from connectors.bitrix24.setup_reading import SetupReader
from connectors.bitrix24.wire import DOMAIN
from kernel import texts
from kernel.errors import AnnexError, Fault, Misconfigured, NoRight, Rejected, Throttled, Unreachable
from kernel.extension import Connection

SCOPES = ("crm", "user", "department", "timeman", "im")
APP_SCOPES = ("placement", "bizproc", "userfieldconfig", "lists")
TEXT_SCOPES = ("messageservice",)  #: where a set offers a provider of texts
FILE_SCOPES = ("disk",)  #: files of comments: read where a set has chats beside the CRM
REMEDIES = (
    "NO_AUTH_FOUND", "INVALID_CREDENTIALS", "APPLICATION_NOT_FOUND", "PAYMENT_REQUIRED", "ACCESS_DENIED", "PORTAL_DELETED",
    "INVALID_REQUEST",
)  # fmt: skip
texts.add_folder(Path(__file__).parent / "locale")


class Words(Protocol):
    """A text by its code, in the set's language."""

    def __call__(self, code: str, /, **values: object) -> str: ...


def doctor(connection: Connection) -> Iterator[str]:
    translate: Words = partial(texts.translate, connection.mapping.portal.language)
    try:
        read = settings.read(connection.settings, connection.mapping.portal.time_zone)
    except Misconfigured as exc:
        yield str(exc)
        return
    yield from _events(connection, read, translate)
    client = connect(connection, read)
    try:
        yield from _access(client, connection, read, translate)
        yield from _zone(client, read, translate)
        if read.client_id:
            yield from _application(client, connection, translate)
        yield from _readers(client, connection, read, translate)
    except AnnexError as exc:
        yield explained(exc, translate)
    moved = connection.vault.get(DOMAIN) or {}
    if moved.get("from") == read.url and moved.get("url"):
        yield translate("bitrix24_doctor_renamed", url=moved["url"])


def explained(exc: AnnexError, translate: Words) -> str:
    """An error of the first calls, as what to do about it."""
    if isinstance(exc.__cause__, requests.exceptions.SSLError):
        return translate("bitrix24_doctor_certificate")
    if isinstance(exc, NotConnected):
        code = exc.vendor_code.upper()
        known = code in REMEDIES
        return (
            translate(f"bitrix24_doctor_{code.lower()}") if known else translate("bitrix24_doctor_not_connected", text=exc)
        )
    if isinstance(exc, Throttled):
        return translate("bitrix24_doctor_throttled", seconds=f"{exc.wait_seconds:g}")
    if isinstance(exc, NoRight):
        return translate("bitrix24_doctor_no_right", text=exc)
    if isinstance(exc, Unreachable):
        return translate("bitrix24_doctor_unreachable", text=exc)
    return translate("bitrix24_doctor_refused", text=exc) if isinstance(exc, Fault) else str(exc)


def _events(connection: Connection, read: Settings, translate: Words) -> Iterator[str]:
    if not read.client_id and not settings.hook_token(connection.settings):
        yield translate("bitrix24_doctor_no_events")
    local = read.url.startswith("http://")
    if read.client_id and not connection.public_url.startswith("https://") and not local:
        yield translate("bitrix24_doctor_not_https")


def _access(client: Client, connection: Connection, read: Settings, translate: Words) -> Iterator[str]:
    profile = client.call("profile")
    if not (isinstance(profile, dict) and profile.get("ADMIN") is True):
        yield translate("bitrix24_doctor_webhook_no_admin" if read.webhook else "bitrix24_doctor_app_no_admin")
    granted = {str(scope) for scope in client.call("scope") or []}
    files = FILE_SCOPES if connection.mapping.portal.connection else ()
    texts = TEXT_SCOPES if connection.mapping.portal.sender else ()
    wanted = (*SCOPES, *files) if read.webhook else (*SCOPES, *files, *APP_SCOPES, *texts)
    users = {"user", "user_basic"} & granted
    missing = [scope for scope in wanted if scope not in granted and not (scope == "user" and users)]
    if missing:
        code = "bitrix24_doctor_webhook_scopes" if read.webhook else "bitrix24_doctor_app_scopes"
        yield translate(code, scopes=", ".join(missing))


def _zone(client: Client, read: Settings, translate: Words) -> Iterator[str]:
    try:
        server_time = datetime.fromisoformat(str(client.call("server.time")))
    except (Rejected, ValueError):
        return  # an old box; nothing can be said
    if server_time.tzinfo is None:
        return
    ours = server_time.astimezone(read.zone)
    if ours.utcoffset() != server_time.utcoffset():
        yield translate("bitrix24_doctor_zone", theirs=f"{server_time:%z}", zone=read.zone.key, ours=f"{ours:%z}")


def _application(client: Client, connection: Connection, translate: Words) -> Iterator[str]:
    if not connection.vault.get(APP):
        yield translate("bitrix24_doctor_not_installed")
        return
    about: Any = client.call("app.info", app=True)
    if not (isinstance(about, dict) and about.get("INSTALLED")):
        yield translate("bitrix24_doctor_half_installed")
        return
    home = connection.public_url
    bound = [str(one.get("handler") or "") for one in client.call("event.get", app=True) or [] if isinstance(one, dict)]
    if home and not any(handler.startswith(f"{home}/") for handler in bound):
        yield translate("bitrix24_doctor_not_bound", home=home)


def _readers(client: Client, connection: Connection, read: Settings, translate: Words) -> Iterator[str]:
    """Lists whose readers have come or gone since they were last let in."""
    mapping = connection.mapping
    if not any(one.reader_roles for one in mapping.lists.values()):
        return
    admins = Admins(connection, read).present if read.client_id else frozenset
    memory = Memory.load(connection.vault)
    state = SetupReader(client, mapping, mapping.portal.language, admins).readers(memory)
    every = drifts(mapping, find_lists(mapping, state.lists, memory), state, memory)
    for take, code in ((False, "bitrix24_doctor_readers_give"), (True, "bitrix24_doctor_readers_take")):
        for names, lists in by_people(every, take=take):
            yield translate(code, lists=titles(lists), names=", ".join(names.values()))
