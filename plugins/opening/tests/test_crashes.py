"""The process dies at every commit and every call, of the CRM and of the back office, with each promise, every other time
with an answer that gets lost besides: one client at the back office, every step of the hand-over once, each note once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kernel.errors import Refused
from kernel.extension.portal import Unit
from plugins.opening import registering
from plugins.opening.tests.office import PROMISES, Office

END = 400


def play(office: Office, deal: str) -> None:
    """The deal is moved; whoever has to decide looks into the back office and says what stands there."""
    office.push(deal)
    office.rests()
    while office.accounts.promise == "none" and office.state(deal) == "uncertain":
        office.insist(lambda: office.act(lambda unit: decided(unit, deal, there=bool(office.accounts.clients))))
        office.rests()


def decided(unit: Unit, deal: str, *, there: bool) -> None:
    try:
        if there:
            registering.confirm(unit, deal, "1000500", "B-1000500", unit.now.date(), by="Вера Главная")
        else:
            registering.deny(unit, deal, by="Вера Главная")
    except Refused:  # they were quicker themselves, and the process died right after
        pass


@pytest.mark.row("BR-08", "BR-09")
@pytest.mark.parametrize("promise", PROMISES)
def test_one_client_and_every_step_once_wherever_the_process_dies(office_of: Callable[..., Office], promise: str) -> None:
    office, points = office_of(promise=promise), 0
    for nth in range(1, END):
        client, deal = anew(office)
        office.accounts.lose = nth % 2
        office.trouble.crash_at(nth)
        play(office, deal)
        reached = office.trouble._crash_in is None
        office.trouble.calm()
        if reached:
            office.rests()
        assert office.faults(deal, client) == [], (promise, nth, office.trouble.passed[-1])
        points += reached
        if not reached or (promise != "request_id" and office.died_in == "accepted"):
            break  # once it is accepted, all promises are alike
    else:
        raise AssertionError(f"there are more than {END} points")
    assert points >= (40 if promise == "request_id" else 15), points


def anew(office: Office) -> tuple[str, str]:
    """A new client and their deal; nothing of the last ones is left in the CRM or at the back office."""
    office.accounts.clients.clear()
    office.accounts.opened.clear()
    office.crm.effects.clear()
    for one in office.crm.records("deal"):
        del office.crm._kept["deal", one.id]
    client = office.client_card()
    return client, office.deal(client)
