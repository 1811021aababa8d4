"""Regular work of the desk: reminders of custody that ends, the daily head of the books, cards at the turn of a month."""

from __future__ import annotations

from kernel.extension.portal import Portal, Unit
from kernel.jobs.call_queries import result_of
from kernel.texts import translate
from plugins.exchange import cards, store
from plugins.exchange.formats import money_text
from plugins.exchange.people import manager_of
from plugins.exchange.projection import custody_of
from plugins.exchange.settings import ExchangeSettings

HEAD_DONE = "exchange.journal_made"


def remind_custody(portal: Portal) -> None:
    """On the date money is kept until, the manager is told in the deal; once per deal and date."""
    language = portal.mapping.portal.language
    today = portal.clock.now().astimezone(portal.zone).date()
    stage = portal.mapping.entity("deal").stage["closed"].label
    with portal.unit() as unit:
        for deal in store.custody_due(unit.tx, portal.name, today.isoformat()):
            kept = custody_of(unit, deal)
            if kept is None or not kept.minor or not deal.record_id or deal.custody_until is None:
                continue
            text = translate(
                language, "custody_reminder", amount=money_text(kept, language), deal=deal.number, stage=stage,
                client=deal.client.name if deal.client else "—",
            )  # fmt: skip
            to = manager_of(unit, deal.record_id)
            unit.comment("deal", deal.record_id, text, to=to, key=f"custody:{deal.subject}:{deal.custody_until.isoformat()}")


def publish_head(portal: Portal) -> None:
    """Once a day the newest hash goes into a comment of the CRM, where whoever changes our database cannot reach it."""
    settings = portal.settings("exchange", ExchangeSettings)
    today = portal.clock.now().astimezone(portal.zone).date().isoformat()
    with portal.unit() as unit:
        record_id = result_of(unit.tx, portal.name, f"journal:{portal.name}")
        if not record_id:
            if portal.books.head(unit.tx)[0]:
                unit.create(
                    "journal", {"name": settings.journal_title}, key=f"journal:{portal.name}", done=HEAD_DONE, context={}
                )
            return
        published = portal.books.publish(unit.tx, today, author=unit.author, trace=unit.trace)
        if published is None:
            return
        seq, digest = published
        text = translate(portal.mapping.portal.language, "head_text", day=today, seq=seq, hash=digest)
        unit.comment("journal", record_id, text, key=f"head:{portal.name}:{today}")


def journal_made(unit: Unit, _payload: object, _record_id: str) -> None:
    """The record for the heads exists now; the next run writes today's."""


def turn_month(portal: Portal) -> None:
    cards.refresh_all(portal)
