"""How a plugin hears of comments: once for each comment and each version of it, whoever reported it.

An event says only that a record was commented; the comments are read, and what was not handed over yet is. Where no event
comes, a look every half a minute over all records finds what is new. Comments of our own never come back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from kernel.crm import Comment, Comments, Event
from kernel.crm.seen_comments import begin, keep_looked, looked, note_comment, version_seen
from kernel.errors import AnnexError, Misconfigured
from kernel.extension.model import CommentWatch, HeardComment, Plugin
from kernel.extension.portal import Portal, Unit
from kernel.extension.reading import ReadOnlyPortal
from kernel.jobs import inbox
from kernel.storage import Tx
from kernel.telemetry import log
from kernel.values import from_micros, to_micros

LOOK_EVERY = timedelta(seconds=30)
EDITS_LOOKED_BACK = timedelta(hours=1)  #: an edit that no event reports is found as long as the comment is not older
CLOCKS_DIFFER = timedelta(minutes=2)  #: the CRM's clock and ours; some CRMs cut seconds off
GOES_BACK_AT_MOST = timedelta(days=7)  #: after a standstill
READ_BACK = GOES_BACK_AT_MOST + EDITS_LOOKED_BACK  #: of one record: whatever a look may have found
OF_A_RECORD = "@comments"  #: «deal/@comments»: the comments of the deal of that id
ONE = "@comment"  #: of an event that names a comment and not its record
EVENT = "comment"  #: «deal.comment»


def is_about_comments(entity: str) -> bool:
    """Whether that stands in the inbox for comments, not for records."""
    return entity == ONE or entity.endswith(f"/{OF_A_RECORD}")


def heard(portal: Portal, plugins: Sequence[Plugin]) -> frozenset[str]:
    """The entities whose comments somebody listens to."""
    wanted = {watch.entity for plugin in plugins for watch in plugin.comments} & set(portal.mapping.entities)
    try:
        return frozenset(wanted) if wanted and portal.crm.comments is not None else frozenset()
    except Misconfigured:  # no CRM is set up yet
        return frozenset()


def routed(portal: Portal, plugins: Sequence[Plugin], event: Event) -> Event:
    """An event about a comment leads to a reading of comments, where somebody listens, and not of the record."""
    if event.name == f"{event.entity}.{EVENT}" and event.entity in heard(portal, plugins):
        return replace(event, entity=f"{event.entity}/{OF_A_RECORD}")
    return event


@dataclass(frozen=True)
class Found:
    """A comment that was just read, with what each plugin prepared for it."""

    comment: Comment
    prepared: Mapping[str, Any]


def read(portal: Portal, plugins: Sequence[Plugin], entity: str, record_id: str, reported_at: int) -> list[Found]:
    """What has to be handed over, oldest first; no database open while the CRM is asked. Raises what the CRM raises."""
    listened = heard(portal, plugins)
    comments = portal.crm.comments if listened else None
    if comments is None:
        return []
    since = from_micros(reported_at) - READ_BACK
    listed = (
        _with_earlier_ones(portal, comments, record_id, listened, since)
        if entity == ONE
        else (comments.of(entity.partition("/")[0], record_id, since=since))
    )
    with portal.database.read() as tx:
        news = [one for one in listed if one.entity in listened and _is_news(tx, portal, one)]
        known = looked(tx, portal.name)
    began = known.began if known else from_micros(reported_at) - CLOCKS_DIFFER
    return [Found(one, _prepared(portal, plugins, one) if _concerns(one, began) else {}) for one in news]


def _with_earlier_ones(
    portal: Portal, comments: Comments, comment_id: str, listened: Collection[str], since: datetime
) -> list[Comment]:
    """A comment, behind all news of its record that were written before it: events of comments come in any order."""
    one = comments.get(comment_id)
    if one.entity not in listened or one.ours:
        return [one]
    with portal.database.read() as tx:
        if not _is_news(tx, portal, one):
            return [one]
    listed = comments.of(one.entity, one.record_id, since=since)
    return listed if any(other.id == one.id for other in listed) else [*listed, one]


def hand_over(unit: Unit, plugins: Sequence[Plugin], found: Sequence[Found], reported_at: int) -> None:
    """Let the plugins have what is still news, in the unit of work that keeps that they had it."""
    portal = unit.portal
    began = begin(unit.tx, portal.name, from_micros(reported_at) - CLOCKS_DIFFER).began
    for one in found:
        comment = one.comment
        news = note_comment(unit.tx, portal.name, comment, to_micros(unit.now))
        if news == "known" or not _concerns(comment, began):
            continue
        unit.author = comment.author_name
        for plugin, watch in _listening(plugins, comment.entity):
            watch.handle(unit, HeardComment(comment, news == "edited", one.prepared.get(plugin.name)))
        log.info("comment.handed_over", entity=comment.entity, record=comment.record_id, comment=comment.id, news=news)


def look_for_comments(portal: Portal, plugins: Sequence[Plugin]) -> int:
    """The look over all records, for what no event reported; how many readings it asked for."""
    entities = heard(portal, plugins)
    comments = portal.crm.comments if entities else None
    if comments is None:
        return 0
    now = portal.clock.now()
    with portal.database.read() as tx:
        last = looked(tx, portal.name)
    if last is None:
        with portal.unit() as unit:
            begin(unit.tx, portal.name, now - CLOCKS_DIFFER)
        return 0
    try:
        found = comments.since(max(last.upto, now - GOES_BACK_AT_MOST) - EDITS_LOOKED_BACK, sorted(entities))
    except AnnexError as exc:
        log.warning("comments.look_failed", reason=str(exc))
        return 0
    with portal.unit() as unit:
        wanted = _wanted(unit, found, last.began)
        for entity, record_id in wanted:
            inbox.ask(
                unit.tx, portal.name, entity, record_id, trace=portal.ids.new(), clock=portal.clock, ids=portal.ids,
                queue=portal.queue, event=inbox.SWEPT,
            )  # fmt: skip
        keep_looked(unit.tx, portal.name, now)
    return len(wanted)


def _wanted(unit: Unit, found: Sequence[Comment], began: datetime) -> list[tuple[str, str]]:
    """The records whose comments have to be read. What concerns nobody is kept as seen at once."""
    wanted: dict[tuple[str, str], None] = {}
    for one in found:
        if not _concerns(one, began):
            note_comment(unit.tx, unit.portal.name, one, to_micros(unit.now))
        elif _is_news(unit.tx, unit.portal, one):
            place = (f"{one.entity}/{OF_A_RECORD}", one.record_id)
            if place not in wanted and not inbox.waiting_for(unit.tx, unit.portal.name, *place):
                wanted[place] = None
    return list(wanted)


def _concerns(comment: Comment, began: datetime) -> bool:
    return not comment.ours and comment.at >= began


def _is_news(tx: Tx, portal: Portal, comment: Comment) -> bool:
    return version_seen(tx, portal.name, comment.id) != comment.version


def _listening(plugins: Sequence[Plugin], entity: str) -> list[tuple[Plugin, CommentWatch]]:
    found = [(plugin, watch) for plugin in plugins for watch in plugin.comments if watch.entity == entity]
    return sorted(found, key=lambda pair: pair[0].name)


def _prepared(portal: Portal, plugins: Sequence[Plugin], comment: Comment) -> dict[str, Any]:
    view = ReadOnlyPortal.of(portal, read_at=to_micros(portal.clock.now()))
    pairs = _listening(plugins, comment.entity)
    return {plugin.name: watch.prepare(view, comment) for plugin, watch in pairs if watch.prepare}


__all__ = ["LOOK_EVERY", "Found", "hand_over", "heard", "is_about_comments", "look_for_comments", "read", "routed"]
