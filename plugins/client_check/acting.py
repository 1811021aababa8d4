"""The button of a difference: what a head decided is done, in the card or in the registration, and kept with their name."""

from __future__ import annotations

from dataclasses import replace

from kernel.crm import Value
from kernel.errors import BadInput, Refused
from kernel.extension.portal import Unit
from kernel.telemetry import log
from kernel.values import to_micros
from plugins.client_check import finding, handlers, store
from plugins.client_check.model import Card, Difference, Remedy
from plugins.client_check.settings import settings_of
from plugins.opening import api as opening


def find(unit: Unit, key: tuple[str, str, str, str], action: str, number: str) -> Difference:
    """The difference as it stands now, with the very remedy that was shown. Raises Refused where it is gone, or asks for
    something else by now."""
    for one in finding.differences(unit):
        if one.key == key:
            if (one.remedy.action, one.remedy.number) != (action, number):
                break
            return one
    raise Refused.of("chk_not_any_more")


def act(unit: Unit, one: Difference, *, keep: str = "", by: str) -> None:
    """Put it right. `keep`: of several cards («contact:12») the one that keeps the ClientID. Raises BadInput, Refused."""
    remedy = one.remedy
    match remedy.action:
        case "write":
            _write(unit, one)
        case "candidate" | "drop":
            _candidate(unit, remedy.entity, remedy.target)
        case "keep_one":
            _keep_one(unit, remedy, keep)
        case "go_on":
            opening.go_on(unit, remedy.target)
        case "fill_card":
            opening.fill_card(unit, remedy.target)
        case "ask_now":
            opening.ask_now(unit, remedy.target)
        case "restore":
            known = store.number(unit.tx, unit.portal.name, one.number)
            assert known is not None
            unit.restore(remedy.entity, remedy.target, key=finding.restore_key(known))
        case "close":
            store.forget_number(unit.tx, unit.portal.name, one.number)
        case _:
            raise Refused.of("chk_not_any_more")
    done = store.Done(to_micros(unit.now), by, one.kind, one.entity, one.record, one.number, remedy.action)
    store.keep_done(unit.tx, unit.portal.name, unit.portal.ids.new(), done)
    unit.tx.after_commit(unit.portal.changed)
    log.info("client_check.acted", kind=one.kind, entity=one.entity, record=one.record, action=remedy.action)


def _write(unit: Unit, one: Difference) -> None:
    """The ClientID into the card; where it stood elsewhere before, what that card said of the client goes along."""
    settings, remedy = settings_of(unit.portal), one.remedy
    values: dict[str, Value] = {settings.client_id: remedy.number}
    card = _card(unit, remedy.entity, remedy.target)
    if one.kind == "removed":
        lost = store.number(unit.tx, unit.portal.name, one.number)
        if lost is not None and lost.status and settings.status in unit.portal.mapping.entity(remedy.entity).field:
            values[settings.status] = lost.status
    unit.update(remedy.entity, remedy.target, values, resync=True)
    status = str(values.get(settings.status, card.status))
    handlers.set_card(unit, replace(card, client_id=remedy.number, status=status))


def _candidate(unit: Unit, entity: str, record: str) -> None:
    """Without a ClientID, and no active client: their next deal is handed over as anybody's."""
    settings, card = settings_of(unit.portal), _card(unit, entity, record)
    values: dict[str, Value] = {settings.status: settings.candidate}
    if card.client_id:
        values[settings.client_id] = None
    unit.update(entity, record, values, resync=True)
    handlers.set_card(unit, replace(card, client_id="", status=settings.candidate))


def _keep_one(unit: Unit, remedy: Remedy, keep: str) -> None:
    if keep not in {f"{one.entity}:{one.record}" for one in remedy.choices}:
        raise BadInput.of("chk_which_card", field="keep")
    for one in remedy.choices:
        if f"{one.entity}:{one.record}" != keep:
            _candidate(unit, one.entity, one.record)


def _card(unit: Unit, entity: str, record: str) -> Card:
    known = store.card(unit.tx, unit.portal.name, entity, record)
    return known or Card(entity, record, since=to_micros(unit.now))
