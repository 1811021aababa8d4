"""What `annex doctor` and `annex verify` say of the ways in."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.extension.portal import Portal, Unit
from kernel.texts import translate
from plugins.ways_in import store
from plugins.ways_in.handlers import LEAD
from plugins.ways_in.settings import NAME, WaysInSettings


def doctor(portal: Portal) -> Iterable[str]:
    settings, language = portal.settings(NAME, WaysInSettings), portal.mapping.portal.language
    if settings.responsible and not any(
        one.active and one.name.casefold() == settings.responsible.casefold() for one in portal.people()
    ):
        yield translate(language, "way_doctor_nobody", name=settings.responsible)
    for form in portal.mapping.forms.values():
        if form.connection not in settings.connections:
            yield translate(language, "way_doctor_not_named", form=form.name, connection=form.connection)


def verify(unit: Unit) -> Iterable[str]:
    """No lead stands for two applications: each was made once."""
    seen: dict[str, str] = {}
    for one in store.cases(unit.tx, unit.portal.name, LEAD):
        if one.record_id and one.record_id in seen:
            yield f"ways in: {seen[one.record_id]} and {one.message} are both said to have made lead {one.record_id}"
        seen.setdefault(one.record_id, one.message)
