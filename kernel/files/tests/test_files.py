"""Files by content: whole, each once, given back byte for byte, on both databases."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernel.errors import NotFound
from kernel.files import PIECE_BYTES, FileStore
from kernel.files.store import forget
from kernel.storage import Database
from kernel.testing import FakeClock


@pytest.fixture
def files(database: Database) -> FileStore:
    return FileStore(database, FakeClock())


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_what_is_kept_comes_back(files: FileStore, size: int) -> None:
    body = os.urandom(size)
    content = files.keep_bytes(body)
    with files.as_file(content) as path:
        assert path.read_bytes() == body
    assert not path.exists() and files.size(content) == size


def test_the_same_twice_is_kept_once(files: FileStore, database: Database) -> None:
    assert files.keep_bytes(b"a" * 10) == files.keep_bytes(b"a" * 10) != files.keep_bytes(b"b")
    with database.read() as tx:
        assert tx.value("SELECT COUNT(*) FROM stored_file") == 2


def test_what_does_not_load_is_not_kept(files: FileStore, database: Database) -> None:
    def half(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("cut off")

    with pytest.raises(OSError, match="cut off"):
        files.fetch(half)
    with database.read() as tx:
        assert tx.value("SELECT COUNT(*) FROM file_piece") == 0


def test_what_was_emptied_is_not_found(files: FileStore, database: Database) -> None:
    content = files.keep_bytes(b"gone")
    with database.write() as tx:
        forget(tx, [content])
    with pytest.raises(NotFound, match="not kept any more"), files.as_file(content):
        pass
    with database.read() as tx:
        assert tx.value("SELECT COUNT(*) FROM file_piece") == 0, "nothing of it lies in the database"
