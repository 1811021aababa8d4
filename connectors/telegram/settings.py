"""The settings, read once and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from connectors.telegram import limits
from kernel.errors import Misconfigured
from kernel.extension import SettingLine
from kernel.http import https_address
from kernel.telemetry import tell_secret

MODES = ("webhook", "polling")
PUBLIC_API = "https://api.telegram.org"
SETTINGS = (
    SettingLine("TELEGRAM_TOKEN", "токен бота від @BotFather; без нього Telegram вимкнено", secret=True, switch=True),
    SettingLine(
        "TELEGRAM_HOOK_SECRET", "ключ, яким Telegram доводить, що це він: 24–256 знаків A-Z a-z 0-9 _ -", secret=True
    ),
    SettingLine("TELEGRAM_URL", "адреса Bot API", default=PUBLIC_API),
    SettingLine("TELEGRAM_MODE", "webhook — Telegram кличе нас; polling — питаємо самі, без публічної адреси", "webhook"),
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What the environment says, as types."""

    url: str
    token: str = field(repr=False)
    hook_secret: str = field(repr=False)
    mode: Literal["webhook", "polling"]

    @property
    def bot_id(self) -> int:
        """A token begins with the bot's number."""
        return int(self.token.partition(":")[0])


def read(settings: Mapping[str, str]) -> Settings:
    """Raises Misconfigured naming the setting."""
    token, secret = (settings.get(name, "").strip() for name in ("TELEGRAM_TOKEN", "TELEGRAM_HOOK_SECRET"))
    tell_secret(token, secret)
    if not token:
        raise Misconfigured("TELEGRAM_TOKEN is not set: @BotFather gives it")
    if not re.fullmatch(r"[0-9]{1,19}:[A-Za-z0-9_-]+", token):
        raise Misconfigured("TELEGRAM_TOKEN is not a bot's token: it is a number, a colon, and letters")
    if not secret:
        raise Misconfigured("TELEGRAM_HOOK_SECRET is not set")
    if not re.fullmatch(limits.HOOK_KEY_ALLOWED, secret):
        raise Misconfigured("TELEGRAM_HOOK_SECRET may hold A-Z a-z 0-9 _ - only, 256 of them at most")
    mode = settings.get("TELEGRAM_MODE", "").strip() or MODES[0]
    if mode not in MODES:
        raise Misconfigured(f"TELEGRAM_MODE is «{mode}»: it may be {' or '.join(MODES)}")
    return Settings(_url(settings), token, secret, cast("Literal['webhook', 'polling']", mode))


def _url(settings: Mapping[str, str]) -> str:
    url = settings.get("TELEGRAM_URL", "").strip() or PUBLIC_API
    parts = https_address("TELEGRAM_URL", url)
    if parts.query or parts.fragment or "{" in url:
        raise Misconfigured("TELEGRAM_URL is the address of the Bot API without anything behind it")
    return url.rstrip("/")
