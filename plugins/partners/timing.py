"""What the plugin does at a moment, and every so often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kernel.conversations import reading, sending, timeline
from kernel.conversations.timeline import Thread
from kernel.errors import AnnexError, Misconfigured
from kernel.extension.portal import Portal, Unit
from kernel.files.store import forget
from kernel.telemetry import log
from kernel.texts import translate
from plugins.exchange.api import owners
from plugins.partners import announcing, binding, cards, hearing, keeping, store
from plugins.partners.cards import show, switched_on
from plugins.partners.settings import ENTITY, settings_of

COUNTS_KEPT = timedelta(days=2)
SLOW = timedelta(minutes=5)


def timer_due(unit: Unit, key: str, body: Mapping[str, Any]) -> None:
    kind, _, rest = key.partition(":")
    if kind == "album":
        hearing.album_due(unit, body)
    elif kind == "change":
        announcing.change_due(unit, body["subject"], body["partner"])
    elif kind == "unbound":
        binding.leave_unbound(unit, rest)
    elif kind == "guess":
        binding.guess(unit, rest, body["partner"])
    elif kind == "link":
        cards.link_due(unit, rest)
    elif kind == "card":
        unit.resync(ENTITY, rest)


def look_at_rooms(portal: Portal) -> None:
    """Once an hour: what the bot may do in each chat, asked of Telegram itself."""
    settings = settings_of(portal)
    if not switched_on(portal):
        return
    channel: Any = portal.connection(settings.chat).channel
    with portal.database.read() as tx:
        threads = [timeline.thread(tx, one.thread) for one in store.partners(tx) if one.thread and one.state != store.PAUSED]
        refused_before = any((one.shown or {}).get("refused") for one in store.partners(tx))
    for thread in threads:
        if thread is None:
            continue
        try:
            standing = channel.standing(thread.address)
        except Misconfigured as exc:
            _refused(portal, thread, str(exc))
            if not refused_before:
                refused_before = _tell_owners(portal, thread, str(exc))
            continue
        except AnnexError as exc:
            log.warning("partners.room", reason=str(exc))
            continue
        _refused(portal, thread, "")
        with portal.unit() as unit:
            binding.standing(unit, thread, standing.state, hears_all=standing.hears_all, public=standing.public)


def _refused(portal: Portal, thread: Thread, reason: str) -> None:
    """Telegram does not take the bot's token (or does again): the card says so, and whoever leads the partner is told."""
    with portal.database.read() as tx:
        one = store.partner_of(tx, thread.id)
    if one is None or not one.works or bool((one.shown or {}).get("refused")) == bool(reason):
        return
    with portal.unit() as unit:
        if (one := store.lock_partner(unit.tx, one.id)) is not None:
            binding.refused(unit, one, reason)
            since = f"{unit.now.astimezone(portal.zone):%d.%m.%Y %H:%M}"
            show(unit, replace(one, shown={**(one.shown or {}), "refused": [reason, since] if reason else []}))


def _tell_owners(portal: Portal, thread: Thread, reason: str) -> bool:
    """All chats stand still for the same reason: the owners hear of it once, in the first card that can say so."""
    portal.people()  # nobody is asked while the database is open
    with portal.unit() as unit:
        one = store.partner_of(unit.tx, thread.id)
        if one is None or not one.works or keeping.is_gone(unit.tx, portal.name, one.id):
            return False
        link = f"{portal.public_url}/connections" if portal.public_url else ""
        text = translate(portal.mapping.portal.language, "partners_bot_refused", reason=reason, link=link).strip()
        key = f"partners:bot:{int(unit.now.timestamp())}"
        unit.write_comment(ENTITY, one.id, text, to=owners(portal), key=key)
    return True


def watch_waiting(portal: Portal) -> None:
    """Once a minute: the card says since when what is to be sent has been waiting, and no longer says so when it left."""
    if not switched_on(portal):
        return
    before = portal.clock.now() - SLOW
    with portal.database.read() as tx:
        waiting = sending.waiting_since(tx, before)
        concerned = [
            one.id
            for one in store.partners(tx)
            if one.works and (one.thread in waiting) != bool((one.shown or {}).get("slow"))
        ]
    for partner_id in concerned:
        with portal.unit() as unit:
            if (one := store.lock_partner(unit.tx, partner_id)) is not None:
                since = waiting.get(one.thread)
                slow = f"{since.astimezone(portal.zone):%d.%m.%Y %H:%M}" if since else ""
                show(unit, replace(one, shown={**(one.shown or {}), "slow": slow}))


def tidy(portal: Portal) -> None:
    """Empty what is older than the set keeps; forget counts of past days."""
    settings, now = settings_of(portal), portal.clock.now()
    with portal.database.write() as tx:
        store.forget_counts(tx, f"{(now - COUNTS_KEPT):%Y-%m-%d}")
        if settings.keep_messages_days:
            forget(tx, reading.empty_old(tx, now - timedelta(days=settings.keep_messages_days), now))
