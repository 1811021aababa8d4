"""Plugin and Connector: what a folder declares about itself."""

from kernel.extension.model import (
    Command,
    Connecting,
    Connector,
    Delivery,
    NotProven,
    Plugin,
    RunsEvery,
    Seen,
    SettingLine,
    Watch,
)

__all__ = [
    "Command", "Connecting", "Connector", "Delivery", "NotProven", "Plugin", "RunsEvery", "Seen", "SettingLine", "Watch",
]  # fmt: skip
