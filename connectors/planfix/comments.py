"""Comments: marked with our key in sight, since Planfix strips HTML comments and keeps no key of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from connectors.planfix import limits
from connectors.planfix.client import Client, Kind
from connectors.planfix.records import number_in
from connectors.planfix.texts import carries, comment_html
from connectors.planfix.values import people_to_wire
from connectors.planfix.writing import after_create
from kernel.crm import Ref
from kernel.errors import Unverified


def put_comment(client: Client, kind: Kind, number: int, text: str, *, to: Iterable[str], key: str, maybe_done: bool) -> str:
    """Write a comment and notify the given people; returns its id."""
    if maybe_done:
        found = find_comment(client, kind, number, key)
        if found:
            return str(found)
    payload: dict[str, Any] = {"description": comment_html(text, key)}
    response = tuple(Ref(one) for one in to)
    if response:  # without recipients nobody is notified
        payload["recipients"] = people_to_wire(response)
    number_made = client.add_comment(kind, number, payload)
    with after_create():
        shows = str(client.comment(number_made).get("description") or "")
    if not carries(shows, key):
        raise Unverified(f"planfix: comment {number_made} on {kind} {number} does not show its mark", maybe_done=True)
    return str(number_made)


def find_comment(client: Client, kind: Kind, number: int, key: str) -> int:
    """The comment written for that key, 0 if there is none among the newest."""
    page = limits.PAGE_RECORDS_MAX
    listed = client.comments(kind, number)
    newest = list(itertools.islice(listed, limits.COMMENT_PAGES_LOOKED_THROUGH * page))
    ids = [number_in(raw.get("id")) for raw in newest]
    if ids == sorted(ids):  # oldest first: the portal did not obey the order
        rest = itertools.islice(listed, limits.COMMENT_PAGES_OLDEST_FIRST_MAX * page)
        newest = [*newest, *rest] if len(ids) > 1 else newest
    mine = (raw for raw in newest if carries(str(raw.get("description") or ""), key) and not raw.get("isDeleted"))
    return next((number_in(raw.get("id")) for raw in mine), 0)
