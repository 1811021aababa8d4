"""The settings, read once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.sms_ru import limits
from kernel.errors import Misconfigured
from kernel.extension import SettingLine
from kernel.http import https_address
from kernel.telemetry import tell_secret

PUBLIC_API = "https://sms.ru"
SETTINGS = (
    SettingLine(
        "SMS_RU_API_ID", "ключ api_id из личного кабинета SMS.RU; пусто — SMS выключены", secret=True, switch=True
    ),
    SettingLine("SMS_RU_URL", "адрес API", default=PUBLIC_API),
    SettingLine("SMS_RU_FROM", "согласованное имя отправителя; пусто — то, что в кабинете по умолчанию"),
    SettingLine("SMS_RU_PER_SECOND", "запросов в секунду со всех процессов вместе", default=f"{limits.PER_SECOND:g}"),
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What the environment says, as types."""

    url: str
    api_id: str = field(repr=False)
    sender: str = ""
    per_second: float = limits.PER_SECOND


def read(settings: Mapping[str, str]) -> Settings:
    """Raises Misconfigured naming the setting."""
    api_id = settings.get("SMS_RU_API_ID", "").strip()
    tell_secret(api_id)
    if not api_id:
        raise Misconfigured("SMS_RU_API_ID is not set: it stands in the account's settings at sms.ru")
    try:
        per_second = float(settings.get("SMS_RU_PER_SECOND", "") or limits.PER_SECOND)
    except ValueError:
        per_second = 0.0
    if not 0.01 <= per_second <= 100:
        raise Misconfigured("SMS_RU_PER_SECOND is a number between 0.01 and 100")
    return Settings(_url(settings), api_id, settings.get("SMS_RU_FROM", "").strip(), per_second)


def _url(settings: Mapping[str, str]) -> str:
    url = settings.get("SMS_RU_URL", "").strip() or PUBLIC_API
    parts = https_address("SMS_RU_URL", url)
    if parts.query or parts.fragment or parts.username or parts.password:
        raise Misconfigured("SMS_RU_URL is the address of the API without anything behind it")
    return url.rstrip("/")
