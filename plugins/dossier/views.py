"""A set as its sub-tab shows it: what stands about its age, and its tables in cells ready to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import compress, product
from typing import Any
from zoneinfo import ZoneInfo

from kernel.datasets import Cell, Line, Row, Subtotal, Unread
from kernel.extension.portal import Portal
from kernel.mapping import SetColumn, SetMap, SetTable
from kernel.texts import translate
from kernel.values import from_micros, to_micros
from plugins.dossier import asking, memory, store, store_log, store_questions
from plugins.dossier.rules import showing
from plugins.dossier.rules.rows import Shown, Wish
from plugins.dossier.rules.standing import STALE_SECONDS, Says, Standing, says
from plugins.dossier.settings import settings_of
from plugins.dossier.store import KeptAnswer

_CSS = {which: " ".join(compress(("n", "neg", "unread"), which)) for which in product((False, True), repeat=3)}


@dataclass(frozen=True)
class TabView:
    """How a set stands for one client."""

    said: Says
    text: str
    fold_text: str
    answer: KeptAnswer | None
    mark: str  #: changes with whatever is shown of the above

    @property
    def at(self) -> str:
        return str(self.answer.at) if self.answer else ""


@dataclass(frozen=True)
class CellView:
    text: str
    unread: bool = False
    number: bool = False
    negative: bool = False
    note: str = ""

    @property
    def css(self) -> str:
        return _CSS[self.number and not self.unread, self.negative, self.unread]


@dataclass(frozen=True)
class RowView:
    key: str
    cells: tuple[CellView, ...]
    parts: tuple[tuple[CellView, ...], ...] = ()
    after: tuple[tuple[CellView, ...], ...] = ()  #: the subtotal of the group that ends here


@dataclass(frozen=True)
class TableView:
    name: str
    declared: SetTable
    columns: tuple[SetColumn, ...]
    rows: tuple[RowView, ...]
    totals: tuple[tuple[CellView, ...], ...]
    brief: tuple[tuple[str, tuple[tuple[str, CellView], ...]], ...]  #: the same where there is no room for columns
    notes: tuple[str, ...]
    count: int
    start: int
    words: Mapping[str, list[tuple[str, str]]]
    wish: Wish


# --- how it stands ----------------------------------------------------------------------------------------------------


def tab(portal: Portal, set_name: str, client_id: str, language: str) -> TabView:
    """Pokes whoever should be asking, where a page waits and nobody asks."""
    question = asking.Question(set_name, client_id)
    with portal.read() as unit:
        state = store_questions.standing(unit.tx, portal.name, *question)
        kept_at = store.asked_at(unit.tx, portal.name, *question)
    asking.poke(portal, question, state)
    answer = memory.kept(portal, question, kept_at) if kept_at else None
    now = to_micros(portal.clock.now())
    standing = _standing(state, answer, now)
    settings = settings_of(portal)
    stale = settings.stale_minutes[set_name] * 60.0 if set_name in settings.stale_minutes else STALE_SECONDS
    said = says(standing, patience=settings.timeout_s, stale=stale)
    at = from_micros(answer.at, portal.zone) if answer else None
    ended = state.ended_at if state else 0
    mark = ".".join((str(answer.at if answer else 0), said.code, said.about, str(int(said.folded)), str(ended)))
    fold_text = translate(language, "dos_show_old", day=f"{at:%d.%m.%Y}") if at and said.folded else ""
    return TabView(said, _words(said, at, now, portal.zone, client_id, language), fold_text, answer, mark)


def _standing(state: store_questions.Standing | None, answer: KeptAnswer | None, now: int) -> Standing:
    age = (now - answer.at) / 1e6 if answer else None
    if state is None:
        return Standing(age, False)
    if state.wanted_at:
        began = state.left_at if state.asked_now(now) else state.wanted_at
        return Standing(age, True, (now - began) / 1e6)
    failed = state.outcome in store_log.FAILED and state.ended_at >= (answer.at if answer else 0)
    return Standing(age, False, trouble=state.outcome if failed else "")


def _words(said: Says, at: datetime | None, now: int, zone: ZoneInfo, client_id: str, language: str) -> str:
    clock = ""
    if at is not None:
        same_day = at.date() == from_micros(now, zone).date()
        clock = f"{at:%H:%M}" if same_day else f"{at:%d.%m.%Y %H:%M}"
    text = translate(language, said.code, at=clock, client=client_id)
    if said.about == "at" and at is not None:
        return f"{text} {translate(language, 'dos_data_at', at=f'{at:%d.%m.%Y %H:%M}')}"
    return f"{text} {translate(language, 'dos_no_data')}" if said.about == "none" else text


# --- tables -----------------------------------------------------------------------------------------------------------


def tables(portal: Portal, declared: SetMap, answer: KeptAnswer, language: str) -> list[TableView]:
    return [table(portal, declared, name, answer, Wish(), language) for name in declared.table]


def table(portal: Portal, declared: SetMap, name: str, answer: KeptAnswer, wish: Wish, language: str) -> TableView:
    plan, found = declared.table[name], answer.answer.tables.get(name)
    rows = memory.rows_of(portal, plan, name, answer)
    part = rows.shown(wish)
    columns = tuple(one for one in plan.columns if not one.hidden)
    make = _Writer(plan, columns, portal.zone, language)
    notes = make.notes(part)
    if found and found.keyless:
        notes.append(translate(language, "dos_keyless", count=found.keyless))
    if answer.answer.cut:
        notes.append(translate(language, "dos_cut"))
    return TableView(
        name, plan, columns, tuple(make.row(row, after) for row, after in part.lines), tuple(make.lines(part.totals.total)),
        tuple(make.brief(part.totals.total)), tuple(notes), part.count, wish.start, rows.words, wish,
    )  # fmt: skip


@dataclass(frozen=True)
class _Writer:
    plan: SetTable
    columns: Sequence[SetColumn]
    zone: ZoneInfo
    language: str

    def t(self, code: str, **values: Any) -> str:
        return translate(self.language, code, **values)

    def row(self, row: Row, after: Subtotal | None) -> RowView:
        label = self.t("dos_subtotal", group=self.group(row)) if after else ""
        return RowView(
            row.key,
            self.cells(row),
            tuple(self.cells(part, self.finer) for part in row.parts) if len(row.parts) > 1 else (),
            tuple(self.lines(after, label)) if after else (),
        )

    def group(self, row: Row) -> str:
        """As people read it: words and not their codes."""
        columns = [self.plan.columns[self.plan.places[name]] for name in self.plan.group]
        return ", ".join(self.cell(one, row.cells[self.plan.places[one.name]]).text for one in columns)

    @property
    def finer(self) -> Sequence[SetColumn]:
        """What a part of a folded row shows: the day itself where the row shows its month."""
        hidden = {one.source: one for one in self.plan.columns if one.hidden}
        return [hidden.get(one.source, one) for one in self.columns]

    def cells(self, row: Row, columns: Sequence[SetColumn] = ()) -> tuple[CellView, ...]:
        return tuple(self.cell(one, row.cells[self.plan.places[one.name]]) for one in columns or self.columns)

    def cell(self, column: SetColumn, value: Cell) -> CellView:
        negative = isinstance(value, int | Decimal) and value < 0
        text = showing.cell(column, value, self.zone)
        return CellView(text, isinstance(value, Unread), column.type in showing.NUMBERS, negative)

    def lines(self, subtotal: Subtotal, label: str = "") -> list[tuple[CellView, ...]]:
        """One line for each currency; nothing where nothing is added up."""
        if not any(one.subtotal == "sum" for one in self.columns):
            return []
        return [self.line(one, label or self.t("dos_total")) for one in subtotal.lines]

    def brief(self, subtotal: Subtotal) -> list[tuple[str, tuple[tuple[str, CellView], ...]]]:
        """For each currency the title and the sum of every column that has one."""
        summed = [one for one in self.columns if one.subtotal == "sum"]
        return [(self.per(one), tuple((column.title, self.sum(column, one)) for column in summed)) for one in subtotal.lines]

    def per(self, line: Line) -> str:
        names = zip(self.plan.per, line.per, strict=True)
        return ", ".join(
            self.plan.columns[self.plan.places[name]].words.get(code, code) or showing.NOTHING for name, code in names
        )

    def line(self, line: Line, label: str) -> tuple[CellView, ...]:
        per = dict(zip(self.plan.per, line.per, strict=True))
        cells, labelled = [], False
        for column in self.columns:
            if column.subtotal == "sum":
                cells.append(self.sum(column, line))
            elif column.name in per:
                code = per[column.name]
                cells.append(CellView(column.words.get(code, code) or showing.NOTHING))
            else:
                cells.append(CellView("" if labelled else label))
                labelled = True
        return tuple(cells)

    def sum(self, column: SetColumn, line: Line) -> CellView:
        total, missing, unread = (one.get(column.name) for one in (line.sums, line.missing, line.unread))
        notes = [self.t("dos_missing", count=missing)] if missing else []
        notes += [self.t("dos_unread_count", count=unread)] if unread else []
        text = showing.NOTHING if total is None else showing.number(total, showing.DIGITS.get(column.type, 0))
        negative = isinstance(total, Decimal) and total < 0
        return CellView(text, number=True, negative=negative, note=f"+ {', '.join(notes)}" if notes else "")

    def notes(self, part: Shown) -> list[str]:
        found = [self.t("dos_rows", count=showing.number(part.count))]
        for name, words in part.totals.total.counts.items():
            column = self.plan.columns[self.plan.places[name]]
            counted = ", ".join(f"{word or showing.NOTHING} — {count}" for word, count in words.items())
            if words and not column.hidden:
                found.append(f"{column.title}: {counted}")
        return found
