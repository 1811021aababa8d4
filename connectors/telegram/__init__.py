"""Telegram: a bot that people write to, in groups or by themselves."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from connectors.telegram.limits import BODY_BYTES_MAX
from connectors.telegram.settings import SETTINGS
from connectors.telegram.verbs import VERBS
from kernel.extension import Connector


def _late(part: str, name: str) -> Callable[..., Any]:
    """Loaded at its first use: its library is 20 MB and 0.2 s of each start, for nothing where there is no bot."""

    def loaded(*given: Any) -> Any:
        return getattr(import_module(f"connectors.telegram.{part}"), name)(*given)

    return loaded


connector = Connector(
    name="telegram",
    title="Telegram",
    settings=SETTINGS,
    receive=_late("receive", "receive"),
    body_bytes_max=BODY_BYTES_MAX,
    listen=_late("listen", "listen"),
    channel=_late("channel", "TelegramChannel"),
    verbs=VERBS,
    doctor=_late("doctor", "doctor"),
)
