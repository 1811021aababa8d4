"""The settings, read once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kernel.errors import Misconfigured
from kernel.extension import SettingLine
from kernel.extension.signed import keys_of

SETTINGS = (
    SettingLine(
        "STATE_KEY", "ключ, которым адаптер СМЭВ подписывает заявления: от 24 знаков; пусто — заявления не принимаются",
        secret=True, switch=True,
    ),
    SettingLine("STATE_KEY_OLD", "прежний ключ: пока адаптер переходит на новый, годятся оба", secret=True),
    SettingLine("STATE_PER_MINUTE", "сколько заявлений в минуту принимает один процесс; больше — ответ 429", "120"),
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What the environment says, as types."""

    keys: tuple[str, ...] = field(repr=False)
    per_minute: int


def read(settings: Mapping[str, str]) -> Settings:
    """Raises Misconfigured naming the setting."""
    given = {line.name: settings.get(line.name, line.default) for line in SETTINGS}
    number = given["STATE_PER_MINUTE"].strip() or "120"
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 100_000):
        raise Misconfigured(f"STATE_PER_MINUTE is «{number}»: it is a whole number from 1 to 100000")
    return Settings(keys_of(given["STATE_KEY"], given["STATE_KEY_OLD"], setting="STATE_KEY"), int(number))
