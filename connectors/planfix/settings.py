"""The settings, read once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from connectors.planfix import limits
from kernel.errors import Misconfigured
from kernel.extension import SettingLine, Sweeping
from kernel.http import RateLimit, https_address
from kernel.telemetry import tell_secret
from kernel.values import zone_named

SETTINGS = (
    SettingLine("PLANFIX_URL", "повна адреса REST, наприклад https://company.planfix.com/rest/", required=True),
    SettingLine(
        "PLANFIX_TOKEN", "токен REST робота: Керування акаунтом → Інтеграції → REST API", secret=True, required=True
    ),
    SettingLine("PLANFIX_HOOK_SECRET", "ключ, яким скрипти Planfix доводять, що це вони", secret=True, required=True),
    SettingLine("PLANFIX_HOOK_SECRET_OLD", "попередній ключ: ще приймається, поки його міняють у скриптах", secret=True),
    SettingLine("PLANFIX_REQUESTS_PER_SECOND", "скільки запитів на секунду дозволяє тариф", default="1"),
    SettingLine("PLANFIX_REQUESTS_PER_DAY", "скільки запитів на добу дозволяє тариф; 0 — без обмеження", default="20000"),
    SettingLine("PLANFIX_TIME_ZONE", "часовий пояс робота в Planfix; порожньо — пояс набору", default=""),
)


@dataclass(frozen=True)
class Settings:
    """What the environment says, as types."""

    url: str
    token: str = field(repr=False)
    rate_limit: RateLimit
    zone: ZoneInfo

    @property
    def site(self) -> str:
        """Where staff open records: the address without /rest/."""
        return self.url.removesuffix("rest/")


def read(settings: Mapping[str, str], set_zone: str = "UTC") -> Settings:
    """Raises Misconfigured naming the setting."""
    token = settings.get("PLANFIX_TOKEN", "").strip()
    tell_secret(token)
    hook_secrets(settings)
    if not token:
        raise Misconfigured("PLANFIX_TOKEN is not set")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise Misconfigured("PLANFIX_TOKEN holds blanks or other characters that no token has")
    rate = _number(settings, "PLANFIX_REQUESTS_PER_SECOND", limits.REQUESTS_PER_SECOND)
    if rate <= 0:
        raise Misconfigured("PLANFIX_REQUESTS_PER_SECOND must be above zero")
    per_day = int(_number(settings, "PLANFIX_REQUESTS_PER_DAY", limits.REQUESTS_PER_DAY))
    zone = settings.get("PLANFIX_TIME_ZONE", "").strip() or set_zone
    return Settings(_url(settings), token, RateLimit(rate, per_day, limits.ARRIVAL_SECONDS_MAX), zone_named(zone))


def sweeping(settings: Mapping[str, str]) -> Sweeping:
    """A sweep costs one list, contacts and what still exists a second every sixth time. A day's quota is
    used less when nothing happens."""
    rate = _number(settings, "PLANFIX_REQUESTS_PER_SECOND", limits.REQUESTS_PER_SECOND) or 1.0
    per_day = _number(settings, "PLANFIX_REQUESTS_PER_DAY", limits.REQUESTS_PER_DAY)
    cost = 1 + 1 / limits.SWEEPS_PER_CONTACTS + 1 / limits.SWEEPS_PER_EXISTING
    every = max(cost / (limits.SWEEP_SHARE_MAX * rate), limits.SWEEP_SECONDS_MIN)
    calm = max(every, cost / (limits.SWEEP_SHARE_MAX * per_day / 86_400) if per_day else every)
    turns = {"contact": limits.SWEEPS_PER_CONTACTS, "partner": limits.SWEEPS_PER_CONTACTS}
    return Sweeping(every, calm, turns, limits.SWEEPS_PER_EXISTING, limits.IDS_PER_REQUEST)


def hook_secrets(settings: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that prove a delivery: the present one and, during a rotation, the one before."""
    both = (settings.get(name, "").strip() for name in ("PLANFIX_HOOK_SECRET", "PLANFIX_HOOK_SECRET_OLD"))
    secrets = tuple(secret for secret in both if secret)
    tell_secret(*secrets)
    return secrets


def _url(settings: Mapping[str, str]) -> str:
    url = settings.get("PLANFIX_URL", "").strip()
    if not url:
        raise Misconfigured("PLANFIX_URL is not set; it is like https://company.planfix.com/rest/")
    parts = https_address("PLANFIX_URL", url, why="; Planfix ignores plain http")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise Misconfigured("PLANFIX_URL must be a plain address, without user, password, ? or #")
    return url.rstrip("/") + "/"


def _number(settings: Mapping[str, str], name: str, default: float) -> float:
    text = settings.get(name, "").strip()
    try:
        number = float(text) if text else default
    except ValueError as exc:
        raise Misconfigured(f"{name} is «{text[:20]}», not a number") from exc
    if not 0 <= number < 1e9:
        raise Misconfigured(f"{name} is «{text[:20]}», which is out of range")
    return number
