"""«Комунікації»: what the address asks for, the talks, a talk's messages by day, and found words made to stand out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from markupsafe import Markup, escape

from kernel.conversations import reading, timeline
from kernel.conversations.reading import Filter, Line, Talk
from kernel.conversations.words import WORD_CHARACTERS_MAX, plain, words
from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.values import day_start
from kernel.web.dates import asked_day
from kernel.web.words import clean
from plugins.partners import store
from plugins.partners.sight import Sight
from plugins.partners.store import Partner

DIRECTIONS = ("in", "out", "note")
MINUTES_MAX = 60 * 24 * 365
NOTHING = "deal:nothing"  #: the record of no message
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Asked:
    """What the address asks for."""

    thread: str = ""
    partner: str = ""
    deal: str = ""
    person: str = ""
    direction: str = ""
    start: date | None = None
    end: date | None = None
    files: bool = False
    waiting: int = 0  #: minutes without an answer
    broken: bool = False
    text: str = ""
    deals_only: bool = False
    older: str = ""  #: messages older than that one
    after: str = ""  #: talks after that one

    @property
    def narrows(self) -> bool:
        """Whether single messages are asked for, rather than talks."""
        return bool(self.deal or self.person or self.direction or self.start or self.end or self.files or self.text.strip())


def asked_from(args: Mapping[str, str], mode: str) -> Asked:
    """`mode`: the reader's own view, which counts where the address says nothing."""
    direction, waiting = args.get("direction", ""), args.get("waiting", "").strip() or "0"
    if direction and direction not in DIRECTIONS:
        raise BadInput.of("pt_not_direction", field="direction")
    if not waiting.isascii() or not waiting.isdigit() or int(waiting) > MINUTES_MAX:
        raise BadInput.of("pt_not_minutes", field="waiting")
    return Asked(
        thread=args.get("thread", ""), partner=args.get("partner", ""), deal=args.get("deal", "").strip().lstrip("№#"),
        person=args.get("person", ""), direction=direction, start=asked_day(args.get("from", ""), field="from"),
        end=asked_day(args.get("to", ""), field="to"), files=args.get("files") == "1", waiting=int(waiting),
        broken=args.get("broken") == "1", text=args.get("q", "")[:200],
        deals_only=args.get("show", mode) == "deals", older=args.get("older", ""), after=args.get("after", ""),
    )  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A talk of the list with its partner."""

    talk: Talk
    partner: Partner


def talks(
    unit: Unit, sight: Sight, asked: Asked, connection: str, partners: Sequence[Partner]
) -> tuple[list[Found], str]:  # fmt: skip
    """A page of talks, newest first, and where the next one begins; empty: nowhere. `partners`: whom the reader may know."""
    known = {one.subject: one for one in partners}
    subjects = [
        subject for subject, one in known.items()
        if asked.partner in ("", one.id) and (not asked.broken or one.state == store.BROKEN)
    ]  # fmt: skip
    before = unit.now - timedelta(minutes=asked.waiting) if asked.waiting else None
    found = reading.talks(
        unit.tx, sight.scope, person=sight.person, connection=connection, waiting_before=before, subjects=subjects,
        most=reading.PAGE + 1, older_than=asked.after,
    )  # fmt: skip
    shown = found[: reading.PAGE]
    after = shown[-1].thread.id if len(found) > reading.PAGE else ""
    return [Found(one, known[one.thread.subject]) for one in shown], after


def messages(unit: Unit, sight: Sight, asked: Asked, connection: str) -> tuple[list[Line], str]:
    """A page of messages, newest first, and the one after which the next page goes on; empty: there is none."""
    after = reading.one(unit.tx, sight.scope, asked.older) if asked.older else None
    if asked.older and after is None:
        return [], ""
    found = reading.messages(
        unit.tx, sight.scope, _wanted(unit, asked, connection), most=reading.PAGE + 1,
        older_than=(after.at, after.id) if after else None,
    )  # fmt: skip
    shown = found[: reading.PAGE]
    return shown, shown[-1].id if len(found) > reading.PAGE else ""


def _wanted(unit: Unit, asked: Asked, connection: str) -> Filter:
    zone = unit.portal.zone
    threads: tuple[str, ...] = (asked.thread,) if asked.thread else ()
    if asked.partner and not asked.thread:
        threads = tuple(one.id for one in timeline.threads_of(unit.tx, f"partner:{asked.partner}")) or ("",)
    record = next(iter(store.records_numbered(unit.tx, asked.deal)), NOTHING) if asked.deal else ""
    return Filter(
        connection=connection, threads=threads, record=record, direction=asked.direction, person=asked.person,
        since=day_start(asked.start, zone) if asked.start else None,
        until=day_start(asked.end + timedelta(days=1), zone) if asked.end else None,
        with_files=asked.files, text=asked.text, records_only=asked.deals_only,
    )  # fmt: skip


def by_day(lines: Sequence[Line], portal: Portal) -> list[tuple[date, list[Line]]]:
    """Oldest first, as a talk is read."""
    days: dict[date, list[Line]] = {}
    for line in reversed(lines):
        days.setdefault(line.at.astimezone(portal.zone).date(), []).append(line)
    return list(days.items())


def marked(text: str, searched: str) -> Markup:
    """The text, made harmless, with the words that were searched for marked; the last one perhaps only begun."""
    wanted = words(searched)[: reading.WORDS_SEARCHED_MAX]
    if not wanted:
        return escape(clean(text))
    parts, end = [], 0
    for found in _WORD.finditer(text):
        word = plain(found[0])[:WORD_CHARACTERS_MAX]
        if word in wanted or word.startswith(wanted[-1]):
            parts += [escape(clean(text[end : found.start()])), Markup("<mark>"), escape(clean(found[0])), Markup("</mark>")]
            end = found.end()
    return Markup("").join([*parts, escape(clean(text[end:]))])


def records_of(unit: Unit, lines: Sequence[Line]) -> dict[str, dict[str, str]]:
    """By record: what it is called, and where it stands in the CRM."""
    found: dict[str, dict[str, str]] = {}
    ids = [line.record.partition(":")[2] for line in lines if line.record.startswith("deal:")]
    numbers = store.numbers_of(unit.tx, ids)
    for record in dict.fromkeys(line.record for line in lines if line.record):
        entity, _, record_id = record.partition(":")
        found[record] = {
            "entity": entity, "name": numbers.get(record_id, record_id), "url": unit.portal.crm.link(entity, record_id)
        }  # fmt: skip
    return found


def last_read(lines: Sequence[Line]) -> datetime | None:
    """The newest message on the page."""
    return max((line.at for line in lines), default=None)
