"""What became of texts that the provider took over: told by it, or asked for. Never back from a final status."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from kernel.conversations import Incoming
from kernel.errors import AnnexError
from kernel.extension.portal import Portal, Unit
from kernel.telemetry import log
from kernel.values import from_micros, to_micros
from plugins.sms import rules, store
from plugins.sms.settings import settings_of
from plugins.sms.store import Sms
from plugins.sms.telling import report, tell

ASKED_AT_ONCE = 500
EARLY_KEPT = timedelta(days=1)


def heard(unit: Unit, message: Incoming) -> None:
    """The provider tells of one. An id that nobody knows may be one whose answer is being written down right now."""
    state, code = message.details.get("state", ""), message.details.get("code", "")
    if message.kind != "status" or state not in rules.RANK:
        return
    one = store.by_vendor(unit.tx, unit.portal.name, message.address)
    if one is None:
        store.keep_early(unit.tx, message.address, code, state, to_micros(unit.now))
    else:
        apply(unit, one, state, code)


def catch_early(unit: Unit, one: Sms) -> None:
    """What was told of it before its id was known here."""
    for row in store.take_early(unit.tx, one.vendor_id):
        known = store.locked(unit.tx, one.portal, one.id)
        if known is not None:
            apply(unit, known, row["state"], row["code"])


def apply(unit: Unit, one: Sms, state: str, code: str, cost: Decimal | None = None) -> None:
    """It stands so now, if that leads on."""
    if cost is not None and not one.test and one.cost != rules.to_scaled(cost):
        one = replace(one, cost=rules.to_scaled(cost))
        store.keep(unit.tx, one)
    if not rules.advances(one.state, state):
        return
    final = state in rules.FINAL
    reason = _words(unit.portal, code) if final and state != "delivered" else ""
    one = replace(one, state=state, code=code, reason=reason, check_at=None if final else one.check_at)
    one = report(unit, one, state)
    if state in ("undelivered", "failed"):
        one = tell(unit, one, "sms_told_undelivered", why=f"{code} — {reason}" if reason else code)
    store.keep(unit.tx, one)
    store.touch(unit.tx, one.portal)


def _words(portal: Portal, code: str) -> str:
    return portal.connection(settings_of(portal).provider).texting.message(code)


def catch_up(portal: Portal) -> None:
    """Ask how those stand that nobody has told of for a while."""
    now = portal.clock.now()
    with portal.database.read() as tx:
        due = store.to_check(tx, portal.name, to_micros(now), ASKED_AT_ONCE)
    if not due:
        return
    try:
        found = portal.connection(settings_of(portal).provider).texting.reports([one.vendor_id for one in due])
    except AnnexError as exc:
        log.warning("sms.not_asked", reason=str(exc), texts=len(due))
        return
    reports = {one.vendor_id: one for one in found}
    for one in due:
        with portal.unit() as unit:
            known = store.locked(unit.tx, one.portal, one.id)
            if known is None or known.check_at is None:
                continue
            following = rules.next_check(from_micros(known.sent_at or known.at), now)
            known = replace(known, check_at=to_micros(following) if following else None)
            store.keep(unit.tx, known)
            told = reports.get(one.vendor_id)
            if told is not None and told.state is not None:
                apply(unit, known, told.state, told.code, told.cost)
    with portal.database.write() as tx:
        store.forget_early(tx, to_micros(now - EARLY_KEPT))
