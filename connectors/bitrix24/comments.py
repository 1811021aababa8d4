"""Comments in the timeline, marked with our key in sight, and the notices to people that go with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.bitrix24.client import Client
from connectors.bitrix24.layout import EntityPlan
from connectors.bitrix24.marks import carries, mark, marked, plain
from connectors.bitrix24.portal import rows
from connectors.bitrix24.values import number_in, number_of
from kernel.errors import Rejected, Unverified
from kernel.telemetry import log

PAGE_COMMENTS = 50
PAGES_LOOKED_THROUGH = 4  #: how far back a comment is looked for whose answer was lost; all pages in one request
NOTICE_CHARACTERS_MAX = 5_000


def put_comment(
    client: Client, plan: EntityPlan, number: int, text: str, *, to: Iterable[str], key: str, maybe_done: bool, link: str
) -> str:
    """Write a comment and notify the given people; returns its id."""
    people = sorted({number_of(one) for one in to})
    found = find_comment(client, plan, number, key) if maybe_done else 0
    if not found:
        fields = {"ENTITY_ID": number, "ENTITY_TYPE": owner_type(plan), "COMMENT": marked(text, key)}
        found = number_in(client.call("crm.timeline.comment.add", {"fields": fields}, writes=True))
        if not found:
            raise Unverified("bitrix24: a comment was answered without its number", maybe_done=True)
    if people:
        notify(client, people, text, link, key)
    return str(found)


def notify(client: Client, people: list[int], text: str, link: str, key: str) -> None:
    """Tell these people what a comment says, and where it stands."""
    _notify(client, people, f"{plain(text)[:NOTICE_CHARACTERS_MAX]}\n{link}", key)


def owner_type(plan: EntityPlan) -> str:
    return f"dynamic_{plan.entity_type}" if plan.kind == "smart" else plan.kind


def find_comment(client: Client, plan: EntityPlan, number: int, key: str) -> int:
    """The comment written for that key, 0 if there is none among the newest."""
    params: dict[str, Any] = {
        "filter": {"ENTITY_ID": number, "ENTITY_TYPE": owner_type(plan)},
        "order": {"ID": "DESC"},
        "select": ["ID", "COMMENT"],
    }
    starts = range(0, PAGES_LOOKED_THROUGH * PAGE_COMMENTS, PAGE_COMMENTS)
    response = client.batch([("crm.timeline.comment.list", {**params, "start": start}) for start in starts])
    every = (raw for outcome in response for raw in rows(outcome.get()))
    return next((number_in(raw.get("ID")) for raw in every if carries(str(raw.get("COMMENT") or ""), key)), 0)


def _notify(client: Client, people: list[int], message: str, key: str) -> None:
    """A notice with the same tag replaces the one before, so a repeat shows once. That somebody cannot be told is no reason
    to write the comment again."""
    tag = f"ANNEX|{mark(key)}"
    notices = [
        ("im.notify.system.add", {"USER_ID": person, "MESSAGE": message, "TAG": tag, "CLIENT_ID": "annex"})
        for person in people
    ]
    for person, outcome in zip(people, client.batch(notices, writes=True), strict=True):
        fault = outcome.fault
        if fault is not None and not isinstance(fault, Rejected):
            fault.maybe_done = True  # the comment stands already: a repeat has to find it
            raise fault
        if fault is not None or not outcome.value:
            log.warning("notice.refused", system="bitrix24", person=str(person), reason=str(fault or "answered no"))
