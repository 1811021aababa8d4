"""The settings, read once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network

from kernel.errors import Misconfigured
from kernel.extension import SettingLine
from kernel.extension.signed import keys_of

SETTINGS = (
    SettingLine(
        "SITE_KEY", "ключ, которым сервер сайта подписывает заявки: от 24 знаков; пусто — заявки не принимаются",
        secret=True, switch=True,
    ),
    SettingLine("SITE_KEY_OLD", "прежний ключ: пока сервер сайта переходит на новый, годятся оба", secret=True),
    SettingLine(
        "SITE_PROXIES", "сети своих прокси через запятую, например 127.0.0.1/32: им верят, откуда пришёл посетитель"
    ),
    SettingLine("SITE_PER_MINUTE", "сколько заявок в минуту принимает один процесс; больше — ответ 429", "60"),
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What the environment says, as types."""

    keys: tuple[str, ...] = field(repr=False)
    per_minute: int
    proxies: tuple[str, ...] = ()


def read(settings: Mapping[str, str]) -> Settings:
    """Raises Misconfigured naming the setting."""
    given = {line.name: settings.get(line.name, line.default) for line in SETTINGS}
    number = given["SITE_PER_MINUTE"].strip() or "60"
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 100_000):
        raise Misconfigured(f"SITE_PER_MINUTE is «{number}»: it is a whole number from 1 to 100000")
    proxies = tuple(one.strip() for one in given["SITE_PROXIES"].split(",") if one.strip())
    for one in proxies:
        try:
            ip_network(one)
        except ValueError as exc:
            raise Misconfigured(f"SITE_PROXIES: «{one}» is no network like 127.0.0.1/32") from exc
    return Settings(keys_of(given["SITE_KEY"], given["SITE_KEY_OLD"], setting="SITE_KEY"), int(number), proxies)
