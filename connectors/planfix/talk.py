"""Comments of tasks and contacts both ways: in somebody's name, hidden, with files; and what others have written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connectors.planfix import limits, records
from connectors.planfix.client import Client, Kind, Raw, condition
from connectors.planfix.comments import find_comment
from connectors.planfix.layout import EntityPlan, Layout, kind_of
from connectors.planfix.markup import shown
from connectors.planfix.search import IN_NUMBERS, Finder
from connectors.planfix.texts import carries, comment_html, marked_html, same_text
from connectors.planfix.values import date_and_time, moment_of, number_of, people_to_wire, person
from connectors.planfix.writing import after_create
from kernel.crm import AttachedFile, Comment, CommentFile, Ref
from kernel.errors import NotFound, Rejected, Unverified
from kernel.telemetry import log

MINUTE = timedelta(minutes=1)  #: times come without seconds
BYTES_PER_KILOBYTE = 1024  #: a file's size comes in kilobytes, rounded up
TASKS_REMEMBERED = 10_000


class PlanfixComments:
    """The mark at a comment's end says that it is ours, so an edit keeps it. Planfix tells no time of an edit."""

    can_hide = can_set_author = can_set_time = True
    file_bytes_max = limits.FILE_BYTES_MAX

    def __init__(self, client: Client, layout: Layout, finder: Finder, zone: ZoneInfo) -> None:
        self._client, self._layout, self._finder, self._zone = client, layout, finder, zone
        self._entities: dict[int, str] = {}  #: of which entity a task is; empty for those that the set does not name

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
        kind, number, people = self._kind(entity), number_of(record_id), tuple(Ref(one) for one in to)
        if maybe_done and (found := find_comment(self._client, kind, number, key)):
            return str(found)
        if hidden and not people:
            raise Rejected("planfix: a hidden comment that names nobody would be seen by nobody")
        payload: dict[str, Any] = {"description": comment_html(text, key)}
        if people:  # without recipients nobody is notified
            payload["recipients"] = people_to_wire(people)
        if author:
            payload["owner"] = {"id": author}
        if hidden:
            payload["isHidden"] = True
        if at is not None:
            payload["dateTime"] = date_and_time(at, self._zone)
        if files:
            payload["files"] = self._uploaded(files)
        made = self._client.add_comment(kind, number, payload)
        with after_create():
            raw = self._client.comment_whole(made)
        self._check(made, raw, payload, key)
        return str(made)

    def _check(self, made: int, raw: Raw, sent: Raw, key: str) -> None:
        if sent.get("isHidden") and raw.get("isHidden") is not True:
            self._client.delete_comment(made)
            raise Rejected(f"planfix did not hide comment {made}, so it was taken away again")
        if not carries(str(raw.get("description") or ""), key):
            raise Unverified(f"planfix: comment {made} does not show its mark", maybe_done=True)
        if missing := {one["id"] for one in sent.get("files", ())} - {int(one.id) for one in _files(raw)}:
            raise Rejected(f"planfix: comment {made} stands without its files {sorted(missing)}")
        owner = person(raw.get("owner"), "user")
        if "owner" in sent and (owner is None or owner.id != sent["owner"]["id"]):
            log.warning("planfix.owner_not_taken", comment=str(made), wanted=sent["owner"]["id"])

    def edit(
        self, entity: str, record_id: str, comment_id: str, text: str, *, files: Sequence[CommentFile] | None = None
    ) -> None:
        """That `files` take the place of those of a comment is known of tasks; of comments it is tried and read back."""
        kind, of, number = self._kind(entity), number_of(record_id), number_of(comment_id)
        before = self._there(number)
        html = marked_html(text, shown(str(before.get("description") or ""))[1])
        payload: dict[str, Any] = {"description": html}
        if files is not None:
            payload["files"] = self._uploaded(files)
        self._client.update_comment(kind, of, number, payload)
        after = self._there(number)
        if files is not None:
            self._check_files(kind, of, before, after, [str(one["id"]) for one in payload["files"]])
        if not same_text(html, str(after.get("description") or "")):
            raise Unverified(f"planfix: comment {number} does not show its new text", maybe_done=True)

    def _uploaded(self, files: Sequence[CommentFile]) -> list[Raw]:
        return [{"id": self._client.files.upload(one.path, one.name, one.media_type)} for one in files]

    def _check_files(self, kind: Kind, of: int, before: Raw, after: Raw, wanted: Sequence[str]) -> None:
        """Where the portal did not take them, the comment gets back what it had."""
        number, there = records.number_in(after.get("id")), [one.id for one in _files(after)]
        if missing := set(wanted) - set(there):
            files = [{"id": int(one.id)} for one in _files(before)]
            earlier = {"description": str(before.get("description") or ""), "files": files}
            self._client.update_comment(kind, of, number, earlier)
            raise Rejected(f"planfix: comment {number} did not take its files {sorted(missing)}")
        if there != list(wanted):
            log.warning("planfix.files_not_replaced", comment=str(number), wanted=list(wanted), there=there)

    # --- reading ----------------------------------------------------------------------------------------------------

    def get(self, comment_id: str) -> Comment:
        raw = self._there(number_of(comment_id))
        if found := self._placed([raw], self._layout.mapping.entities):
            return found[0]
        raise NotFound(f"planfix: comment {comment_id} stands at nothing that the set names")

    def of(self, entity: str, record_id: str, *, since: datetime | None = None) -> list[Comment]:
        plan, number = self._layout.plan(entity), number_of(record_id)
        found, last = [], 0
        for raw in self._client.comments_whole(plan.kind, number):
            one = self._comment(plan, number, raw)
            newest_first = last > records.number_in(raw.get("id"))
            last = records.number_in(raw.get("id"))
            if since is not None and one.at + MINUTE <= since:
                if newest_first:
                    break
                continue  # the portal did not obey the order
            found.append(one)
        return sorted((one for one in found if one.text or one.files), key=lambda one: int(one.id))

    def since(self, moment: datetime, entities: Iterable[str]) -> list[Comment]:
        raws = self._client.comments_since(moment, self._zone)
        return sorted(self._placed(raws, entities), key=lambda one: int(one.id))

    def download(self, file_id: str, into: Path, *, bytes_max: int) -> None:
        self._client.files.download(number_of(file_id), into, bytes_max)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _kind(self, entity: str) -> Kind:
        return kind_of(self._layout.mapping.entity(entity))

    def _there(self, number: int) -> Raw:
        raw = self._client.comment_whole(number)
        if raw.get("isDeleted") is True:
            raise NotFound(f"planfix: comment {number} is deleted")
        return raw

    def _comment(self, plan: EntityPlan, number: int, raw: Raw) -> Comment:
        text, mark = shown(str(raw.get("description") or ""))
        owner = person(raw.get("owner"), "user")
        return Comment(
            id=str(records.number_in(raw.get("id"))),
            entity=plan.entity,
            record_id=records.record_id(plan, number),
            text=text,
            at=moment_of(raw.get("dateTime"), self._zone) or datetime.min.replace(tzinfo=self._zone),
            author=owner.id if owner else "",
            author_name=owner.name if owner else "",
            by_staff=owner is None or not owner.id.startswith("contact:"),
            files=tuple(_files(raw)),
            hidden=raw.get("isHidden") is True,
            ours=bool(mark),
        )

    def _placed(self, raws: Iterable[Raw], entities: Iterable[str]) -> list[Comment]:
        """As comments of the records that they stand at. Of which entity a task is does not stand in them, so it is asked
        once for each task."""
        listed = [raw for raw in raws if raw.get("isDeleted") is not True]
        plans = [self._layout.plan(entity) for entity in entities]
        self._learn({records.number_in(raw.get("task")) for raw in listed} - {0})
        by_name = {plan.entity: plan for plan in plans}
        contacts = next((plan for plan in plans if plan.kind == "contact"), None)
        found = []
        for raw in listed:
            task, contact = records.number_in(raw.get("task")), records.number_in(raw.get("contact"))
            plan = by_name.get(self._entities.get(task, "")) if task else contacts
            if plan is not None and (task or contact):
                found.append(self._comment(plan, task or contact, raw))
        return [one for one in found if one.text or one.files]

    def _learn(self, tasks: set[int]) -> None:
        """Of which entity these tasks are, asked once for each in this process."""
        if len(self._entities) > TASKS_REMEMBERED:
            self._entities.clear()
        for entity, mapped in self._layout.mapping.entities.items():
            unknown = tasks - set(self._entities)
            if unknown and kind_of(mapped) == "task":
                for part in _portions(sorted(unknown)):
                    raws = self._finder.narrowed(self._layout.plan(entity), [condition(IN_NUMBERS, part)])
                    self._entities.update({records.number_in(raw.get("id")): entity for raw in raws})
        self._entities.update(dict.fromkeys(tasks - set(self._entities), ""))


def _files(raw: Raw) -> Iterator[AttachedFile]:
    for one in raw.get("files") or []:
        if isinstance(one, dict) and (number := records.number_in(one.get("id"))):
            kilobytes = one.get("size")
            size = int(kilobytes) * BYTES_PER_KILOBYTE if isinstance(kilobytes, int) else 0
            yield AttachedFile(str(number), str(one.get("name") or ""), size)


def _portions(numbers: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), limits.IDS_PER_REQUEST):
        yield list(numbers[start : start + limits.IDS_PER_REQUEST])
