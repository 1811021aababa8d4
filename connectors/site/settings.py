"""The settings, read once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kernel.errors import Misconfigured
from kernel.extension import SettingLine
from kernel.extension.signed import keys_of

SETTINGS = (
    SettingLine(
        "SITE_KEY", "ключ, которым сервер сайта подписывает заявки: от 24 знаков; пусто — заявки не принимаются",
        secret=True, switch=True,
    ),
    SettingLine("SITE_KEY_OLD", "прежний ключ: пока сервер сайта переходит на новый, годятся оба", secret=True),
    SettingLine("SITE_PER_MINUTE", "сколько заявок в минуту принимает один процесс; больше — ответ 429", "60"),
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What the environment says, as types."""

    keys: tuple[str, ...] = field(repr=False)
    per_minute: int


def read(settings: Mapping[str, str]) -> Settings:
    """Raises Misconfigured naming the setting."""
    given = {line.name: settings.get(line.name, line.default) for line in SETTINGS}
    number = given["SITE_PER_MINUTE"].strip() or "60"
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 100_000):
        raise Misconfigured(f"SITE_PER_MINUTE is «{number}»: it is a whole number from 1 to 100000")
    return Settings(keys_of(given["SITE_KEY"], given["SITE_KEY_OLD"], setting="SITE_KEY"), int(number))
