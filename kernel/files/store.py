"""Files in the database, in pieces. A file's name is the SHA-256 of what is in it, so keeping it twice changes nothing."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.storage import Database, Tx
from kernel.values import to_micros

PIECE_BYTES = 512 * 1024


class FileStore:
    """Keeps files and gives them back. Who may have one is not its business."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def keep(self, path: Path) -> str:
        """Keep what is in that file; returns its content name."""
        content, size = _digest(path)
        with self._database.write() as tx:
            if tx.value("SELECT content FROM stored_file WHERE content = :c", c=content) is not None:
                return content
            # Pieces of one who died half-way cannot be there: all of it is one unit of work.
            with path.open("rb") as file:
                for number, piece in enumerate(iter(lambda: file.read(PIECE_BYTES), b"")):
                    tx.run(
                        "INSERT INTO file_piece (content, number, body) VALUES (:c, :n, :b) ON CONFLICT DO NOTHING",
                        c=content, n=number, b=piece,
                    )  # fmt: skip
            tx.run(
                "INSERT INTO stored_file (content, size, kept_at) VALUES (:c, :s, :at) ON CONFLICT DO NOTHING",
                c=content, s=size, at=to_micros(self._clock.now()),
            )  # fmt: skip
        return content

    def keep_bytes(self, body: bytes) -> str:
        """The same for what is in memory already."""
        with self.scratch() as folder:
            path = folder / "file"
            path.write_bytes(body)
            return self.keep(path)

    def fetch(self, load: Callable[[Path], None]) -> tuple[str, int]:
        """Keep what `load` writes to the path it is given; content name and size."""
        with self.scratch() as folder:
            path = folder / "file"
            load(path)
            return self.keep(path), path.stat().st_size

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder that is gone afterwards."""
        folder = Path(tempfile.mkdtemp(prefix="annex-file-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def as_file(self, content: str) -> Iterator[Path]:
        """The file on this machine's disk, for as long as it is needed. Raises NotFound where it was emptied."""
        with self.scratch() as folder:
            path = folder / "file"
            with path.open("wb") as file:
                for piece in self.pieces(content):
                    file.write(piece)
            yield path

    def pieces(self, content: str) -> Iterator[bytes]:
        """What is in it, piece by piece. Raises NotFound."""
        if self.size(content) is None:
            raise NotFound(f"the file {content[:12]}… is not kept any more")
        number = 0
        while True:
            with self._database.read() as tx:
                body = tx.value("SELECT body FROM file_piece WHERE content = :c AND number = :n", c=content, n=number)
            if body is None:
                return
            yield bytes(body)
            number += 1

    def size(self, content: str) -> int | None:
        """In bytes; None where it is not kept."""
        with self._database.read() as tx:
            found = tx.value("SELECT size FROM stored_file WHERE content = :c", c=content)
        return None if found is None else int(found)


def forget(tx: Tx, contents: Iterable[str]) -> None:
    """Empty these: nobody can have them back."""
    for content in contents:
        tx.run("DELETE FROM file_piece WHERE content = :c", c=content)
        tx.run("DELETE FROM stored_file WHERE content = :c", c=content)


def _digest(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size
