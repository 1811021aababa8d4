"""What other plugins may use: registrations that are not over, a card's number by our own request, a client's look-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kernel.crm import Record
from kernel.datasets import Accepted, FoundClient
from kernel.errors import BadInput, Refused
from kernel.extension.account_verbs import find_clients
from kernel.extension.portal import Portal, Unit
from kernel.jobs import outgoing
from kernel.storage import Tx
from kernel.values import to_micros
from plugins.opening import handover, registering, store
from plugins.opening.rules import compose
from plugins.opening.settings import push_of, settings_of
from plugins.opening.store import ACCEPTED, OPEN, Deal
from plugins.opening.telling import in_words


@dataclass(frozen=True)
class Unfinished:
    """A registration under way. accepted: the account is open, the hand-over is not over. uncertain: nobody knows yet
    whether the request has arrived."""

    state: Literal["accepted", "uncertain"]
    entity: str  #: of the deal
    deal: str
    name: str
    owner: str
    client_entity: str
    client_record: str
    since: int  #: microseconds
    client_id: str = ""  #: of an accepted one
    step: str = ""  #: the first that is not done, in the set's language
    reason: str = ""
    needs_person: bool = False  #: nothing more goes out by itself


def unfinished(unit: Unit) -> list[Unfinished]:
    """Oldest first."""
    found = []
    for one in store.unfinished(unit.tx, unit.portal.name, (ACCEPTED, OPEN)):
        if one.state == ACCEPTED:
            found.append(_accepted(unit, one))
        elif registering.phase(unit.tx, unit.portal, one) == "uncertain":
            asks = registering.needs_person(unit.tx, unit.portal, one)
            found.append(_of(unit, one, "uncertain", reason=one.reason, needs_person=asks))
    return found


def _accepted(unit: Unit, one: Deal) -> Unfinished:
    steps = store.steps(unit.tx, one.portal, one.deal).values()
    step = next((step for step in steps if not step.over), None)
    said = {"step": in_words(unit.portal, f"opn_step_{step.step}"), "reason": step.reason} if step else {}
    return _of(unit, one, "accepted", client_id=handover.opened_of(unit, one).client_id, **said)


def _of(unit: Unit, one: Deal, state: Literal["accepted", "uncertain"], **more: object) -> Unfinished:
    entity = registering.set_push(unit.portal).entity
    return Unfinished(
        state,
        entity,
        one.deal,
        one.name,
        one.owner,
        one.client_entity,
        one.client_record,
        one.since,
        **more,  # type: ignore[arg-type]
    )


def registered(tx: Tx, portal: str, entity: str, record: str) -> str:
    """The ClientID that our own request brought for that card; empty if none did."""
    live = store.live(tx, portal, f"{entity}:{record}")
    return live.answer.client_id if live and isinstance(live.answer, Accepted) else ""


def deals_of(tx: Tx, portal: str, entity: str, record: str) -> list[str]:
    """Deals by which that client is, or was, registered."""
    return [one.deal for one in store.of_client(tx, portal, f"{entity}:{record}")]


def go_on(unit: Unit, deal: str) -> None:
    """The hand-over goes on now and waits for no pause between its tries. Raises Refused where nothing waits."""
    one = _locked(unit, deal, ACCEPTED)
    for step in store.steps(unit.tx, one.portal, deal).values():
        if step.state in ("doing", "stopped"):
            store.keep_step(unit.tx, one.portal, deal, step, at=0)
    handover.begin(unit, one)
    unit.resync(registering.set_push(unit.portal).entity, deal)


def fill_card(unit: Unit, deal: str) -> None:
    """What the back office answered goes into the client's card, whatever stands there. Raises Refused."""
    one = _locked(unit, deal, ACCEPTED)
    values = handover.card_values(unit.portal, one.client_entity, handover.opened_of(unit, one))
    unit.update(one.client_entity, one.client_record, values, resync=True)


def ask_now(unit: Unit, deal: str) -> None:
    """The request that may have arrived is looked up, or sent again, now. Raises Refused where only a person can say."""
    one = _locked(unit, deal, OPEN)
    request = store.newest(unit.tx, one.portal, deal)
    call = registering.call_of(unit.tx, unit.portal, request) if request else None
    if call is None or call.state not in ("waiting", "sending"):
        raise Refused.of("opn_not_now")
    outgoing.revive(unit.tx, call, queue=unit.portal.queue, mark=f"now{to_micros(unit.now)}")


def _locked(unit: Unit, deal: str, state: str) -> Deal:
    one = store.locked(unit.tx, unit.portal.name, deal)
    if one is None or one.state != state or one.finished_at is not None:
        raise Refused.of("opn_not_now")
    return one


def can_find(portal: Portal) -> bool:
    """Whether the back office looks clients up by ИНН or phone."""
    push = push_of(portal)
    return bool(push and push.service.find)


def find(portal: Portal, client: Record) -> list[FoundClient]:
    """Clients of the back office with the ИНН of that card, else with its phone, as the push writes them. Raises BadInput
    where the card holds neither, and the tree under Fault."""
    push = push_of(portal)
    assert push is not None, "nothing is handed over in this set"
    today = portal.clock.now().astimezone(portal.zone).date()
    composed = compose(push, {client.entity: client}, portal.mapping.entities, today)
    by = registering.looked_up_by(push, composed)
    if not any(by.values()):
        raise BadInput.of("opn_nothing_to_find_by")
    return find_clients(portal.connection(settings_of(portal).source), push, **by)


__all__ = [
    "Unfinished", "ask_now", "can_find", "deals_of", "fill_card", "find", "go_on", "registered", "unfinished",
]  # fmt: skip
