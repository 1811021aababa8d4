"""The dossier inside a card of the CRM. Every address here first asks whether the CRM has shown this person that card."""

from __future__ import annotations

import threading
from pathlib import Path

from flask import Response, abort, jsonify, make_response, render_template, request

from kernel import texts
from kernel.crm import Record, Ref
from kernel.errors import AnnexError, BadInput, NotFound
from kernel.extension.connector import FrameRequest, NotProven, Visitor
from kernel.extension.portal import Portal
from kernel.mapping import SetMap
from kernel.telemetry import log
from kernel.web import Nav, Pages, answers, current_user
from kernel.web.site import site
from kernel.web.words import language, t
from plugins.dossier import asking, cards, exports, memory, store_questions, views
from plugins.dossier.hooks import REGISTRATION
from plugins.dossier.pages_log import log_pages
from plugins.dossier.rules.rows import Wish
from plugins.dossier.settings import settings_of
from plugins.dossier.store_cards import Card

HERE = Path(__file__).parent
TOPIC = "dossier"
PARTS, PARTS_MAX = "dossier.parts", 16  #: sub-tabs as they were written last
SCRIPT_SOURCE = "https://api.bitrix24.com"
_rendering = threading.Lock()
NAV = (Nav("log_page", "dos_log_title"),)


def pages(portal: Portal) -> Pages:
    """The blueprint, for one portal."""
    for folder in ("locale", "locale_pages"):
        texts.add_folder(HERE / folder)

    def opened(visitor: Visitor, path: str) -> bool:
        return _opened(portal, visitor, path)

    made = Pages("dossier", __name__, nav=NAV, version=store_questions.version, topic=TOPIC, opened=opened)
    log_pages(made, portal)
    _card_pages(made, portal)
    _set_pages(made, portal)
    return made


# --- who may see it ---------------------------------------------------------------------------------------------------


def _opened(portal: Portal, visitor: Visitor, path: str) -> bool:
    """The CRM opens a page of ours: does it show this visitor that card?"""
    parts = path.partition("?")[0].strip("/").split("/")
    if parts[1:2] == ["block"]:
        del parts[1]
    if len(parts) != 3:
        return len(parts) == 2  # about no card: what it shows depends on their rights alone
    _, entity, record = parts
    if visitor.sight is None or not cards.has_dossier(portal.mapping, entity):
        return False
    return cards.admit(portal, visitor.person_id, visitor.sight, entity, record)


def _card(portal: Portal, entity: str, record: str) -> Card:
    """Whose dossier it is, for a person who may see it: the card, and in a deal the client's own one. Aborts with 403."""
    if not cards.has_dossier(portal.mapping, entity):
        abort(404)
    try:
        card = cards.seen_by(portal, current_user().person_id, entity, record)
    except NotFound:
        abort(404)
    return card or abort(answers.answer(403, t("dos_open_again")))


def _demand_own(portal: Portal, card: Card) -> None:
    if card.of_entity and not cards.permitted(portal, current_user().person_id, card.own):
        abort(answers.answer(403, t("dos_open_again")))


def _set(portal: Portal, card: Card, name: str) -> SetMap:
    declared = portal.mapping.sets.get(name)
    if declared is None or card.of_entity not in declared.of or not card.client_id:
        abort(404)
    return declared


# --- the card ---------------------------------------------------------------------------------------------------------


def _card_pages(pages: Pages, portal: Portal) -> None:
    @pages.get("/<entity>/<record>")
    def card_page(entity: str, record: str) -> Response:
        _card(portal, entity, record)
        card, own = cards.read(portal, entity, record)  # as it is now
        _demand_own(portal, card)
        sets = [one for one in portal.mapping.sets.values() if card.of_entity in one.of] if card.client_id else []
        with portal.read() as unit:
            told = [run(unit, *card.own, language()) for run in REGISTRATION.functions(portal)] if own else []
        response = make_response(
            render_template(
                "dossier/card.html", card=card, line=_client_line(portal, own) if own else [], sets=sets, own=own,
                registration=[text for text in told if text], source=SCRIPT_SOURCE, topic=TOPIC,
            )
        )  # fmt: skip
        response.headers["Content-Security-Policy"] = _policy()
        return response

    @pages.get("/block/<entity>/<record>")
    def block_page(entity: str, record: str) -> Response:
        """The position in the card itself: asks as an opening of its sub-tab does."""
        card = _card(portal, entity, record)
        name = settings_of(portal).position.set
        page = render_template("dossier/block.html", card=card, topic=TOPIC, set_name=name, source=SCRIPT_SOURCE)
        response = make_response(page)
        response.headers["Content-Security-Policy"] = _policy()  # a card stays open for long
        return response

    @pages.post("/<entity>/<record>/prove")
    def prove(entity: str, record: str) -> Response:
        """A page that is open for long brings a fresh proof of who looks at it."""
        if not cards.has_dossier(portal.mapping, entity):
            abort(404)
        connector, _, name = portal.name.partition("/")
        frame = site().frames.get((connector, name))
        if frame is None or frame.prove is None:
            return answers.answer(403, t("dos_open_again"))
        try:
            visitor = frame.prove(FrameRequest({}, {"AUTH_ID": request.form.get("AUTH_ID", "")}))
            same = bool(visitor.person_id) and visitor.person_id == current_user().person_id
            allowed = same and visitor.sight is not None and cards.admit(
                portal, visitor.person_id, visitor.sight, entity, record
            )  # fmt: skip
        except (NotProven, BadInput) as exc:
            log.warning("dossier.not_proven", reason=str(exc))
            allowed = False
        except AnnexError as exc:
            log.warning("dossier.not_asked_for_sight", reason=str(exc))
            return answers.answer(503, t("web_crm_silent"))
        return jsonify(ok=True) if allowed else answers.answer(403, t("dos_open_again"))


def _client_line(portal: Portal, own: Record) -> list[tuple[str, str]]:
    """What is known of the client: label and value, in the set's words."""
    fields = portal.mapping.entity(own.entity).field
    found = []
    for name in ("client_type", "client_status", "client_id", "assigned", "phone"):
        value, field = own.values.get(name), fields.get(name)
        if field is None or value is None:
            continue
        if isinstance(value, Ref):
            value = value.name or portal.name_of(value.id)
        found.append((field.name, field.values.get(str(value), str(value))))
    return found


# --- a set ------------------------------------------------------------------------------------------------------------


def _set_pages(pages: Pages, portal: Portal) -> None:
    @pages.post("/<entity>/<record>/<set_name>/open")
    def open_set(entity: str, record: str, set_name: str) -> Response:
        """A sub-tab is opened: what is kept, at once; the question leaves behind the answer."""
        card = _card(portal, entity, record)
        declared = _set(portal, card, set_name)
        asking.open_set(portal, card, set_name, current_user().person_id, anew=request.form.get("anew") == "1")
        return _part(portal, card, declared)

    @pages.get("/<entity>/<record>/<set_name>/part")
    def part(entity: str, record: str, set_name: str) -> Response:
        card = _card(portal, entity, record)
        return _part(portal, card, _set(portal, card, set_name))

    @pages.get("/<entity>/<record>/<set_name>/state")
    def state(entity: str, record: str, set_name: str) -> Response:
        """Small: whoever waits asks often."""
        card = _card(portal, entity, record)
        _set(portal, card, set_name)
        found = views.tab(portal, set_name, card.client_id, language())
        status = render_template("dossier/status.html", tab=found)
        return jsonify(
            mark=found.mark, at=found.at, client=card.client_id, waits=found.said.waits, folded=found.said.folded,
            status=status,
        )  # fmt: skip

    @pages.get("/<entity>/<record>/<set_name>/<table>/rows")
    def rows(entity: str, record: str, set_name: str, table: str) -> Response:
        card = _card(portal, entity, record)
        declared = _set(portal, card, set_name)
        found = views.tab(portal, set_name, card.client_id, language())
        if table not in declared.table or found.answer is None:
            abort(404)
        view = views.table(portal, declared, table, found.answer, _wish(), language())
        return jsonify(
            at=found.at, client=card.client_id, count=view.count, words=view.words,
            rows=render_template("dossier/rows.html", view=view), totals=render_template("dossier/totals.html", view=view),
        )  # fmt: skip

    @pages.get("/<entity>/<record>/<set_name>/<table>/file.<kind>")
    def file(entity: str, record: str, set_name: str, table: str, kind: str) -> Response:
        card = _card(portal, entity, record)
        declared = _set(portal, card, set_name)
        found = views.tab(portal, set_name, card.client_id, language())
        if table not in declared.table or found.answer is None or kind not in exports.KINDS:
            abort(404)
        name = f"{set_name}-{table}-{card.client_id}.{kind}"
        rows = memory.rows_of(portal, declared.table[table], table, found.answer).passing(_wish())
        return exports.response(portal, declared.table[table], rows, kind, name)


def _part(portal: Portal, card: Card, declared: SetMap) -> Response:
    found, block = views.tab(portal, declared.name, card.client_id, language()), bool(request.args.get("block"))
    seen = (card.entity, card.record, declared.name, block, language(), found.mark, found.said, found.text, found.fold_text)
    with _rendering:  # it is written once for all who wait for it
        held: dict[tuple[object, ...], str] = portal.memory.setdefault(PARTS, {})
        text = held.pop(seen, None) or _rendered(portal, card, declared, found, block=block)
        held[seen] = text
        while len(held) > PARTS_MAX:
            del held[next(iter(held))]
    return make_response(text)


def _rendered(portal: Portal, card: Card, declared: SetMap, found: views.TabView, *, block: bool) -> str:
    """Nothing in it is one person's own."""
    if block:
        position = exports.position(portal, found.answer) if found.answer else []
        return render_template("dossier/block_part.html", tab=found, card=card, set=declared, position=position)
    shown = views.tables(portal, declared, found.answer, language()) if found.answer else []
    return render_template("dossier/set.html", tab=found, tables=shown, card=card, set=declared)


def _wish() -> Wish:
    args = request.args

    text = args.get("start", "")
    start = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    choices = {name.removeprefix("only_"): value[:200] for name, value in args.items() if name.startswith("only_")}
    return Wish(args.get("q", "")[:200], choices, args.get("sort", "")[:60], start)


def _policy() -> str:
    """Like all our pages, and the vendor's script may run: it gives a page that is open for long a fresh proof."""
    here = site()
    ancestors = here.settings.get("ANNEX_FRAME_ANCESTORS") or " ".join(("'self'", *here.framed_by))
    return (
        f"default-src 'self'; script-src 'self' {SCRIPT_SOURCE}; object-src 'none'; base-uri 'none'; form-action 'self'; "
        f"frame-ancestors {' '.join(ancestors.split()).replace(';', '')}"
    )
