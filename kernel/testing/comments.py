"""Comments in memory: those of staff and ours, with files; `crm` is the MemoryCRM that they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from kernel.crm import AttachedFile, Comment, CommentFile
from kernel.errors import NotFound, Rejected

FILE_BYTES_MAX = 20 * 1024 * 1024


class MemoryComments:
    """Called by itself it names what `CRM.comment` has written, as many a test asks."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm
        self.can_hide = self.can_set_author = self.can_set_time = True
        self.file_bytes_max = FILE_BYTES_MAX
        self.kept: dict[str, Comment] = {}
        self.files: dict[str, bytes] = {}
        self._keys: dict[str, str] = {}

    def __call__(self, record_id: str = "") -> list[Any]:
        return [one for one in self._crm.effects if one.verb == "comment" and record_id in ("", one.record_id)]

    # --- the interface --------------------------------------------------------------------------------------------------

    def write(
        self,
        entity: str,
        record_id: str,
        text: str,
        *,
        key: str,
        author: str = "",
        to: Iterable[str] = (),
        files: Sequence[CommentFile] = (),
        hidden: bool = False,
        at: datetime | None = None,
        maybe_done: bool = False,
    ) -> str:
        people = tuple(to)
        with self._crm._call("write_comment"):
            self._crm._find(entity, record_id)
            if maybe_done and key in self._keys:
                return self._keys[key]
            if hidden and not (self.can_hide and people):
                raise Rejected("memory: a comment cannot be hidden here, or nobody is named who may see it")
            contents = [(one.name, self._fitting(one)) for one in files]
            self._keys[key] = made = self.keep(
                entity, record_id, text, author=author if self.can_set_author else "", files=contents, hidden=hidden,
                at=at if self.can_set_time else None, ours=True,
            )  # fmt: skip
            self._crm._did(self._crm.effect("write_comment", entity, record_id, key, text=text, to=people))
        return made

    def edit(
        self, entity: str, record_id: str, comment_id: str, text: str, *, files: Sequence[CommentFile] | None = None
    ) -> None:
        with self._crm._call("edit_comment"):
            found = self._there(comment_id)
            if files is not None:
                found = replace(found, files=self._attached([(one.name, self._fitting(one)) for one in files]))
            self.kept[comment_id] = replace(found, text=text)
            self._crm._did(self._crm.effect("edit_comment", entity, record_id, comment_id, text=text))

    def get(self, comment_id: str) -> Comment:
        with self._crm._call("get_comment"):
            return self._there(comment_id)

    def of(self, entity: str, record_id: str, *, since: datetime | None = None) -> list[Comment]:
        with self._crm._call("comments_of"):
            self._crm._find(entity, record_id)
            return [
                one
                for one in self.kept.values()
                if (one.entity, one.record_id) == (entity, record_id) and (since is None or one.at >= since)
            ]

    def since(self, moment: datetime, entities: Iterable[str]) -> list[Comment]:
        wanted = set(entities)
        with self._crm._call("comments_since"):
            return [one for one in self.kept.values() if one.entity in wanted and one.at >= moment]

    def download(self, file_id: str, into: Path, *, bytes_max: int) -> None:
        with self._crm._call("download"):
            content = self.files.get(file_id)
            if content is None:
                raise NotFound(f"memory: there is no file {file_id}")
            if len(content) > bytes_max:
                raise Rejected(f"memory: the file is larger than {bytes_max} bytes")
            into.write_bytes(content)

    # --- inside ---------------------------------------------------------------------------------------------------------

    def keep(
        self,
        entity: str,
        record_id: str,
        text: str,
        *,
        author: str = "",
        files: Mapping[str, bytes] | Sequence[tuple[str, bytes]] | None = None,
        hidden: bool = False,
        at: datetime | None = None,
        ours: bool = False,
    ) -> str:
        """`files`: pairs of name and content, where two may bear one name."""
        made = f"comment:{len(self.kept) + 1}"
        pairs = list(files.items()) if isinstance(files, Mapping) else list(files or ())
        names = {one.id: one.name for one in self._crm.persons}
        self.kept[made] = Comment(
            made, entity, record_id, text, at or self._crm.clock.now(), author, names.get(author, author),
            not author.startswith("contact:"), self._attached(pairs), hidden, ours,
        )  # fmt: skip
        return made

    def _attached(self, pairs: Sequence[tuple[str, bytes]]) -> tuple[AttachedFile, ...]:
        attached = []
        for name, content in pairs:
            self.files[number := f"file:{len(self.files) + 1}"] = content
            attached.append(AttachedFile(number, name, len(content)))
        return tuple(attached)

    def _there(self, comment_id: str) -> Comment:
        if comment_id not in self.kept:
            raise NotFound(f"memory: there is no comment {comment_id}")
        return self.kept[comment_id]

    def _fitting(self, file: CommentFile) -> bytes:
        content = file.path.read_bytes()
        if len(content) > self.file_bytes_max:
            raise Rejected(f"memory: «{file.name}» is larger than {self.file_bytes_max} bytes")
        return content
