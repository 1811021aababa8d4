"""Conversations: messages as any channel brings and takes them. Threads, timelines and receipts grow here."""

from kernel.conversations.model import (
    Button,
    Channel,
    EarlierTry,
    FileRef,
    Incoming,
    Kind,
    Outgoing,
    OutgoingFile,
    pack_incoming,
    unpack_incoming,
)

__all__ = [
    "Button", "Channel", "EarlierTry", "FileRef", "Incoming", "Kind", "Outgoing", "OutgoingFile", "pack_incoming",
    "unpack_incoming",
]  # fmt: skip
