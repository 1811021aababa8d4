"""What is wrong with settings, token and reachability: one line each, in the words of the person who can fix it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import requests

from connectors.planfix import limits, settings
from connectors.planfix.client import Client, connect
from kernel import texts
from kernel.errors import AnnexError, Fault, Misconfigured, NoRight, Throttled, Unreachable
from kernel.extension import Connection
from kernel.settings import SECRET_COMMAND

TOKEN_CODES = ("1", "2", "5", "6", "11", "16", "20", "21")
texts.add_folder(Path(__file__).parent / "locale")


class Words(Protocol):
    """A text by its code, in the set's language."""

    def __call__(self, code: str, /, **values: object) -> str: ...


def doctor(connection: Connection) -> Iterator[str]:
    translate: Words = partial(texts.translate, connection.mapping.portal.language)
    yield from _hooks(connection, translate)
    try:
        read = settings.read(connection.settings, connection.mapping.portal.time_zone)
    except Misconfigured as exc:
        yield str(exc)
        return
    if not read.url.endswith("/rest/"):
        yield translate("planfix_doctor_url_end", url=read.url)
    client = connect(connection, read)
    try:
        headers = {name.lower(): value for name, value in client.ping().headers.items()}
        yield from _quota(headers.get("x-ratelimit-remaining", ""), read.rate_limit.per_day, translate)
        yield from _zone(client, read.zone.key, translate)
    except AnnexError as exc:
        yield explained(exc, translate)


def explained(exc: AnnexError, translate: Words) -> str:
    """An error of the first calls, as what to do about it."""
    if isinstance(exc, Misconfigured):
        return translate("planfix_doctor_redirect")
    if isinstance(exc.__cause__, requests.exceptions.SSLError):
        return translate("planfix_doctor_certificate")
    if isinstance(exc, Throttled):
        return translate("planfix_doctor_throttled", seconds=f"{exc.wait_seconds:g}")
    if isinstance(exc, NoRight):
        known = exc.vendor_code in TOKEN_CODES
        return translate(f"planfix_token_{exc.vendor_code}", place=translate("planfix_place")) if known else str(exc)
    if isinstance(exc, Unreachable):
        return translate("planfix_doctor_unreachable", text=exc)
    return translate("planfix_doctor_refused", text=exc) if isinstance(exc, Fault) else str(exc)


def _hooks(connection: Connection, translate: Words) -> Iterator[str]:
    present, old = (connection.settings.get(f"PLANFIX_HOOK_SECRET{end}", "").strip() for end in ("", "_OLD"))
    if not present:
        yield translate("planfix_doctor_no_hook_secret", how=SECRET_COMMAND)
    for name, secret in (("PLANFIX_HOOK_SECRET", present), ("PLANFIX_HOOK_SECRET_OLD", old)):
        if secret and len(secret) < limits.HOOK_SECRET_CHARACTERS_MIN:
            yield translate("planfix_doctor_short", name=name, least=limits.HOOK_SECRET_CHARACTERS_MIN, how=SECRET_COMMAND)
    if present and present == old:
        yield translate("planfix_doctor_same")


def _quota(left: str, per_day: int, translate: Words) -> Iterator[str]:
    if per_day and left.isascii() and left.isdigit() and int(left) < per_day * limits.QUOTA_SHARE_LOW:
        yield translate("planfix_doctor_quota", left=left, most=per_day)


def _zone(client: Client, zone: str, translate: Words) -> Iterator[str]:
    """Whose token it is cannot be asked; where every robot has another zone, ours has, too."""
    zones = {str(raw["timezone"]) for raw in client.users() if raw.get("role") == "Robot" and raw.get("timezone")}
    if zones and zone not in zones:
        yield translate("planfix_doctor_zone", theirs=", ".join(sorted(zones)), ours=zone)
