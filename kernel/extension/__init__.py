"""Plugin and Connector: what a folder declares about itself."""

from kernel.extension.connector import (
    BODY_BYTES_MAX,
    OK,
    Connection,
    Connector,
    Deliver,
    Delivery,
    FrameRequest,
    NotProven,
    Receipt,
    Received,
    Reply,
    SettingLine,
    Sweeping,
    TooOften,
    Verb,
    Visitor,
)
from kernel.extension.crm_verbs import CRM_VERBS
from kernel.extension.model import Command, CommentWatch, HeardComment, Keeps, Plugin, RunsEvery, Seen, Watch

__all__ = [
    "BODY_BYTES_MAX", "CRM_VERBS", "OK", "Command", "CommentWatch", "Connection", "Connector", "Deliver", "Delivery",
    "FrameRequest", "HeardComment", "Keeps", "NotProven", "Plugin", "Receipt", "Received", "Reply", "RunsEvery", "Seen",
    "SettingLine", "Sweeping", "TooOften", "Verb", "Visitor", "Watch",
]  # fmt: skip
