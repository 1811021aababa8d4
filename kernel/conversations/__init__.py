"""Conversations: messages as any channel brings and takes them. Threads, timelines and receipts grow here."""

from kernel.conversations.model import Channel, FileRef, Incoming, Outgoing, pack_incoming, unpack_incoming

__all__ = ["Channel", "FileRef", "Incoming", "Outgoing", "pack_incoming", "unpack_incoming"]
