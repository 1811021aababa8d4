"""Comments of records, both ways: what one holds, and what a CRM that keeps them can do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class CommentFile:
    """A file of ours that is to be put at a comment. It has to lie there until the call came through."""

    path: Path
    name: str  #: as staff see it
    media_type: str = "application/octet-stream"


@dataclass(frozen=True)
class AttachedFile:
    """A file that stands at a comment."""

    id: str
    name: str
    size: int = 0  #: bytes; a CRM that tells kilobytes has them rounded up; 0 where it says nothing


@dataclass(frozen=True)
class Comment:
    """One comment as the CRM holds it at the moment of reading."""

    id: str
    entity: str  #: our key: "deal", "contact"
    record_id: str
    text: str  #: plain text with line ends, addresses of links in sight, without our mark
    at: datetime
    author: str = ""  #: a person's or a contact's id; empty where the CRM does not say
    author_name: str = ""
    by_staff: bool = True  #: False: written in the name of a contact
    files: tuple[AttachedFile, ...] = ()
    hidden: bool = False  #: named people alone see it
    ours: bool = False  #: Annex wrote it: it bears our mark
    edited_at: datetime | None = None  #: where the CRM tells

    @property
    def version(self) -> str:
        """Another one after every edit that matters: of its text, or of its files."""
        told = "\n".join([self.text, *(f"{one.id} {one.name}" for one in self.files)])
        return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16]


class Comments(Protocol):
    """What a CRM that keeps comments can do. The attributes say what it cannot, so that nobody has to try."""

    can_hide: bool  #: comments that named people alone see
    can_set_author: bool  #: in the name of a person or a contact; else all comments are ours, and the text says whose it is
    can_set_time: bool  #: at another moment than now
    file_bytes_max: int  #: of one file; larger ones are refused before anything is sent

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
        """Write a plain-text comment (line ends kept) and notify the people in `to`; returns its id.

        With `maybe_done` the key is looked up first, as with every create. `hidden`: the people in `to` alone see it, and
        who administers the CRM; Rejected where the CRM cannot, for nothing hidden may ever stand openly. `author` and `at`
        are left out where it cannot: they are no secret. The author is a person's id, or «contact:ID» of a card.
        """

    def edit(
        self, entity: str, record_id: str, comment_id: str, text: str, *, files: Sequence[CommentFile] | None = None
    ) -> None:
        """Put another text in the place of a comment's; our mark stays. Raises NotFound.

        With None its files stay. Else it has these afterwards, in this order, and no others: all of them are sent, also
        those that stand there, for no CRM tells that a file of its is the one that we hold. Doing it twice is as good as
        once. Rejected where the CRM does not take them; then what stood there before does so still, as far as it lets us.
        """

    def get(self, comment_id: str) -> Comment:
        """Raises NotFound, also where it stands at a record that the set does not name."""

    def of(self, entity: str, record_id: str, *, since: datetime | None = None) -> list[Comment]:
        """A record's comments, oldest first; `since`: those written at or after that moment. Raises NotFound."""

    def since(self, moment: datetime, entities: Iterable[str]) -> list[Comment]:
        """Those written at or after that moment at any record of these entities, oldest first: for a look every half a
        minute that costs one request while nothing happens. May name some from a little before."""

    def download(self, file_id: str, into: Path, *, bytes_max: int) -> None:
        """A comment's file, whole or not at all. Raises Rejected where it is larger, NotFound where it is gone."""


__all__ = ["AttachedFile", "Comment", "CommentFile", "Comments"]
