"""How the provider's account stands: money, the day's limit, its own list of numbers that want no texts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from kernel.errors import AnnexError
from kernel.extension.portal import Portal
from kernel.telemetry import log
from kernel.values import to_micros
from plugins.sms import rules, store
from plugins.sms.sending import go_on
from plugins.sms.settings import settings_of
from plugins.sms.store import PAUSED, STOPPED, OptOut

FUNDS_KEPT = timedelta(minutes=10)  #: an answer to a text says what is left, too


def look_at_funds(portal: Portal) -> None:
    """Every ten minutes without a text. An account that was stopped, or had no money, goes on by itself once it is right."""
    now = portal.clock.now()
    with portal.database.read() as tx:
        known = store.account(tx, portal.name)
    if known.funds_at > to_micros(now - FUNDS_KEPT):
        return
    try:
        funds = portal.connection(settings_of(portal).provider).texting.funds()
    except AnnexError as exc:
        log.warning("sms.no_funds", reason=str(exc))
        with portal.unit() as unit:
            account = store.account_locked(unit.tx, portal.name)
            store.keep_account(unit.tx, replace(account, funds_at=to_micros(now)))
        return
    with portal.unit() as unit:
        account = store.account_locked(unit.tx, portal.name)
        balance = rules.to_scaled(funds.balance)
        more = balance > (account.balance or 0)
        store.keep_account(
            unit.tx,
            replace(
                account, balance=balance, day_limit=funds.day_limit, used_today=funds.used_today, funds_at=to_micros(now)
            ),
        )  # fmt: skip
        if account.state == STOPPED or (account.state == PAUSED and more):
            go_on(unit)


def look_at_stoplist(portal: Portal) -> None:
    """Whoever stands in the provider's list gets no texts of ours either."""
    try:
        found = portal.connection(settings_of(portal).provider).texting.opted_out()
    except AnnexError as exc:
        log.warning("sms.no_stoplist", reason=str(exc))
        return
    with portal.unit() as unit:
        now = to_micros(unit.now)
        for number, note in found.items():
            if store.opted_out(unit.tx, portal.name, number) is None:
                store.note_opt_out(unit.tx, portal.name, OptOut(number, now, "stoplist", "", note), out=True)
