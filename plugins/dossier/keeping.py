"""What is kept for how long; what the doctor says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from kernel import texts
from kernel.extension.portal import Portal
from kernel.values import to_micros
from plugins.dossier import asking, store, store_cards, store_log, store_questions
from plugins.dossier.settings import settings_of


def tidy(portal: Portal) -> None:
    settings = settings_of(portal)
    with portal.unit() as unit:
        now = unit.now

        def before(days: int) -> int:
            return to_micros(now - timedelta(days=days))

        store.tidy(unit.tx, portal.name, before(settings.keep_days))
        store_log.tidy(unit.tx, portal.name, before(settings.log_days), before(store_log.SAMPLE_DAYS))
        store_cards.tidy(unit.tx, portal.name, before(settings.keep_days))


def doctor(portal: Portal) -> Iterator[str]:
    """Which sets last ended in something that only a person can repair, within a day."""
    language = portal.mapping.portal.language
    with portal.read() as unit:
        since = to_micros(unit.now - timedelta(days=1))
        found = store_questions.last_outcomes(unit.tx, portal.name, since)
    for name, outcome in found.items():
        if outcome in asking.ALERTED:
            yield texts.translate(language, f"dos_doctor_{outcome}", set=name)
