"""Comments of the timeline both ways, with files. All are ours or staff's: a contact cannot be the author of one.

A list of comments needs the record whose they are. So what is new anywhere is asked in two steps: which records had some
activity, and what stands in their timelines.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from connectors.bitrix24 import limits
from connectors.bitrix24.client import Client, Query
from connectors.bitrix24.comments import find_comment, notify, owner_type
from connectors.bitrix24.layout import EntityPlan, Layout
from connectors.bitrix24.marks import marked, remarked, same_text, shown
from connectors.bitrix24.names import Names
from connectors.bitrix24.portal import rows
from connectors.bitrix24.records import elsewhere, item_of
from connectors.bitrix24.search import Finder
from connectors.bitrix24.values import moment_of, number_in, number_of, stamp
from kernel.crm import AttachedFile, Comment, CommentFile
from kernel.errors import NotFound, Rejected, Unreachable, Unverified
from kernel.http import HttpClient
from kernel.telemetry import log

Raw = Mapping[str, Any]
SECOND = timedelta(seconds=1)  #: times come without fractions
PAGE_COMMENTS = 50
PAGES_MAX = 40
FIELDS = ["ID", "CREATED", "ENTITY_ID", "ENTITY_TYPE", "AUTHOR_ID", "COMMENT", "FILES"]
PERSON = re.compile(r"[1-9][0-9]*\Z", re.ASCII)


class BitrixComments:
    can_hide = can_set_author = can_set_time = False
    file_bytes_max = limits.FILE_BYTES_MAX

    def __init__(
        self,
        client: Client,
        layout: Layout,
        finder: Finder,
        names: Names,
        zone: ZoneInfo,
        site: str,
        http: HttpClient | None,
    ) -> None:
        """`http`: the portal's gate, by which files are fetched."""
        self._client, self._layout, self._finder, self._names = client, layout, finder, names
        self._zone, self._site, self._http = zone, site, http

    # --- writing ----------------------------------------------------------------------------------------------------

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
        """A person of the staff may be the author, a contact may not."""
        plan, number = self._layout.plan(entity), number_of(record_id)
        people = sorted({number_of(one) for one in to})
        if hidden:
            raise Rejected("bitrix24: a comment of the timeline is seen by all who see the record, so none can be hidden")
        made = find_comment(self._client, plan, number, key) if maybe_done else 0
        if not made:
            fields: dict[str, Any] = {
                "ENTITY_ID": number, "ENTITY_TYPE": owner_type(plan), "COMMENT": marked(text, key),
            }  # fmt: skip
            if PERSON.match(author):
                fields["AUTHOR_ID"] = int(author)
            if files:
                fields["FILES"] = [[one.name, _encoded(one)] for one in files]
            made = number_in(self._client.call("crm.timeline.comment.add", {"fields": fields}, writes=True))
            if not made:
                raise Unverified("bitrix24: a comment was answered without its number", maybe_done=True)
        if people:
            link = f"{self._site}{plan.address}{number}/"
            notify(self._client, people, text, link, key)
        return str(made)

    def edit(
        self, entity: str, record_id: str, comment_id: str, text: str, *, files: Sequence[CommentFile] | None = None
    ) -> None:
        """An update deletes all files that stood there («How to Update and Delete Files»), so all are sent."""
        number = number_of(comment_id)
        wanted = remarked(text, shown(str(self._there(number).get("COMMENT") or ""))[1])
        fields: dict[str, Any] = {"COMMENT": wanted}
        if files is not None:
            fields["FILES"] = [[one.name, _encoded(one)] for one in files]
        self._client.call("crm.timeline.comment.update", {"id": number, "fields": fields}, writes=True)
        after = self._there(number)
        if files is not None:
            # The portal adds a number to a name that its drive has already, so they are counted.
            there = len(list(_files(after.get("FILES"))))
            if there < len(files):
                raise Rejected(f"bitrix24: comment {number} has {there} files instead of {len(files)}")
            if there > len(files):
                log.warning("bitrix24.files_not_replaced", comment=str(number), wanted=len(files), there=there)
        if not same_text(wanted, str(after.get("COMMENT") or "")):
            raise Unverified(f"bitrix24: comment {number} does not show its new text", maybe_done=True)

    # --- reading ----------------------------------------------------------------------------------------------------

    def get(self, comment_id: str) -> Comment:
        raw = self._there(number_of(comment_id))
        plans = [self._layout.plan(entity) for entity in self._layout.mapping.entities]
        found = [one for one in plans if owner_type(one) == str(raw.get("ENTITY_TYPE") or "").lower()]
        plan = self._narrowest(found, number_in(raw.get("ENTITY_ID")))
        if plan is None:
            raise NotFound(f"bitrix24: comment {comment_id} stands at nothing that the set names")
        return self._comments([(plan, raw)])[0]

    def of(self, entity: str, record_id: str, *, since: datetime | None = None) -> list[Comment]:
        plan, number = self._layout.plan(entity), number_of(record_id)
        one = ("crm.item.get", {"entityTypeId": plan.entity_type, "id": number})
        there, first = self._client.batch([one, self._page(plan, number, 0)])
        there.get()  # a record that is not there has no comments, and says so
        return self._comments([(plan, raw) for raw in self._newest(plan, number, list(rows(first.get())), since)])

    def since(self, moment: datetime, entities: Iterable[str]) -> list[Comment]:
        plans = [self._layout.plan(entity) for entity in entities]
        later = {">=lastActivityTime": stamp(moment - SECOND, self._zone)}
        queries = [
            Query("crm.item.list", self._finder.params(plan, later, ["id", "lastActivityTime"], everywhere=not plan.sort))
            for plan in plans
        ]
        active = self._client.many(queries) if queries else []
        places = [(plan, number_in(raw.get("id"))) for plan, found in zip(plans, active, strict=True) for raw in found]
        pages = self._client.batch([self._page(plan, number, 0) for plan, number in places]) if places else []
        listed = [
            (plan, raw)
            for (plan, number), page in zip(places, pages, strict=True)
            for raw in self._newest(plan, number, list(rows(page.get())), moment)
        ]
        return sorted(self._comments(listed), key=lambda one: int(one.id))

    def download(self, file_id: str, into: Path, *, bytes_max: int) -> None:
        described = self._client.call("disk.attachedObject.get", {"id": number_of(file_id)})
        address = str(described.get("DOWNLOAD_URL") or "") if isinstance(described, dict) else ""
        if not address or self._http is None:
            raise NotFound(f"bitrix24: file {file_id} has no address")
        ours, theirs = urlsplit(self._site), urlsplit(address)
        if theirs.scheme != "https" and (theirs.scheme, theirs.netloc) != (ours.scheme, ours.netloc):
            raise Rejected(f"bitrix24: file {file_id} is said to lie at an address that is not https")
        answer = self._http.download_from(address, into, bytes_max=bytes_max, timeout=limits.CALL_TIMEOUT_SECONDS)
        if answer.status >= 500:
            raise Unreachable(f"bitrix24: file {file_id} cannot be fetched now: HTTP {answer.status}")
        if not 200 <= answer.status < 300:
            raise NotFound(f"bitrix24: file {file_id} is not there any more: HTTP {answer.status}")

    # --- inside -----------------------------------------------------------------------------------------------------

    def _narrowest(self, plans: Sequence[EntityPlan], number: int) -> EntityPlan | None:
        """Of the entities that a record may be of, the one that its type says; asked only where there are several."""
        narrow = [one for one in plans if one.sort]
        if narrow:
            one = self._client.call("crm.item.get", {"entityTypeId": narrow[0].entity_type, "id": number})
            raw = item_of(one)
            if found := next((one for one in narrow if raw and not elsewhere(one, raw)), None):
                return found
        return next((one for one in plans if not one.sort), None)

    def _there(self, number: int) -> Raw:
        raw = self._client.call("crm.timeline.comment.get", {"id": number})
        if not isinstance(raw, dict):
            raise NotFound(f"bitrix24: there is no comment {number}")
        return raw

    @staticmethod
    def _page(plan: EntityPlan, number: int, start: int) -> tuple[str, dict[str, Any]]:
        where = {"ENTITY_ID": number, "ENTITY_TYPE": owner_type(plan)}
        return "crm.timeline.comment.list", {"filter": where, "order": {"ID": "DESC"}, "select": FIELDS, "start": start}

    def _newest(self, plan: EntityPlan, number: int, page: list[Raw], since: datetime | None) -> Iterator[Raw]:
        """Oldest first; further pages only as far back as is asked for."""
        found: list[Raw] = []
        for count in range(1, PAGES_MAX + 1):
            fitting = [raw for raw in page if since is None or self._at(raw) + SECOND > since]
            found += fitting
            if len(page) < PAGE_COMMENTS or len(fitting) < len(page):
                break
            [more] = self._client.batch([self._page(plan, number, count * PAGE_COMMENTS)])
            page = list(rows(more.get()))
        return reversed(found)

    def _at(self, raw: Raw) -> datetime:
        return moment_of(raw.get("CREATED"), self._zone) or datetime.min.replace(tzinfo=self._zone)

    def _comments(self, raws: Sequence[tuple[EntityPlan, Raw]]) -> list[Comment]:
        authors = {str(number_in(raw.get("AUTHOR_ID")) or "") for _plan, raw in raws} - {""}
        names = self._names.of("user", authors)
        found = []
        for plan, raw in raws:
            text, mark = shown(str(raw.get("COMMENT") or ""))
            author = str(number_in(raw.get("AUTHOR_ID")) or "")
            found.append(
                Comment(
                    str(number_in(raw.get("ID"))), plan.entity, str(number_in(raw.get("ENTITY_ID"))), text, self._at(raw),
                    author, names.get(author, ""), files=tuple(_files(raw.get("FILES"))), ours=bool(mark),
                )
            )  # fmt: skip
        return found


def _encoded(file: CommentFile) -> str:
    size = file.path.stat().st_size
    if size > limits.FILE_BYTES_MAX:
        raise Rejected(f"bitrix24: «{file.name}» has {size} bytes, more than {limits.FILE_BYTES_MAX}")
    return base64.b64encode(file.path.read_bytes()).decode()


def _files(raw: Any) -> Iterator[AttachedFile]:
    """An object by number, or an empty list where there are none."""
    for one in raw.values() if isinstance(raw, dict) else []:
        if isinstance(one, dict) and (number := number_in(one.get("id"))):
            yield AttachedFile(str(number), str(one.get("name") or ""), number_in(one.get("size")))
