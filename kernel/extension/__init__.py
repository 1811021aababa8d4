"""Plugin and Connector: what a folder declares about itself."""

from kernel.extension.model import (
    Command,
    Connection,
    Connector,
    Delivery,
    FrameRequest,
    Keeps,
    NotProven,
    Plugin,
    RunsEvery,
    Seen,
    SettingLine,
    Sweeping,
    Visitor,
    Watch,
)

__all__ = [
    "Command",
    "Connection",
    "Connector",
    "Delivery",
    "FrameRequest",
    "Keeps",
    "NotProven",
    "Plugin",
    "RunsEvery",
    "Seen",
    "SettingLine",
    "Sweeping",
    "Visitor",
    "Watch",
]  # fmt: skip
