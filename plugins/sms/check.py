"""After a restored copy; and what must hold of the plugin's tables, whatever happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kernel.extension.portal import Unit
from plugins.sms import sending, store
from plugins.sms.store import CHECKING, HELD, SENDING, WAITING
from plugins.sms.telling import in_words


def restored(unit: Unit) -> None:
    """What had not left when the copy was made may have left since: a person decides about each."""
    portal = unit.portal
    account = store.account_locked(unit.tx, portal.name)
    store.keep_account(unit.tx, replace(account, sending=""))
    for state in (CHECKING, HELD, WAITING, SENDING):
        for one in store.in_state(unit.tx, portal.name, state, most=100_000):
            sending.doubt(unit, one, in_words(portal, "sms_restored"))


def verify(unit: Unit) -> Iterator[str]:
    portal = unit.portal
    account = store.account(unit.tx, portal.name)
    found = store.in_state(unit.tx, portal.name, SENDING)
    if account.sending and account.sending not in {one.id for one in found}:
        yield f"sms {account.sending} is said to be in flight, and stands otherwise: nothing else can leave"
    for one in found:
        call = sending.call_of(unit.tx, portal, one)
        if call is None or call.state not in ("waiting", "sending"):
            yield f"sms {one.id} is in flight, and its call is {call.state if call else 'not there'}"
        if one.id != account.sending:
            yield f"sms {one.id} is in flight beside another one"
