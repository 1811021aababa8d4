"""Plugin and Connector: what a folder declares about itself."""

from kernel.extension.model import (
    Command,
    Connecting,
    Connector,
    Delivery,
    Keeps,
    NotProven,
    Opening,
    Plugin,
    RunsEvery,
    Seen,
    SettingLine,
    Sweeping,
    Visitor,
    Watch,
)

__all__ = [
    "Command", "Connecting", "Connector", "Delivery", "Keeps", "NotProven", "Opening", "Plugin", "RunsEvery", "Seen",
    "SettingLine", "Sweeping", "Visitor", "Watch",
]  # fmt: skip
