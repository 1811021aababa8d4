"""The back office is asked for ClientIDs and clients, in turn and few a minute; what it says is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from kernel.crm.seen import last_seen
from kernel.datasets import Outcome, outcome_of
from kernel.errors import AnnexError, BadInput
from kernel.extension.asked import noted
from kernel.extension.portal import Portal
from kernel.telemetry import log
from kernel.values import to_micros
from plugins.client_check import store
from plugins.client_check.model import Card, Found, Verdict
from plugins.client_check.settings import settings_of
from plugins.dossier import api as dossier
from plugins.opening import api as opening

SECONDS_MAX = 45.0  #: of one round: the next one must not begin before it is over
VERDICTS: dict[Outcome, Verdict] = {"ok": "known", "empty": "known", "not_found": "unknown", "bad_answer": ""}
FOUND_MAX = 10  #: clients of one ИНН or phone that are kept


def ask(portal: Portal) -> None:
    """Regular: one round. It ends at the first question that the back office does not answer at all."""
    settings, began = settings_of(portal), portal.clock.monotonic()
    most = settings.questions_per_minute
    with portal.unit() as unit:
        store.tidy(unit.tx, portal.name)
        before = to_micros(unit.now - timedelta(hours=settings.again_hours))
        numbers = store.to_ask(unit.tx, portal.name, before, most)
        can_find = opening.can_find(portal)
        cards = store.to_look_up(unit.tx, portal.name, settings.active, before, most) if can_find else []
    turns: list[tuple[int, str | Card]] = [(one.asked_at, one.client_id) for one in numbers]
    turns += [(one.found_at, one) for one in cards]
    for _at, one in sorted(turns, key=lambda turn: turn[0])[:most]:
        if portal.clock.monotonic() - began > SECONDS_MAX:
            return
        if not (_ask_for_number(portal, one) if isinstance(one, str) else _look_up(portal, one)):
            return


def _ask_for_number(portal: Portal, client_id: str) -> bool:
    """Whether the back office answered."""
    with portal.read() as unit:
        cards = store.cards_with(unit.tx, portal.name, client_id)
    outcome = dossier.probe(portal, settings_of(portal).data_set, client_id, cards[0].key if cards else ("", ""))
    verdict = VERDICTS.get(outcome)
    if verdict is None:
        log.info("client_check.waits", outcome=outcome)
        return False
    with portal.unit() as unit:
        store.keep_verdict(unit.tx, portal.name, client_id, verdict, to_micros(unit.now))
        unit.tx.after_commit(portal.changed)
    return True


def _look_up(portal: Portal, card: Card) -> bool:
    """Whom the back office knows by the ИНН or phone of that card. Whether it answered."""
    with portal.read() as unit:
        record = last_seen(unit.tx, portal.name, *card.key)
    found: tuple[Found, ...] | None = None
    with noted() as asked:
        try:
            if record is not None:
                found = tuple(Found(one.client_id, one.name) for one in opening.find(portal, record)[:FOUND_MAX])
        except BadInput:
            pass  # nothing to look up by
        except AnnexError as exc:
            outcome = outcome_of(exc)
            log.info("client_check.waits", outcome=outcome)
            if outcome not in VERDICTS:
                return False
        finally:
            dossier.log_asked(portal, asked, card.key)
    with portal.unit() as unit:
        now = to_micros(unit.now)
        known = store.card(unit.tx, portal.name, *card.key)
        if known is not None and (known.client_id, known.status) == (card.client_id, card.status):
            store.keep_card(unit.tx, portal.name, replace(known, found=found, found_at=now), now)
            unit.tx.after_commit(portal.changed)
    return True
