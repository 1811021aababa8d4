"""The settings, read once and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from connectors.bitrix24 import limits
from kernel.errors import Misconfigured
from kernel.extension import SettingLine, Sweeping
from kernel.http import RateLimit
from kernel.telemetry import tell_secret
from kernel.values import zone_named

SETTINGS = (
    SettingLine("BITRIX24_URL", "адрес портала, например https://company.bitrix24.ru/", required=True),
    SettingLine("BITRIX24_WEBHOOK", "входящий вебхук, «1/abcdef…»; нужен, если нет приложения", secret=True),
    SettingLine("BITRIX24_CLIENT_ID", "код локального приложения (client_id)"),
    SettingLine("BITRIX24_CLIENT_SECRET", "ключ локального приложения (client_secret)", secret=True),
    SettingLine("BITRIX24_OAUTH_SERVER", "сервер авторизации", default="https://oauth.bitrix24.tech"),
    SettingLine("BITRIX24_HOOK_TOKEN", "токен исходящего вебхука, если события приходят через него", secret=True),
    SettingLine("BITRIX24_PLAN", "тариф: standard, enterprise или box (коробка)", default="standard"),
    SettingLine("BITRIX24_BUCKET_SHARE", "какая доля лимита запросов портала — наша, от 0.1 до 1", default="1.0"),
    SettingLine(
        "BITRIX24_REQUESTS_PER_SECOND", "сколько запросов портал забывает за секунду; пусто — по тарифу", default=""
    ),
    SettingLine("BITRIX24_TIME_ZONE", "часовой пояс портала; пусто — пояс набора", default=""),
)
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_WEBHOOK = re.compile(r"(?:https?://[^/]+/rest/)?([0-9]+/[A-Za-z0-9_-]+)/?(?:profile(?:\.json)?)?\Z")
_VENDOR_HOST = re.compile(r"[a-z0-9-]+\.(bitrix24\.[a-z]{2,}(?:\.[a-z]{2})?)\Z")


@dataclass(frozen=True)
class Settings:
    """What the environment says, as types."""

    url: str  #: the portal, ends with a slash
    webhook: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    oauth_server: str
    rate_limit: RateLimit | None
    zone: ZoneInfo


def read(settings: Mapping[str, str], set_zone: str = "UTC") -> Settings:
    """Raises Misconfigured naming the setting."""
    given = {name: value.strip() for name, value in settings.items()}
    secret, webhook = given.get("BITRIX24_CLIENT_SECRET", ""), _webhook(given.get("BITRIX24_WEBHOOK", ""))
    client_id = given.get("BITRIX24_CLIENT_ID", "")
    tell_secret(secret, webhook, webhook.partition("/")[2], hook_token(settings))
    if not webhook and not client_id:
        raise Misconfigured(
            "neither BITRIX24_WEBHOOK nor BITRIX24_CLIENT_ID is set: make a local application in Bitrix24 and put its "
            "client_id and client_secret here, or make an incoming webhook"
        )
    if bool(client_id) != bool(secret):
        raise Misconfigured("BITRIX24_CLIENT_ID and BITRIX24_CLIENT_SECRET belong together: set both or neither")
    zone = zone_named(given.get("BITRIX24_TIME_ZONE", "") or set_zone)
    return Settings(_portal(given), webhook, client_id, secret, _oauth(given), _rate_limit(given), zone)


def framed_by(settings: Mapping[str, str]) -> tuple[str, ...]:
    """The portal shows our pages in frames of its own; under its old name and, within the vendor's zone, under a new one."""
    parts = urlsplit(settings.get("BITRIX24_URL", "").strip())
    zone = _VENDOR_HOST.match(parts.hostname or "")
    own = (f"{parts.scheme}://{parts.netloc}",) if parts.scheme and parts.netloc else ()
    return (*own, f"https://*.{zone[1]}") if zone else own


def sweeping(settings: Mapping[str, str]) -> Sweeping:
    """A sweep of all kinds of records and their rows costs one batch, and what still exists another every fourth time."""
    given = {name: value.strip() for name, value in settings.items()}
    rate_limit = _rate_limit(given) if given.get("BITRIX24_PLAN", "") in (*limits.BUCKETS, "") else None
    cost = (1 + 1 / limits.SWEEPS_PER_EXISTING) / (limits.SWEEP_SHARE_MAX * rate_limit.per_second) if rate_limit else 0.0
    every = max(cost, limits.SWEEP_SECONDS_MIN)
    return Sweeping(every, every, {}, limits.SWEEPS_PER_EXISTING, limits.IDS_PER_SWEEP)


def hook_token(settings: Mapping[str, str]) -> str:
    """The outgoing webhook's own token; empty if there is none."""
    token = settings.get("BITRIX24_HOOK_TOKEN", "").strip()
    tell_secret(token)
    return token


def same_zone(url: str, location: str) -> str:
    """The address that a redirect from `url` names, if the same vendor stands behind it; else empty."""
    try:
        old, new = urlsplit(url), urlsplit(location)
        host, port = new.hostname or "", new.port
    except ValueError:
        return ""
    if old.hostname in LOCAL and host in LOCAL and new.scheme in ("http", "https"):
        return f"{new.scheme}://{new.netloc}/"
    left, right = _VENDOR_HOST.match(old.hostname or ""), _VENDOR_HOST.match(host)
    if left and right and left[1] == right[1] and new.scheme == "https" and port in (None, 443) and not new.username:
        return f"https://{host}/"
    return ""


def _webhook(text: str) -> str:
    """`1/abcdef`, or the whole address as Bitrix24 shows it."""
    if not text:
        return ""
    found = _WEBHOOK.match(text)
    if not found:
        raise Misconfigured("BITRIX24_WEBHOOK must be like «1/abcdef…»: the user's number and the code")
    return found[1]


def _portal(given: Mapping[str, str]) -> str:
    url = given.get("BITRIX24_URL", "")
    if not url:
        raise Misconfigured("BITRIX24_URL is not set; it is like https://company.bitrix24.ru/")
    return _origin("BITRIX24_URL", url)


def _oauth(given: Mapping[str, str]) -> str:
    """Only the vendor's own servers: the application's secret goes there."""
    server = _origin("BITRIX24_OAUTH_SERVER", given.get("BITRIX24_OAUTH_SERVER", "") or "https://oauth.bitrix24.tech")
    host = urlsplit(server).hostname
    if host not in limits.OAUTH_HOSTS and host not in LOCAL:
        raise Misconfigured(f"BITRIX24_OAUTH_SERVER must be one of: {', '.join(sorted(limits.OAUTH_HOSTS))}")
    return server


def _origin(name: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise Misconfigured(f"{name} is not an address") from exc
    if not host or parts.scheme not in ("https", "http") or (parts.scheme == "http" and host not in LOCAL):
        raise Misconfigured(f"{name} must begin with https:// and name the host")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password:
        raise Misconfigured(f"{name} must be a plain address; a webhook goes to BITRIX24_WEBHOOK")
    return f"{parts.scheme}://{parts.netloc}/"


def _rate_limit(given: Mapping[str, str]) -> RateLimit | None:
    plan = given.get("BITRIX24_PLAN", "") or "standard"
    if plan == "box":
        return None
    if plan not in limits.BUCKETS:
        raise Misconfigured(f"BITRIX24_PLAN is «{plan[:20]}»; it must be one of: {', '.join(limits.BUCKETS)}, box")
    size, drained = limits.BUCKETS[plan]
    share = _number(given, "BITRIX24_BUCKET_SHARE", 1.0, 0.1, 1)
    drained = _number(given, "BITRIX24_REQUESTS_PER_SECOND", drained, 0.01, 10_000)
    return RateLimit(drained * share, burst=max(int(size * share) - limits.BUCKET_MARGIN_REQUESTS, 1))


def _number(given: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = given.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError as exc:
        raise Misconfigured(f"{name} is «{text[:20]}», not a number") from exc
    if not least <= number <= most:
        raise Misconfigured(f"{name} must lie between {least:g} and {most:g}")
    return number
