"""Files, stored by content: the same file kept twice is kept once."""

from kernel.files.store import PIECE_BYTES, FileStore

__all__ = ["PIECE_BYTES", "FileStore"]
