"""The request log, for heads and the owner: every question with its result, filtered; figures by set and day; a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from flask import Response, abort, render_template, request

from kernel.datasets import Cell
from kernel.errors import AnnexError
from kernel.extension.portal import Portal
from kernel.extension.roles import OPERATE
from kernel.storage import Tx
from kernel.values import from_micros, to_micros
from kernel.web import Pages, current_user
from kernel.web.rights import needs
from kernel.web.words import language, t
from plugins.dossier import exports, store_log, words
from plugins.dossier.rules.figures import figures

LOG = "dossier.log"
AT_ONCE = 200
NUMBER = re.compile(r"[0-9]{1,12}")
FILE_LINES_MAX = 100_000
COLUMNS = (
    "at", "set_name", "client_id", "person", "card", "face", "outcome", "ms", "bytes", "row_count", "bad_cells", "code",
    "trace_id", "trace",
)  # fmt: skip
OUTCOMES = ("ok", "empty", *store_log.FAILED, "rejected", *store_log.NO_REQUEST)
RARE = ("face", "code", *store_log.AT_LEAST, "trace_id", "trace")  #: filters that are folded while they are empty
FACES = ("soap", "xml", "soap+xml")


@dataclass(frozen=True)
class Chosen:
    """What of the log is wanted: whole days of the portal's zone."""

    shown: dict[str, str]  #: as it was typed
    wanted: dict[str, str]
    first: date
    last: date
    since: int
    until: int


def log_pages(pages: Pages, portal: Portal) -> None:
    @pages.get("/log")
    @needs(LOG)
    def log_page() -> str:
        names = _names(portal)
        chosen = _chosen(portal, names)
        with portal.read() as unit:
            lines = store_log.chosen(unit.tx, portal.name, chosen.wanted, chosen.since, chosen.until, AT_ONCE)
            numbers = _figures(unit.tx, portal, chosen)
        return render_template(
            "dossier/log.html", chosen=chosen, lines=[_shown(portal, names, one) for one in lines], figures=numbers,
            titles=words.titles(portal.mapping, language()), outcomes=OUTCOMES, faces=FACES, at_least=store_log.AT_LEAST,
            names=sorted(set(names.values())), most=AT_ONCE, samples=current_user().may(OPERATE),
            rare=any(chosen.shown[name] for name in RARE),
        )  # fmt: skip

    @pages.get("/log/file.<kind>")
    @needs(LOG)
    def log_file(kind: str) -> Response:
        if kind not in exports.KINDS:
            abort(404)
        names = _names(portal)
        chosen = _chosen(portal, names)
        with portal.read() as unit:
            found = store_log.every(unit.tx, portal.name, chosen.wanted, chosen.since, chosen.until)
            head = [t(f"dos_log_{name}") for name in COLUMNS]
            return exports.as_file(
                head, _rows(portal, names, found), kind, f"request-log-{chosen.first}-{chosen.last}.{kind}"
            )


def _names(portal: Portal) -> dict[str, str]:
    """Of people, by id; nobody's while the CRM cannot be asked."""
    try:
        return {one.id: one.name for one in portal.people()}
    except AnnexError:
        return {}


def _rows(portal: Portal, names: Mapping[str, str], lines: Iterator[store_log.Line]) -> Iterator[list[Cell]]:
    for number, line in enumerate(lines):
        if number == FILE_LINES_MAX:
            return
        at = from_micros(line.at, portal.zone).replace(tzinfo=None)
        card = f"{line.entity}:{line.record}" if line.entity else ""
        yield [
            at, line.set_name, line.client_id, names.get(line.person, line.person), card, line.face,
            t(f"dos_outcome_{line.outcome}"), line.ms, line.bytes, line.row_count, line.bad_cells, line.code, line.trace_id,
            line.trace,
        ]  # fmt: skip


def _chosen(portal: Portal, names: Mapping[str, str]) -> Chosen:
    args, today = request.args, portal.clock.now().astimezone(portal.zone).date()
    first, last = _day(args.get("first", ""), today), _day(args.get("last", ""), today)
    first = min(first, last)
    wanted = {name: args.get(name, "").strip()[:100] for name in (*store_log.FILTERS, *store_log.AT_LEAST)}
    wanted |= {name: "" for name in store_log.AT_LEAST if not NUMBER.fullmatch(wanted[name])}
    called = {" ".join(name.split()).casefold(): person for person, name in names.items()}
    asked_by = called.get(" ".join(wanted["person"].split()).casefold(), wanted["person"])
    since, until = (
        to_micros(datetime.combine(day, time(), portal.zone)) for day in (first, last + timedelta(days=1))
    )  # fmt: skip
    return Chosen(wanted, {**wanted, "person": asked_by}, first, last, since, until)


def _day(text: str, otherwise: date) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return otherwise


def _figures(tx: Tx, portal: Portal, chosen: Chosen) -> list[object]:
    found = store_log.durations(tx, portal.name, chosen.wanted, chosen.since, chosen.until)
    lines = ((from_micros(row["at"], portal.zone).date(), row["set_name"], row["outcome"], row["ms"]) for row in found)
    return list(figures(lines))


def _shown(portal: Portal, names: Mapping[str, str], line: store_log.Line) -> dict[str, object]:
    return {
        **vars(line), "at": from_micros(line.at, portal.zone), "person": names.get(line.person, line.person) or "—",
        "set_title": words.title_of(portal.mapping, language(), line.set_name),
        "card": f"{line.entity}:{line.record}" if line.entity else "—",
    }  # fmt: skip
